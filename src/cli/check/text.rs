//! Text — a finished run → what is printed: tables, counterexamples, a summary, and what the exit code means. Pure.

use super::args::Args;
use super::required::{failing, unjudged};
use super::shrunk::{Cut, is_of, is_sampled};
use crate::cli::caught::{PanicMessage, Panicked, caught};
use crate::cli::{Outcome, paint};
use replicheck::models::cost::{rounded, thousands};
use replicheck::models::export::{Export, exports};
use replicheck::models::grid::wrapped;
use replicheck::models::invariants::listed;
use replicheck::models::program::{Program, UnreadLine};
use replicheck::models::report::{Report, distinct, sign, steps};
use replicheck::models::timeline::timeline;
use replicheck::models::unread;
use replicheck::models::verdict::{Row, Verdict, cost};

/// A finished run.
pub struct Run<'a> {
    pub args: &'a Args,
    /// The seed from which schedules were drawn, if any were.
    pub seed: u64,
    /// The programs that were cut down.
    pub cut: Vec<Cut>,
    /// The missing parts of the answer.
    pub panicked: Vec<Panicked>,
    pub seconds: f64,
    pub threads: usize,
}

impl Run<'_> {
    /// The outcome for the exit code.
    pub fn outcome(&self, report: &Report<'_>) -> Outcome {
        let is_fine = match self.args.require.is_empty() {
            true => report.differing().is_empty(),
            false => self.not_enough(report).is_empty(),
        };
        if self.panicked.is_empty() && is_fine { Outcome::Expected } else { Outcome::Differs }
    }

    /// The required invariants that do not hold, in words.
    fn not_enough(&self, report: &Report<'_>) -> Vec<String> {
        [failing(self.args, report.rows), unjudged(self.args, report.rows)].concat()
    }

    /// The result of `work` for a row. If it panics, the panic is recorded and the result is `None`.
    fn noting<T>(&mut self, row: &Row, kind: &str, work: impl FnOnce() -> T) -> Option<T> {
        let note = |PanicMessage(message)| {
            let (choice, what) = (row.choice.clone(), format!("{kind} of {}", row.invariant));
            self.panicked.push(Panicked { model: row.model, choice, what, message });
        };
        caught(work).map_err(note).ok()
    }

    /// The files of every counterexample.
    pub fn files(&mut self, rows: &[Row]) -> Vec<Export> {
        let mut files = Vec::new();
        for row in rows {
            let again = self.again(row);
            files.extend(self.noting(row, "the files", || exports(row, &again)).unwrap_or_default());
        }
        files
    }

    /// The file of the program that a row's was cut down to.
    pub fn file_of(&self, row: &Row) -> Option<&str> {
        self.cut_of(row).map(|cut| cut.file.as_str())
    }

    fn cut_of(&self, row: &Row) -> Option<&Cut> {
        self.cut.iter().find(|cut| is_of(row, &cut.of))
    }

    /// The counterexamples that are printed.
    pub fn stories(&mut self, report: &Report<'_>) -> Vec<String> {
        let drawn = |row: &Row| row.counterexample.as_ref().map(|story| timeline(story, report.width));
        let mut stories = Vec::new();
        for row in report.told() {
            let drawn = self.noting(row, "the drawing", || drawn(row)).flatten();
            stories.extend(drawn.map(|drawn| self.counterexample(row, &drawn, report.width)));
        }
        stories
    }

    /// The whole output: tables, counterexamples, a summary, and what the exit code means.
    pub fn text(
        &self,
        report: &Report<'_>,
        program: Option<(&Program, &[UnreadLine])>,
        stories: &[String],
    ) -> String {
        let mut text = String::new();
        if let Some((program, left_out)) = program {
            text += &wrapped(&self.program_line(program, left_out), report.width);
            text.push('\n');
        }
        for model in distinct(report.rows, |row| row.model) {
            text += &self.tables(model, report);
        }
        text + &stories.concat() + &self.end(report) + &wrapped(&self.exit_code(report), report.width)
    }

    /// The program, and the lines that were left out of it.
    fn program_line(&self, program: &Program, unread: &[UnreadLine]) -> String {
        let counts = |names: &std::collections::BTreeMap<String, usize>| {
            names.iter().map(|(name, times)| format!("{name}: {times}")).collect::<Vec<_>>().join(", ")
        };
        let mut left_out: Vec<String> = Vec::new();
        left_out.extend((program.reads > 0).then(|| format!("reads: {}", program.reads)));
        let (skipped, scripts) = (&program.skipped, &program.scripts);
        left_out.extend((!skipped.is_empty()).then(|| format!("what changes no key ({})", counts(skipped))));
        let of_scripts =
            || format!("calls of scripts, whose commands are lines of their own ({})", counts(scripts));
        left_out.extend((!scripts.is_empty()).then(of_scripts));
        let not_read = || format!("lines that cannot be read ({})", unread::counts(unread));
        left_out.extend((!unread.is_empty()).then(not_read));
        let left_out = match left_out.is_empty() {
            true => "nothing left out".to_owned(),
            false => format!("left out: {}", left_out.join("; ")),
        };
        format!("Program {}: {} writes; {left_out}", self.args.program_name(), program.commands.len())
    }

    fn tables(&self, model: &str, report: &Report<'_>) -> String {
        let what = if report.own_program { "this program" } else { "every program within the bounds" };
        let (verdicts, scenarios) = (report.verdict_table(model), report.scenario_table(model));
        let mut text = String::new();
        if !verdicts.is_empty() {
            text += &format!("{}\n\n{verdicts}\n", paint::title(&format!("Model {model}: {what}")));
        }
        if !scenarios.is_empty() {
            text += &format!("{}\n\n{scenarios}\n", paint::title(&format!("Model {model}: named scenarios")));
        }
        if self.args.quiet { text } else { text + &report.legend(model) + "\n" }
    }

    /// A row's counterexample, from its title to the command that finds it again.
    fn counterexample(&self, row: &Row, drawn: &str, width: u16) -> String {
        let scenario = row.scenario.as_ref().map(|name| format!(" / {name}")).unwrap_or_default();
        let steps = steps(row).unwrap_or_default();
        let title =
            format!("{} / {}{scenario} breaks {} in {steps} steps", row.model, row.choice, row.invariant);
        let cut = self.cut_of(row).map(|cut| wrapped(&cut_in_words(cut), width)).unwrap_or_default();
        format!("{}\n{cut}{drawn}\nrun again: {}\n\n", paint::title(&title), self.again(row))
    }

    /// The command that finds the row's verdict again.
    fn again(&self, row: &Row) -> String {
        match self.cut_of(row) {
            Some(cut) => {
                self.args.again(row.model, &row.choice, Some(&cut.file), cut.is_sampled.then_some(self.seed))
            }
            None => self.args.again(row.model, &row.choice, None, is_sampled(row).then_some(self.seed)),
        }
    }

    /// The missing parts of the answer, each with the command that shows it again.
    fn lacking(&self) -> String {
        let told = |panicked: &Panicked| {
            let Panicked { model, choice, what, message } = panicked;
            let again = self.args.again(model, choice, None, None);
            format!(
                " ! {model} / {choice}: {what} panicked, which is a bug of replicheck: {message}\n   run again: {again}\n"
            )
        };
        self.panicked.iter().map(told).collect()
    }

    /// The summary of the run in words; it names each verdict that differs.
    fn end(&self, report: &Report<'_>) -> String {
        let (differing, all) = (report.differing(), report.rows.len());
        let alike = differing.chunk_by(|row, next| differ_alike(row, next));
        let mut named: String = alike.map(|rows| marked(&differs(rows), report.width)).collect();
        if !self.args.require.is_empty() {
            named += &self.not_enough(report).iter().map(|it| marked(it, report.width)).collect::<String>();
        }
        named += &self.lacking();
        let came_to = match differing.len() {
            _ if !self.args.require.is_empty() => format!("{all} verdicts"),
            0 if report.own_program => {
                format!("All {all} verdicts: nothing is broken except what an unsafe choice may break")
            }
            0 => format!("All {all} verdicts (scenarios included) are as expected"),
            count => format!("{count} of {all} verdicts are not as expected"),
        };
        let came_to = match self.panicked.len() {
            0 => came_to,
            count => {
                format!(
                    "{came_to}; parts of the answer that are missing because replicheck panicked: {count}"
                )
            }
        };
        let cost = cost(report.rows);
        let came_to = format!(
            "{came_to}; searches finished: {} of {}; {} unique states in {:.1} s ({} states/s, threads: {}).",
            cost.finished,
            cost.searches,
            thousands(cost.unique),
            self.seconds,
            thousands(rounded(cost.unique as f64 / self.seconds.max(0.001))),
            self.threads,
        );
        let stories = report.rows.iter().filter(|row| row.counterexample.is_some()).count();
        let args = self.args;
        let json = args.json.as_deref().filter(|file| *file != "-");
        let json = json.map(|file| format!("Verdicts as JSON: {file}\n")).unwrap_or_default();
        let junit =
            args.junit.as_ref().map(|file| format!("Verdicts as JUnit: {file}\n")).unwrap_or_default();
        let export = args.export.as_ref();
        let export = export.map(|folder| format!("Counterexamples as files: {stories} in {folder}\n"));
        named + &wrapped(&came_to, report.width) + &json + &junit + &export.unwrap_or_default()
    }

    /// What the exit code says of the verdicts.
    fn exit_code(&self, report: &Report<'_>) -> String {
        let is_broken = report.rows.iter().any(|row| row.verdict == Verdict::Violated);
        let is_fine = matches!(self.outcome(report), Outcome::Expected);
        let required = &self.args.require;
        let meaning = match (required.is_empty(), is_fine, is_broken) {
            (true, true, true) => {
                "Exit code 0: each ✗ is of a choice that does not promise the invariant. --require makes a ✗ fail"
                    .to_owned()
            }
            (true, true, false) => "Exit code 0: no verdict differs from what is expected".to_owned(),
            (true, false, _) => "Exit code 1: verdicts differ from what is expected, or are missing".to_owned(),
            (false, true, _) => {
                format!("Exit code 0: required and held by {}: {}", self.args.choice.join(", "), listed(required))
            }
            (false, false, _) => {
                let what = "what --require asks for does not hold, or has no verdict";
                format!("Exit code 1: {what}")
            }
        };
        format!("{meaning}.")
    }
}

