//! The local AWS: a template's WebSocket API, Lambda functions and tables on loopback.

mod alarming;
mod callback_endpoint;
pub mod clock;
mod credentials;
mod faults;
#[cfg(test)]
mod fidelity;
mod gateway;
mod http_api;
mod iam;
pub mod lambda;
mod logging;
mod meters;
mod monitoring;
pub mod programs;
#[cfg(test)]
mod raw_http;
mod schedule;
mod services;
mod sqs;
mod stack;
mod tables;
mod triggers;

pub use credentials::Credentials;
pub use faults::{Fault, FaultError};
pub use gateway::{Quotas, execution_log_group, is_execution_failure};
pub use stack::{Config, Endpoint, Running, StartError, start};
pub use tables::TableError;
