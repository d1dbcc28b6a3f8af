//! HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST HGETEX HGETDEL HSETEX. Pure.

use super::numbers::{at_least, integer};
use super::values::Value;
use super::{Answer, Call, Refused, Told, number, refused, upper};
use replicheck::command::Reply;

/// The latest deadline of a field.
const LATEST: i128 = (1 << 46) - 1;
const NUMBER: &str = "Number of fields must be a positive integer";

impl Call<'_> {
    /// Sets the instant at which a field of the key that argument `at` names dies; `None`: never.
    pub(super) fn set_until(&mut self, at: usize, field: &[u8], until: Option<i128>) {
        let id = self.id(at);
        if let Some(held) = self.keys.get_mut(&id) {
            held.until.remove(field);
            held.until.extend(until.map(|until| (field.to_vec(), until)));
            held.bury_fields(self.now);
            if held.value.is_emptied() {
                self.keys.remove(&id);
            }
        }
    }

    /// `None`: there is no such field. `Some(None)`: it has no deadline.
    fn until(&self, field: &[u8]) -> Option<Option<i128>> {
        let held = self.held(0)?;
        let Value::Hash(fields) = held.value else { return None };
        fields.contains_key(field).then(|| held.until.get(field).copied())
    }
}

/// The fields of `FIELDS numfields field …` at argument `at`.
fn fields(call: &Call<'_>, at: usize, text: &str) -> Result<Vec<Vec<u8>>, Refused> {
    if at >= call.args.len() || upper(call.arg(at)) != "FIELDS" {
        return refused("Mandatory argument FIELDS is missing or not at the right position");
    }
    if at + 1 == call.args.len() {
        return refused(&format!("wrong number of arguments for '{}' command", call.name));
    }
    let wanted = at_least(call.arg(at + 1), 1, text)?;
    let named = call.args[at + 2..].to_vec();
    if i128::try_from(named.len()).expect("small") != wanted {
        return refused("The `numfields` parameter must match the number of arguments");
    }
    Ok(named)
}

/// An argument in units of `unit` milliseconds from `origin` on.
fn instant(call: &Call<'_>, argument: &[u8], unit: i128, origin: i128) -> Result<i128, Refused> {
    let given = integer(argument)?;
    if given < 0 {
        return refused("invalid expire time, must be >= 0");
    }
    let instant = given * unit + origin;
    if instant > LATEST {
        return refused(&format!("invalid expire time in '{}' command", call.name));
    }
    Ok(instant)
}

/// The instant that the option `word` with this argument means; `None`: it is not such an option.
fn option(call: &Call<'_>, word: &str, argument: &[u8]) -> Result<Option<i128>, Refused> {
    let (unit, origin) = match word {
        "EX" => (1000, call.now),
        "PX" => (1, call.now),
        "EXAT" => (1000, 0),
        "PXAT" => (1, 0),
        _ => return Ok(None),
    };
    instant(call, argument, unit, origin).map(Some)
}

fn each(numbers: Vec<i64>) -> Told {
    Ok(Answer::Exactly(Reply::Array(numbers.into_iter().map(Reply::Integer).collect())))
}

pub(super) fn hexpire(call: &mut Call<'_>, unit: i128, origin: i128) -> Told {
    call.hash(0)?;
    let until = instant(call, call.arg(1), unit, origin)?;
    let word = upper(call.arg(2));
    let has_condition = ["NX", "XX", "GT", "LT"].contains(&word.as_str());
    let named =
        fields(call, 2 + usize::from(has_condition), "Parameter `numFields` should be greater than 0")?;
    let mut told = Vec::new();
    for field in named {
        let Some(old) = call.until(&field) else {
            told.push(-2);
            continue;
        };
        // A field without a deadline lives for ever.
        let dies = old.unwrap_or(i128::MAX);
        let goes = match word.as_str() {
            "NX" => old.is_none(),
            "XX" => old.is_some(),
            "GT" => until > dies,
            "LT" => until < dies,
            _ => true,
        };
        if goes {
            call.set_until(0, &field, Some(until));
        }
        told.push(if !goes { 0 } else { 1 + i64::from(until <= call.now) });
    }
    each(told)
}

