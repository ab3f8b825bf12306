//! What was measured: durations of one part, and figures over all rounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long each of many like things took.
#[derive(Debug, Default)]
pub(crate) struct Durations(Vec<Duration>);

impl Durations {
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The duration in milliseconds that a share of them (0 to 100 percent) does not exceed.
    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1000.0)
    }
}

/// The figures of all rounds by name, in the order of their first appearance.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    order: Vec<String>,
    rounds: BTreeMap<String, Vec<f64>>,
}

impl Figures {
    /// Adds one round's figure.
    pub(crate) fn add(&mut self, name: &str, figure: f64) {
        if !self.rounds.contains_key(name) {
            self.order.push(name.to_owned());
        }
        self.rounds.entry(name.to_owned()).or_default().push(figure);
    }

    /// Adds the percentiles of one round's durations.
    pub(crate) fn add_durations(&mut self, name: &str, durations: &Durations) {
        self.add(&format!("{name}: p50 ms"), durations.percentile(50));
        self.add(&format!("{name}: p99 ms"), durations.percentile(99));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | median | rounds |\n|---|---|---|")?;
        for name in &self.order {
            let rounds = self.rounds.get(name).map(Vec::as_slice).unwrap_or_default();
            let mut sorted = rounds.to_vec();
            sorted.sort_by(f64::total_cmp);
            let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
            let all: Vec<String> = rounds.iter().map(|figure| shown(*figure)).collect();
            writeln!(f, "| {name} | {} | {} |", shown(median), all.join(", "))?;
        }
        Ok(())
    }
}

/// Three digits are more than such figures repeat to.
fn shown(figure: f64) -> String {
    if figure.abs() < 10.0 {
        format!("{figure:.2}")
    } else if figure.abs() < 100.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}
