//! The wide event of an invocation, beside other ways to write such a line. Lines go to a writer that
//! drops them, so that what is measured is everything but the write itself.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use metrique::CloseValue;
use metrique::RootEntry;
use metrique::emf::Emf;
use metrique::unit::{Count, Millisecond};
use metrique::unit_of_work::metrics;
use metrique::writer::format::Format;
use serde_json::Value;
use shared::lambda::EventType;
use shared::lambda::event::{Event, Input};
use shared::telemetry::event::CallbackRecord;
use shared::telemetry::log::rfc3339;
use shared::telemetry::{Emitter, FrameRecord, Invocation, UserHash, WideEvent, Work};

use crate::{Failure, measure};

/// An event as API Gateway sends it.
const EVENT: &str = include_str!("../../../../../infra/events/message.json");

/// When it was handled: milliseconds since the epoch.
const NOW: u64 = 1_790_328_013_100;

/// Measures and writes the rows.
pub(crate) fn run(out: &mut impl Write) -> Result<(), Failure> {
    let (event, hash) = (event()?, UserHash::new("a key"));
    let line = line(&event, &hash)?;
    let (bytes, tree): (usize, Value) = (line.len(), serde_json::from_slice(&line)?);
    let emitter = Emitter::to(Box::new(io::sink()), "Switchboard", false);
    measure::row(out, "wide event: recorded", None, || {
        std::hint::black_box(record(&event, &hash));
        Ok(())
    })?;
    measure::row(out, "wide event: recorded and written", Some(bytes), || {
        emitter.emit(record(&event, &hash));
        Ok(())
    })?;
    measure::row(
        out,
        "serde_json: the same content, a tree that is copied and written",
        Some(bytes),
        || Ok(serde_json::to_writer(&mut io::sink(), &std::hint::black_box(&tree).clone())?),
    )?;
    measure::row(out, "serde_json: the same content, only written", Some(bytes), || {
        Ok(serde_json::to_writer(&mut io::sink(), std::hint::black_box(&tree))?)
    })?;
    others(out, &tree)
}

/// What an invocation of `default` records that has published to one client.
fn record(event: &Event, hash: &UserHash) -> WideEvent {
    let callbacks = CallbackRecord {
        count: 1,
        latency: Duration::from_micros(2345),
        recipients: 1,
        delivery: Some(Duration::from_micros(5678)),
        ..CallbackRecord::default()
    };
    let frame = FrameRecord {
        user: hash.of(event.user.as_ref()),
        command: Some("publish".to_owned()),
        channel_namespace: Some("room".to_owned()),
        commands: 1,
        publications: 1,
        publication_bytes: 42,
        callbacks: Some(callbacks),
        ..FrameRecord::default()
    };
    WideEvent {
        at: UNIX_EPOCH + Duration::from_millis(NOW),
        level: "INFO",
        timestamp: rfc3339(i64::try_from(NOW).unwrap_or_default()),
        request: event.fields(hash, false),
        invocation: Invocation {
            function: "default".to_owned(),
            function_request_id: "8f507cfc-xmpl-4697-b07a-ac58fc914c95".to_owned(),
            trace_id: Some("Root=1-5e1b4151-43a0913a12345678;Sampled=0".to_owned()),
            cold_start: "false",
            status: Some("200".to_owned()),
            invocations: 1,
            handler_latency: Duration::from_micros(8765),
            read_units: 1.0,
            write_units: 2.0,
            ..Invocation::default()
        },
        work: Work::Frame(frame),
    }
}

/// What the writing of one allocates, beyond its recording.
pub(crate) fn allocations() -> Result<usize, Failure> {
    let (event, hash) = (event()?, UserHash::new("a key"));
    let emitter = Emitter::to(Box::new(io::sink()), "Switchboard", false);
    let recorded = measure::allocations(|| {
        std::hint::black_box(record(&event, &hash));
        Ok(())
    })?;
    let all = measure::allocations(|| {
        emitter.emit(record(&event, &hash));
        Ok(())
    })?;
    Ok(all.saturating_sub(recorded))
}

fn event() -> Result<Event, Failure> {
    Ok(Event::parse(serde_json::from_str(EVENT)?, EventType::Message)?)
}

/// The line of the wide event.
fn line(event: &Event, hash: &UserHash) -> Result<Vec<u8>, Failure> {
    let kept = Kept::default();
    Emitter::to(Box::new(kept.clone()), "Switchboard", false).emit(record(event, hash));
    let line = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if line.is_empty() { Err("no line was written".into()) } else { Ok(line) }
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Six fields, as metrique's own benchmark has them.
#[metrics]
#[derive(Debug)]
struct Six {
    #[metrics(timestamp)]
    at: std::time::SystemTime,
    #[metrics(name = "Requests", unit = Count)]
    requests: u64,
    #[metrics(name = "InFlight", unit = Count)]
    in_flight: f64,
    #[metrics(name = "LatencyMs", unit = Millisecond)]
    latency: f64,
    #[metrics(name = "QueueDepth", unit = Count)]
    depth: f64,
    #[metrics(name = "Operation")]
    operation: String,
    #[metrics(name = "Region")]
    region: String,
}

/// Others: metrique as its own benchmark has it, and `metrics_cloudwatch_embedded`, once with the
/// metrics of its own benchmark and once with those of the wide event.
fn others(out: &mut impl Write, tree: &Value) -> Result<(), Failure> {
    let mut emf = Emf::all_validations("Bench".to_owned(), vec![vec![]]);
    let six = || Six {
        at: UNIX_EPOCH + Duration::from_millis(NOW),
        requests: 1,
        in_flight: 3.0,
        latency: 12.5,
        depth: 7.0,
        operation: "GetItem".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let mut written = Vec::new();
    emf.format(&RootEntry::new(six().close()), &mut written)?;
    measure::row(out, "metrique: six fields, all validations", Some(written.len()), || {
        Ok(emf.format(&RootEntry::new(six().close()), &mut io::sink())?)
    })?;
    let collector = metrics_cloudwatch_embedded::Builder::new()
        .cloudwatch_namespace("Switchboard")
        .with_dimension("ApiId", "a1b2c3d4e5")
        .init()
        .map_err(|error| error.to_string())?;
    let (numbers, texts) = parts(tree);
    let record = |numbers: &[(String, f64)], texts: &[(String, String)]| {
        for (name, value) in numbers {
            metrics::gauge!(name.clone()).set(*value);
        }
        for (name, value) in texts {
            collector.set_property(name.clone(), value.clone());
        }
    };
    let few = |numbers: &[(String, f64)]| numbers.iter().take(4).cloned().collect::<Vec<_>>();
    let four = few(&numbers);
    let one = [("RequestId".to_owned(), "ABC123".to_owned())];
    for (name, numbers, texts) in [
        ("metrics_cloudwatch_embedded: four gauges and a property", four.as_slice(), one.as_slice()),
        ("metrics_cloudwatch_embedded: the wide event's content", &numbers, &texts),
    ] {
        let mut written = Vec::new();
        record(numbers, texts);
        collector.flush(&mut written)?;
        measure::row(out, name, Some(written.len()), || {
            record(numbers, texts);
            Ok(collector.flush(io::sink())?)
        })?;
    }
    Ok(())
}

/// Values by name.
type Named<T> = Vec<(String, T)>;

/// A line's numbers and texts.
fn parts(tree: &Value) -> (Named<f64>, Named<String>) {
    let members = || tree.as_object().into_iter().flatten();
    let number = |(name, value): (&String, &Value)| Some((name.clone(), value.as_f64()?));
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    (members().filter_map(number).collect(), members().filter_map(text).collect())
}
