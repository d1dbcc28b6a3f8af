//! Commit — the version of this program, and the commit that it was built from.

/// The version of the crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, as the build script (`src/cli/build.rs`) found it, in hexadecimal digits. Changes that were not committed do not
/// show. `None`: it was not built from a checkout, or not for release.
pub const COMMIT: Option<&str> = option_env!("REPLICHECK_COMMIT");
