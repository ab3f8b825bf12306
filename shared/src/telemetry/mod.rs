//! What an invocation tells: one wide event in CloudWatch's embedded metric format, and log
//! lines for what went wrong.

pub mod emf;
pub mod event;
pub mod log;
pub mod usage;

pub use emf::Emitter;
pub use event::{
    ConnectRecord, DisconnectRecord, FrameRecord, Invocation, RequestFields, UserHash, WideEvent, Work,
};
pub use usage::Usage;
