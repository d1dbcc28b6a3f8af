//! Html — a report → a page of its own, without scripts. Pure.

use super::report::{Finding, Findings, Report};
use super::shown::quoted;
use super::text::text;
use maud::{DOCTYPE, Markup, html};

const STYLE: &str = "body{font:16px/1.5 sans-serif;margin:2em;max-width:80em}table{border-collapse:collapse}\
                     td,th{border:1px solid #999;padding:.2em .6em;text-align:left;vertical-align:top}\
                     td,pre{font-family:monospace;overflow-wrap:anywhere}pre{white-space:pre-wrap}";

/// The page: the differing keys as tables, and the report in words.
pub fn page(report: &Report) -> String {
    let title = format!("replicheck probe compare: {}", report.options.master);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } style { (maud::PreEscaped(STYLE)) } }
            body {
                h1 { (title) }
                @for replica in &report.replicas {
                    h2 { "Replica " (replica.name) }
                    p { (replica.differing.total) " keys differ at an equal position, " (replica.may_be_lag.total)
                        " differ and may be lag, " (replica.undecided_total()) " are undecided." }
                    (table("Differing keys", &replica.differing))
                    (table("May be lag", &replica.may_be_lag))
                }
                h2 { "The report in words" }
                pre { (text(report)) }
            }
        }
    };
    page.into_string()
}

fn table(title: &str, findings: &Findings) -> Markup {
    html! {
        @if findings.total > 0 {
            h3 { (title) ": " (findings.total) }
            table {
                tr { th { "database" } th { "key" } th { "kind" } th { "at" } th { "master" } th { "replica" } }
                @for finding in &findings.kept { (rows(finding)) }
            }
        }
    }
}

fn rows(finding: &Finding) -> Markup {
    html! {
        @for one in &finding.differences.shown {
            tr {
                td { (finding.database) } td { (quoted(&finding.key)) } td { (one.kind.name()) }
                td { (one.element.as_deref().unwrap_or("")) } td { (one.master) } td { (one.replica) }
            }
        }
    }
}
