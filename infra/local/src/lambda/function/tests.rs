//! The books of a function, without processes: the tests play the environments, and never await,
//! so that no environment's own task gets to run.

use std::path::PathBuf;

use cloudwatch::metrics::MetricStore;
use futures_util::FutureExt;
use tokio::time::advance;

use super::*;
use crate::clock::SystemClock;
use crate::credentials::Credentials;
use crate::lambda::output::LogStream;
use crate::meters::tests::series;

/// A function `F` with a template's defaults.
pub(in crate::lambda) fn settings() -> sam::app::Function {
    sam::app::Function {
        logical_id: "F".to_owned(),
        name: "stack-F".to_owned(),
        handler: "bootstrap".to_owned(),
        timeout: Duration::from_secs(3),
        memory_mb: 128,
        environment: BTreeMap::new(),
        log_group: "/aws/lambda/stack-F".to_owned(),
        log_format: sam::app::LogFormat::Text,
        reserved_concurrency: None,
        role: sam::app::Role::default(),
        code: sam::app::Code::Unrunnable(String::new()),
    }
}

/// The log of a new environment.
fn system(function: &Function) -> SystemLog {
    let (logs, clock) = (function.logs.clone(), Arc::clone(&function.clock));
    SystemLog::new(LogStream::new(logs, "group", clock), &function.settings, &function.arn)
}

/// A function with a `Timeout` of 3 s whose environments are played by the test.
struct Played {
    function: Arc<Function>,
    system: SystemLog,
    metrics: MetricStore,
    /// Environments that wait; one whose receiver is gone has hung up.
    polls: Vec<oneshot::Receiver<Work>>,
    /// Keeps the answers' receivers.
    answers: Vec<oneshot::Receiver<Answer>>,
}

impl Played {
    fn new(reserved: Option<u32>) -> Self {
        let settings = sam::app::Function { reserved_concurrency: reserved, ..settings() };
        let metrics = MetricStore::default();
        let host = HostConfig {
            functions: BTreeMap::new(),
            programs: BTreeMap::new(),
            logs: LogStore::default(),
            metrics: metrics.clone(),
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            credentials: Credentials::default(),
            environment: BTreeMap::new(),
            clock: Arc::new(SystemClock),
        };
        let program = Program::Executable(PathBuf::from("/nowhere/bootstrap"));
        let function = Arc::new(Function::new(settings, program, &host, watch::channel(()).1));
        let system = system(&function);
        Self { function, system, metrics, polls: Vec::new(), answers: Vec::new() }
    }

    fn invoke(&mut self, payload: &str) {
        self.answers.push(self.take(payload, false).unwrap());
    }

    fn take(&self, payload: &str, doomed: bool) -> Result<oneshot::Receiver<Answer>, InvokeError> {
        let id = format!("request {}", rand::random::<u64>());
        self.function.invoke(Bytes::from(payload.to_owned()), id.into(), doomed)
    }

    /// What an environment gets that asks: request id and payload, or nothing yet.
    fn next(&mut self, id: EnvironmentId) -> Option<(String, String)> {
        match self.function.next(id) {
            Next::Work(work) => {
                Some((work.request_id.to_string(), String::from_utf8(work.payload.to_vec()).unwrap()))
            }
            Next::Wait(poll) => {
                self.polls.push(poll);
                None
            }
            Next::Ended => panic!("the environment {id} has ended"),
        }
    }

    /// Lets an environment take an invocation and answer it with the payload.
    fn echo(&mut self, id: EnvironmentId) -> String {
        let (request_id, payload) = self.next(id).unwrap();
        self.function.answer(id, &request_id, Ok(payload.clone().into()), &self.system).unwrap();
        payload
    }

    fn ended(&self, id: EnvironmentId, ending: &Ending) {
        self.function.ended(id, ending, &system(&self.function));
    }

    fn answer(&mut self, invocation: usize) -> Option<Answer> {
        (&mut self.answers[invocation]).now_or_never().map(Result::unwrap)
    }

    fn environments(&self) -> Vec<EnvironmentId> {
        self.function.lock().environments.keys().copied().collect()
    }

    fn is_busy(&self, id: EnvironmentId) -> bool {
        self.function.lock().environments[&id].is_busy()
    }
}

/// Moves the paused clock without letting tasks run.
fn pass(time: Duration) {
    // The first poll moves the clock, the rest would only yield.
    let _ = advance(time).now_or_never();
}

#[tokio::test]
async fn an_environment_is_started_for_each_invocation_that_waits() {
    let mut function = Played::new(None);
    function.invoke("1");
    assert_eq!(function.environments(), [0]);
    function.invoke("2");
    assert_eq!(function.environments(), [0, 1]);
}

