//! The pure machines, each on its own: invariants, strategies, markers, pending writes, log time, deadlines in the log.

use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::apply::{Applier, Instants, Worker, marker, write_batch};
use replicheck::binlog::{Entry, Epoch, Lsn, Payload};
use replicheck::command::{Command, line};
use replicheck::effect::{Key, KeySet, Write};
use replicheck::expiry::{LogTime, Policy};
use replicheck::invariant::{self, AtRest, SameLsn, Sight, State, Versions, Visible};
use replicheck::models::expiry::at_rest;
use replicheck::models::judged::InvariantSet;
use replicheck::models::ordering::{Data, Programs};
use replicheck::models::scenario::requests;
use replicheck::node::{Master, MasterInput, MasterOutput};
use replicheck::ordering::{Admission, Job, Strategy};
use replicheck::store::memory::MemoryStore;
use replicheck::store::overlay::Overlay;
use replicheck::store::{Content, Dump, Read, Stored, dump};
use replicheck::time::{Elapsed, Millis};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

fn key(name: &str) -> Key {
    Key::new(0, name)
}

fn command(text: &str) -> Command {
    Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

/// The entries that a master logs for these commands, each at its instant.
fn logged(policy: Policy, commands: &[(&str, u64)]) -> Vec<Entry> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let mut entries = Vec::new();
    for (text, now) in commands {
        let request = MasterInput::Request { command: command(text), now: Millis(*now), random: 0 };
        let outputs = master.step(&*policy.get(), request).expect("memory does not fail");
        entries.extend(outputs.into_iter().filter_map(|output| match output {
            MasterOutput::Append(entry) => Some(entry),
            _ => None,
        }));
    }
    entries
}

/// The versions after entries 1, 2, … wrote these keys; `*` is everything.
fn versions(writes: &[&str]) -> Versions {
    let mut versions = Versions::default();
    for (name, lsn) in writes.iter().zip(1..) {
        let keys = if *name == "*" { KeySet::Everything } else { KeySet::of([key(name)]) };
        versions.write(&keys, Lsn(lsn));
    }
    versions
}

fn string(value: &str, deadline: Option<u64>) -> Stored {
    Stored { content: Content::String(value.into()), deadline: deadline.map(Millis) }
}

fn dump_of(keys: &[(&str, Stored)]) -> Dump {
    keys.iter().map(|(name, stored)| (key(name), stored.clone())).collect()
}

#[test]
fn convergence_older_writer_or_other_value_breaks_it() {
    let (held, other) = (dump_of(&[("a", string("1", None))]), dump_of(&[("a", string("2", None))]));
    let (now, before) = (versions(&["a", "a"]), versions(&["a"]));
    let master = State { versions: &now, dump: &held };
    assert!(invariant::convergence(master, master));
    assert!(!invariant::convergence(State { versions: &now, dump: &other }, master));
    assert!(!invariant::convergence(State { versions: &before, dump: &held }, master));
}

#[test]
fn levels_versions_that_go_back_break_them() {
    let history = [versions(&[]), versions(&["a"]), versions(&["a", "*"]), versions(&["a", "*", "c"])];
    let (none, a, c) =
        (Dump::new(), dump_of(&[("a", string("1", None))]), dump_of(&[("c", string("1", None))]));
    let dumps = [&none, &a, &none, &c];
    let history: Vec<State> =
        history.iter().zip(dumps).map(|(versions, dump)| State { versions, dump }).collect();
    let (set, flushed, unseen) = (history[1], history[2], Versions::default());
    assert!(invariant::monotonic_reads(set.versions, flushed.versions));
    assert!(!invariant::monotonic_reads(flushed.versions, set.versions));
    assert!(invariant::per_key_order(&history, set.versions, flushed));
    assert!(!invariant::per_key_order(&history, flushed.versions, set));
    // A version that the master never gave to this key.
    let mut invented = Versions::default();
    invented.write(&KeySet::of([key("a")]), Lsn(3));
    assert!(!invariant::per_key_order(&history, set.versions, State { versions: &invented, dump: &a }));
    // The right version with another value; a key that exists although the last writer of everything left none.
    let other = dump_of(&[("a", string("2", None))]);
    assert!(!invariant::per_key_order(&history, &unseen, State { dump: &other, ..set }));
    assert!(!invariant::per_key_order(&history, &unseen, State { dump: &none, ..set }));
    assert!(!invariant::per_key_order(&history, &unseen, State { dump: &a, ..flushed }));
}

