//! Seed — the number from which a test draws: `REPLICHECK_SEED`, or else a number made from the commit.
//!
//! ```text
//! commit 1a2b3c4d5e6f…    REPLICHECK_SEED not set    seed 0x1a2b3c4d = 439041101
//! commit 1a2b3c4d5e6f…    REPLICHECK_SEED=7          seed 7
//! ```
//!
//! So each commit tests other cases, and one commit always the same ones. A test prints its seed when it begins. If it fails,
//! its last line is the command that runs it again with that seed.

pub mod commit;

use commit::commit;
use quickcheck::Gen;
use std::collections::BTreeMap;
use std::{env, thread};

/// The environment variable that sets the seed.
pub const VARIABLE: &str = "REPLICHECK_SEED";

/// The seed if git cannot tell the commit.
pub const OF_UNKNOWN_COMMIT: u64 = 7;

/// Settings of a run that the command for running it again repeats.
const SETTINGS: [&str; 6] = [
    "QUICKCHECK_GENERATOR_SIZE",
    "QUICKCHECK_TESTS",
    "REPLICHECK_FILES",
    "REPLICHECK_FRAMES",
    "REPLICHECK_ITERATIONS",
    "REPLICHECK_KILLS",
];

/// The seed of a running test. If a panic drops it, it prints the command that runs the test again.
pub struct Seed(u64);

impl Seed {
    /// The seed of this run, which it prints. The test must keep the value to its end.
    pub fn of_this_run() -> Seed {
        let seed = number(setting(VARIABLE), commit());
        println!("seed={seed} commit={}", commit());
        Seed(seed)
    }

    pub fn number(&self) -> u64 {
        self.0
    }

    /// This seed and the following ones, for a loop over `count` cases.
    pub fn and_next(&self, count: u64) -> impl Iterator<Item = u64> + use<> {
        let first = self.0;
        (0..count).map(move |at| first.wrapping_add(at))
    }

    pub fn rng(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0)
    }

    /// A source for quickcheck's cases, of quickcheck's default size.
    pub fn generator(&self) -> Gen {
        let size = setting("QUICKCHECK_GENERATOR_SIZE").unwrap_or(100);
        Gen::from_size_and_seed(usize::try_from(size).expect("a size of memory"), self.0)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("run it again: {}", again(self.0, &[]));
        }
    }
}

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    let text = env::var_os(name)?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name}={} is not a number", text.display())))
}

/// The seed that was asked for, or else the one of the commit: its first 8 hexadecimal digits.
pub fn number(asked: Option<u64>, commit: &str) -> u64 {
    let of_commit = || commit.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    asked.or_else(of_commit).unwrap_or(OF_UNKNOWN_COMMIT)
}

/// The command that runs the calling test again from `seed`, with this run's settings, except for those in `instead`.
pub fn again(seed: u64, instead: &[(&str, u64)]) -> String {
    let mut settings: BTreeMap<&str, u64> =
        SETTINGS.iter().filter_map(|name| Some((*name, setting(name)?))).collect();
    settings.extend(instead.iter().copied());
    settings.insert(VARIABLE, seed);
    command(&settings, thread::current().name())
}

/// The options of cargo that build this binary as it is.
pub fn features() -> String {
    let there = [
        ("server", cfg!(feature = "server")),
        ("compression", cfg!(feature = "compression")),
        ("explorer", cfg!(feature = "explorer")),
    ];
    let names: Vec<&str> = there.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    match (cfg!(feature = "rocksdb"), names.is_empty()) {
        (true, _) => String::new(),
        (false, true) => " --no-default-features".to_owned(),
        (false, false) => format!(" --no-default-features --features {}", names.join(",")),
    }
}

/// The command that runs one test of this binary.
fn command(settings: &BTreeMap<&str, u64>, test: Option<&str>) -> String {
    let settings: String = settings.iter().map(|(name, number)| format!("{name}={number} ")).collect();
    let features = features();
    // The thread has another name if libtest did not start it for a test; then the command runs all tests of the binary.
    let test = test.filter(|name| name.contains("::")).map(|name| format!(" -- --exact {name}"));
    let binary = env!("CARGO_CRATE_NAME");
    format!("{settings}cargo test{features} --test {binary}{}", test.unwrap_or_default())
}
