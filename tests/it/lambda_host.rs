//! The Lambda host with a real function binary, `probe`, which does what its event says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloudwatch::logs::{LogEvent, LogStore};
use cloudwatch::metrics::MetricStore;
use local::Credentials;
use local::clock::{Clock, SystemClock};
use local::lambda::{ENVIRONMENTS, Host, HostConfig, InvokeError, is_routine};
use local::programs::{self, Profile, Program, Programs};
use sam::app::{App, Code, Function, LogFormat, LogLevel};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;

/// The function's log group.
pub(crate) const GROUP: &str = "/aws/lambda/stack-Probe";

/// A function `Probe`, with the defaults of a template.
pub(crate) fn function(code: Code) -> Function {
    Function {
        logical_id: "Probe".to_owned(),
        name: "stack-Probe".to_owned(),
        handler: "probe".to_owned(),
        timeout: Duration::from_secs(60),
        memory_mb: 256,
        environment: BTreeMap::new(),
        log_group: GROUP.to_owned(),
        log_format: LogFormat::Text,
        reserved_concurrency: None,
        role: sam::app::Role::default(),
        code,
    }
}

/// An application that is one function.
pub(crate) fn app(function: Function) -> App {
    App {
        apis: Vec::new(),
        functions: BTreeMap::from([(function.logical_id.clone(), function)]),
        tables: Vec::new(),
        queues: Vec::new(),
        schedules: Vec::new(),
        http_apis: Vec::new(),
        event_sources: Vec::new(),
        log_groups: Vec::new(),
        metric_filters: Vec::new(),
        query_definitions: Vec::new(),
        alarms: Vec::new(),
        outputs: BTreeMap::new(),
        ignored: Vec::new(),
    }
}

/// Where the probe's package is.
pub(crate) fn probe_package() -> Code {
    Code::Cargo { package: Path::new(env!("CARGO_MANIFEST_DIR")).join("probe"), binary: None }
}

/// The probe's executable, built once.
pub(crate) async fn probe() -> Program {
    static PROBE: OnceCell<Program> = OnceCell::const_new();
    let build = || async {
        let programs = programs::build(&app(function(probe_package())), Profile::Dev, &|_| ()).await;
        programs.unwrap().remove("Probe").unwrap()
    };
    PROBE.get_or_init(build).await.clone()
}

/// A host with one function, and the logs that it writes.
pub(crate) fn host_of(function: Function, program: Program) -> (Host, LogStore) {
    let logs = LogStore::default();
    let host = Host::new(HostConfig {
        functions: BTreeMap::from([("Probe".to_owned(), function)]),
        programs: Programs::from([("Probe".to_owned(), program)]),
        logs: logs.clone(),
        metrics: MetricStore::default(),
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        credentials: Credentials::default(),
        environment: BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:4566".to_owned())]),
        clock: Arc::new(SystemClock),
    });
    (host, logs)
}

/// A host that runs the probe, with the function's settings changed.
async fn host(change: impl FnOnce(&mut Function)) -> (Host, LogStore) {
    let mut function = function(probe_package());
    change(&mut function);
    host_of(function, probe().await)
}

