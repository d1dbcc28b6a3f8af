//! Programs are cut down to what an invariant needs.

use crate::property::properties;
use replicheck::models::program::{Program, parse};
use replicheck::models::shrink::{Shrunk, shrink};
use std::cell::Cell;
use std::collections::BTreeSet;

fn program(writes: usize) -> Program {
    let lines: String = (0..writes).map(|number| format!("SET key:{number} v\n")).collect();
    parse(lines.as_bytes()).expect("a program")
}

/// The lines of a program's commands.
fn lines(program: &Program) -> BTreeSet<usize> {
    program.commands.iter().map(|command| command.line).collect()
}

#[test]
fn shrink_keeps_exactly_the_commands_that_are_needed() {
    let needed = BTreeSet::from([3, 17, 18, 40]);
    let asked = Cell::new(0);
    let breaks = |program: &Program| {
        asked.set(asked.get() + 1);
        needed.is_subset(&lines(program))
    };
    let Shrunk { program, is_minimal } = shrink(&program(60), breaks, || false);
    assert_eq!((lines(&program), is_minimal), (needed.clone(), true));
    assert!(asked.get() < 120, "{} programs were tried", asked.get());
}

#[test]
fn shrink_without_time_gives_what_was_reached() {
    let asked = Cell::new(0);
    let breaks = |program: &Program| {
        asked.set(asked.get() + 1);
        lines(program).contains(&1)
    };
    let Shrunk { program, is_minimal } = shrink(&program(64), breaks, || asked.get() >= 2);
    assert_eq!((program.commands.len(), is_minimal), (16, false), "two halves were left out");
}

#[test]
fn shrink_program_of_one_command_is_minimal() {
    let Shrunk { program, is_minimal } = shrink(&program(1), |_| panic!("there is nothing to try"), || false);
    assert_eq!((program.commands.len(), is_minimal), (1, true));
}

properties! {
    /// Also where leaving a command out may break the invariant again, as with programs.
    fn prop_shrink_result_breaks_and_no_command_can_be_left_out(writes: u8, seed: u64) -> bool {
        let all = program(usize::from(writes % 24) + 1);
        let full = lines(&all);
        // Any predicate that holds of the whole program: by a hash of the lines that are left.
        let breaks = |program: &Program| {
            let left = lines(program);
            left == full || left.iter().fold(seed, |hash, line| hash.rotate_left(7) ^ (*line as u64).wrapping_mul(0x9e37)) % 3 == 0
        };
        let Shrunk { program, is_minimal } = shrink(&all, breaks, || false);
        let without = |left_out: usize| {
            let mut commands = program.commands.clone();
            commands.remove(left_out);
            Program { commands, ..program.clone() }
        };
        let count = program.commands.len();
        is_minimal && breaks(&program) && (count == 1 || (0..count).all(|number| !breaks(&without(number))))
    }
}
