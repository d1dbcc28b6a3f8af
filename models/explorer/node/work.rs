//! Work — waits, batches, syncs and errors of a node; the replicas of a master. Pure.

use super::facts::{Facts, Role};
use super::history::{Growth, History};
use super::parse::ROWS_MAX;
use super::scale::{known, millis, minute, waited};
use crate::apply::pool::Wait;
use crate::models::cost::{rounded, thousands};
use crate::server::measured::FullSyncs;
use maud::{Markup, html};

/// The waits of threads, in words.
fn in_words(wait: Wait) -> &'static str {
    match wait {
        Wait::Barrier => "workers, for an entry without keys",
        Wait::Conflict => "workers, for entries of the same keys or lanes",
        Wait::Turn => "workers, for their turn to write",
        Wait::Room => "the link, for room in the queue",
        Wait::Cut => "the link, for a snapshot to be published",
        Wait::Drain => "the flush, for entries to be written",
    }
}

/// Time waited, as rates.
pub fn waits(facts: &Facts, history: &History) -> Option<Markup> {
    if matches!(facts.role, Role::Master { .. }) {
        return None;
    }
    Some(html! {
        h2 { "Waits" }
        p.quiet { "Milliseconds a second, over the last two seconds. Several workers may wait at once, so it may be more than 1,000." }
        div.scroll tabindex="0" role="region" aria-label="Waits" { table.waited {
            thead { tr { th scope="col" { "at" } th scope="col" { "who, and for what" } th scope="col" { "ms a second" } th scope="col" { "the last minute" } th scope="col" { "since the start" } } }
            tbody { @for wait in Wait::ALL {
                @let growth = history.growth(|figures| waited(figures, wait));
                @let series = history.speeds(|figures| waited(figures, wait) / 1000);
                tr {
                    th scope="row" { (wait.name()) }
                    td { (in_words(wait)) }
                    td.number { (growth.map_or_else(|| "–".to_owned(), |growth| millis(growth.per_second()))) }
                    td { (minute(&series, history, "ms a second")) }
                    td.number { (millis(facts.waited_us.get(wait.name()).copied().unwrap_or_default() as f64)) " ms" }
                }
            } }
        } }
    })
}

/// Everything that is counted.
pub fn work(facts: &Facts, history: &History) -> Option<Markup> {
    let entries = history.speeds(|figures| figures.published);
    Some(html! {
        h2 { "Work" }
        dl.facts {
            dt { "entries" } dd {
                (per_second(history.growth(|figures| figures.published))) " a second become visible to readers"
                (minute(&entries, history, "a second"))
            }
            dt { "batches" } dd {
                (per_second(history.growth(|figures| figures.batches))) " a second, of " (entries_a_batch(history))
                " entries; since the start " (thousands(facts.batches)) ", of " (ratio(facts.batch_entries, facts.batches)) " entries"
            }
            dt { "flushes" } dd { (thousands(facts.flushes)) " of the store" }
            dt { "full syncs" } dd { "received: " (syncs(facts.full_syncs_received)) br; "sent: " (syncs(facts.full_syncs_sent)) }
            dt { "clock" } dd { (thousands(facts.clock_steps)) " steps of the wall clock while it was a master" }
            dt { "last error" } dd {
                @match &facts.last_error {
                    None => "none",
                    Some(error) => { span.bad { (error.text) } ", " (thousands(error.age_s)) " s ago" },
                }
            }
        }
    })
}

/// The replicas of a master.
pub fn replicas(facts: &Facts, _: &History) -> Option<Markup> {
    let Role::Master { replicas } = &facts.role else { return None };
    Some(html! {
        h2 { "Replicas" }
        @if replicas.is_empty() { p { "No replica is connected." } } @else {
            div.scroll tabindex="0" role="region" aria-label="Replicas" { table {
                thead { tr {
                    @for name in ["replica", "state", "received", "durable", "published", "lag, entries", "lag, bytes", "lag, ms"] { th scope="col" { (name) } }
                } }
                tbody { @for replica in replicas { tr {
                    th scope="row" { (replica.address) }
                    td { (replica.state) }
                    @for lsn in [replica.received, replica.durable, replica.published] { td.number { (thousands(lsn)) } }
                    @for lag in [replica.lag.entries, replica.lag.bytes, replica.lag.ms] { td.number { (known(lag)) } }
                } } }
            } }
            @if replicas.len() == ROWS_MAX { p.quiet { "Only the first " (ROWS_MAX) " are shown." } }
        }
    })
}

fn per_second(growth: Option<Growth>) -> String {
    growth.map_or_else(|| "–".to_owned(), |growth| thousands(rounded(growth.per_second())))
}

fn entries_a_batch(history: &History) -> String {
    let (entries, batches) =
        (history.growth(|figures| figures.batch_entries), history.growth(|figures| figures.batches));
    entries.zip(batches).map_or_else(|| "–".to_owned(), |(entries, batches)| ratio(entries.by, batches.by))
}

fn ratio(of: u64, by: u64) -> String {
    if by == 0 { "–".to_owned() } else { format!("{:.1}", of as f64 / by as f64) }
}

fn syncs(syncs: FullSyncs) -> String {
    let FullSyncs { begun, complete, failed } = syncs;
    format!("{} begun, {} complete, {} failed", thousands(begun), thousands(complete), thousands(failed))
}
