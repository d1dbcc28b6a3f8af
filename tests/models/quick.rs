//! The quick bounds, searched once for all tests of this file: verdicts, pinned counts, the tables of README and `models/README.md`.

use replicheck::expiry::Policy;
use replicheck::models::bounds::Bounds;
use replicheck::models::check;
use replicheck::models::choice::Choice;
use replicheck::models::experiment::{Experiment, Workload, judges, requests};
use replicheck::models::invariants::Invariant;
use replicheck::models::path;
use replicheck::models::program;
use replicheck::models::report::{markdown_scenarios, markdown_table};
use replicheck::models::search::Progress;
use replicheck::models::story::Actions;
use replicheck::models::verdict::Row;
use replicheck::ordering::Strategy;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// All rows of the quick bounds, in the order of the tasks.
fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let tasks = check::tasks(Bounds::Quick, None, None).expect("no names are given");
        let mut order: Vec<usize> = (0..tasks.len()).collect();
        order.sort_by_key(|&number| std::cmp::Reverse(tasks[number].weight));
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(&number) = order.get(next.fetch_add(1, Relaxed)) {
                        let rows = tasks[number].run(&Progress::default());
                        done.lock().expect("no test panics here").push((number, rows));
                    }
                });
            }
        });
        let mut done = done.into_inner().expect("no test panics here");
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().flat_map(|(_, rows)| rows).collect()
    })
}

