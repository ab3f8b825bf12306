//! The lines of an environment, in both formats.

use bytes::Bytes;
use cloudwatch::logs::LogStore;
use tokio::time::advance;

use super::*;
use crate::clock::Clock;
use crate::lambda::function::tests::settings;

#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// An environment's log whose Init phase took 80.5 ms, and what is written to it.
async fn environment(format: LogFormat) -> (SystemLog, LogStore) {
    let logs = LogStore::default();
    let stream = LogStream::new(logs.clone(), "group", Arc::new(At(1_790_328_013_100)));
    let system = SystemLog::new(stream, &sam::app::Function { log_format: format, ..settings() }, ARN);
    advance(Duration::from_micros(80_500)).await;
    (system, logs)
}

fn json(system: LogLevel) -> LogFormat {
    LogFormat::Json { application: LogLevel::Info, system }
}

fn lines(logs: &LogStore) -> String {
    let lines: Vec<_> = logs.events("group").into_iter().map(|event| event.message).collect();
    // The digits of the runtime's version.
    lines.join("\n").replace(RUNTIME_HASH, "<hash>")
}

/// Two invocations: one that is well, and one whose handler fails.
fn two(system: &SystemLog) {
    for (id, answer) in [("one", Ok(Bytes::new())), ("two", Err(handler_failed()))] {
        let id: Arc<str> = id.into();
        system.asked();
        system.started(&id);
        system.started(&id);
        system.answered(&id, &answer, Duration::from_micros(12_340));
    }
}

fn handler_failed() -> InvokeError {
    InvokeError::Function { error_type: "Oh".to_owned(), message: "no".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn text_has_start_end_and_report_and_the_first_report_has_the_init_phase() {
    let (system, logs) = environment(LogFormat::Text).await;
    two(&system);
    insta::assert_snapshot!(lines(&logs).replace('\t', "|"), @r"
    INIT_START Runtime Version: provided:al2023.local|Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:<hash>|
    START RequestId: one Version: $LATEST
    END RequestId: one
    REPORT RequestId: one|Duration: 12.34 ms|Billed Duration: 93 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|Init Duration: 80.50 ms|
    START RequestId: two Version: $LATEST
    END RequestId: two
    REPORT RequestId: two|Duration: 12.34 ms|Billed Duration: 13 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|
    ");
}

#[tokio::test(start_paused = true)]
async fn json_has_start_and_report_at_info() {
    let (system, logs) = environment(json(LogLevel::Info)).await;
    two(&system);
    insta::assert_snapshot!(lines(&logs), @r#"
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"provided:al2023.local","runtimeVersionArn":"arn:aws:lambda:us-east-1::runtime:<hash>","functionName":"stack-F","functionVersion":"$LATEST"}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.start","record":{"requestId":"one","version":"$LATEST"}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.report","record":{"requestId":"one","status":"success","metrics":{"durationMs":12.34,"billedDurationMs":93,"memorySizeMB":128,"maxMemoryUsedMB":0,"initDurationMs":80.5}}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.start","record":{"requestId":"two","version":"$LATEST"}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.runtimeDone","record":{"requestId":"two","status":"error","errorType":"Oh","metrics":{"durationMs":12.34}}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.report","record":{"requestId":"two","status":"error","errorType":"Oh","metrics":{"durationMs":12.34,"billedDurationMs":13,"memorySizeMB":128,"maxMemoryUsedMB":0}}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn json_at_debug_has_every_step_and_at_warn_only_failures() {
    let kinds = |logs: &LogStore| {
        let kind = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let status = event["record"]["status"].as_str().unwrap_or_default();
            format!("{} {status}", event["type"].as_str().unwrap().trim_start_matches("platform."))
        };
        lines(logs).lines().map(kind).collect::<Vec<_>>().join(", ")
    };
    let (system, logs) = environment(json(LogLevel::Debug)).await;
    two(&system);
    assert_eq!(
        kinds(&logs),
        "initStart , initRuntimeDone success, initReport success, start , runtimeDone success, report success, \
         start , runtimeDone error, report error"
    );
    let (system, logs) = environment(json(LogLevel::Warn)).await;
    two(&system);
    assert_eq!(kinds(&logs), "runtimeDone error, report error");
}

#[tokio::test(start_paused = true)]
async fn json_at_debug_says_what_an_answers_time_went_into() {
    let (system, logs) = environment(json(LogLevel::Debug)).await;
    let id: Arc<str> = "one".into();
    system.started(&id);
    system.answering();
    advance(Duration::from_millis(2)).await;
    system.answered(&id, &Ok(Bytes::from_static(b"null")), Duration::from_millis(12));
    let done = lines(&logs).lines().find(|line| line.contains("runtimeDone")).unwrap().to_owned();
    insta::assert_snapshot!(done, @r#"{"time":"2026-09-25T09:20:13.100Z","type":"platform.runtimeDone","record":{"requestId":"one","status":"success","spans":[{"name":"responseLatency","start":"2026-09-25T09:20:13.088Z","durationMs":10.0},{"name":"responseDuration","start":"2026-09-25T09:20:13.098Z","durationMs":2.0}],"metrics":{"durationMs":12.0,"producedBytes":4}}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_and_a_crash_are_in_lambdas_words() {
    let (system, logs) = environment(LogFormat::Text).await;
    let ran = Duration::from_secs(3);
    system.failed(&"one".into(), &InvokeError::TimedOut { seconds: 3 }, ran);
    let crash = Ending::Exited("Runtime exited with error: exit status 3".to_owned()).error("two");
    system.failed(&"two".into(), &crash, ran);
    insta::assert_snapshot!(lines(&logs).replace('\t', "|"), @r"
    INIT_START Runtime Version: provided:al2023.local|Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:<hash>|
    START RequestId: one Version: $LATEST
    2026-09-25T09:20:13.100Z one Task timed out after 3.00 seconds
    END RequestId: one
    REPORT RequestId: one|Duration: 3000.00 ms|Billed Duration: 3000 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|Status: timeout
    START RequestId: two Version: $LATEST
    RequestId: two Error: Runtime exited with error: exit status 3
    Runtime.ExitError
    END RequestId: two
    REPORT RequestId: two|Duration: 3000.00 ms|Billed Duration: 3000 ms|Memory Size: 128 MB|Max Memory Used: 0 MB|Status: error|Error Type: Runtime.ExitError
    ");
}

#[tokio::test(start_paused = true)]
async fn an_init_phase_that_fails_is_reported() {
    let ran = Duration::from_millis(10);
    let (system, logs) = environment(LogFormat::Text).await;
    system.init_failed(&Ending::TimedOut(ran), ran);
    system.init_failed(&Ending::NotStarted("no such file".to_owned()), ran);
    let (system, events) = environment(json(LogLevel::Warn)).await;
    system.init_failed(&Ending::InitError(handler_failed()), ran);
    insta::assert_snapshot!(lines(&logs).replace('\t', "|") + "\n" + &lines(&events), @r#"
    INIT_START Runtime Version: provided:al2023.local|Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:<hash>|
    INIT_REPORT Init Duration: 10.00 ms|Phase: init|Status: timeout
    INIT_REPORT Init Duration: 10.00 ms|Phase: init|Status: error|Error Type: Runtime.InvalidEntrypoint
    no such file
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"init","status":"error","errorType":"Oh"}}
    {"time":"2026-09-25T09:20:13.100Z","type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"error","errorType":"Oh","metrics":{"durationMs":10.0}}}
    "#);
}
