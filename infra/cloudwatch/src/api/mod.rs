//! The wire APIs, as functions from a request to a response: whoever listens calls them.

pub mod logs;
pub mod metrics;

/// Whose resources they are, for ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `aws`, `aws-cn` or another.
    pub partition: String,
    /// `us-east-1`
    pub region: String,
    /// Twelve digits.
    pub id: String,
}
