//! Crashes of a node — its log's files are on a disk that forgets and fails, its store is a real RocksDB.

mod ahead;
mod failing;
mod folders;
mod losses;
mod once;
