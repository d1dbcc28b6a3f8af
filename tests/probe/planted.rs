//! Differences that are planted on a replica that takes writes: each is found, with its kind.

use crate::servers::{Make, Pair, probe, until};

/// Key, commands on the master, commands on the replica, the kind that must be found.
type Plant = (&'static str, &'static str, &'static str, &'static str);

const PLANTS: &[Plant] = &[
    ("missing", "SET missing v", "DEL missing", "missing_key"),
    ("extra", "DEL extra", "SET extra v", "extra_key"),
    ("value", "SET value v", "SET value w", "other_value"),
    ("type", "SET type v", "DEL type;RPUSH type v", "other_type"),
    ("lost_ttl", "SET lost_ttl v PX 600000", "PERSIST lost_ttl", "immortal_key"),
    (
        "other_ttl",
        "SET other_ttl v PXAT 99999999999999",
        "PEXPIREAT other_ttl 99999999999998",
        "other_deadline",
    ),
    ("immortal", "INCR immortal;EXPIRE immortal 600", "SET immortal 1", "immortal_key"),
    ("extra_ttl", "SET extra_ttl v", "EXPIRE extra_ttl 600", "extra_deadline"),
    ("lost_list", "RPUSH lost_list a b c", "LREM lost_list 1 b", "lost_element"),
    ("order", "RPUSH order a b c", "LSET order 0 b;LSET order 1 a", "other_order"),
    ("lost_field", "HSET lost_field f 1 g 2", "HDEL lost_field g", "lost_element"),
    ("field", "HSET field f 1 g 2", "HSET field g 3", "other_element"),
    ("lost_member", "SADD lost_member a b", "SREM lost_member a", "lost_element"),
    ("extra_member", "SADD extra_member a b", "SADD extra_member c", "extra_element"),
    ("score", "ZADD score 1 a 2 b", "ZADD score 3 a", "other_element"),
    ("entry", "XADD entry 1-1 f v", "XADD entry 2-1 f v", "extra_element"),
];

/// Runs the commands on the replica. Keys that both have alike are around them.
fn plant(pair: &Pair, plants: &[Plant]) {
    let alike: Vec<String> = (0..1200).map(|at| format!("SET alike:{at} {at}")).collect();
    pair.master.run_all(&alike.iter().map(String::as_str).collect::<Vec<_>>());
    for (_, on_master, ..) in plants {
        pair.master.run_all(&on_master.split(';').collect::<Vec<_>>());
    }
    pair.settle();
    for (_, _, on_replica, _) in plants {
        pair.replica.run_all(&on_replica.split(';').collect::<Vec<_>>());
    }
}

fn expected(plants: &[Plant]) -> Vec<String> {
    let mut expected: Vec<String> = plants.iter().map(|(key, _, _, kind)| format!("{key} {kind}")).collect();
    expected.sort();
    expected
}

#[test]
fn finds_each_planted_difference_and_nothing_else() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    plant(&pair, PLANTS);
    let compared = pair.compare(&[]);
    assert_eq!(compared.differences(), expected(PLANTS), "{}", compared.words);
    assert_eq!(compared.code, Some(1));
    assert_eq!(compared.json["outcome"], "found");
    for (key, _, _, kind) in PLANTS {
        assert!(compared.words.contains(&format!("≠ db0 \"{key}\"  {kind}")), "{key}: {}", compared.words);
    }
}

#[test]
fn compare_of_equal_nodes_finds_nothing() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    plant(
        &pair,
        &PLANTS.iter().map(|(key, on_master, ..)| (*key, *on_master, "PING", "")).collect::<Vec<_>>(),
    );
    let compared = pair.compare(&[]);
    assert_eq!((compared.code, compared.differences()), (Some(0), vec![]), "{}", compared.words);
    let keys = compared.json["keys"].as_object().expect("an object");
    let total: u64 = keys.values().map(|count| count.as_u64().expect("a number")).sum();
    // All but `extra`, which the master lacks.
    assert_eq!(total, 1200 + PLANTS.len() as u64 - 1, "{keys:?}");
}

