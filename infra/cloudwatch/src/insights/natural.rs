//! The order of `sort`: the sort page's "natural" order. Ascending, what is no number comes before
//! every number; text is compared in runs of digits and of other characters.

use std::cmp::Ordering;

use super::value::Value;

/// Ascending order. A missing value is before everything else, so that `desc` has it last.
pub(super) fn compare(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (rank(left), rank(right)) {
        (Rank::Number(left), Rank::Number(right)) => left.total_cmp(&right),
        (Rank::Text, Rank::Text) => match (left.as_text(), right.as_text()) {
            (Some(left), Some(right)) => runs(&left, &right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        },
        (left, right) => left.place().cmp(&right.place()),
    }
}

enum Rank {
    Missing,
    Text,
    Number(f64),
}

impl Rank {
    fn place(&self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Text => 1,
            Self::Number(_) => 2,
        }
    }
}

fn rank(value: &Value<'_>) -> Rank {
    match value {
        Value::Null | Value::Tree(_) => Rank::Missing,
        other => other.as_number().map_or(Rank::Text, Rank::Number),
    }
}

fn runs(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let (a, rest_a) = run(left);
        let (b, rest_b) = run(right);
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let digits = |text: &str| text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        let order =
            if digits(a) && digits(b) { a.len().cmp(&b.len()).then_with(|| a.cmp(b)) } else { a.cmp(b) };
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest_a, rest_b);
    }
}

/// The first run of digits or of other characters, and the rest.
fn run(text: &str) -> (&str, &str) {
    let first = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != first).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
