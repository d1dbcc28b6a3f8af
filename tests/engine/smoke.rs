use replicheck::command::{Command, Reply, line};
use replicheck::engine::{Address, Engine, Settings};
use replicheck::expiry::Policy;
use replicheck::ordering::Strategy;
use replicheck::server::Node;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;

fn run(engine: &Engine, lines: &[&str]) -> Vec<Reply> {
    let commands =
        lines.iter().map(|l| Command::parse(0, line::split(l.as_bytes()).unwrap()).unwrap()).collect();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(engine.run(commands))
}

fn listen(engine: Arc<Engine>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut b = vec![0; 4096];
            let n = socket.read(&mut b).unwrap();
            if n == 0 {
                continue;
            }
            let parts: Vec<Vec<u8>> =
                b[..n].split(|c| *c == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec()).collect();
            let argv = parts[1..].chunks(2).filter(|c| c.len() == 2).map(|c| c[1].clone()).collect();
            engine.follow(argv, socket, Vec::new());
        }
    });
    port
}

#[test]
fn smoke() {
    let (m, r) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for ordering in Strategy::ALL {
        for expiry in Policy::ALL {
            let (m, r) = (
                m.path().join(format!("{}-{}", ordering.name(), expiry.name())),
                r.path().join(format!("{}-{}", ordering.name(), expiry.name())),
            );
            let set = |dir: &std::path::Path| Settings {
                ordering: *ordering,
                expiry: *expiry,
                workers: 2,
                ..Settings::new(dir)
            };
            let master = Engine::start(set(&m), None).unwrap();
            let port = listen(master.clone());
            let replica = Engine::start(set(&r), Some(Address { host: "127.0.0.1".into(), port })).unwrap();
            let replies = run(&master, &["SET a b", "INCR n", "HSET h f v", "SETEX x 100 v", "GET a"]);
            assert_eq!(replies[4], Reply::bulk("b"), "{replies:?}");
            let mut n = 0;
            while replica.facts().progress.applied.0 < 4 {
                std::thread::sleep(std::time::Duration::from_millis(5));
                n += 1;
                assert!(n < 1000, "{:?}", replica.facts());
            }
            if *expiry != Policy::Verbatim {
                assert_eq!(
                    master.dump().unwrap(),
                    replica.dump().unwrap(),
                    "{} {}",
                    ordering.name(),
                    expiry.name()
                );
            }
            println!("{:?}", run(&replica, &["GET a", "SET a 1", "TTL x"]));
            master.stop_now().unwrap();
            replica.stop_now().unwrap();
            drop((master, replica));
            println!("{} {}", ordering.name(), expiry.name());
        }
    }
}
