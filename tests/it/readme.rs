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

/// The names at the beginning of the lines of a section of the template.
fn members(section: &str) -> Vec<String> {
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let after = template.split(&format!("\n{section}:\n")).nth(1).unwrap();
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let names =
        lines.filter(|line| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':'));
    names.map(|line| line.trim().trim_end_matches(':').to_owned()).collect()
}

#[test]
fn the_deployment_guide_has_every_parameter_and_a_runbook_for_every_alarm() {
    let guide = std::fs::read_to_string(root().join("infra/README.md")).unwrap();
    let parameters = members("Parameters");
    assert!(parameters.len() > 20, "{parameters:?}");
    for parameter in parameters {
        let row = format!("`{parameter}`");
        assert!(guide.lines().any(|line| line.starts_with("| `") && line.contains(&row)), "{parameter}");
    }
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let alarms: Vec<_> = template.split("AlarmName: !Sub ${AWS::StackName}-").skip(1).collect();
    assert!(alarms.len() > 5, "the alarms are found");
    for alarm in alarms {
        let name = alarm.lines().next().unwrap();
        assert!(guide.contains(&format!("\n### {name}\n\n**Means**")), "{name}");
    }
}
