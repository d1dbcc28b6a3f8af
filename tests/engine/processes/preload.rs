//! Libraries that are preloaded into nodes, built with the system's C compiler.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a library with this name from C source. `None`, with a line on standard error: this machine cannot build it.
pub fn build(dir: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (file, library) = (dir.join(name).with_extension("c"), dir.join(name).with_extension("so"));
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &file]).arg("-ldl");
    match compiler.output() {
        Ok(done) if done.status.success() => Some(library),
        other => {
            // Not with `eprintln!`: the test harness hides its output when the test passes.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: cc does not build {name}.c, which is preloaded into processes: {other:?}"
            );
            None
        }
    }
}
