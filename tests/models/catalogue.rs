//! The catalogue: every row that counts is found in the recorded number of steps, and its cure holds; every bug has a row.

use replicheck::models::catalogue::{self, Bug, Case, Cell, Judgement, Layers, Standing, parse_results};
use replicheck::models::choice::Choice;
use replicheck::models::expected;
use replicheck::models::failover;
use replicheck::models::fault::SeededFault;
use replicheck::models::full_sync;
use replicheck::models::invariants::Invariant;
use replicheck::models::replication;
use replicheck::models::search::Progress;
use replicheck::models::verdict::Verdict;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Every bug of the catalogue's source, by section.
const IDS: [&str; 6] = [
    "R01 R02 R03 R04 R05 R06 R07 R08 R09 R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R20 R21 R22",
    "R23 R24 R26 R27 R28",
    "R29 R30 R31 R32 R33 R34 R35 R36 R37 R38 R39 R40 R41 R42 R43 R45 R46 R50 R53 R54 R55 R56 R57 R80 R81 R83 R84 R85 R86 R87 R87b R88 R89 R90 R105",
    "R58 R59 R60 R62 R63 R64 R65 R67 R68 R69 R71 R72 R73 R74 R75 R76",
    "R82 R91 R92 R93 R94 R94b R95 R96 R97 R98 R99 R100 R101 R102 R103 R104 R106",
    "H01 H02 H03 H04 H05 H06 H07 H08 H09 H10 H11 H12 H13 H14 H15 H16 H17 H18 H19 H20",
];

/// The bugs that the models must show now.
const MUST_BE_COUNTED: &str = "R01 R03 R04 R05 R06 R07 R08 R29 R30 R31 R36 R37 R43 R58 R59 R60";

fn judge(cases: &[&'static Case]) -> Vec<Judgement> {
    let tasks = catalogue::tasks(cases);
    let rows = tasks.iter().flat_map(|task| task.run(&Progress::default())).collect();
    catalogue::judgements(cases, rows)
}

/// All rows, judged once.
pub fn judged() -> &'static [Judgement] {
    static JUDGED: OnceLock<Vec<Judgement>> = OnceLock::new();
    JUDGED.get_or_init(|| judge(&catalogue::all().collect::<Vec<_>>()))
}

fn said(judgement: &Judgement) -> String {
    let rows = judgement.rows.iter().flatten();
    let said: Vec<String> = rows
        .map(|row| {
            let steps = row.counterexample.as_ref().map(|story| story.steps.len());
            format!("{} {:?} {:?} {}", row.choice, row.verdict, steps, row.note)
        })
        .collect();
    let recorded = judgement.case.bug().map(|bug| (bug.invariant, bug.steps));
    format!("{} {recorded:?}: {}", judgement.case.id, said.join(" | "))
}

#[test]
fn catalogue_counted_rows_are_found_in_the_recorded_number_of_steps() {
    let counted = || judged().iter().filter(|judgement| judgement.rows.is_some());
    let missed: Vec<String> = counted().filter(|judgement| !judgement.is_found()).map(said).collect();
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
    assert!(counted().count() >= 20);
    for id in MUST_BE_COUNTED.split(' ') {
        let case = catalogue::find(id).expect("it has a row");
        assert!(case.bug().is_some(), "{id} must count");
    }
}

#[test]
fn catalogue_cures_hold_on_the_same_program() {
    let failing: Vec<String> =
        judged().iter().filter(|judgement| judgement.cure_holds() == Some(false)).map(said).collect();
    assert!(failing.is_empty(), "the cure does not hold:\n{}", failing.join("\n"));
    for row in judged().iter().filter_map(|judgement| judgement.rows.as_ref()).map(|[_, cure]| cure) {
        assert_eq!(row.note, "", "{}: {}", row.choice, row.bounds);
    }
}

#[test]
fn catalogue_has_a_row_for_each_bug_once_and_in_order() {
    let ids: Vec<&str> = catalogue::all().map(|case| case.id).collect();
    assert_eq!(ids.join(" "), IDS.join(" "));
    assert_eq!(catalogue::find("r29").map(|case| case.id), Some("R29"));
    assert!(catalogue::find("R25").is_none());
}

