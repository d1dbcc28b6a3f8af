//! Tests of the removal of dead fields: which records it deletes, what a master logs for it, and that replicas agree.

use super::{Master, MasterInput, MasterOutput, dead_fields};
use crate::apply;
use crate::binlog::{Entry, Epoch, Payload};
use crate::command::{Command, Reply, View};
use crate::effect::{Key, Write};
use crate::expiry::{ExpiryPolicy, Policy, Removal};
use crate::store::memory::MemoryStore;
use crate::store::record::encode_field;
use crate::store::{Read, Store, dump, key};
use crate::time::Millis;

fn command(line: &str) -> Command {
    Command::parse(0, line.split(' ').map(|word| word.as_bytes().to_vec()).collect()).expect("a command")
}

/// Runs a command on a master at `now`. Returns its reply and the entries.
fn request(
    master: &mut Master<MemoryStore>,
    policy: &dyn ExpiryPolicy,
    now: u64,
    line: &str,
) -> (Reply, Vec<Entry>) {
    let mut entries = Vec::new();
    let reply = master.request(policy, &command(line), Millis(now), 0, &mut entries).expect("memory");
    (reply, entries)
}

fn master_with(lines: &[&str], policy: &dyn ExpiryPolicy) -> (Master<MemoryStore>, Vec<Entry>) {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let entries = lines.iter().flat_map(|line| request(&mut master, policy, 1000, line).1).collect();
    (master, entries)
}

/// The records of users' data.
fn data(store: &MemoryStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of_users = store.iter().filter(|(raw, _)| raw[0] == key::DATA);
    of_users.map(|(raw, value)| (raw.to_vec(), value.to_vec())).collect()
}

fn h() -> Key {
    Key::new(0, "h")
}

const TWO_DEAD: [&str; 3] =
    ["HSET h a 1 b 2 c 3 d 4", "HPEXPIREAT h 2000 FIELDS 1 a", "HPEXPIREAT h 3000 FIELDS 1 b"];

#[test]
fn dead_fields_are_removed_in_the_order_of_their_deadlines_up_to_the_bound() {
    let policy = Policy::LogClock.get();
    let (master, _) = master_with(&TWO_DEAD, &*policy);
    let fields = |now, most| {
        let dead = dead_fields(master.store(), &h(), Millis(now), most).expect("memory");
        dead.map(|dead| (dead.fields.concat(), dead.latest.0, dead.effect.writes.len()))
    };
    assert_eq!(fields(1999, 100), None);
    assert_eq!(fields(2000, 100), Some((b"a".to_vec(), 2000, 2)));
    assert_eq!(fields(3000, 1), Some((b"a".to_vec(), 2000, 2)));
    assert_eq!(fields(3000, 100), Some((b"ab".to_vec(), 3000, 4)));
}

#[test]
fn index_record_of_a_field_that_was_written_since_is_deleted_alone() {
    let policy = Policy::LogClock.get();
    let (master, _) = master_with(&TWO_DEAD, &*policy);
    let mut store = master.into_store();
    let field = key::element(&h(), 1, b"a");
    for value in [encode_field(b"1", None), encode_field(b"1", Some(Millis(9000)))] {
        store.write(&[Write::Put { key: field.clone(), value }]).expect("memory");
        let dead = dead_fields(&store, &h(), Millis(2000), 100).expect("memory").expect("an index record");
        let index = key::field_deadline(&h(), 1, Millis(2000), b"a");
        assert_eq!((dead.fields, dead.effect.writes), (Vec::new(), vec![Write::Delete { key: index }]));
    }
}

#[test]
fn removal_by_log_time_is_not_logged_and_changes_no_metadata() {
    let policy = Policy::LogClock.get();
    let (mut master, _) = master_with(&TWO_DEAD, &*policy);
    let raw = key::metadata(&h());
    let before = master.store().get(&raw).expect("memory");
    let records = master.store().iter().count();
    let mut entries = Vec::new();
    let removed = master.expire(&*policy, &h(), Millis(2500), &mut entries).expect("memory");
    assert_eq!((removed, entries), (Some(Millis(2000)), Vec::new()));
    assert_eq!(master.store().iter().count(), records - 2);
    assert_eq!(master.store().get(&raw).expect("memory"), before);
    assert_eq!(request(&mut master, &*policy, 2500, "HLEN h").0, Reply::Integer(3));
}

#[test]
fn hash_whose_last_field_died_is_removed_whole() {
    let policy = Policy::LogClock.get();
    let lines = ["HSET h a 1 b 2", "HPEXPIREAT h 2000 FIELDS 1 a", "HPEXPIREAT h 3000 FIELDS 1 b"];
    let (mut master, _) = master_with(&lines, &*policy);
    let mut entries = Vec::new();
    let removed = master.expire(&*policy, &h(), Millis(3000), &mut entries).expect("memory");
    assert_eq!((removed, data(master.store())), (Some(Millis(3000)), Vec::new()));
}

