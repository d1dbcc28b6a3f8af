//! JUnit — a report → the XML that CI systems show: a suite for each replica, a case for each kind of difference. Pure.

use super::difference::Kind;
use super::report::{Finding, OfReplica, Outcome, Report};
use super::shown::quoted;
use maud::{Markup, html};

/// The document.
pub fn junit(report: &Report) -> String {
    let count = |is: fn(&OfReplica, Kind) -> bool| {
        let of_replica = |replica: &OfReplica| Kind::ALL.iter().filter(|kind| is(replica, **kind)).count();
        report.replicas.iter().map(of_replica).sum::<usize>()
    };
    let tests = report.replicas.len() * (Kind::ALL.len() + 1);
    let could_not = could_not(report);
    let body = html! {
        testsuites name="replicheck probe compare" tests=(tests) failures=(count(fails)) errors=(usize::from(could_not.is_some())) {
            @for (at, replica) in report.replicas.iter().enumerate() {
                (suite(report, replica, could_not.as_deref().filter(|_| at == 0)))
            }
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", body.into_string())
}

fn could_not(report: &Report) -> Option<String> {
    match report.outcome() {
        Outcome::CouldNotJudge(reasons) => Some(reasons.join("; ")),
        Outcome::Nothing | Outcome::Found => report.broken_off.clone(),
    }
}

fn fails(replica: &OfReplica, kind: Kind) -> bool {
    replica.kinds.contains_key(&kind)
}

fn suite(report: &Report, replica: &OfReplica, could_not: Option<&str>) -> Markup {
    let failures = Kind::ALL.iter().filter(|kind| fails(replica, **kind)).count();
    html! {
        testsuite name=(replica.name) tests=(Kind::ALL.len() + 1) failures=(failures)
            errors=(usize::from(could_not.is_some())) skipped="0" time=(format!("{:.3}", report.seconds)) {
            properties {
                property name="master" value=(report.options.master) {}
                property name="version" value=(env!("CARGO_PKG_VERSION")) {}
                property name="not compared" value=(report.not_compared.join("; ")) {}
            }
            testcase classname=(replica.name) name="judged" time="0" {
                @if let Some(why) = could_not { error message=(why) {} }
            }
            @for kind in Kind::ALL {
                testcase classname=(replica.name) name=(kind.name()) time="0" {
                    @if let Some(keys) = replica.kinds.get(kind) {
                        failure message=(format!("{keys} keys")) type=(kind.name()) { (keys_of(replica, *kind).join("\n")) }
                    }
                }
            }
        }
    }
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
