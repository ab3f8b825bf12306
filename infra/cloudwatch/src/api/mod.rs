//! The wire APIs, as functions from a request to a response: whoever listens calls them.

pub mod metrics;
