//! The house rules that a program can check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use harness::root;
use serde_json::Value;

/// Every edge between our own packages that is allowed, in the words of ARCHITECTURE.md.
const EDGES: [(&str, &[&str]); 14] = [
    ("shared", &[]),
    ("sam", &[]),
    ("cloudwatch", &[]),
    ("api", &["shared"]),
    ("authorizer", &["shared"]),
    ("connect", &["shared"]),
    ("disconnect", &["shared"]),
    ("default", &["shared"]),
    ("sweeper", &["shared"]),
    ("local", &["cloudwatch", "sam"]),
    ("cli", &["cloudwatch", "local", "sam", "shared"]),
    ("e2e", &["cli", "cloudwatch", "local", "sam", "shared"]),
    ("benches", &["cloudwatch", "shared"]),
    ("probe", &[]),
];

/// Lines that a file may have at most.
const MAX_LINES: usize = 600;

/// Every Rust file of the repository.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["functions", "infra", "shared", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "the walk finds the sources: {} files", files.len());
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
}

#[test]
fn arrows_point_down_only() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let edges: BTreeMap<String, BTreeSet<String>> = packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().unwrap().iter().map(name);
            (name(package), all.filter(|dependency| ours.contains(dependency)).collect())
        })
        .collect();
    let allowed: BTreeMap<String, BTreeSet<String>> = EDGES
        .iter()
        .map(|(package, on)| ((*package).to_owned(), on.iter().map(|on| (*on).to_owned()).collect()))
        .collect();
    assert_eq!(edges, allowed);
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} opens with //!", path.display());
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines, {MAX_LINES} are allowed", path.display());
    }
}

#[test]
fn a_functions_main_is_wiring() {
    let mains: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with(root().join("functions")) && path.ends_with("main.rs"))
        .collect();
    assert_eq!(mains.len(), 6);
    for (path, text) in mains {
        assert!(text.lines().count() <= 30, "{} has at most 30 lines", path.display());
    }
}

#[test]
fn shared_does_not_know_that_it_runs_locally() {
    for (path, text) in sources() {
        if path.starts_with(root().join("shared")) {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let told = code.clone().find(|line| line.contains("localhost") || line.contains("127.0.0.1"));
            assert_eq!(told, None, "{}", path.display());
        }
    }
}

/// `shared` has layers; a module uses those below it only.
#[test]
fn modules_of_shared_point_down_only() {
    const LAYERS: [&[&str]; 6] = [
        &["ids", "clock"],
        &["auth", "channel", "model", "protocol"],
        &["telemetry", "ports"],
        &["service"],
        &["adapters"],
        &["lambda"],
    ];
    let layer = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut checked = 0;
    for (path, text) in sources() {
        let Ok(inside) = path.strip_prefix(root().join("shared/src")) else { continue };
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(own) = layer(module) else { continue };
        // Tests may look at anything.
        let code = text.split("#[cfg(test)]").next().unwrap();
        if inside.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for used in code.match_indices("crate::").map(|(at, _)| &code[at + "crate::".len()..]) {
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(other) = layer(&used) {
                assert!(other <= own, "{} uses {used}, which stands above it", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "the check finds the uses: {checked}");
}
