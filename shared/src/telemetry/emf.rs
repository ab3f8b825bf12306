//! The writer of the wide event: embedded metric format, one line, one write.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use metrique::emf::Emf;
use metrique::writer::format::Format;
use metrique::{CloseValue, RootEntry};

use super::event::WideEvent;

/// Writes wide events to standard output, which Lambda takes to the function's log group.
pub struct Emitter(Mutex<(Emf, Box<dyn Write + Send>)>);

impl Emitter {
    /// With the metrics' namespace, to standard output. Dimension sets are the gateway's own: `ApiId`, `ApiId, Stage`,
    /// and with `detailed` metrics `ApiId, Stage, Route`.
    #[must_use]
    pub fn new(namespace: &str, detailed: bool) -> Self {
        Self::to(Box::new(std::io::stdout()), namespace, detailed)
    }

    /// The same, to somewhere else.
    #[must_use]
    pub fn to(output: Box<dyn Write + Send>, namespace: &str, detailed: bool) -> Self {
        let mut sets = vec![vec!["ApiId"], vec!["ApiId", "Stage"]];
        if detailed {
            sets.push(vec!["ApiId", "Stage", "Route"]);
        }
        let sets = sets.into_iter().map(|set| set.into_iter().map(str::to_owned).collect()).collect();
        Self(Mutex::new((Emf::builder(namespace.to_owned(), sets).build(), output)))
    }

    /// Writes one line, in one write, so that no other can come between.
    pub fn emit(&self, event: WideEvent) {
        let mut line = Vec::with_capacity(2048);
        let entry = RootEntry::new(event.close());
        let (emf, output) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match emf.format(&entry, &mut line) {
            // A line that cannot be written is lost: there is nowhere to say so but the same output.
            Ok(()) => drop(output.write_all(&line)),
            Err(error) => tracing::error!(%error, "the wide event could not be formatted"),
        }
    }
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::Kept;
    use crate::telemetry::event::{CallbackRecord, FrameRecord, Invocation, RequestFields, Work};

    fn frame(callbacks: Option<CallbackRecord>) -> WideEvent {
        WideEvent {
            at: UNIX_EPOCH + Duration::from_millis(1_790_328_013_100),
            level: "INFO",
            timestamp: "2026-09-25T09:20:13.1Z".to_owned(),
            request: RequestFields {
                api_dimension: "a1b2c3d4e5".to_owned(),
                stage_dimension: "prod".to_owned(),
                route_dimension: Some("$default".to_owned()),
                route_key: Some("$default".to_owned()),
                connected_at: Some("1790328012000".to_owned()),
                ..RequestFields::default()
            },
            invocation: Invocation {
                cold_start: "false",
                invocations: 1,
                handler_latency: Duration::from_micros(1500),
                read_units: 0.5,
                ..Invocation::default()
            },
            work: Work::Frame(FrameRecord { commands: 2, callbacks, ..FrameRecord::default() }),
        }
    }

    fn line(detailed: bool, event: WideEvent) -> Value {
        let kept = Kept::default();
        Emitter::to(Box::new(kept.clone()), "Switchboard", detailed).emit(event);
        let text = kept.text();
        assert_eq!(text.matches('\n').count(), 1, "one line");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn strings_are_fields_and_numbers_are_metrics() {
        let line = line(false, frame(None));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_790_328_013_100_i64);
        assert_eq!(directive["Namespace"], "Switchboard");
        assert_eq!(directive["Dimensions"], json!([["ApiId"], ["ApiId", "Stage"]]));
        assert_eq!(line["connectedAt"], "1790328012000");
        assert_eq!(line["HandlerLatency"], 1.5);
        assert_eq!(line["ReadUnits"], 0.5);
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!(metrics.contains(&json!({"Name": "HandlerLatency", "Unit": "Milliseconds"})), "{metrics:?}");
        assert!(metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
        assert!(line.get("ColdStart").is_none() && line.get("CallbackCount").is_none());
    }

    #[test]
    fn detailed_metrics_add_the_route() {
        let line = line(true, frame(None));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][2], json!(["ApiId", "Stage", "Route"]));
        assert_eq!(line["Route"], "$default");
    }

    #[test]
    fn callbacks_are_recorded_when_there_were_some() {
        let callbacks = CallbackRecord { count: 3, latency: Duration::from_millis(7), ..Default::default() };
        let line = line(false, frame(Some(callbacks)));
        assert_eq!((&line["CallbackCount"], &line["CallbackLatency"]), (&json!(3), &json!(7)));
    }
}
