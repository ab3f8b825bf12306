//! `switchboard query` and an interruption, with a CloudWatch Logs that answers as slowly as a test
//! wants.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use harness::root;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the service answers to an operation and its input; nothing is no answer, ever.
type Script = fn(&str, &Value) -> Option<Value>;

struct Service {
    script: Script,
    calls: UnboundedSender<(String, Value)>,
    /// Lets StartQuery be answered.
    starts: Arc<Notify>,
}

async fn operation(State(service): State<Arc<Service>>, headers: HeaderMap, body: String) -> String {
    let target = headers["x-amz-target"].to_str().unwrap();
    let name = target.split_once('.').unwrap().1.to_owned();
    let input: Value = serde_json::from_str(&body).unwrap();
    let answer = (service.script)(&name, &input);
    let holds = name == "StartQuery";
    service.calls.send((name, input)).unwrap();
    if holds {
        service.starts.notified().await;
    }
    match answer {
        Some(answer) => answer.to_string(),
        None => std::future::pending().await,
    }
}

/// The command, and the calls that it makes.
struct Asked {
    process: Child,
    calls: UnboundedReceiver<(String, Value)>,
    starts: Arc<Notify>,
}

impl Asked {
    async fn start(script: Script) -> Self {
        let asked = Self::hold(script).await;
        asked.starts.notify_one();
        asked
    }

    /// StartQuery is answered only when the test lets it.
    async fn hold(script: Script) -> Self {
        let (sender, calls) = unbounded_channel();
        let starts = Arc::new(Notify::new());
        let service = Arc::new(Service { script, calls: sender, starts: Arc::clone(&starts) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(operation).with_state(service);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let process = Command::new(harness::switchboard())
            .args(["query", "SOURCE 'g' | limit 1", "--region", "us-east-1"])
            .current_dir(root())
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, calls, starts }
    }

    /// The input of the next call of an operation.
    async fn call(&mut self, name: &str) -> Value {
        loop {
            let (found, input) = self.calls.recv().await.unwrap();
            if found == name {
                return input;
            }
        }
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    /// What the command has said at its end, which is a failure; and the calls that were left.
    async fn end(mut self) -> (String, Vec<String>) {
        let output = tokio::task::spawn_blocking(|| self.process.wait_with_output().unwrap()).await.unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
        let mut left = Vec::new();
        while let Ok((name, _)) = self.calls.try_recv() {
            left.push(name);
        }
        (String::from_utf8(output.stderr).unwrap(), left)
    }
}

fn started(name: &str, status: &str, token: bool) -> Option<Value> {
    match name {
        "StartQuery" => Some(json!({ "queryId": "q" })),
        "GetQueryResults" if token => Some(json!({ "status": status, "results": [], "nextToken": "t" })),
        "GetQueryResults" => Some(json!({ "status": status, "results": [] })),
        _ => Some(json!({ "success": true })),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_query_is_stopped() {
    let mut asked = Asked::start(|name, _| started(name, "Running", false)).await;
    asked.call("GetQueryResults").await;
    asked.interrupt();
    assert_eq!(asked.call("StopQuery").await, json!({ "queryId": "q" }));
    assert_eq!(asked.end().await, ("error: the query has ended as Cancelled\n".to_owned(), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_only_starting_is_stopped_as_well() {
    let mut asked = Asked::hold(|name, _| started(name, "Running", false)).await;
    asked.call("StartQuery").await;
    asked.interrupt();
    asked.starts.notify_one();
    assert_eq!(asked.call("StopQuery").await, json!({ "queryId": "q" }));
    assert_eq!(asked.end().await, ("error: the query has ended as Cancelled\n".to_owned(), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_come_any_more_are_not_waited_for() {
    let script: Script = |name, input| match input.get("nextToken") {
        Some(_) => None,
        None => started(name, "Complete", true),
    };
    let mut asked = Asked::start(script).await;
    asked.call("GetQueryResults").await;
    asked.call("GetQueryResults").await;
    asked.interrupt();
    assert_eq!(asked.end().await, ("error: interrupted before all rows were there\n".to_owned(), vec![]));
}
