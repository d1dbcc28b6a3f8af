//! Scrape — reads a node's page of metrics over HTTP, and takes it apart with a parser that is not the writer's.

use prometheus_parse::{Sample, Scrape, Value};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer over HTTP.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Asks for `path`.
pub fn get(addr: SocketAddr, path: &str) -> Answer {
    let mut socket = TcpStream::connect(addr).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// The page, or `None` while the node changes its role.
pub fn page_at(addr: SocketAddr) -> Option<Page> {
    let answer = get(addr, "/metrics");
    match answer.status {
        200 => Some(page(&answer.body)),
        503 => None,
        status => panic!("status {status}: {}", answer.body),
    }
}

/// A page that keeps the rules of the format.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its samples, by `name{label=value,…}` without strategy and policy. Of a histogram `_sum`, `_count`, and each `_bucket`.
    pub samples: BTreeMap<String, f64>,
    /// The type of each metric.
    pub types: BTreeMap<String, String>,
    /// The strategy and the policy that all samples name.
    pub choice: (String, String),
}

impl Page {
    /// The value of a sample.
    pub fn one(&self, name: &str) -> f64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("{name} is lacking: {:#?}", self.samples))
    }

    /// The sum of a metric's samples.
    pub fn sum(&self, metric: &str) -> f64 {
        let is_of = |name: &str| name.split('{').next() == Some(metric);
        self.samples.iter().filter(|(name, _)| is_of(name)).map(|(_, value)| value).sum()
    }

    /// The samples that may never fall.
    pub fn counters(&self) -> impl Iterator<Item = (&String, f64)> {
        let is_counter = |name: &str| {
            let metric = name.split('{').next().unwrap_or_default();
            let of_histogram = ["_bucket", "_count", "_sum"].iter().find_map(|end| metric.strip_suffix(end));
            let is = |metric: &str, kind: &str| self.types.get(metric).is_some_and(|known| known == kind);
            is(metric, "counter") || of_histogram.is_some_and(|metric| is(metric, "histogram"))
        };
        self.samples.iter().filter(move |(name, _)| is_counter(name)).map(|(name, value)| (name, *value))
    }

    /// Checks that no counter is less than on the page `before`, and that none has gone.
    pub fn assert_after(&self, before: &Page) {
        for (name, value) in before.counters() {
            assert!(self.one(name) >= value, "{name} falls from {value} to {}", self.one(name));
        }
    }
}

/// Parses a page, and checks the rules of the format.
pub fn page(text: &str) -> Page {
    let types = check_lines(text);
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("it is read");
    let (mut samples, mut choice) = (BTreeMap::new(), None);
    for sample in &scrape.samples {
        let named = ["strategy", "policy"].map(|label| sample.labels.get(label).map(str::to_owned));
        let [Some(strategy), Some(policy)] = named else { panic!("no strategy and policy: {sample:?}") };
        let of_all = choice.get_or_insert((strategy.clone(), policy.clone()));
        assert_eq!(*of_all, (strategy, policy), "{sample:?}");
        match &sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => {
                assert_eq!(
                    samples.insert(name_of(sample, &sample.metric, None), *value),
                    None,
                    "{sample:?} twice"
                );
            }
            Value::Histogram(buckets) => {
                assert!(buckets.windows(2).all(|pair| pair[0].less_than < pair[1].less_than), "{buckets:?}");
                assert!(buckets.windows(2).all(|pair| pair[0].count <= pair[1].count), "{buckets:?}");
                assert_eq!(buckets.last().map(|last| last.less_than), Some(f64::INFINITY), "{buckets:?}");
                for bucket in buckets {
                    let name = format!("{}_bucket", sample.metric);
                    samples.insert(name_of(sample, &name, Some(bucket.less_than)), bucket.count);
                }
            }
            Value::Summary(_) => panic!("a summary: {sample:?}"),
        }
    }
    let page = Page { samples, types, choice: choice.expect("samples") };
    for (metric, kind) in &page.types {
        if kind == "histogram" {
            let last = page.one(&format!("{metric}_bucket{{le=inf}}"));
            assert_eq!(page.one(&format!("{metric}_count")), last, "{metric}");
        }
    }
    page
}

fn name_of(sample: &Sample, metric: &str, le: Option<f64>) -> String {
    let labels = sample.labels.iter().filter(|(label, _)| !["strategy", "policy"].contains(&label.as_str()));
    let mut labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
    labels.extend(le.map(|le| format!("le={le}")));
    labels.sort();
    if labels.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", labels.join(",")) }
}

/// What promtool checks, line by line: each metric has HELP and TYPE once, before its samples; the samples of a metric stand together;
/// names are lower case and end in a unit, and in `_total` if and only if it is a counter. Returns the types.
fn check_lines(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let (mut types, mut helped, mut current) = (BTreeMap::new(), Vec::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(!help.is_empty() && !helped.contains(&name), "{line}");
            helped.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(helped.last(), Some(&name), "TYPE follows its HELP: {line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}: twice");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(!["_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)), "{line}");
            assert!(
                !["_ms", "_us", "_millis", "_kb", "_mb"].iter().any(|unit| name.contains(unit)),
                "{line}: no base unit"
            );
            let is_fine = |byte: u8| byte == b'_' || byte.is_ascii_lowercase();
            assert!(name.starts_with("replicheck_") && name.bytes().all(is_fine), "{line}");
            current = name.to_owned();
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let parts = ["", "_bucket", "_count", "_sum"].map(|end| format!("{current}{end}"));
            let allowed = if types.get(&current).is_some_and(|kind| kind == "histogram") {
                &parts[1..]
            } else {
                &parts[..1]
            };
            assert!(allowed.iter().any(|part| part == name), "{line} stands under {current}");
        }
    }
    types
}
