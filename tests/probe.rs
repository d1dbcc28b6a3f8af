//! `replicheck probe`: its rules as data, and the program on real servers, with differences that are planted on a replica.
//!
//! Without redis-server 7 or valkey-server 9.1 the tests that need it say that they are skipped.

#[path = "probe/difference.rs"]
mod difference;
#[path = "probe/lag.rs"]
mod lag;
#[path = "probe/loads.rs"]
mod loads;
#[path = "probe/planted.rs"]
mod planted;
#[path = "probe/position.rs"]
mod position;
#[path = "seed/property.rs"]
mod property;
#[path = "probe/provoked.rs"]
mod provoked;
#[path = "probe/schema.rs"]
mod schema;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;
#[path = "probe/servers.rs"]
mod servers;
#[path = "probe/tls.rs"]
mod tls;
#[path = "probe/usage.rs"]
mod usage;
#[path = "probe/verdicts.rs"]
mod verdicts;
