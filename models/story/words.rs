//! Words — who acts and what is done → a sentence. Pure.
//!
//! The only place where the words of a step are made. They go to people: drawings, tables, JSON, the `steps` of a path file.

use super::deed::{Actor, Deed, Entrance, Logged, Work};
use super::drawn::Lane;
use super::message::{Entry, Message};
use crate::binlog::Lsn;
use crate::models::request::Request;
use std::fmt;

impl fmt::Display for Actor {
    /// `client`, `worker 0`, `time`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Client => out.write_str("client"),
            Actor::Node(number) => out.write_str(&Lane::Node(*number).name()),
            Actor::Master => out.write_str("master"),
            Actor::Link => out.write_str("link"),
            Actor::Worker(number) => write!(out, "worker {number}"),
            Actor::Replica => out.write_str("replica"),
            Actor::Time => out.write_str("time"),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Send { requests, logged } => sent(out, requests, logged),
            Deed::Wait(request) => {
                let what =
                    request.as_ref().map_or("the next entry of its log".to_owned(), Request::to_string);
                write!(out, "{what} has to wait: the replica admits no entry now")
            }
            Deed::LogLate(Entry { lsn, carries }) => {
                let carries = carries.as_ref().map(ToString::to_string).unwrap_or_default();
                write!(out, "logs {carries} only now; the replica receives as entry {lsn}: {carries}")
            }
            Deed::Resend(entry) => write!(out, "sends entry {entry} again"),
            Deed::Heartbeat => out.write_str("sends a heartbeat with its time"),
            Deed::Deliver { message, late_ms: None } => write!(out, "delivers {message}"),
            Deed::Deliver { message, late_ms: Some(0) } => write!(out, "delivers {message}, at once"),
            Deed::Deliver { message, late_ms: Some(ms) } => {
                write!(out, "delivers {message}, {} late", Seconds(*ms))
            }
            Deed::LinkDown => out.write_str("goes down"),
            Deed::LinkUp => out.write_str("comes back"),
            Deed::Cut(None) => out.write_str("closes admission to publish a snapshot"),
            Deed::Cut(Some(lsn)) => write!(out, "closes admission at entry {lsn} to publish a snapshot"),
            Deed::Publish(lsn) => write!(out, "publishes a snapshot at entry {lsn}"),
            Deed::Apply(lsn) => write!(out, "applies entry {lsn}"),
            Deed::Show(lsn) => write!(out, "gives readers all up to entry {lsn}"),
            Deed::Crash { flushed, lost, after, readers } => crash(out, (*flushed, *lost), *after, *readers),
            Deed::Remove { key, logged } => {
                write!(out, "removes {key}, which is dead")?;
                if logged.is_empty() { Ok(()) } else { write!(out, "; logged: {}", listed(logged)) }
            }
            Deed::RemoveFound(key) => write!(out, "removes {key}, which it finds dead"),
            Deed::Pass(ms) => write!(out, "goes on by {}", Seconds(*ms)),
            Deed::Skew(ms) => {
                let way = if *ms > 0 { "ahead of" } else { "behind" };
                write!(out, "the replica's clock is {} {way} the master's", Seconds(ms.unsigned_abs()))
            }
            Deed::SetClock(ms) => {
                let way = if *ms > 0 { "ahead" } else { "back" };
                write!(out, "has its wall clock set {way} by {}", Seconds(ms.unsigned_abs()))
            }
            Deed::Restart { is_killed, down_ms } => {
                out.write_str(if *is_killed { "is killed" } else { "is stopped" })?;
                match down_ms {
                    0 => out.write_str(", and starts again at once"),
                    ms => write!(out, ", and starts again {} later", Seconds(*ms)),
                }
            }
            Deed::Node(deed) => deed.fmt(out),
            Deed::Copy(deed) => deed.fmt(out),
            Deed::Failover(deed) => deed.fmt(out),
            Deed::Crashes(deed) => deed.fmt(out),
            Deed::Session(deed) => deed.fmt(out),
            Deed::Ran(text) => out.write_str(text),
            Deed::Take(_)
            | Deed::Begin { .. }
            | Deed::Write { .. }
            | Deed::Finish { .. }
            | Deed::Recover(_) => worked(out, self),
        }
    }
}