#[test]
fn prefix_no_length_or_a_shorter_one_breaks_it() {
    let history = [versions(&[]), versions(&["a"]), versions(&["a", "c"])];
    let (one, two) = (string("1", None), string("2", None));
    let dumps =
        [dump_of(&[]), dump_of(&[("a", one.clone())]), dump_of(&[("a", one.clone()), ("c", one.clone())])];
    let history: Vec<State> =
        history.iter().zip(&dumps).map(|(versions, dump)| State { versions, dump }).collect();
    assert_eq!(invariant::prefix(&history, Lsn(0), history[2]), Some(Lsn(2)));
    assert_eq!(invariant::prefix(&history, Lsn(2), history[1]), None);
    let mut hole = Versions::default();
    hole.write(&KeySet::of([key("c")]), Lsn(2));
    let only_c = dump_of(&[("c", one.clone())]);
    assert_eq!(invariant::prefix(&history, Lsn(0), State { versions: &hole, dump: &only_c }), None);
    // The versions of a prefix with other contents.
    let other = dump_of(&[("a", one), ("c", two)]);
    assert_eq!(invariant::prefix(&history, Lsn(0), State { dump: &other, ..history[2] }), None);
}

#[test]
fn exactly_once_value_of_a_second_run_breaks_it() {
    let (once, twice) = (dump_of(&[("n", string("1", None))]), dump_of(&[("n", string("2", None))]));
    assert!(invariant::exactly_once(&once, &once));
    assert!(!invariant::exactly_once(&twice, &once));
}

#[test]
fn once_applied_the_second_time_changes_the_store_alone() {
    let entries = |lines: &[&str]| {
        let policy = Policy::AtEntryTime.get();
        let programs = Programs::only(&requests(lines), &*policy).expect("short");
        (1..=lines.len() as u64).map(|lsn| programs.entry(3, Lsn(lsn)).0.clone()).collect::<Vec<_>>()
    };
    let log = entries(&["INCR n", "MSET a 1 b 1", "INCR n"]);
    let key = |name: &str| Some(key(name));
    // For each run: entry, part, whether it was applied before, n in the store, and n if each entry counts once.
    let writes = [
        (0, None, false, "1", "1"),
        (0, None, true, "2", "1"),
        (1, key("a"), false, "2", "1"),
        (1, None, true, "2", "1"),
        (1, key("b"), true, "2", "1"),
        (2, None, false, "3", "2"),
    ];
    let mut data = Data::default();
    for (number, part, repeats, stored, once) in writes {
        let (next, repeated) = data.write(&[&log[number]], part.as_ref(), Lsn(3), None);
        assert_eq!(repeated, repeats, "{number} {part:?}");
        let n = |dump: &Dump| dump[&Key::new(0, "n")].content.to_string();
        let dump_once = next.dump_once().unwrap_or_else(|| next.dump());
        assert_eq!((n(&next.dump()), n(&dump_once)), (format!("\"{stored}\""), format!("\"{once}\"")));
        data = next;
    }
}

#[test]
fn progress_owed_by_a_replica_at_rest_breaks_it() {
    let rested = AtRest {
        logged: Lsn(3),
        admitted: Lsn(3),
        applied: Lsn(3),
        published: Lsn(3),
        readers_are_in: true,
        admits_more: true,
    };
    assert!(invariant::progress(rested));
    for owes in [
        AtRest { admitted: Lsn(2), ..rested },
        AtRest { applied: Lsn(2), ..rested },
        AtRest { published: Lsn(2), ..rested },
        AtRest { readers_are_in: false, ..rested },
        AtRest { admits_more: false, ..rested },
    ] {
        assert!(!invariant::progress(owes), "{owes:?}");
    }
    let [earlier, heard] = [Millis(4), Millis(5)];
    assert_eq!(at_rest(Lsn(2), Lsn(2), (heard, heard)), (InvariantSet(0), InvariantSet(1)));
    assert_eq!(at_rest(Lsn(2), Lsn(1), (heard, heard)), (InvariantSet(1), InvariantSet(1)));
    assert_eq!(at_rest(Lsn(2), Lsn(2), (earlier, heard)), (InvariantSet(1), InvariantSet(1)));
}

