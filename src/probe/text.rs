//! Text — a report → its text for a terminal. Pure.

use super::position::Reason;
use super::report::{Finding, Findings, OfReplica, Outcome, Report, Undecided};
use super::shown::quoted;
use std::fmt::Write as _;

/// Lines of one list.
const LINES_MAX: usize = 50;

/// The report in words.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing into a String does not fail.
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    if report.databases.is_empty() && report.broken_off.is_some() {
        // Nothing was compared: the reason is all that there is to say.
        line(end(report));
        return text;
    }
    line(format!("master   {} ({}), at {}", report.options.master, report.software, report.position));
    for replica in &report.replicas {
        line(format!("replica  {} ({}), at {}", replica.name, replica.software, replica.position));
    }
    line(format!("\n{}", compared(report)));
    for replica in &report.replicas {
        of_replica(replica, &mut line);
    }
    line("\nNot compared:".to_owned());
    report.not_compared.iter().for_each(|what| line(format!("  {what}")));
    if let Some(why) = &report.broken_off {
        line(format!("\n ! ended early: {why}"));
    }
    line(format!("\n{}", end(report)));
    text
}

fn compared(report: &Report) -> String {
    let types: Vec<String> = report.keys.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let databases: Vec<String> = report.databases.iter().map(i64::to_string).collect();
    format!(
        "compared {} keys of the master ({}) in database {}; looked {} keys of the replicas up on the master; {:.1} s",
        report.keys_total(),
        if types.is_empty() { "none".to_owned() } else { types.join(", ") },
        if databases.is_empty() { "-".to_owned() } else { databases.join(", ") },
        report.looked_up,
        report.seconds
    )
}

fn of_replica(replica: &OfReplica, line: &mut impl FnMut(String)) {
    let kinds: Vec<String> =
        replica.kinds.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
    line(match replica.differing.total {
        0 => format!("\n{}: no key was found to differ", replica.name),
        total => {
            format!("\n{}: ✗ {total} keys differ at an equal position ({})", replica.name, kinds.join(", "))
        }
    });
    list(&replica.differing, line);
    if replica.may_be_lag.total > 0 {
        let why = replica.why_lag.as_deref().unwrap_or_default();
        line(format!(" ! {} keys differ, which may be lag: {why}", replica.may_be_lag.total));
        list(&replica.may_be_lag, line);
    }
    for (reason, keys) in &replica.undecided {
        undecided(*reason, keys, line);
    }
    if replica.caught_up > 0 {
        line(format!(
            "  {} keys differed at first, and were equal at an equal position: lag",
            replica.caught_up
        ));
    }
}

fn list(findings: &Findings, line: &mut impl FnMut(String)) {
    let kept = &findings.kept[..findings.kept.len().min(LINES_MAX)];
    kept.iter().flat_map(lines).for_each(&mut *line);
    let more = findings.total - kept.len() as u64;
    if more > 0 {
        line(format!("    and {more} keys more (--json FILE has the first {})", super::report::KEYS_MAX));
    }
}

/// A line for each difference of a key.
fn lines(finding: &Finding) -> Vec<String> {
    let key = format!("db{} {}", finding.database, quoted(&finding.key));
    let mut lines: Vec<String> = finding
        .differences
        .shown
        .iter()
        .map(|difference| {
            let element =
                difference.element.as_ref().map(|element| format!(" at {element}")).unwrap_or_default();
            let kind = difference.kind.name();
            format!(
                "  ≠ {key}  {kind}{element}: master {}, replica {}",
                difference.master, difference.replica
            )
        })
        .collect();
    if finding.differences.more > 0 {
        lines.push(format!("    {key}: and {} differences more", finding.differences.more));
    }
    lines
}

fn undecided(reason: Reason, keys: &Undecided, line: &mut impl FnMut(String)) {
    line(format!("  {} keys undecided ({}): {}", keys.total, reason.name(), reason.sentence()));
    let names: Vec<String> =
        keys.kept.iter().take(5).map(|(database, key)| format!("db{database} {}", quoted(key))).collect();
    let more = if keys.total > names.len() as u64 { ", …" } else { "" };
    line(format!("    {}{more}", names.join(", ")));
}

/// The outcome, and what to do next.
fn end(report: &Report) -> String {
    match report.outcome() {
        Outcome::Nothing => "⇒ nothing found. Run it again under load, and after the next failover or full sync.".to_owned(),
        Outcome::Found => "⇒ found. Run it again with --match on one of the keys: what stands is no lag. Keep logs and versions of \
                           both nodes, then let the replica do a full sync."
            .to_owned(),
        Outcome::CouldNotJudge(reasons) => {
            format!(
                "⇒ could not judge:\n  {}\nRun it again when the replica follows, or with a longer --wait.",
                reasons.join("\n  ")
            )
        }
    }
}
