//! Results — rows → a table in the terminal, and files in target/bench. Does I/O: these files; runs git and system
//! commands.
//!
//! ```text
//! summary.json   an array of {bench, choice, params, value, unit, share_of_limit}; rows of other benches stay
//! machine.json   {machine, cores, date, commit} of the last run
//! strategies.txt the table of strategies in Markdown, as README has it
//! index.html     all of it as one page that needs nothing else
//! ```

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use replicheck::models::measured::{
    self, Comparison, Measured, Overview, STYLE, amount, comparisons, in_words, params,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, thread};

/// Prints `rows` as tables; parameters that are equal in all rows of a table are printed above it.
pub fn print(rows: &[Measured]) {
    for comparison in comparisons(rows) {
        let Comparison { bench, unit, names, rows } = &comparison;
        let set = |row: &Measured, name: &String| params(row).get(name).map(in_words).unwrap_or_default();
        let is_alike = |name: &&String| rows.iter().all(|row| set(row, name) == set(rows[0], name));
        let (alike, varied): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_alike(name));
        let alike: Vec<String> = alike.iter().map(|name| format!("{name} {}", set(rows[0], name))).collect();
        let alike = if alike.is_empty() { String::new() } else { format!(" ({})", alike.join(", ")) };
        println!("\n{bench}, {unit}{alike}\n{}", table(unit, rows, &varied, set));
    }
}

fn table(
    unit: &str,
    rows: &[&Measured],
    names: &[&String],
    set: impl Fn(&Measured, &String) -> String,
) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line));
    let has_limit = rows.iter().any(|row| row.share_of_limit.is_some());
    let mut header: Vec<&str> = names.iter().map(|name| name.as_str()).chain(["choice", unit]).collect();
    header.extend(has_limit.then_some("share of the limit"));
    table.set_header(header);
    for row in rows {
        let mut cells: Vec<String> = names.iter().map(|name| set(row, name)).collect();
        cells.extend([row.choice.clone(), amount(row.value)]);
        let share = measured::share(row);
        cells.extend(has_limit.then(|| share.unwrap_or_default()));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(names.len() + 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// The folder of the results.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("bench")
}

/// Writes `rows` of `bench` to the files. `is_whole`: these are all rows of the bench, and all its old rows are
/// removed; otherwise only rows that were measured again are replaced. Errors: I/O errors.
pub fn save(bench: &str, rows: &[Measured], is_whole: bool) -> io::Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder)?;
    let summary = folder.join("summary.json");
    // A damaged file is replaced.
    let mut all: Vec<Measured> =
        fs::read(&summary).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    all.retain(|old| old.bench != bench || !(is_whole || rows.iter().any(|new| old.is_same_figure(new))));
    all.extend_from_slice(rows);
    fs::write(&summary, serde_json::to_string_pretty(&all)?)?;
    let machine = Machine::here();
    fs::write(folder.join("machine.json"), serde_json::to_string_pretty(&machine.json())?)?;
    fs::write(folder.join("index.html"), page(&machine, &all).into_string())?;
    if let Some(overview) = Overview::of(&all) {
        fs::write(folder.join("strategies.txt"), overview.markdown())?;
    }
    println!("\n{}", folder.join("index.html").display());
    Ok(())
}

/// The machine, the date and the commit of a run.
pub struct Machine {
    machine: String,
    cores: usize,
    date: String,
    /// The commit, with `-dirty` if there were uncommitted changes.
    pub commit: String,
}

impl Machine {
    /// Those of this run.
    pub fn here() -> Machine {
        let said = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let output = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok();
            let text = output.filter(|it| it.status.success()).map(|it| it.stdout).unwrap_or_default();
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let name = name.map_or("unknown processor", |(_, name)| name.trim());
        Machine {
            machine: format!("{name}, {}", said("uname", &["-srm"])),
            cores: thread::available_parallelism().map_or(1, usize::from),
            date: said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            commit: said("git", &["describe", "--always", "--dirty", "--abbrev=40", "--match="]),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({ "machine": self.machine, "cores": self.cores, "date": self.date, "commit": self.commit })
    }
}

fn page(machine: &Machine, measured: &[Measured]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Benches · replicheck" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Benches" }
                p { (machine.machine) ", " (machine.cores) " cores · " (machine.date) " · commit " code { (machine.commit) } " (the last bench that ran)" }
                (measured::page(measured))
                p.quiet { "benches/README.md says what each limit is, and what the figures do not say." }
            }
        }
    }
}
