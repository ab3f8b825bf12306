//! What is remembered of a publication that came with an idempotency key.

/// How long a key is remembered, in seconds: Centrifugo's five minutes.
const LIFE_S: i64 = 5 * 60;

/// A publication by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The request that publishes it: no two have the same.
    pub owner: String,
    /// Its place in the channel's history, where that has one: epoch and offset.
    pub place: Option<(String, u64)>,
    /// Whether it was handed out to the members.
    pub done: bool,
    /// When the key is forgotten: seconds since the epoch.
    pub expires_at: i64,
}

impl Mark {
    /// A publication that `owner` is about to make at `now_s`.
    #[must_use]
    pub const fn begun(owner: String, place: Option<(String, u64)>, now_s: i64) -> Self {
        Self { owner, place, done: false, expires_at: now_s.saturating_add(LIFE_S) }
    }
}
