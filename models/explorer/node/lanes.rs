//! Lanes — the queue of each worker as a bar, and whether an entry waits at the barrier. Pure.

use super::facts::{Facts, Role};
use super::history::History;
use super::scale::{bar_of, millis, minute, scale, waited};
use super::spark::greatest;

use crate::apply::pool::Wait;
use crate::models::cost::{rounded, thousands};
use maud::{Markup, html};

/// Whether workers wait at the barrier now. The figure grows only while an entry without keys is next for a worker that has
/// other entries to do, so a growth since the last answer is such a wait.
pub fn mark(facts: &Facts, history: &History) -> Option<Markup> {
    if !has_lanes(facts) {
        return None;
    }
    let now = history.last_growth(|figures| waited(figures, Wait::Barrier)).filter(|growth| growth.by > 0);
    let recent = history.growth(|figures| waited(figures, Wait::Barrier)).filter(|growth| growth.by > 0);
    Some(html! {
        @match (now, recent) {
            (Some(now), _) => p.mark.held {
                span aria-hidden="true" { "▮▮ " } strong { "Waiting at the barrier" }
                ": an entry without keys, such as FLUSHDB, holds the lanes. In the last " (now.in_ms) " ms the workers waited "
                (millis(now.by as f64)) " ms for it, taken together."
            },
            (None, Some(recent)) => p.mark {
                span aria-hidden="true" { "▷ " } "The lanes run. In the last " (recent.in_ms) " ms the workers waited " (millis(recent.by as f64))
                " ms at the barrier, taken together."
            },
            (None, None) => p.mark { span aria-hidden="true" { "▷ " } "Nothing waits at the barrier." },
        }
    })
}

/// A lane for each worker.
pub fn lanes(facts: &Facts, history: &History) -> Option<Markup> {
    if !has_lanes(facts) {
        return None;
    }
    let series = history.series(|figures| Some(figures.longest_queue));
    let longest = facts.lanes.iter().map(|lane| lane.queued).chain([facts.queued_for_any]).max()?;
    let seen = u64::try_from(rounded(greatest(&series))).unwrap_or(u64::MAX);
    let scale = scale(longest.max(seen));
    Some(html! {
        h2 { "Lanes" }
        p.quiet { "Entries that wait for each worker. A full bar is " (thousands(scale)) ". An entry that needs several lanes is in each of them." }
        table.lanes {
            thead { tr { th scope="col" { "worker" } th scope="col" { "waiting" } th scope="col" { "in hand" } } }
            tbody {
                @for (worker, lane) in facts.lanes.iter().enumerate() { tr {
                    th scope="row" { (worker) }
                    td.wide { (bar_of(lane.queued, scale, &thousands(lane.queued))) }
                    td.number { (thousands(lane.in_hand)) }
                } }
                tr { th scope="row" { "any" } td.wide { (bar_of(facts.queued_for_any, scale, &thousands(facts.queued_for_any))) } td {} }
            }
        }
        p { "The longest queue: " strong { (thousands(longest)) } (minute(&series, history, "entries")) }
    })
}

/// A master's writer applies what it logs: its workers have nothing to do.
fn has_lanes(facts: &Facts) -> bool {
    matches!(facts.role, Role::Replica { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::explorer::node::parse::parse;

    /// The words of the mark after answers at these times, with these microseconds waited at the barrier.
    fn marked(answers: &[(u64, u64)]) -> String {
        let mut facts = parse(include_str!("replica.info")).expect("INFO");
        let mut history = History::default();
        for &(at_ms, waited_us) in answers {
            facts.waited_us.insert(Wait::Barrier.name().to_owned(), waited_us);
            history.add(at_ms, Some(&facts));
        }
        mark(&facts, &history).expect("a replica").into_string()
    }

    #[test]
    fn mark_is_of_the_last_answer_then_of_two_seconds_then_gone() {
        let cases: [(&[(u64, u64)], &str); 5] = [
            (&[(0, 9_000_000)], "Nothing waits at the barrier."),
            (&[(0, 0), (250, 0)], "Nothing waits at the barrier."),
            (&[(0, 0), (250, 480_000)], "In the last 250 ms the workers waited 480 ms for it"),
            (
                &[(0, 0), (250, 480_000), (500, 480_000)],
                "In the last 500 ms the workers waited 480 ms at the barrier",
            ),
            (&[(0, 0), (250, 480_000), (2_000, 480_000), (4_000, 480_000)], "Nothing waits at the barrier."),
        ];
        for (answers, words) in cases {
            let told = marked(answers);
            assert!(told.contains(words), "{answers:?}: {told}");
            assert_eq!(told.contains("held"), words.contains("for it"), "{told}");
        }
    }

    #[test]
    fn lanes_fill_up_to_their_scale_and_a_master_has_none() {
        let mut facts = parse(include_str!("replica.info")).expect("INFO");
        (facts.lanes[0].queued, facts.lanes[1].queued) = (400, 1_000);
        let drawn = lanes(&facts, &History::default()).expect("a replica").into_string();
        for words in ["A full bar is 1,000.", "width=\"40.0%\"", "width=\"100.0%\""] {
            assert!(drawn.contains(words), "{words}: {drawn}");
        }
        facts.role = Role::Master { replicas: Vec::new() };
        assert!(lanes(&facts, &History::default()).is_none() && mark(&facts, &History::default()).is_none());
    }
}
