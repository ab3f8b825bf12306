//! `@ptr`: the text that leads back to one event.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Digits of a time and of an id.
const DIGITS: usize = 16;

/// Where one event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The log group's name.
    pub group: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The event's number.
    pub id: u64,
}

impl Pointer {
    /// The value of `@ptr`.
    pub(in crate::insights) fn encode(&self) -> String {
        let Self { group, timestamp, id } = self;
        STANDARD.encode(format!("{timestamp:016x}{id:016x}{group}"))
    }

    /// Reads the value of an `@ptr`; `None` when it is none.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let (timestamp, rest) = text.split_at_checked(DIGITS)?;
        let (id, group) = rest.split_at_checked(DIGITS)?;
        Some(Self {
            group: group.to_owned(),
            timestamp: u64::from_str_radix(timestamp, 16).ok()?.cast_signed(),
            id: u64::from_str_radix(id, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_back() {
        for timestamp in [0, 1_790_328_012_000, -1] {
            let pointer = Pointer { group: "/aws/lambda/ü".to_owned(), timestamp, id: u64::MAX };
            assert_eq!(Pointer::decode(&pointer.encode()), Some(pointer));
        }
        for text in ["", "x", "AAAA", "MDAwMDAwMDAwMDAwMDAwMHg="] {
            assert_eq!(Pointer::decode(text), None, "{text}");
        }
    }
}
