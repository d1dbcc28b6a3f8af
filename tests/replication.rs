//! Replication between two nodes: the pure messages first, then both sides over TCP.

mod replication {
    mod entries;
    mod handshake;
    mod lag;
    mod order;
    mod wire;
}
