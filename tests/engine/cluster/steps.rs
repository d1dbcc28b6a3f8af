//! Wall clocks that are set while nodes run: their effect on lifetimes, on reads of a replica, and on the master's log time.
//!
//! The tests move all clocks by hand, so heartbeats and removals come when a test asks for them.

use super::super::disks::{Disks, wait_until};
use super::peer::{Peer, UP};
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Reply;
use replicheck::effect::Key;
use replicheck::engine::{Clock, HandClock, Settings};
use replicheck::expiry::Policy;
use replicheck::server::Facts;
use replicheck::server::facts::Link;
use replicheck::time::Millis;
use std::time::Duration;

const START: u64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// A node's folder and clocks, and the node while it runs.
struct Stand {
    disks: Disks,
    clock: HandClock,
    expiry: Policy,
}

impl Stand {
    fn new(clock: HandClock) -> Stand {
        Stand { disks: Disks::new(), clock, expiry: Policy::LogClock }
    }

    fn change(&self) -> impl Fn(&mut Settings) + '_ {
        |settings| {
            settings.clock = Clock::ByHand(self.clock.clone());
            settings.expiry = self.expiry;
        }
    }

    fn master(&self) -> Peer {
        Peer::master(&self.disks, &self.change())
    }

    fn replica(&self, of: &Peer) -> Peer {
        Peer::replica(&self.disks, &self.change(), of.port)
    }
}

/// A master and a replica whose clocks are right, and which share elapsed time.
fn stands() -> (Stand, Stand) {
    let clock = HandClock::new(Millis(START));
    let other = clock.skewed(0);
    (Stand::new(clock), Stand::new(other))
}

/// Makes the master send a heartbeat, and waits until the replica has received it.
fn beat(master: &Peer, replica: &Peer) {
    master.node.heartbeat();
    let time = master.facts().log_time;
    wait_until("a heartbeat", || replica.facts().log_time >= time && !replica.facts().log_time_estimated);
}

fn number(reply: Reply) -> i64 {
    match reply {
        Reply::Integer(number) => number,
        other => panic!("{other:?} is no number"),
    }
}

fn exists(peer: &Peer, key: &str) -> bool {
    number(peer.one(&format!("EXISTS {key}"))) == 1
}

#[test]
fn key_lives_as_long_as_it_was_given_whatever_is_done_to_the_masters_wall_clock() {
    for (before, after) in [(HOUR, -HOUR), (-HOUR, 0), (HOUR, 0), (-HOUR, HOUR), (0, HOUR), (0, -HOUR)] {
        for restarts in [false, true] {
            let case = format!(
                "set by {before} ms before the write and by {after} ms after it, restart: {restarts}"
            );
            let (m, r) = stands();
            let mut master = m.master();
            let replica = r.replica(&master);
            master.run(&["SET earlier v PX 300"]);
            m.clock.step(before);
            master.run(&["SET k v PX 300"]);
            m.clock.step(after);
            m.clock.advance(299);
            if restarts {
                master.stop().expect("it stops");
                master = m.master();
                replica.replicate(Some(master.port)).expect("it follows");
            }
            replica.wait_for(&master);
            beat(&master, &replica);
            assert!(exists(&master, "k") && exists(&replica, "k"), "{case}");
            assert_eq!(
                (master.one("PTTL k"), replica.one("PTTL k")),
                (Reply::Integer(1), Reply::Integer(1)),
                "{case}"
            );
            m.clock.advance(1);
            beat(&master, &replica);
            for peer in [&master, &replica] {
                assert!(!exists(peer, "k") && !exists(peer, "earlier"), "{case}");
            }
        }
    }
}

#[test]
fn replica_judges_by_its_masters_time_whatever_is_done_to_its_own_wall_clock() {
    for by_ms in [HOUR, -HOUR, 1_000_000_000_000, -1_000_000_000_000] {
        for link_is_up in [true, false] {
            let (m, r) = stands();
            let master = m.master();
            let replica = r.replica(&master);
            master.run(&["SET k v PX 60000"]);
            replica.wait_for(&master);
            if !link_is_up {
                master.stop().expect("it stops");
                wait_until("the link is down", || matches!(replica.link(), Link::Down));
            }
            let told = replica.facts().log_time;
            r.clock.step(by_ms);
            let case = format!("{by_ms} ms, link up: {link_is_up}");
            assert!(exists(&replica, "k"), "{case}");
            assert_eq!(replica.facts().log_time, told, "{case}");
            r.clock.step(-by_ms);
            assert!(exists(&replica, "k"), "{case}");
            assert_eq!((replica.facts().log_time, replica.facts().clients_disconnected), (told, 0), "{case}");
        }
    }
}

