//! Report — rows of verdicts → tables of text. Pure.
//!
//! The command line, the test of the READMEs and the pages share it. Plain text without colour: a choice a line, an
//! invariant a column.
//!
//! ```text
//! choice      convergence   prefix    states   depth    time
//! serial      ✓             ✓         12,345      17   0.1 s
//! key_hash    ✗ 8           ✗ 5 !      1,234       9   0.0 s
//! ```
//!
//! What it deliberately does not do: tell counterexamples ([`super::timeline`]).

use super::condensed::condensed;
use super::cost::thousands;
use super::grid::{grid, settle};
use super::invariants::Invariant;
use super::verdict::{Row, Verdict, cost};

/// The invariants of these rows in the order of the columns.
pub fn invariants(rows: &[Row]) -> Vec<Invariant> {
    let is_there = |invariant: &Invariant| rows.iter().any(|row| row.invariant == *invariant);
    Invariant::ALL.iter().copied().filter(is_there).collect()
}

/// Each different value of `of`, in the order of first appearance.
pub fn distinct<'a, T: PartialEq>(rows: &'a [Row], of: impl Fn(&'a Row) -> T) -> Vec<T> {
    let mut found = Vec::new();
    for value in rows.iter().map(of) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// The verdicts of `model` over every program as a table of Markdown: ✓ and ✗ only, for README and `models/README.md`.
pub fn markdown_table(model: &str, rows: &[Row]) -> String {
    let rows: Vec<Row> =
        rows.iter().filter(|row| row.model == model && row.scenario.is_none()).cloned().collect();
    let names = invariants(&rows);
    let mut table = String::from("| choice |");
    names.iter().for_each(|name| table += &format!(" {name} |"));
    table += &format!("\n|---|{}\n", "---|".repeat(names.len()));
    for choice in distinct(&rows, |row| &row.choice) {
        table += &format!("| `{choice}` |");
        for name in &names {
            let row = rows.iter().find(|row| row.choice == *choice && row.invariant == *name);
            table += &format!(" {} |", row.map_or("–", |row| sign(row.verdict)));
        }
        table += "\n";
    }
    table
}

/// The verdicts of `model` in its named scenarios, and in the search over all of them, as a table of Markdown: a choice and an
/// invariant a line, a scenario a column.
pub fn markdown_scenarios(model: &str, rows: &[Row]) -> String {
    let rows: Vec<Row> = rows.iter().filter(|row| row.model == model).cloned().collect();
    let mut scenarios = distinct(&rows, |row| row.scenario.as_deref());
    scenarios.sort_by_key(Option::is_none);
    let mut table = String::from("| invariant | choice |");
    scenarios.iter().for_each(|name| table += &format!(" {} |", name.unwrap_or("all of these")));
    table += &format!("\n|---|---|{}\n", "---|".repeat(scenarios.len()));
    for invariant in invariants(&rows) {
        for choice in distinct(&rows, |row| &row.choice) {
            table += &format!("| {invariant} | `{choice}` |");
            for scenario in &scenarios {
                let row = rows.iter().find(|row| {
                    row.choice == *choice
                        && row.invariant == invariant
                        && row.scenario.as_deref() == *scenario
                });
                table += &format!(" {} |", row.map_or("–", |row| sign(row.verdict)));
            }
            table += "\n";
        }
    }
    table
}

/// A verdict in a sign or a word.
pub fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✓",
        Verdict::Violated => "✗",
        Verdict::Sampled => "sampled",
        Verdict::Refused => "refused",
        Verdict::Incomplete => "incomplete",
    }
}

/// Steps of the shortest counterexample, if there is one.
pub fn steps(row: &Row) -> Option<usize> {
    row.counterexample.as_ref().map(|story| story.steps.len() - story.prelude())
}

/// The cell of a row: its sign, the steps to the violation, and `!` when it is not what was expected.
fn cell(row: &Row, own_program: bool) -> String {
    let length = steps(row).map(|steps| format!(" {steps}")).unwrap_or_default();
    // That *incomplete* is not what was expected goes without saying.
    let is_marked = row.verdict != Verdict::Incomplete && !row.is_as_expected(own_program);
    let mark = if is_marked { " !" } else { "" };
    format!("{}{length}{mark}", sign(row.verdict))
}

/// Rows of one run, with what it takes to lay them out.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The rows, a task's rows together, in the order of the tables.
    pub rows: &'a [Row],
    /// Whether a program of the user's own was judged (see [`Row::is_as_expected`]).
    pub own_program: bool,
    /// Columns of the terminal.
    pub width: u16,
}

