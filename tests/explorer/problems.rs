//! Addresses and programs that are wrong.

use crate::explorer::visitor::Visitor;
use axum::http::StatusCode;

#[tokio::test]
async fn bad_addresses_get_a_page_that_says_what_is_wrong_and_links_to_what_is_right() {
    let visitor = Visitor::new();
    let long = format!("/explore/ordering/serial?program={}", "SET+a+1%0A".repeat(25));
    let not_found = StatusCode::NOT_FOUND;
    let bad = StatusCode::BAD_REQUEST;
    let cases = [
        ("/nowhere", not_found, "Nothing has this address", "href=\"/\""),
        ("/assets/nothing.js", not_found, "Nothing has this address", "href=\"/\""),
        ("/explore/order/serial", not_found, "unknown model 'order'", "/explore/ordering/serial?"),
        ("/explore/ordering/serail", not_found, "unknown choice 'serail'", "/explore/ordering/serial?"),
        (
            "/explore/ordering/log_clock",
            not_found,
            "unknown choice 'log_clock'",
            "/explore/expiry/log_clock?",
        ),
        (
            "/compare/ordering/serial/serail",
            not_found,
            "unknown choice 'serail'",
            "/explore/ordering/serial?",
        ),
        (
            "/explore/ordering/serial?path=0.0.9",
            not_found,
            "step 3 of the path is number 9, but only",
            "path=0.0\"",
        ),
        ("/explore/ordering/serial?path=0.x", bad, "'0.x' is not numbers of steps", "href=\"/\""),
        ("/explore/ordering/serial?path=0&at=7", bad, "at: '7' is not a number from 0 to 1", "href=\"/\""),
        (
            "/explore/ordering/serial?workers=99",
            bad,
            "workers: '99' is not a number from 1 to 4",
            "href=\"/\"",
        ),
        ("/?length=99", bad, "'99' is not a number from 2 to 5", "href=\"/\""),
        ("/explore/ordering/serial?program=GET+a", bad, "no write in it", "<textarea"),
        (&long, bad, "it has 25 writes, and at most 24", "<textarea"),
        (
            "/program?program=SET+a+1&strategy=nope",
            not_found,
            "unknown choice 'nope'",
            "/explore/ordering/serial?",
        ),
        (
            "/explore/ordering/key_hash+commands?program=SET+a+1%3B+RENAME+a+b",
            bad,
            "not defined for the choice: key_hash cannot apply entry 2",
            "<textarea",
        ),
    ];
    for (address, status, words, help) in cases {
        let page = visitor.get(address).await;
        assert_eq!(page.status, status, "{address}");
        assert!(page.text.replace("&#39;", "'").contains(words), "{address}: {}", page.text);
        assert!(page.text.contains(help), "{address}: {}", page.text);
    }
}

#[tokio::test]
async fn program_line_that_is_wrong_is_shown_at_its_line() {
    let visitor = Visitor::new();
    for page in ["/explore/ordering/serial", "/program", "/compare/ordering/serial/barrier"] {
        let answer = visitor.get(&format!("{page}?program=SET+a+1%0ASET+b%0AFLUSHDB")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let text = answer.text.replace("&#39;", "'");
        let line = "<li class=\"wrong\"><code>SET b</code>";
        assert!(text.contains(line), "{page}: {text}");
        assert!(text.contains("Line 2: wrong number of arguments for 'set' command."), "{page}: {text}");
        assert!(text.contains("aria-invalid=\"true\""), "{page}");
    }
}
