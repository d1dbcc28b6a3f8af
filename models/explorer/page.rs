//! Page — title, body, and what else belongs into the head → a whole document. Pure.

use maud::{DOCTYPE, Markup, html};

/// A document that loads nothing from other sites.
pub fn page(title: &str, body: &Markup) -> Markup {
    with_head(title, &html! {}, body)
}

/// The same, with more in its head.
pub fn with_head(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(HTMX);
                title { (title) " · replicheck" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/drawing.css";
                link rel="stylesheet" href="/assets/explorer.css";
                script src="/assets/htmx.min.js" defer {}
                script src="/assets/explorer.js" defer {}
                (head)
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.site {
                    a.name href="/" { "replicheck" }
                    nav aria-label="Pages" {
                        a href="/" { "Verdicts" }
                        a href="/program" { "Own program" }
                        a href="/catalogue" { "Known bugs" }
                        a href="/bench" { "Benches" }
                    }
                }
                main #main tabindex="-1" { (body) }
                (keys())
            }
        }
    }
}

/// htmx adds no style and evaluates no code, and a step keeps the scroll position.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"scrollIntoViewOnBoost":false,"historyCacheSize":0}"#;

fn keys() -> Markup {
    let rows = [
        ("←  →", "a step back, a step forward"),
        ("Home  End", "to the start, to the end of the path"),
        ("1 … 9", "take that step"),
        ("p", "play, pause"),
        ("c", "to the shortest counterexample"),
        ("?", "this help"),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl { @for (key, what) in rows { dt { kbd { (key) } } dd { (what) } } }
            form method="dialog" { button { "Close" } }
        }
    }
}
