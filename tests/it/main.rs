//! End-to-end tests: the real parts together, at the level where a user would notice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod alarms;
mod authorizers;
mod centrifuge;
mod chat;
mod config;
mod connections;
mod cost;
mod documents;
mod events;
mod execution_log;
mod faults;
mod iam;
mod lambda_host;
mod least_privilege;
mod logs;
mod metrics;
mod namespaces;
mod programs;
mod publish;
mod queries;
mod query_command;
mod quotas;
mod readme;
mod restarts;
mod runtime_api;
mod server_api;
mod store;
mod sweeper;
mod telemetry;
mod tidy;
mod up;
