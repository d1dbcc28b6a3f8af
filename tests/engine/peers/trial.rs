//! Trial — one case on both servers and the reference → the first difference.

use super::deadlines::moved;
use super::explained::{Asked, ROWS, Rule};
use super::replies::request;
use super::server::{Peer, Server};
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
    /// Commands that were in a transaction.
    pub(super) in_transactions: usize,
    /// Keys whose values were compared at the end of their cases.
    keys: usize,
    /// How often each row of the table explained something.
    pub(super) rows: BTreeMap<&'static str, usize>,
}

impl Seen {
    pub(super) fn add(&mut self, more: Seen) {
        self.commands += more.commands;
        self.errors += more.errors;
        self.in_transactions += more.in_transactions;
        self.keys += more.keys;
        for (row, times) in more.rows {
            *self.rows.entry(row).or_default() += times;
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { commands, errors, in_transactions, keys, rows } = self;
        write!(
            out,
            "{commands} commands, {errors} of them refused, {in_transactions} in transactions, {keys} keys compared at the end of cases"
        )?;
        for row in ROWS {
            let times = rows.get(row.name).copied().unwrap_or(0);
            write!(out, "\n{times:>8}  {}: {}", row.name, row.reason)?;
        }
        Ok(())
    }
}

/// A case as it is sent: no time passes, the stores are left alone, deadlines are out of reach, and of nine steps in a row the middle
/// three are a transaction.
pub(super) fn settled(case: Case) -> Case {
    let mut now = START.0;
    let settled = |(at, step): (usize, Step)| {
        now += step.later_ms;
        let argv = moved(&step.argv, Millis(now), at);
        let transaction = (at / 3 % 3 == 1).then_some(at / 3);
        Step { chore: Chore::Nothing, later_ms: 0, db: step.db, argv, random: 0, transaction }
    };
    Case { policy: Policy::LogClock, steps: case.steps.into_iter().enumerate().map(settled).collect() }
}

/// A command that is sent, and the step from which it is.
struct Sent {
    step: usize,
    /// The transaction that it is in, and its database.
    transaction: Option<(usize, u8)>,
    asked: Asked,
}

/// The commands of a case that are sent to us and to `server`, and after them the commands that read all data.
fn sent(case: &Case, now: Millis, server: Server, seen: &mut Seen) -> Vec<Sent> {
    let (mut reference, mut all) = (Reference::default(), Vec::new());
    for (step, number) in case.steps.iter().zip(0..) {
        let before = reference.clone();
        let asked = ask(&mut reference, now, step.db, step.argv.clone());
        let not_sent =
            |rule: &Rule| matches!(rule, Rule::NotSent(is_left_out) if is_left_out(&asked, server));
        if let Some(row) = ROWS.iter().find(|row| not_sent(&row.rule)) {
            *seen.rows.entry(row.name).or_default() += 1;
            reference = before;
            continue;
        }
        // SELECT would move the rest of the transaction, and a command that is not queued would end it.
        let command = Command::parse(asked.db, asked.argv.clone());
        let is_queued = !is_select(&asked) && command.is_ok_and(|command| command.check_subcommand().is_ok());
        let transaction = step.transaction.filter(|_| is_queued).map(|transaction| (transaction, step.db));
        all.push(Sent { step: number, transaction, asked });
    }
    let last = case.steps.len().saturating_sub(1);
    for (db, argv) in readings(&mut reference, now, seen) {
        all.push(Sent { step: last, transaction: None, asked: ask(&mut reference, now, db, argv) });
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
                Content::Hash(_) | Content::Fields(_) => ("HGETALL", &[]),
                Content::List(_) => ("LRANGE", &["0", "-1"]),
                Content::Set(_) => ("SMEMBERS", &[]),
                Content::SortedSet(_) => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
                other => panic!("the reference holds {other}"),
            };
            let value = [word(name), key.name.to_vec()].into_iter().chain(rest.iter().map(|rest| word(rest)));
            readings.push((db, vec![word("TYPE"), key.name.to_vec()]));
            readings.push((db, value.collect()));
            if let Content::Fields(fields) = &stored.content {
                let fields = fields.keys().cloned();
                let number = fields.len().to_string().into_bytes();
                let command = [word("HPEXPIRETIME"), key.name.to_vec(), word("FIELDS"), number];
                readings.push((db, command.into_iter().chain(fields).collect()));
            }
            readings.push((db, vec![word("PEXPIRETIME"), key.name.to_vec()]));
        }
    }
    readings
}

