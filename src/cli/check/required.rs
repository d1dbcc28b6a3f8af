//! Required — what `--require` asks of the named choices, and whether the verdicts give it. Pure.

use super::args::Args;
use crate::cli::UsageError;
use replicheck::models::check::judging;
use replicheck::models::invariants::{Invariant, listed};
use replicheck::models::report::{sign, steps};
use replicheck::models::verdict::{Row, Verdict};

/// How `--require` counts a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// It is not about a required invariant.
    NotRequired,
    /// It is enough.
    Passes,
    /// It is not enough.
    Fails,
}

/// Checks that each required invariant is judged under each choice. Errors: the model does not have it, or there is no such
/// choice.
pub fn check(args: &Args) -> Result<(), UsageError> {
    for choice in args.choice.iter().filter(|_| !args.require.is_empty()) {
        let judging = judging(args.model.as_deref(), choice);
        let judging = judging.map_err(|error| UsageError::Unknown(error.to_string()))?;
        // A program of the user's own is judged by these two.
        let takes_part = |model: &str| args.program.is_none() || ["ordering", "expiry"].contains(&model);
        let judging: Vec<_> = judging.into_iter().filter(|(model, _)| takes_part(model)).collect();
        let is_judged = |wanted: &Invariant| judging.iter().any(|(_, known)| known.contains(wanted));
        if let Some(lacking) = args.require.iter().find(|wanted| !is_judged(wanted)) {
            let known: Vec<String> = judging
                .iter()
                .map(|(model, invariants)| format!("model {model} judges {}", listed(invariants)))
                .collect();
            let known = if known.is_empty() { "no model judges it".to_owned() } else { known.join("; ") };
            return Err(UsageError::Unknown(format!("{lacking} is not judged of {choice}: {known}")));
        }
    }
    Ok(())
}

/// How `--require` counts a row.
pub fn counts(args: &Args, row: &Row) -> Counts {
    if !args.require.contains(&row.invariant) {
        return Counts::NotRequired;
    }
    match row.verdict {
        Verdict::Holds => Counts::Passes,
        Verdict::Sampled if args.allow_sampled => Counts::Passes,
        Verdict::Sampled | Verdict::Violated | Verdict::Refused | Verdict::Incomplete => Counts::Fails,
    }
}

/// The rows that are not enough, in words.
pub fn failing(args: &Args, rows: &[Row]) -> Vec<String> {
    rows.iter().filter(|row| counts(args, row) == Counts::Fails).map(in_words).collect()
}

/// The required pairs of a choice and an invariant that no row is about: their search gave no verdict.
pub fn unjudged(args: &Args, rows: &[Row]) -> Vec<String> {
    let pairs = args.choice.iter().flat_map(|choice| args.require.iter().map(move |wanted| (choice, wanted)));
    let is_judged = |choice: &str, wanted: Invariant| {
        rows.iter().any(|row| row.choice == choice && row.invariant == wanted)
    };
    pairs
        .filter(|(choice, wanted)| !is_judged(choice, **wanted))
        .map(|(choice, wanted)| format!("{choice}: {wanted} has no verdict"))
        .collect()
}

/// `ordering / key_hash: convergence is ✗ 12, required ✓`
fn in_words(row: &Row) -> String {
    let scenario = row.scenario.as_ref().map(|name| format!(" / {name}")).unwrap_or_default();
    let length = steps(row).map(|steps| format!(" {steps}")).unwrap_or_default();
    let why = match row.verdict {
        Verdict::Sampled => " (--allow-sampled lets it pass)".to_owned(),
        Verdict::Refused | Verdict::Incomplete if !row.note.is_empty() => format!(" ({})", row.note),
        _ => String::new(),
    };
    let (model, choice, invariant, found) = (row.model, &row.choice, row.invariant, sign(row.verdict));
    format!("{model} / {choice}{scenario}: {invariant} is {found}{length}, required ✓{why}")
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::ARGS;
    use super::super::tests::row;
    use super::*;

    fn args(allow_sampled: bool) -> Args {
        let require = vec![Invariant::Prefix];
        Args { choice: vec!["serial".to_owned()], require, allow_sampled, ..ARGS }
    }

    #[test]
    fn counts_sampled_passes_only_if_allowed_and_refused_and_incomplete_never() {
        let passes = |verdict, allow_sampled| {
            counts(&args(allow_sampled), &row(verdict, Verdict::Violated)) == Counts::Passes
        };
        use Verdict::{Holds, Incomplete, Refused, Sampled, Violated};
        for (verdict, alone, allowed) in [
            (Holds, true, true),
            (Sampled, false, true),
            (Violated, false, false),
            (Refused, false, false),
            (Incomplete, false, false),
        ] {
            assert_eq!((passes(verdict, false), passes(verdict, true)), (alone, allowed), "{verdict:?}");
        }
        let other = Row { invariant: Invariant::Convergence, ..row(Violated, Violated) };
        assert_eq!(counts(&args(false), &other), Counts::NotRequired);
    }

    #[test]
    fn unjudged_invariant_of_a_search_without_a_verdict_is_named() {
        assert_eq!(unjudged(&args(false), &[row(Verdict::Holds, Verdict::Holds)]), [""; 0]);
        assert_eq!(unjudged(&args(false), &[]), ["serial: prefix has no verdict"]);
    }

    #[test]
    fn check_invariant_that_no_model_of_the_choice_has_is_refused() {
        let with = |choice: &str, require, program: Option<&str>| {
            let program = program.map(str::to_owned);
            check(&Args { choice: vec![choice.to_owned()], require: vec![require], program, ..ARGS })
        };
        assert!(with("serial", Invariant::Prefix, None).is_ok());
        let said = with("serial", Invariant::PastRead, None)
            .map_or_else(|error| error.to_string(), |()| String::new());
        assert!(
            said.starts_with("past_read is not judged of serial: model ordering judges progress"),
            "{said}"
        );
        // The model of clocks judges lifetime, but not of a program of the user's own.
        assert!(with("log_clock", Invariant::Lifetime, None).is_ok());
        assert!(with("log_clock", Invariant::Lifetime, Some("a.txt")).is_err());
    }
}
