//! `switchboard publish` and `switchboard load`, as a user runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::root;
use rustix::process::Signal;
use serde_json::Value;

use crate::up::{Up, switchboard};

/// A folder in which `up` runs this repository's template.
struct Place {
    folder: PathBuf,
    up: Up,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let template = root().join("infra/template.yaml");
        let arguments = [&Up::ARGUMENTS[..], &["--template", template.to_str().unwrap()]].concat();
        let up = Up::run(&mut command(&folder, &arguments));
        Self { folder, up }
    }

    /// The exit status, standard output and standard error of a command in the folder.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = command(&self.folder, arguments).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    #[track_caller]
    fn check(&self, arguments: &[&str], expected: (i32, &str, &str)) {
        let (code, out, error) = self.run(arguments);
        assert_eq!((code, out.as_str(), error.as_str()), (Some(expected.0), expected.1, expected.2));
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = switchboard(arguments);
    command.current_dir(folder).env("XDG_RUNTIME_DIR", folder).env_remove("SWITCHBOARD_API_KEY");
    command
}

#[test]
fn publish_goes_through_the_server_api() {
    let place = Place::new("publish");
    let local = ["publish", "--local", "room:1"];
    let with = |more: &[&'static str]| [&local[..], more].concat();
    place.check(&with(&[r#"{"n":1}"#]), (0, "Published to room:1, offset 1.\n", ""));
    place.check(&with(&["-7", "--skip-history"]), (0, "Published to room:1.\n", ""));
    for _ in 0..2 {
        let (code, out, _) = place.run(&with(&["2", "--json", "--idempotency-key", "k"]));
        let result: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &result["offset"]), (Some(0), &Value::from(2)));
    }
    let (code, _, error) = place.run(&with(&["hello"]));
    assert_eq!(code, Some(1));
    assert!(error.starts_with("error: the data is not JSON (") && error.ends_with("'\"text\"'\n"), "{error}");
    place.check(
        &["publish", "--local", "nowhere:1", "1"],
        (1, "", "error: not published: unknown channel: the namespace is not configured (code 102)\n"),
    );
    let http = place.up.text("http").to_owned();
    let url = ["publish", "--url", &http, "room:1", "1"];
    place.check(&[&url[..], &["--key", "local"]].concat(), (0, "Published to room:1, offset 3.\n", ""));
    place.check(
        &[&url[..], &["--key", "wrong"]].concat(),
        (1, "", "error: the server API does not take the key\n"),
    );
    let no_key =
        "error: the server API needs a key; give it with --key, or in the variable SWITCHBOARD_API_KEY\n";
    place.check(&url, (1, "", no_key));
    let (_, _, error) = place.run(&["publish", "--url", "http://127.0.0.1:1", "--key", "k", "room:1", "1"]);
    assert!(error.starts_with("error: http://127.0.0.1:1/api/publish cannot be reached: "), "{error}");
    assert_eq!(place.run(&["publish", "room:1", "1"]).0, Some(2), "neither --url nor --local");
    assert_eq!(place.up.stop(Signal::TERM), Some(0));
}

#[test]
fn load_tells_what_came_of_it() {
    let place = Place::new("load");
    let svg = place.folder.join("load.svg");
    let small = ["load", "--local", "--connections", "6", "--connect-rate", "50", "--duration", "1s"];
    let rest = ["--channels", "2", "--rate", "20", "--size", "300", "--json", "--svg", svg.to_str().unwrap()];
    let (code, out, error) = place.run(&[&small[..], &rest].concat());
    assert_eq!(code, Some(0), "{error}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["connections"]["opened"], 6);
    let sent = told["publications"]["sent"].as_u64().unwrap();
    assert!((1..=25).contains(&sent), "{told}");
    assert_eq!(told["publications"]["accepted"], sent);
    // Three of the six are in either channel.
    assert_eq!(told["deliveries"]["expected"], 3 * sent);
    assert_eq!(told["deliveries"]["received"], 3 * sent);
    assert_eq!(told["errors"], serde_json::json!({}));
    assert!(told["deliveries"]["latency"]["p99"].as_f64() > Some(0.0));
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg "));

    let (code, out, _) = place.run(&[&small[..], &["--rate", "5", "--channel", "nowhere:1"]].concat());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let (_, out, error) = place.run(&[&small[..], &["--rate", "5"]].concat());
    assert!(out.starts_with("Connections   6 of 6 in ") && out.contains(", 0 lost\n"), "{out} {error}");
    let (_, _, error) = place.run(&["load", "--url", "ws://127.0.0.1:1", "--connections", "1"]);
    assert_eq!(error, "error: no connection could be opened: connection refused\n");
    assert_eq!(place.up.stop(Signal::TERM), Some(0));
}
