//! The documents that promise something keep their word.

use std::collections::BTreeSet;
use std::path::Path;

use harness::{Options, Socket, Stack, root};
use serde_json::Value;

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The cells of a document's tables, without their heads.
fn rows(text: &str) -> Vec<Vec<String>> {
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

const NAMESPACES: &str = r#"{
    "plain": {"allow_subscribe_for_client": true, "allow_publish_for_client": true},
    "log": {"allow_subscribe_for_client": true, "allow_publish_for_client": true, "history_size": 10,
            "history_ttl": "1h", "force_recovery": true, "allow_history_for_subscriber": true},
    "queue": {"allow_subscribe_for_client": true, "allow_publish_for_client": true, "history_size": 10,
              "history_ttl": "1h", "ordered": true}
}"#;

/// Sends a command and waits until its reply has come, in whatever frame.
async fn ask(client: &mut Socket, id: u32, command: &str) {
    client.send(&format!(r#"{{"id":{id},{command}}}"#)).await;
    while !client.text().await.contains(&format!("\"id\":{id},")) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_units_of_every_operation_are_those_of_the_table() {
    let namespaces = NAMESPACES.replace('\n', "");
    let stack =
        Stack::with(Options { parameters: vec![("Namespaces", namespaces)], ..Options::default() }).await;
    let mut first = stack.connect().await;
    ask(&mut first, 1, r#""connect":{}"#).await;
    ask(&mut first, 2, r#""publish":{"channel":"log:1","data":1}"#).await;
    ask(&mut first, 3, r#""publish":{"channel":"queue:1","data":1}"#).await;
    first.close(None).await;

    let mut client = stack.connect().await;
    let commands = [
        ("`connect`", r#""connect":{}"#),
        ("`subscribe` to `plain`", r#""subscribe":{"channel":"plain:1"}"#),
        ("`subscribe` to `log`", r#""subscribe":{"channel":"log:1"}"#),
        ("`publish` to `plain`", r#""publish":{"channel":"plain:1","data":1}"#),
        ("`publish` to `log`", r#""publish":{"channel":"log:1","data":1}"#),
        ("`subscribe` to `queue`", r#""subscribe":{"channel":"queue:1"}"#),
        ("`publish` to `queue`", r#""publish":{"channel":"queue:1","data":1}"#),
        ("`history` of `log`, 2 publications", r#""history":{"channel":"log:1","limit":5}"#),
        ("`unsubscribe` from `plain`", r#""unsubscribe":{"channel":"plain:1"}"#),
        ("`unsubscribe` from `queue`", r#""unsubscribe":{"channel":"queue:1"}"#),
    ];
    for (id, (_, command)) in (1..).zip(commands) {
        ask(&mut client, id, command).await;
    }
    client.close(None).await;

    let two_lives = |lines: &[Value]| (lines.len() == 2 * 2 + 3 + commands.len()).then(|| lines.to_vec());
    let lines = stack.logs().wait("/aws/lambda", two_lives).await;
    let of =
        |event: &str| lines.iter().filter(|line| line["eventType"] == event).cloned().collect::<Vec<_>>();
    let units = |operation: &str, line: &Value| {
        let number = |name: &str| line[name].as_f64().unwrap().to_string();
        vec![operation.to_owned(), number("WriteUnits"), number("ReadUnits")]
    };
    let mut measured = vec![units("`$connect`", of("CONNECT").last().unwrap())];
    let frames = of("MESSAGE").split_off(3);
    measured.extend(commands.iter().zip(&frames).map(|((operation, _), line)| units(operation, line)));
    measured.push(units("`$disconnect` with one channel", of("DISCONNECT").last().unwrap()));
    let table = rows(&document("COST.md"));
    let table: Vec<_> = table.into_iter().skip(1).take(measured.len()).collect();
    assert_eq!(measured, table);
    stack.stop().await;
}
