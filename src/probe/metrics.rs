//! Metrics — a report → the text that Prometheus reads, for the textfile collector of its node exporter. Pure.

use super::difference::Kind;
use super::position::Reason;
use super::report::{Outcome, Report};
use prometheus::TextEncoder;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// One sample: labels and value.
type Sample = (Vec<(&'static str, String)>, f64);

/// The text.
pub fn text(report: &Report, finished_at_s: u64) -> String {
    let of_replicas = |value: fn(&super::report::OfReplica) -> u64| -> Vec<Sample> {
        report
            .replicas
            .iter()
            .map(|replica| (vec![("replica", replica.name.clone())], value(replica) as f64))
            .collect()
    };
    let kinds = report.replicas.iter().flat_map(|replica| {
        Kind::ALL.iter().map(|kind| {
            let labels = vec![("replica", replica.name.clone()), ("kind", kind.name().to_owned())];
            (labels, replica.kinds.get(kind).copied().unwrap_or_default() as f64)
        })
    });
    let undecided = report.replicas.iter().flat_map(|replica| {
        Reason::ALL.iter().map(|reason| {
            let labels = vec![("replica", replica.name.clone()), ("reason", reason.name().to_owned())];
            (labels, replica.undecided.get(reason).map_or(0, |keys| keys.total) as f64)
        })
    });
    let outcome = match report.outcome() {
        Outcome::Nothing => 0.0,
        Outcome::Found => 1.0,
        Outcome::CouldNotJudge(_) => 3.0,
    };
    let families = vec![
        family(
            "outcome",
            "Exit code of the comparison: 0 nothing found, 1 found, 3 could not judge.",
            [(vec![], outcome)],
        ),
        family(
            "differing_keys",
            "Keys that differ at an equal position.",
            of_replicas(|replica| replica.differing.total),
        ),
        family("differences", "Keys that differ in this way.", kinds),
        family(
            "may_be_lag_keys",
            "Keys that differ, which may be lag.",
            of_replicas(|replica| replica.may_be_lag.total),
        ),
        family("undecided_keys", "Keys of which nothing can be said.", undecided),
        family(
            "compared_keys",
            "Keys of the master that were compared.",
            [(vec![], report.keys_total() as f64)],
        ),
        family("duration_seconds", "Seconds that the comparison took.", [(vec![], report.seconds)]),
        family(
            "finished_timestamp_seconds",
            "When it ended, in seconds since 1970.",
            [(vec![], finished_at_s as f64)],
        ),
    ];
    // It fails for a family without a name or without samples only; a comparison has a replica.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn family(name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("replicheck_probe_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(samples.into_iter().map(metric).collect());
    family
}

fn metric((labels, value): Sample) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::default();
    metric.set_gauge(gauge);
    let pair = |(name, value): (&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    };
    metric.set_label(labels.into_iter().map(pair).collect());
    metric
}
