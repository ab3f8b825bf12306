//! Comparisons. Discovered values have no type: two that read as numbers are compared as numbers,
//! everything else as text. With a missing value, a map or a list, nothing holds.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::expr::Comparison;
use super::number;
use super::value::Value;

/// Digits up to which a whole number has its own float.
const EXACT_DIGITS: usize = 15;

/// Whether a comparison holds.
pub(super) fn holds(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    let Some(order) = order(left, right) else { return false };
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

/// Whether two values are equal.
pub(super) fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    order(left, right).is_some_and(Ordering::is_eq)
}

/// The text that equal values have in common: of a number its shortest form. Numbers of too many
/// digits for a float stay as they are.
pub(super) fn common(text: &str) -> Cow<'_, str> {
    match number::parse(text) {
        Some(number) if text.len() <= EXACT_DIGITS => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(text),
    }
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    if let (Value::Text(left), Value::Text(right)) = (left, right) {
        if left == right {
            return Some(Ordering::Equal);
        }
        // Identifiers of many digits differ where their floats do not.
        if left.len() > EXACT_DIGITS
            && right.len() > EXACT_DIGITS
            && let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>())
        {
            return Some(left.cmp(&right));
        }
    }
    if matches!(left, Value::Null | Value::Tree(_)) || matches!(right, Value::Null | Value::Tree(_)) {
        return None;
    }
    match (left.as_number(), right.as_number()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        // A moment is compared with numbers; its text is only for people.
        _ if matches!(left, Value::Time(_)) || matches!(right, Value::Time(_)) => None,
        _ => Some(left.as_text()?.as_ref().cmp(right.as_text()?.as_ref())),
    }
}
