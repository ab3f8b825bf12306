//! The documents that promise something keep their word.

use std::collections::BTreeSet;
use std::path::Path;

use harness::{Options, Socket, Stack, root};
use serde_json::{Value, json};

pub(crate) fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The cells of a document's tables, without their heads.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| line.starts_with("| ");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(is_row).map(cells).collect()
}

/// `module::function` of every test under a folder, the module being the file's or its folder's.
fn tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, names);
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let module = if stem == "tests" { folder.file_name().unwrap().to_str().unwrap() } else { stem };
        let mut attributed = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                attributed = true;
            } else if attributed && let Some((_, rest)) = line.split_once("fn ") {
                names.insert(format!("{module}::{}", rest.split('(').next().unwrap()));
                attributed = false;
            }
        }
    }
}

#[test]
fn every_guarantee_names_a_test_that_is_there() {
    let mut names = BTreeSet::new();
    tests(&root().join("shared/src"), &mut names);
    let mut guarantees = 0;
    for row in rows(&document("GUARANTEES.md")) {
        let [guarantee, test] = &row[..] else { panic!("{row:?}") };
        if guarantee == "guarantee" {
            continue;
        }
        guarantees += 1;
        let named: Vec<_> = test.split('`').filter(|name| name.contains("::")).collect();
        assert!(!named.is_empty(), "no test holds: {guarantee}");
        for name in named {
            assert!(names.contains(name), "{name} is not there");
        }
    }
    assert!(guarantees > 15, "{guarantees}");
}

pub(crate) const NAMESPACES: &str = r#"{
    "plain": {"allow_subscribe_for_client": true, "allow_publish_for_client": true},
    "log": {"allow_subscribe_for_client": true, "allow_publish_for_client": true, "history_size": 10,
            "history_ttl": "1h", "force_recovery": true, "allow_history_for_subscriber": true},
    "queue": {"allow_subscribe_for_client": true, "allow_publish_for_client": true, "history_size": 10,
              "history_ttl": "1h", "ordered": true}
}"#;

/// Three commands, but for the first one's beginning and the last one's end.
const THREE: &str = concat!(
    r#""subscribe":{"channel":"plain:2"}}"#,
    "\n",
    r#"{"id":98,"subscribe":{"channel":"plain:3"}}"#,
    "\n",
    r#"{"id":99,"subscribe":{"channel":"plain:4"}"#
);

