//! What the functions share: the realtime service and its ways to Lambda, DynamoDB and API Gateway.
//!
//! Modules point down only:
//!
//! ```text
//! lambda                          the environment, events and answers; the only place that knows Lambda
//! adapters                        the ports, for real (DynamoDB, the management API) and in memory
//! service                         one use case a file
//! ports                           one trait a capability
//! telemetry                       the wide event of an invocation, and the log
//! auth   channel                  tokens; names and permissions (pure)
//! model   protocol                rows; the clients' language (pure)
//! ids   clock
//! ```

pub mod adapters;
pub mod auth;
pub mod channel;
pub mod clock;
pub mod ids;
pub mod lambda;
pub mod model;
pub mod ports;
pub mod protocol;
pub mod service;
pub mod telemetry;
