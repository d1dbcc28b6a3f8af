//! The program's demo: the JSON that other programs read from it.

use serde_json::Value;
use std::process::Command;

#[test]
fn demo_json_tells_which_choices_diverged_and_what_was_stored() {
    let output = Command::new(env!("CARGO_BIN_EXE_replicheck")).args(["demo", "--json", "-"]).output();
    let output = output.expect("the program");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
    let diverged = |scenario: &str| -> Vec<&str> {
        let of = rows.iter().filter(|row| row["scenario"] == scenario);
        of.filter(|row| row["diverged"] == true).filter_map(|row| row["choice"].as_str()).collect()
    };
    assert_eq!((rows.len(), diverged("order")), (18, vec!["first_key", "key_hash"]), "{text}");
    assert_eq!(diverged("expiry"), ["verbatim", "absolute"], "{text}");
    assert_eq!(diverged("clock"), ["effects"], "{text}");
    for row in &rows {
        assert_eq!(row["diverged"] == true, row["master"] != row["replica"], "{row}");
    }
    let of = |choice: &str| rows.iter().find(|row| row["choice"] == choice).expect("a row");
    assert_eq!(of("key_hash")["replica"][0]["value"], "\"c\"");
    assert_eq!(of("absolute")["replica"][0]["deadline_ms"], Value::Null);
    assert_eq!(of("log_clock")["replica"][0]["value"], "\"101\"");
    for (choice, word) in [("key_hash", "the schedule was kept"), ("barrier", "did not allow the schedule")] {
        let line = text.lines().find(|line| line.contains(choice) && line.contains(word));
        assert!(line.is_some(), "{choice}: {word} in\n{text}");
    }
}
