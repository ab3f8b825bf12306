//! Alarms: when a metric is beyond its threshold, and rules over other alarms.
//!
//! "Using Amazon CloudWatch alarms" in the user guide. Actions are written into the history and not
//! carried out.

mod disk;
mod history;
mod judge;
mod reason;
mod rule;
mod run;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use history::{HistoryItem, ItemKind};
pub(crate) use judge::{Comparison, Missing};
pub(crate) use rule::Rule;
pub use store::AlarmStore;
pub(crate) use store::{Entry, Kind, Turn};

use crate::document::Members;
use crate::metrics::query::Query;

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// The metric is within the threshold.
    Ok,
    /// It is beyond it.
    Alarm,
    /// There is not enough to tell.
    InsufficientData,
}

impl State {
    /// The state's name: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "OK" => Ok(Self::Ok),
            "ALARM" => Ok(Self::Alarm),
            "INSUFFICIENT_DATA" => Ok(Self::InsufficientData),
            _ => Err(()),
        }
    }
}

/// That an alarm went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The alarm's name.
    pub alarm: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The state it was in.
    pub old: State,
    /// The state it is in.
    pub new: State,
    /// Why, as CloudWatch says it.
    pub reason: String,
}

/// What an alarm is made of: what it was described with, and what its kind needs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub(crate) name: String,
    /// The members that describe it, as it was put.
    pub(crate) members: Members,
    pub(crate) actions_enabled: bool,
    /// ARNs by the state that they are for.
    pub(crate) actions: Vec<(State, String)>,
    pub(crate) kind: Kind,
}

/// What an alarm of metrics watches.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    /// The one that returns data is what is compared.
    pub(crate) queries: Vec<Query>,
    /// In seconds.
    pub(crate) period: i64,
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    /// N of "M of N".
    pub(crate) evaluation_periods: usize,
    /// M, when it was given; N when not.
    pub(crate) datapoints_to_alarm: Option<usize>,
    pub(crate) missing: Missing,
    /// `EvaluateLowSampleCountPercentile: ignore`.
    pub(crate) ignores_few_samples: bool,
}
