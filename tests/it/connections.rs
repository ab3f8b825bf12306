//! `switchboard connections` shows who is connected, over the table of real conversations.

use std::process::{Command, Output};

use harness::{Options, Socket, Stack, switchboard};
use serde_json::Value;

const SECRET: &str = "connections of the test, a long secret";

/// `{"sub":"alice"}`, signed with it (HS256).
const TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.hEV2NbBbUl4gxUPbbdVv8a2cpn_oh2bg2lkK6G54jMo";

/// Runs the command with the endpoint and the credentials that the AWS SDK reads by itself.
fn connections(stack: &Stack, arguments: &[&str]) -> Output {
    let mut command = Command::new(switchboard());
    command.arg("connections").args(arguments).env("AWS_ENDPOINT_URL", stack.sdk().endpoint_url().unwrap());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env(name, "local");
    }
    command.env("AWS_REGION", "us-east-1").output().unwrap()
}

/// The lines of JSON, each as its connection's channels and user.
#[track_caller]
fn check(stack: &Stack, arguments: &[&str], expected: &[(&[&str], Option<&str>)]) {
    let output = connections(stack, &[arguments, &["--json"]].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    let lines: Vec<Value> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let channels = line["channels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            (channels.collect::<Vec<_>>(), line["user"].as_str())
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(channels, user)| (channels.to_vec(), *user)).collect();
    assert_eq!(shown, expected, "{arguments:?}");
}

/// A client that is connected and subscribed.
async fn client(stack: &Stack, token: Option<&str>, channels: &[&str]) -> Socket {
    let mut client = stack.connect().await;
    let token = token.map_or_else(String::new, |token| format!(r#""token":"{token}""#));
    client.ask(&format!(r#"{{"id":1,"connect":{{{token}}}}}"#)).await;
    for (id, channel) in (2..).zip(channels) {
        client.send(&format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#)).await;
        while !client.text().await.contains(&format!("\"id\":{id},")) {}
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_shown_all_by_channel_and_by_user() {
    let secret = ("TokenSecret", SECRET.to_owned());
    let stack = Stack::with(Options { parameters: vec![secret], ..Options::default() }).await;
    check(&stack, &[], &[]);
    let first = client(&stack, Some(TOKEN), &["room:1", "room:2"]).await;
    let second = client(&stack, None, &["room:2"]).await;
    let (alice, anonymous): ((&[&str], _), (&[&str], _)) =
        ((&["room:1", "room:2"], Some("alice")), (&["room:2"], None));
    check(&stack, &[], &[alice, anonymous]);
    check(&stack, &["--channel", "room:1"], &[alice]);
    check(&stack, &["--channel", "room:2"], &[alice, anonymous]);
    check(&stack, &["--channel", "room:3"], &[]);
    check(&stack, &["--user", "alice", "--table", "SWITCHBOARD"], &[alice]);
    check(&stack, &["--user", "bob"], &[]);

    let output = connections(&stack, &["--channel", "room:2", "--limit", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    // Which of them depends on their ids.
    assert!(text.starts_with("Connection"), "{text}");
    assert!(text.contains("\n1 connection, and there may be more: see --limit. Read units: "), "{text}");
    let output = connections(&stack, &["--table", "other"]);
    let error = String::from_utf8(output.stderr).unwrap();
    let expected =
        format!("error: there is no table whose name has `other` in it; there are: {}\n", stack.table());
    assert_eq!(error, expected);

    first.close(None).await;
    second.close(None).await;
    let gone = |lines: &[Value]| {
        let ends = lines.iter().filter(|line| line["eventType"] == "DISCONNECT");
        (ends.count() == 2).then_some(())
    };
    stack.logs().wait("/aws/lambda", gone).await;
    check(&stack, &[], &[]);
    stack.stop().await;
}
