//! The counterexample of each known bug, step by step, and beside its cure.

use crate::explorer::visitor::{Page, Visitor};
use axum::http::StatusCode;
use replicheck::models::catalogue::{self, Bug, Case};

fn shown() -> impl Iterator<Item = (&'static Case, &'static Bug)> {
    catalogue::all().filter_map(|case| Some((case, case.bug()?)))
}

/// The only address on a page that begins with `start`.
fn the_one(page: &Page, start: &str) -> String {
    let mut found: Vec<String> = page.addresses().into_iter().filter(|it| it.starts_with(start)).collect();
    assert_eq!(found.len(), 1, "{start}: {found:?}");
    found.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn bug_of_every_shown_row_leads_to_its_own_path_and_the_last_step_breaks_its_invariant() {
    let visitor = Visitor::new();
    for (case, bug) in shown() {
        let id = case.id;
        let page = visitor.open(&format!("/catalogue/{id}")).await;
        assert!(page.text.contains("class=\"rc-drawing\""), "{id}: no timeline");
        let walk = visitor.open(&the_one(&page, &format!("/catalogue/{id}/explore?"))).await;
        let steps = walk.text.matches("id=\"step-").count();
        // A step of the story may be about the clocks: it is not a step of the path.
        assert!((bug.steps - 1..=bug.steps).contains(&steps), "{id}: {steps} of {} steps", bug.steps);
        let last = walk.text.split(&format!("id=\"step-{steps}\"")).nth(1).expect("the last step");
        let last = last.split("</a>").next().unwrap_or_default();
        assert!(last.contains(" breaks ") && last.contains(bug.invariant.name()), "{id}: {last}");
        let broken = walk.text.split("<p class=\"broken\">").nth(1).unwrap_or_default();
        assert!(broken.split("</p>").next().unwrap_or_default().contains(bug.invariant.name()), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bug_beside_its_cure_has_to_wait_or_keeps_the_promise() {
    let visitor = Visitor::new();
    let (mut waits, mut goes) = (0, 0);
    for (case, bug) in shown() {
        let page = visitor.open(&format!("/catalogue/{}", case.id)).await;
        let beside = visitor.open(&the_one(&page, &format!("/catalogue/{}/compare?", case.id))).await;
        let verdict = beside.text.split("role=\"status\"").nth(1).expect("a verdict");
        let verdict = verdict.split("class=\"beside\"").next().unwrap_or_default();
        assert!(verdict.contains(&bug.cure.name()), "{}: {verdict}", case.id);
        match verdict.contains("cannot be followed") {
            true => waits += 1,
            false => {
                goes += 1;
                assert!(!verdict.contains(bug.invariant.name()), "{}: {verdict}", case.id);
            }
        }
    }
    assert!(waits > 5 && goes > 5, "{waits} must wait, {goes} continue");
}

#[tokio::test]
async fn bug_walk_goes_both_ways_and_its_files_open() {
    let visitor = Visitor::new();
    let page = visitor.open("/catalogue/R06").await;
    let walk = visitor.open(&the_one(&page, "/catalogue/R06/explore?")).await;
    // A fault has no test in Rust: no public function builds it.
    assert!(!walk.text.contains("/export/rs"), "{}", walk.text);
    let own = walk.addresses().into_iter().filter(|address| address.starts_with("/catalogue/R06/"));
    let own: Vec<String> = own.collect();
    assert!(own.iter().any(|address| address.contains("under=cure")), "{own:?}");
    assert!(own.iter().any(|address| address.contains("/export/svg?")), "{own:?}");
    for address in own {
        let page = visitor.open(&address).await;
        assert!(!page.text.contains("class=\"problem\""), "{address}");
    }
    for (bad, status) in [
        ("/catalogue/R10/explore", StatusCode::NOT_FOUND),
        ("/catalogue/R999/compare", StatusCode::NOT_FOUND),
        ("/catalogue/R06/explore?under=both", StatusCode::BAD_REQUEST),
        ("/catalogue/R06/explore?skew=1", StatusCode::BAD_REQUEST),
        ("/catalogue/R06/explore?path=0.99", StatusCode::NOT_FOUND),
        ("/catalogue/R06/export/doc?path=0", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(visitor.get(bad).await.status, status, "{bad}");
    }
}
