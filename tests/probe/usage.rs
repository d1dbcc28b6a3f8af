//! Arguments that are not understood, and nodes that cannot be judged: exit codes and the line that says why.

use crate::servers::{Make, Server, probe};

#[test]
fn usage_that_is_wrong_is_refused_with_exit_code_2() {
    let good = ["--master", "127.0.0.1:1", "--replica", "127.0.0.1:2"];
    let cases: &[(&[&str], &str)] = &[
        (&[], "--master"),
        (&["--master", "127.0.0.1:1"], "--replica"),
        (&["--master", "redis://user:pw@127.0.0.1:1", "--replica", "127.0.0.1:2"], "HOST:PORT"),
        (&[&good[..], &["--db=-1"]].concat(), "--db"),
        (&[&good[..], &["--rate", "fast"]].concat(), "--rate"),
        (&[&good[..], &["--json", "/nowhere/at/all.json"]].concat(), "/nowhere/at/all.json"),
        (&[&good[..], &["--password-file", "/nowhere/at/all"]].concat(), "/nowhere/at/all"),
        (&[&good[..], &["--password", "x"]].concat(), "--password"),
        (&[&good[..], &["--cacert", "ca.pem"]].concat(), "--tls"),
        (&[&good[..], &["--tls", "--cert", "own.pem"]].concat(), "--key"),
        (&[&good[..], &["--tls", "--cacert", "/nowhere/at/all"]].concat(), "/nowhere/at/all"),
    ];
    for (args, said) in cases {
        let output = probe(args);
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(output.stdout.is_empty() && text.contains(said), "{args:?}: {text}");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let output = probe(&["--help"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0));
    for word in ["Examples:\n", "could not judge", "REPLICHECK_PASSWORD", "--ttl-tolerance"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn node_that_cannot_be_reached_could_not_be_judged_and_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let output = probe(&["--master", &address, "--replica", &address]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains(&format!("{address} cannot be reached")), "{text}");
}

#[test]
fn password_is_taken_from_a_file() {
    let Some(server) = Server::start(Make::Redis) else { return };
    server.run("CONFIG SET requirepass secret");
    let address = server.address();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "secret\n").expect("the file can be written");
    let nodes = ["--master", &address, "--replica", &address];
    let without = probe(&nodes);
    let text = String::from_utf8(without.stdout).expect("UTF-8");
    assert_eq!(without.status.code(), Some(3));
    assert!(text.contains("NOAUTH"), "{text}");
    let with = probe(&[&nodes[..], &["--password-file", file.to_str().expect("UTF-8")]].concat());
    let text = String::from_utf8(with.stdout).expect("UTF-8");
    // It is let in; a master is no replica of itself.
    assert_eq!(with.status.code(), Some(3));
    assert!(text.contains("its role is `master`, not `slave`"), "{text}");
}
