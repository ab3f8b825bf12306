//! CloudWatch on the laptop: the log store, the metrics in log lines, the metric store and its alarms,
//! the query language of Logs Insights and the queries that run, and the APIs that AWS's own clients speak.

pub mod alarms;
pub mod api;
pub mod clock;
mod document;
pub mod emf;
pub mod filter;
pub mod insights;
pub mod logs;
pub mod metrics;
mod queries;
mod sqlite;
