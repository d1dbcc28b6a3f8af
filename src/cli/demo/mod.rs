//! Stand-in.
use super::{Outcome, UsageError};
/// Args.
#[derive(clap::Args)]
pub struct Args {}
/// Run.
pub fn run(_: &Args) -> Result<Outcome, UsageError> {
    Ok(Outcome::Expected)
}
