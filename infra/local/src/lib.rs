//! The local AWS: a template's WebSocket API, Lambda functions and tables on loopback.

pub mod clock;
pub mod gateway;
pub mod lambda;
pub mod programs;