#[tokio::test]
async fn the_environment_used_last_is_used_next() {
    let mut function = Played::new(None);
    for payload in ["1", "2", "3"] {
        function.invoke(payload);
    }
    for id in [0, 1, 2] {
        function.echo(id);
    }
    for id in [2, 0, 1] {
        assert_eq!(function.next(id), None);
    }
    function.invoke("4");
    assert!(function.is_busy(1));
    function.invoke("5");
    assert!(function.is_busy(0));
}

#[tokio::test]
async fn one_that_has_just_answered_is_waited_for() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.invoke("2");
    assert_eq!(function.environments(), [0]);
    assert_eq!(function.echo(0), "2");
}

#[tokio::test(start_paused = true)]
async fn one_that_dawdles_after_its_answer_gets_company() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.invoke("2");
    assert_eq!(function.function.watch(0), Instant::now() + Duration::from_millis(100));
    pass(Duration::from_millis(100));
    assert!(function.function.expire(0).is_none());
    assert_eq!(function.environments(), [0, 1]);
}

#[tokio::test]
async fn beyond_the_limit_invocations_wait_their_turn() {
    let mut function = Played::new(None);
    for payload in 0..ENVIRONMENTS + 2 {
        function.invoke(&payload.to_string());
    }
    assert_eq!(function.environments().len(), ENVIRONMENTS);
    let taken: Vec<String> = function.environments().into_iter().map(|id| function.echo(id)).collect();
    assert_eq!(taken, (0..ENVIRONMENTS).map(|payload| payload.to_string()).collect::<Vec<_>>());
    assert_eq!([function.echo(7), function.echo(3)], ["32", "33"]);
}

#[tokio::test]
async fn reserved_concurrency_throttles() {
    let mut function = Played::new(Some(2));
    function.invoke("1");
    function.invoke("2");
    function.next(0);
    let refused = function.take("", false);
    assert_eq!(refused.unwrap_err(), InvokeError::Throttled);
    function.echo(1);
    function.invoke("3");
    let none = Played::new(Some(0)).take("", false);
    assert_eq!(none.unwrap_err(), InvokeError::Throttled);
}

#[tokio::test]
async fn asking_again_before_the_answer_gives_the_same_invocation() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.invoke("2");
    let first = function.next(0);
    assert_eq!(function.next(0), first);
}

#[tokio::test]
async fn one_that_hung_up_gets_nothing() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.next(0);
    function.polls.clear();
    function.invoke("2");
    assert_eq!(function.environments(), [0, 1]);
    assert_eq!(function.echo(1), "2");
}

