//! Time on the processor, and allocations.

use std::fs;
use std::io::Write;

use stats_alloc::Region;

use crate::{ALLOCATOR, Failure};

/// Rounds; the fastest counts, as others use the machine, too.
const ROUNDS: usize = 15;

/// How often something is done in a round: long enough for the scheduler's books.
const TIMES: u32 = 20_000;

/// Does something often and writes a row of the table.
pub(crate) fn row(
    out: &mut impl Write,
    name: &str,
    bytes: Option<usize>,
    mut act: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let each = allocations(&mut act)?;
    let mut least = f64::MAX;
    for _ in 0..ROUNDS {
        let before = spent_ns()?;
        for _ in 0..TIMES {
            act()?;
        }
        least = least.min((spent_ns()? - before) / f64::from(TIMES));
    }
    let bytes = bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
    writeln!(out, "| {name} | {:.2} | {each} | {bytes} |", least / 1000.0)?;
    Ok(())
}

/// Allocations of doing something once, when it has been done before: of several times the fewest, as
/// what grows now and then is not a single time's.
pub(crate) fn allocations(mut act: impl FnMut() -> Result<(), Failure>) -> Result<usize, Failure> {
    act()?;
    let mut fewest = usize::MAX;
    for _ in 0..10 {
        let region = Region::new(ALLOCATOR);
        act()?;
        let change = region.change();
        fewest = fewest.min(change.allocations + change.reallocations);
    }
    Ok(fewest)
}

/// Nanoseconds that this thread has had a processor, from the scheduler's books.
fn spent_ns() -> Result<f64, Failure> {
    let books = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(books.split(' ').next().unwrap_or_default().parse()?)
}
