//! A process that may have few files open. It is a process of its own, because the limit is for the whole process.

use super::harness::{Client, Running};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// The environment variable that is set in the process with the low limit.
const IS_CHILD: &str = "REPLICHECK_FEW_DESCRIPTORS";
const NAME: &str = "server::descriptors::clients_without_a_descriptor_wait_for_one_and_nobody_spins";
/// More than the runtime needs.
const DESCRIPTORS: u64 = 64;
/// How long the server is watched while it cannot accept.
const WATCHED: Duration = Duration::from_millis(400);
/// The processor time that the server may use in [`WATCHED`]. Eight attempts take less than 1 ms, and a server that never rests
/// uses all the time that a busy machine gives it.
const COMPUTED_MAX: Duration = Duration::from_millis(20);

#[test]
fn clients_without_a_descriptor_wait_for_one_and_nobody_spins() {
    if std::env::var_os(IS_CHILD).is_some() {
        return run_out_of_descriptors();
    }
    let program = std::env::current_exe().expect("this test has a path");
    let done = Command::new(program).args(["--exact", NAME, "--nocapture"]).env(IS_CHILD, "1").output();
    let done = done.expect("this test starts");
    let said = [&done.stdout[..], &done.stderr].map(String::from_utf8_lossy).concat();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

fn run_out_of_descriptors() {
    let server = Running::new();
    let limit = Rlimit { current: Some(DESCRIPTORS), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).expect("a lower limit is allowed");
    let mut served = server.connect();
    served.expect("PING", "+PONG\r\n");
    let mut clients: Vec<Client> = Vec::new();
    // Both sides are in this process. The system completes connections that the server has not accepted.
    while let Ok(socket) = TcpStream::connect(server.addr) {
        clients.push(server.connect_to(socket));
    }
    let mut waits = clients.pop().expect("a few fit");
    waits.send("PING\r\n");
    waits.socket.set_read_timeout(Some(WATCHED)).expect("a socket");
    let before = computed();
    let error = waits.socket.read(&mut [0]).expect_err("no descriptor is left for it");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    let took = computed() - before;
    assert!(took < COMPUTED_MAX, "{took:?} of {WATCHED:?} were computed while nothing could be accepted");
    served.expect("PING", "+PONG\r\n");
    // The other clients leave, and the waiting one is served.
    clients.clear();
    waits.socket.set_read_timeout(Some(super::harness::PATIENCE)).expect("a socket");
    waits.read("+PONG\r\n", "a descriptor is free");
}

/// The processor time that this process has used.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("processor time is not negative")
}
