//! Rewriting of a command before a master logs it: durations become absolute deadlines, wall-clock instants become log
//! time, and chance becomes its outcome. Pure.

use super::Command;
use super::hash;
use super::number::parse_integer;
use super::options::Unit;
use crate::effect::{Effect, Write};
use crate::store::{element, key};
use crate::time::Millis;

impl Command {
    /// The command that makes the change `effect` of this one without chance: SPOP becomes SREM of the members that it
    /// removed, or DEL if it removed the whole set, as in Redis. Any other command is returned as it is.
    pub fn without_chance(&self, effect: &Effect) -> Command {
        if self.name() != "spop" {
            return self.clone();
        }
        let deleted = effect.writes.iter().filter_map(|write| match write {
            Write::Delete { key } => Some(key.as_slice()),
            Write::Put { .. } | Write::DeleteRange { .. } => None,
        });
        let members: Vec<&[u8]> =
            deleted.clone().filter_map(|raw| element::member(key::element_of(raw)?)).collect();
        let is_whole = deleted.clone().any(key::is_metadata);
        let (name, members) = if is_whole { ("DEL", &[][..]) } else { ("SREM", &members[..]) };
        let words = [name.as_bytes(), self.argv[1].as_slice()].into_iter().chain(members.iter().copied());
        Command::parse(self.db, words.map(<[u8]>::to_vec).collect()).unwrap_or_else(|_| self.clone())
    }

    /// The command that, run at any time, sets the deadline that this one sets at `now`: SETEX becomes SET …
    /// PXAT, EXPIRE becomes PEXPIREAT, EX and PX become PXAT, HEXPIRE and HGETEX become HPEXPIREAT. The caller passes a
    /// command that succeeded at `now`. A command with nothing to rewrite is returned as it is.
    pub fn with_absolute_deadline(&self, now: Millis) -> Command {
        self.rewritten(now)
            .and_then(|argv| Command::parse(self.db, argv).ok())
            .unwrap_or_else(|| self.clone())
    }

    /// This command with its instants converted from a wall clock that is `offset_ms` ahead to log time: EXPIREAT and EXAT
    /// become PEXPIREAT and PXAT, HEXPIREAT becomes HPEXPIREAT, and each instant is moved back by the offset, to 1 ms at the
    /// earliest. `None`: the command names no instant, or it will be refused.
    pub fn in_log_time(&self, offset_ms: i64) -> Option<Command> {
        let first = match self.name() {
            "set" => 3,
            "getex" => 2,
            "expireat" | "pexpireat" => {
                let unit = if self.name() == "expireat" { 1000 } else { 1 };
                let mut argv = self.argv.to_vec();
                argv[2] = moved(argv.get(2)?, unit, offset_ms)?;
                argv[0] = b"PEXPIREAT".to_vec();
                return Command::parse(self.db, argv).ok();
            }
            "hexpireat" | "hpexpireat" => {
                let unit = if self.name() == "hexpireat" { 1000 } else { 1 };
                let mut argv = self.argv.to_vec();
                argv[2] = moved_field_deadline(argv.get(2)?, unit, offset_ms)?;
                argv[0] = b"HPEXPIREAT".to_vec();
                return Command::parse(self.db, argv).ok();
            }
            "hsetex" | "hgetex" => {
                let (at, unit) = hash::deadline_option(&self.argv)?;
                let unit = match unit {
                    Unit::AtSecond => 1000,
                    Unit::AtMillisecond => 1,
                    Unit::Seconds | Unit::Milliseconds => return None,
                };
                let mut argv = self.argv.to_vec();
                argv[at + 1] = moved_field_deadline(argv.get(at + 1)?, unit, offset_ms)?;
                argv[at] = b"PXAT".to_vec();
                return Command::parse(self.db, argv).ok();
            }
            _ => return None,
        };
        let (mut argv, mut at, mut units) = (self.argv.to_vec(), first, Vec::new());
        while at + 1 < argv.len() {
            let Some(unit) = Unit::of_option(&argv[at]) else {
                at += 1;
                continue;
            };
            let factor = if unit == Unit::AtSecond { 1000 } else { 1 };
            units.push(unit);
            argv[at] = b"PXAT".to_vec();
            // A number that is not positive stays as it is: the command will be refused for it.
            if parse_integer(&argv[at + 1]).is_some_and(|number| number > 0) {
                argv[at + 1] = moved(&argv[at + 1], factor, offset_ms).unwrap_or_else(|| b"0".to_vec());
            }
            at += 2;
        }
        // Options of two different units are a syntax error: the command is not rewritten, so it is still
        // refused.
        let names = match units.first()? {
            unit @ (Unit::AtSecond | Unit::AtMillisecond) => units.iter().all(|other| other == unit),
            Unit::Seconds | Unit::Milliseconds => false,
        };
        if names { Command::parse(self.db, argv).ok() } else { None }
    }