/// The HTTL family: the number of units from `origin` to the deadline of each field, rounded up.
pub(super) fn left(call: &mut Call<'_>, unit: i128, origin: i128) -> Told {
    call.hash(0)?;
    let of_field = |field: Vec<u8>| match call.until(&field) {
        None => -2,
        Some(None) => -1,
        Some(Some(until)) => i64::try_from((until - origin + unit - 1) / unit).expect("64 bits"),
    };
    each(fields(call, 1, NUMBER)?.into_iter().map(of_field).collect())
}

pub(super) fn hpersist(call: &mut Call<'_>) -> Told {
    call.hash(0)?;
    let mut told = Vec::new();
    for field in fields(call, 1, NUMBER)? {
        told.push(match call.until(&field) {
            None => -2,
            Some(None) => -1,
            Some(Some(_)) => 1,
        });
        call.set_until(0, &field, None);
    }
    each(told)
}

/// The value of a field, or null.
fn value(call: &Call<'_>, field: &[u8]) -> Result<Reply, Refused> {
    Ok(call.hash(0)?.get(field).cloned().map_or(Reply::Null, Reply::Bulk))
}

pub(super) fn hgetex(call: &mut Call<'_>) -> Told {
    call.hash(0)?;
    let word = upper(call.arg(1));
    let until = option(call, &word, call.arg(2))?;
    let at = 1 + if until.is_some() { 2 } else { usize::from(word == "PERSIST") };
    let mut told = Vec::new();
    for field in fields(call, at, NUMBER)? {
        told.push(value(call, &field)?);
        if at > 1 && call.until(&field).is_some() {
            call.set_until(0, &field, until);
        }
    }
    Ok(Answer::Exactly(Reply::Array(told)))
}

pub(super) fn hgetdel(call: &mut Call<'_>) -> Told {
    call.hash(0)?;
    let mut told = Vec::new();
    for field in fields(call, 1, NUMBER)? {
        told.push(value(call, &field)?);
        let mut left = call.hash(0)?;
        left.remove(&field);
        call.put(0, Value::Hash(left));
    }
    Ok(Answer::Exactly(Reply::Array(told)))
}

pub(super) fn hsetex(call: &mut Call<'_>) -> Told {
    let (mut condition, mut until, mut keeps, mut at) = (None, None, false, 1);
    while upper(call.arg(at)) != "FIELDS" {
        let word = upper(call.arg(at));
        match word.as_str() {
            "FNX" | "FXX" if condition.is_some() => {
                return refused("Only one of FXX or FNX arguments can be specified");
            }
            "FNX" | "FXX" => condition = Some(word == "FXX"),
            "EX" | "PX" | "EXAT" | "PXAT" | "KEEPTTL" if keeps || until.is_some() => {
                return refused("Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
            }
            "KEEPTTL" => keeps = true,
            "EX" | "PX" | "EXAT" | "PXAT" => {
                at += 1;
                if at == call.args.len() {
                    return refused("missing expire time");
                }
                until = option(call, &word, call.arg(at))?;
            }
            _ => {
                // As C prints a string: up to the first byte 00.
                let shown = String::from_utf8_lossy(call.arg(at)).into_owned();
                return refused(&format!("unknown argument: {}", shown.split('\0').next().expect("a part")));
            }
        }
        at += 1;
    }
    let arity = "wrong number of arguments for 'hsetex' command";
    if call.args.len() < at + 4 {
        return refused(arity);
    }
    let wanted = at_least(call.arg(at + 1), 1, "invalid number of fields")?;
    let pairs: Vec<Vec<u8>> = call.args[at + 2..].to_vec();
    if pairs.len() % 2 == 1 || i128::try_from(pairs.len() / 2).expect("small") != wanted {
        return refused(if wanted > i128::from(i32::MAX) { "invalid number of fields" } else { arity });
    }
    let old = call.hash(0)?;
    if condition.is_some_and(|all| pairs.chunks(2).any(|pair| old.contains_key(&pair[0]) != all)) {
        return number(0);
    }
    for pair in pairs.chunks(2) {
        let mut new = call.hash(0)?;
        new.insert(pair[0].clone(), pair[1].clone());
        call.put(0, Value::Hash(new));
        if !keeps {
            call.set_until(0, &pair[0], until);
        }
    }
    number(1)
}
