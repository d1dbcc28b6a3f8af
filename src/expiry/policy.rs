//! The policies by name. Pure.

use super::ExpiryPolicy;
use super::absolute::Absolute;
use super::at_entry_time::AtEntryTime;
use super::effects::Effects;
use super::log_clock::LogClock;
use super::master_expires::MasterExpires;
use super::pksetat::Pksetat;
use super::relative::Relative;
use super::verbatim::Verbatim;

/// Names the policies once.
macro_rules! policies {
    ($($policy:ident $name:literal;)*) => {
        /// An expiry policy by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Policy {
            $(#[doc = concat!("`", $name, "`")] $policy,)*
        }

        impl Policy {
            /// All of them, the unsafe ones first.
            pub const ALL: &[Policy] = &[$(Policy::$policy,)*];

            /// The name that users write.
            pub fn name(self) -> &'static str {
                match self { $(Policy::$policy => $name,)* }
            }

            /// The policy.
            pub fn get(self) -> std::sync::Arc<dyn ExpiryPolicy + Send + Sync> {
                match self { $(Policy::$policy => std::sync::Arc::new($policy),)* }
            }
        }
    };
}

policies! {
    Verbatim "verbatim";
    Absolute "absolute";
    AtEntryTime "at_entry_time";
    Pksetat "pksetat";
    MasterExpires "master_expires";
    Relative "relative";
    Effects "effects";
    LogClock "log_clock";
}

impl std::str::FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Policy, UnknownPolicy> {
        let known = Policy::ALL.iter().find(|policy| policy.name() == name);
        known.copied().ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}

/// No policy has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown expiry '{0}' (known: {known})", known = known())]
pub struct UnknownPolicy(String);

fn known() -> String {
    Policy::ALL.iter().map(|policy| policy.name()).collect::<Vec<_>>().join(", ")
}