    fn rewritten(&self, now: Millis) -> Option<Vec<Vec<u8>>> {
        let argument = |at: usize| self.argv.get(at).cloned();
        match self.name() {
            "setex" | "psetex" => {
                let unit = if self.name() == "setex" { 1000 } else { 1 };
                let deadline = instant(&argument(2)?, unit, now)?;
                Some(vec![b"SET".to_vec(), argument(1)?, argument(3)?, b"PXAT".to_vec(), deadline])
            }
            name @ ("expire" | "pexpire" | "expireat" | "hexpire" | "hpexpire" | "hexpireat") => {
                let (unit, origin) = match name {
                    "expire" | "hexpire" => (1000, now),
                    "pexpire" | "hpexpire" => (1, now),
                    _ => (1000, Millis::ZERO),
                };
                let mut argv = self.argv.to_vec();
                argv[0] = if name.starts_with('h') { b"HPEXPIREAT".to_vec() } else { b"PEXPIREAT".to_vec() };
                argv[2] = instant(&argument(2)?, unit, origin)?;
                Some(argv)
            }
            "hgetex" => hash::as_hpexpireat(&self.argv, now),
            "hsetex" => {
                let (at, unit) = hash::deadline_option(&self.argv)?;
                if unit == Unit::AtMillisecond { None } else { self.with_options_rewritten(at, now) }
            }
            "set" => self.with_options_rewritten(3, now),
            "getex" => self.with_options_rewritten(2, now),
            _ => None,
        }
    }

    /// The arguments with the first EX, PX or EXAT at or after position `first` rewritten as PXAT.
    fn with_options_rewritten(&self, first: usize, now: Millis) -> Option<Vec<Vec<u8>>> {
        let mut argv = self.argv.to_vec();
        let at = (first..argv.len().checked_sub(1)?).find(|&at| option(&argv[at], now).is_some())?;
        let (unit, origin) = option(&argv[at], now)?;
        argv[at + 1] = instant(&argv[at + 1], unit, origin)?;
        argv[at] = b"PXAT".to_vec();
        Some(argv)
    }
}

fn option(name: &[u8], now: Millis) -> Option<(i64, Millis)> {
    match name.to_ascii_uppercase().as_slice() {
        b"EX" => Some((1000, now)),
        b"PX" => Some((1, now)),
        b"EXAT" => Some((1000, Millis::ZERO)),
        _ => None,
    }
}

/// A wall-clock instant converted to log time, in milliseconds.
fn moved(amount: &[u8], unit: i64, offset_ms: i64) -> Option<Vec<u8>> {
    let instant = parse_integer(amount)?.checked_mul(unit)?;
    Some(instant.saturating_sub(offset_ms).max(1).to_string().into_bytes())
}

/// Like [`moved`], for the deadline of a field. `None`: a field cannot have it, and the command will be refused.
fn moved_field_deadline(amount: &[u8], unit: i64, offset_ms: i64) -> Option<Vec<u8>> {
    let instant = parse_integer(amount)?.checked_mul(unit)?;
    if hash::is_a_deadline(instant) { moved(amount, unit, offset_ms) } else { None }
}

fn instant(amount: &[u8], unit: i64, origin: Millis) -> Option<Vec<u8>> {
    let amount = parse_integer(amount)?.checked_mul(unit)?;
    let instant = i64::try_from(origin.0).ok()?.checked_add(amount)?;
    Some(instant.to_string().into_bytes())
}