#[test]
fn publishable_after_a_restart_is_what_the_store_began_with() {
    let mut applier = Applier::new(Strategy::WritesetSnapshots.machine(2, 1), 2, Lsn(7));
    applier.cut();
    assert_eq!(applier.publishable(), Some(Lsn(7)));
}

#[test]
fn same_lsn_invariants_tell_value_deadline_and_immortality_apart() {
    let nodes = |master: &[(&str, Stored)], replica: &[(&str, Stored)], clock| {
        let (master, replica) = (dump_of(master), dump_of(replica));
        let nodes = SameLsn { master: &master, replica: &replica, latest_clock: Millis(clock) };
        (invariant::same_value(nodes), invariant::same_deadline(nodes), invariant::no_immortal_key(nodes))
    };
    let mortal = [("k", string("5", Some(20)))];
    assert_eq!(nodes(&mortal, &mortal, 10), (true, true, true));
    assert_eq!(nodes(&mortal, &[("k", string("6", Some(20)))], 10), (false, true, true));
    assert_eq!(nodes(&mortal, &[("k", string("5", Some(21)))], 10), (true, false, true));
    assert_eq!(nodes(&mortal, &[("k", string("5", None))], 10), (true, false, false));
    assert_eq!(nodes(&[], &[("k", string("1", None))], 10), (false, true, false));
    // A key on one node only: either dead by one of the clocks, or a difference.
    assert_eq!(nodes(&mortal, &[], 20), (true, true, true));
    assert_eq!(nodes(&mortal, &[], 19), (false, true, true));
}

#[test]
fn durability_acknowledged_write_that_is_in_no_history_breaks_it() {
    assert!(invariant::durability(["a", "c"], &["a", "b", "c"]));
    assert!(invariant::durability([], &["a"]));
    assert!(!invariant::durability(["a", "d"], &["a", "b", "c"]));
}

#[test]
fn read_invariants_tell_resurrection_early_death_and_no_moment_apart() {
    let saw = |sight| BTreeMap::from([(key("k"), sight)]);
    assert!(!invariant::no_resurrection(&saw(Sight::Dead(Lsn(1))), &saw(Sight::Alive(Lsn(1)))));
    assert!(invariant::no_resurrection(&saw(Sight::Dead(Lsn(1))), &saw(Sight::Alive(Lsn(2)))));
    assert!(invariant::no_resurrection(&saw(Sight::Alive(Lsn(1))), &saw(Sight::Dead(Lsn(1)))));

    let master = dump_of(&[("k", string("5", Some(20)))]);
    let (sees, nothing) = (invariant::visible(&master, Millis(19)), invariant::visible(&master, Millis(20)));
    assert!(sees.len() == 1 && nothing.is_empty());
    assert!(!invariant::no_early_death(&master, Millis(19), &nothing));
    assert!(invariant::no_early_death(&master, Millis(20), &nothing));

    let moments = [Visible::new(), sees.clone()];
    assert_eq!(invariant::past_read(&moments, &sees), Some(1));
    assert_eq!(invariant::past_read(&moments[..1], &sees), None);
}

#[test]
fn applier_marker_is_the_watermark_once_the_batch_is_written() {
    let entries = logged(Policy::Effects, &[("SET a 1", 0), ("SET c 1", 0), ("SET b 1", 0)]);
    let mut applier = Applier::new(Strategy::Writeset.machine(3, 1), 3, Lsn::NONE);
    entries.iter().for_each(|entry| applier.admit(&Admission::of(entry)).expect("not refused"));
    (0..3).for_each(|worker| drop(applier.take(worker).cloned()));
    assert_eq!((applier.begin(1), applier.begin(0)), (Some(Lsn(0)), Some(Lsn(1))));
    for (worker, watermark) in [(1, 0), (0, 2)] {
        applier.wrote(worker);
        assert!(applier.finish(worker).is_some());
        assert_eq!(applier.watermark(), Lsn(watermark));
    }
    // Entries that finish between the take and the beginning of the write count.
    assert_eq!(applier.begin(2), Some(Lsn(3)));
}

