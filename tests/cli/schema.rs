//! The JSON of `check` and of `trace check` against their schemas: `src/cli/check/verdicts.schema.json`,
//! `src/trace_check/verdicts.schema.json`.

use super::{file, replicheck, text};
use replicheck::models::invariants::Invariant;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../src/cli/check/verdicts.schema.json");

/// Why a document does not fit the schema of `check`; `None` if it does.
fn fault(document: &Value) -> Option<String> {
    fault_by(SCHEMA, document)
}

/// Why a document does not fit a schema; `None` if it does.
pub fn fault_by(schema: &str, document: &Value) -> Option<String> {
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("verdicts.json", schema).expect("a name");
    let index = compiler.compile("verdicts.json", &mut schemas).expect("the schema is one");
    schemas.validate(document, index).err().map(|error| format!("{error:#}"))
}

fn rows(args: &[&str]) -> Value {
    let output = replicheck(&[&["check", "--json", "-"], args].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

#[test]
fn json_of_each_kind_of_run_fits_the_schema() {
    let renames = file("schema_renames.txt", "SET a 1\nRENAME a b\nFLUSHDB\n");
    let long =
        file("schema_long.txt", &format!("{}FLUSHDB\nSET a 2\nGET a\nXADD l 1\n", "INCR a\n".repeat(8)));
    let clocks = file("schema_clocks.txt", "SET k v EX 1\nINCR j\n");
    let forever = file("schema_forever.txt", "SET k v PXAT 6000000000000000000\n");
    let runs: [(&[&str], &str); 6] = [
        (&["--choice", "key_hash"], "violated"),
        (&["--choice", "epochs"], "violated"),
        (&["--program", &renames, "--choice", "key_hash+commands"], "refused"),
        (&["--program", &long, "--choice", "key_hash,serial", "--skip-unsupported"], "sampled"),
        (&["--program", &clocks, "--model", "expiry"], "holds"),
        (&["--program", &forever, "--choice", "log_clock"], "incomplete"),
    ];
    for (args, verdict) in runs {
        let rows = rows(args);
        assert_eq!(fault(&rows), None, "{args:?}");
        let has = |row: &Value| row["verdict"] == verdict;
        assert!(rows.as_array().is_some_and(|rows| rows.iter().any(has)), "{args:?}: no {verdict}");
    }
}

#[test]
fn json_with_a_fault_does_not_fit_the_schema() {
    let flush = file("schema_flush.txt", "SET a 1\nFLUSHDB\n");
    let good = rows(&["--program", &flush, "--choice", "key_hash"]);
    assert_eq!(fault(&good), None);
    let broken = good.as_array().and_then(|rows| rows.iter().position(|row| row["verdict"] == "violated"));
    let broken = broken.expect("a ✗");
    let faults = [
        ("verdict", Value::from("fine")),
        ("invariant", Value::from("prefxi")),
        ("counterexample", Value::Null),
        ("commit", Value::from("HEAD")),
        ("unique_states", Value::from(-1)),
        ("more", Value::from(1)),
    ];
    for (field, value) in faults {
        let mut bad = good.clone();
        bad[broken][field] = value;
        assert!(fault(&bad).is_some(), "{field}");
    }
}

#[test]
fn schema_names_every_invariant() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let named = schema["$defs"]["row"]["properties"]["invariant"]["enum"].as_array().expect("names").iter();
    let named: Vec<&str> = named.filter_map(Value::as_str).collect();
    assert_eq!(named, Invariant::ALL.iter().map(|invariant| invariant.name()).collect::<Vec<_>>());
}
