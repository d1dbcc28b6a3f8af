//! Trial — one case on both servers and the reference → the first difference.

use super::deadlines::moved;
use super::explained::{Asked, ROWS, Rule, Server};
use super::replies::request;
use super::server::Peer;
use crate::engine::differential::{Case, Chore, Difference, START, Step};
use crate::engine::reference::{Answer, Reference, in_resp2, in_the_shape_of};
use replicheck::command::{Command, CommandError, DATABASES, Reply, line::Quoted};
use replicheck::expiry::Policy;
use replicheck::store::Content;
use replicheck::time::Millis;
use std::collections::BTreeMap;
use std::fmt;

/// Counts of what happened in cases.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) commands: usize,
    pub(super) errors: usize,
    /// Keys whose values were compared at the end of their cases.
    keys: usize,
    /// How often each row of the table explained something.
    pub(super) rows: BTreeMap<&'static str, usize>,
}

impl Seen {
    pub(super) fn add(&mut self, more: Seen) {
        self.commands += more.commands;
        self.errors += more.errors;
        self.keys += more.keys;
        for (row, times) in more.rows {
            *self.rows.entry(row).or_default() += times;
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { commands, errors, keys, rows } = self;
        write!(
            out,
            "{commands} commands, {errors} of them refused, {keys} keys compared at the end of cases"
        )?;
        for row in ROWS {
            let times = rows.get(row.name).copied().unwrap_or(0);
            write!(out, "\n{times:>8}  {}: {}", row.name, row.reason)?;
        }
        Ok(())
    }
}

/// A case as it is sent: no time passes, the stores are left alone, and deadlines are out of reach.
pub(super) fn settled(case: Case) -> Case {
    let mut now = START.0;
    let settled = |(at, step): (usize, Step)| {
        now += step.later_ms;
        let argv = moved(&step.argv, Millis(now), at);
        Step { chore: Chore::Nothing, later_ms: 0, db: step.db, argv, random: 0 }
    };
    Case { policy: Policy::LogClock, steps: case.steps.into_iter().enumerate().map(settled).collect() }
}

/// A command that is sent, and the step from which it is.
struct Sent {
    step: usize,
    asked: Asked,
}

/// The commands of a case that are sent, and after them the commands that read all data.
fn sent(case: &Case, now: Millis, seen: &mut Seen) -> Vec<Sent> {
    let (mut reference, mut all) = (Reference::default(), Vec::new());
    for (step, number) in case.steps.iter().zip(0..) {
        let before = reference.clone();
        let asked = ask(&mut reference, now, step.db, step.argv.clone());
        let not_sent = |rule: &Rule| matches!(rule, Rule::NotSent(is_left_out) if is_left_out(&asked));
        if let Some(row) = ROWS.iter().find(|row| not_sent(&row.rule)) {
            *seen.rows.entry(row.name).or_default() += 1;
            reference = before;
            continue;
        }
        all.push(Sent { step: number, asked });
    }
    let last = case.steps.len().saturating_sub(1);
    for (db, argv) in readings(&mut reference, now, seen) {
        all.push(Sent { step: last, asked: ask(&mut reference, now, db, argv) });
    }
    all
}

fn ask(reference: &mut Reference, now: Millis, db: u8, argv: Vec<Vec<u8>>) -> Asked {
    let answer = match Command::parse(db, argv.clone()) {
        Ok(_) => reference.answer(now, db, &argv),
        Err(CommandError::Client(text)) => Answer::Exactly(Reply::Error(text)),
        Err(error) => panic!("{error}"),
    };
    // SPOP of all members: the reference removes what a reply shows.
    if let Answer::Popped { from, wanted } = &answer
        && *wanted != Some(0)
    {
        let members = from.iter().cloned().map(Reply::Bulk).collect();
        reference.follow(db, &argv, &answer, &Reply::Set(members));
    }
    Asked { now, db, argv, answer }
}

/// Commands that read all data: the keys of all databases, and of each key its type, value and deadline.
fn readings(reference: &mut Reference, now: Millis, seen: &mut Seen) -> Vec<(u8, Vec<Vec<u8>>)> {
    let word = |word: &str| word.as_bytes().to_vec();
    let dump = reference.dump(now);
    let mut readings = Vec::new();
    for db in 0..DATABASES {
        readings.push((db, vec![word("KEYS"), word("*")]));
        for (key, stored) in dump.iter().filter(|(key, _)| key.db == db) {
            seen.keys += 1;
            let (name, rest): (&str, &[&str]) = match &stored.content {
                Content::String(_) => ("GET", &[]),
                Content::Hash(_) => ("HGETALL", &[]),
                Content::List(_) => ("LRANGE", &["0", "-1"]),
                Content::Set(_) => ("SMEMBERS", &[]),
                Content::SortedSet(_) => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
                other => panic!("the reference holds {other}"),
            };
            let value = [word(name), key.name.to_vec()].into_iter().chain(rest.iter().map(|rest| word(rest)));
            readings.push((db, vec![word("TYPE"), key.name.to_vec()]));
            readings.push((db, value.collect()));
            readings.push((db, vec![word("PEXPIRETIME"), key.name.to_vec()]));
        }
    }
    readings
}

/// Sends a case to both servers, which are emptied before, and compares.
pub(super) fn differ(
    case: &Case,
    now: Millis,
    (redis, ours): (&mut Peer, &mut Peer),
) -> Result<Seen, Difference> {
    let mut seen = Seen::default();
    let sent = sent(case, now, &mut seen);
    let (mut bytes, mut count, mut db, mut places) = (Vec::new(), 1, None, Vec::new());
    request(&[b"FLUSHALL".to_vec()], &mut bytes);
    for Sent { asked, .. } in &sent {
        if db != Some(asked.db) {
            request(&[b"SELECT".to_vec(), asked.db.to_string().into_bytes()], &mut bytes);
            count += 1;
        }
        request(&asked.argv, &mut bytes);
        places.push(count);
        count += 1;
        // A SELECT among the commands may have changed the database.
        db = (!asked.argv[0].eq_ignore_ascii_case(b"select")).then_some(asked.db);
    }
    let (from_redis, from_ours) = std::thread::scope(|scope| {
        let redis = scope.spawn(|| redis.exchange(&bytes, count));
        let ours = ours.exchange(&bytes, count);
        (redis.join().expect("a thread that does not panic"), ours)
    });
    // Any of the steps may be the one that a server does not survive, or for which it takes too long.
    let step = case.steps.len().saturating_sub(1);
    let failed = |side: &str, error: std::io::Error| {
        let between = Difference::between("connection", (side, &error), ("expected", &"replies"));
        Difference { step, now, ..between }
    };
    let from_redis = from_redis.map_err(|error| failed("redis", error))?;
    let from_ours = from_ours.map_err(|error| failed("replicheck", error))?;
    for (Sent { step, asked }, place) in sent.iter().zip(places) {
        judge(asked, (&from_redis[place], &from_ours[place]), &mut seen)
            .map_err(|difference| Difference { step: *step, now, ..difference })?;
    }
    Ok(seen)
}

/// Whether the reference, or a row of the table, accepts both replies.
pub(super) fn judge(
    asked: &Asked,
    (redis, ours): (&Reply, &Reply),
    seen: &mut Seen,
) -> Result<(), Difference> {
    seen.commands += 1;
    seen.errors += usize::from(redis.is_error());
    for (server, reply) in [(Server::Redis, redis), (Server::Replicheck, ours)] {
        let shaped = in_the_shape_of(&asked.answer, reply.clone());
        if in_resp2(asked.answer.clone()).accepts(&shaped) {
            continue;
        }
        let is_right = |rule: &Rule| matches!(rule, Rule::Right(is_right) if is_right(asked, server, reply));
        let Some(row) = ROWS.iter().find(|row| is_right(&row.rule)) else {
            let words: Vec<String> = asked.argv.iter().map(|word| Quoted(word).to_string()).collect();
            let what = format!(
                "the reply of {server:?} to {} differs\n  reference: {:?}\n  redis: {redis:?}\n  replicheck: {ours:?}",
                words.join(" "),
                asked.answer
            );
            return Err(Difference { step: 0, now: asked.now, what });
        };
        *seen.rows.entry(row.name).or_default() += 1;
    }
    Ok(())
}
