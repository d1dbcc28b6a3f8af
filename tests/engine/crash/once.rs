//! Command entries are not idempotent: an entry that the store already has must not run again.

use super::super::disks::{Disks, copy_folder, run};
use replicheck::binlog::Fsync;
use replicheck::command::Reply;
use replicheck::engine::Settings;
use replicheck::expiry::Policy;

#[test]
fn crash_with_a_flushed_prefix_runs_command_entries_once() {
    for policy in [Policy::Verbatim, Policy::AtEntryTime, Policy::MasterExpires] {
        let disks = Disks::new();
        let settings = || Settings { expiry: policy, ..disks.settings(Fsync::Always) };
        let store = disks.dir.path().join("store");
        for (lines, total) in [(&["INCR n", "INCR n"][..], 2), (&["INCR n"], 3)] {
            let master = disks.try_start(settings()).expect("it starts");
            assert_eq!(run(&master, lines).last(), Some(&Reply::Integer(total)));
            master.stop_now().expect("it stops");
            if total == 2 {
                copy_folder(&store, &disks.dir.path().join("flushed"));
            }
        }
        // What a crash leaves if the store was last flushed after the second entry.
        std::fs::remove_dir_all(&store).expect("the store's folder");
        copy_folder(&disks.dir.path().join("flushed"), &store);
        let master = disks.try_start(settings()).expect("it starts");
        assert_eq!(run(&master, &["GET n"]), [Reply::bulk("3")], "{}", policy.name());
        master.stop_now().expect("it stops");
    }
}
