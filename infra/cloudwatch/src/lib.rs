//! CloudWatch on the laptop: the log store, and the metrics in log lines.

pub mod clock;
pub mod emf;
pub mod logs;
pub mod metrics;
