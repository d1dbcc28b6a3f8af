//! Tables and timelines of hand-made rows and stories.

use replicheck::models::cost::{Searched, thousands};
use replicheck::models::invariants::Invariant;
use replicheck::models::report::{Report, markdown_table};
use replicheck::models::story::{Conclusion, Deed, Held, KeyRow, Part, Step, Story};
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::{Row, Verdict, cost};

fn row(choice: &str, invariant: Invariant, verdict: Verdict, expected: Verdict) -> Row {
    Row {
        model: "ordering",
        choice: choice.to_owned(),
        invariant,
        scenario: None,
        verdict,
        expected,
        searches: vec![search(0, verdict != Verdict::Incomplete)],
        bounds: "programs of up to 4 commands".to_owned(),
        witness: "",
        note: String::new(),
        counterexample: (verdict == Verdict::Violated).then(|| story(8)),
    }
}

fn search(number: usize, finished: bool) -> Searched {
    Searched {
        number,
        unique: 1_234_567,
        generated: 9_000_000,
        bytes: 50 * 1_234_567,
        depth: 17,
        seconds: 2.0,
        finished,
    }
}

fn story(steps: usize) -> Story {
    let step = |number| Step {
        deed: Deed::Ran(format!("writes batch {number}")),
        log: vec!["1 SET a b".to_owned()],
        ..Step::default()
    };
    let key = |key: &str, replica: &str| KeyRow {
        key: key.to_owned(),
        master: Held::default(),
        replica: if replica == "-" { Held::default() } else { Held::plain(replica) },
        differs: replica != "-",
    };
    Story {
        lanes: String::new(),
        path: Default::default(),
        program: vec!["SET a b".to_owned(), "FLUSHDB".to_owned()],
        steps: (1..=steps).map(step).collect(),
        keys: vec![key("a", "\"b\""), key("c", "-")],
        conclusion: Conclusion(vec![Part::Said("The replica holds what the master deleted.".to_owned())]),
        own: None,
    }
}

fn rows() -> Vec<Row> {
    use Verdict::{Holds, Incomplete, Violated};
    vec![
        row("key_hash", Invariant::Prefix, Violated, Violated),
        row("key_hash", Invariant::Convergence, Violated, Holds),
        row("writeset_snapshots+commands", Invariant::Prefix, Incomplete, Holds),
        row("writeset_snapshots+commands", Invariant::Convergence, Holds, Holds),
    ]
}

fn report(rows: &[Row], width: u16) -> Report<'_> {
    Report { rows, own_program: false, width }
}

#[test]
fn verdict_table_marks_what_differs() {
    let expected = "\
choice                       conver-  prefix         unique  depth   time
                             gence                   states
─────────────────────────────────────────────────────────────────────────
key_hash                     ✗ 8 !    ✗ 8         1,234,567     17  2.0 s
writeset_snapshots+commands  ✓        incomplete  1,234,567     17  2.0 s
";
    let table = report(&rows(), 100).verdict_table("ordering");
    assert_eq!(table, expected);
    assert!(report(&rows(), 100).verdict_table("expiry").is_empty());
}

#[test]
fn verdict_table_too_wide_breaks_names() {
    let table = report(&rows(), 64).verdict_table("ordering");
    assert!(table.contains("writeset_snapshots  ") && table.contains("\n+commands"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 64), "{table}");
}

#[test]
fn markdown_table_has_signs_only() {
    let mut rows = rows();
    rows.push(Row { scenario: Some("flushdb_reordered".to_owned()), ..rows[1].clone() });
    let expected = "\
| choice | convergence | prefix |
|---|---|---|
| `key_hash` | ✗ | ✗ |
| `writeset_snapshots+commands` | ✓ | incomplete |
";
    assert_eq!(markdown_table("ordering", &rows), expected);
}

#[test]
fn scenario_table_names_what_is_broken_first() {
    let mut rows = rows();
    for row in &mut rows {
        row.scenario = Some("flushdb_reordered".to_owned());
        row.bounds = "SET a b; FLUSHDB".to_owned();
    }
    let table = report(&rows, 100).scenario_table("ordering");
    assert!(table.contains("✗ prefix 8, convergence 8 !"), "{table}");
    assert!(table.contains("incomplete prefix; ✓ convergence"), "{table}");
    assert!(table.contains("flushdb_reordered:  SET a b; FLUSHDB"), "{table}");
    assert!(report(&rows, 100).verdict_table("ordering").is_empty());
}

#[test]
fn told_stories_are_so_many_that_each_violation_is_in_one() {
    let told = |rows: &[Row]| report(rows, 100).told().iter().map(|row| row.invariant).collect::<Vec<_>>();
    let mut few = rows();
    assert_eq!(
        told(&few),
        [Invariant::Prefix, Invariant::Convergence],
        "neither story breaks the other's invariant"
    );
    let story = few[1].counterexample.as_mut().expect("it is broken");
    story.steps[7].broken = vec![Invariant::Convergence, Invariant::Prefix];
    assert_eq!(told(&few), [Invariant::Convergence], "the first column's story breaks both");
    // With many choices the result is the same.
    few.extend(["a", "b"].map(|choice| row(choice, Invariant::Convergence, Verdict::Holds, Verdict::Holds)));
    assert_eq!(told(&few), [Invariant::Convergence]);
    let mut many = rows();
    many.extend(["a", "b"].map(|choice| row(choice, Invariant::Convergence, Verdict::Holds, Verdict::Holds)));
    assert_eq!(told(&many), [Invariant::Prefix, Invariant::Convergence]);
}

#[test]
fn cost_counts_each_search_once() {
    let mut rows = rows();
    let found = cost(&rows);
    assert_eq!((found.searches, found.finished, found.unique, found.depth), (2, 1, 2 * 1_234_567, 17));
    // One invariant of `key_hash` was judged by a search of its own, too: the shared one still counts once.
    rows[0].searches.push(search(1, true));
    let found = cost(&rows);
    assert_eq!((found.searches, found.finished, found.unique), (3, 2, 3 * 1_234_567));
}

#[test]
fn timeline_too_long_shows_both_ends() {
    let text = timeline(&story(24), 100);
    assert!(!text.contains('…') && text.contains("writes batch 5\n"));
    let text = timeline(&story(30), 100);
    assert!(
        text.contains("… 6 steps …")
            && text.contains("writes batch 4\n")
            && text.contains("writes batch 11\n")
    );
    assert!(!text.contains("writes batch 5\n") && !text.contains("writes batch 10\n"), "{text}");
}

#[test]
fn timeline_too_wide_is_wrapped() {
    let mut story = story(3);
    story.steps[1].deed = Deed::Ran("writes the batch of the entry with the number two ".repeat(3));
    let text = timeline(&story, 60);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
}

#[test]
fn thousands_are_apart() {
    assert_eq!([0, 999, 1000, 51_234_567].map(thousands), ["0", "999", "1,000", "51,234,567"]);
}
