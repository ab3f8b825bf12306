//! What the functions' own code costs, without Lambda, DynamoDB and callbacks: the wide event of an
//! invocation beside other writers of the embedded metric format, and a frame that publishes.
//!
//! Run by hand: `cargo run --release --bin functions`. `functions guard` fails when either
//! allocates more than it may. `functions frames N` handles so many frames and says nothing:
//! `./instructions` counts what they take.

mod frames;
mod measure;
mod telemetry;

use std::alloc::System;
use std::error::Error;
use std::io::Write;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Whatever stops the run.
type Failure = Box<dyn Error>;

/// Counts allocations.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {}
        ["frames", count] => return frames::handle(count.parse()?),
        ["guard"] => return guard(),
        _ => return Err("usage: functions [guard | frames N]".into()),
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "| | µs of CPU | allocations | bytes of the line |\n|---|---|---|---|")?;
    telemetry::run(&mut out)?;
    frames::run(&mut out)
}

/// Allocations that a frame may make, and the writing of a wide event: a few above what was counted.
const MOST: [(&str, usize); 2] = [("a frame that publishes", 120), ("writing a wide event", 30)];

/// Counts allocations, which are the same in every run and on every machine.
fn guard() -> Result<(), Failure> {
    let counted = [frames::allocations()?, telemetry::allocations()?];
    for ((name, most), counted) in MOST.into_iter().zip(counted) {
        writeln!(std::io::stdout(), "{name}: {counted} allocations, at most {most}")?;
        if counted > most {
            return Err(format!("{name} allocates {counted} times, {most} are allowed").into());
        }
    }
    Ok(())
}
