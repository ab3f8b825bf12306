//! How much memory a process has used at most.

use std::fs;
use std::time::Duration;

use tokio::time::Instant;

/// How long a reading is good enough: one costs as much as a small invocation.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// The memory of one process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    process: Option<u32>,
    most: u64,
    read: Option<Instant>,
}

impl Memory {
    pub(super) fn of(process: Option<u32>) -> Self {
        Self { process, ..Self::default() }
    }

    /// The most so far, in MB, as Lambda rounds it: up. 0 where the system does not say.
    pub(super) fn most_mb(&mut self) -> u64 {
        if self.read.is_none_or(|read| read.elapsed() >= GOOD_FOR) {
            let kilobytes = self.process.and_then(peak_kb).unwrap_or_default();
            self.most = self.most.max(kilobytes.div_ceil(1024));
            self.read = Some(Instant::now());
        }
        self.most
    }
}

/// `VmHWM` of Linux, in KB.
fn peak_kb(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_most_is_kept_and_read_once_a_second() {
        let mut memory = Memory::of(Some(std::process::id()));
        let most = memory.most_mb();
        assert!(most > 0);
        memory.process = None;
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(memory.most_mb(), most, "a process that is gone");
    }
}
