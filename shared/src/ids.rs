//! The names of connections, users and subscriptions.

use std::fmt;

use serde::Serialize;

/// Declares a string that names one kind of thing, so that kinds cannot be mixed up.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// API Gateway's `connectionId`: opaque, at most 64 characters of base64url.
    ConnectionId
}

id! {
    /// A user, as the authorizer or a token names it.
    UserId
}

id! {
    /// One subscription of one connection: new for every `subscribe`, so that an
    /// `unsubscribe` can never delete the member row of a later subscription.
    SubscriptionId
}

impl SubscriptionId {
    /// The same, with its member row in that shard of the channel.
    #[must_use]
    pub fn in_shard(self, shard: u16) -> Self {
        if shard == 0 { self } else { Self(format!("{self}@{shard}")) }
    }

    /// The shard that its member row is in: so that whoever knows the subscription finds the row,
    /// however many shards the channel has by now.
    #[must_use]
    pub fn shard(&self) -> u16 {
        let shard = self.0.rsplit_once('@').and_then(|(_, shard)| shard.parse().ok());
        shard.unwrap_or_default()
    }
}
