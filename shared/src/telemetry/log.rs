//! The other log lines: JSON on standard output, with the invocation's fields on every line.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::{Clock, SystemClock};

/// Starts logging at `level` (Lambda's own names, such as `INFO`). A second call does nothing.
pub fn init(level: &str) {
    let filter = EnvFilter::try_new(level.to_ascii_lowercase()).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .fmt_fields(JsonFields::new())
        .event_format(Line)
        .with_env_filter(filter)
        .with_writer(std::io::stdout);
    // It fails when a subscriber is set already, as in a test.
    let _ = subscriber.try_init();
}

/// `{"timestamp":…,"level":…,"message":…}` with the fields of the event and of its spans, flat,
/// as Lambda's JSON log format has it and as the wide event spells them.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), rfc3339(SystemClock.now_ms()).into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<N>>() else { continue };
            line.extend(serde_json::from_str::<Map<String, Value>>(fields).unwrap_or_default());
        }
        event.record(&mut Fields(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Milliseconds since the epoch as RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}

/// Takes an event's fields as JSON.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Kept;

    #[test]
    fn a_line_carries_the_fields_of_its_invocation() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Line)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _span =
                tracing::info_span!("invocation", connectionId = "c1", routeKey = "$default").entered();
            tracing::warn!(code = 410, cause = %"gone", "callback failed");
        });
        let text = kept.text();
        let line: Map<String, Value> = serde_json::from_str(text.trim_end()).unwrap();
        let expected =
            [("level", "WARN"), ("message", "callback failed"), ("connectionId", "c1"), ("cause", "gone")];
        for (field, value) in expected {
            assert_eq!(line[field], value, "{text}");
        }
        assert_eq!(line["code"], 410);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn times_are_rfc3339() {
        assert_eq!(rfc3339(1_790_328_012_003), "2026-09-25T09:20:12.003Z");
    }
}
