//! The rows of the table: their keys, their contents and how long they live. Pure.
//!
//! One table, partition key `PK`, sort key `SK`, both strings, time to live in `ttl` (seconds):
//!
//! | row | `PK` | `SK` | attributes |
//! |---|---|---|---|
//! | connection | `C#<connection>` | `C` | `st` open or closed, `u` user, `i` info, `texp` token expiry (s), `hi` was let in, `subs` map of channel to subscription, `at` connect time (ms) |
//! | member of a channel | `M#<channel>#<shard>` | `<connection>#<subscription>` | `u`, `i`, `x` |
//! | user's device | `U#<user>` | `<connection>` | `at`, `x` |
//!
//! The connection row is the authority: it says which of the others should exist. `x` (seconds)
//! is the hour after which a row counts as gone, whether DynamoDB has deleted it or not.

pub mod connection;
pub mod keys;

pub use connection::{Connection, State};
pub use keys::Member;
