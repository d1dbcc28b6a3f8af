//! The content of pages, and that all their links open.

use crate::explorer::visitor::Visitor;
use replicheck::models::choice::Choice;

const FLUSHDB: &str = "program=SET+a+1%3B+FLUSHDB";

#[tokio::test]
async fn home_before_any_script_names_every_choice() {
    let home = Visitor::new().open("/").await;
    for choice in Choice::all() {
        let name = choice.name().replacen('+', "\u{200b}+", 1);
        assert!(home.text.contains(&format!("<code>{name}</code>")), "{name}");
        for invariant in choice.invariants() {
            assert!(home.text.replace("<wbr>", "").contains(invariant.name()), "{invariant}");
        }
    }
    assert!(home.text.contains("FLUSHDB") && home.text.contains("Watch it go wrong: 8 steps"));
}

#[tokio::test]
async fn home_every_link_opens_and_nothing_is_elsewhere() {
    let visitor = Visitor::new();
    for address in visitor.open("/").await.addresses() {
        assert!(address.starts_with(['/', '#']) || address == "data:,", "{address}");
        if address.starts_with('/') {
            visitor.open(&address).await;
        }
    }
}

#[tokio::test]
async fn explore_counterexample_marks_the_key_and_names_what_is_broken() {
    let page =
        Visitor::new().open(&format!("/explore/ordering/key_hash?{FLUSHDB}&path=0.0.0.0.0.0.0.0")).await;
    assert!(page.text.contains("Broken: convergence"), "{}", page.text);
    assert!(page.text.contains("aria-label=\"they differ\""));
    assert!(page.text.contains("✗ broken at step 8"));
    assert!(page.text.contains("✓ ") && page.text.contains("in all 71 states"), "{}", page.text);
}

#[tokio::test]
async fn explore_every_step_link_opens() {
    let visitor = Visitor::new();
    for choice in Choice::all() {
        let mut addresses = vec![format!("/explore/{}/{}", choice.model(), choice.name())];
        for depth in 0..3 {
            let mut steps = Vec::new();
            for address in &addresses {
                let page = visitor.open(address).await;
                // The path is shown with all of its steps, the last one marked.
                assert_eq!(page.text.matches("id=\"step-").count(), depth, "{address}");
                steps.extend(page.addresses().into_iter().filter(|address| {
                    address.contains("/explore/")
                        && address.matches('.').count() == depth
                        && address.contains("path=")
                }));
            }
            steps.sort();
            steps.dedup();
            assert!(!steps.is_empty(), "{}: no step after {depth}", choice.name());
            addresses = steps.into_iter().take(6).collect();
        }
    }
}

#[tokio::test]
async fn explore_same_address_elsewhere_gives_the_same_page() {
    let address = format!("/explore/ordering/barrier?{FLUSHDB}&workers=3&path=0.0.0.0&at=2");
    let (here, there) = (Visitor::new().open(&address).await, Visitor::new().open(&address).await);
    assert_eq!(here.text, there.text);
    assert!(here.text.contains("aria-current=\"step\"") && here.text.contains("the path goes on here"));
    assert!(here.text.contains("worker 2") || here.text.contains("w2 idle"), "three workers");
}

#[tokio::test]
async fn explore_setting_of_clocks_is_told_and_kept_in_links() {
    let page = Visitor::new().open("/explore/expiry/absolute?program=SETEX+k+2+5&skew=1001&path=0").await;
    assert!(page.text.contains("the replica's clock is 1.001 s ahead of the master's"), "{}", page.text);
    let steps: Vec<String> =
        page.addresses().into_iter().filter(|address| address.contains("path=0.")).collect();
    assert!(!steps.is_empty() && steps.iter().all(|address| address.contains("skew=1001")), "{steps:?}");
}

#[tokio::test]
async fn compare_barrier_says_that_flushdb_has_to_wait_and_for_what() {
    let visitor = Visitor::new();
    let path = format!("{FLUSHDB}&path=0.0.0.0.0.0.0.0");
    let barrier = visitor.open(&format!("/compare/ordering/key_hash/barrier?{path}")).await;
    for words in [">Step 3</a> cannot be followed", "FLUSHDB has to wait here.", "takes 1 (SET a 1)"] {
        assert!(barrier.text.contains(words), "{words}");
    }
    let serial = visitor.open(&format!("/compare/ordering/key_hash/serial?{path}")).await;
    assert!(serial.text.contains("done in one with what stands before it"), "{}", serial.text);
    let itself = visitor.open(&format!("/compare/ordering/key_hash/key_hash?{path}")).await;
    assert!(itself.text.contains("All 8 steps can be taken"));
}

#[tokio::test]
async fn typed_text_is_escaped() {
    let program = "program=SET+%3Cscript%3Ealert(1)%3C%2Fscript%3E+%22%3Cb%3E%22";
    let visitor = Visitor::new();
    for page in ["/explore/ordering/serial", "/program", "/compare/ordering/serial/barrier"] {
        let text = visitor.open(&format!("{page}?{program}&path=0")).await.text;
        assert!(!text.contains("<script>alert") && !text.contains("<b>\""), "{page}");
        assert!(text.contains("&lt;script&gt;alert"), "{page}");
    }
}

#[tokio::test]
async fn tour_screens_lead_from_both_bugs_to_their_cures_and_to_the_visitor() {
    let visitor = Visitor::new();
    let home = visitor.open("/").await;
    assert!(home.addresses().contains(&"/tour/1".to_owned()));
    let on_each: [&[&str]; 5] = [
        &["FLUSHDB overtakes a SET", "breaks convergence"],
        &["cannot be followed under", "FLUSHDB has to wait here."],
        &["INCR makes an immortal key", "no_immortal_key"],
        &["can be taken under", "they break nothing there"],
        &["Your turn", "/program"],
    ];
    for (screen, expected) in (1..).zip(on_each) {
        let page = visitor.open(&format!("/tour/{screen}")).await;
        for words in expected {
            assert!(page.text.contains(words), "screen {screen}: {words}");
        }
        let next = format!("/tour/{}", screen + 1);
        assert_eq!(page.addresses().contains(&next), screen < on_each.len(), "screen {screen}");
    }
    for nowhere in ["/tour/0", "/tour/6", "/tour/x"] {
        assert_eq!(visitor.get(nowhere).await.status, 400, "{nowhere}");
    }
}

#[tokio::test]
async fn explore_rows_of_one_lane_are_shown_and_kept_in_the_links_of_the_path() {
    let visitor = Visitor::new();
    let address = format!("/explore/ordering/key_hash?{FLUSHDB}&path=0.0.0.0.0.0.0.0");
    let all = visitor.open(&address).await;
    assert!(all.addresses().contains(&format!("{address}&rows=w1")), "{:?}", all.addresses());
    let some = visitor.open(&format!("{address}&rows=w1")).await;
    assert!(some.text.contains("3 of 8 rows are shown."), "{}", some.text);
    assert!(some.addresses().contains(&format!("{address}&at=0&rows=w1")), "{:?}", some.addresses());
    let none = visitor.open(&format!("{address}&rows=w7")).await;
    assert!(none.text.contains("This lane takes no part in any step."));
    assert_eq!(visitor.get(&format!("{address}&rows=much_too_long")).await.status, 400);
}
