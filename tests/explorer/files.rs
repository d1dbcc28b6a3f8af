//! The files of a path that a visitor can save, and the pages about this checkout: benches and known bugs.

use crate::explorer::visitor::{Page, Visitor};
use axum::http::StatusCode;
use replicheck::models::catalogue;
use replicheck::models::choice::Choice;
use replicheck::models::experiment::{Experiment, Extent};
use replicheck::models::explorer::Checkout;
use replicheck::models::path_file::PathFile;
use replicheck::models::program;
use replicheck::models::search::{Limits, Progress};
use replicheck::models::story::Story;

const FLUSHDB: &str = "program=SET+a+1%3B+FLUSHDB&path=0.0.0.0.0.0.0.0";

/// The story of a path file's path, walked again as `replay` walks it.
fn retold(file: &PathFile) -> Story {
    let model = file.experiment().expect("a path file of ours").model().expect("a short program");
    model.story_of(&file.path, file.invariant).expect("the path is there")
}

async fn path_file(address: &str) -> PathFile {
    let page = Visitor::new().open(address).await;
    serde_json::from_str(&page.text).unwrap_or_else(|error| panic!("{address}: {error}"))
}

#[tokio::test]
async fn export_path_file_of_a_walk_is_followed_to_the_same_words() {
    let extents = [
        Extent::default(),
        Extent { workers: 3, crashes: 0, passes: 3, skew_ms: 1001, ..Extent::default() },
        Extent { passes: 2, delay: 1, skew_ms: -1001, ..Extent::default() },
    ];
    let mut followed = 0;
    for choice in Choice::all().into_iter().filter(|choice| !choice.name().ends_with("reads_after_crash")) {
        for extent in extents {
            let text = if choice.model() == "ordering" { "SET a 1\nFLUSHDB" } else { "SETEX k 2 5\nINCR k" };
            let program = program::parse(text.as_bytes()).expect("a program");
            let model = Experiment::within(choice, &program, extent).model().expect("defined");
            for found in model.find(&Limits::default(), &Progress::default()) {
                let Some(path) = found.path else { continue };
                let Extent { workers, crashes, passes, delay, skew_ms, apart: _ } = extent;
                let set = match choice.model() {
                    "ordering" => format!("workers={workers}&crashes={crashes}"),
                    _ => format!("passes={passes}&delay={delay}&skew={skew_ms}"),
                };
                let (kind, name) = (choice.model(), choice.name());
                let program = text.replace('\n', "%3B").replace(' ', "+");
                let query = format!("program={program}&path={path}&{set}");
                let file = path_file(&format!("/export/{kind}/{name}/json?{query}")).await;
                let story = model.at(&path).expect("a path").story;
                let again = retold(&file);
                assert_eq!(again.in_words(), file.steps, "{query}");
                assert_eq!(again.since_its_start(), story.since_its_start(), "{query}");
                assert!(file.invariant.is_some(), "{query}");
                followed += 1;
            }
        }
    }
    assert!(followed > 60, "{followed} files");
}

#[tokio::test]
async fn export_files_stand_alone_and_say_what_they_are() {
    let visitor = Visitor::new();
    let page = visitor.open(&format!("/explore/ordering/key_hash?{FLUSHDB}")).await;
    let files: Vec<String> =
        page.addresses().into_iter().filter(|address| address.starts_with("/export/")).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    let parts = ["<!DOCTYPE html>", "<svg", "\"choice\": \"key_hash\"", "#[test]"];
    for (address, part) in files.iter().zip(parts) {
        let file = visitor.open(address).await;
        assert!(file.text.contains(part), "{address}: {}", file.text);
        assert!(!file.text.contains("src=\"") && !file.text.contains("href=\"/"), "{address}");
        let named = format!("attachment; filename=\"ordering_key_hash_convergence.{}\"", ending(address));
        assert_eq!(file.disposition.as_deref(), Some(named.as_str()));
    }
    // Nothing is broken yet: no test can be written, and the file claims no violation.
    let early = visitor.open(&format!("/explore/ordering/key_hash?{FLUSHDB}&at=2")).await;
    assert!(!early.text.contains("/key_hash/rs?") && early.text.contains("where the last step breaks"));
    let none = visitor.get(&format!("/export/ordering/key_hash/rs?{FLUSHDB}&at=2")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.text.contains("cannot be written") && none.text.contains("/explore/ordering/key_hash?"));
    let claims = path_file(&format!("/export/ordering/key_hash/json?{FLUSHDB}&at=2")).await;
    assert_eq!((claims.invariant, claims.path.len()), (None, 2));
}

fn ending(address: &str) -> &str {
    let (path, _) = address.split_once('?').expect("a query");
    path.rsplit('/').next().unwrap_or_default()
}

#[tokio::test]
async fn export_path_file_that_real_nodes_cannot_go_is_not_offered() {
    let page = Visitor::new().open("/explore/ordering/writeset+reads_after_crash?path=0").await;
    assert!(!page.text.contains("/json?") && page.text.contains("Real nodes cannot go this path"));
}

