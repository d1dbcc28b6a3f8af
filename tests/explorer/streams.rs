//! Streams of verdicts, as searches finish.

use crate::explorer::visitor::{Visitor, addresses};
use axum::http::StatusCode;
use std::collections::BTreeMap;

/// The last state of each line, by the line's id.
fn lines(stream: &str) -> BTreeMap<String, String> {
    let parts = stream.split("<tr id=\"").skip(1);
    parts.filter_map(|part| part.split_once('"').map(|(id, row)| (id.to_owned(), row.to_owned()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_every_cross_leads_to_its_counterexample() {
    let visitor = Visitor::new();
    let stream = visitor.listen("/matrix/stream?length=2", |_| false).await;
    assert!(stream.contains("event: over"), "the stream ends when all verdicts are known");
    let lines = lines(&stream);
    assert_eq!(lines.len(), 24);
    let mut crosses = 0;
    for (id, line) in &lines {
        let line = line.split("</tr>").next().unwrap_or_default();
        assert!(!line.contains("not checked yet"), "{id}: {line}");
        let links = addresses(line).into_iter().filter(|address| address.contains("path="));
        assert_eq!(line.matches('✗').count(), links.clone().count(), "{id}: {line}");
        for address in links {
            let page = visitor.open(&address).await;
            assert!(page.text.contains("<p class=\"broken\""), "{address}: {}", page.text);
            crosses += 1;
        }
    }
    assert!(crosses > 50, "{crosses} counterexamples");
    let key_hash = &lines["row-ordering-key_hash"];
    assert!(key_hash.contains("key_hash breaks convergence: counterexample of 8 steps"), "{key_hash}");
    // Known verdicts are kept: the page contains them before any script runs.
    let home = visitor.open("/?length=2").await;
    assert!(home.text.contains("key_hash breaks convergence: counterexample of 8 steps"));
    assert!(
        home.text.contains("48 of 48 searches done.") && home.text.contains("programs up to 2 of 8 commands")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn program_limit_that_is_hit_says_incomplete() {
    let program = "SET+a+1%3B+SET+b+1%3B+SET+c+1%3B+SET+d+1%3B+FLUSHDB%3B+SET+a+2";
    let address = format!("/program/stream?program={program}&strategy=writeset&policy=none&states=1000");
    let stream = Visitor::new().listen(&address, |_| false).await;
    let lines = lines(&stream);
    assert!(lines["row-ordering-writeset"].contains("incomplete"), "{stream}");
    assert!(lines["row-ordering-writeset"].contains("stopped at"), "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn program_verdicts_are_of_exactly_this_program() {
    let visitor = Visitor::new();
    let of = async |program: &str| {
        let address = format!("/program/stream?program={program}&strategy=key_hash&policy=absolute");
        lines(&visitor.listen(&address, |_| false).await)
    };
    let flushed = of("SET+a+1%3B+FLUSHDB").await;
    assert!(flushed["row-ordering-key_hash"].contains("breaks convergence"));
    assert!(flushed["row-expiry-absolute"].contains("holds"), "{flushed:?}");
    let apart = of("SET+a+1%3B+SET+b+1").await;
    assert!(!apart["row-ordering-key_hash"].contains("breaks convergence"), "{apart:?}");
    assert_eq!(visitor.get("/program/stream?program=SET+a").await.status, StatusCode::BAD_REQUEST);
}
