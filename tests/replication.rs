//! Replication between two nodes: the pure messages first, then both sides over TCP.

mod replication {
    mod entries;
    mod handshake;
    mod lag;
    mod link;
    mod master;
    mod order;
    mod proxy;
    mod recorder;
    mod refused;
    mod wire;
}