#[test]
fn master_that_logs_removals_logs_an_hdel_of_dead_fields_before_a_command() {
    let policy = Policy::MasterExpires.get();
    assert_eq!(policy.removal(), Removal::ByMaster);
    let (mut master, mut entries) = master_with(&TWO_DEAD, &*policy);
    for (now, line) in [(2500, "HSETNX h a 5"), (3500, "HINCRBY h b 1"), (3600, "HGETEX h PX 100 FIELDS 1 c")]
    {
        entries.extend(request(&mut master, &*policy, now, line).1);
    }
    let expire = MasterInput::Expire { key: h(), now: Millis(3700) };
    for output in master.step(&*policy, expire).expect("memory") {
        let MasterOutput::Append(entry) = output else { panic!("{output:?}") };
        entries.push(entry);
    }
    let logged: Vec<String> = entries.iter().skip(3).map(|entry| format!("{:?}", payload(entry))).collect();
    let expected =
        ["HDEL h a", "HSETNX h a 5", "HDEL h b", "HINCRBY h b 1", "HPEXPIREAT h 3700 FIELDS 1 c", "HDEL h c"];
    assert_eq!(logged, expected);
    let mut replica = MemoryStore::new();
    for entry in &entries {
        let instants = |entry: &Entry| policy.instants(entry, Millis(50_000));
        apply::write_batch(&mut replica, &[entry], None, entry.lsn, &instants).expect("memory");
    }
    assert_eq!(data(&replica), data(master.store()), "byte for byte");
}

fn payload(entry: &Entry) -> &Command {
    match &entry.payload {
        Payload::Command(command) => command,
        other => panic!("{other:?}"),
    }
}

/// Each policy: a replica that applies everything at once, without delay and skew, has the fields of the master.
#[test]
fn replica_has_the_fields_of_the_master_under_every_policy() {
    let lines = [
        "HSET h a 1 b 2 c 3 d 4",
        "HEXPIRE h 1 FIELDS 2 a b",
        "HSETEX h PX 500 FIELDS 1 e 5",
        "HGETEX h EX 2 FIELDS 1 c",
        "HINCRBY h a 1",
        "HSET h b 9",
        "HPERSIST h FIELDS 1 e",
        "HGETDEL h FIELDS 1 d",
        "HSETEX h KEEPTTL FIELDS 1 a 7",
        "RENAME h i",
        "COPY i h",
    ];
    for policy in Policy::ALL {
        let expiry = policy.get();
        let (mut master, mut replica) = (Master::new(MemoryStore::new(), Epoch(1)), MemoryStore::new());
        for (now, line) in (1000..).step_by(10).zip(lines) {
            for entry in request(&mut master, &*expiry, now, line).1 {
                let entry = expiry.arrived(entry, Millis(now));
                let instants = |entry: &Entry| expiry.instants(entry, Millis(now));
                apply::write_batch(&mut replica, &[&entry], None, entry.lsn, &instants).expect("memory");
            }
        }
        for (now, expected) in [(1200, 4), (2500, 3), (3500, 2)] {
            let seen = |store| {
                let stored = dump(store).expect("not damaged");
                let living = stored.into_iter().filter(|(_, stored)| !stored.is_dead(Millis(now)));
                living
                    .map(|(key, stored)| (key, stored.content.living_fields(Millis(now))))
                    .collect::<Vec<_>>()
            };
            assert_eq!(seen(master.store()), seen(&replica), "{policy:?} at {now}");
            let view = View::new(&replica, 0, Millis(now));
            let (length, _) = command("HLEN h").execute(&view, Millis(now)).expect("memory");
            assert_eq!(length, Reply::Integer(expected), "{policy:?} at {now}");
        }
    }
}

/// The deadlines of such a replica are not the master's, so it keeps index records that the master's effects delete.
#[test]
fn replica_under_relative_counts_a_field_once_however_often_its_deadline_was_changed() {
    let policy = Policy::Relative.get();
    let lines =
        ["HSET h a 1 b 2", "HEXPIRE h 100 FIELDS 1 a", "HEXPIRE h 200 FIELDS 1 a", "HPERSIST h FIELDS 1 a"];
    for count in 1..=lines.len() {
        let (master, entries) = master_with(&lines[..count], &*policy);
        let mut replica = MemoryStore::new();
        // The replica's clock is behind the master's, by something else at each entry.
        for (entry, behind) in entries.into_iter().zip([7, 600, 45, 300]) {
            let local = Millis(1000 - behind);
            let entry = policy.arrived(entry, local);
            let instants = |entry: &Entry| policy.instants(entry, local);
            apply::write_batch(&mut replica, &[&entry], None, entry.lsn, &instants).expect("memory");
        }
        for store in [master.store(), &replica] {
            let view = View::new(store, 0, Millis(2_500));
            let (length, _) = command("HLEN h").execute(&view, Millis(2_500)).expect("memory");
            assert_eq!(length, Reply::Integer(2), "{:?}", &lines[..count]);
        }
    }
}
