//! The Centrifuge client protocol, version 2, JSON encoding: commands in, replies and pushes out.
//!
//! Field names are those of the public `client.proto` (centrifugal/protocol, MIT). A frame is
//! UTF-8 text: one or more JSON objects joined by newlines. `server` has what an application's own
//! servers ask for, over HTTP. Everything here is pure.

pub mod code;
pub mod codec;
pub mod command;
pub mod reply;
pub mod server;

pub use code::{DisconnectCode, ErrorCode, UnsubscribeCode};
pub use codec::{BadFrame, decode, encode};
pub use command::{Command, Method};
pub use reply::{Push, Reply, ReplyBody};