#[test]
fn applier_worker_goes_through_its_states_in_order_and_through_no_other() {
    let entries = logged(Policy::Effects, &[("SET a 1", 0)]);
    let mut applier = Applier::new(Strategy::Serial.machine(1, 1), 1, Lsn::NONE);
    assert_eq!((applier.take(0).cloned(), applier.begin(0), applier.finish(0)), (None, None, None));
    applier.admit(&Admission::of(&entries[0])).expect("not refused");
    let job = Job::whole(Lsn(1));
    assert_eq!(applier.take(0), Some(&job));
    assert_eq!(
        (applier.take(0).cloned(), applier.finish(0)),
        (None, None),
        "a job is given once, and not finished unwritten"
    );
    applier.wrote(0);
    assert_eq!(applier.workers(), [Worker::Taken(job.clone())]);
    assert_eq!((applier.begin(0), applier.begin(0)), (Some(Lsn(1)), None));
    assert_eq!(applier.finish(0), None);
    assert_eq!(applier.workers(), [Worker::Writing(job.clone(), Lsn(1))]);
    applier.wrote(0);
    assert_eq!((applier.begin(0), applier.watermark()), (None, Lsn(0)));
    assert_eq!((applier.finish(0), applier.watermark()), (Some(job), Lsn(1)));
    assert_eq!(applier.finish(0), None);
    assert_eq!(applier.workers(), [Worker::Idle]);
}

#[test]
fn write_batch_commands_of_one_batch_see_each_other_and_leave_the_marker() {
    let entries = logged(
        Policy::AtEntryTime,
        &[("SET n 1", 0), ("INCR n", 0), ("HSET h f 1", 0), ("HINCRBY h f 2", 0)],
    );
    let mut store = MemoryStore::new();
    let at = Instants { now: Millis(0), judged_at: Millis(0) };
    assert_eq!(marker(&store), Ok(Lsn::NONE));
    let all: Vec<&Entry> = entries.iter().collect();
    write_batch(&mut store, &all, None, Lsn(4), &|_| at).expect("memory does not fail");
    let held = dump(&store).expect("records are whole");
    assert_eq!(held[&key("n")], string("2", None));
    assert_eq!(held[&key("h")].content, Content::Hash(BTreeMap::from([(b"f".to_vec(), b"3".to_vec())])));
    assert_eq!(marker(&store), Ok(Lsn(4)));
}

#[test]
fn logged_second_founding_program_carries_what_each_policy_promises() {
    let program = [("SETEX k 10 100", 5000), ("INCR k", 6000)];
    let words = |policy| -> Vec<String> {
        let entries = logged(policy, &program);
        entries
            .iter()
            .map(|entry| match &entry.payload {
                Payload::Command(command) => command.to_string(),
                Payload::Effect(effect) => format!("{:?}", effect.writes[0]),
                Payload::Transaction(parts) => panic!("no transaction was logged: {parts:?}"),
            })
            .collect()
    };
    assert_eq!(words(Policy::Verbatim), ["SETEX k 10 100", "INCR k"]);
    assert_eq!(words(Policy::Absolute), ["SET k 100 PXAT 15000", "INCR k"]);
    assert_eq!(words(Policy::MasterExpires), ["SET k 100 PXAT 15000", "INCR k"]);
    assert_eq!(words(Policy::Pksetat)[0], "SET k 100 PXAT 15000");
    assert!(words(Policy::Pksetat)[1].ends_with("101)"), "INCR logs its result");
    assert!(words(Policy::Effects).iter().all(|word| word.starts_with("Put(")));
}

#[test]
fn relative_deadline_counts_from_arrival_less_the_lag() {
    let entries = logged(Policy::Relative, &[("SETEX k 10 100", 5000)]);
    let deadline_when_it_arrives_at = |local| {
        let entry = Policy::Relative.get().arrived(entries[0].clone(), Millis(local));
        let mut store = MemoryStore::new();
        let at = Instants { now: Millis(local), judged_at: Millis(local) };
        write_batch(&mut store, &[&entry], None, Lsn(1), &|_| at).expect("memory does not fail");
        dump(&store).expect("whole")[&key("k")].deadline
    };
    assert_eq!(deadline_when_it_arrives_at(5200), Some(Millis(15_000)));
    assert_eq!(deadline_when_it_arrives_at(4000), Some(Millis(14_000)), "a lag is never negative");
}

