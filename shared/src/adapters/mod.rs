//! The ports, for real and in memory.

pub mod dynamo;
pub mod jwks;
pub mod management;
pub mod memory;

pub use dynamo::{Connections, Found, Table};
pub use jwks::JwksUrl;
pub use management::Callbacks;
