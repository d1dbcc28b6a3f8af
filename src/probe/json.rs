//! Json — a report → JSON for other programs. Pure.

use super::report::{Finding, Outcome, Report};
use super::shown::quoted;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct JsonReport<'a> {
    /// `nothing`, `found` or `could_not_judge`.
    outcome: &'static str,
    reasons: Vec<String>,
    master: JsonNode<'a>,
    replicas: Vec<JsonReplica<'a>>,
    databases: &'a [i64],
    keys: &'a BTreeMap<String, u64>,
    looked_up: u64,
    seconds: f64,
    not_compared: &'a [String],
    version: &'static str,
}

#[derive(Serialize)]
struct JsonNode<'a> {
    address: String,
    software: &'a str,
    position: &'a str,
}

#[derive(Serialize)]
struct JsonReplica<'a> {
    #[serde(flatten)]
    node: JsonNode<'a>,
    differing: u64,
    kinds: BTreeMap<&'static str, u64>,
    /// At most 1,000.
    differences: Vec<JsonDifference>,
    may_be_lag: u64,
    lagging: Vec<JsonDifference>,
    undecided: BTreeMap<&'static str, JsonUndecided>,
    caught_up: u64,
}

#[derive(Serialize)]
struct JsonUndecided {
    keys: u64,
    /// At most 1,000.
    first: Vec<String>,
}

/// Keys and elements are quoted and escaped as redis-cli reads them.
#[derive(Serialize)]
struct JsonDifference {
    database: i64,
    key: String,
    kind: &'static str,
    element: Option<String>,
    master: String,
    replica: String,
}

/// The report as JSON, one field a line.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let (outcome, reasons) = match report.outcome() {
        Outcome::Nothing => ("nothing", Vec::new()),
        Outcome::Found => ("found", report.broken_off.iter().cloned().collect()),
        Outcome::CouldNotJudge(reasons) => ("could_not_judge", reasons),
    };
    let replicas = report.replicas.iter().map(|replica| JsonReplica {
        node: JsonNode {
            address: replica.name.clone(),
            software: &replica.software,
            position: &replica.position,
        },
        differing: replica.differing.total,
        kinds: replica.kinds.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
        differences: replica.differing.kept.iter().flat_map(differences).collect(),
        may_be_lag: replica.may_be_lag.total,
        lagging: replica.may_be_lag.kept.iter().flat_map(differences).collect(),
        undecided: replica
            .undecided
            .iter()
            .map(|(reason, keys)| {
                let first = keys.kept.iter().map(|(_, key)| quoted(key)).collect();
                (reason.name(), JsonUndecided { keys: keys.total, first })
            })
            .collect(),
        caught_up: replica.caught_up,
    });
    let report = JsonReport {
        outcome,
        reasons,
        master: JsonNode {
            address: report.options.master.to_string(),
            software: &report.software,
            position: &report.position,
        },
        replicas: replicas.collect(),
        databases: &report.databases,
        keys: &report.keys,
        looked_up: report.looked_up,
        seconds: report.seconds,
        not_compared: &report.not_compared,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn differences(finding: &Finding) -> Vec<JsonDifference> {
    let difference = |difference: &super::difference::Difference| JsonDifference {
        database: finding.database,
        key: quoted(&finding.key),
        kind: difference.kind.name(),
        element: difference.element.clone(),
        master: difference.master.clone(),
        replica: difference.replica.clone(),
    };
    finding.differences.shown.iter().map(difference).collect()
}
