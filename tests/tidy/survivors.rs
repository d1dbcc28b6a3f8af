//! Survivors — the list of mutants that no test can notice: each row names a file of the tree, and a reason follows it. Pure.

use crate::{Finding, finding};

/// The list, in the form that `tests/mutation/compare` reads.
pub const PATH: &str = "tests/mutation/survivors.txt";

/// A finding for each row without a file or a reason. `is_there`: whether the tree has a file of this path.
pub fn survivors(text: &str, is_there: impl Fn(&str) -> bool) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let is_reason =
        |at: usize| lines.get(at).is_some_and(|line| line.starts_with("    ") && !line.trim().is_empty());
    let is_row = |line: &str| !line.is_empty() && !line.starts_with([' ', '#']);
    let mut findings = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        if is_row(line) {
            let file = line.split_once(": ").map_or("", |(file, _)| file);
            if !is_there(file) {
                findings.push(finding(
                    PATH,
                    number,
                    format!("'{file}' is no file"),
                    "the mutant as the run names it",
                ));
            }
            if !is_reason(at + 1) {
                findings.push(finding(
                    PATH,
                    number,
                    "a row without a reason",
                    "the reason below it, indented",
                ));
            }
        } else if is_reason(at) && !at.checked_sub(1).is_some_and(|before| is_row(lines[before])) {
            findings.push(finding(PATH, number, "a reason without a row", "one line for each reason"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_without_file_reason_or_row_are_reported() {
        let found = |text: &str| -> Vec<String> {
            survivors(text, |file| file == "src/a.rs").into_iter().map(|finding| finding.what).collect()
        };
        assert!(found("# words\n\nsrc/a.rs: replace + with - in f\n    the same\n").is_empty());
        assert_eq!(found("src/b.rs: replace + with - in f\n    the same\n"), ["'src/b.rs' is no file"]);
        assert_eq!(found("src/a.rs: replace + with - in f\n\n"), ["a row without a reason"]);
        assert_eq!(found("\n    the same\n"), ["a reason without a row"]);
    }
}