/// What a worker does, or a replica that starts again.
fn worked(out: &mut fmt::Formatter<'_>, deed: &Deed) -> fmt::Result {
    let marked = |marker: &Option<Lsn>| marker.map(|lsn| format!(", marker {lsn}")).unwrap_or_default();
    match deed {
        Deed::Take(work) => write!(out, "takes {work}"),
        Deed::Begin { work, marker } => write!(out, "begins to write {work}{}", marked(marker)),
        Deed::Write { work, marker } => write!(out, "writes {work}{}", marked(marker)),
        Deed::Finish { work, applied: Lsn(0) } if work.is_told() => {
            write!(out, "is done with {work}; entry 1 is not applied yet")
        }
        Deed::Finish { work, applied } => {
            write!(out, "is done with {work}; all up to entry {applied} is applied")
        }
        Deed::Recover(work) if work.is_told() => write!(out, "applies {} {work} of its log", work.noun()),
        Deed::Recover(work) => write!(out, "applies {work} of its log"),
        _ => Ok(()),
    }
}

fn sent(out: &mut fmt::Formatter<'_>, requests: &[Request], logged: &Logged) -> fmt::Result {
    let requests: Vec<String> = requests.iter().map(ToString::to_string).collect();
    let (commands, master) = (requests.join(", then "), "the master");
    match logged {
        Logged::Nothing => write!(out, "{commands} on {master}; nothing to log"),
        Logged::As(lsn) => write!(out, "{commands} on {master}; logged as entry {lsn}"),
        Logged::Messages(sent) if sent.is_empty() => write!(out, "{commands} on {master}; logged: nothing"),
        Logged::Messages(sent) => write!(out, "{commands} on {master}; logged: {}", listed(sent)),
        Logged::Received(Entry { lsn, carries: None }) => {
            write!(out, "{commands} on {master}; the replica receives it as entry {lsn}")
        }
        Logged::Received(Entry { lsn, carries: Some(carried) }) => {
            write!(out, "{commands} on {master}; the replica receives as entry {lsn}: {carried}")
        }
        Logged::On { node, lsn, epoch, at_ms } => {
            let node = Lane::Node(*node).name();
            write!(out, "{commands} on {node}; logged as entry {lsn} of epoch {epoch}, at {at_ms} ms")
        }
    }
}

fn crash(
    out: &mut fmt::Formatter<'_>,
    (flushed, lost): (u16, u16),
    after: Option<Lsn>,
    readers: Option<Entrance>,
) -> fmt::Result {
    out.write_str("is killed and starts again; ")?;
    match flushed {
        0 => out.write_str("nothing of the store had been flushed")?,
        1 => out.write_str("the first batch had been flushed")?,
        count => write!(out, "the first {count} batches had been flushed")?,
    }
    match lost {
        0 => {}
        1 => out.write_str("; the last entry of its log is lost")?,
        lost => write!(out, "; the last {lost} entries of its log are lost")?,
    }
    if let Some(lsn) = after {
        write!(out, "; it goes on after entry {lsn}")?;
    }
    match readers {
        None => Ok(()),
        Some(Entrance::AtOnce) => out.write_str("; readers are let in at once"),
        Some(Entrance::After(lsn)) => write!(out, "; readers wait for entry {lsn}"),
        Some(Entrance::Later) => out.write_str("; readers wait"),
    }
}

fn listed(messages: &[Message]) -> String {
    messages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Work {
    /// Whether it is told what the entries carry.
    fn is_told(&self) -> bool {
        self.entries.iter().any(|entry| entry.carries.is_some())
    }

    fn noun(&self) -> &'static str {
        if self.entries.len() == 1 { "entry" } else { "entries" }
    }
}

impl fmt::Display for Work {
    /// `1 (SET a 1) and 2 (FLUSHDB)`; `entries 1, 2` where it is not told what they carry.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<String> = self.entries.iter().map(ToString::to_string).collect();
        if entries.is_empty() {
            return out.write_str("a job");
        }
        if self.is_told() {
            out.write_str(&entries.join(" and "))?;
            return self.part.as_ref().map_or(Ok(()), |key| write!(out, ", its part for {key}"));
        }
        write!(out, "{} {}", self.noun(), entries.join(", "))?;
        self.part.as_ref().map_or(Ok(()), |key| write!(out, " ({key})"))
    }
}

/// Milliseconds as seconds: `1.5 s`.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} s", self.0 as f64 / 1000.0)
    }
}
