//! The `switchboard` command. Standard output has what was asked for; standard error has one
//! sentence when something is wrong. Exit status: 0 done, 1 failed, 2 bad usage (clap's own).

mod args;
mod chart;
mod check;
mod connections;
mod endpoint;
mod https;
mod load;
mod metrics;
mod project;
mod publish;
mod query;
mod short;
mod tail;
mod trace;
mod up;

use std::io::Write;
use std::process::ExitCode;

pub use args::Args;
use args::Subcommand;

/// Why a command failed: one sentence, with its place where there is one.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Project(#[from] project::ProjectError),
    #[error(transparent)]
    Up(#[from] up::UpError),
    #[error(transparent)]
    Tail(#[from] tail::TailError),
    #[error(transparent)]
    Metrics(#[from] metrics::MetricsError),
    #[error(transparent)]
    Query(#[from] query::QueryError),
    #[error(transparent)]
    Trace(#[from] trace::TraceError),
    #[error(transparent)]
    Connections(#[from] connections::ConnectionsError),
    #[error(transparent)]
    Publish(#[from] publish::PublishError),
    #[error(transparent)]
    Load(#[from] load::LoadError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    let outcome = match args.command.unwrap_or(Subcommand::Up(args.up)) {
        Subcommand::Up(options) => up::run(&options).map_err(CommandError::from),
        Subcommand::Check(options) => check::run(&options),
        Subcommand::Tail(options) => tail::run(&options).map_err(CommandError::from),
        Subcommand::Metrics(options) => metrics::run(&options),
        Subcommand::Query(options) => query::run(&options).map_err(CommandError::from),
        Subcommand::Publish(options) => publish::run(&options).map_err(CommandError::from),
        Subcommand::Load(options) => load::run(&options).map_err(CommandError::from),
        Subcommand::Trace(options) => trace::run(&options).map_err(CommandError::from),
        Subcommand::Connections(options) => connections::run(&options).map_err(CommandError::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            if !message.starts_with("error") {
                message.insert_str(0, "error: ");
            }
            // Nowhere is left to say that standard error is closed.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}
