//! Replication between two nodes: first the pure messages, then both sides over TCP.

#[path = "seed/property.rs"]
mod property;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

mod replication {
    mod entries;
    mod handshake;
    mod lag;
    mod link;
    mod machines;
    mod master;
    mod order;
    #[allow(dead_code, reason = "the tests of the engine alone use all of it")]
    mod proxy;
    mod recorder;
    mod refused;
    mod removed;
    mod snapshot;
    mod wire;
}
