//! `probe run` on real servers: what holds, what is broken by a client that writes to the replica, and what is not judged.

use crate::schema::fault_of_rows;
use crate::servers::{Make, Pair, probe_with};
use std::sync::atomic::{AtomicBool, Ordering};

/// The program's output.
struct Ran {
    code: Option<i32>,
    words: String,
    rows: Vec<serde_json::Value>,
}

impl Ran {
    /// The verdict on an invariant.
    fn verdict(&self, invariant: &str) -> &str {
        let row = self.rows.iter().find(|row| row["invariant"] == invariant);
        row.and_then(|row| row["verdict"].as_str()).unwrap_or("none")
    }
}

/// Runs `probe run` for two seconds. Programs are written to a folder that is removed; their texts come with the output.
fn run(pair: &Pair, options: &[&str]) -> (Ran, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (master, replica) = (pair.master.address(), pair.replica.address());
    let shrunk = folder.path().join("shrunk");
    let shrunk = shrunk.to_str().expect("UTF-8");
    let nodes =
        ["--master", &master, "--replica", &replica, "--seconds", "2", "--shrunk", shrunk, "--json", "-"];
    let output = probe_with("run", &[&nodes, options].concat());
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    let rows: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
    assert_eq!(fault_of_rows(&rows), None, "{words}");
    let rows = rows.as_array().cloned().unwrap_or_default();
    let files = std::fs::read_dir(shrunk).into_iter().flatten();
    let programs = files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("UTF-8"));
    (Ran { code: output.status.code(), words, rows }, programs.collect())
}

/// Runs it while a client sends `line` to `server` again and again.
fn run_disturbed(pair: &Pair, on_replica: bool, line: &str) -> (Ran, Vec<String>) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let server = if on_replica { &pair.replica } else { &pair.master };
            let mut connection = server.connect();
            let mut words = line.split(' ');
            let mut command = redis::cmd(words.next().expect("a command"));
            words.for_each(|word| {
                command.arg(word);
            });
            while !is_over.load(Ordering::SeqCst) {
                command.query::<redis::Value>(&mut connection).expect("the server answers");
            }
        });
        let ran = run(pair, &["--seed", "7", "--i-own-this-database"]);
        is_over.store(true, Ordering::SeqCst);
        ran
    })
}

const JUDGED: [&str; 6] =
    ["progress", "convergence", "per_key_order", "prefix", "monotonic_reads", "exactly_once"];

#[test]
fn run_on_redis_and_valkey_finds_nothing_and_leaves_the_database_empty() {
    for make in [Make::Redis, Make::Valkey] {
        let Some(pair) = Pair::start(make) else { continue };
        let (ran, programs) = run(&pair, &["--seed", "7", "--db", "3"]);
        assert_eq!(ran.code, Some(0), "{make:?}: {}", ran.words);
        for invariant in JUDGED {
            assert_eq!(ran.verdict(invariant), "sampled", "{make:?} {invariant}: {}", ran.words);
        }
        assert!(programs.is_empty() && ran.words.contains("seed 7: "), "{}", ran.words);
        assert_eq!(pair.master.run_all(&["SELECT 3", "DBSIZE"]).pop(), Some(redis::Value::Int(0)));
    }
}

#[test]
fn run_while_the_replica_loses_elements_finds_it_and_cuts_it_down() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let (ran, programs) = run_disturbed(&pair, true, "LPOP l0");
    assert_eq!(ran.code, Some(1), "{}", ran.words);
    for (invariant, verdict) in [("convergence", "violated"), ("prefix", "violated"), ("progress", "sampled")]
    {
        assert_eq!(ran.verdict(invariant), verdict, "{invariant}: {}", ran.words);
    }
    let shown =
        ["breaks convergence", "run again: replicheck probe run --master", "--program ", "⇒ broken: "];
    assert!(shown.iter().all(|text| ran.words.contains(text)), "{}", ran.words);
    // An element must be pushed before it can be lost; nothing else is needed.
    let is_short = |program: &String| {
        let lines: Vec<&str> = program.lines().filter(|line| !line.starts_with('#')).collect();
        lines.len() <= 6 && lines.iter().any(|line| line.contains("RPUSH"))
    };
    assert!(programs.iter().any(is_short), "{programs:?}");
}

#[test]
fn run_while_another_client_writes_to_the_master_could_not_judge() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let (ran, _) = run_disturbed(&pair, false, "INCR c0");
    assert_eq!(ran.code, Some(3), "{}", ran.words);
    assert!(ran.words.contains("nother client may write to this database"), "{}", ran.words);
}

#[test]
fn run_on_a_database_with_keys_refuses_to_empty_it_unless_it_is_owned() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    pair.master.run("SET precious 1");
    pair.settle();
    let (master, replica) = (pair.master.address(), pair.replica.address());
    let nodes = ["--master", &master, "--replica", &replica, "--seconds", "1"];
    let output = probe_with("run", &nodes);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("it has 1 keys there") && text.contains("--i-own-this-database"), "{text}");
    assert_eq!(pair.master.run("GET precious"), redis::Value::BulkString(b"1".to_vec()));
    let output = probe_with("run", &[&nodes[..], &["--i-own-this-database"]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(pair.master.run("DBSIZE"), redis::Value::Int(0));
}

#[test]
fn run_of_a_program_plays_it_and_one_with_durations_is_told_why_not() {
    let Some(pair) = Pair::start(Make::Redis) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program.txt");
    let name = file.to_str().expect("UTF-8");
    std::fs::write(&file, "RPUSH queue a b\nMULTI\nDEL queue\nSET done 1\nEXEC\nFLUSHDB\n").expect("written");
    let (ran, _) = run(&pair, &["--program", name]);
    assert_eq!((ran.code, ran.verdict("prefix")), (Some(0), "sampled"), "{}", ran.words);
    std::fs::write(&file, "SET a 1 PX 5\n").expect("written");
    let (ran, _) = run(&pair, &["--program", name]);
    assert_eq!(ran.code, Some(3), "{}", ran.words);
    assert!(ran.words.contains("its outcome depends on time or chance"), "{}", ran.words);
}

#[test]
fn run_with_wrong_usage_is_refused_with_exit_code_2() {
    let good = ["--master", "127.0.0.1:1", "--replica", "127.0.0.1:2"];
    for (options, said) in [
        (&["--seconds", "0"][..], "--seconds"),
        (&["--seed", "1", "--program", "x"], "--program"),
        (&["--expect", "all"], "per_key_order"),
        (&["--program", "/nowhere/at/all"], "/nowhere/at/all"),
    ] {
        let output = probe_with("run", &[&good[..], options].concat());
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{options:?}: {text}");
        assert!(text.contains(said), "{options:?}: {text}");
    }
    let help = String::from_utf8(probe_with("run", &["--help"]).stdout).expect("UTF-8");
    for word in ["Examples:\n", "could not judge", "--i-own-this-database"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