/// Invokes the probe and gives its answer.
pub(crate) async fn act(host: &Host, event: Value) -> Result<Value, InvokeError> {
    let answer = host.invoke("Probe", event.to_string().into()).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

async fn pid(host: &Host) -> u64 {
    act(host, json!({ "do": "report" })).await.unwrap()["pid"].as_u64().unwrap()
}

/// Starts an invocation that does not end before the test says so.
fn meet(host: &Host, test: &TcpListener, name: &str) -> tokio::task::JoinHandle<Result<Value, InvokeError>> {
    let event = json!({ "do": "meet", "address": test.local_addr().unwrap().to_string(), "name": name });
    let host = host.clone();
    tokio::spawn(async move { act(&host, event).await })
}

async fn test_listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// The next invocation that arrives at the meeting: its name, its process, and the connection
/// that ends it when dropped.
async fn arrival(test: &TcpListener) -> (String, u64, BufReader<TcpStream>) {
    let mut connection = BufReader::new(test.accept().await.unwrap().0);
    let mut line = String::new();
    connection.read_line(&mut line).await.unwrap();
    let (name, pid) = line.trim().split_once(' ').unwrap();
    (name.to_owned(), pid.parse().unwrap(), connection)
}

/// What the function and its failures wrote: without the lines that every invocation has.
fn written(logs: &LogStore) -> Vec<LogEvent> {
    logs.events(GROUP).into_iter().filter(|event| !is_routine(&event.message)).collect()
}

fn messages(logs: &LogStore) -> Vec<String> {
    written(logs).into_iter().map(|event| event.message.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_what_the_function_sent() {
    let (host, _) = host(|_| ()).await;
    let event = json!({ "do": "echo", "text": "äöü \u{1F4A1}", "deep": [1, { "x": null }] });
    assert_eq!(act(&host, event.clone()).await, Ok(event));
    assert_eq!(act(&host, json!({ "do": "garbage" })).await, Ok(json!("not a proxy response")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_is_used_again() {
    let (host, _) = host(|_| ()).await;
    let first = pid(&host).await;
    for _ in 0..5 {
        assert_eq!(pid(&host).await, first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_invocations_at_once_use_two_processes() {
    let (host, _) = host(|_| ()).await;
    let test = test_listener().await;
    let (one, two) = (meet(&host, &test, "one"), meet(&host, &test, "two"));
    let (first, second) = (arrival(&test).await, arrival(&test).await);
    assert_ne!(first.1, second.1);
    drop((first, second));
    assert_eq!(one.await.unwrap().unwrap()["name"], "one");
    assert_eq!(two.await.unwrap().unwrap()["name"], "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_invocations_wait_for_a_process() {
    let (host, _) = host(|_| ()).await;
    let test = test_listener().await;
    let all: Vec<_> = (0..ENVIRONMENTS + 2).map(|name| meet(&host, &test, &name.to_string())).collect();
    let mut running = Vec::new();
    for _ in 0..ENVIRONMENTS {
        running.push(arrival(&test).await);
    }
    let processes: Vec<u64> = running.iter().map(|(_, pid, _)| *pid).collect();
    drop(running);
    for _ in 0..2 {
        let (_, pid, _) = arrival(&test).await;
        assert!(processes.contains(&pid));
    }
    for one in all {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_throttles() {
    let (host, _) = host(|function| function.reserved_concurrency = Some(1)).await;
    let test = test_listener().await;
    let running = meet(&host, &test, "only");
    let held = arrival(&test).await;
    assert_eq!(act(&host, json!({ "do": "echo" })).await, Err(InvokeError::Throttled));
    drop(held);
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_kills_the_process_and_the_next_invocation_gets_another() {
    let (host, logs) = host(|function| function.timeout = Duration::from_secs(1)).await;
    let first = pid(&host).await;
    let slow = act(&host, json!({ "do": "sleep", "ms": 60_000 })).await;
    assert_eq!(slow, Err(InvokeError::TimedOut { seconds: 1 }));
    assert!(messages(&logs).last().unwrap().ends_with(" Task timed out after 1.00 seconds"), "{logs:?}");
    assert!(!Path::new("/proc").join(first.to_string()).exists());
    assert_ne!(pid(&host).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_and_a_panic_are_reported_and_the_process_lives_on() {
    let (host, _) = host(|_| ()).await;
    let first = pid(&host).await;
    let Err(InvokeError::Function { message, .. }) =
        act(&host, json!({ "do": "error", "message": "no such channel" })).await
    else {
        panic!("the error is not reported")
    };
    assert_eq!(message, "no such channel");
    let Err(InvokeError::Function { error_type, message }) =
        act(&host, json!({ "do": "panic", "message": "oh" })).await
    else {
        panic!("the panic is not reported")
    };
    assert_eq!(message, "Lambda panicked: oh");
    assert!(!error_type.is_empty());
    assert_eq!(pid(&host).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_is_the_end_of_its_invocation() {
    let (host, logs) = host(|_| ()).await;
    let first = pid(&host).await;
    let Err(InvokeError::Exited(reason)) = act(&host, json!({ "do": "exit", "status": 3 })).await else {
        panic!("the exit is not noticed")
    };
    assert!(reason.starts_with("RequestId: "), "{reason}");
    assert!(reason.ends_with(" Error: Runtime exited with error: exit status 3"), "{reason}");
    assert_eq!(messages(&logs), [format!("{reason}\nRuntime.ExitError")]);
    assert_ne!(pid(&host).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initialisation_that_fails_is_tried_twice() {
    let init = |how: &'static str| {
        move |function: &mut Function| {
            function.environment.insert("PROBE_INIT".to_owned(), how.to_owned());
        }
    };
    let (exits, logs) = host(init("exit")).await;
    let Err(InvokeError::Exited(reason)) = act(&exits, json!({ "do": "echo" })).await else {
        panic!("the exit is not noticed")
    };
    assert!(reason.ends_with(" Error: Runtime exited with error: exit status 41"), "{reason}");
    let streams: std::collections::BTreeSet<_> =
        logs.events(GROUP).into_iter().map(|event| event.stream).collect();
    assert_eq!(streams.len(), 2, "each try has a stream of its own");

    let (reports, _) = host(init("error")).await;
    let error_type = "Probe.NoConfig".to_owned();
    let message = "PROBE_INIT says so".to_owned();
    let reported = act(&reports, json!({ "do": "echo" })).await;
    assert_eq!(reported, Err(InvokeError::Function { error_type, message }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_start_says_so() {
    let (host, _) = host_of(function(probe_package()), Program::Executable("/nowhere/bootstrap".into()));
    let error = act(&host, json!({ "do": "echo" })).await.unwrap_err().to_string();
    assert!(error.starts_with("Runtime.InvalidEntrypoint: RequestId: "), "{error}");
    assert!(error.contains("fork/exec /nowhere/bootstrap: No such file or directory"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_a_program_says_why() {
    let reason = "its runtime python3.13 does not run here".to_owned();
    let (host, _) = host_of(function(probe_package()), Program::Unrunnable(reason.clone()));
    assert_eq!(act(&host, json!({})).await, Err(InvokeError::NotRunnable(reason)));
    let unknown = host.invoke("Other", "{}".into()).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no function Other");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_goes_on_when_nobody_waits_for_its_answer() {
    let (host, logs) = host(|_| ()).await;
    let test = test_listener().await;
    let mut lines = logs.follow();
    let invocation = meet(&host, &test, "alone");
    let (_, _, connection) = arrival(&test).await;
    invocation.abort();
    assert!(invocation.await.unwrap_err().is_cancelled());
    drop(connection);
    let mut said = lines.recv().await.unwrap().message;
    while is_routine(&said) {
        said = lines.recv().await.unwrap().message;
    }
    assert_eq!(said.as_ref(), "met alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_in_the_log_when_the_answer_is() {
    let (host, logs) = host(|_| ()).await;
    let before = SystemClock.now_ms();
    for round in 0..50 {
        let event =
            json!({ "do": "print", "stdout": format!("out {round}\n"), "stderr": format!("err {round}\n") });
        act(&host, event).await.unwrap();
        let events = written(&logs);
        let said: Vec<&str> = events[round * 2..].iter().map(|event| &*event.message).collect();
        assert!(said.contains(&format!("out {round}").as_str()), "{said:?}");
        assert!(said.contains(&format!("err {round}").as_str()), "{said:?}");
    }
    let after = SystemClock.now_ms();
    let LogEvent { stream, .. } = logs.events(GROUP)[0].clone();
    assert_eq!(stream.split_once("[$LATEST]").unwrap().0.len(), "2026/11/24/".len());
    for event in logs.events(GROUP) {
        assert_eq!(event.stream, stream);
        assert!((before..=after).contains(&event.timestamp));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invocation_is_reported_with_what_it_took() {
    let (host, logs) = host(|_| ()).await;
    for _ in 0..2 {
        act(&host, json!({ "do": "print", "stdout": "said\n" })).await.unwrap();
    }
    let lines: Vec<_> = logs.events(GROUP).into_iter().map(|event| event.message).collect();
    let [init, start, said, end, first, .., last] = &lines[..] else { panic!("{lines:?}") };
    assert!(
        init.starts_with("INIT_START Runtime Version: provided:al2023.local\tRuntime Version ARN: "),
        "{init}"
    );
    let id = start.strip_prefix("START RequestId: ").unwrap().strip_suffix(" Version: $LATEST").unwrap();
    let ended = format!("END RequestId: {id}");
    assert_eq!([&**said, &**end], ["said", &*ended]);
    let fields: Vec<_> = first.split('\t').map(|field| field.split(": ").collect::<Vec<_>>()).collect();
    let names: Vec<_> = fields.iter().map(|field| field[0]).collect();
    assert_eq!(
        names,
        [
            "REPORT RequestId",
            "Duration",
            "Billed Duration",
            "Memory Size",
            "Max Memory Used",
            "Init Duration",
            ""
        ]
    );
    let number =
        |field: usize, unit: &str| -> f64 { fields[field][1].strip_suffix(unit).unwrap().parse().unwrap() };
    assert_eq!((fields[0][1], fields[3][1]), (id, "256 MB"));
    assert!(number(2, " ms") >= (number(1, " ms") + number(5, " ms")).ceil() - 1.0);
    assert!(number(4, " MB") > 0.0 || !cfg!(target_os = "linux"));
    assert!(last.starts_with("REPORT RequestId: ") && !last.contains("Init Duration"), "{last}");
}

/// JSON logs with this level of the function's own lines.
fn json_logs(application: LogLevel) -> LogFormat {
    LogFormat::Json { application, system: LogLevel::Info }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_below_the_functions_level_are_dropped() {
    let (host, logs) = host(|function| function.log_format = json_logs(LogLevel::Warn)).await;
    let line =
        |level: &str| format!("{{\"level\":\"{level}\",\"timestamp\":\"2026-09-25T09:20:13.100Z\"}}\n");
    let written = ["debug", "info", "warn", "ERROR"].map(line).concat() + "without a level\n";
    act(&host, json!({ "do": "print", "stdout": written })).await.unwrap();
    assert_eq!(messages(&logs), [line("warn").trim_end(), line("ERROR").trim_end()]);
    assert_eq!(logs.events(GROUP).len(), 5, "and Lambda's three");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_its_end_comes_when_the_process_ends() {
    let (host, logs) = host(|_| ()).await;
    act(&host, json!({ "do": "print", "stdout": "half" })).await.unwrap();
    assert_eq!(messages(&logs), [""; 0]);
    act(&host, json!({ "do": "print", "stdout": " a line\nthe last", "stderr": "" })).await.unwrap();
    assert_eq!(messages(&logs), ["half a line"]);
    host.shutdown().await;
    assert_eq!(messages(&logs), ["half a line", "the last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_lambdas_environment_and_nothing_else() {
    let (host, _) = host(|function| {
        function.log_format = json_logs(LogLevel::Error);
        function.environment.insert("TABLE".to_owned(), "connections".to_owned());
        function.environment.insert("AWS_ENDPOINT_URL".to_owned(), "https://the.real.one".to_owned());
    })
    .await;
    let report = act(&host, json!({ "do": "report" })).await.unwrap();
    let variables = report["environment"].as_object().unwrap();
    let names: Vec<&str> = variables.keys().map(String::as_str).collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_FORMAT",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_LEVEL",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "PATH",
        "TABLE",
        "TZ",
        "_HANDLER",
    ];
    assert_eq!(names, expected);
    let is = |name: &str, value: &str| assert_eq!(variables[name], value, "{name}");
    is("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    is("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    is("AWS_LAMBDA_FUNCTION_NAME", "stack-Probe");
    is("AWS_LAMBDA_LOG_FORMAT", "JSON");
    is("AWS_LAMBDA_LOG_LEVEL", "ERROR");
    is("AWS_LAMBDA_LOG_GROUP_NAME", GROUP);
    is("AWS_REGION", "eu-west-1");
    is("TABLE", "connections");
    is("TZ", ":UTC");
    is("_HANDLER", "probe");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_knows_its_deadline_its_arn_and_its_id() {
    let (host, _) = host(|function| function.timeout = Duration::from_secs(7)).await;
    let before = SystemClock.now_ms();
    let report = act(&host, json!({ "do": "report" })).await.unwrap();
    let deadline = report["deadline"].as_i64().unwrap();
    assert!((before + 7_000..=SystemClock.now_ms() + 7_000).contains(&deadline));
    assert_eq!(report["arn"], "arn:aws:lambda:eu-west-1:123456789012:function:stack-Probe");
    assert_eq!(report["requestId"].as_str().unwrap().len(), 36);
    assert!(report["traceId"].as_str().unwrap().starts_with("Root=1-"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_six_megabytes_is_an_error() {
    let (host, _) = host(|_| ()).await;
    // Two quotes on top make it a JSON string of exactly the limit.
    let largest = 6 * 1024 * 1024 + 100 - 2;
    let answer = act(&host, json!({ "do": "answer_of", "bytes": largest })).await.unwrap();
    assert_eq!(answer.as_str().unwrap().len(), largest);
    let error = act(&host, json!({ "do": "answer_of", "bytes": largest + 1 })).await.unwrap_err();
    let expected = "Function.ResponseSizeTooLarge: Response payload size (6291557 bytes) exceeded maximum \
                    allowed payload size (6291556 bytes).";
    assert_eq!(error.to_string(), expected);
    assert_eq!(act(&host, json!({ "do": "garbage" })).await, Ok(json!("not a proxy response")));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_what_runs_end_and_leaves_no_process() {
    let (host, _) = host(|_| ()).await;
    let test = test_listener().await;
    let (ending, stuck) = (meet(&host, &test, "ending"), meet(&host, &test, "stuck"));
    let (one, two) = (arrival(&test).await, arrival(&test).await);
    let (ends, mut hangs) = if one.0 == "ending" { (one, two) } else { (two, one) };
    let mut shutdown = std::pin::pin!(host.shutdown());
    assert!(futures_util::poll!(&mut shutdown).is_pending());
    assert!(matches!(act(&host, json!({ "do": "echo" })).await, Err(InvokeError::NotRunnable(_))));
    let processes = [ends.1, hangs.1];
    drop(ends);
    assert_eq!(ending.await.unwrap().unwrap()["name"], "ending");
    assert_eq!(hangs.2.read(&mut [0; 1]).await.unwrap_or(0), 0, "the process is killed");
    assert!(matches!(stuck.await.unwrap(), Err(InvokeError::Exited(_))));
    shutdown.await;
    for pid in processes {
        assert!(!Path::new("/proc").join(pid.to_string()).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_end_with_the_last_host() {
    let (host, _) = host(|_| ()).await;
    let test = test_listener().await;
    let invocation = meet(&host, &test, "forgotten");
    let (_, _, mut connection) = arrival(&test).await;
    invocation.abort();
    assert!(invocation.await.unwrap_err().is_cancelled());
    drop(host);
    assert_eq!(connection.read(&mut [0; 1]).await.unwrap_or(0), 0);
    connection.shutdown().await.ok();
}