/// The program that is left after cutting down.
fn cut_in_words(cut: &Cut) -> String {
    let (from, to) = cut.writes;
    let how = match (cut.is_minimal, to) {
        (true, 1) => "",
        (true, _) => ", of which none can be left out",
        (false, _) => ": more might be left out, but time was over",
    };
    let searched = if cut.is_sampled { "; still sampled" } else { "; every schedule of these was searched" };
    let writes = if to == 1 { "write" } else { "writes" };
    format!("The program was cut down from {from} to {to} {writes}{how}{searched}: {}", cut.file)
}

/// A text with a mark before it, in lines that fit.
fn marked(text: &str, width: u16) -> String {
    let lines = wrapped(text, width.saturating_sub(3));
    let marks = [" ! "].into_iter().chain(std::iter::repeat("   "));
    lines.lines().zip(marks).map(|(line, mark)| format!("{mark}{line}\n")).collect()
}

/// Whether two rows of one choice differ from what is expected in the same way, for the same stated reason.
fn differ_alike(row: &Row, next: &Row) -> bool {
    let is_same_search =
        (row.model, &row.choice, &row.scenario) == (next.model, &next.choice, &next.scenario);
    let is_same_way = (row.verdict, row.expected, steps(row)) == (next.verdict, next.expected, steps(next));
    is_same_search && is_same_way && row.note == next.note && !row.note.is_empty()
}