#[test]
fn model_quick_bounds_give_the_expected_verdicts() {
    let differing: Vec<String> = rows()
        .iter()
        .filter(|row| !row.is_as_expected(false))
        .map(|row| {
            format!(
                "{}/{} {:?} {}: {:?}, expected {:?} {}; replicheck check --model {} --choice {}",
                row.model,
                row.choice,
                row.scenario,
                row.invariant,
                row.verdict,
                row.expected,
                row.note,
                row.model,
                row.choice
            )
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(rows().len(), 940);
}

#[test]
fn model_broken_invariant_comes_with_its_story() {
    for row in rows() {
        let broken = row.verdict == replicheck::models::verdict::Verdict::Violated;
        assert_eq!(row.counterexample.is_some(), broken, "{}/{} {}", row.model, row.choice, row.invariant);
        let Some(story) = &row.counterexample else { continue };
        assert!(!story.steps.is_empty() && !story.program.is_empty());
        assert!(
            story.conclusion.to_string().contains(row.invariant.name()),
            "{}: {}",
            row.invariant,
            story.conclusion
        );
    }
}

/// For each step of a counterexample, the invariants that it breaks when it is walked on the model of its own program.
fn walked(row: &Row) -> Vec<Vec<&'static str>> {
    let story = row.counterexample.as_ref().expect("it is broken");
    let own = story.own.as_ref().expect("a choice of the crate");
    let choice = Choice::named(row.model, &row.choice, None).expect("a choice of the crate");
    let program = program::parse(story.program.join("\n").as_bytes()).expect("its own program");
    let workload = Workload::Program(requests(&program));
    let experiment = Experiment { choice, workload, setting: own.setting.clone() };
    let broken = match &own.actions {
        Actions::Ordering(actions) => {
            let model = experiment.ordering_model().expect("an ordering choice");
            path::broken_by_each(&model, actions)
        }
        Actions::Expiry(actions) => {
            let model = experiment.expiry_model(judges(row.invariant)).expect("a policy");
            path::broken_by_each(&model, actions)
        }
    };
    broken.unwrap_or_else(|error| panic!("{}/{} {}: {error}", row.model, row.choice, row.invariant))
}

#[test]
fn model_counterexample_walked_again_breaks_the_same_at_its_last_step_only() {
    // The other models have no model of one program: their counterexamples are in `both.rs`, `clocks.rs`, `handshake.rs`,
    // `replication.rs`, `full_sync.rs`, `failover.rs` and `crash.rs`.
    let told = rows()
        .iter()
        .filter(|row| row.counterexample.is_some() && ["ordering", "expiry"].contains(&row.model));
    for row in told {
        let broken = walked(row);
        let (last, before) = broken.split_last().expect("there are steps");
        let name = format!("{}/{} {:?} {}", row.model, row.choice, row.scenario, row.invariant);
        assert!(last.contains(&row.invariant.name()), "{name}: {broken:?}");
        assert!(!before.concat().contains(&row.invariant.name()), "{name}: {broken:?}");
    }
}

/// The number of unique states of the searches over every program: model, choice, states for each group of invariants
/// (*progress* is a group of its own where all others are broken).
const PINNED: &[(&str, &str, &[usize])] = &[
    ("ordering", "first_key", &[65_762, 390_914]),
    ("ordering", "key_hash", &[132_416, 496_157]),
    ("ordering", "serial", &[244_453]),
    ("ordering", "barrier", &[513_109]),
    ("ordering", "sequence", &[188_475]),
    ("ordering", "writeset", &[627_019]),
    ("ordering", "writeset_snapshots", &[1_647_847]),
    ("ordering", "first_key+commands", &[54_241, 164_446]),
    ("ordering", "key_hash+commands", &[117_204, 231_393]),
    ("ordering", "serial+commands", &[244_453]),
    ("ordering", "barrier+commands", &[611_639]),
    ("ordering", "sequence+commands", &[188_475]),
    ("ordering", "writeset+commands", &[724_557]),
    ("ordering", "writeset_snapshots+commands", &[1_794_923]),
    ("ordering", "writeset+reads_after_crash", &[730_099]),
    ("expiry", "verbatim", &[3_580_057, 2_625_204]),
    ("expiry", "absolute", &[1_042_527, 1_254_612]),
    ("expiry", "at_entry_time", &[1_074_839, 51_092]),
    ("expiry", "pksetat", &[1_077_895, 51_092]),
    ("expiry", "master_expires", &[151_692, 42_585]),
    ("expiry", "relative", &[2_058_004, 40_760]),
    ("expiry", "effects", &[1_077_895, 51_092]),
    ("expiry", "stream_clock", &[1_776_201, 64_249]),
    ("expiry", "log_clock", &[1_077_895, 8_016_442]),
    ("both", "first_key+log_clock", &[108_339]),
    ("both", "key_hash+log_clock", &[228_378]),
    ("both", "serial+log_clock", &[115_440]),
    ("both", "barrier+log_clock", &[93_732]),
    ("both", "sequence+log_clock", &[115_207]),
    ("both", "writeset+log_clock", &[142_221]),
    ("both", "writeset_snapshots+log_clock", &[410_040]),
    ("both", "first_key+effects", &[123_986]),
    ("both", "key_hash+effects", &[248_822]),
    ("both", "serial+effects", &[123_818]),
    ("both", "barrier+effects", &[108_769]),
    ("both", "sequence+effects", &[123_314]),
    ("both", "writeset+effects", &[170_439]),
    ("both", "writeset_snapshots+effects", &[433_377]),
    ("clocks", "verbatim", &[21_038]),
    ("clocks", "absolute", &[17_820]),
    ("clocks", "at_entry_time", &[18_157]),
    ("clocks", "pksetat", &[18_157]),
    ("clocks", "master_expires", &[18_729]),
    ("clocks", "relative", &[21_390]),
    ("clocks", "effects", &[18_157]),
    ("clocks", "stream_clock", &[16_886]),
    ("clocks", "log_clock", &[41_482]),
    ("clocks", "verbatim+steps", &[12_752]),
    ("clocks", "absolute+steps", &[11_781]),
    ("clocks", "at_entry_time+steps", &[11_485]),
    ("clocks", "pksetat+steps", &[11_485]),
    ("clocks", "master_expires+steps", &[11_689]),
    ("clocks", "relative+steps", &[13_666]),
    ("clocks", "effects+steps", &[11_485]),
    ("clocks", "stream_clock+steps", &[10_106]),
    ("clocks", "log_clock+steps", &[185_094]),
    ("handshake", "numbers", &[275_515]),
    ("handshake", "clean_starts", &[239_973]),
    ("handshake", "clean_starts+checksum", &[235_268]),
    ("handshake", "epochs", &[266_223]),
    ("handshake", "epochs+checksum", &[260_812]),
    ("handshake", "epochs+chain", &[260_802]),
    ("replication", "checked", &[259_413]),
    ("replication", "by_maximum", &[331_485]),
    ("replication", "received_is_durable", &[122_566]),
    ("replication", "keeps_window", &[453_586]),
    ("replication", "from_table", &[325_943]),
    ("replication", "waits_for_ever", &[259_413]),
    ("replication", "old_epoch", &[192_034]),
    ("replication", "numbers_only", &[194_122]),
    ("full_sync", "pinned", &[104_651]),
    ("full_sync", "unpinned", &[177_844]),
    ("full_sync", "late_head", &[152_552]),
    ("full_sync", "no_time", &[129_521]),
    ("full_sync", "no_end", &[142_664]),
    ("full_sync", "interleaved", &[164_021]),
    ("full_sync", "in_place", &[149_190]),
    ("full_sync", "log_not_kept", &[172_936]),
    ("full_sync", "old_history", &[228_340]),
    ("full_sync", "by_hand", &[1_348]),
    ("failover", "asynchronous", &[62_607]),
    ("failover", "coordinated", &[29_407]),
    ("failover", "durable_master", &[77_273]),
    ("failover", "wait_connected", &[61_880]),
    ("failover", "wait_one", &[57_427]),
    ("failover", "wait_one_furthest", &[54_089]),
    ("failover", "wait_one_newest", &[21_371]),
    ("failover", "wait_one_quorum", &[25_025]),
    ("failover", "wait_all", &[41_348]),
    ("failover", "waitaof_one_quorum", &[27_550]),
    ("failover", "waitaof_all", &[46_658]),
    ("failover", "early_ack", &[165_936]),
    ("failover", "emptied_first", &[48_064]),
    ("failover", "same_epoch", &[28_970]),
    ("failover", "same_epoch_unchecked", &[29_080]),
    ("failover", "new_history", &[69_714]),
    ("failover", "no_copy", &[47_182]),
    ("crash", "fsync_always", &[62_928]),
    ("crash", "fsync_everysec", &[100_391]),
    ("crash", "fsync_no", &[44_769]),
    ("crash", "logs_commands", &[203_795]),
    ("crash", "early_reply", &[50_240]),
    ("crash", "reply_before_fsync", &[54_445]),
    ("crash", "store_first", &[117_473]),
    ("crash", "flush_first", &[133_721]),
    ("crash", "purge_first", &[83_573]),
    ("crash", "marker_later", &[314_089]),
    ("crash", "marker_first", &[157_410]),
    ("crash", "same_epoch", &[99_329]),
    ("crash", "no_new_log", &[100_976]),
];

#[test]
fn model_quick_bounds_have_the_pinned_number_of_states() {
    let mut found: Vec<(&str, &str, Vec<usize>)> = Vec::new();
    for row in rows().iter().filter(|row| row.scenario.is_none()) {
        match found.last_mut() {
            Some((model, choice, counts)) if *model == row.model && *choice == row.choice => {
                if !counts.contains(&row.cost().unique) {
                    counts.push(row.cost().unique);
                }
            }
            _ => found.push((row.model, &row.choice, vec![row.cost().unique])),
        }
    }
    let pinned: Vec<(&str, &str, Vec<usize>)> =
        PINNED.iter().map(|(model, choice, counts)| (*model, *choice, counts.to_vec())).collect();
    let differing: Vec<String> = found
        .iter()
        .filter(|row| !pinned.contains(row))
        .map(|(model, choice, counts)| format!("    ({model:?}, {choice:?}, &{counts:?}),"))
        .collect();
    assert_eq!(differing, [""; 0], "rows of PINNED as they are now:\n{}", differing.join("\n"));
    assert_eq!(found, pinned);
}

/// A table of Markdown, by lines and cells.
type Table = Vec<Vec<String>>;

/// The tables of `text`: every line that begins with `|`, except the lines of dashes.
fn table(text: &str) -> Table {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'));
    let cells = lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    cells.filter(|cells| cells.iter().any(|cell| cell.chars().any(|sign| sign != '-'))).collect()
}

/// The tables that the document has between the marks of `model`.
fn shown(document: &str, model: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(path).expect("the document is there");
    let open = format!("<!-- verdicts:{model} -->");
    let tables = text.split_once(&open).and_then(|(_, rest)| rest.split_once("<!-- /verdicts -->"));
    table(tables.unwrap_or_else(|| panic!("{document} has no {open}")).0)
}

/// A table that README shows: without the column of `progress`, which every choice must keep, the choices that have a summary
/// first, each beside it, and then their variants as a table of their own.
fn folded(mut printed: Table, summary: impl Fn(&str) -> Option<&'static str>) -> Table {
    for cells in &mut printed {
        let progress = cells.remove(1);
        assert!(
            matches!(progress.as_str(), "progress" | "✓"),
            "README says that every choice keeps it: {cells:?}"
        );
    }
    let heading = printed.remove(0);
    let (mut choices, variants): (Table, Table) =
        printed.into_iter().partition(|cells| summary(cells[0].trim_matches('`')).is_some());
    for cells in &mut choices {
        let summary = summary(cells[0].trim_matches('`')).expect("it is of those that have one");
        cells.push(summary.to_owned());
    }
    let with_summary = heading.iter().cloned().chain(["how it works".to_owned()]).collect();
    let heading = (!variants.is_empty()).then_some(heading);
    [with_summary].into_iter().chain(choices).chain(heading).chain(variants).collect()
}

#[test]
fn readme_tables_equal_what_check_prints() {
    let verdicts = |model| table(&markdown_table(model, rows()));
    let strategy = |name: &str| Strategy::ALL.iter().find(|s| s.name() == name).map(|s| s.summary());
    let policy = |name: &str| Policy::ALL.iter().find(|p| p.name() == name).map(|p| p.summary());
    let durability: Vec<Row> =
        rows().iter().filter(|row| row.invariant == Invariant::Durability).cloned().collect();
    let mut differing = Vec::new();
    for (document, model, wanted) in [
        ("README.md", "ordering", folded(verdicts("ordering"), strategy)),
        ("README.md", "expiry", folded(verdicts("expiry"), policy)),
        ("models/README.md", "both", verdicts("both")),
        ("models/README.md", "clocks", verdicts("clocks")),
        ("models/README.md", "handshake", table(&markdown_scenarios("handshake", rows()))),
        ("models/README.md", "replication", verdicts("replication")),
        ("models/README.md", "full_sync", verdicts("full_sync")),
        ("models/README.md", "failover", verdicts("failover")),
        ("models/README.md", "crash", verdicts("crash")),
        ("models/README.md", "durability", table(&markdown_scenarios("failover", &durability))),
    ] {
        assert!(wanted.len() > 2, "{model} has rows");
        if shown(document, model) != wanted {
            let lines: Vec<String> = wanted.iter().map(|cells| format!("|{}|", cells.join("|"))).collect();
            differing
                .push(format!("{document}, {model}: the lines of the table must be\n\n{}", lines.join("\n")));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}
