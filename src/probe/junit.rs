//! JUnit — a report → the XML that CI systems show: a suite for each replica, a case for each kind of difference. Pure.

use super::difference::Kind;
use super::report::{Finding, OfReplica, Outcome, Report};
use super::shown::quoted;
use quick_junit::{NonSuccessKind, Property, Report as Document, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The document. Errors: a text that XML cannot hold.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut document = Document::new("replicheck probe compare");
    let could_not = could_not(report);
    document.add_test_suites(report.replicas.iter().enumerate().map(|(at, replica)| {
        // It concerns all replicas, and is told once.
        suite(report, replica, could_not.as_deref().filter(|_| at == 0))
    }));
    document.to_string()
}

fn could_not(report: &Report) -> Option<String> {
    match report.outcome() {
        Outcome::CouldNotJudge(reasons) => Some(reasons.join("; ")),
        Outcome::Nothing | Outcome::Found => report.broken_off.clone(),
    }
}

fn suite(report: &Report, replica: &OfReplica, could_not: Option<&str>) -> TestSuite {
    let mut suite = TestSuite::new(&replica.name);
    suite.set_time(Duration::try_from_secs_f64(report.seconds).unwrap_or_default());
    let master = report.options.master.to_string();
    let not_compared = report.not_compared.join("; ");
    let properties =
        [("master", &*master), ("version", env!("CARGO_PKG_VERSION")), ("not compared", &not_compared)];
    suite.add_properties(properties.map(|(name, value)| Property::new(name, value)));
    suite.add_test_case(case(replica, "judged", could_not.map(error)));
    for &kind in Kind::ALL {
        let keys = replica.kinds.get(&kind);
        let failure = keys.map(|keys| failure(*keys, kind, &keys_of(replica, kind)));
        suite.add_test_case(case(replica, kind.name(), failure));
    }
    suite
}

fn case(replica: &OfReplica, name: &str, not: Option<TestCaseStatus>) -> TestCase {
    let mut case = TestCase::new(name, not.unwrap_or_else(TestCaseStatus::success));
    case.set_classname(&replica.name);
    case
}

fn error(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(why);
    status
}

fn failure(keys: u64, kind: Kind, lines: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(format!("{keys} keys")).set_type(kind.name()).set_description(lines.join("\n"));
    status
}

/// The kept keys that differ in this way.
fn keys_of(replica: &OfReplica, kind: Kind) -> Vec<String> {
    let line = |finding: &Finding| {
        let one = finding.differences.shown.iter().find(|difference| difference.kind == kind)?;
        let key = quoted(&finding.key);
        let element = one.element.clone().unwrap_or_default();
        Some(format!(
            "db{} {key} {element}: master {}, replica {}",
            finding.database, one.master, one.replica
        ))
    };
    replica.differing.kept.iter().filter_map(line).collect()
}
