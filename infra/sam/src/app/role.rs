//! What a function may do.

/// A function's execution role, as far as the template says what it allows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Role {
    /// Its name; empty when the function names none.
    pub name: String,
    /// The documents of all its policies, as IAM writes them, every scalar a text.
    pub policies: Vec<serde_json::Value>,
    /// What of it is not known here: a sentence each, without a full stop.
    pub unknown: Vec<String>,
}
