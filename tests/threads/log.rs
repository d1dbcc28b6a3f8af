//! Logs: the entries that a master writes for some commands, and the states that the master goes through.

use replicheck::binlog::{Entry, Epoch, Lsn, Payload};
use replicheck::command::{Command, line};
use replicheck::effect::Write;
use replicheck::expiry::{ExpiryPolicy, Policy};
use replicheck::models::request;
use replicheck::node::Master;
use replicheck::store::memory::MemoryStore;
use replicheck::store::{Store, key};
use replicheck::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Raw records, without the marker.
pub type Data = BTreeMap<Vec<u8>, Vec<u8>>;

pub fn command(text: &str) -> Command {
    Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
}

/// The entries of these commands, as effects, one millisecond apart.
pub fn log(commands: &[&str]) -> Vec<Arc<Entry>> {
    logged(&*Policy::LogClock.get(), commands)
}

/// The entries of these commands and transactions under a policy, one millisecond apart.
pub fn logged(policy: &dyn ExpiryPolicy, commands: &[&str]) -> Vec<Arc<Entry>> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let mut entries = Vec::new();
    for (request, now) in request::of_ours(commands).iter().zip(1000..) {
        let logged = request.run(&mut master, policy, (Millis(now), 0)).expect("memory does not fail");
        entries.extend(logged.into_iter().map(Arc::new));
    }
    entries
}

/// The entries of `commands` commands drawn with `seed`; a few of the commands have no effect and thus no entry.
pub fn random_log(seed: u64, commands: usize) -> Vec<Arc<Entry>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let key = |random: &mut fastrand::Rng| *random.choice(&["a", "b", "c", "d", "e"]).expect("a key");
    let drawn: Vec<String> = (0..commands)
        .map(|at| {
            let (one, other) = (key(&mut random), key(&mut random));
            match random.u8(..20) {
                0 => "FLUSHDB".to_owned(),
                1..=3 => format!("DEL {one} {other}"),
                4..=8 => format!("MSET {one} {at} {other} {at}"),
                9..=12 => format!("APPEND {one} {at}"),
                _ => format!("SET {one} {at}"),
            }
        })
        .collect();
    log(&drawn.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn data(store: &MemoryStore) -> Data {
    let marker = key::marker();
    let user = store.iter().filter(|(key, _)| *key != marker.as_slice());
    user.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// The master's state after entry 0, 1, … of the log.
pub fn states(log: &[Arc<Entry>]) -> Vec<Data> {
    let mut store = MemoryStore::new();
    let mut states = vec![data(&store)];
    for entry in log {
        store.write(writes(entry)).expect("memory does not fail");
        states.push(data(&store));
    }
    states
}

pub fn writes(entry: &Entry) -> &[Write] {
    match &entry.payload {
        Payload::Effect(effect) => &effect.writes,
        Payload::Command(_) | Payload::Transaction(_) => &[],
    }
}

/// The number of the last entry.
pub fn end(log: &[Arc<Entry>]) -> Lsn {
    log.last().map_or(Lsn::NONE, |entry| entry.lsn)
}
