//! The program `replicheck`. Its subcommands are in [`cli`], one file each.

mod cli;

use std::process::ExitCode;

/// The allocator of the program, also for RocksDB. Memory that one thread allocates is often freed by
/// another, for which glibc's allocator is slow.
#[cfg(feature = "rocksdb")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
