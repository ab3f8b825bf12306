//! Tests of the gateway with real clients and a Lambda that is a few closures.

mod api_keys;
mod authorizers;
mod bad_input;
mod closing;
mod events;
mod execution_log;
mod faults;
mod guards;
mod handshake;
mod iam;
mod management;
mod messages;
mod metrics;
mod rows;
mod signatures;
mod support;
mod timers;
