//! The page of metrics, as the server makes it from a node's facts.

use super::harness::Running;
use crate::scrape::{self, page};
use replicheck::server::measured::{Batches, FullSyncs, LastError, Measured};
use std::panic::catch_unwind;
use std::time::Duration;

/// Figures that differ from each other.
fn measured() -> Measured {
    let mut batches = Batches { entries: 9_007, ..Batches::default() };
    (batches.counts[0], batches.counts[3], batches.counts[13]) = (3, 1, 2);
    Measured {
        applied: replicheck::binlog::Lsn(5),
        queued: vec![7, 8],
        queued_for_any: 9,
        in_hand: vec![1, 2],
        waited: vec![("barrier", Duration::from_micros(1_500_000)), ("conflict", Duration::ZERO)],
        batches,
        flushes: 11,
        sent: FullSyncs { begun: 14, complete: 12, failed: 1 },
        received: FullSyncs { begun: 24, complete: 22, failed: 2 },
        last_error: Some(LastError {
            place: "link",
            text: "it \"broke\"\nin, two".to_owned(),
            age: Duration::from_millis(61_500),
        }),
    }
}

fn set(server: &Running, measured: Option<Measured>) {
    server.node.facts.lock().expect("no test panicked with it").measured = measured;
}

#[test]
fn metrics_page_and_info_tell_what_was_measured() {
    let server = Running::new();
    set(&server, Some(measured()));
    let answer = scrape::get(server.metrics, "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4\r\n"), "{}", answer.head);
    let page = page(&answer.body);
    assert_eq!(page.choice, ("serial".to_owned(), "log_clock".to_owned()));
    for (name, value) in [
        ("replicheck_watermark_lsn{watermark=applied}", 5.0),
        ("replicheck_queue_entries{worker=1}", 8.0),
        ("replicheck_queue_entries{worker=any}", 9.0),
        ("replicheck_in_hand_entries{worker=0}", 1.0),
        ("replicheck_wait_seconds_total{for=barrier}", 1.5),
        ("replicheck_batch_entries_bucket{le=1}", 3.0),
        ("replicheck_batch_entries_bucket{le=8}", 4.0),
        ("replicheck_batch_entries_bucket{le=4096}", 4.0),
        ("replicheck_batch_entries_count", 6.0),
        ("replicheck_batch_entries_sum", 9_007.0),
        ("replicheck_flushes_total", 11.0),
        ("replicheck_full_syncs_total{direction=sent,stage=complete}", 12.0),
        ("replicheck_full_syncs_total{direction=received,stage=failed}", 2.0),
        ("replicheck_last_error_age_seconds{place=link}", 61.5),
    ] {
        assert_eq!(page.one(name), value, "{name}");
    }
    assert!(page.one("replicheck_last_error_age_seconds{place=store}").is_nan());
    let info = server.connect().text("INFO replicheck");
    for line in [
        "# Replicheck",
        "rc_written_lsn:5",
        "rc_worker1:queued=8,in_hand=2",
        "rc_queue_entries_any:9",
        "rc_wait_barrier_us:1500000",
        "rc_batches:6",
        "rc_batch_entries:9007",
        "rc_flushes:11",
        "rc_full_syncs_sent:begun=14,complete=12,failed=1",
        "rc_last_error:link: it \"broke\" in, two",
        "rc_last_error_age_seconds:61",
    ] {
        assert!(info.split("\r\n").any(|seen| seen == line), "{line} is lacking: {info}");
    }
}

#[test]
fn metrics_port_has_one_page_and_none_while_the_role_changes() {
    let server = Running::new();
    for path in ["/", "/metric", "/metrics/", "/metrics/x"] {
        assert_eq!(scrape::get(server.metrics, path).status, 404, "{path}");
    }
    assert_eq!(scrape::get(server.metrics, "/metrics").status, 200);
    set(&server, None);
    assert_eq!(scrape::get(server.metrics, "/metrics").status, 503);
    assert_eq!(server.connect().text("INFO replicheck"), "# Replicheck\r\n");
    let port = server.metrics.port().to_string();
    let expected = format!("*2\r\n$12\r\nmetrics-port\r\n${}\r\n{port}\r\n", port.len());
    server.connect().expect("CONFIG GET metrics-port", &expected);
}

/// The rules find what they are for.
#[test]
fn metrics_page_against_the_rules_is_refused() {
    let labels = "{strategy=\"a\",policy=\"b\"}";
    let head = "# HELP replicheck_x_total x\n# TYPE replicheck_x_total counter\n";
    let fine = format!("{head}replicheck_x_total{labels} 1\n");
    assert_eq!(page(&fine).one("replicheck_x_total"), 1.0);
    for (bad, why) in [
        (fine.replace("_total", ""), "a counter without _total"),
        (fine.replace("counter", "gauge"), "a gauge with _total"),
        (format!("{fine}{fine}"), "HELP twice"),
        (format!("{fine}replicheck_y{labels} 1\n"), "a sample without a type"),
        (fine.replace(labels, "{strategy=\"a\"}"), "no policy"),
        (fine.replace("x_total", "x_ms_total"), "milliseconds"),
        (format!("{fine}replicheck_x_total{labels} 2\n"), "a sample twice"),
        (fine.trim_end().to_owned(), "no end of the last line"),
        (fine.replace("# HELP replicheck_x_total x\n", ""), "no HELP"),
        (
            format!(
                "{fine}# HELP replicheck_h h\n# TYPE replicheck_h histogram\nreplicheck_h_bucket{{le=\"1\",{} 2\n",
                &labels[1..]
            ),
            "a histogram without +Inf",
        ),
    ] {
        assert!(catch_unwind(|| page(&bad)).is_err(), "{why} is not noticed:\n{bad}");
    }
    let (before, after) = (page(&fine), page(&fine.replace(" 1\n", " 0\n")));
    assert!(catch_unwind(|| after.assert_after(&before)).is_err(), "a counter that falls is not noticed");
}
