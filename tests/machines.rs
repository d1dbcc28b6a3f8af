//! The pure machines, one file a subject: no thread, no socket, no RocksDB.

mod machines {
    mod binlog;
    mod binlog_golden;
    mod commands;
    mod compression;
    mod drawing;
    mod effects;
    mod guards;
    mod line;
    mod program;
    mod report;
    mod segments;
    mod stages;
    mod strategies;
    mod tables;
    mod trace_check;
}
