//! The page of a running node, with fake nodes that answer from a script.

use crate::explorer::visitor::Visitor;
use axum::http::StatusCode;
use replicheck::models::explorer::Node;
use replicheck::probe::options::Credentials;
use replicheck::secret::Secret;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// INFO of a replica under `barrier` with four workers.
const REPLICA: &str = include_str!("../../models/explorer/node/replica.info");

/// Bytes of a bulk string.
fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

/// That INFO with another value of a field.
fn with(info: &str, name: &str, value: &str) -> String {
    let before = info.lines().find(|line| line.split(':').next() == Some(name)).expect("a field of INFO");
    info.replace(&format!("{before}\r\n"), &format!("{name}:{value}\r\n"))
}

/// A server that gives these answers in turn, one for each time that bytes arrive, and the last one again and again. It
/// tells what it was sent, and when a connection begins and ends.
fn server(answers: Vec<Vec<u8>>) -> (Node, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string().parse().expect("HOST:PORT");
    let (sent, received) = channel();
    thread::spawn(move || {
        let mut at = 0;
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = sent.send("connected".to_owned());
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                let _ = sent.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
                if stream.write_all(&answers[at.min(answers.len() - 1)]).is_err() {
                    break;
                }
                at += 1;
            }
            let _ = sent.send("closed".to_owned());
        }
    });
    (Node { address, credentials: Credentials::default() }, received)
}

/// The page of a node with these answers, as it is shown first.
async fn first_page(answers: Vec<Vec<u8>>) -> String {
    Visitor::watching(server(answers).0).open("/node").await.text
}