/// `models/README.md` gives the numbers of rows, and its table names each row that counts.
#[test]
fn catalogue_in_readme_is_that_of_the_rows() {
    let readme = include_str!("../../models/README.md");
    let words = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_known = |case: &&Case| !matches!(case.standing, Standing::FoundHere { .. });
    let (known, all) = (catalogue::all().filter(is_known).count(), catalogue::all().count());
    assert_eq!(all - known, 21, "models/README.md says in words how many were found here");
    let counted: BTreeSet<&str> =
        catalogue::all().filter(|case| case.bug().is_some()).map(|case| case.id).collect();
    let is_replayed = |case: &&Case| case.bug().is_some_and(|bug| bug.no_replay.is_empty());
    let replayed = catalogue::all().filter(is_replayed).count();
    for says in [
        format!("holds {known} known "),
        format!("{} of the {known} count", counted.len()),
        format!("of the other {} says", known - counted.len()),
        format!("{replayed} of the {} rows are replayed", counted.len()),
    ] {
        assert!(words.contains(&says), "models/README.md does not say: {says}");
    }
    let cells = readme.lines().filter_map(|line| line.strip_prefix("| R")?.split_once(" |"));
    let named: Vec<String> = cells
        .flat_map(|(ids, _)| format!("R{ids}").split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(named.len(), counted.len(), "the table names each row once");
    assert_eq!(named.iter().map(String::as_str).collect::<BTreeSet<_>>(), counted);
}

/// What the tables say of a choice of a model without programs.
fn expected_of(model: &str, choice: &str, invariant: Invariant) -> Option<Verdict> {
    if model == "failover" {
        let named = failover::Choice::ALL.iter().find(|known| known.name() == choice);
        return Some(expected::failover(*named.expect("a choice"), None, invariant));
    }
    if model == "replication" {
        let named = replication::Choice::ALL.iter().find(|known| known.name() == choice);
        return expected::replication(*named.expect("a choice"), invariant);
    }
    assert_eq!(model, "full_sync");
    let named = full_sync::Choice::ALL.iter().find(|known| known.name() == choice);
    expected::full_sync(*named.expect("a choice"), invariant)
}

#[test]
fn catalogue_rows_say_what_they_must() {
    for case in catalogue::all() {
        for text in [case.system, case.report, case.mechanism] {
            assert!(!text.is_empty(), "{}", case.id);
        }
        assert!(case.mechanism.ends_with('.') && !case.mechanism.contains('\n'), "{}", case.id);
        assert_eq!(case.hypothesis, case.report.starts_with("hypothesis"), "{}", case.id);
        match case.standing {
            Standing::Counted(bug) => {
                assert!(case.reason().is_none());
                assert_ne!(bug.with, bug.cure, "{}", case.id);
                assert!(bug.cure.fault().is_none(), "{}: a fault cures nothing", case.id);
            }
            Standing::FoundHere { missed, finds } => {
                assert!(!missed.is_empty() && !finds.is_empty(), "{}", case.id);
            }
            Standing::ShownBy { model, choice, invariant } => {
                // That the search finds it is a matter of `replication.rs`, `full_sync.rs` and `failover.rs`.
                assert_eq!(expected_of(model, choice, invariant), Some(Verdict::Violated), "{}", case.id);
            }
            Standing::Later(why) | Standing::OutOfScope(why) | Standing::NotShown(why) => {
                assert!(!why.is_empty() && !why.contains('\n'), "{}", case.id);
                assert!(!case.hypothesis, "{}: a hypothesis gets a verdict", case.id);
            }
        }
    }
}

/// The fault must be the cause: without it, the same program under the same choice holds.
#[test]
fn catalogue_seeded_bugs_off_hold() {
    let with_base_as_cure = |case: &Case| {
        let bug = *case.bug()?;
        bug.with.fault()?;
        let standing = Standing::Counted(Bug { cure: bug.with.without_fault(), ..bug });
        Some(&*Box::leak(Box::new(Case { standing, ..*case })))
    };
    let cases: Vec<&'static Case> = catalogue::all().filter_map(with_base_as_cure).collect();
    assert!(cases.len() >= SeededFault::ALL.len());
    for judgement in judge(&cases) {
        assert_eq!(judgement.cure_holds(), Some(true), "{}", said(&judgement));
    }
}

#[test]
fn catalogue_rows_that_cannot_be_replayed_say_so() {
    for case in catalogue::all() {
        let Some(bug) = case.bug() else { continue };
        let has_place = bug.with.fault().is_none_or(SeededFault::has_place_in_engine);
        // A real master draws at random, so its run is not the one of the story.
        let draws = bug.program.iter().any(|line| line.starts_with("SPOP"));
        assert_eq!(has_place && !draws, bug.no_replay.is_empty(), "{}: {}", case.id, bug.no_replay);
    }
}

#[test]
fn catalogue_seeded_bugs_are_each_used() {
    let used: BTreeSet<SeededFault> = catalogue::all().filter_map(|case| case.bug()?.with.fault()).collect();
    assert_eq!(used, SeededFault::ALL.iter().copied().collect());
    let names: BTreeSet<String> = used.iter().map(|fault| Choice::faulty(*fault).name()).collect();
    assert_eq!(names.len(), used.len());
}

#[test]
fn catalogue_seeded_bugs_are_named_nowhere_else() {
    let words = [
        "SeededFault",
        "Position::Received",
        "Position::BehindBatch",
        "Position::AheadOfBatch",
        "Position::WithFirstPart",
        ".with_log(",
        "readers_see_the_dead: true",
    ];
    let mut seen = 0;
    let mut folders = vec![String::from("src"), String::from("models")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).expect("a folder")
        {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let may = [
                "models/catalogue",
                "models/choice.rs",
                "models/experiment.rs",
                "models/fault.rs",
                "models/rigged.rs",
                "src/cli/catalogue.rs",
                "src/cli/replay",
            ];
            if may.contains(&path.as_str()) {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(path);
                continue;
            }
            seen += 1;
            let text = std::fs::read_to_string(entry.path()).expect("text");
            // The ordering model, which acts on a position, names every position in its own files.
            let own = ["models/ordering/model.rs", "models/ordering/restart.rs"].contains(&path.as_str());
            let named = words.iter().filter(|word| text.contains(**word) && !own);
            assert_eq!(named.collect::<Vec<_>>(), [&""; 0], "{path}");
        }
    }
    assert!(seen > 100, "the tree was read: {seen} files");
}

