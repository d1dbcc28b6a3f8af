//! The program `replicheck`. Its subcommands stand in [`cli`], one file each.

mod cli;

use std::process::ExitCode;

/// RocksDB's allocations, too: what one thread allocates another frees, which glibc's allocator is slow at.
#[cfg(feature = "rocksdb")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
