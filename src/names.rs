//! Names — what users write → the choice of that name, or an error that lists the known names. Pure.
//!
//! The macro `named!` gives an enum its names. Choices (ordering strategies, expiry policies) are rows of the macro `choices!`. One row says all that is the same
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

/// The element of `all` with this name. Errors: no element has it.
pub fn find<T: Copy, N: AsRef<str> + Into<String>>(
    what: &'static str,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> N,
) -> Result<T, UnknownName> {
    let found = all.iter().copied().find(|&one| name_of(one).as_ref() == name);
    found.ok_or_else(|| UnknownName::new(what, name, all.iter().map(|&one| name_of(one))))
}

/// Gives an enum its names: `ALL`, `name` and `FromStr`. `what` is the kind of thing in the error of an unknown name.
macro_rules! named {
    ($type:ident, what $what:literal; $($variant:ident $name:literal),* $(,)?) => {
        impl $type {
            /// All values, in the order of the tables.
            pub const ALL: &[$type] = &[$($type::$variant,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<$type, $crate::names::UnknownName> {
                $crate::names::find($what, name, $type::ALL, $type::name)
            }
        }
    };
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

        $crate::names::named!($choice, what $what; $($variant $name),*);

        impl $choice {
            /// What it does, in a sentence or two on one line.
            pub fn summary(self) -> &'static str {
                match self { $($choice::$variant => $summary,)* }
            }

            /// What it promises for any program.
            pub fn promises(self) -> $promise {
                match self { $($choice::$variant => $promise::$level,)* }
            }
        }

    };
}

pub(crate) use {choices, named};