/// A text for rows that differ from what is expected in the same way.
fn differs(rows: &[&Row]) -> String {
    let Some(row) = rows.first() else { return String::new() };
    let scenario = row.scenario.as_ref().map(|name| format!(" / {name}")).unwrap_or_default();
    let length = steps(row).map(|steps| format!(" {steps}")).unwrap_or_default();
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    let (found, expected) = (sign(row.verdict), sign(row.expected));
    let invariants = rows.iter().map(|row| row.invariant.name()).collect::<Vec<_>>().join(", ");
    let are = if rows.len() == 1 { "is" } else { "are" };
    format!(
        "{} / {}{scenario}: {invariants} {are} {found}{length}, expected {expected}{note}",
        row.model, row.choice
    )
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::ARGS;
    use super::super::tests::row;
    use super::*;
    use replicheck::models::invariants::Invariant;
    use replicheck::models::story::Story;

    /// The exit code and the end of what is printed.
    fn check(rows: &[Row], own_program: bool) -> (bool, String) {
        check_with(&ARGS, rows, own_program, Vec::new())
    }

    fn check_with(args: &Args, rows: &[Row], own_program: bool, panicked: Vec<Panicked>) -> (bool, String) {
        let report = Report { rows, own_program, width: 100 };
        let mut run = Run { args, seed: 7, cut: Vec::new(), panicked, seconds: 0.5, threads: 2 };
        let stories = run.stories(&report);
        (matches!(run.outcome(&report), Outcome::Expected), run.text(&report, None, &stories))
    }

    #[test]
    fn outcome_search_that_panicked_is_named_with_its_replay() {
        let rows = [row(Verdict::Holds, Verdict::Holds)];
        let panicked = Panicked {
            model: "expiry",
            choice: "log_clock".to_owned(),
            what: "the search".to_owned(),
            message: "attempt to multiply with overflow".to_owned(),
        };
        let (expected, text) = check_with(&ARGS, &rows, true, vec![panicked]);
        assert!(!expected);
        let named = " ! expiry / log_clock: the search panicked, which is a bug of replicheck: attempt to multiply with \
            overflow\n   run again: replicheck check --model expiry --choice log_clock\n";
        assert!(text.contains(named), "{text}");
        assert!(text.contains("because replicheck panicked: 1;"), "{text}");
        assert!(text.contains("serial"), "the other rows are still there: {text}");
    }

    #[test]
    fn outcome_drawing_that_panics_leaves_the_verdicts() {
        let violated =
            Row { counterexample: Some(Story::default()), ..row(Verdict::Violated, Verdict::Violated) };
        let mut run =
            Run { args: &ARGS, seed: 7, cut: Vec::new(), panicked: Vec::new(), seconds: 0.5, threads: 2 };
        assert_eq!(run.noting(&violated, "the drawing", || 7), Some(7));
        assert_eq!(run.noting(&violated, "the drawing", || panic!("no room")), None::<()>);
        assert_eq!(run.panicked[0].what, "the drawing of prefix");
        let report = Report { rows: &[violated], own_program: false, width: 100 };
        assert!(matches!(run.outcome(&report), Outcome::Differs));
    }

    #[test]
    fn outcome_row_that_differs_is_named() {
        let rows = [row(Verdict::Holds, Verdict::Holds), row(Verdict::Violated, Verdict::Holds)];
        let (expected, text) = check(&rows, false);
        assert!(!expected);
        assert!(text.contains(" ! ordering / serial: prefix is ✗, expected ✓"), "{text}");
        assert!(text.contains("1 of 2 verdicts are not as expected"), "{text}");
    }

    #[test]
    fn outcome_rows_that_differ_for_one_reason_are_named_together() {
        let open = |invariant, note: &str| Row {
            invariant,
            note: note.to_owned(),
            ..row(Verdict::Incomplete, Verdict::Holds)
        };
        let rows = [
            open(Invariant::Prefix, "k never dies"),
            open(Invariant::Convergence, "k never dies"),
            open(Invariant::ExactlyOnce, ""),
        ];
        let (_, text) = check(&rows, false);
        assert!(text.contains(": prefix, convergence are incomplete, expected ✓ (k never dies)"), "{text}");
        assert!(text.contains(": exactly_once is incomplete, expected ✓\n"), "{text}");
    }

    #[test]
    fn outcome_incomplete_differs_and_unsafe_choice_may_hold_on_own_program() {
        assert!(!check(&[row(Verdict::Incomplete, Verdict::Holds)], false).0);
        assert!(!check(&[row(Verdict::Holds, Verdict::Violated)], false).0);
        let (expected, text) = check(&[row(Verdict::Holds, Verdict::Violated)], true);
        assert!(expected && text.contains("nothing is broken except what"), "{text}");
    }

    #[test]
    fn exit_code_is_told_in_the_last_line() {
        let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
        let (expected, text) = check(&[row(Verdict::Violated, Verdict::Violated)], false);
        assert!(expected && last(&text).starts_with("Exit code 0: each ✗ is of a choice"), "{text}");
        let (expected, text) = check(&[row(Verdict::Violated, Verdict::Holds)], false);
        assert!(!expected && last(&text).starts_with("Exit code 1: verdicts differ"), "{text}");
        let (_, text) = check(&[row(Verdict::Holds, Verdict::Holds)], false);
        assert_eq!(last(&text), "Exit code 0: no verdict differs from what is expected.");
    }

    #[test]
    fn require_looks_at_what_holds_and_not_at_what_is_expected() {
        let args = Args { choice: vec!["serial".to_owned()], require: vec![Invariant::Prefix], ..ARGS };
        let of = |rows: &[Row]| check_with(&args, rows, false, Vec::new());
        let (holds, text) = of(&[row(Verdict::Holds, Verdict::Violated)]);
        assert!(holds && text.ends_with("Exit code 0: required and held by serial: prefix.\n"), "{text}");
        let (holds, text) = of(&[row(Verdict::Violated, Verdict::Violated)]);
        assert!(!holds && text.contains(" ! ordering / serial: prefix is ✗, required ✓\n"), "{text}");
        assert!(!of(&[]).0, "no verdict is none that holds");
        let other = Row { invariant: Invariant::Convergence, ..row(Verdict::Violated, Verdict::Holds) };
        assert!(of(&[row(Verdict::Holds, Verdict::Holds), other]).0, "convergence is not required");
    }
}
