//! The README keeps its word.

use std::collections::BTreeMap;

use harness::{Stack, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_two_commands_stand_within_the_first_thirty_lines() {
    let text = readme();
    let start = text.lines().take(30).collect::<Vec<_>>().join("\n");
    assert!(start.contains("$ cargo run") && start.contains("`cargo test`"));
}

/// Replays the transcript: what `>` sends is answered as `<` says. `[id]` and `[epoch]` are any
/// text, the same one everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_transcript_is_what_happens() {
    let stack = Stack::start().await;
    let mut client = stack.connect().await;
    let (mut sent, mut seen, mut names) = (0, 0, BTreeMap::new());
    for line in readme().lines() {
        if let Some(text) = line.strip_prefix("> {") {
            client.send(&format!("{{{text}")).await;
            sent += 1;
        } else if let Some(expected) = line.strip_prefix("< ") {
            let frame = client.text().await;
            assert_eq!(named(&frame, expected, &mut names), expected);
            seen += 1;
        }
    }
    assert_eq!((sent, seen), (3, 5), "the transcript is found");
    drop(client);
    stack.stop().await;
}

/// The frame with the texts that the placeholders stand for put in their place.
fn named(frame: &str, expected: &str, names: &mut BTreeMap<&str, String>) -> String {
    let mut frame = frame.to_owned();
    for name in ["[id]", "[epoch]"] {
        if let (Some(at), false) = (expected.find(name), names.contains_key(name)) {
            let text = frame[at..].split('"').next().unwrap().to_owned();
            names.insert(name, text);
        }
        frame = names.get(name).map_or(frame.clone(), |text| frame.replace(text.as_str(), name));
    }
    frame
}

#[test]
fn the_files_that_it_names_are_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<_> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(files.len() > 10, "the links are found");
    for file in files {
        assert!(root().join(file).exists(), "{file}");
    }
}
