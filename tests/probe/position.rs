//! Looks at a key → a verdict: cases as data.

use crate::property::properties;
use replicheck::probe::difference::{Comparison, Differences, Kind};
use replicheck::probe::position::{LOOKS_MAX, Look, Master, Reached, Reason, Suspect, Verdict};

fn differs(replica: &str) -> Differences {
    let mut found = Differences::default();
    found.push(Kind::OtherValue, None, "\"v\"".to_owned(), replica.to_owned());
    found
}

fn look(comparison: Comparison, master: Master, reached: Reached) -> Look {
    Look { comparison, master, reached }
}

/// The verdict on a key that is looked at in this way, and the number of looks.
fn verdict(looks: impl IntoIterator<Item = Look>) -> (Option<Verdict>, usize) {
    let mut suspect = Suspect::default();
    let verdict = looks.into_iter().find_map(|look| suspect.look(look));
    (verdict, suspect.looks())
}

#[test]
fn suspect_difference_that_stands_in_two_exact_looks_counts() {
    let standing = || look(Comparison::Differs(differs("w")), Master::Untouched, Reached::Position);
    assert_eq!(verdict([standing()]), (None, 1));
    assert_eq!(verdict([standing(), standing()]), (Some(Verdict::Differs(differs("w"))), 2));
}

#[test]
fn suspect_difference_is_none_while_the_looks_do_not_agree() {
    let at = |replica, master| look(Comparison::Differs(differs(replica)), master, Reached::Position);
    let cases = [
        // Another difference.
        vec![at("w", Master::Untouched), at("x", Master::Untouched)],
        // The master's value changed between them.
        vec![at("w", Master::Untouched), at("w", Master::Changed), at("w", Master::Untouched)],
        // It may have changed and changed back: the second look must be exact.
        vec![at("w", Master::Untouched), at("w", Master::Same)],
        vec![at("w", Master::Changed), at("w", Master::Untouched)],
    ];
    for looks in cases {
        assert_eq!(verdict(looks.clone()).0, None, "{looks:?}");
    }
    let equal = look(Comparison::Equal, Master::Changed, Reached::NotInTime);
    assert_eq!(verdict([at("w", Master::Untouched), equal]).0, Some(Verdict::Equal));
}

#[test]
fn suspect_on_a_server_without_watch_counts_by_equal_reads() {
    let standing = || look(Comparison::Differs(differs("w")), Master::SameWithoutWatch, Reached::Position);
    assert_eq!(verdict([standing(), standing()]).0, Some(Verdict::Differs(differs("w"))));
}

#[test]
fn suspect_whose_position_is_not_reached_or_not_known_may_be_lag() {
    let at = |reached| look(Comparison::Differs(differs("w")), Master::Untouched, reached);
    let may_be_lag = Some(Verdict::MayBeLag(differs("w")));
    assert_eq!(verdict([at(Reached::NotInTime)]).0, may_be_lag);
    let unknown = |waited| at(Reached::Unknown { waited });
    assert_eq!(verdict([unknown(false), unknown(false)]).0, None);
    assert_eq!(verdict([unknown(false), unknown(true)]).0, may_be_lag);
}

#[test]
fn suspect_that_never_stands_still_is_undecided_with_the_reason() {
    let hot = || look(Comparison::Differs(differs("w")), Master::Changed, Reached::Position);
    let expiring = || look(Comparison::Expiring, Master::Untouched, Reached::Position);
    assert_eq!(verdict(std::iter::repeat_with(hot)), (Some(Verdict::Undecided(Reason::Hot)), LOOKS_MAX));
    assert_eq!(
        verdict(std::iter::repeat_with(expiring)),
        (Some(Verdict::Undecided(Reason::Clock)), LOOKS_MAX)
    );
    let changing = || look(Comparison::Changing, Master::Untouched, Reached::Position);
    assert_eq!(verdict(std::iter::repeat_with(changing)).0, Some(Verdict::Undecided(Reason::Hot)));
}

/// The sequence of looks that the numbers describe.
fn drawn(bits: &[u8]) -> Vec<Look> {
    let one = |bits: &u8| {
        let comparison = match bits % 4 {
            0 => Comparison::Equal,
            1 => Comparison::Expiring,
            2 => Comparison::Differs(differs("w")),
            _ => Comparison::Differs(differs("x")),
        };
        let masters = [Master::Untouched, Master::Same, Master::Changed];
        let reached = [Reached::Position, Reached::NotInTime, Reached::Unknown { waited: true }];
        look(comparison, masters[usize::from(bits / 4 % 3)], reached[usize::from(bits / 12 % 3)])
    };
    bits.iter().map(one).collect()
}

properties! {
    fn prop_suspect_differs_only_after_two_equal_looks_at_the_position_the_last_one_exact(bits: Vec<u8>) -> bool {
        let looks = drawn(&bits);
        let (verdict, number) = verdict(looks.clone());
        let Some(Verdict::Differs(found)) = verdict else { return true };
        let stands = |look: &Look| look.comparison == Comparison::Differs(found.clone());
        let last_two = &looks[number - 2..number];
        last_two.iter().all(stands)
            && last_two[0].master != Master::Changed
            && last_two[1].master == Master::Untouched
            && last_two[1].reached == Reached::Position
    }
}
