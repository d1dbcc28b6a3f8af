//! Crashes of a node — its log's files on a disk that forgets and fails, its store a real RocksDB.

mod ahead;
mod failing;
mod folders;
mod losses;
mod once;