/// Sends a case to both servers, which are emptied before, and compares.
pub(super) fn differ(
    case: &Case,
    now: Millis,
    (theirs, ours): (&mut Peer, &mut Peer),
) -> Result<Seen, Difference> {
    let mut seen = Seen::default();
    let (server, sent) = (theirs.server, sent(case, now, theirs.server, &mut seen));
    let Written { bytes, count, places } = written(&sent);
    let (from_theirs, from_ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| theirs.exchange(&bytes, count));
        let ours = ours.exchange(&bytes, count);
        (theirs.join().expect("a thread that does not panic"), ours)
    });
    // Any of the steps may be the one that a server does not survive, or for which it takes too long.
    let step = case.steps.len().saturating_sub(1);
    let failed = |side: Server, error: std::io::Error| {
        let between =
            Difference::between("connection", (&format!("{side:?}"), &error), ("expected", &"replies"));
        Difference { step, now, ..between }
    };
    let from_theirs = from_theirs.map_err(|error| failed(server, error))?;
    let from_ours = from_ours.map_err(|error| failed(Server::Replicheck, error))?;
    for (Sent { asked, .. }, place) in sent.iter().zip(places) {
        let replies =
            [(server, place.reply_in(&from_theirs)), (Server::Replicheck, place.reply_in(&from_ours))];
        seen.in_transactions += usize::from(place.command.is_some());
        judge(asked, replies, &mut seen).map_err(|difference| Difference {
            step: place.last,
            now,
            ..difference
        })?;
    }
    Ok(seen)
}

/// Where the reply of a command is.
#[derive(Clone, Copy)]
struct Place {
    /// The number of the request: that of the command, or of the EXEC that ends its transaction.
    request: usize,
    /// The command's number in its transaction.
    command: Option<usize>,
    /// The step of the last command of the transaction.
    last: usize,
}

impl Place {
    /// Its reply; that of EXEC if EXEC has failed.
    fn reply_in(self, replies: &[Reply]) -> &Reply {
        let reply = &replies[self.request];
        match (self.command, reply) {
            (Some(command), Reply::Array(of_commands)) => of_commands.get(command).unwrap_or(reply),
            _ => reply,
        }
    }
}

/// Commands as they are sent.
struct Written {
    bytes: Vec<u8>,
    /// Number of requests.
    count: usize,
    /// Of each command.
    places: Vec<Place>,
}

/// The commands as requests, after one that empties the server. Some of them are in transactions: a transaction has the replies
/// of its commands one by one.
fn written(sent: &[Sent]) -> Written {
    let mut written = Written { bytes: Vec::new(), count: 0, places: Vec::with_capacity(sent.len()) };
    let mut ask = |words: &[Vec<u8>]| {
        request(words, &mut written.bytes);
        written.count += 1;
        written.count - 1
    };
    let word = |word: &str| word.as_bytes().to_vec();
    ask(&[word("FLUSHALL")]);
    let mut db = None;
    for together in
        sent.chunk_by(|one, next| one.transaction.is_some() && one.transaction == next.transaction)
    {
        let first = &together[0];
        if db != Some(first.asked.db) {
            ask(&[word("SELECT"), first.asked.db.to_string().into_bytes()]);
        }
        if first.transaction.is_some() {
            ask(&[word("MULTI")]);
            together.iter().for_each(|sent| {
                ask(&sent.asked.argv);
            });
            let request = ask(&[word("EXEC")]);
            let last = together.last().map_or(first.step, |sent| sent.step);
            let place = |command| Place { request, command: Some(command), last };
            written.places.extend((0..together.len()).map(place));
        } else {
            let request = ask(&first.asked.argv);
            written.places.push(Place { request, command: None, last: first.step });
        }
        // A SELECT may have changed the database.
        db = (!is_select(&first.asked)).then_some(first.asked.db);
    }
    written
}

fn is_select(asked: &Asked) -> bool {
    asked.argv[0].eq_ignore_ascii_case(b"select")
}

/// Whether the reference, or a row of the table, accepts both replies.
pub(super) fn judge(
    asked: &Asked,
    replies: [(Server, &Reply); 2],
    seen: &mut Seen,
) -> Result<(), Difference> {
    seen.commands += 1;
    seen.errors += usize::from(replies[0].1.is_error());
    for (server, reply) in replies {
        let shaped = in_the_shape_of(&asked.answer, reply.clone());
        if in_resp2(asked.answer.clone()).accepts(&shaped) {
            continue;
        }
        let is_right = |rule: &Rule| matches!(rule, Rule::Right(is_right) if is_right(asked, server, reply));
        let Some(row) = ROWS.iter().find(|row| is_right(&row.rule)) else {
            let words: Vec<String> = asked.argv.iter().map(|word| Quoted(word).to_string()).collect();
            let what = format!(
                "the reply of {server:?} to {} differs\n  reference: {:?}\n  {:?}\n  {:?}",
                words.join(" "),
                asked.answer,
                replies[0],
                replies[1]
            );
            return Err(Difference { step: 0, now: asked.now, what });
        };
        *seen.rows.entry(row.name).or_default() += 1;
    }
    Ok(())
}
