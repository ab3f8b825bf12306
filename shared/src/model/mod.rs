//! The rows of the table: their keys, their contents and how long they live. Pure.
//!
//! One table, partition key `PK`, sort key `SK`, both strings, time to live in `ttl` (seconds):
//!
//! | row | `PK` | `SK` | attributes |
//! |---|---|---|---|
//! | connection | `C#<connection>` | `C` | `st` open or closed, `u` user, `i` info, `texp` token expiry (s), `caps` what the token allows (JSON), `hi` was let in, `subs` map of channel to subscription (`<id>`, then `;x<token expiry, s>` and `;j` if it hears joins and leaves), `at` connect time (ms), `rate` until when its commands have used up their rate (ms) |
//! | member of a channel | `M#<channel>#<shard, 3 digits>` | `<connection>#<subscription>` | `u`, `i`, `x`; `j` if it hears joins and leaves; `miss` offsets that did not reach it; `w` until when (s) the reply to its `subscribe` may be on its way |
//! | spread of a channel | `M#<channel>#000` | `!` | `n` how many shards its members are in; only where that is not one |
//! | user's device | `U#<user>` | `<connection>` | `at`, `x` |
//! | an open connection by its time | `T#<ten minutes since the epoch>#<part>` | `<connection>` | `at` connect time (ms) |
//! | head of a channel | `R#<channel>` | `H` | `seq` last offset, `ep` epoch, `t` when it moved (ms); in an ordered channel `wm` up to where it was delivered, and who does it: `own` until `lx` (ms); `min` up to where a server has removed the history |
//! | publication | `H#<channel>#<epoch>` | `<offset, 20 digits>` | `d` data, `u`, `c` connection and `i` of the publisher, `tg` a server's tags, `t` (ms); or `void` and `t` |
//! | idempotency key of a publication | `I#<channel>#<key>` | `I` | `own` the request that publishes, `seq` and `ep` its place if it has one, `ok` it was handed out |
//!
//! Every row that expires has `ttl`. The connection row is the authority: it says which members
//! and devices should exist. `x` (seconds) is the hour after which they count as gone, whether
//! DynamoDB has deleted them or not; a publication's is its `t` and the namespace's `history_ttl`.

pub mod connection;
pub mod history;
pub mod keys;
pub mod mark;
pub mod opened;
pub mod spread;

pub use connection::{Connection, Rate, State, Subscription};
pub use keys::Member;
pub use mark::Mark;