#[test]
fn catalogue_results_of_tests_fill_the_cells() {
    let cells = |text: &str| {
        let results = parse_results(text).expect("results");
        let r01 = judged().iter().find(|judgement| judgement.case.id == "R01").expect("it has a row");
        Layers::of(r01, &results)
    };
    let none = cells("[]");
    assert_eq!((none.model, none.loom, none.replay), (Cell::Found, Cell::NotRun, Cell::NotRun));
    let found = r#"{"tool": "loom", "case": "r01", "outcome": "found", "exhaustive": true, "executions": 7, "commit": "c"}"#;
    let missed = r#"{"tool": "loom", "case": "R01", "outcome": "missed"}"#;
    let other = r#"{"tool": "loom", "case": "pool_stops", "outcome": "passed"}"#;
    assert_eq!(cells(&format!("[{found}, {other}]")).loom, Cell::Found);
    assert_eq!(cells(&format!("[{found}, {other}]")).shuttle, Cell::NotRun);
    assert_eq!(cells(&format!("[{found}, {missed}]")).loom, Cell::Missed, "a single miss counts as a miss");
    assert!(parse_results("{}").is_err());
    let error = parse_results(r#"[{"tool": "loom", "case": "R01", "outcome": "perhaps"}]"#)
        .expect_err("not an outcome");
    assert_eq!(error.to_string(), "loom says 'perhaps' of R01 (known: found, missed)");
}

#[test]
fn catalogue_cells_say_where_a_row_cannot_be_shown() {
    let mut by_threads = Vec::new();
    for judgement in judged() {
        let layers = Layers::of(judgement, &[]);
        if judgement.case.bug().is_none() {
            assert_eq!([layers.loom, layers.shuttle, layers.quickcheck], [Cell::NotApplicable; 3]);
            continue;
        }
        assert_eq!((layers.loom, layers.quickcheck), (layers.shuttle, Cell::NotRun), "{}", judgement.case.id);
        if layers.loom == Cell::NotRun {
            by_threads.push(judgement.case.id);
        } else {
            assert_eq!(layers.loom, Cell::NotApplicable, "{}", judgement.case.id);
        }
    }
    assert_eq!(by_threads.join(" "), "R01 R02 R03 R04 R05 R08 R09 R12 R18 R63 R94 R101");
}
