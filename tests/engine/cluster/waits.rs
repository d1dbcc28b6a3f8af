//! WAIT and WAITAOF: how many replicas have received what was written, and how many have it on their disks.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer};
use replicheck::server::{Awaited, Backend as _, Reached, Refused};
use std::time::{Duration, Instant};

/// Long enough for every machine; a wait that works ends much sooner.
const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn wait(master: &Peer, awaited: Awaited) -> Result<Reached, Refused> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(master.node.wait(awaited))
}

fn received(replicas: usize, timeout: Option<Duration>) -> Awaited {
    Awaited { own: false, durable: false, replicas, timeout }
}

#[test]
fn wait_ends_once_enough_replicas_have_what_was_written() {
    let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    let replicas = [Peer::replica(&r, AS_IT_IS, master.port), Peer::replica(&s, AS_IT_IS, master.port)];
    replicas.iter().for_each(|replica| replica.wait_for(&master));
    for round in 0..20 {
        master.one(&format!("SET k {round}"));
        let written = master.facts().progress.applied;
        assert_eq!(wait(&master, received(2, LONG)).map(|reached| reached.replicas), Ok(2));
        for replica in &replicas {
            assert!(replica.facts().progress.received >= written, "round {round}");
        }
    }
    let begun = Instant::now();
    let timeout = Duration::from_millis(60);
    assert_eq!(wait(&master, received(3, Some(timeout))).map(|reached| reached.replicas), Ok(2));
    assert!(begun.elapsed() >= timeout);
    let [one, other] = replicas;
    one.stop().expect("it stops");
    wait_until("one replica", || wait(&master, received(2, Some(timeout))).expect("a master").replicas == 1);
    master.one("SET k last");
    let durable = Awaited { own: true, durable: true, replicas: 1, timeout: LONG };
    assert_eq!(wait(&master, durable), Ok(Reached { own: true, replicas: 1 }));
    let written = master.facts().progress.applied;
    assert!(master.facts().progress.durable >= written && other.facts().progress.durable >= written);
}

#[test]
fn wait_of_a_master_that_becomes_a_replica_is_unblocked() {
    let (m, o) = (Disks::new(), Disks::new());
    let (master, other) = (Peer::master(&m, AS_IT_IS), Peer::master(&o, AS_IT_IS));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&master, received(1, None)));
        master.replicate(Some(other.port)).expect("it follows");
        let error = waiting.join().expect("no panic").expect_err("it is no master any more").0;
        assert!(error.starts_with("UNBLOCKED") || error.starts_with("ERR the node is stopped"), "{error}");
    });
}
