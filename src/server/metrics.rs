//! Metrics — a node's facts → the page that Prometheus reads, in its text format 0.0.4. Pure.
//!
//! The page is made anew for each reader, from the facts of that instant: nothing is kept that could differ from them, and several
//! nodes of one process do not mix. `prometheus` writes the format; its registry is not used, as the figures are atomics of the
//! engine and facts of the node.
//!
//! A figure that is not known now, like the lag while the link is down, is `NaN`. A counter goes on when the node changes its role.

use super::facts::{Facts, Link, Role};
use super::measured::{BATCH_BOUNDS, Batches, FullSyncs, Measured};
use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// The content type of the page.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The page; `None`: the node is stopped or changes its role, so it has no figures.
pub fn page(facts: &Facts) -> Option<String> {
    let measured = facts.measured.as_ref()?;
    let mut page = Page { facts, families: Vec::new() };
    page.node();
    page.progress(measured);
    page.work(measured);
    page.links(measured);
    // It fails for a family without a name or without samples only.
    TextEncoder::new().encode_to_string(&page.families).ok()
}

/// One sample: the labels beside strategy and policy, and the value.
type Sample<'a> = (Vec<(&'static str, &'a str)>, f64);

struct Page<'a> {
    facts: &'a Facts,
    families: Vec<MetricFamily>,
}

