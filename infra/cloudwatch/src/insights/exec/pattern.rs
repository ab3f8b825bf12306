//! `pattern`: the texts that messages share. CloudWatch learns them; here they come of two rules.
//! Parts that look like a time, an id, an address or a number are tokens at once; then texts of
//! as many parts that differ in few words become one, with a token where they differ.

use std::collections::HashMap;

use super::mask::{self, Part};
use super::row::Row;
use crate::insights::number::from_u64;
use crate::insights::value::Value;

/// Different texts that are counted before they are joined.
const MOST_TEXTS: usize = 20_000;

/// One part of so many may differ for two texts to be one pattern.
const ALIKE: usize = 3;

/// Patterns that a new text of the same length is compared with.
const MOST_COMPARED: usize = 200;

/// Counts of patterns, in the window and in the one before.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    texts: HashMap<Vec<Part>, Counts>,
    total: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    now: u64,
    before: u64,
}

impl Patterns {
    /// Counts the pattern of a text, which may be of the window, of the one before or of both; a
    /// missing text has none.
    pub(super) fn push(&mut self, value: &Value<'_>, now: bool, before: bool) {
        let Some(text) = value.as_text() else { return };
        let parts = mask::parts(&text);
        if self.texts.len() >= MOST_TEXTS && !self.texts.contains_key(&parts) {
            self.texts = join(std::mem::take(&mut self.texts));
        }
        let counts = self.texts.entry(parts).or_default();
        counts.before += u64::from(before);
        counts.now += u64::from(now);
        self.total += u64::from(now);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.total += other.total;
        for (parts, counts) in other.texts {
            let known = self.texts.entry(parts).or_default();
            known.now += counts.now;
            known.before += counts.before;
        }
    }

    /// A row a pattern, the most frequent first; with the change since the window before for `diff`.
    pub(super) fn finish(self, diff: bool) -> Vec<Row<'static>> {
        let total = from_u64(self.total.max(1));
        let mut found: Vec<(String, Counts)> =
            join(self.texts).into_iter().map(|(parts, counts)| (mask::display(&parts), counts)).collect();
        found.retain(|(_, counts)| diff || counts.now > 0);
        found.sort_by(|(left, a), (right, b)| b.now.cmp(&a.now).then_with(|| left.cmp(right)));
        let row = |((text, counts), place): ((String, Counts), u64)| {
            let severity = severity(&text);
            let mut values = vec![
                Value::text(text),
                Value::Number(from_u64(counts.now) / total),
                Value::Number(from_u64(counts.now)),
                Value::text(severity),
            ];
            if diff {
                values.push(Value::Number(from_u64(counts.now) - from_u64(counts.before)));
                values.push(Value::text(change(counts)));
            }
            Row { values, tie: (0, place, 0) }
        };
        found.into_iter().zip(0_u64..).map(row).collect()
    }
}

/// Words of the pattern decide (CloudWatch user guide, "Pattern analysis").
fn severity(pattern: &str) -> &'static str {
    let pattern = pattern.to_lowercase();
    if pattern.contains("error") {
        "ERROR"
    } else if pattern.contains("warn") {
        "WARN"
    } else {
        "INFO"
    }
}

fn change(counts: Counts) -> String {
    match (counts.before, counts.now) {
        (0, _) => "new in this period".to_owned(),
        (_, 0) => "gone in this period".to_owned(),
        (before, now) if before == now => "as often as before".to_owned(),
        (before, now) => {
            let percent = (from_u64(now) - from_u64(before)) / from_u64(before) * 100.0;
            format!("{percent:+.0}%")
        }
    }
}

/// Joins texts that are alike. The most frequent come first, so that the result does not depend
/// on the order of the events.
fn join(texts: HashMap<Vec<Part>, Counts>) -> HashMap<Vec<Part>, Counts> {
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(left, a), (right, b)| {
        (b.now + b.before).cmp(&(a.now + a.before)).then_with(|| left.cmp(right))
    });
    let mut patterns: HashMap<usize, Vec<(Vec<Part>, Counts)>> = HashMap::new();
    for (parts, counts) in texts {
        let same = patterns.entry(parts.len()).or_default();
        match same.iter_mut().take(MOST_COMPARED).find(|(pattern, _)| alike(pattern, &parts)) {
            Some((pattern, known)) => {
                blend(pattern, &parts);
                known.now += counts.now;
                known.before += counts.before;
            }
            None => same.push((parts, counts)),
        }
    }
    let mut joined: HashMap<Vec<Part>, Counts> = HashMap::new();
    for (parts, counts) in patterns.into_values().flatten() {
        let known = joined.entry(parts).or_default();
        known.now += counts.now;
        known.before += counts.before;
    }
    joined
}

fn alike(left: &[Part], right: &[Part]) -> bool {
    let words = left.iter().filter(|part| !part.is_gap()).count();
    let mut differ = 0;
    for (a, b) in left.iter().zip(right) {
        if a.is_gap() || b.is_gap() {
            if a != b {
                return false;
            }
        } else if a != b {
            // A level says what a line is about: lines of two levels are two patterns.
            if a.is_level() || b.is_level() {
                return false;
            }
            differ += 1;
        }
    }
    differ * ALIKE <= words && differ < words
}

fn blend(pattern: &mut [Part], parts: &[Part]) {
    for (known, part) in pattern.iter_mut().zip(parts) {
        if known != part {
            *known = Part::Token("Token");
        }
    }
}