#[test]
fn master_expires_logs_a_del_before_the_command_that_met_the_dead_key() {
    let entries = logged(Policy::MasterExpires, &[("SETEX k 1 5", 1000), ("INCR k", 2000)]);
    let words: Vec<String> = entries
        .iter()
        .map(|entry| match &entry.payload {
            Payload::Command(command) => command.to_string(),
            Payload::Effect(effect) => format!("{effect:?}"),
            Payload::Transaction(parts) => panic!("no transaction was logged: {parts:?}"),
        })
        .collect();
    assert_eq!(words, ["SET k 5 PXAT 2000", "DEL k", "INCR k"]);
    assert_eq!(entries.iter().map(|entry| entry.lsn.0).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn log_time_silent_past_the_limit_is_estimated_and_never_goes_back() {
    let limit = Some(10_000);
    let mut clock = LogTime::default();
    let hear = |clock: &mut LogTime, time, local| {
        clock.receive(Elapsed(local), limit, None);
        clock.hear(Millis(time));
    };
    hear(&mut clock, 5000, 5200);
    let read = |clock: &LogTime, local| {
        let reading = clock.read(Elapsed(local), limit, None);
        (reading.time.0, reading.estimated)
    };
    assert_eq!(read(&clock, 5200), (5000, false));
    assert_eq!(read(&clock, 15_200), (5000, false));
    assert_eq!(read(&clock, 16_200), (6000, true));
    hear(&mut clock, 5500, 16_200);
    assert_eq!(read(&clock, 16_200), (6000, true), "a time that was read is not taken back");
    hear(&mut clock, 17_000, 17_200);
    assert_eq!(read(&clock, 17_200), (17_000, false));
    assert_eq!(
        clock.read(Elapsed(90_000), None, None).time,
        Millis(17_000),
        "without a limit the time stands still"
    );
}

/// A write over a few raw keys.
#[derive(Clone, Debug)]
struct AnyWrite(Write);

impl Arbitrary for AnyWrite {
    fn arbitrary(random: &mut Gen) -> AnyWrite {
        let key = |random: &mut Gen| vec![b'a' + u8::arbitrary(random) % 6];
        AnyWrite(match u8::arbitrary(random) % 4 {
            0 => Write::Delete { key: key(random) },
            1 => Write::DeleteRange { from: key(random), to: key(random) },
            _ => Write::Put { key: key(random), value: vec![u8::arbitrary(random)] },
        })
    }
}

fn scanned(reader: &dyn Read, from: &[u8], to: &[u8], stop_after: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        if found.len() < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    reader.scan(from, to, &mut visit).expect("memory does not fail");
    found
}

properties! {
    fn prop_overlay_reads_as_the_store_with_its_writes_done(before: Vec<AnyWrite>, pending: Vec<AnyWrite>, stop_after: u8) -> bool {
        let writes = |list: Vec<AnyWrite>| list.into_iter().map(|write| write.0).collect::<Vec<_>>();
        let (before, pending) = (writes(before), writes(pending));
        let mut base = MemoryStore::new();
        before.iter().for_each(|write| base.apply(write));
        let mut done = base.clone();
        pending.iter().for_each(|write| done.apply(write));
        let mut overlay = Overlay::new(&base);
        overlay.add(&pending);
        let stop_after = usize::from(stop_after % 8) + 1;
        let keys = (b'a'..=b'g').map(|letter| vec![letter]);
        keys.clone().all(|key| overlay.get(&key) == done.get(&key))
            && keys.clone().all(|from| keys.clone().chain([Vec::new()]).all(|to| {
                scanned(&overlay, &from, &to, stop_after) == scanned(&done, &from, &to, stop_after)
            }))
            && {
                let mut written = base.clone();
                overlay.into_writes().iter().for_each(|write| written.apply(write));
                written == done
            }
    }
}
