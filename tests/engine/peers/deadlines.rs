//! Deadlines — the durations and instants of drawn commands, moved out of reach of the time that a run takes. Pure.
//!
//! ```text
//! drawn, on a clock near 1970       sent, on the clock of this machine
//! EXPIRE a 10                       EXPIRE a 1000000010 and more    in 2058 or later; each step of a case has its own year
//! PEXPIREAT a 1000005 (to come)     PEXPIREAT a 4102445800005       in the year 2100
//! PEXPIREAT a 999999 (gone by)      PEXPIREAT a 999999              in 1970
//! EXPIRE a -1, EXPIRE a x           as drawn
//! ```
//!
//! So no key dies during a case, and GT and LT compare deadlines that are years apart: it does not matter in which millisecond
//! a server executes a command.

use replicheck::time::Millis;

/// What is added to an instant to come: 130 years, in milliseconds.
const CENTURIES_MS: i128 = 4_102_444_800_000;
/// The shortest duration that is sent, in milliseconds: 31 years.
const DURATION_MS: i128 = 1_000_000_000_000;
/// The distance between the durations of two steps, in milliseconds: 115 days, more than any duration that is moved.
const BETWEEN_STEPS_MS: i128 = 10_000_000_000;
/// The longest duration that is moved, in units. Longer ones are drawn for their overflow.
const MOVED_MAX: i128 = 100_000;
/// A deadline that is nearer than this may pass during a run, in milliseconds: 11 days.
const NEAR_MS: i128 = 1_000_000_000;

/// An argument that is a duration or an instant.
struct Place {
    at: usize,
    unit_ms: i128,
    is_instant: bool,
}

fn place(at: usize, unit_ms: i128, is_instant: bool) -> Place {
    Place { at, unit_ms, is_instant }
}

/// The arguments of a command that are durations or instants.
fn places(argv: &[Vec<u8>]) -> Vec<Place> {
    let upper = |word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_uppercase();
    let first_option = match upper(&argv[0]).as_str() {
        "EXPIRE" | "SETEX" | "HEXPIRE" => return vec![place(2, 1000, false)],
        "PEXPIRE" | "PSETEX" | "HPEXPIRE" => return vec![place(2, 1, false)],
        "EXPIREAT" | "HEXPIREAT" => return vec![place(2, 1000, true)],
        "PEXPIREAT" | "HPEXPIREAT" => return vec![place(2, 1, true)],
        "SET" => 3,
        "GETEX" | "HGETEX" | "HSETEX" => 2,
        _ => return Vec::new(),
    };
    let options = argv.iter().enumerate().skip(first_option);
    let place_of = |(at, word): (usize, &Vec<u8>)| match upper(word).as_str() {
        "EX" => Some(place(at + 1, 1000, false)),
        "PX" => Some(place(at + 1, 1, false)),
        "EXAT" => Some(place(at + 1, 1000, true)),
        "PXAT" => Some(place(at + 1, 1, true)),
        _ => None,
    };
    options.filter_map(place_of).collect()
}

/// The number at a place, if Redis reads one there.
fn number(argv: &[Vec<u8>], place: &Place) -> Option<i128> {
    let text = std::str::from_utf8(argv.get(place.at)?).ok()?;
    let number: i64 = text.parse().ok()?;
    // Redis reads no number that it would not write so: no `+1`, no `01`.
    (number.to_string() == text).then_some(number.into())
}

/// The command of step `step`, drawn at `now`, with its durations and instants moved.
pub(super) fn moved(argv: &[Vec<u8>], now: Millis, step: usize) -> Vec<Vec<u8>> {
    let mut moved = argv.to_vec();
    for place in places(argv) {
        let Some(number) = number(argv, &place).filter(|number| *number > 0) else { continue };
        let is_to_come = number * place.unit_ms > i128::from(now.0);
        let more_ms = match place.is_instant {
            true if is_to_come && number * place.unit_ms < DURATION_MS => CENTURIES_MS,
            false if number <= MOVED_MAX => DURATION_MS + slot(step) * BETWEEN_STEPS_MS,
            _ => continue,
        };
        moved[place.at] = (number + more_ms / place.unit_ms).to_string().into_bytes();
    }
    moved
}

/// A number that differs from step to step, in no order: some durations are shorter than those of earlier steps.
fn slot(step: usize) -> i128 {
    /// A prime, larger than the number of steps in a case.
    const SLOTS: usize = 1009;
    i128::try_from(step * 856 % SLOTS).expect("small")
}

/// Whether a deadline of the command may pass during a run that began at `now`. Shrinking makes such commands.
pub(super) fn is_near(argv: &[Vec<u8>], now: Millis) -> bool {
    places(argv).iter().any(|place| {
        let Some(number) = number(argv, place) else { return false };
        let distance = number * place.unit_ms - if place.is_instant { now.0.into() } else { 0 };
        if place.is_instant { distance.abs() < NEAR_MS } else { (1..NEAR_MS).contains(&distance) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use replicheck::command::line::split;

    #[test]
    fn deadlines_moved_are_years_away_or_long_gone() {
        let cases = [
            ("EXPIRE a 10 GT", "EXPIRE a 1000000010 GT"),
            ("PEXPIRE a 10", "PEXPIRE a 1000000000010"),
            ("PEXPIREAT a 1000001", "PEXPIREAT a 4102445800001"),
            ("PEXPIREAT a 1000000", "PEXPIREAT a 1000000"),
            ("SET a 1 nx px 5", "SET a 1 nx px 1000000000005"),
            ("SET EX 5", "SET EX 5"),
            ("GETEX a EXAT 1001", "GETEX a EXAT 4102445801"),
            ("EXPIRE a 9223372036854775", "EXPIRE a 9223372036854775"),
            ("EXPIRE a -1", "EXPIRE a -1"),
            ("SETEX a 01 v", "SETEX a 01 v"),
        ];
        let now = Millis(1_800_000_000_000);
        for (drawn, sent) in cases {
            let line = |text: &str| split(text.as_bytes()).expect("a line");
            let moved = moved(&line(drawn), Millis(1_000_000), 0);
            assert_eq!(moved, line(sent), "{drawn}");
            assert!(!is_near(&moved, now), "{drawn}");
        }
    }

    #[test]
    fn deadlines_of_two_steps_are_far_apart() {
        let argv = split(b"PEXPIRE a 5").expect("a line");
        let mut all: Vec<i128> = (0..300)
            .map(|step| number(&moved(&argv, Millis(0), step), &place(2, 1, false)).expect("a number"))
            .collect();
        let first_is_not_least = all[1] > all[2];
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= BETWEEN_STEPS_MS), "{all:?}");
        assert!(first_is_not_least || all[0] != all[1]);
    }

    #[test]
    fn deadlines_within_days_are_near() {
        let now = Millis(1_800_000_000_000);
        for near in ["EXPIRE a 10", "SET a 1 PX 100", "PEXPIREAT a 1800000000001", "EXPIREAT a 1799999999"] {
            assert!(is_near(&split(near.as_bytes()).expect("a line"), now), "{near}");
        }
    }
}
