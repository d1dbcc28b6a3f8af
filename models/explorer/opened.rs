//! Opened — an address → the model that its page walks, or the problem that is shown instead. Pure.

use super::address::{self, BadProgram, Typed};
use super::problem::Problem;
use super::program;
use crate::models::experiment::Model;
use crate::models::path::PathError;
use crate::models::walk::NoPath;
use maud::{Markup, html};

/// The model. Problems: the program cannot be explored, or the choice is not defined for it.
pub fn model(typed: &Typed) -> Result<Model, Problem> {
    let bad = |error| Problem::program(program::in_words(&error), form(typed, Some(&error)));
    let experiment = typed.experiment(&typed.parse().map_err(bad)?);
    let refused = |text: String| Problem::program(text, form(typed, None));
    match experiment.refusal() {
        Ok(None) => experiment.model().map_err(|error| refused(format!("{error}."))),
        Ok(Some(error)) => Err(refused(format!("this program is not defined for the choice: {error}."))),
        Err(error) => Err(refused(format!("{error}."))),
    }
}

/// The problem of a path that does not exist, with links to the part of it that does.
pub fn no_path(typed: &Typed, path: &[usize], error: &NoPath) -> Problem {
    let good = match error {
        NoPath::Waits { step, .. }
        | NoPath::Path(
            PathError::NoSuchStep { step, .. }
            | PathError::Waits { step, .. }
            | PathError::NotPossible { step, .. },
        ) => &path[..step - 1],
        NoPath::Path(PathError::NotBroken(_)) => path,
    };
    let mut nearest = vec![(typed.explore(), "the beginning of this program".to_owned())];
    if !good.is_empty() {
        nearest
            .push((typed.explore_path(good, None), format!("the first {} steps of this path", good.len())));
    }
    Problem::path(format!("{error}."), &nearest)
}

/// The form for another program or setting. `bad`: what is wrong with this program.
pub fn form(typed: &Typed, bad: Option<&BadProgram>) -> Markup {
    let page = format!("/explore/{}/{}", typed.choice.model(), typed.choice.name());
    html! {
        form.program method="get" action=(page) {
            (program::editor(&typed.text, bad))
            div.fields {
                @for ((model, name, label, range), value) in address::SETTINGS.iter().zip(address::values(&typed.extent)) {
                    @if *model == typed.choice.model() {
                        label { (label) " " input type="number" name=(name) value=(value) min=(range.start()) max=(range.end()); }
                    }
                }
                button type="submit" { "Explore" }
            }
        }
    }
}
