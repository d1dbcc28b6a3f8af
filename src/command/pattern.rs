//! Glob patterns as KEYS, SCAN and HSCAN match them. Pure.