#[test]
fn no_follower_and_no_client_moves_its_masters_clock() {
    for expiry in [Policy::LogClock, Policy::Effects, Policy::Absolute] {
        let (m, r) = stands();
        let (m, r) = (Stand { expiry, ..m }, Stand { expiry, ..r });
        let master = m.master();
        let replica = r.replica(&master);
        master.run(&["SET k v PX 60000"]);
        replica.wait_for(&master);
        r.clock.step(1_800_000);
        m.clock.advance(12_000);
        wait_until("reads", || replica.one("PING") == Reply::Status("PONG"));
        let _ = replica.one("GET k");
        r.clock.step(-1_800_000);
        replica.stop().expect("it stops");
        let replica = r.replica(&master);
        wait_until("it is up", || replica.link() == UP);
        master.node.heartbeat();
        assert_eq!(master.facts().log_time, Millis(START + 12_000), "{}", expiry.name());
        assert!(exists(&master, "k"), "{}", expiry.name());
        let address = format!("127.0.0.1:{}", master.port);
        let far = (START + 3_590_000).to_string();
        for hello in [
            ["RCSYNC", "1", "0", &far, "0", expiry.name(), "-"].as_slice(),
            ["RCSYNC", "2", "0", "-", &far, "0", expiry.name(), "-"].as_slice(),
        ] {
            let mut client = Client::connect(&address, Duration::from_secs(5)).expect("it accepts");
            let answer = client.call(hello);
            assert!(matches!(answer, Ok(OwnedFrame::SimpleString(_) | OwnedFrame::Error(_))), "{answer:?}");
            master.node.heartbeat();
            assert_eq!(master.facts().log_time, Millis(START + 12_000), "{} {hello:?}", expiry.name());
        }
    }
}

#[test]
fn instants_of_clients_are_those_of_the_wall_clock_before_and_after_a_step() {
    let (m, r) = stands();
    let master = m.master();
    let replica = r.replica(&master);
    for (step, at) in [(0, "PEXPIREAT"), (HOUR, "SET"), (-2 * HOUR, "GETEX"), (HOUR + 60, "PEXPIREAT")] {
        m.clock.step(step);
        let deadline = m.clock.now().0 + 10_000;
        match at {
            "SET" => master.run(&[&format!("SET k v PXAT {deadline}")]),
            at => master.run(&[
                "SET k v",
                &match at {
                    "GETEX" => format!("GETEX k PXAT {deadline}"),
                    _ => format!("PEXPIREAT k {deadline}"),
                },
            ]),
        };
        replica.wait_for(&master);
        for peer in [&master, &replica] {
            wait_until("the offset", || peer.facts().offset_ms == master.facts().offset_ms);
            assert_eq!(peer.one("PTTL k"), Reply::Integer(10_000), "{at} after {step} ms");
            assert_eq!(
                peer.one("PEXPIRETIME k").clone(),
                Reply::Integer(deadline.cast_signed()),
                "{at} after {step} ms"
            );
        }
    }
    assert_eq!((master.facts().clock_steps, master.facts().offset_ms), (3, 60));
    // The deadline survives a clean stop, while the master is away.
    let deadline = replica.one("PEXPIRETIME k");
    master.stop().expect("it stops");
    replica.stop().expect("it stops");
    let replica = r.replica(&r.replica_of_nobody());
    assert_eq!((replica.one("PEXPIRETIME k"), replica.facts().offset_ms), (deadline, 60));
}

impl Stand {
    /// Starts a replica whose master's address answers no replica.
    fn replica_of_nobody(&self) -> Peer {
        Peer::master(&Disks::new(), &|_| {})
    }
}

#[test]
fn promotion_between_machines_whose_clocks_differ_keeps_what_is_left_of_a_lifetime() {
    for skew_ms in [0, HOUR, -HOUR] {
        let clock = HandClock::new(Millis(START));
        let (m, r) = (Stand::new(clock.clone()), Stand::new(clock.skewed(skew_ms)));
        let master = m.master();
        let replica = r.replica(&master);
        master.run(&["SET k v PX 60000"]);
        replica.wait_for(&master);
        m.clock.advance(1_000);
        beat(&master, &replica);
        master.stop().expect("it stops");
        m.clock.advance(500);
        replica.replicate(None).expect("it is promoted");
        assert_eq!(replica.one("PTTL k"), Reply::Integer(58_500), "{skew_ms}");
        let deadline = r.clock.now().0 + 10_000;
        replica.run(&[&format!("PEXPIREAT k {deadline}")]);
        assert_eq!(
            replica.one("PTTL k"),
            Reply::Integer(10_000),
            "{skew_ms}: by the clock of the new master, with the same lifetime left"
        );
        assert_eq!(replica.one("PEXPIRETIME k"), Reply::Integer(deadline.cast_signed()), "{skew_ms}");
    }
}