#[tokio::test]
async fn an_invocation_is_answered_once_and_by_its_id() {
    let mut function = Played::new(None);
    function.invoke("1");
    let (request_id, _) = function.next(0).unwrap();
    let answer =
        |id: &str, text: &'static str| function.function.answer(0, id, Ok(text.into()), &function.system);
    assert_eq!(answer("another", "a"), Err(Refusal::InvalidRequestId));
    assert_eq!(answer(&request_id, "b"), Ok(()));
    assert_eq!(answer(&request_id, "c"), Err(Refusal::InvalidState));
    assert_eq!(answer("another", "d"), Err(Refusal::InvalidRequestId));
    assert_eq!(function.answer(0), Some(Ok("b".into())));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_environment_and_spares_the_next_invocation() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.next(0);
    pass(Duration::from_millis(2_999));
    assert!(function.function.expire(0).is_none());
    pass(Duration::from_millis(1));
    let ending = function.function.expire(0).unwrap();
    assert!(matches!(function.function.next(0), Next::Ended));
    function.invoke("2");
    function.ended(0, &ending);
    assert_eq!(function.answer(0), Some(Err(InvokeError::TimedOut { seconds: 3 })));
    assert_eq!((function.environments(), function.echo(1)), (vec![1], "2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_environment_ends_after_ten_minutes() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.next(0);
    assert_eq!(function.function.watch(0), Instant::now() + Duration::from_mins(10));
    pass(Duration::from_mins(10));
    assert!(matches!(function.function.expire(0), Some(Ending::Retired)));
    function.invoke("2");
    assert_eq!(function.environments(), [0, 1]);
    assert!(!function.is_busy(0));
}

#[tokio::test(start_paused = true)]
async fn the_watcher_is_woken_only_when_it_would_sleep_too_long() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.next(0);
    let changed = function.function.lock().environments[&0].changed();
    let woken = || changed.notified().now_or_never().is_some();
    assert!(!woken());
    function.function.watch(0);
    function.invoke("2");
    assert!(woken(), "it slept towards the end of idleness");
    function.function.watch(0);
    function.echo(0);
    function.next(0);
    function.invoke("3");
    assert!(!woken(), "it sleeps towards the deadline of the one before");
}

#[tokio::test(start_paused = true)]
async fn while_invocations_wait_answers_wake_no_watcher() {
    let mut function = Played::new(None);
    for _ in 0..4 {
        function.invoke("x");
    }
    function.function.watch(0);
    function.next(0);
    let changed = function.function.lock().environments[&0].changed();
    let woken = || changed.notified().now_or_never().is_some();
    assert!(woken(), "it slept towards the end of the Init phase");
    function.function.watch(0);
    for _ in 0..3 {
        function.echo(0);
        assert!(!woken());
    }
    assert_eq!(function.function.watch(0), Instant::now() + Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_failed_initialisation_is_tried_once_more_within_the_timeout() {
    let mut function = Played::new(None);
    function.invoke("1");
    assert_eq!(function.function.watch(0), Instant::now() + INIT_LIMIT);
    function.ended(0, &Ending::Exited("Runtime exited with error: exit status 1".to_owned()));
    assert_eq!((function.answer(0), function.environments()), (None, vec![1]));
    assert_eq!(function.function.watch(1), Instant::now() + Duration::from_secs(3));
    let report = InvokeError::Function { error_type: "T".to_owned(), message: "m".to_owned() };
    function.function.init_error(1, report.clone()).unwrap();
    let ending = function.function.expire(1).unwrap();
    function.ended(1, &ending);
    assert_eq!((function.answer(0), function.environments()), (Some(Err(report)), vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_initialisation_that_hangs_times_out() {
    let mut function = Played::new(None);
    function.invoke("1");
    for (id, limit) in [(0, INIT_LIMIT), (1, Duration::from_secs(3))] {
        pass(limit);
        let ending = function.function.expire(id).unwrap();
        function.ended(id, &ending);
    }
    assert_eq!(function.answer(0), Some(Err(InvokeError::TimedOut { seconds: 3 })));
}

#[tokio::test(start_paused = true)]
async fn closing_fails_what_waits_and_gives_what_runs_its_grace() {
    let mut function = Played::new(Some(40));
    for payload in 0..=ENVIRONMENTS {
        function.invoke(&payload.to_string());
    }
    function.next(0);
    function.function.close(Instant::now() + Duration::from_secs(2));
    assert!(matches!(function.answer(ENVIRONMENTS), Some(Err(InvokeError::NotRunnable(_)))));
    assert!(matches!(function.function.expire(1), Some(Ending::Closed)));
    assert!(function.function.expire(0).is_none());
    assert_eq!(function.echo(0), "0");
    assert!(matches!(function.function.expire(0), Some(Ending::Closed)));
    let refused = function.take("", false).unwrap_err();
    assert_eq!(refused, InvokeError::NotRunnable("the Lambda host is shutting down".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_doomed_invocation_ends_its_environment_and_has_no_answer() {
    let mut function = Played::new(None);
    function.invoke("1");
    function.echo(0);
    function.next(0);
    function.function.watch(0);
    let changed = function.function.lock().environments[&0].changed();
    let answer = function.take("2", true).unwrap();
    assert!(changed.notified().now_or_never().is_some(), "its watcher is woken");
    let (request_id, _) = function.next(0).unwrap();
    let refused = function.function.answer(0, &request_id, Ok(Bytes::new()), &function.system);
    assert_eq!(refused, Err(Refusal::InvalidState));
    let ending = function.function.expire(0).unwrap();
    function.ended(0, &ending);
    assert!(matches!(answer.now_or_never(), Some(Ok(Err(InvokeError::Exited(_))))));
    function.invoke("3");
    assert_eq!(function.environments(), [1]);
}

#[tokio::test(start_paused = true)]
async fn invocations_errors_and_throttles_are_counted_by_function_and_by_resource() {
    let mut function = Played::new(Some(2));
    function.invoke("1");
    function.invoke("2");
    assert_eq!(function.take("3", false).unwrap_err(), InvokeError::Throttled);
    let (_, _) = function.next(0).unwrap();
    let (second, _) = function.next(1).unwrap();
    pass(Duration::from_micros(1_500_250));
    function.function.answer(1, &second, Ok(Bytes::new()), &function.system).unwrap();
    function.ended(0, &Ending::Exited("Runtime exited with error: exit status 1".to_owned()));
    let of_function = |line: &String| line.contains("{FunctionName=stack-F} ");
    let series = series(&function.metrics);
    let lines: Vec<_> = series.iter().filter(|line| of_function(line)).cloned().collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ConcurrentExecutions {FunctionName=stack-F} 3 in 2
    Duration {FunctionName=stack-F} 3000.5 in 2
    Errors {FunctionName=stack-F} 1 in 2
    Invocations {FunctionName=stack-F} 2 in 2
    Throttles {FunctionName=stack-F} 1 in 3
    ");
    let as_resource = |line: &String| line.contains("{FunctionName=stack-F Resource=stack-F} ");
    assert_eq!(series.iter().filter(|line| as_resource(line)).count(), lines.len());
}
