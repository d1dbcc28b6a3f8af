//! The JSON of `probe compare` against its schema, `src/probe/compare.schema.json`, and that of `probe run` against the schema of
//! `check`. `Compared` and `provoked` check every report of the tests.

use replicheck::probe::difference::Kind;
use replicheck::probe::position::Reason;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../src/probe/compare.schema.json");

/// The schema of the rows of `check`, which are also those of `probe run`.
const ROWS: &str = include_str!("../../src/cli/check/verdicts.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// Why a report of `probe compare` does not fit its schema; `None` if it does.
pub fn fault(report: &Value) -> Option<String> {
    fault_by(schema(), report)
}

/// Why the rows of `probe run` do not fit their schema; `None` if they do.
pub fn fault_of_rows(rows: &Value) -> Option<String> {
    fault_by(serde_json::from_str(ROWS).expect("the schema is JSON"), rows)
}

fn fault_by(schema: Value, document: &Value) -> Option<String> {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("schema.json", schema).expect("a name");
    let index = compiler.compile("schema.json", &mut schemas).expect("the schema is one");
    schemas.validate(document, index).err().map(|error| format!("{error:#}"))
}

#[test]
fn schema_names_every_kind_and_reason() {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let schema = schema();
    assert_eq!(schema["$defs"]["kind"]["enum"], json!(kinds));
    let named = &schema["$defs"]["replica"]["properties"]["undecided"]["propertyNames"]["enum"];
    assert_eq!(*named, json!(reasons));
}

#[test]
fn report_with_a_fault_does_not_fit_the_schema() {
    let node = json!({ "address": "a:1", "software": "redis 7", "position": "at 1" });
    let difference = json!({
        "database": 0, "key": "\"k\"", "kind": "missing_key", "element": null, "master": "\"v\"", "replica": "-"
    });
    let replica = json!({
        "address": "b:1", "software": "redis 7", "position": "at 1", "differing": 1, "kinds": { "missing_key": 1 },
        "differences": [difference], "may_be_lag": 0, "lagging": [], "caught_up": 0,
        "undecided": { "hot": { "keys": 1, "first": ["\"h\""] } }
    });
    let good = json!({
        "outcome": "found", "reasons": [], "master": node, "replicas": [replica], "databases": [0],
        "keys": { "string": 1 }, "looked_up": 0, "seconds": 0.1, "not_compared": [], "version": "1"
    });
    assert_eq!(fault(&good), None);
    for (place, value) in [
        ("/outcome", json!("fine")),
        ("/master/address", json!(1)),
        ("/replicas/0/differing", json!(-1)),
        ("/replicas/0/kinds", json!({ "mising_key": 1 })),
        ("/replicas/0/differences/0/kind", json!("mising_key")),
        ("/replicas/0/undecided", json!({ "cold": { "keys": 1, "first": [] } })),
        ("/seconds", json!("0.1")),
    ] {
        let mut report = good.clone();
        *report.pointer_mut(place).expect("it is there") = value;
        assert!(fault(&report).is_some(), "{place}");
    }
    for name in good.as_object().expect("an object").keys() {
        let mut report = good.clone();
        report.as_object_mut().expect("an object").remove(name);
        assert!(fault(&report).is_some(), "without {name}");
    }
}
