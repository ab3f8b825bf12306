//! Measures the local AWS with one client, in one run, beside what it is compared with.
//!
//! `bench [--rounds N] [--peer FOLDER] [--only NAMES]` prints a table of medians. README.md says what
//! the rows mean; `./run` builds everything and prepares the peer. `bench plain` is the plain
//! WebSocket server that the echo is compared with. `bench ingest` measures the log store by itself.

mod cloudwatch;
mod connects;
mod cpu;
mod figures;
mod ingest;
mod messages;
mod processes;
mod slow;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::figures::Figures;
use self::messages::round_trips;
use self::processes::{Peer, Plain, Switchboard};

/// Whatever stops the run.
type Failure = Box<dyn Error>;

/// Files that this process and what it starts may have open: both ends of every connection.
const OPEN_FILES: u64 = 65_536;

/// What to run.
struct Options {
    rounds: usize,
    /// Where serverless-offline is installed, with `serverless.yml` and the handler.
    peer: Option<PathBuf>,
    /// These parts only, with commas between them.
    only: Option<String>,
}

// One thread: the client shares two cores with what it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "plain") {
        return processes::serve_plain().await;
    }
    if arguments.first().is_some_and(|first| first == "ingest") {
        return ingest::run();
    }
    let options = options(&arguments)?;
    let files = raise_open_files();
    let mut figures = Figures::default();
    for round in 1..=options.rounds {
        writeln!(std::io::stderr(), "round {round} of {}", options.rounds)?;
        measure(&options, files, &mut figures).await?;
    }
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}

fn options(arguments: &[String]) -> Result<Options, Failure> {
    let mut options = Options { rounds: 3, peer: None, only: None };
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--rounds" => options.rounds = value.parse()?,
            [name, value] if name == "--peer" => options.peer = Some(value.into()),
            [name, value] if name == "--only" => options.only = Some(value.clone()),
            _ => return Err("usage: bench [--rounds N] [--peer FOLDER] [--only NAMES]".into()),
        }
    }
    Ok(options)
}

/// Lets processes from here on have many files open; gives how many it became.
fn raise_open_files() -> u64 {
    let wanted = Rlimit { current: Some(OPEN_FILES), maximum: Some(OPEN_FILES) };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        // Only the superuser may go beyond the maximum.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(OPEN_FILES)
}

/// One round: every part once, those that are compared one after the other.
async fn measure(options: &Options, files: u64, figures: &mut Figures) -> Result<(), Failure> {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only.split(',').any(|o| o == name));
    if wanted("metrics") {
        cloudwatch::metrics(figures)?;
    }
    if wanted("plain") {
        let plain = Plain::start().await?;
        let spent = || plain.spent();
        round_trips(&plain.url, "echo", "plain WebSocket server", Some(&spent), figures).await?;
    }
    for route in ["mock", "echo", "post", "raw"].into_iter().filter(|route| wanted(route)) {
        let signed = route != "raw";
        let switchboard = if signed { Switchboard::start().await? } else { Switchboard::unsigned().await? };
        let spent = || switchboard.spent();
        round_trips(&switchboard.url, route, "switchboard", Some(&spent), figures).await?;
        switchboard.stop().await?;
    }
    if wanted("telemetry") {
        for route in ["mock", "echo"] {
            for level in ["OFF", "ERROR", "INFO"] {
                let switchboard = Switchboard::logging(level).await?;
                let spent = || switchboard.spent();
                round_trips(&switchboard.url, route, &format!("logging {level}"), Some(&spent), figures)
                    .await?;
                switchboard.stop().await?;
            }
        }
    }
    if let Some(folder) = options.peer.as_ref().filter(|_| wanted("peer")) {
        let peer = Peer::start(folder).await?;
        for route in ["echo", "post"] {
            round_trips(&peer.url, route, "serverless-offline", None, figures).await?;
        }
    }
    if wanted("connects") {
        let switchboard = Switchboard::start().await?;
        connects::rate(&switchboard, figures).await?;
        switchboard.stop().await?;
    }
    if wanted("idle") {
        let switchboard = Switchboard::start().await?;
        connects::idle(&switchboard, files, figures).await?;
        switchboard.stop().await?;
    }
    if wanted("slow") {
        let switchboard = Switchboard::unsigned().await?;
        slow::reader(&switchboard, figures).await?;
        switchboard.stop().await?;
    }
    Ok(())
}
