//! The `switchboard` command as a user runs it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use harness::{Socket, root};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The command in the repository's root, with the environment of a person's shell.
pub(crate) fn switchboard(arguments: &[&str]) -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(harness::switchboard));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// `up --json` on free ports, running; killed when dropped.
pub(crate) struct Up {
    process: Child,
    line: Value,
}

impl Up {
    fn start(more: &[&str]) -> Self {
        Self::run(&mut switchboard(&[&Self::ARGUMENTS, more].concat()))
    }

    pub(crate) const ARGUMENTS: [&str; 10] =
        ["up", "--json", "--port", "0", "--http-port", "0", "--aws-port", "0", "--logs", "none"];

    pub(crate) fn run(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut errors = String::new();
            process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("it did not come up: {errors}");
        }
        Self { process, line: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.line[field].as_str().unwrap()
    }

    /// Sends a signal and gives the exit status.
    pub(crate) fn stop(mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It is gone already when the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs to the end and gives standard error, which must be the whole answer of a failure.
fn failure(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = switchboard(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(String::from_utf8(stdout).unwrap(), "");
    stderr
}

pub(crate) fn temporary(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("template.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn up_says_where_it_is_answers_and_stops_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let up = Up::start(&[]);
        assert_eq!(up.text("stage"), "local");
        assert!(up.text("websocket").ends_with("/local") && up.text("aws").starts_with("http://127.0.0.1:"));
        let mut client = Socket::open(up.text("websocket")).await;
        assert!(client.ask(r#"{"id":1,"connect":{}}"#).await.starts_with(r#"{"id":1,"connect":{"client":""#));
        let aws = up.text("aws").to_owned();
        if cfg!(target_os = "linux") {
            assert_eq!(functions_of(&aws).len(), 5, "the functions run");
        }
        let ended = std::thread::spawn(move || up.stop(signal));
        let close = client.closed().await;
        assert_eq!(u16::from(close.code), 1001, "sockets are closed with Going Away");
        assert_eq!(ended.join().unwrap(), Some(0), "{signal:?}");
        assert_eq!(functions_of(&aws), Vec::<String>::new(), "no function is left");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn up_has_as_many_open_files_as_it_may() {
    let command = switchboard(&Up::ARGUMENTS);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -Sn 256; exec "$0" "$@""#]).arg(command.get_program());
    limited.args(command.get_args()).current_dir(root());
    let up = Up::run(&mut limited);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", up.process.id())).unwrap();
    let files: Vec<&str> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(files[0], files[1], "the soft limit is the hard one");
    assert_eq!(up.stop(Signal::TERM), Some(0));
}

/// The environments of the processes that use the AWS services at this address.
fn functions_of(address: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    let texts = environments.map(|environment| String::from_utf8_lossy(&environment).into_owned());
    texts.filter(|text| text.contains(&format!("AWS_ENDPOINT_URL={address}"))).collect()
}

#[test]
fn a_port_that_is_taken_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = failure(&["--port", &port, "--http-port", "0", "--aws-port", "0"]);
    assert!(
        error.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}, the WebSocket API: ")),
        "{error}"
    );
    assert!(error.trim_end().ends_with("choose another port with --port"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_broken_template_is_named_with_its_place() {
    let template = temporary(
        "broken",
        "Resources:\n  Api:\n    Type: AWS::ApiGatewayV2::Api\n    Properties:\n      Name: !Ref Nmae\n",
    );
    let error = failure(&["check", "--template", template.to_str().unwrap()]);
    assert!(error.contains(&format!("{}:5:", template.display())), "{error}");
    assert!(error.contains("Nmae"), "{error}");
    let error = failure(&["--template", "no/such/template.yaml", "--port", "0"]);
    assert!(error.contains("no/such/template.yaml"), "{error}");
}

#[test]
fn a_template_without_an_api_has_nothing_to_run() {
    let template = temporary("empty", "Resources:\n  Log:\n    Type: AWS::Logs::LogGroup\n");
    let error = failure(&["--template", template.to_str().unwrap(), "--port", "0", "--aws-port", "0"]);
    assert_eq!(error, "error: the template has no WebSocket API with a stage, so there is nothing to run\n");
}

#[test]
fn no_cargo_is_one_sentence() {
    let mut command = switchboard(&["--port", "0", "--http-port", "0", "--aws-port", "0"]);
    let output = command.env("CARGO", "/no/such/cargo").env("PATH", "").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("cannot run `/no/such/cargo`"), "{error}");
}

#[test]
fn a_function_that_does_not_start_is_one_sentence() {
    let error = failure(&[
        "--port",
        "0",
        "--http-port",
        "0",
        "--aws-port",
        "0",
        "--parameter",
        "TokenPublicKey=none",
    ]);
    assert!(error.contains("DefaultFunction"), "{error}");
    assert!(error.contains("does not start"), "{error}");
}

#[test]
fn bad_usage_is_status_two() {
    for arguments in [["--prot", "1"], ["--port", "x"], ["--time-scale", "-1"], ["--fault", "seed"]] {
        assert_eq!(switchboard(&arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
}

/// An API without routes, and what is made of its access log.
pub(crate) const LOGGED: &str = r#"
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: access, RetentionInDays: 3}}
  Connects:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Log
      FilterPattern: CONNECT
      MetricTransformations: [{MetricName: Connects, MetricNamespace: N, MetricValue: "1"}]
  Saved:
    Type: AWS::Logs::QueryDefinition
    Properties:
      Name: queries/connects
      LogGroupNames: [!Ref Log]
      QueryString: filter @message like / CONNECT/ | stats count(*) as connects
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: test
      AccessLogSettings: {DestinationArn: !GetAtt Log.Arn, Format: $context.requestId $context.eventType}
"#;

/// The command in a folder, where `--local` finds the `up` of that folder and no other.
fn in_folder(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = switchboard(arguments);
    command.current_dir(folder).env("XDG_RUNTIME_DIR", folder);
    command
}

#[test]
fn tail_shows_the_lines_of_the_up_of_its_folder() {
    let template = temporary("tail", LOGGED);
    let folder = template.parent().unwrap().to_owned();
    let template = ["--template", template.to_str().unwrap()];
    let here = |arguments: &[&str]| in_folder(&folder, arguments);
    let tail = ["tail", "--local", "--no-follow", "--json"];
    let nobody = here(&tail).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    let error = String::from_utf8(nobody.stderr).unwrap();
    assert!(error.starts_with("error: no `switchboard up` runs in this folder"), "{error}");
    let up = Up::run(&mut here(&[&Up::ARGUMENTS[..], &template].concat()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    drop(runtime.block_on(Socket::open(up.text("websocket"))));
    let shown = here(&tail).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{}", String::from_utf8_lossy(&shown.stderr));
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(line["message"].as_str().unwrap().contains("CONNECT"), "{line}");
    let none = here(&["tail", "--local", "no-such-group"]).output().unwrap();
    assert!(
        String::from_utf8(none.stderr).unwrap().starts_with("error: no log group's name has `no-such-group`")
    );
    let faults = here(&["tail", "--local", "--faults"]).output().unwrap();
    assert!(String::from_utf8(faults.stdout).unwrap().starts_with("Nothing is wrong"));
    assert_eq!(up.stop(Signal::TERM), Some(0));
    assert_eq!(here(&tail).output().unwrap().status.code(), Some(1), "the address was taken back");
}

#[test]
fn query_and_trace_ask_the_up_of_their_folder() {
    let template = temporary("query", LOGGED);
    let folder = template.parent().unwrap().to_owned();
    let template = ["--template", template.to_str().unwrap()];
    let here = |arguments: &[&str]| in_folder(&folder, arguments);
    let output = |arguments: &[&str]| {
        let Output { status, stdout, stderr } = here(arguments).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    };
    let up = Up::run(&mut here(&[&Up::ARGUMENTS[..], &template].concat()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    drop(runtime.block_on(Socket::open(up.text("websocket"))));
    let query = "parse '* *' as id, event | filter event = 'CONNECT' | stats count(*) as c by bin(1h)";
    let (code, csv, errors) = output(&["query", "--local", query, "--csv"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(csv.starts_with("bin(1h),c\n") && csv.ends_with(":00:00.000,1\n"), "{csv}");
    let (_, json, _) = output(&["query", "--local", query, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["c"], "1");
    let (_, table, _) = output(&["query", "--local", query]);
    assert!(table.contains("█") && table.contains("1 row; 1 of "), "{table}");
    let (code, _, errors) = output(&["query", "--local", "fields a | sotr b"]);
    let expected =
        "error: unknown command 'sotr', did you mean 'sort'?\n  fields a | sotr b\n             ^^^^\n";
    assert_eq!((code, errors.as_str()), (Some(1), expected));
    let (_, _, errors) = output(&["query", "--local", "--saved", "none"]);
    assert_eq!(errors, "error: no saved query is named `none`; there are: queries/connects\n");
    let (_, saved, _) = output(&["query", "--local", "--saved", "connects", "--csv"]);
    assert_eq!(saved, "connects\n1\n");
    let (code, _, errors) = output(&["trace", "--local", "nobody="]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with("error: no log line of that time has the connection nobody="), "{errors}");
    assert_eq!(up.stop(Signal::TERM), Some(0));
}

#[test]
fn connections_are_those_of_the_up_of_its_folder_whose_functions_do_what_they_may() {
    let folder = temporary("connections", "").parent().unwrap().to_owned();
    let here = |arguments: &[&str]| in_folder(&folder, arguments);
    let template = root().join("infra/template.yaml");
    let more = ["--enforce-iam", "--template", template.to_str().unwrap()];
    let up = Up::run(&mut here(&[&Up::ARGUMENTS[..], &more].concat()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut client = runtime.block_on(Socket::open(up.text("websocket")));
    let reply = runtime.block_on(client.ask(r#"{"id":1,"connect":{}}"#));
    assert!(reply.starts_with(r#"{"id":1,"connect":{"client":""#), "{reply}");
    let Output { status, stdout, stderr } = here(&["connections", "--local"]).output().unwrap();
    assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""));
    let text = String::from_utf8(stdout).unwrap();
    assert!(text.contains("\n1 connection. Read units: "), "{text}");
    assert_eq!(up.stop(Signal::TERM), Some(0));
}

#[test]
fn trace_shows_the_lines_of_one_connection() {
    let format = r#"Format: '{"requestId":"$context.requestId","eventType":"$context.eventType","connectionId":"$context.connectionId"}'"#;
    let text = LOGGED
        .replace("{DestinationArn: !GetAtt Log.Arn, Format: $context.requestId $context.eventType}", "")
        + &format!("        DestinationArn: !GetAtt Log.Arn\n        {format}\n");
    let template = temporary("trace", &text);
    let folder = template.parent().unwrap().to_owned();
    let here = |arguments: &[&str]| in_folder(&folder, arguments);
    let template = ["--template", template.to_str().unwrap()];
    let up = Up::run(&mut here(&[&Up::ARGUMENTS[..], &template].concat()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _open = [(); 2].map(|()| runtime.block_on(Socket::open(up.text("websocket"))));
    let lines = |arguments: &[&str]| {
        let output = here(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = lines(&["tail", "--local", "--no-follow", "--json"]);
    let line: Value = serde_json::from_str(&all[0]).unwrap();
    let message: Value = serde_json::from_str(line["message"].as_str().unwrap()).unwrap();
    let id = message["connectionId"].as_str().unwrap();
    assert_eq!(lines(&["trace", "--local", "--json", id]), [all[0].clone()]);
    let short = lines(&["trace", "--local", id]);
    assert!(matches!(short.as_slice(), [one] if one.contains("CONNECT") && one.ends_with(id)), "{short:?}");
    assert_eq!(up.stop(Signal::TERM), Some(0));
}

#[test]
fn check_tells_what_would_run() {
    let output = switchboard(&["check"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for part in [
        "stage local",
        "$connect     function ConnectFunction",
        "$default     function DefaultFunction, two-way",
        "Table switchboard-Table",
        "every 60 s: function SweeperFunction",
    ] {
        assert!(text.contains(part), "{part:?} in:\n{text}");
    }
    let template = root().join("tests/fixtures/authorizers.yaml");
    let output = switchboard(&["check", "--template", template.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "$connect     function Probe, authorizer ApiConnectAuthorizer (function Probe), API key",
        "API key of stage test: the-key-of-the-tests",
    ] {
        assert!(text.contains(part), "{part:?} in:\n{text}");
    }
}

#[test]
fn check_finds_what_the_functions_would_not_read() {
    let check = |parameter: &str, ssm: &str| failure(&["check", "--parameter", parameter, "--ssm", ssm]);
    let misspelled = check(r#"Namespaces={"room":{"allow_subscribe":true}}"#, "/none=1");
    let expected = "the variable NAMESPACES does not fit namespaces.schema.json at /room: \
        Additional properties are not allowed ('allow_subscribe' was unexpected)\n";
    assert!(misspelled.ends_with(expected) && misspelled.contains("template.yaml:"), "{misspelled}");
    let half = r#"{"room":{"history_size":5}}"#;
    let kept = "NamespacesParameter=/prod/namespaces:3";
    let incomplete = check(kept, &format!("/prod/namespaces={half}"));
    assert!(incomplete.ends_with("at /room: \"history_ttl\" is a required property\n"), "{incomplete}");
    let unknown = check(kept, "/none=1");
    assert!(unknown.contains("`--ssm /prod/namespaces=…`"), "{unknown}");
    let file = temporary("ssm", r#"{"room":{"history_size":5,"history_ttl":"1h"}}"#);
    let ssm = format!("/prod/namespaces=@{}", file.display());
    let output = switchboard(&["check", "--parameter", kept, "--ssm", &ssm]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
