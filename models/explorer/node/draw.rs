//! Draw — what was seen of a node → the parts of its page. Pure.
//!
//! Each part is an element with an id, and is sent again when it changes.

use super::facts::{Facts, Link, Role};
use super::history::History;
use super::poll::Seen;
use super::scale::{known, minute, scale};
use super::{lanes, work};
use crate::models::cost::thousands;
use maud::{Markup, html};

/// The parts, by their ids.
pub fn parts(seen: &Seen) -> Vec<(String, Markup)> {
    let facts = seen.facts.as_ref().ok();
    let part = |id: &str, draw: fn(&Facts, &History) -> Option<Markup>| {
        let drawn = facts.and_then(|facts| draw(facts, &seen.history));
        (
            id.to_owned(),
            html! { section id=(id) hidden[drawn.is_none()] { @if let Some(drawn) = drawn { (drawn) } } },
        )
    };
    vec![
        ("node-head".to_owned(), head(seen)),
        part("node-mark", lanes::mark),
        part("node-lanes", lanes::lanes),
        part("node-watermarks", watermarks),
        part("node-lag", lag),
        part("node-work", work::work),
        part("node-waits", work::waits),
        part("node-replicas", work::replicas),
    ]
}

/// The node's role and settings, or the reason why they are not known.
fn head(seen: &Seen) -> Markup {
    html! {
        div #node-head {
            @match &seen.facts {
                Ok(facts) => {
                    p.lead { (role(&facts.role)) }
                    @if let Some(reason) = &facts.read_only { p.problem { "It refuses all writes: " (reason) } }
                    p.quiet {
                        "strategy " code { (facts.strategy) } " · policy " code { (facts.policy) } " · " (facts.lanes.len()) " workers · log synced " code { (facts.appendfsync) }
                        " · replicheck " (facts.version) " · up for " (thousands(facts.uptime_s)) " s"
                    }
                }
                Err(trouble) => {
                    p.problem { "Nothing is known of " (seen.address) " now: " (trouble) "." }
                    p.quiet { "It is asked again every second." }
                }
            }
        }
    }
}

fn role(role: &Role) -> Markup {
    html! {
        @match role {
            Role::Master { replicas } => {
                "A master, with " (replicas.len()) @if replicas.len() == 1 { " replica." } @else { " replicas." }
            },
            Role::Replica { master, link } => {
                "A replica of " (master) "; "
                @match link {
                    Link::Up => "its link is up.",
                    Link::FullSync { read, total } => {
                        "a full sync is in progress: " (thousands(read)) " of about " (thousands(total)) " bytes."
                    },
                    Link::Down { seconds } => { strong.bad { "its link is down" } " for " (thousands(seconds)) " s." },
                    Link::Stopped { reason } => { strong.bad { "its link has stopped" } ": " (reason) "." },
                }
            },
        }
    }
}

/// The four watermarks on one scale, which ends at the last entry of the log.
fn watermarks(facts: &Facts, history: &History) -> Option<Markup> {
    let marks = facts.watermarks.named();
    let last = marks.iter().map(|mark| mark.2).max()?;
    let behind = |lsn: u64| last - lsn;
    let span = scale(marks.iter().map(|mark| behind(mark.2)).max()?);
    let place = |lsn: u64| format!("{:.2}%", 1.0 + 98.0 * (1.0 - behind(lsn) as f64 / span as f64));
    let gap = facts.watermarks.gap();
    let series = history.series(|figures| Some(figures.gap));
    Some(html! {
        h2 { "Watermarks" }
        p.quiet { "A dot is the entry (LSN) up to which all entries are in the log, synced, written or seen. The left end is " (thousands(span)) " entries before the right one." }
        table.marks {
            thead { tr { th scope="col" { "all entries are" } th scope="col" { span.unseen { "position" } } th scope="col" { "up to" } th scope="col" { "behind" } } }
            tbody { @for (name, meaning, lsn) in marks { tr {
                th scope="row" { (name) " " small { (meaning) } }
                td.wide { svg.track aria-hidden="true" {
                    line x1="1%" x2="99%" y1="50%" y2="50%" {}
                    line.behind x1=(place(lsn)) x2="99%" y1="50%" y2="50%" {}
                    circle cx=(place(lsn)) cy="50%" r="5" {}
                } }
                td.number { (thousands(lsn)) }
                td.number { (thousands(behind(lsn))) }
            } } }
        }
        p { "Gap, received less published: " strong { (thousands(gap)) } " entries" (minute(&series, history, "entries")) }
    })
}

fn lag(facts: &Facts, history: &History) -> Option<Markup> {
    if matches!(facts.role, Role::Master { .. }) {
        return None;
    }
    let series = history.series(|figures| figures.lag_ms);
    let lag = facts.lag;
    Some(html! {
        h2 { "Lag behind the master" }
        p.quiet { "Behind the end of the master's log, as its last heartbeat told it. Entries that came since then count in the gap alone." }
        dl.facts {
            dt { "entries" } dd { (known(lag.entries)) }
            dt { "bytes" } dd { (known(lag.bytes)) }
            dt { "milliseconds" } dd { (known(lag.ms)) (minute(&series, history, "ms")) }
        }
    })
}
