//! `switchboard`: runs a SAM WebSocket application on this machine.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::run(cli::Args::parse())
}
