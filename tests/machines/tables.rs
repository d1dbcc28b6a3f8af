//! The command table as Coq reads it: `proofs/generated_tables.v`, checked by `proofs/tables.v`.
//!
//! The file is written from the engine's own tables: each command's kind and rule, the key sets that [`Command::keys`] returns
//! for sample arguments, whether any two of these conflict, and which arguments the effects of the transcripts of
//! `golden/commands/` touched. `UPDATE_GOLDEN=1` writes the file; otherwise it is compared.

use super::commands::effects_of_transcripts;
use replicheck::command::{Command, KeyArguments, Spec, table};
use replicheck::effect::{Effect, KeySet};
use replicheck::time::Millis;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// A command whose arguments are keys by number, as in `proofs/key_set.v`.
fn command(spec: &Spec, arguments: &[usize]) -> Command {
    let name = std::iter::once(spec.name.as_bytes().to_vec());
    let argv = name.chain(arguments.iter().map(|number| number.to_string().into_bytes()));
    Command::parse(0, argv.collect()).expect("a right number of arguments")
}

fn coq_list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join("; "))
}

fn numbers(numbers: &[usize]) -> String {
    coq_list(numbers.iter().map(ToString::to_string))
}

fn coq_keys(keys: &KeySet) -> String {
    match keys {
        KeySet::Everything => "Everything".to_owned(),
        // A key in another database (MOVE) has the same name.
        KeySet::Keys(keys) => {
            format!("Keys {}", coq_list(keys.iter().map(|key| key.name.escape_ascii().to_string())))
        }
    }
}

fn rule(keys: KeyArguments) -> String {
    match keys {
        KeyArguments::None => "NoKeys".to_owned(),
        KeyArguments::Everything => "EveryKey".to_owned(),
        KeyArguments::Range { first, last, step } => format!("Range {first} ({last}) {step}"),
        KeyArguments::Counted { has_target, count } => format!("Counted {has_target} {count}"),
    }
}

/// The smallest number of arguments, without the name.
fn fewest(spec: &Spec) -> usize {
    usize::try_from(spec.arity.unsigned_abs()).expect("few") - 1
}

/// Sample arguments: all different, with up to two more than the fewest where the command allows more; then all equal.
fn samples(spec: &Spec) -> Vec<Vec<usize>> {
    let fewest = fewest(spec);
    let most = if spec.arity < 0 { fewest + 2 } else { fewest };
    let different = (fewest..=most).map(|count| (1..=count).collect());
    different.chain([vec![1; fewest]]).collect()
}

/// Writes a definition, one line for each row.
fn definition(text: &mut String, name: &str, of: &str, rows: impl IntoIterator<Item = String>) {
    let rows = rows.into_iter().collect::<Vec<_>>().join(";\n  ");
    write!(text, "\nDefinition {name} : list ({of}) := [\n  {rows}\n].\n").expect("a string");
}

fn verdicts() -> Vec<String> {
    let shapes = |spec: &'static Spec| {
        let fewest = fewest(spec);
        let shapes = [(1..=fewest).collect(), (2..=fewest + 1).collect(), vec![2; fewest]];
        BTreeSet::from(shapes).into_iter().map(move |shape: Vec<usize>| (spec, shape))
    };
    let all: Vec<(&Spec, Vec<usize>)> = table().flat_map(shapes).collect();
    let keys: Vec<KeySet> = all.iter().map(|(spec, shape)| command(spec, shape).keys()).collect();
    let row = |((spec, shape), ours): (&(&Spec, Vec<usize>), &KeySet)| {
        let bits: String =
            keys.iter().map(|theirs| if ours.conflicts_with(theirs) { '1' } else { '0' }).collect();
        format!("(\"{}\", {}, \"{bits}\")", spec.name, numbers(shape))
    };
    all.iter().zip(&keys).map(row).collect()
}

/// For each key that an effect touched: the places at which the command names it; `None` for everything.
fn effects() -> BTreeSet<String> {
    let row = |(command, effect, _): &(Command, Effect, Millis)| {
        let places = match &effect.keys {
            KeySet::Everything => "None".to_owned(),
            KeySet::Keys(keys) => {
                let named = |name: &[u8]| {
                    let argv = command.argv().iter().enumerate();
                    numbers(
                        &argv.filter(|(_, argument)| *argument == name).map(|(at, _)| at).collect::<Vec<_>>(),
                    )
                };
                let places: BTreeSet<String> = keys.iter().map(|key| named(&key.name)).collect();
                format!("Some {}", coq_list(places))
            }
        };
        let number = match command.spec().keys {
            KeyArguments::Counted { has_target, .. } => {
                command.key_positions().len() - usize::from(has_target)
            }
            _ => 0,
        };
        format!("(\"{}\", {}, {number}, {places})", command.name(), command.argv().len())
    };
    effects_of_transcripts().iter().map(row).collect()
}

fn generated() -> String {
    let mut text = "(* Written by tests/machines/tables.rs (UPDATE_GOLDEN=1): the engine's words, judged in tables.v. *)\n\n\
                    Require Import List String ZArith.\n\
                    Require Import Replicheck.key_set Replicheck.command_rules.\nImport ListNotations.\n\
                    Open Scope positive_scope.\nOpen Scope string_scope.\n"
        .to_owned();
    let row = |spec: &Spec| format!("(\"{}\", {:?}, {})", spec.name, spec.kind, rule(spec.keys));
    definition(&mut text, "commands", "string * kind * rule", table().map(row));
    let sample = |spec: &'static Spec| {
        let keys = move |arguments: Vec<usize>| {
            let keys = coq_keys(&command(spec, &arguments).keys());
            format!("(\"{}\", {}, {keys})", spec.name, numbers(&arguments))
        };
        samples(spec).into_iter().map(keys)
    };
    definition(&mut text, "samples", "string * list key * key_set", table().flat_map(sample));
    definition(&mut text, "verdicts", "string * list key * string", verdicts());
    text.push_str("\nOpen Scope nat_scope.\n");
    definition(&mut text, "effects", "string * nat * nat * option (list (list nat))", effects());
    text
}

#[test]
fn command_table_is_the_one_that_the_proofs_judge() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proofs/generated_tables.v");
    let now = generated();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert_eq!(std::env::var_os("CI"), None, "golden files are not rewritten in CI");
        std::fs::write(&path, &now).expect("the file is writable");
    }
    let recorded = std::fs::read_to_string(&path).expect("proofs/generated_tables.v");
    let lines = recorded.lines().zip(now.lines()).find(|(recorded, now)| recorded != now);
    assert!(
        recorded == now,
        "the table changed (UPDATE_GOLDEN=1 rewrites it, bash proofs/run judges it): {lines:?}"
    );
}
