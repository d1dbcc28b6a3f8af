//! Names — what users write → the choice of that name, or an error that lists the known names. Pure.
//!
//! Choices that users name (ordering strategies, expiry policies) are rows of the macro `choices!`. One row says all that is the same
//! for every kind of choice: variant, name, promise and summary.

/// No thing of this kind has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{name}' (known: {})", .known.join(", "))]
pub struct UnknownName {
    /// The kind of thing: `ordering`, `model`.
    pub what: &'static str,
    /// The name that was given.
    pub name: String,
    /// The names that are known.
    pub known: Vec<String>,
}

impl UnknownName {
    /// The error for `name`, where `known` are the names of that kind.
    pub fn new<N: Into<String>>(
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = N>,
    ) -> UnknownName {
        UnknownName { what, name: name.to_owned(), known: known.into_iter().map(Into::into).collect() }
    }
}

/// Makes an enum of choices, a row each, with all that follows from a row: `ALL`, `name`, `summary`, `promises` and `FromStr`.
/// `what` is the kind of choice in the error of an unknown name; `promises` is the type of what a choice promises.
macro_rules! choices {
    (
        $(#[$doc:meta])* $choice:ident, what $what:literal, promises $promise:ident;
        $($variant:ident $name:literal promises $level:ident, $summary:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $choice {
            $(#[doc = concat!("`", $name, "`. ", $summary)] $variant,)*
        }

        impl $choice {
            /// All of them, the unsafe ones first.
            pub const ALL: &[$choice] = &[$($choice::$variant,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $($choice::$variant => $name,)* }
            }

            /// What it does, in a sentence or two on one line.
            pub fn summary(self) -> &'static str {
                match self { $($choice::$variant => $summary,)* }
            }

            /// What it promises for any program.
            pub fn promises(self) -> $promise {
                match self { $($choice::$variant => $promise::$level,)* }
            }
        }

        impl std::str::FromStr for $choice {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<$choice, $crate::names::UnknownName> {
                let all = || $choice::ALL.iter().copied();
                let unknown = || $crate::names::UnknownName::new($what, name, all().map($choice::name));
                all().find(|choice| choice.name() == name).ok_or_else(unknown)
            }
        }
    };
}

pub(crate) use choices;
