//! The ports, for real and in memory.

pub mod dynamo;
pub mod management;
pub mod memory;

pub use dynamo::Table;
pub use management::Callbacks;