#[tokio::test]
async fn catalogue_table_has_every_row_and_filters_by_links() {
    let visitor = Visitor::new();
    let rows = |page: &Page| {
        page.addresses()
            .into_iter()
            .filter(|it| ["/catalogue/R", "/catalogue/H"].iter().any(|of| it.starts_with(of)))
            .count()
    };
    let all = visitor.open("/catalogue").await;
    assert_eq!(rows(&all), catalogue::all().count());
    for section in catalogue::SECTIONS {
        let page = visitor.open(&format!("/catalogue?kind={}", section.name)).await;
        assert_eq!(rows(&page), section.cases.len(), "{}", section.name);
    }
    let filters: Vec<String> =
        all.addresses().into_iter().filter(|address| address.starts_with("/catalogue?")).collect();
    assert!(filters.len() > 10, "{filters:?}");
    for address in filters {
        let page = visitor.open(&address).await;
        assert!((1..rows(&all)).contains(&rows(&page)), "{address}");
        // Only the rows that pass both filters remain.
        let both = visitor.open(&format!("{address}&kind=expiry&system=Redis")).await;
        assert!(rows(&both) <= rows(&page).max(20), "{address}");
    }
    for bad in ["/catalogue?kind=nothing", "/catalogue?system=nothing"] {
        assert_eq!(visitor.get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let unknown = visitor.get("/catalogue/R999").await;
    assert!(unknown.status == StatusCode::NOT_FOUND && unknown.text.contains("No known bug has the id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn catalogue_page_of_every_bug_shows_what_it_is_and_that_the_cure_holds() {
    let visitor = Visitor::new();
    for case in catalogue::all() {
        let page = visitor.open(&format!("/catalogue/{}", case.id)).await;
        let shows = |words: &str| page.text.contains(words);
        match case.bug() {
            Some(bug) => {
                assert!(shows(&format!("counterexample: {} steps", bug.steps)), "{}", case.id);
                assert!(shows("The cure holds in every schedule."), "{}", case.id);
                assert!(!shows("class=\"problem\""), "{}", case.id);
            }
            None => assert!(shows("not counted") && !shows("<svg"), "{}", case.id),
        }
    }
    assert!(visitor.open("/catalogue/r01").await.text.contains("/catalogue/R01/explore?path="));
}

#[tokio::test]
async fn bench_results_are_compared_and_what_is_damaged_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let visitor = Visitor::of(Checkout { bench_results: folder.path().to_owned(), ..Checkout::default() });
    let none = visitor.open("/bench").await;
    assert!(none.text.contains("Nothing has been measured") && none.text.contains("cargo bench"));
    let file = folder.path().join("summary.json");
    let row = |choice: &str, workers: u32, value: f64, share: &str| {
        format!(
            r#"{{"bench": "ordering", "choice": "{choice}", "params": {{"workers": {workers}, "flushdb": 0.01}},
                "value": {value}, "unit": "entries/s", "share_of_limit": {share}}}"#
        )
    };
    let rows = [
        row("barrier", 10, 250.5, "0.25"),
        row("serial", 2, 500.0, "0.5"),
        row("serial", 10, 1000.0, "null"),
    ];
    std::fs::write(&file, format!("[{}]", rows.join(","))).expect("it is written");
    let page = visitor.open("/bench").await;
    assert!(page.text.contains("ordering, entries/s") && page.text.contains("<time>"), "{}", page.text);
    for words in ["width=\"25.1%\"", "width=\"100.0%\"", "250", "25 %", ">workers<", ">flushdb<"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    // Two workers come before ten; equal numbers of workers are side by side.
    let (courses, figures) = page.text.split_once("Every figure").expect("every figure");
    let places: Vec<usize> = ["width=\"50.0%\"", "width=\"25.1%\"", "width=\"100.0%\""]
        .map(|bar| figures.find(bar).expect("a bar"))
        .to_vec();
    assert!(places.is_sorted(), "{places:?}");
    assert!(
        courses.contains("machine not recorded") && courses.contains("entries/s by workers"),
        "{courses}"
    );
    assert!(!courses.contains("by share of FLUSHDB"), "this parameter was not varied");
    for damaged in ["[{", "[]", "{}", "[{\"bench\": 1}]", &format!("[{}]", row("serial", 1, -1.0, "null"))] {
        std::fs::write(&file, damaged).expect("it is written");
        let page = visitor.open("/bench").await;
        assert!(page.text.contains("cannot be read") && page.text.contains("cargo bench"), "{damaged}");
    }
}

#[tokio::test]
async fn bench_machine_is_named_where_it_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let visitor = Visitor::of(Checkout { bench_results: folder.path().to_owned(), ..Checkout::default() });
    let row = |flushdb: &str, value: u32| {
        format!(
            r#"{{"bench": "ordering", "choice": "barrier", "params": {{"workers": 4, "flushdb": "{flushdb}"}},
                "value": {value}, "unit": "entries/s", "share_of_limit": 0.5}}"#
        )
    };
    let rows = [row("10%", 10), row("0%", 40), row("5%", 20)];
    std::fs::write(folder.path().join("summary.json"), format!("[{}]", rows.join(",")))
        .expect("it is written");
    let machine = folder.path().join("machine.json");
    let said =
        r#"{"machine": "a <b>good</b> one", "cores": 2, "date": "2026-11-21T11:40:00Z", "commit": "abc"}"#;
    std::fs::write(&machine, said).expect("it is written");
    let page = visitor.open("/bench").await;
    for words in
        ["a &lt;b&gt;good&lt;/b&gt; one, 2 cores", ">2026-11-21T11:40:00Z</time>", "<code>abc</code>"]
    {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    // Sorted by number, not by letters.
    let columns = ["</span>0%</th>", "</span>5%</th>", "</span>10%</th>"];
    let places =
        columns.map(|column| page.text.find(column).unwrap_or_else(|| panic!("{column}: {}", page.text)));
    assert!(places.is_sorted() && page.text.contains("by share of FLUSHDB"), "{places:?}");
    std::fs::write(&machine, "{").expect("it is written");
    let page = visitor.open("/bench").await;
    assert!(page.text.contains("machine not recorded") && page.text.contains("when the file was written"));
}
