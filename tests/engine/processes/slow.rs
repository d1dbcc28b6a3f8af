//! Nodes whose disks are slow for a while: nothing that was acknowledged is lost, and the nodes are equal afterwards.

use super::faults::{assert_equal_and_kept, load};
use super::full::{DiskNode, library};
use super::node::folder;
use crate::seed::Seed;

/// How much longer each write and each fsync of the slow node takes.
const SLOW: &str = "slow 20";
const SECONDS: u64 = 2;

#[test]
fn nodes_of_which_one_has_a_slow_disk_keep_what_they_acknowledged_and_are_equal_afterwards() {
    let seed = Seed::of_this_run();
    for slow in ["master", "replica"] {
        let (_removed, dir) = folder();
        let Some(library) = library(&dir) else { return };
        let start = |name, options: &[&str]| {
            let options = [&["--appendfsync", "always"], options].concat();
            DiskNode::start(&dir, name, &library, &options)
        };
        let mut master = start("master", &[]);
        let replica = start("replica", &["--replicaof", &master.node.address()]);
        let harmed = if slow == "master" { &master } else { &replica };
        harmed.harm(&format!("/{slow}/"), SLOW);
        let (groups, promised) = load(&master.node, seed.number(), 0, SECONDS);
        println!("slow {slow}: {groups} groups of writes, {promised} promised");
        assert_eq!(replica.node.fact("master_link_status").unwrap(), "up", "slow {slow}");
        harmed.fill("");
        let (_, promised) = load(&master.node, seed.number(), groups, 1);
        assert!(promised > groups, "slow {slow}: acknowledgements come again");
        assert_equal_and_kept(&mut master.node, &replica.node, promised);
    }
}
