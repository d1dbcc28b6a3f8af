//! Lines of traces: a written line is read back and fits the schema; other text is refused with the reason.

use crate::property::properties;
use quickcheck::{Arbitrary, Gen};
use replicheck::binlog::Lsn;
use replicheck::effect::Key;
use replicheck::trace_check::line::{BatchLine, KeysOf, NUMBER_MAX, Touched, TraceLine};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../models/trace.schema.json");

/// Why a line does not fit the schema; `None` if it does.
fn fault(line: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("trace.json", schema).expect("a name");
    let index = compiler.compile("trace.json", &mut schemas).expect("the schema is one");
    let line = serde_json::from_str(line).expect("JSON");
    schemas.validate(&line, index).err().map(|error| format!("{error:#}"))
}

#[derive(Clone, Debug)]
struct AnyLine(BatchLine);

fn any_keys(g: &mut Gen) -> Touched {
    if u8::arbitrary(g).is_multiple_of(4) {
        return Touched::Everything;
    }
    let names: Vec<(u8, bool, String, Vec<u8>)> = Arbitrary::arbitrary(g);
    let name = |(db, is_text, text, bytes): (u8, bool, String, Vec<u8>)| {
        Key::new(db % 3, if is_text { text.into_bytes() } else { bytes })
    };
    Touched::Keys(names.into_iter().map(name).collect())
}

impl Arbitrary for AnyLine {
    fn arbitrary(g: &mut Gen) -> AnyLine {
        let mut lsns: Vec<Lsn> =
            Vec::<u64>::arbitrary(g).into_iter().map(|lsn| Lsn(lsn % NUMBER_MAX + 1)).collect();
        lsns.push(Lsn(7));
        lsns.sort_unstable();
        lsns.dedup();
        let keys = if bool::arbitrary(g) {
            KeysOf::Together(any_keys(g))
        } else {
            KeysOf::Each(lsns.iter().map(|_| any_keys(g)).collect())
        };
        let mut number = || u64::arbitrary(g) % (NUMBER_MAX + 1);
        let (start, finish, marker, published) = (number(), number(), number(), number());
        let told = |number: u64| number.is_multiple_of(2).then_some(Lsn(number));
        AnyLine(BatchLine { lsns, keys, start, finish, marker: told(marker), published: told(published) })
    }
}

properties! {
    fn prop_trace_line_is_read_back_and_fits_the_schema(line: AnyLine) -> bool {
        let line = TraceLine::Batch(line.0);
        let json = line.to_json().expect("JSON");
        TraceLine::parse(json.as_bytes()).is_ok_and(|read| read == line) && fault(&json).is_none()
    }
}

/// A later version of the program has to read these lines, and to write them so for as long as it writes version 1.
#[test]
fn trace_lines_of_version_1_stay_as_they_are() {
    for line in include_str!("../golden/trace/1.jsonl").lines() {
        let read = TraceLine::parse(line.as_bytes()).unwrap_or_else(|fault| panic!("{line}: {fault}"));
        assert_eq!(read.to_json().expect("JSON"), line);
        assert_eq!(fault(line), None, "{line}");
    }
}

