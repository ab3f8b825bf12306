//! The time that processes spend on the processor: a figure that other work on the machine hardly
//! changes, where durations and rates do.

use std::fs;
use std::time::Duration;

use crate::Failure;

/// What a gateway and its functions have spent since they began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) gateway: Duration,
    /// All processes that the gateway has started and that run.
    pub(crate) functions: Duration,
}

impl Spent {
    /// Of a gateway by its process id.
    pub(crate) fn by(gateway: u32) -> Result<Self, Failure> {
        let mut functions = Duration::ZERO;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if parent(id) == Some(gateway) {
                // One that has just ended spends nothing any more.
                functions += of_process(id).unwrap_or_default();
            }
        }
        Ok(Self { gateway: of_process(gateway)?, functions })
    }
}

/// The parent of a process: the fourth field, and the second is a name in parentheses.
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The sum over a process's threads.
fn of_process(id: u32) -> Result<Duration, Failure> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        let Ok(spent) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let nanoseconds = spent.split(' ').next().unwrap_or_default().parse()?;
        sum += Duration::from_nanos(nanoseconds);
    }
    Ok(sum)
}
