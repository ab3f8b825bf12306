//! The only place that knows Lambda: the environment, API Gateway's events, the answers.

pub mod config;
pub mod event;
pub mod handlers;
pub mod handshake;
pub mod http;
pub mod response;
pub mod run;
pub mod schedule;

pub use config::Config;
pub use event::EventType;
pub use handlers::{authorize, connect, disconnect, frame};
pub use http::serve_api;
pub use run::{Error, Function, exit, run, run_http};
pub use schedule::{run_scheduled, sweep};

/// The allocator of every function. A call of the SDK is hundreds of small allocations: the C library's
/// takes a sixth of a function's time. Who links this crate for something else keeps its own.
pub use mimalloc::MiMalloc as Allocator;