#[test]
fn trace_line_of_each_form_is_read_and_fits_the_schema() {
    let key = |name: &str| Key::new(0, name);
    let keys = |keys: &[Key]| KeysOf::Together(Touched::Keys(keys.into()));
    let rows = [
        (r#"{"version": 1, "lsns": [7], "keys": ["a"], "start": 12, "finish": 15}"#, keys(&[key("a")])),
        (
            r#"{"version":1,"lsns":[7],"db":2,"keys":["a",{"name":"b"},{"hex":"fF00","db":0}],"start":12,"finish":15}"#,
            keys(&[Key::new(2, "a"), Key::new(2, "b"), Key::new(0, [255, 0])]),
        ),
        (
            r#"{"version":1,"lsns":[7],"keys":"everything","start":12,"finish":15,"what":"FLUSHDB"}"#,
            KeysOf::Together(Touched::Everything),
        ),
        (
            r#"{"version":1,"lsns":[7],"keys_of":[[]],"start":12,"finish":15}"#,
            KeysOf::Each(vec![Touched::Keys(Box::default())]),
        ),
    ];
    for (json, keys) in rows {
        let batch =
            BatchLine { lsns: vec![Lsn(7)], keys, start: 12, finish: 15, marker: None, published: None };
        assert_eq!(TraceLine::parse(json.as_bytes()).expect(json), TraceLine::Batch(batch));
        assert_eq!(fault(json), None, "{json}");
    }
    let restart = r#"{"version":1,"restart":true}"#;
    assert_eq!(TraceLine::parse(restart.as_bytes()).expect("a restart"), TraceLine::Restart);
    assert_eq!((fault(restart), TraceLine::Restart.to_json().expect("JSON")), (None, restart.to_owned()));
}

/// All but rising order and equal lengths are in the schema, too.
#[test]
fn trace_line_that_is_none_is_refused_with_the_reason() {
    let rows = [
        (r#"{"lsns":[7],"keys":["a"],"start":1,"finish":2}"#, "missing field `version`", true),
        (r#"{"version":2,"lsns":[7],"weight":3}"#, "a line of version 2; this program knows version 1", true),
        (r#"{"version":1,"keys":["a"],"start":1,"finish":2}"#, "`lsns` is missing", true),
        (r#"{"version":1,"lsns":[7],"start":1,"finish":2}"#, "`keys` is missing", true),
        (r#"{"version":1,"lsns":[7],"keys":["a"],"finish":2}"#, "`start` is missing", true),
        (r#"{"version":1,"lsns":[7],"keys":["a"],"start":1}"#, "`finish` is missing", true),
        (r#"{"version":1,"lsns":[7],"keys":["a"],"start":-1,"finish":2}"#, "expected u64", true),
        (r#"{"version":1,"lsns":[7],"keys":["a"],"start":1.5,"finish":2}"#, "expected u64", true),
        (
            r#"{"version":1,"lsns":[7],"keys":["a"],"start":1,"finish":18446744073709551615}"#,
            "a number is above 9223372036854775807",
            true,
        ),
        (r#"{"version":1,"lsns":[7],"keys":"all","start":1,"finish":2}"#, "expected \"everything\" or", true),
        (r#"{"version":1,"lsns":[7],"keys":[1],"start":1,"finish":2}"#, "expected a key: a string, or", true),
        (r#"{"version":1,"lsns":[7],"keys":[{"hex":"f"}],"start":1,"finish":2}"#, "two digits a byte", true),
        (r#"{"version":1,"lsns":[7],"keys":[{"db":1}],"start":1,"finish":2}"#, "two digits a byte", true),
        (r#"{"version":1,"lsns":[7],"db":256,"keys":[],"start":1,"finish":2}"#, "expected u8", true),
        (r#"{"version":1,"lsns":[],"keys":["a"],"start":1,"finish":2}"#, "at least one number", true),
        (r#"{"version":1,"lsns":[0],"keys":["a"],"start":1,"finish":2}"#, "from 1 on", true),
        (r#"{"version":1,"lsns":[8,7],"keys":["a"],"start":1,"finish":2}"#, "in rising order", false),
        (r#"{"version":1,"lsns":[7,7],"keys":["a"],"start":1,"finish":2}"#, "in rising order", true),
        (
            r#"{"version":1,"lsns":[7],"keys_of":[["a"],["b"]],"start":1,"finish":2}"#,
            "one key set for each of `lsns`",
            false,
        ),
        (r#"{"version":1,"lsns":[7],"keys":[],"keys_of":[[]],"start":1,"finish":2}"#, "not both", true),
        (
            r#"{"version":1,"lsns":[7],"keys":["a"],"start":1,"finish":2,"maker":6}"#,
            "unknown field `maker`",
            true,
        ),
        (r#"{"version":1,"restart":false}"#, "a restart has `version`", true),
        (r#"{"version":1,"restart":true,"lsns":[7]}"#, "a restart has `version`", true),
        ("7", "invalid type", true),
        (r#"[1,null,[7],null,["a"],null,1,2,null,null,null]"#, "a line is an object", true),
    ];
    for (json, reason, is_in_schema) in rows {
        let error = TraceLine::parse(json.as_bytes()).expect_err(json).to_string();
        assert!(error.contains(reason), "{json}: {error}");
        assert_eq!(fault(json).is_some(), is_in_schema, "{json}");
    }
}
