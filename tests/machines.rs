//! The pure machines, one file a subject: no thread, no socket, no RocksDB.

#[path = "seed/property.rs"]
mod property;
#[allow(dead_code, reason = "shared with the other tests that draw")]
mod seed;

mod machines {
    mod binlog;
    mod binlog_golden;
    mod clock;
    mod commands;
    #[cfg(feature = "compression")]
    mod compression;
    mod drawing;
    mod drawn_fields;
    mod effects;
    mod gate;
    mod guards;
    mod line;
    mod logged;
    mod program;
    mod report;
    mod results;
    mod seeds;
    mod segments;
    mod shrink;
    mod stages;
    mod strategies;
    mod tables;
    mod trace_check;
    mod trace_judged;
    mod trace_line;
    mod transactions;
    mod watched;
}
