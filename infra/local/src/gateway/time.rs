//! Times as API Gateway writes them.

use jiff::Timestamp;

/// The Common Log Format, in UTC: `25/Sep/2026:09:20:13 +0000`.
pub(crate) fn common_log(ms: i64) -> String {
    timestamp(ms).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// ISO 8601, in UTC: `2026-09-25T09:20:13.1Z`.
pub(crate) fn iso(ms: i64) -> String {
    timestamp(ms).to_string()
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_utc() {
        assert_eq!(common_log(1_790_328_013_100), "25/Sep/2026:09:20:13 +0000");
        assert_eq!(iso(1_790_328_013_100), "2026-09-25T09:20:13.1Z");
    }
}
