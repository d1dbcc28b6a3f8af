//! Build script: the commit of the checkout → `REPLICHECK_COMMIT`, which `check` writes into its JSON.
//!
//! It runs again when the commit changes, and then the package is compiled again. So only builds for release have the commit:
//! tests need not be compiled again after each. It does not watch the sources, because with every change of the program the
//! library would be compiled again, too: changes that are not committed do not show.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/cli/build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // Without git, or outside of a checkout, the commit is not known.
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return };
    // The first file changes with every commit and checkout; where git keeps no such log, the second does with a checkout.
    let watched = ["logs/HEAD", "HEAD"].map(|file| git(&["rev-parse", "--git-path", file]));
    for file in watched.into_iter().flatten().filter(|file| Path::new(file).exists()) {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rustc-env=REPLICHECK_COMMIT={commit}");
}

/// What git prints, if it can. It is asked only about the checkout of this package, not about one around it.
fn git(arguments: &[&str]) -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let said = Command::new("git").args(arguments).output().ok().filter(|said| said.status.success())?;
    String::from_utf8(said.stdout).ok().map(|text| text.trim().to_owned())
}
