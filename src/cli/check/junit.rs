//! JUnit — rows of verdicts → the XML that CI systems show: a suite for each choice, a case for each invariant. Pure.

use super::args::Args;
use super::required::{Counts, counts};
use crate::cli::commit::{COMMIT, VERSION};
use maud::{Markup, html};
use replicheck::models::report::sign;
use replicheck::models::verdict::{Row, cost};

/// The result of a test case.
enum Case {
    Passed,
    Failed(String),
    /// Nothing is asked of it.
    Skipped,
}

/// The document.
pub fn document(rows: &[Row], args: &Args) -> String {
    let suites = rows.chunk_by(|row, next| suite_of(row) == suite_of(next));
    let count = |rows: &[Row], is: fn(&Case) -> bool| rows.iter().filter(|row| is(&case(row, args))).count();
    let (failures, skipped) =
        (|case: &Case| matches!(case, Case::Failed(_)), |case: &Case| matches!(case, Case::Skipped));
    let body = html! {
        testsuites name="replicheck" tests=(rows.len()) failures=(count(rows, failures)) skipped=(count(rows, skipped)) {
            @for suite in suites {
                testsuite name=(shown(&suite_of(&suite[0]))) tests=(suite.len()) failures=(count(suite, failures))
                    skipped=(count(suite, skipped)) errors="0" time=(seconds(suite)) {
                    properties {
                        property name="version" value=(VERSION) {}
                        @if let Some(commit) = COMMIT { property name="commit" value=(commit) {} }
                        property name="bounds" value=(shown(&suite[0].bounds)) {}
                    }
                    @for row in suite { (testcase(row, args)) }
                }
            }
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", body.into_string())
}

/// The name of a choice's suite.
fn suite_of(row: &Row) -> String {
    let scenario = row.scenario.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
    format!("{}/{}{scenario}", row.model, row.choice)
}

/// Seconds of the searches of a suite.
fn seconds(suite: &[Row]) -> String {
    format!("{:.3}", cost(suite).seconds)
}

fn testcase(row: &Row, args: &Args) -> Markup {
    let story = row.counterexample.as_ref().map(|story| story.in_words().join("\n")).unwrap_or_default();
    let verdict = format!("{}: {}, expected {}", row.invariant, row.verdict.name(), row.expected.name());
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    html! {
        testcase classname=(shown(&suite_of(row))) name=(row.invariant.name()) time="0" {
            @match case(row, args) {
                Case::Passed => {}
                Case::Failed(why) => { failure message=(shown(&why)) type=(row.verdict.name()) { (shown(&story)) } }
                Case::Skipped => { skipped message="not required" {} }
            }
            system-out { (shown(&format!("{verdict}{note}"))) }
        }
    }
}

fn case(row: &Row, args: &Args) -> Case {
    let is_own_program = args.program.is_some();
    let found = format!("{} is {}", row.invariant, sign(row.verdict));
    match (args.require.is_empty(), counts(args, row)) {
        (true, _) if row.is_as_expected(is_own_program) => Case::Passed,
        (true, _) => Case::Failed(format!("{found}, expected {}", sign(row.expected))),
        (false, Counts::Passes) => Case::Passed,
        (false, Counts::Fails) => Case::Failed(format!("{found}, required ✓")),
        (false, Counts::NotRequired) => Case::Skipped,
    }
}

/// The text without characters that XML 1.0 does not have.
fn shown(text: &str) -> String {
    let is_in_xml = |letter: &char| !letter.is_control() || ['\n', '\t'].contains(letter);
    text.chars().filter(is_in_xml).filter(|letter| !['\u{fffe}', '\u{ffff}'].contains(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::ARGS;
    use super::super::tests::row;
    use super::*;
    use replicheck::models::invariants::Invariant;
    use replicheck::models::verdict::Verdict;

    fn rows() -> Vec<Row> {
        let expected = row(Verdict::Violated, Verdict::Violated);
        let differs = Row { invariant: Invariant::Convergence, ..row(Verdict::Violated, Verdict::Holds) };
        let other = Row { choice: "a<b\u{7}".to_owned(), ..row(Verdict::Holds, Verdict::Holds) };
        vec![expected, differs, other]
    }

    #[test]
    fn document_fails_what_is_not_expected() {
        let text = document(&rows(), &ARGS);
        let xml = roxmltree::Document::parse(&text).expect("XML");
        let all = |name: &str| xml.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!(
            (all("testsuite"), all("testcase"), all("failure"), all("skipped")),
            (2, 3, 1, 0),
            "{text}"
        );
        assert_eq!(xml.root_element().attribute("failures"), Some("1"));
        assert!(text.contains("message=\"convergence is ✗, expected ✓\""), "{text}");
        assert!(text.contains("ordering/a&lt;b\""), "a name is escaped: {text}");
    }

    #[test]
    fn document_with_required_invariants_fails_and_skips_by_them_alone() {
        let args = Args { choice: vec!["serial".to_owned()], require: vec![Invariant::Prefix], ..ARGS };
        let text = document(&rows(), &args);
        let xml = roxmltree::Document::parse(&text).expect("XML");
        let of = |name: &str| xml.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((of("failure"), of("skipped")), (1, 1), "{text}");
        assert!(text.contains("message=\"prefix is ✗, required ✓\""), "{text}");
    }
}