impl Report<'_> {
    /// The rows of `model` that the large table shows: those over every program, or the user's own.
    fn rows_of_table(&self, model: &str) -> Vec<Row> {
        let in_table = |row: &&Row| row.model == model && (self.own_program || row.scenario.is_none());
        self.rows.iter().filter(in_table).cloned().collect()
    }

    /// The rows of `model` that judge a named scenario.
    fn rows_of_scenarios(&self, model: &str) -> Vec<Row> {
        let named = |row: &&Row| row.model == model && !self.own_program && row.scenario.is_some();
        self.rows.iter().filter(named).cloned().collect()
    }

    /// A line a choice, a column an invariant, and what the search of the choice cost. Empty without rows.
    pub fn verdict_table(&self, model: &str) -> String {
        let rows = self.rows_of_table(model);
        if rows.is_empty() {
            return String::new();
        }
        let table = self.lay_out(&rows, false);
        let fits = table.lines().all(|line| line.chars().count() <= usize::from(self.width));
        if fits { table } else { self.lay_out(&rows, true) }
    }

    /// The large table; if it must be `tight`, with long names and words on two lines.
    fn lay_out(&self, rows: &[Row], tight: bool) -> String {
        let broken = |text: String| {
            if tight {
                text.replacen('+', "\n+", 1)
                    .replace("incomplete", "incom-\nplete")
                    .replace("refused", "re-\nfused")
            } else {
                text
            }
        };
        let names = invariants(rows);
        let mut heading = vec!["choice".to_owned()];
        heading.extend(names.iter().map(|name| name.heading().to_owned()));
        heading.extend(["unique\nstates", "depth", "time"].map(str::to_owned));
        let mut table = grid(self.width, Some(heading));
        for choice in distinct(rows, |row| row.choice.as_str()) {
            let own: Vec<Row> = rows.iter().filter(|row| row.choice == choice).cloned().collect();
            let mut line = vec![broken(choice.to_owned())];
            line.extend(names.iter().map(|name| {
                let row = own.iter().find(|row| row.invariant == *name);
                broken(row.map_or("–".to_owned(), |row| cell(row, self.own_program)))
            }));
            let cost = cost(&own);
            line.extend([thousands(cost.unique), cost.depth.to_string(), format!("{:.1} s", cost.seconds)]);
            table.add_row(line);
        }
        let end = names.len() + 1;
        settle(&mut table, &(0..end + 3).collect::<Vec<_>>(), &[end, end + 1, end + 2])
    }

    /// A line a choice of each named scenario, and the programs under it. Empty without rows.
    pub fn scenario_table(&self, model: &str) -> String {
        let rows = self.rows_of_scenarios(model);
        if rows.is_empty() {
            return String::new();
        }
        let mut table = grid(self.width, Some(["scenario", "verdict", "choices"].map(str::to_owned).into()));
        let mut programs = grid(self.width, None);
        for scenario in distinct(&rows, |row| row.scenario.as_deref().unwrap_or_default()) {
            let own: Vec<Row> =
                rows.iter().filter(|row| row.scenario.as_deref() == Some(scenario)).cloned().collect();
            programs.add_row([&format!("{scenario}:"), &own[0].bounds]);
            for (index, (verdict, choices)) in by_verdict(&own).into_iter().enumerate() {
                let name = if index == 0 { scenario } else { "" };
                table.add_row([name, &verdict, &choices.join(", ")]);
            }
        }
        settle(&mut table, &[0, 1], &[]) + "\n" + &settle(&mut programs, &[0], &[])
    }

    /// What the signs and columns of `model`'s tables mean: bounds, cost, promises.
    pub fn legend(&self, model: &str) -> String {
        let rows = self.rows_of_table(model);
        let all: Vec<Row> = self.rows.iter().filter(|row| row.model == model).cloned().collect();
        let mut table = grid(self.width, None);
        table.add_row(["signs", &signs(&all, self.own_program)]);
        for bounds in distinct(&rows, |row| row.bounds.as_str()) {
            table.add_row(["bounds", &with_choices(&rows, |row| row.bounds == bounds, &condensed(bounds))]);
        }
        for note in distinct(&all, |row| row.note.as_str()).into_iter().filter(|note| !note.is_empty()) {
            table.add_row(["note", &with_choices(&all, |row| row.note == note, note)]);
        }
        let cost = cost(&all);
        table.add_row(["cost", &cost.in_words()]);
        table.add_row(["speed", &cost.speed_in_words()]);
        for invariant in invariants(&all) {
            table.add_row([invariant.name(), invariant.promise()]);
        }
        settle(&mut table, &[0], &[])
    }

    /// The rows whose verdict is not the expected one.
    pub fn differing(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| !row.is_as_expected(self.own_program)).collect()
    }

    /// The rows whose stories are told: enough to show each ✗ of each choice. A search over every program comes before a
    /// scenario, and an earlier column before a later one.
    pub fn told(&self) -> Vec<&Row> {
        let order = invariants(self.rows);
        let place = |row: &Row| order.iter().position(|name| *name == row.invariant);
        let mut broken: Vec<&Row> = self.rows.iter().filter(|row| row.counterexample.is_some()).collect();
        broken.sort_by_key(|row| (row.scenario.is_some(), place(row)));
        let mut told: Vec<&Row> = Vec::new();
        for row in broken {
            if !told.iter().any(|other| tells(other, row)) {
                told.push(row);
            }
        }
        told.sort_by_key(|row| self.rows.iter().position(|other| std::ptr::eq(other, *row)));
        told
    }
}

