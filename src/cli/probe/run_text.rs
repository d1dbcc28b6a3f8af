//! Text — what came of `probe run` → its text for a terminal, and its outcome. Pure.

use super::run::{Expect, RunArgs, Tally};
use super::shrunk::Cut;
use crate::cli::check::args::quoted;
use crate::cli::{Outcome, paint};
use clap::ValueEnum as _;
use replicheck::models::cost::thousands;
use replicheck::models::grid::{grid, settle, wrapped};
use replicheck::models::invariants::listed;
use replicheck::models::provoke::timed;
use replicheck::models::report::Report;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::probe::round::Nodes;

/// A run that is over.
pub struct Ran<'a> {
    pub args: &'a RunArgs,
    pub nodes: &'a Nodes,
    pub tally: &'a Tally,
    pub cuts: &'a [Cut],
    pub seed: u64,
    pub rows: &'a [Row],
}

impl Ran<'_> {
    /// The cut of a row's ✗.
    pub fn cut_of(&self, row: &Row) -> Option<&Cut> {
        let place = |cut: &&Cut| self.nodes.replicas[cut.replica].name == row.choice;
        self.cuts.iter().filter(place).find(|cut| cut.invariant == row.invariant)
    }

    /// What is broken although it was expected to hold.
    fn broken(&self) -> Vec<&Row> {
        let is_broken = |row: &&Row| row.verdict == Verdict::Violated && row.expected == Verdict::Holds;
        self.rows.iter().filter(is_broken).collect()
    }

    /// Why it cannot be said that nothing is broken.
    fn unjudged(&self) -> Vec<String> {
        let early = self.tally.broken_off.iter().cloned();
        let is_open = |row: &&Row| {
            let is_above = row.invariant == "prefix" && !super::rounds::reads_at_once(&self.software_of(row));
            let is_left_out = timed::EXPIRY.contains(&row.invariant);
            row.verdict == Verdict::Incomplete && row.expected == Verdict::Holds && !is_above && !is_left_out
        };
        let open = self.rows.iter().filter(is_open);
        early
            .chain(open.map(|row| format!("{}: {} is not judged: {}", row.choice, row.invariant, row.note)))
            .collect()
    }

    fn software_of(&self, row: &Row) -> String {
        let of = self.nodes.replicas.iter().find(|replica| replica.name == row.choice);
        of.map(|replica| replica.software.clone()).unwrap_or_default()
    }

    /// The outcome for the exit code: what is broken counts, even if something else could not be judged.
    pub fn outcome(&self) -> Outcome {
        match (self.broken().is_empty(), self.unjudged().is_empty()) {
            (false, _) => Outcome::Differs,
            (true, false) => Outcome::CouldNotJudge,
            (true, true) => Outcome::Expected,
        }
    }

    /// The command that runs this again with another load.
    fn again(&self, load: &str) -> String {
        let args = self.args;
        let replicas: String = args.replica.iter().map(|address| format!(" --replica {address}")).collect();
        let owns = if args.i_own_this_database { " --i-own-this-database" } else { "" };
        let (tls, expect) = (args.tls.words(), args.expect.to_possible_value());
        // The default is not repeated.
        let expect = expect.filter(|_| args.expect != Expect::Prefix);
        let expect = expect.map_or_else(String::new, |level| format!(" --expect {}", level.get_name()));
        let (master, db) = (&args.master, args.db);
        format!("replicheck probe run --master {master}{replicas} --db {db}{owns}{tls}{expect} {load}")
    }
}

/// The text of `width` columns.
pub fn text(ran: &Ran<'_>, width: u16) -> String {
    let (args, tally) = (ran.args, ran.tally);
    let mut text = format!("master   {} ({})\n", args.master, ran.nodes.software);
    for (at, replica) in ran.nodes.replicas.iter().enumerate() {
        let reads = thousands(tally.reads[at]);
        text += &format!(
            "replica  {} ({}), {reads} reads that differed from the one before; caught up within {} ms{}\n",
            replica.name,
            replica.software,
            tally.caught_up_ms[at],
            lag(tally.reported_lag_ms[at])
        );
    }
    let load = args.program.clone().unwrap_or_else(|| format!("seed {}", ran.seed));
    let (rounds, writes) = (thousands(tally.rounds), thousands(tally.writes));
    text += &format!(
        "load     {load}: {rounds} rounds, {writes} writes to database {}; {:.1} s\n\n",
        args.db, tally.seconds
    );
    let report = Report { rows: ran.rows, own_program: true, width };
    text += &report.verdict_table("probe");
    text.push('\n');
    text += &legend(ran.rows, width);
    for row in report.told() {
        text += &counterexample(ran, row, width);
    }
    if let Some(why) = &tally.broken_off {
        text += &format!("\n ! ended early: {why}\n");
    }
    text + "\n" + &wrapped(&end(ran), width)
}

fn lag(reported_ms: Option<u64>) -> String {
    reported_ms.map_or_else(String::new, |ms| format!(", and the servers reported a lag of at most {ms} ms"))
}

fn legend(rows: &[Row], width: u16) -> String {
    let mut table = grid(width, None);
    let signs = "✗ n broken, by the reads that are shown, after n steps · sampled: no read broke it, and no more is claimed · \
                 incomplete: not judged, see note · unique states: reads that differed from the one before";
    table.add_row(["signs", signs]);
    for row in rows.iter().filter(|row| row.verdict == Verdict::Incomplete) {
        table.add_row(["note", &format!("{} of {}: {}", row.invariant, row.choice, row.note)]);
    }
    for row in rows.iter().take_while(|row| row.choice == rows[0].choice) {
        table.add_row([row.invariant.name(), row.invariant.promise()]);
    }
    settle(&mut table, &[0], &[])
}

/// A ✗: the writes, the reads that show it, and how to see it again.
fn counterexample(ran: &Ran<'_>, row: &Row, width: u16) -> String {
    let (Some(story), Some(cut)) = (&row.counterexample, ran.cut_of(row)) else { return String::new() };
    let (from, to) = cut.writes;
    let minimal = if cut.is_minimal { "" } else { "; time was over before it was as short as can be" };
    let title = format!(
        "{} breaks {} in {to} {} (cut down from {from}{minimal})",
        row.choice,
        row.invariant,
        if to == 1 { "write" } else { "writes" }
    );
    let file = quoted(&cut.file);
    format!(
        "\n{}\n{}\nrun again: {}\nall interleavings: replicheck check --program {file}\n",
        paint::title(&title),
        timeline(story, width),
        ran.again(&format!("--program {file}")),
    )
}

/// The outcome, and what to do next.
fn end(ran: &Ran<'_>) -> String {
    let (broken, unjudged) = (ran.broken(), ran.unjudged());
    if !broken.is_empty() {
        let names: Vec<_> = broken.iter().map(|row| row.invariant).collect();
        let load = ran
            .args
            .program
            .as_ref()
            .map_or_else(|| format!("--seed {}", ran.seed), |file| format!("--program {}", quoted(file)));
        return format!("⇒ broken: {}. The whole load again: {}\n", listed(&names), ran.again(&load));
    }
    if !unjudged.is_empty() {
        return format!("⇒ could not judge:\n  {}\n", unjudged.join("\n  "));
    }
    "⇒ nothing broken that is promised. Other seeds, more seconds and load of other clients show more.\n"
        .to_owned()
}
