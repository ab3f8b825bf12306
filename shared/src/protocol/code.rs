//! The protocol's error and disconnect codes, with the texts that clients see.

use serde::Serialize;

/// What an error reply says: a code that the client library acts upon, and words for people.
///
/// The numbers are the protocol's own; a client library retries by itself when
/// [`ErrorCode::is_temporary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Something failed on our side; trying again may help.
    Internal,
    /// The client did not say who it is, or may not be who it says.
    Unauthorized,
    /// The channel's namespace does not exist.
    UnknownChannel,
    /// The namespace does not allow this to this client.
    PermissionDenied,
    /// No such command.
    MethodNotFound,
    /// The connection is subscribed to the channel already.
    AlreadySubscribed,
    /// Too many channels, too large a publication, or content that is nested too deep.
    LimitExceeded,
    /// The command's content is not valid.
    BadRequest,
    /// The command exists, but is not switched on.
    NotAvailable,
    /// The connection token was good once: the client library fetches another and tries again.
    TokenExpired,
    /// The subscription's token is one that has ended.
    Expired,
    /// The platform asked to slow down.
    TooManyRequests,
    /// The place in a channel's history that was asked for is not there any more.
    UnrecoverablePosition,
}

impl ErrorCode {
    /// The protocol's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Internal => 100,
            Self::Unauthorized => 101,
            Self::UnknownChannel => 102,
            Self::PermissionDenied => 103,
            Self::MethodNotFound => 104,
            Self::AlreadySubscribed => 105,
            Self::LimitExceeded => 106,
            Self::BadRequest => 107,
            Self::NotAvailable => 108,
            Self::TokenExpired => 109,
            Self::Expired => 110,
            Self::TooManyRequests => 111,
            Self::UnrecoverablePosition => 112,
        }
    }

    /// The words that go to the client.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal server error",
            Self::Unauthorized => "unauthorized",
            Self::UnknownChannel => "unknown channel",
            Self::PermissionDenied => "permission denied",
            Self::MethodNotFound => "method not found",
            Self::AlreadySubscribed => "already subscribed",
            Self::LimitExceeded => "limit exceeded",
            Self::BadRequest => "bad request",
            Self::NotAvailable => "not available",
            Self::TokenExpired => "token expired",
            Self::Expired => "expired",
            Self::TooManyRequests => "too many requests",
            Self::UnrecoverablePosition => "unrecoverable position",
        }
    }

    /// Whether the client library may try the same command again.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Internal | Self::TooManyRequests)
    }
}

/// Why a client is told, in band, to go away. The WebSocket API cannot choose close codes
/// (`DeleteConnection` takes none), so the push carries it and the client library closes.
///
/// Codes 3500 to 3999 and 4500 to 4999 stop a client for good; others let it reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DisconnectCode {
    /// The protocol's number.
    pub code: u32,
    /// The words that go to the client.
    pub reason: &'static str,
}

impl DisconnectCode {
    /// Whether the client library stops for good.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self.code, 3500..=3999 | 4500..=4999)
    }

    /// The frame cannot be understood as commands: a fault of the client's program.
    pub const BAD_REQUEST: Self = Self { code: 3501, reason: "bad request" };
    /// The frame has more commands than one may have.
    pub const FRAME_LIMIT: Self = Self { code: 3501, reason: "more than 64 commands" };
    /// The client's token is not good: another try with the same one would not help.
    pub const INVALID_TOKEN: Self = Self { code: 3500, reason: "invalid token" };
    /// The user has as many connections as it may have.
    pub const CONNECTION_LIMIT: Self = Self { code: 3504, reason: "connection limit" };
    /// The connection's token has expired and was not refreshed: the client library connects
    /// again with another.
    pub const EXPIRED: Self = Self { code: 3005, reason: "connection expired" };
    /// It is not sure that the client has what it was promised: the client library connects again
    /// and recovers.
    pub const INSUFFICIENT_STATE: Self = Self { code: 3010, reason: "insufficient state" };
    /// A server has asked for it: the client is to stay away.
    pub const FORCED: Self = Self { code: 3503, reason: "force disconnect" };
    /// API Gateway is about to end the connection, which has lived for two hours: the client library
    /// connects again, and recovers.
    pub const RENEWED: Self = Self { code: 3011, reason: "force reconnect" };
    /// The connection's row is gone or closed: only a new connection can go on.
    pub const STALE: Self = Self { code: 3000, reason: "connection closed" };
}

/// Why a client is told that a subscription has ended. From 2500 on the client library subscribes
/// again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnsubscribeCode {
    /// The protocol's number.
    pub code: u32,
    /// The words that go to the client.
    pub reason: &'static str,
}

impl UnsubscribeCode {
    /// A server has asked for it.
    pub const SERVER: Self = Self { code: 2000, reason: "server unsubscribe" };
    /// The subscription's token has expired and was not refreshed: the client library subscribes
    /// again with another.
    pub const EXPIRED: Self = Self { code: 2501, reason: "subscription expired" };
}
