//! Alike — commands that differ only in a value that nothing reads.
//!
//! `SET a 1` and `SET a 2` are alike if the other commands of the alphabet neither read `a` nor give it one of these
//! values. A strategy sees keys, not values ([`Admission`](crate::ordering::Admission)), and the checks ask only whether
//! two values are equal. So two programs that differ only by exchanging such commands behave alike, and the search
//! explores only one of them: the program in which commands that are alike first occur in the order of the alphabet
//! (symmetry reduction; Ip and Dill, 1996). `tests/models/search.rs` compares this with a search of all programs.

use crate::command::Command;
use crate::effect::{Key, KeySet};
use crate::models::request::Request;

/// For each command of the alphabet: the place of the first command that is like it, or its own place if there is none.
pub(super) fn alike(alphabet: &[Request]) -> Vec<usize> {
    let first = |place: usize| {
        let set = opaque_set(alphabet, place)?;
        (0..place).find(|&other| opaque_set(alphabet, other).is_some_and(|(key, _)| key == set.0))
    };
    (0..alphabet.len()).map(|place| first(place).unwrap_or(place)).collect()
}

/// The commands that are like an earlier one, as words to follow their number: ` (SET a 2 as SET a 1)`, or an empty
/// string.
pub fn alike_in_words(alphabet: &[Request]) -> String {
    let places = alike(alphabet).into_iter().zip(alphabet);
    let later = places.filter(|(first, command)| alphabet[*first] != **command);
    let pairs: Vec<String> =
        later.map(|(first, command)| format!("{command} as {}", alphabet[first])).collect();
    if pairs.is_empty() { String::new() } else { format!(" ({})", pairs.join(", ")) }
}

/// Whether the command at `place` may come next in a program, given as places in the alphabet: every earlier command that
/// is like it must have occurred already.
pub(super) fn may_follow(alike: &[usize], program: &[usize], place: usize) -> bool {
    (0..place).filter(|other| alike[*other] == alike[place]).all(|other| program.contains(&other))
}

/// The key and the value of the command if it is a plain SET whose value no other command can give to that key or read.
fn opaque_set(alphabet: &[Request], place: usize) -> Option<(Key, &[u8])> {
    let set = |command: &Command| command.name() == "set" && command.argv().len() == 3;
    let command = alphabet[place].command()?;
    let value = command.argv().last()?;
    let KeySet::Keys(keys) = command.keys() else { return None };
    let key = keys.into_iter().next().filter(|_| set(command))?;
    let is_opaque = |(other, at): (&Command, usize)| {
        if at == place || other.touches_everything() {
            return at == place || matches!(other.name(), "flushdb" | "flushall");
        }
        let KeySet::Keys(keys) = other.keys() else { return false };
        !keys.contains(&key)
            || match other.name() {
                "set" => set(other) && other.argv()[2] != *value,
                "mset" => !other.argv().contains(value),
                "del" | "unlink" => true,
                _ => false,
            }
    };
    let others = alphabet.iter().zip(0..);
    let mut commands =
        others.flat_map(|(other, at)| other.commands().iter().map(move |command| (command, at)));
    commands.all(is_opaque).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::scenario::requests;

    #[test]
    fn alike_are_plain_sets_of_values_that_nothing_else_gives_or_reads() {
        let cases: &[(&[&str], &[usize])] = &[
            (&["SET a 1", "SET a 2", "DEL a", "FLUSHDB", "FLUSHALL"], &[0, 0, 2, 3, 4]),
            (&["SET b 1", "SET a 2", "MSET a 3 b 4", "SET a 1", "SET a 5"], &[0, 1, 2, 1, 1]),
            // A command that is given twice is alike to itself, but it is no other command.
            (&["SET a 1", "SET a 1"], &[0, 1]),
            (&["SET a 1", "SET a 2", "INCR a"], &[0, 1, 2]),
            (&["SET a 1", "SET a 2", "RENAME a b"], &[0, 1, 2]),
            (&["SET a 1", "SET a 2", "MSET b 9 a 2"], &[0, 1, 2]),
            (&["SET a 1", "SET a 2", "SET a 2 EX 5"], &[0, 1, 2]),
            (&["SET a 1", "SET a 2 NX"], &[0, 1]),
            (&["SET a 1", "SET b 2"], &[0, 1]),
            (&["SET a 1", "SET a 2", "MULTI", "SET a 3", "FLUSHDB", "EXEC"], &[0, 0, 2]),
            (&["SET a 1", "SET a 2", "MULTI", "SET b 1", "SET a 2", "EXEC"], &[0, 1, 2]),
            (&["SET a 1", "SET a 2", "MULTI", "INCR a", "EXEC"], &[0, 1, 2]),
        ];
        for (lines, expected) in cases {
            assert_eq!(alike(&requests(lines)), *expected, "{lines:?}");
        }
    }

    #[test]
    fn programs_one_of_each_two_that_are_alike_remain() {
        let alike = alike(&requests(&["SET a 1", "SET a 2", "DEL a"]));
        assert!(may_follow(&alike, &[], 0) && may_follow(&alike, &[], 2));
        assert!(!may_follow(&alike, &[2], 1));
        assert!(may_follow(&alike, &[0, 2], 1));
    }
}