/// Sends a command and waits until its reply has come, in whatever frame.
async fn ask(client: &mut Socket, id: u32, command: &str) {
    client.send(&format!(r#"{{"id":{id},{command}}}"#)).await;
    while !client.text().await.contains(&format!("\"id\":{id},")) {}
}

fn of(lines: &[Value], event: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["eventType"] == event).cloned().collect()
}

/// Asks, and waits until the invocation has ended: its reply may come before that, and the next frame would
/// meet what it still does, in another environment.
async fn settled(stack: &Stack, client: &mut Socket, id: u32, command: &str) {
    let frames = |lines: &[Value]| of(lines, "MESSAGE").len();
    let before = frames(&stack.logs().lines("/aws/lambda"));
    ask(client, id, command).await;
    stack.logs().wait("/aws/lambda", |lines| (frames(lines) > before).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_units_of_every_operation_are_those_of_the_table() {
    let namespaces = NAMESPACES.replace('\n', "");
    let stack =
        Stack::with(Options { parameters: vec![("Namespaces", namespaces)], ..Options::default() }).await;
    let mut first = stack.connect().await;
    settled(&stack, &mut first, 1, r#""connect":{}"#).await;
    settled(&stack, &mut first, 2, r#""publish":{"channel":"log:1","data":1}"#).await;
    settled(&stack, &mut first, 3, r#""publish":{"channel":"queue:1","data":1}"#).await;
    first.close(None).await;

    let mut client = stack.connect().await;
    let commands = [
        ("`connect`", r#""connect":{}"#),
        ("`subscribe` to `plain`", r#""subscribe":{"channel":"plain:1"}"#),
        ("`subscribe` to `log`", r#""subscribe":{"channel":"log:1"}"#),
        ("`subscribe` to 3 more like `plain`, in one frame", THREE),
        ("`publish` to `plain`", r#""publish":{"channel":"plain:1","data":1}"#),
        ("`publish` to `log`", r#""publish":{"channel":"log:1","data":1}"#),
        ("`subscribe` to `queue`", r#""subscribe":{"channel":"queue:1"}"#),
        ("`publish` to `queue`", r#""publish":{"channel":"queue:1","data":1}"#),
        ("`history` of `log`, 2 publications", r#""history":{"channel":"log:1","limit":5}"#),
        ("`unsubscribe` from `plain`", r#""unsubscribe":{"channel":"plain:1"}"#),
        ("`unsubscribe` from `queue`", r#""unsubscribe":{"channel":"queue:1"}"#),
    ];
    for (id, (_, command)) in (1..).zip(commands) {
        settled(&stack, &mut client, id, command).await;
    }
    client.close(None).await;
    let mut whole = stack.connect().await;
    ask(&mut whole, 101, &format!("\"connect\":{{}}}}\n{{\"id\":102,{THREE}")).await;
    whole.close(None).await;

    let lives = |lines: &[Value]| (lines.len() == 3 * 2 + 3 + commands.len() + 1).then(|| lines.to_vec());
    let lines = stack.logs().wait("/aws/lambda", lives).await;
    let units = |operation: &str, line: &Value| {
        let number = |name: &str| line[name].as_f64().unwrap().to_string();
        vec![operation.to_owned(), number("WriteUnits"), number("ReadUnits")]
    };
    let [_, second, third] = of(&lines, "CONNECT").try_into().unwrap();
    let mut measured = vec![units("`$connect`", &second)];
    let frames = of(&lines, "MESSAGE").split_off(3);
    measured.extend(commands.iter().zip(&frames).map(|((operation, _), line)| units(operation, line)));
    let ended =
        of(&lines, "DISCONNECT").into_iter().find(|line| line["connectionId"] == second["connectionId"]);
    measured.push(units("`$disconnect` with 4 channels", &ended.unwrap()));
    let life = lines.iter().filter(|line| line["connectionId"] == third["connectionId"]);
    let sum = |name: &str| life.clone().filter_map(|line| line[name].as_f64()).sum::<f64>();
    let sums = json!({"WriteUnits": sum("WriteUnits"), "ReadUnits": sum("ReadUnits")});
    assert!(sum("WriteUnits") <= 9.0 + 2.0 * 3.0);
    measured.push(units("whole life with 3 channels, subscribed to in one frame", &sums));
    let table = rows(&document("COST.md"));
    let table: Vec<_> = table.into_iter().skip(1).take(measured.len()).collect();
    assert_eq!(measured, table);
    stack.stop().await;
}

/// Whether a line is one of the messages that the protocol's document describes.
struct Protocol(Value);

impl Protocol {
    fn read() -> Self {
        Self(serde_json::from_str(&document("shared/protocol.asyncapi.json")).unwrap())
    }

    /// Why the line is none of these messages.
    fn fault(&self, messages: &[&str], line: &str) -> Option<String> {
        let payload = |message: &&str| self.0["components"]["messages"][message]["payload"].clone();
        let any: Vec<_> = messages.iter().map(payload).collect();
        let schema = json!({"anyOf": any, "components": self.0["components"]});
        let validator = jsonschema::validator_for(&schema).unwrap();
        validator.validate(&serde_json::from_str(line).unwrap()).err().map(|error| error.to_string())
    }

    #[track_caller]
    fn check(&self, messages: &[&str], line: &str) {
        assert_eq!(self.fault(messages, line), None, "{line}");
    }
}

/// Every command, and some that are refused. `EPOCH` stands for that of `queue:1`.
const CONVERSATION: [&str; 18] = [
    r#""connect":{"name":"js"}"#,
    r#""subscribe":{"channel":"lobby:1","join_leave":true}"#,
    r#""subscribe":{"channel":"lobby:1"}"#,
    r#""subscribe":{"channel":"queue:1"}"#,
    r#""publish":{"channel":"queue:1","data":{"a":[1,null]}}"#,
    r#""publish":{"channel":"lobby:1","data":"text"}"#,
    r#""unsubscribe":{"channel":"queue:1"}"#,
    r#""subscribe":{"channel":"queue:1","recover":true,"epoch":"EPOCH","offset":0}"#,
    r#""history":{"channel":"queue:1","limit":-1}"#,
    r#""history":{"channel":"queue:1","limit":1,"since":{"epoch":"EPOCH","offset":1},"reverse":true}"#,
    r#""presence":{"channel":"lobby:1"}"#,
    r#""presence_stats":{"channel":"lobby:1"}"#,
    r#""ping":{}"#,
    r#""rpc":{"method":"none"}"#,
    r#""subscribe":{"channel":"unknown:1"}"#,
    r#""sub_refresh":{"channel":"queue:1","token":"none"}"#,
    r#""subscribe":{"channel":"denied:1"}"#,
    r#""refresh":{"token":"none"}"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_as_the_protocols_document_says() {
    let protocol = Protocol::read();
    let namespaces = r#"{"denied":{},
        "lobby":{"allow_subscribe_for_client":true,"allow_publish_for_client":true,"presence":true,"join_leave":true,
                 "allow_presence_for_subscriber":true},
        "queue":{"allow_subscribe_for_client":true,"allow_publish_for_client":true,"history_size":10,"history_ttl":"1h",
                 "allow_history_for_subscriber":true,"ordered":true}}"#
        .replace('\n', "");
    let stack =
        Stack::with(Options { parameters: vec![("Namespaces", namespaces)], ..Options::default() }).await;
    let mut client = stack.connect().await;
    let (mut seen, mut epoch) = (Vec::new(), String::new());
    for (id, command) in (1..).zip(CONVERSATION) {
        let command = format!(r#"{{"id":{id},{}}}"#, command.replace("EPOCH", &epoch));
        protocol.check(&["command"], &command);
        client.send(&command).await;
        let is_last =
            |line: &str| line.starts_with(&format!("{{\"id\":{id},")) || line.contains("disconnect");
        loop {
            let frame = client.text().await;
            for line in frame.lines() {
                protocol.check(&["reply", "push"], line);
                let value: Value = serde_json::from_str(line).unwrap();
                if let Some(told) = value["subscribe"]["epoch"].as_str() {
                    told.clone_into(&mut epoch);
                }
                let body = value.get("push").unwrap_or(&value).as_object().unwrap();
                seen.extend(body.keys().filter(|key| !["id", "channel"].contains(&key.as_str())).cloned());
            }
            if frame.lines().any(is_last) {
                break;
            }
        }
        if id == 2 {
            let mut other = stack.connect().await;
            other.send("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"lobby:1\"}}").await;
            other.text().await;
            other.close(None).await;
        }
    }
    seen.sort();
    seen.dedup();
    let all = [
        "connect",
        "disconnect",
        "error",
        "history",
        "join",
        "leave",
        "ping",
        "presence",
        "presence_stats",
        "pub",
        "publish",
        "subscribe",
        "unsubscribe",
    ];
    assert_eq!(seen, all);
    stack.stop().await;
}

#[test]
fn the_protocols_document_refuses_what_is_none_of_it() {
    let protocol = Protocol::read();
    let refused = |message: &str, line: &str| assert!(protocol.fault(&[message], line).is_some(), "{line}");
    refused("command", r#"{"id":0,"ping":{}}"#);
    refused("command", r#"{"id":1}"#);
    refused("command", r#"{"id":1,"ping":{},"connect":{}}"#);
    refused("command", r#"{"id":1,"publish":{"channel":"a b","data":1}}"#);
    refused("reply", r#"{"id":1,"error":{"code":99,"message":""}}"#);
    refused("reply", r#"{"id":1,"publish":{"offset":1}}"#);
    refused("push", r#"{"push":{"channel":"a","pub":{"offset":1}}}"#);
    refused("push", r#"{"push":{"disconnect":{"code":1,"reason":""}}}"#);
}
