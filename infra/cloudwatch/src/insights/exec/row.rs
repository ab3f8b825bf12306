//! Rows on their way through a plan.

use crate::insights::value::Value;

/// What decides between rows that are equal otherwise, ascending. For events: the complement of
/// the time and of the event's number, so that newer ones come first; and the place among the
/// rows that one event became.
pub(in crate::insights) type Tie = (i64, u64, u32);

/// Values in slots, and the row's place without any `sort`.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Row<'a> {
    pub(in crate::insights) values: Vec<Value<'a>>,
    pub(in crate::insights) tie: Tie,
}

impl<'a> Row<'a> {
    pub(in crate::insights) fn get(&self, slot: usize) -> &Value<'a> {
        self.values.get(slot).unwrap_or(&Value::Null)
    }

    /// Fills a slot; a row of an earlier command may be too short for it.
    pub(in crate::insights) fn set(&mut self, slot: usize, value: Value<'a>) {
        if slot >= self.values.len() {
            self.values.resize(slot + 1, Value::Null);
        }
        if let Some(cell) = self.values.get_mut(slot) {
            *cell = value;
        }
    }

    pub(in crate::insights) fn into_owned(self) -> Row<'static> {
        Row { values: self.values.into_iter().map(Value::into_owned).collect(), tie: self.tie }
    }
}

/// Adds a value to the bytes of a key. Equal texts are equal keys, whether they were found or
/// computed; a missing value, a map and a list have one key.
pub(in crate::insights) fn add_key(key: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Time(ms) => {
            key.push(2);
            key.extend_from_slice(&ms.to_le_bytes());
        }
        other => match other.as_text() {
            Some(text) => {
                key.push(1);
                key.extend_from_slice(&text.len().to_le_bytes());
                key.extend_from_slice(text.as_bytes());
            }
            None => key.push(0),
        },
    }
}