const OF_FIELDS: &[Plant] = &[
    (
        "lost",
        "HSET lost f v g v;HPEXPIREAT lost 99999999999999 FIELDS 1 f",
        "HPERSIST lost FIELDS 1 f",
        "lost_field_deadline",
    ),
    (
        "other",
        "HSET other f v;HPEXPIREAT other 99999999999999 FIELDS 1 f",
        "HPEXPIREAT other 99999999999998 FIELDS 1 f",
        "other_field_deadline",
    ),
    ("extra", "HSET extra f v", "HPEXPIREAT extra 99999999999999 FIELDS 1 f", "extra_field_deadline"),
];

#[test]
fn finds_planted_deadlines_of_fields_if_they_are_asked_for() {
    let Some(pair) = Pair::start(Make::Valkey) else { return };
    plant(&pair, OF_FIELDS);
    // A hash that does not fit on a page.
    let fields: String = (0..3000).map(|at| format!(" f{at} {at}")).collect();
    pair.master.run(&format!("HSET big{fields}"));
    pair.master.run("HPEXPIREAT big 99999999999999 FIELDS 2 f7 f2999");
    pair.settle();
    pair.replica.run("HPERSIST big FIELDS 1 f2999");
    let compared = pair.compare(&["--fields"]);
    let mut expected = expected(OF_FIELDS);
    expected.insert(0, "big lost_field_deadline".to_owned());
    assert_eq!(compared.differences(), expected, "{}", compared.words);
    let without = pair.compare(&[]);
    assert_eq!((without.code, without.differences()), (Some(0), vec![]), "{}", without.words);
    assert!(without.words.contains("deadlines of fields (--fields)"), "what is not compared is told");
}

/// A fault of Valkey 9.1 itself (src/probe/README.md).
#[test]
fn finds_a_dead_field_that_valkey_revives_on_its_replica() {
    let Some(pair) = Pair::start_with(Make::Valkey, &["--enable-debug-command", "yes"]) else { return };
    // So that the master does not remove the dead field between two commands.
    pair.master.run("DEBUG SET-ACTIVE-EXPIRE 0");
    pair.master.run_all(&["HSET h f 1 g 1", "HPEXPIRE h 1 FIELDS 1 g"]);
    until("g is dead", || (pair.master.run("HGET h g") == redis::Value::Nil).then_some(()));
    pair.master.run("HPEXPIRE h 600000 FIELDS 2 f g");
    pair.settle();
    let compared = pair.compare(&["--fields"]);
    assert_eq!(compared.differences(), ["h extra_element"], "{}", compared.words);
}

#[test]
fn finds_differences_deep_in_big_values() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let numbers =
        |template: &str| (0..3000).map(|at| template.replace('N', &at.to_string())).collect::<String>();
    pair.master.run(&format!("RPUSH list{}", numbers(" N")));
    pair.master.run(&format!("RPUSH order{}", numbers(" N")));
    pair.master.run(&format!("HSET hash{}", numbers(" fN N")));
    pair.master.run(&format!("SADD set{}", numbers(" mN")));
    pair.master.run(&format!("ZADD zset{}", numbers(" N mN")));
    pair.master.run(&format!("SET text {}", "x".repeat(700_000)));
    (0..600).for_each(|at| {
        pair.master.run(&format!("XADD stream {}-1 f v", at + 1));
    });
    pair.settle();
    let equal = pair.compare(&[]);
    assert_eq!((equal.code, equal.differences()), (Some(0), vec![]), "{}", equal.words);
    pair.replica.run_all(&[
        "LREM list 1 2500",
        "LSET order 2000 2001",
        "LSET order 2001 2000",
        "HDEL hash f77",
        "HSET hash f99 x new y",
        "SADD set new",
        "ZADD zset 7 m2999",
        "SETRANGE text 600000 y",
        "XDEL stream 550-1",
    ]);
    let found = pair.compare(&[]);
    let expected = [
        "hash extra_element",
        "hash lost_element",
        "hash other_element",
        "list lost_element",
        "order other_order",
        "set extra_element",
        "stream lost_element",
        "text other_value",
        "zset other_element",
    ];
    assert_eq!(found.differences(), expected, "{}", found.words);
    assert!(found.words.contains("other_value at byte 600000"), "{}", found.words);
    assert!(found.words.contains("other_order at index 2000"), "{}", found.words);
}

