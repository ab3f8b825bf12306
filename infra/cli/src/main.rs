//! `switchboard`: runs a SAM WebSocket application on this machine.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// Every message is many small allocations, on all threads: the C library's allocator takes a tenth
/// of the gateway's time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Args::parse())
}