#[test]
fn start_counts_the_time_that_the_node_was_down_within_bounds() {
    for (downtime_ms, left) in [(0, 60_000), (10_000, 50_000), (-HOUR, 60_000), (25 * HOUR, 0)] {
        let (m, _) = stands();
        let master = m.master();
        master.run(&["SET k v PX 60000", "SET day v PX 86460000"]);
        master.stop().expect("it stops");
        m.clock.step(downtime_ms);
        let master = m.master();
        let expected = if left == 0 { -2 } else { left };
        assert_eq!(number(master.one("PTTL k")), expected, "{downtime_ms}");
        if downtime_ms == 25 * HOUR {
            assert_eq!(number(master.one("PTTL day")), 60_000, "at most a day of downtime is counted");
        }
    }
}

#[test]
fn replica_that_told_far_more_than_its_masters_time_forgets_it_and_lets_its_clients_go() {
    // The master's machine pauses for an hour; master and replica have separate elapsed clocks.
    let m = Stand::new(HandClock::new(Millis(START)));
    let r = Stand::new(HandClock::new(Millis(START)));
    let master = m.master();
    let replica = r.replica(&master);
    master.run(&["SET k v PX 60000"]);
    replica.wait_for(&master);
    let address = format!("127.0.0.1:{}", replica.port);
    let mut client = Client::connect(&address, Duration::from_secs(5)).expect("it accepts");
    r.clock.advance(HOUR.cast_unsigned());
    assert_eq!(
        client.call(&["EXISTS", "k"]).expect("a reply"),
        OwnedFrame::Integer(0),
        "the replica estimates that the key is dead"
    );
    assert!(replica.facts().log_time_estimated);
    master.node.heartbeat();
    m.clock.advance(1);
    master.node.heartbeat();
    wait_until("the estimate is discarded", || replica.facts().clients_disconnected == 1);
    let client = std::cell::RefCell::new(client);
    wait_until("the client that was given the estimate is disconnected", || {
        client.borrow_mut().call(&["PING"]).is_err()
    });
    assert!(exists(&replica, "k") && !replica.facts().log_time_estimated);
    let text =
        Client::connect(&address, Duration::from_secs(5)).expect("it accepts").call(&["INFO", "replication"]);
    let Ok(OwnedFrame::BulkString(text)) = text else { panic!("{text:?}") };
    assert!(String::from_utf8_lossy(&text).contains("rc_clients_disconnected:1\r\n"));
}

/// C hears 105 s and removes `h`, which died at 100 s. B has heard 95 s, is promoted, and writes to `h`.
#[test]
fn follower_that_removed_what_a_promoted_one_writes_to_is_refused_or_waits() {
    for writes in [true, false] {
        let [a, b, c] = [(); 3].map(|()| Stand::new(HandClock::new(Millis(START))));
        let master = a.master();
        let (late, early) = (b.replica(&master), c.replica(&master));
        master.run(&["HSET h f 1", "PEXPIRE h 100000"]);
        late.wait_for(&master);
        early.wait_for(&master);
        a.clock.advance(95_000);
        beat(&master, &late);
        late.stop().expect("it stops");
        a.clock.advance(10_000);
        beat(&master, &early);
        early.node.remove(&Key::new(0, "h")).expect("the key is dead on this replica");
        master.stop().expect("it stops");
        let promoted = b.master();
        assert_eq!(promoted.facts().log_time, Millis(START + 95_000));
        if writes {
            promoted.run(&["HSET h g 2"]);
            early.replicate(Some(promoted.port)).expect("it tries");
            let reason = early.wait_until_refused();
            assert!(reason.starts_with("NOSYNC replica has removed keys that were dead at "), "{reason}");
        } else {
            early.replicate(Some(promoted.port)).expect("it tries");
            wait_until("it is down", || matches!(early.link(), Link::Down));
            b.clock.advance(5_000);
            wait_until("it is up", || early.link() == UP);
            promoted.run(&["HSET h g 2"]);
            early.assert_equals(&promoted, "`h` has died on the promoted node, too");
        }
    }
}

#[test]
fn policies_that_judge_locally_go_by_the_wall_clock_that_never_goes_back() {
    let (m, _) = stands();
    let m = Stand { expiry: Policy::Effects, ..m };
    let master = m.master();
    master.run(&["SET k v PX 300"]);
    m.clock.step(HOUR);
    let Facts { log_time, offset_ms, clock_steps, .. } = master.facts();
    assert_eq!((log_time, offset_ms, clock_steps), (Millis(START + HOUR.cast_unsigned()), 0, 0));
    assert!(!exists(&master, "k"), "these policies judge by the wall clock");
    m.clock.step(-HOUR);
    assert_eq!(master.facts().log_time, log_time);
}
