//! Collections of ten and of many elements beside redis-server: what a command costs as its collection grows.

use super::process::{Peer, Server, benchmark_command};
use super::{Bench, compare};
use serde_json::json;

/// Number of elements of a small collection.
const FEW: u64 = 10;
/// Number of commands that redis-benchmark sends at a time.
const PIPELINE: usize = 16;

/// A command in both sizes. `R` is a number of twelve digits that redis-benchmark draws: of a small collection, or of an element
/// of the large one. `MIDDLE` is the middle of the large collection, as neither server takes twelve digits for an index.
struct Measured {
    name: &'static str,
    few: &'static str,
    many: &'static str,
}

/// All commands; those that add or remove elements come after those that read the same collection.
const COMMANDS: &[Measured] = &[
    Measured { name: "LINDEX", few: "LINDEX list:R 5", many: "LINDEX list:0 MIDDLE" },
    Measured { name: "LPUSH", few: "LPUSH list:R value", many: "LPUSH list:0 value" },
    Measured { name: "SADD", few: "SADD set:R new", many: "SADD set:0 new:R" },
    Measured { name: "SPOP", few: "SPOP set:R", many: "SPOP set:0" },
    Measured { name: "ZRANK", few: "ZRANK zset:R 000000000005", many: "ZRANK zset:0 R" },
    Measured { name: "ZRANGE", few: "ZRANGE zset:R 5 5", many: "ZRANGE zset:0 MIDDLE MIDDLE" },
    Measured { name: "ZADD", few: "ZADD zset:R 5 new", many: "ZADD zset:0 R new:R" },
    Measured { name: "HSET", few: "HSET hash:R 000000000005 value", many: "HSET hash:0 R value" },
];

/// Measures all commands on both servers. `elements`: of a large collection, and of all small ones of a type together.
pub fn collections(bench: &mut Bench, elements: u64, requests: u64) {
    for (size, keys) in [(FEW, elements / FEW), (elements, 1)] {
        let mut rates = Vec::new();
        for peer in Peer::BOTH {
            // Only one server runs at a time, because even an idle server has threads and memory.
            let server = Server::start(peer, None);
            fill(&server, size, keys);
            let rate = |measured: &Measured| {
                let text = if keys == 1 { measured.many } else { measured.few };
                let text = text.replace("MIDDLE", &(elements / 2).to_string());
                let drawn = if keys == 1 { elements } else { keys };
                benchmark_command(server.port, &text, PIPELINE, requests, drawn)
            };
            rates.push(COMMANDS.iter().map(rate).collect::<Vec<f64>>());
        }
        for (at, measured) in COMMANDS.iter().enumerate() {
            let params = json!({
                "part": "collections", "command": measured.name, "elements": size, "pipeline": PIPELINE
            });
            compare(bench, &params, "commands/s", &[[rates[0][at], rates[1][at]]]);
        }
    }
}

/// Creates `keys` collections of each type with `size` elements.
fn fill(server: &Server, size: u64, keys: u64) {
    // redis-benchmark writes the numbers that it draws with twelve digits.
    let name = |key: u64| if keys == 1 { "0".to_owned() } else { format!("{key:012}") };
    let words = |key: u64, element: u64| {
        let (key, element) = (name(key), format!("{element:012}"));
        [
            format!("RPUSH list:{key} {element}"),
            format!("SADD set:{key} {element}"),
            format!("ZADD zset:{key} {element} {element}"),
            format!("HSET hash:{key} {element} value"),
        ]
    };
    server.send(0..size * keys * 4, |at| words(at / 4 / size, at / 4 % size)[(at % 4) as usize].clone());
}