#[tokio::test(flavor = "multi_thread")]
async fn node_page_without_scripts_shows_what_info_tells() {
    let info = with(REPLICA, "rc_worker2", "queued=37,in_hand=1");
    let info = with(&info, "rc_last_error", "link: it <broke>\r\nrc_last_error_age_seconds:61");
    let page = first_page(vec![bulk(&info)]).await;
    for words in [
        "A replica of 127.0.0.1:43377; its link is up.",
        "<code>barrier</code>",
        "<code>log_clock</code>",
        "Nothing waits at the barrier.",
        "A full bar is 50.",
        "</svg> 37",
        "<td class=\"number\">20,003</td>",
        "Gap, received less published: <strong>0</strong>",
        "since the start 1,085, of 18.4 entries",
        "link: it &lt;broke&gt;</span>, 61 s ago",
        "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>",
    ] {
        assert!(page.contains(words), "{words} is lacking: {page}");
    }
    assert!(page.contains("<section id=\"node-replicas\" hidden>"), "a replica has no replicas here: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_wait_at_the_barrier_is_marked_in_the_open_page() {
    // The wait grows from each answer to the next.
    let waiting = |at: u64| bulk(&with(REPLICA, "rc_wait_barrier_us", &(at * 180_000).to_string()));
    let (node, _) = server((0..1000).map(waiting).collect());
    let is_marked = |text: &str| text.contains("the workers waited 180 ms for it, taken together");
    let stream = Visitor::watching(node).listen("/node/stream", is_marked).await;
    assert!(stream.contains("Waiting at the barrier"), "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_asked_over_one_connection_whoever_watches() {
    let (node, received) = server(vec![bulk(REPLICA)]);
    let visitor = Visitor::watching(node);
    // Twenty streams are told the first state at once: none of them asks the node.
    for _ in 0..20 {
        visitor.listen("/node/stream", |text| text.contains("node-work")).await;
    }
    let seen: Vec<String> = received.iter().take(6).collect();
    assert_eq!(seen[0], "connected");
    assert!(seen[1..].iter().all(|sent| sent == "*1\r\n$4\r\nINFO\r\n"), "{seen:?}");
    drop(visitor);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_explorer_that_ends_asks_no_more() {
    let (node, received) = server(vec![bulk(REPLICA)]);
    let visitor = Visitor::watching(node);
    visitor.open("/node").await;
    drop(visitor);
    let next = || received.recv_timeout(Duration::from_secs(60)).ok();
    let is_closed = std::iter::from_fn(next).take(100).any(|told| told == "closed");
    assert!(is_closed, "the explorer has ended and still asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_cannot_be_shown_says_why() {
    let long = bulk(&"x".repeat(300 << 10));
    let nested = b"*1\r\n".repeat(50_000);
    let missing = with(REPLICA, "rc_batches", "many");
    let changing = REPLICA.split("rc_written_lsn").next().expect("a part").to_owned();
    for (answer, words) in [
        (b"-NOAUTH Authentication required.\r\n".to_vec(), "it asks for a password: set REPLICHECK_PASSWORD"),
        (b"-LOADING it loads\r\n".to_vec(), "it refuses INFO: LOADING it loads"),
        (bulk("redis_version:7.2.4\r\nrole:master\r\n"), "it is redis 7.2.4, not a node of replicheck"),
        (bulk("hello"), "its answer is not the text of INFO"),
        (bulk(""), "its answer is not the text of INFO"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "its answer is not that of a Redis server"),
        (b":1\r\n".to_vec(), "its answer is not that of a Redis server"),
        (b"$-1\r\n".to_vec(), "its answer is not that of a Redis server"),
        (nested, "its answer is not that of a Redis server"),
        (bulk(&missing), "its INFO has no valid field `rc_batches`"),
        (bulk(&changing), "it stops or changes its role"),
        (long, "reply is longer than 262144 bytes"),
        (b"$9\r\nhal".to_vec(), "no whole answer within 2 s"),
    ] {
        let (node, _) = server(vec![answer]);
        let visitor = Visitor::watching(node);
        let page = visitor.open("/node").await.text;
        assert!(page.contains(words), "{words} is lacking: {page}");
        assert!(page.contains("<section id=\"node-lanes\" hidden>"), "{words}: no figures may be shown");
        let json = visitor.get("/node.json").await;
        assert_eq!(json.status, StatusCode::SERVICE_UNAVAILABLE, "{words}");
        assert!(json.text.contains("\"facts\":null"), "{}", json.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_is_down_says_so_and_is_shown_when_it_is_back() {
    let (node, _) = server(vec![bulk("hello"), bulk(REPLICA)]);
    let stream = Visitor::watching(node).listen("/node/stream", |text| text.contains("its link is up")).await;
    assert!(stream.contains("Nothing is known of 127.0.0.1:"), "{stream}");
    // Nothing can listen on port 0.
    let node =
        Node { address: "127.0.0.1:0".parse().expect("HOST:PORT"), credentials: Credentials::default() };
    let page = Visitor::watching(node).open("/node").await.text;
    assert!(page.contains("it cannot be reached: "), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_with_a_password_is_sent_it_and_its_refusal_is_shown() {
    let wrong = b"-WRONGPASS invalid username-password pair\r\n".to_vec();
    for (answers, words) in [
        (vec![b"+OK\r\n".to_vec(), bulk(REPLICA)], "its link is up"),
        (
            vec![wrong],
            "it does not accept the user or password of REPLICHECK_USER and REPLICHECK_PASSWORD: WRONGPASS",
        ),
    ] {
        let (node, received) = server(answers);
        let credentials =
            Credentials { user: Some("u".to_owned()), tls: None, password: Secret::new(b"secret") };
        let page = Visitor::watching(Node { credentials, ..node }).open("/node").await.text;
        assert!(page.contains(words) && !page.contains("secret"), "{page}");
        assert_eq!(
            received.iter().nth(1).as_deref(),
            Some("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$6\r\nsecret\r\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_of_a_master_has_its_replicas_and_no_lanes() {
    let master = with(REPLICA, "role", "master");
    let master = with(
        &master,
        "connected_slaves",
        "1\r\nslave0:ip=127.0.0.1,port=7002,state=online,offset=9,lag=0\r\n\
         rc_slave0:received_lsn=20003,durable_lsn=6615,applied_lsn=19999,lag_entries=4,lag_bytes=-1,lag_ms=7,compression=none",
    );
    let page = first_page(vec![bulk(&master)]).await;
    for words in [
        "A master, with 1 replica.",
        "127.0.0.1:7002",
        "online",
        "19,999",
        "not known",
        "<section id=\"node-lanes\" hidden>",
    ] {
        assert!(page.contains(words), "{words} is lacking: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_json_has_the_figures() {
    let (node, _) = server(vec![bulk(REPLICA)]);
    let json = Visitor::watching(node).open("/node.json").await.text;
    let told: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(told["facts"]["watermarks"]["durable"], 6615);
    assert_eq!(told["facts"]["lanes"].as_array().map(Vec::len), Some(4));
    assert_eq!(told["facts"]["role"]["link"]["state"], "up");
    assert_eq!(told["trouble"], serde_json::Value::Null);
}

#[tokio::test]
async fn node_page_of_an_explorer_without_a_node_says_how_to_name_one() {
    let visitor = Visitor::new();
    for address in ["/node", "/node/stream", "/node.json"] {
        let page = visitor.get(address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains("replicheck explore --node 127.0.0.1:7002"), "{}", page.text);
    }
    assert!(!visitor.open("/").await.text.contains("href=\"/node\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_is_linked_from_the_first_page() {
    let (node, _) = server(vec![bulk(REPLICA)]);
    let address = node.address.to_string();
    let home = Visitor::watching(node).open("/").await;
    assert!(home.text.contains(&format!("<a href=\"/node\">The node {address}, live</a>")), "{}", home.text);
}
