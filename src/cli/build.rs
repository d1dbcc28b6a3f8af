//! Build script: the commit of the checkout → `REPLICHECK_COMMIT`, which `check` writes into its JSON.
//!
//! Only builds for release have it: every commit would otherwise compile the whole package again for tests.

use std::path::Path;
use std::process::Command;

/// What a binary is made of.
const SOURCES: [&str; 4] = ["src", "models", "Cargo.toml", "Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=src/cli/build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // Without git, or outside of a checkout, the commit is not known.
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return };
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    // The first file changes with every commit and checkout; where git keeps no such log, the second does with a checkout.
    let watched = ["logs/HEAD", "HEAD"].map(|file| git(&["rev-parse", "--git-path", file]));
    for file in watched.into_iter().flatten().filter(|file| Path::new(file).exists()) {
        println!("cargo::rerun-if-changed={file}");
    }
    let changed = git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat());
    let mark = if changed.is_none_or(|files| files.is_empty()) { "" } else { "-changed" };
    println!("cargo::rustc-env=REPLICHECK_COMMIT={commit}{mark}");
}

/// What git prints, if it can. It is asked only about the checkout of this package, not about one around it.
fn git(arguments: &[&str]) -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let said = Command::new("git").args(arguments).output().ok().filter(|said| said.status.success())?;
    String::from_utf8(said.stdout).ok().map(|text| text.trim().to_owned())
}
