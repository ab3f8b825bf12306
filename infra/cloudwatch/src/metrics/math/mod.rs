//! Metric math: expressions over metrics.
//!
//! "Using math expressions with CloudWatch metrics" in the user guide.

mod evaluate;
mod function;
mod parse;
mod search;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub(crate) use evaluate::{Scope, evaluate};
pub(crate) use parse::{Expression, parse};
pub(crate) use value::{TimeSeries, Value};

/// What is wrong with an expression, and where: characters from its beginning, the first is 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {at})")]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}