#[test]
fn compare_of_some_keys_and_databases_finds_what_is_there_alone() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run_all(&["SET a:1 v", "SET b:1 v", "SELECT 3", "SET c:1 v"]);
    pair.settle();
    pair.replica.run_all(&["SET a:1 w", "SET b:1 w", "SELECT 3", "SET c:1 w", "SELECT 5", "SET d:1 w"]);
    for (options, expected) in [
        (&["--match", "a:*"][..], vec!["a:1 other_value"]),
        (&["--db", "3"], vec!["c:1 other_value"]),
        (&["--db", "0,5"], vec!["a:1 other_value", "b:1 other_value", "d:1 extra_key"]),
        (&[], vec!["a:1 other_value", "b:1 other_value", "c:1 other_value", "d:1 extra_key"]),
    ] {
        let compared = pair.compare(options);
        assert_eq!(compared.differences(), expected, "{options:?} {}", compared.words);
    }
}

#[test]
fn compare_within_the_tolerance_finds_no_other_deadline() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run("SET k v PXAT 99999999999999");
    pair.settle();
    pair.replica.run("PEXPIREAT k 99999999999949");
    assert_eq!(pair.compare(&["--ttl-tolerance", "49"]).differences(), ["k other_deadline"]);
    assert_eq!(pair.compare(&["--ttl-tolerance", "50"]).code, Some(0));
}

#[test]
fn finds_each_planted_difference_on_servers_without_pexpiretime_and_watch() {
    let Some(pair) = Pair::without(Make::Redis, &["PEXPIRETIME", "WATCH"]) else { return };
    // A measured deadline may be off by some milliseconds, so that one millisecond is not found.
    let plants: Vec<Plant> = PLANTS.iter().filter(|plant| plant.0 != "other_ttl").copied().collect();
    plant(&pair, &plants);
    pair.master.run("SET minute v PXAT 99999999999999");
    pair.settle();
    pair.replica.run("PEXPIREAT minute 99999999939999");
    let compared = pair.compare(&[]);
    let mut expected = expected(&plants);
    expected.push("minute other_deadline".to_owned());
    expected.sort();
    assert_eq!(compared.differences(), expected, "{}", compared.words);
    for said in ["does not know PEXPIRETIME", "the master has no WATCH", " ± "] {
        assert!(compared.words.contains(said), "{said}: {}", compared.words);
    }
}

#[test]
fn report_files_have_what_was_found() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    plant(&pair, PLANTS);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (junit, html, metrics) = (file("a.xml"), file("a.html"), file("a.prom"));
    let (master, replica) = (pair.master.address(), pair.replica.address());
    let nodes = ["--master", &master, "--replica", &replica];
    let output = probe(&[&nodes[..], &["--junit", &junit, "--html", &html, "--metrics", &metrics]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "progress is for terminals");
    let read = |file: &str| std::fs::read_to_string(file).expect("it was written");
    let xml = read(&junit);
    let xml = roxmltree::Document::parse(&xml).expect("XML");
    let mut kinds: Vec<&str> = PLANTS.iter().map(|plant| plant.3).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let failures = xml.descendants().filter(|node| node.has_tag_name("failure")).count();
    assert_eq!(failures, kinds.len());
    assert!(read(&html).contains("<td>immortal_key</td>"));
    let lines = read(&metrics).lines().map(|line| Ok(line.to_owned())).collect::<Vec<_>>();
    let scrape = prometheus_parse::Scrape::parse(lines.into_iter()).expect("Prometheus's format");
    let value = |name: &str| {
        let sample = scrape.samples.iter().find(|sample| sample.metric == name).expect("it is there");
        match sample.value {
            prometheus_parse::Value::Gauge(value) => value,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(value("replicheck_probe_differing_keys"), PLANTS.len() as f64);
    assert_eq!(value("replicheck_probe_outcome"), 1.0);
}
