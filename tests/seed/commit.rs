//! Commit — the commit of the checkout under test, as git reports it.

use std::process::Command;
use std::sync::OnceLock;

static COMMIT: OnceLock<String> = OnceLock::new();

/// The commit's full hash; `unknown` if git cannot tell.
pub fn commit() -> &'static str {
    COMMIT.get_or_init(|| {
        let said = Command::new("git").args(["rev-parse", "HEAD"]).output();
        let said = said.ok().filter(|output| output.status.success());
        let commit = said.and_then(|output| String::from_utf8(output.stdout).ok());
        commit.map_or_else(|| "unknown".to_owned(), |commit| commit.trim().to_owned())
    })
}