impl Page<'_> {
    fn node(&mut self) {
        let role = match self.facts.role {
            Role::Master { .. } => "master",
            Role::Replica { .. } => "replica",
        };
        let labels = vec![("role", role), ("version", env!("CARGO_PKG_VERSION"))];
        self.gauge(
            "node_info",
            "Always 1; the labels tell the node's role and version.",
            vec![(labels, 1.0)],
        );
        let is_read_only = f64::from(u8::from(self.facts.read_only.is_some()));
        self.gauge(
            "read_only",
            "1 while the node refuses all writes because of an error.",
            plain(is_read_only),
        );
    }

    fn progress(&mut self, measured: &Measured) {
        let progress = self.facts.progress;
        let marks = [
            ("received", progress.received),
            ("durable", progress.durable),
            ("applied", measured.applied),
            ("published", progress.applied),
        ];
        let help = "The last LSN that is in the log (received), synced (durable), written to the store (applied), and seen by readers \
                    (published).";
        let marks = marks.map(|(name, lsn)| (vec![("watermark", name)], number(lsn.0)));
        self.gauge("watermark_lsn", help, marks.into());
        let gap = progress.received.0.saturating_sub(progress.applied.0);
        self.gauge(
            "watermark_gap_entries",
            "Entries that are received and not published.",
            plain(number(gap)),
        );
        let known = |figure: Option<u64>| figure.map_or(f64::NAN, number);
        let help = "Entries that the master has and readers of this node do not see; NaN: unknown.";
        self.gauge("lag_entries", help, plain(known(progress.lag_entries)));
        self.gauge("lag_bytes", "Their bytes in the log; NaN: unknown.", plain(known(progress.lag_bytes)));
        let help = "How long this node has been behind, by the master's clock; NaN: unknown.";
        self.gauge("lag_seconds", help, plain(known(progress.lag_ms) / 1e3));
    }

    fn work(&mut self, measured: &Measured) {
        let of_workers = |figures: &[usize]| -> Vec<(String, f64)> {
            figures
                .iter()
                .enumerate()
                .map(|(worker, &figure)| (worker.to_string(), number(figure as u64)))
                .collect()
        };
        let mut queued = of_workers(&measured.queued);
        queued.push(("any".to_owned(), number(measured.queued_for_any as u64)));
        let by_worker = |figures: &[(String, f64)], page: &mut Self, name, help| {
            let samples = figures.iter().map(|(worker, figure)| (vec![("worker", worker.as_str())], *figure));
            page.gauge(name, help, samples.collect());
        };
        let help = "Entries that wait for a worker; any: in the queue of all workers. An entry in the lanes of several workers counts \
                    in each.";
        by_worker(&queued, self, "queue_entries", help);
        let help = "Entries that a worker has taken and not finished.";
        by_worker(&of_workers(&measured.in_hand), self, "in_hand_entries", help);
        let help = "Time that threads waited although there was something to do. Workers: barrier (an entry without keys), conflict \
                    (an entry of the same keys or lane), turn (to write in log order). The admitting thread: room, cut, drain (before \
                    a flush).";
        let waited = measured.waited.iter().map(|&(name, time)| (vec![("for", name)], time.as_secs_f64()));
        self.counter("wait_seconds_total", help, waited.collect());
        self.batches(&measured.batches);
        self.counter("flushes_total", "Flushes of the store that ended.", plain(number(measured.flushes)));
    }

    fn links(&mut self, measured: &Measured) {
        let (link, replicas) = match &self.facts.role {
            Role::Master { replicas } => (f64::NAN, replicas.len()),
            Role::Replica { link, replicas, .. } => {
                (f64::from(u8::from(matches!(link, Link::Up { .. }))), replicas.len())
            }
        };
        self.gauge("link_up", "1 while the link to the master is up; NaN on a master.", plain(link));
        self.gauge("replicas", "Replicas that are connected.", plain(number(replicas as u64)));
        let of = |direction, syncs: FullSyncs| {
            let stages = [("begun", syncs.begun), ("complete", syncs.complete), ("failed", syncs.failed)];
            stages.map(|(stage, count)| (vec![("direction", direction), ("stage", stage)], number(count)))
        };
        let samples = [of("sent", measured.sent), of("received", measured.received)].concat();
        self.counter("full_syncs_total", "Full syncs that began, were complete, and failed.", samples);
        let syncs = self.facts.syncs;
        let answers = [("resumed", syncs.resumed), ("refused", syncs.refused)];
        let samples = answers.map(|(answer, count)| (vec![("answer", answer)], number(count)));
        self.counter("partial_syncs_total", "Replicas that resumed, and that could not.", samples.into());
        let help = "Steps of the wall clock while the node was a master.";
        self.counter("clock_steps_total", help, plain(number(self.facts.clock_steps)));
        let help = "How often all clients were disconnected, because they had been told a log time far beyond the master's.";
        self.counter("client_disconnects_total", help, plain(number(self.facts.clients_disconnected)));
        let age = |place| match &measured.last_error {
            Some(error) if error.place == place => error.age.as_secs_f64(),
            _ => f64::NAN,
        };
        let samples = ["log", "store", "link"].map(|place| (vec![("place", place)], age(place)));
        let help =
            "How long ago the last error was, at the place where it was; NaN elsewhere. INFO has its text.";
        self.gauge("last_error_age_seconds", help, samples.into());
    }

    fn batches(&mut self, batches: &Batches) {
        let (mut below, mut buckets) = (0, Vec::new());
        for (bound, count) in BATCH_BOUNDS.into_iter().zip(batches.counts) {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(number(bound));
            bucket.set_cumulative_count(below);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(batches.number());
        histogram.set_sample_sum(number(batches.entries));
        let mut metric = Metric::from_label(self.labels(&[]));
        metric.set_histogram(histogram);
        self.family(
            "batch_entries",
            "Entries in a batch written to the store.",
            MetricType::HISTOGRAM,
            vec![metric],
        );
    }

    fn gauge(&mut self, name: &str, help: &str, samples: Vec<Sample<'_>>) {
        let metric = |(labels, value): Sample<'_>| {
            let (mut metric, mut gauge) = (Metric::from_label(self.labels(&labels)), Gauge::default());
            gauge.set_value(value);
            metric.set_gauge(gauge);
            metric
        };
        let metrics = samples.into_iter().map(metric).collect();
        self.family(name, help, MetricType::GAUGE, metrics);
    }

    fn counter(&mut self, name: &str, help: &str, samples: Vec<Sample<'_>>) {
        let metric = |(labels, value): Sample<'_>| {
            let (mut metric, mut counter) = (Metric::from_label(self.labels(&labels)), Counter::default());
            counter.set_value(value);
            metric.set_counter(counter);
            metric
        };
        let metrics = samples.into_iter().map(metric).collect();
        self.family(name, help, MetricType::COUNTER, metrics);
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        let mut family = MetricFamily::default();
        family.set_name(format!("replicheck_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        // A family without samples is not written: the encoder refuses the whole page for it.
        if !family.get_metric().is_empty() {
            self.families.push(family);
        }
    }

    fn labels(&self, others: &[(&str, &str)]) -> Vec<LabelPair> {
        let choice = [("strategy", self.facts.ordering.name()), ("policy", self.facts.expiry.name())];
        let pair = |&(name, value): &(&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        choice.iter().chain(others).map(pair).collect()
    }
}

fn plain(value: f64) -> Vec<Sample<'static>> {
    vec![(Vec::new(), value)]
}

/// A number of Prometheus is a float: it is exact up to 2^53.
fn number(number: u64) -> f64 {
    number as f64
}
