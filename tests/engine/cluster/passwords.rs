//! A master that asks for a password, and the one that its replica sends.

use super::super::disks::{Disks, wait_until};
use super::peer::{AS_IT_IS, Peer};
use replicheck::client::{Client, OwnedFrame};
use replicheck::command::Reply;
use replicheck::secret::Secret;
use replicheck::server::facts::Link;
use std::time::Duration;

/// Sends requests on one connection; each has to be answered with OK.
fn configure(port: u16, requests: &[&[&str]]) {
    let mut client =
        Client::connect(&format!("127.0.0.1:{port}"), Duration::from_secs(20)).expect("it serves");
    for request in requests {
        let reply = client.call(request).expect("a reply");
        assert_eq!(reply, OwnedFrame::SimpleString(b"OK".into()), "{request:?}");
    }
}

fn sends(password: &str) -> impl Fn(&mut replicheck::engine::Settings) {
    move |settings| *settings.masterauth.lock().expect("a fresh lock") = Secret::new(password.as_bytes())
}

#[test]
fn replica_follows_once_it_sends_the_masters_password() {
    let (m, r) = (Disks::new(), Disks::new());
    let master = Peer::master(&m, AS_IT_IS);
    master.one("SET a 1");
    configure(master.port, &[&["CONFIG", "SET", "requirepass", "p"]]);
    for wrong in ["", "x"] {
        let replica = Peer::replica(&r, &sends(wrong), master.port);
        wait_until("a link that is down", || replica.link() == Link::Down);
        assert_eq!(replica.one("EXISTS a"), Reply::Integer(0), "{wrong:?}");
        replica.stop().expect("it stops");
    }
    let replica = Peer::replica(&r, &sends("x"), master.port);
    configure(replica.port, &[&["CONFIG", "SET", "masterauth", "p"]]);
    replica.assert_equals(&master, "after CONFIG SET");
    // A link that is up stays up when the password changes; the next connection needs the new one.
    configure(master.port, &[&["AUTH", "p"], &["CONFIG", "SET", "requirepass", "q"]]);
    master.one("SET a 2");
    replica.wait_for(&master);
}

#[test]
fn full_sync_needs_the_password_too() {
    let folder = || tempfile::tempdir().expect("a folder");
    let (m, r) = (folder(), folder());
    let master = Peer::on_disk(m.path(), AS_IT_IS, None);
    master.one("SET a 1");
    configure(master.port, &[&["CONFIG", "SET", "requirepass", "p"]]);
    let replica = Peer::on_disk(r.path(), &sends("p"), None);
    replica.one("SET own 1");
    replica.replicate(Some(master.port)).expect("it follows");
    wait_until("the master's data", || replica.one("EXISTS own") == Reply::Integer(0));
    replica.assert_equals(&master, "with a password");
}
