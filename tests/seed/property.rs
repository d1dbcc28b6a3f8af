//! Property — quickcheck's properties, with cases drawn from the run's seed.

use crate::seed::Seed;
use quickcheck::{QuickCheck, Testable};

/// Tests `property` with cases drawn from the run's seed. Panics with the smallest case found that breaks it.
pub fn holds(property: impl Testable) {
    let seed = Seed::of_this_run();
    QuickCheck::new().rng(seed.generator()).quickcheck(property);
}

/// Declares tests of properties, in the syntax of the macro `quickcheck!`, which does not print its seed.
macro_rules! properties {
    ($($(#[$meta:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $returned:ty { $($code:tt)* })*) => {
        $(
            #[test]
            $(#[$meta])*
            fn $name() {
                fn property($($argument: $type),*) -> $returned {
                    $($code)*
                }
                $crate::property::holds(property as fn($($type),*) -> $returned);
            }
        )*
    };
}

pub(crate) use properties;
