//! Seeds — a test draws from the run's seed (tests/seed/), or a comment says why its seed is always the same. Pure.

use crate::source::{Keep, blanked, paths};
use crate::{Finding, finding};

/// Calls that draw from a seed that no output shows.
const UNTOLD: &[&str] =
    &["quickcheck::quickcheck", "QuickCheck::default", "Gen::new", "Rng::new", "thread_rng", "RandomState"];

/// Code that precedes a seed.
const BEFORE_A_SEED: &[&str] = &[
    "with_seed(",
    "from_size_and_seed(",
    "from_seed(",
    "random_log(",
    "constSEED:u64=",
    "seed:",
    "forseedin",
    "WALKS,",
];

/// How many lines above a seed a comment about it may be.
const LINES_ABOVE: usize = 2;

/// Draws in tests/ that cannot be repeated, and seeds that are pinned without a reason.
pub fn seeds(path: &str, text: &str) -> Vec<Finding> {
    if !path.starts_with("tests/") || path.starts_with("tests/seed/") || !path.ends_with(".rs") {
        return Vec::new();
    }
    let code = blanked(text, Keep::Code);
    let mut findings = Vec::new();
    for named in paths(&code) {
        let is_global = named.names("fastrand::_") && !named.names("fastrand::Rng");
        // Shuttle's random numbers come from its scheduler.
        let is_untold = UNTOLD.iter().any(|pattern| named.names(pattern)) && !named.names("shuttle::rand");
        if is_global || is_untold {
            let what = format!("`{}` draws from a seed that no output shows", named.segments.join("::"));
            findings.push(finding(path, named.line, what, "crate::seed::Seed, crate::property::properties"));
        }
    }
    let dense = |line: &str| -> String { line.chars().filter(|c| !c.is_whitespace()).collect() };
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in code.lines().enumerate() {
        let line = dense(line);
        if line.contains("QuickCheck::new()") && !line.contains("QuickCheck::new().rng(") {
            findings.push(finding(
                path,
                at + 1,
                "quickcheck without the run's seed",
                "`.rng(seed.generator())`",
            ));
        }
        let is_number = |before: &&str| {
            let seeds = line.match_indices(*before).map(|(start, _)| &line[start + before.len()..]);
            // In this call the size of quickcheck's cases precedes the seed.
            let mut seeds = seeds.map(|rest| match *before {
                "from_size_and_seed(" => rest.split_once(',').map_or(rest, |(_, rest)| rest),
                _ => rest,
            });
            seeds.any(|seed| seed.starts_with(|c: char| c.is_ascii_digit()))
        };
        let told = lines[at.saturating_sub(LINES_ABOVE)..=at].iter().any(|line| line.contains("// Pinned"));
        if BEFORE_A_SEED.iter().any(is_number) && !told {
            let instead = "crate::seed::Seed, or a comment above it: `// Pinned: why`";
            findings.push(finding(
                path,
                at + 1,
                "the seed is always the same, and no comment says why",
                instead,
            ));
        }
        // In pieces, so that this file passes its own rule.
        if lines[at].contains(concat!("SE", "ED\"")) {
            let instead = "crate::seed::Seed, which takes REPLICHECK_SEED=N";
            findings.push(finding(path, at + 1, "a variable for a seed of its own", instead));
        }
    }
    findings
}

#[test]
fn seeds_that_nobody_is_told_are_reported() {
    for bad in [
        "let seed = fastrand::u64(..);",
        "fastrand::Rng::new()",
        "use quickcheck::{Arbitrary, quickcheck};",
        "quickcheck::quickcheck! {}",
        "QuickCheck::new().quickcheck(f)",
        "QuickCheck::default()",
        "Gen::new(100)",
        "rand::thread_rng()",
        concat!("env::var(\"SE", "ED\")"),
        concat!("setting(\"REPLICHECK_SE", "ED\")"),
    ] {
        let lines: Vec<usize> = seeds("tests/a.rs", &format!("\n{bad}")).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2], "{bad}");
    }
    let fine = "use quickcheck::{Arbitrary, Gen};\nlet (a, b) = (fastrand::Rng::with_seed(seed), seed.rng());\n\
                shuttle::rand::thread_rng();\nQuickCheck::new().rng(seed.generator()); // not fastrand::u64(..)";
    assert_eq!(seeds("tests/a.rs", fine), []);
    assert_eq!(seeds("tests/seed/mod.rs", "Gen::new(1)"), []);
    assert_eq!(seeds("benches/a.rs", "with_seed(7)"), []);
}

#[test]
fn seeds_pinned_without_a_reason_are_reported() {
    for bad in [
        "fastrand::Rng::with_seed(7)",
        "Gen::from_size_and_seed(size, 7)",
        "RandomScheduler::new_from_seed(7, 100)",
        "random_log(1, 50)",
        "const SEED: u64 = 7;",
        "Link { seed: 7 }",
        "for seed in 0..20 {",
    ] {
        let lines: Vec<usize> = seeds("tests/a.rs", &format!("\n{bad}")).iter().map(|f| f.line).collect();
        assert_eq!(lines, [2], "{bad}");
        assert_eq!(seeds("tests/a.rs", &format!("// Pinned: the golden file is of it.\n{bad}")), [], "{bad}");
    }
    assert_eq!(seeds("tests/a.rs", "// Pinned: it is far away.\n\n\n\nwith_seed(7)").len(), 1);
    assert_eq!(
        seeds(
            "tests/a.rs",
            "with_seed(lsn) from_seed(seed, 100) from_size_and_seed(100, SEED) for seed in first.and_next(5) {}"
        ),
        []
    );
}