/// Whether the story of `other` shows the ✗ of `row`: it is of the same choice and breaks the same invariant.
fn tells(other: &Row, row: &Row) -> bool {
    let is_of_the_same = (other.model, &other.choice) == (row.model, &row.choice);
    let story = other.counterexample.as_ref().filter(|_| is_of_the_same);
    std::ptr::eq(other, row) || story.is_some_and(|story| story.breaks(row.invariant))
}

/// The verdicts of a scenario in words, each with the choices that came to it, what is broken first.
fn by_verdict(rows: &[Row]) -> Vec<(String, Vec<&str>)> {
    let is_broken =
        |choice: &str| rows.iter().any(|row| row.choice == choice && row.verdict == Verdict::Violated);
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for choice in distinct(rows, |row| row.choice.as_str()) {
        let judged: Vec<&Row> = rows.iter().filter(|row| row.choice == choice).collect();
        let verdict = verdicts_in_words(&judged);
        match found.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, choices)) => choices.push(choice),
            None => found.push((verdict, vec![choice])),
        }
    }
    found.sort_by_key(|(_, choices)| !choices.iter().any(|choice| is_broken(choice)));
    found
}

/// `✗ convergence 5, prefix 6; ✓ exactly_once`: what is broken comes first.
fn verdicts_in_words(rows: &[&Row]) -> String {
    let kinds = [Verdict::Violated, Verdict::Incomplete, Verdict::Refused, Verdict::Sampled, Verdict::Holds];
    let mut words = Vec::new();
    for kind in kinds {
        let names: Vec<String> =
            rows.iter().filter(|row| row.verdict == kind).map(|row| in_list(row)).collect();
        words.extend((!names.is_empty()).then(|| format!("{} {}", sign(kind), names.join(", "))));
    }
    words.join("; ")
}

fn in_list(row: &Row) -> String {
    let length = steps(row).map(|steps| format!(" {steps}")).unwrap_or_default();
    let is_marked = row.verdict != Verdict::Incomplete && !row.is_as_expected(false);
    format!("{}{length}{}", row.invariant, if is_marked { " !" } else { "" })
}

/// The signs that occur in these rows, in words.
fn signs(rows: &[Row], own_program: bool) -> String {
    let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
    let mut words = Vec::new();
    let mut say = |yes: bool, text: &'static str| words.extend(yes.then_some(text));
    say(has(Verdict::Holds), "✓ holds in every state");
    let is_sampled = rows.iter().any(|row| row.note.starts_with("sampled"));
    say(has(Verdict::Violated) && !is_sampled, "✗ n broken, the shortest way there takes n steps");
    say(
        has(Verdict::Violated) && is_sampled,
        "✗ n broken, the shortest way there that was met takes n steps",
    );
    say(has(Verdict::Sampled), "sampled: random schedules did not break it, no more is claimed");
    say(has(Verdict::Refused), "refused: the choice declares itself undefined for this program, see note");
    say(has(Verdict::Incomplete), "incomplete: cut short or never put to the test, see note");
    say(rows.iter().any(|row| !row.is_as_expected(own_program)), "! not as expected, named at the end");
    words.join(" · ")
}

/// `text`, and for which choices it stands if not for all.
fn with_choices(rows: &[Row], stands: impl Fn(&Row) -> bool, text: &str) -> String {
    let all = distinct(rows, |row| row.choice.as_str());
    let mut some = Vec::new();
    for row in rows.iter().filter(|row| stands(row)) {
        if !some.contains(&row.choice.as_str()) {
            some.push(&row.choice);
        }
    }
    if some.len() == all.len() { text.to_owned() } else { format!("{text} ({})", some.join(", ")) }
}
