//! The realtime service: one use case a file. Knows no Lambda, no HTTP and no SDK.
//!
//! Rows are kept true without transactions, by three rules:
//!
//! - **A** (connect, greet, subscribe): write the index rows first, then the connection's row, by a
//!   conditional write; when it is refused, delete the index rows again.
//! - **B** (disconnect, a callback that met 410, kick): first make the connection's row a
//!   tombstone, then delete what its old image lists.
//! - **C**: every index row has its hour, which a token's expiry brings forward and a refresh
//!   puts back; readers leave out what has expired.

pub mod api;
pub mod connect;
pub mod deliver;
pub mod enter;
pub mod forget;
pub mod frame;
pub mod greet;
pub mod history;
pub mod members;
pub mod order;
pub mod outbox;
pub mod presence;
pub mod publish;
pub mod recover;
pub mod subscribe;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod ticket;

use crate::auth::TokenVerifier;
use crate::channel::Namespaces;
use crate::model::Rate;
use crate::ports::StoreError;
use crate::protocol::{DisconnectCode, ErrorCode};

pub use api::api;
pub use connect::connect;
pub use forget::forget;
pub use frame::frame;
pub use sweep::sweep;

/// What the operator decided.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The namespaces and what they allow.
    pub namespaces: Namespaces,
    /// Whether a client may be nobody.
    pub allow_anonymous: bool,
    /// What tokens are checked with.
    pub tokens: TokenVerifier,
    /// Connections that a user may have; `None` for any number.
    pub max_connections_per_user: Option<usize>,
    /// How many commands a connection may send; `None` for any number.
    pub rate: Option<Rate>,
    /// The origins whose pages may connect; none for all.
    pub allowed_origins: Vec<String>,
}

impl Settings {
    /// Whether a page of this origin may connect. Only browsers send one, and it cannot be forged
    /// in them: a page of others must not connect as its visitor.
    #[must_use]
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        let is_listed = |origin: &str| self.allowed_origins.iter().any(|allowed| allowed == origin);
        self.allowed_origins.is_empty() || origin.is_none_or(is_listed)
    }
}

/// Why a command was not carried out: what the client is told, and what the log is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The client's fault: the command is answered with an error.
    Command(ErrorCode, String),
    /// The client's fault, or a connection that has ended: the client is told to go away.
    Connection(DisconnectCode, String),
    /// Ours: the command is answered with an error that may pass.
    Store(StoreError),
}

impl Failure {
    fn command(code: ErrorCode, cause: impl Into<String>) -> Self {
        Self::Command(code, cause.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
