//! Nodes that compress: closed segments are packed and the stream is compressed, and readers see the same as without.

use super::super::disks::{Disks, wait_until};
use super::super::forgetful::Forgetful;
use super::super::proxy::{Way, proxy};
use super::peer::{AS_IT_IS, Peer};
use replicheck::binlog::{Files as _, Lsn};
use replicheck::compression::CompressionMethod;
use replicheck::engine::Settings;
use replicheck::server::facts::{Follower, Link, Role};
use replicheck::store::Dump;

/// Writes that fill some segments of a node with [`compressing`]; each `round` writes other values.
fn write(master: &Peer, round: u64) {
    let lines = |at: u64| -> Vec<String> {
        (0..20).map(|n| format!("SET key{n} {}", format!("value-{round}-{at}-").repeat(20))).collect()
    };
    for at in 0..10 {
        master.run(&lines(at).iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn compressing(codec: CompressionMethod) -> impl Fn(&mut Settings) {
    move |settings| (settings.segment_bytes_max, settings.compression) = (8_000, codec)
}

/// The numbers of packed and of unpacked segments.
fn packed(binlog: &Forgetful) -> (usize, usize) {
    let names = binlog.list().expect("a folder");
    let segments = names.iter().filter(|name| name.ends_with(".binlog"));
    let packed = segments.map(|name| binlog.bytes(name).starts_with(b"RCPACKED"));
    let (packed, plain): (Vec<bool>, Vec<bool>) = packed.partition(|&is_packed| is_packed);
    (packed.len(), plain.len())
}

/// Waits until every segment but the last is packed, and at least `least` are. A replica has fewer segments than its master
/// when it receives many entries at a time, because a group is never split.
fn wait_until_packed(disks: &Disks, least: usize) {
    wait_until("every closed segment is packed", || {
        let (packed, plain) = packed(&disks.binlog);
        packed >= least && plain == 1
    });
}

fn dump(node: &Peer) -> Dump {
    node.node.dump().expect("it reads")
}

#[test]
fn cluster_with_each_codec_has_packed_logs_and_equal_stores() {
    for codec in [CompressionMethod::Lz4, CompressionMethod::Zstd] {
        let (m, r, s) = (Disks::new(), Disks::new(), Disks::new());
        let master = Peer::master(&m, &compressing(codec));
        let replica = Peer::replica(&r, &compressing(codec), master.port);
        write(&master, 1);
        replica.assert_equals(&master, codec.name());
        assert_eq!(replica.link(), Link::Up { compression: codec });
        let Role::Master { replicas } = master.facts().role else { panic!("it is the master") };
        assert!(matches!(replicas[..], [Follower { compression, .. }] if compression == codec));
        // The replica is stopped while the master writes on; the entry after its last one lies within a segment that gets packed.
        replica.stop().expect("it stops");
        write(&master, 2);
        wait_until_packed(&m, 3);
        let replica = Peer::replica(&r, &compressing(codec), master.port);
        replica.assert_equals(&master, "resumed from within a packed segment");
        wait_until_packed(&r, 1);
        // A replica that asks for no compression also gets entries from packed segments.
        let plain = Peer::replica(&s, AS_IT_IS, master.port);
        plain.assert_equals(&master, "uncompressed, from the first entry on");
        assert_eq!(
            (plain.link(), packed(&s.binlog)),
            (Link::Up { compression: CompressionMethod::None }, (0, 1))
        );
        // A node with any setting of compression reads a log that was written with another one.
        let stored = dump(&master);
        master.stop().expect("it stops");
        let again = Peer::master(&m, AS_IT_IS);
        assert_eq!(dump(&again), stored);
        write(&again, 3);
        again.stop().expect("it stops");
        let other =
            if codec == CompressionMethod::Lz4 { CompressionMethod::Zstd } else { CompressionMethod::Lz4 };
        let again = Peer::master(&m, &compressing(other));
        write(&again, 4);
        wait_until_packed(&m, 3);
        replica.replicate(Some(again.port)).expect("it tries");
        replica.assert_equals(&again, "plain and packed segments mixed");
    }
}

#[test]
fn crash_of_a_node_that_packs_loses_nothing_that_was_synced() {
    let m = Disks::new();
    let master = Peer::master(&m, &compressing(CompressionMethod::Zstd));
    write(&master, 1);
    wait_until_packed(&m, 3);
    wait_until("the last sync", || master.facts().progress.durable == master.facts().progress.applied);
    let lost = Disks::with(m.node.bare(), m.binlog.bare());
    let again = Peer::master(&lost, &compressing(CompressionMethod::Lz4));
    assert_eq!(dump(&again), dump(&master));
    assert!(again.facts().progress.applied > Lsn(100));
}

#[test]
fn link_compressed_and_cut_many_times_resumes_without_loss() {
    for codec in [CompressionMethod::Lz4, CompressionMethod::Zstd] {
        let (m, r) = (Disks::new(), Disks::new());
        let master = Peer::master(&m, AS_IT_IS);
        write(&master, 1);
        // Cuts in the reply to the handshake, in the header of the stream, in its first block, and in later blocks.
        let cuts = vec![3, 21, 24, 30, 60, 200, 700, 1_500];
        let cut = proxy(&format!("127.0.0.1:{}", master.port), Way::Down, cuts);
        let port = cut.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let replica = Peer::replica(&r, &|settings| settings.compression = codec, port);
        replica.assert_equals(&master, codec.name());
    }
}
