//! EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST. Pure.

use super::numbers::integer;
use super::{Call, Told, number, refused};

/// The EXPIRE family: the argument counts in units of `unit` milliseconds, from `origin` on.
pub(super) fn expire(call: &mut Call<'_>, unit: i128, origin: i128) -> Told {
    let words: Vec<String> = call.args[2..].iter().map(|word| super::upper(word)).collect();
    for (at, word) in words.iter().enumerate() {
        if !["NX", "XX", "GT", "LT"].contains(&word.as_str()) {
            // As C prints a string: up to the first byte 00.
            let shown = String::from_utf8_lossy(call.arg(at + 2)).into_owned();
            return refused(&format!("Unsupported option {}", shown.split('\0').next().expect("a part")));
        }
    }
    let given = |word: &str| words.iter().any(|one| one == word);
    if given("NX") && (given("XX") || given("GT") || given("LT")) {
        return refused("NX and XX, GT or LT options at the same time are not compatible");
    }
    if given("GT") && given("LT") {
        return refused("GT and LT options at the same time are not compatible");
    }
    let distance = integer(call.arg(1))? * unit;
    let deadline = distance + origin;
    let fits = |number: i128| i64::try_from(number).is_ok();
    if !fits(distance) || !fits(deadline) {
        return refused(&format!("invalid expire time in '{}' command", call.name));
    }
    let Some(held) = call.held(0) else { return number(0) };
    // A key without a deadline lives for ever.
    let (now, never) = (held.deadline.unwrap_or(i128::MAX), held.deadline.is_none());
    let goes = (!given("NX") || never)
        && (!given("XX") || !never)
        && (!given("GT") || deadline > now)
        && (!given("LT") || deadline < now);
    if goes {
        call.keys.get_mut(&(call.db, call.args[0].clone())).expect("held").deadline = Some(deadline);
    }
    number(i128::from(goes))
}

/// The TTL family: the number of units from `origin` to the deadline, rounded to the nearest.
pub(super) fn left(call: &mut Call<'_>, unit: i128, origin: i128) -> Told {
    number(match call.held(0) {
        None => -2,
        Some(held) => held.deadline.map_or(-1, |deadline| (deadline - origin + unit / 2) / unit),
    })
}

pub(super) fn persist(call: &mut Call<'_>) -> Told {
    let old = call.keys.get_mut(&(call.db, call.args[0].clone())).and_then(|held| held.deadline.take());
    number(i128::from(old.is_some()))
}
