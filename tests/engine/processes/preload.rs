//! Libraries that are preloaded into nodes, built with the system's compiler.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the library of that name and C source; `None`, and a line on standard error: this machine cannot.
pub fn build(dir: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (file, library) = (dir.join(name).with_extension("c"), dir.join(name).with_extension("so"));
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &file]).arg("-ldl");
    match compiler.output() {
        Ok(done) if done.status.success() => Some(library),
        other => {
            // Not by `eprintln!`, which a test that passes keeps to itself.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: cc does not build {name}.c, which is preloaded into processes: {other:?}"
            );
            None
        }
    }
}
