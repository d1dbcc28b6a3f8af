//! Commands on hyperloglogs: PFADD PFCOUNT PFMERGE. Pure.
//!
//! A HyperLogLog estimates the number of different elements that were added to it, with a standard error of 0.81 %. It is a
//! string whose bytes are those of Redis: see `value`. An element is hashed (`hash`) to one of 16,384 registers and a
//! number for it; a register keeps its largest number. `estimate` computes the number of elements from the registers.
//!
//! PFCOUNT is a read: it uses a number of elements that is stored in the string, as Redis does, but never stores one. So the
//! number in the string stays invalid after PFADD; Redis writes it at the next PFCOUNT of the one key.
//!
//! Cost: O(bytes of the string), at most 12 KB, for each key and each element.

mod estimate;
mod hash;
mod sparse;
#[cfg(test)]
mod tests;
mod value;

use super::string::put_over;
use super::{CommandError, KeyArguments, Kind, Outcome, Reply, Spec, View, always};
use crate::effect::Effect;
use crate::time::Millis;
use value::{Registers, Sketch};

pub(super) const TABLE: &[Spec] = &[
    Spec {
        name: "pfadd",
        arity: -2,
        kind: Kind::Write,
        keys: KeyArguments::FIRST,
        depends_on_stored: always,
        grammar: "PFADD key [element [element ...]]",
        execute: pfadd,
    },
    Spec {
        name: "pfcount",
        arity: -2,
        kind: Kind::Read,
        keys: KeyArguments::ALL,
        depends_on_stored: always,
        grammar: "PFCOUNT key [key ...]",
        execute: pfcount,
    },
    Spec {
        name: "pfmerge",
        arity: -2,
        kind: Kind::Write,
        keys: KeyArguments::ALL,
        depends_on_stored: always,
        grammar: "PFMERGE destkey [sourcekey [sourcekey ...]]",
        execute: pfmerge,
    },
];

/// The living HyperLogLog `name`. Errors: WRONGTYPE.
fn sketch(view: &View<'_>, name: &[u8]) -> Result<Option<Sketch>, CommandError> {
    view.string(name)?.map(|(bytes, _)| Sketch::parse(bytes)).transpose()
}

/// Replaces the HyperLogLog `name` with what `edit` makes of it, or of an empty one. It keeps its deadline. The effect is
/// empty if it existed and no register has changed.
fn change<T>(
    view: &View<'_>,
    name: &[u8],
    edit: impl FnOnce(&mut Sketch) -> Result<T, CommandError>,
) -> Result<(T, Effect), CommandError> {
    let (stored, collection) = view.string_to_replace(name)?;
    let (old, deadline) = stored.unzip();
    let mut sketch = old.clone().map_or_else(|| Ok(Sketch::empty()), Sketch::parse)?;
    let result = edit(&mut sketch)?;
    let effect = match old {
        Some(old) if old == sketch.bytes() => Effect::none(),
        _ => put_over(view, name, sketch.bytes(), deadline.flatten(), collection),
    };
    Ok((result, effect))
}

fn pfadd(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (_, effect) = change(view, &argv[1], |sketch| {
        argv[2..].iter().try_for_each(|element| {
            let (register, number) = hash::place(element);
            sketch.raise(register, number)
        })
    })?;
    Ok((Reply::truth(!effect.is_empty()), effect))
}

fn pfcount(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let count = match &argv[1..] {
        [name] => sketch(view, name)?.map_or(Ok(0), |sketch| sketch.count())?,
        names => {
            let mut union = Registers::empty();
            for name in names {
                sketch(view, name)?.map_or(Ok(()), |sketch| union.raise_to(&sketch))?;
            }
            union.count()
        }
    };
    Ok((Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX)), Effect::none()))
}

fn pfmerge(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let (mut union, mut has_dense) = (Registers::empty(), false);
    for name in &argv[1..] {
        if let Some(sketch) = sketch(view, name)? {
            has_dense |= sketch.is_dense();
            union.raise_to(&sketch)?;
        }
    }
    let ((), effect) = change(view, &argv[1], |target| target.merge(&union, has_dense))?;
    Ok((Reply::OK, effect))
}
