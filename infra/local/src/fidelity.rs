//! Holds `FIDELITY.md` to the tests that it names, here and in `sam`, which reads the templates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// `module::function` of every test in this crate, in `cloudwatch` and in `sam`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut folders = ["src", "../cloudwatch/src", "../sam/src"].map(|folder| here.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                names.extend(tests_of(&path));
            }
        }
    }
    names
}

/// The tests of one file, under its own module if all of it is tests and else under `tests`.
fn tests_of(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let module =
        if text.contains("mod tests {") { "tests" } else { path.file_stem().unwrap().to_str().unwrap() };
    let mut attributed = false;
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attributed = true;
        } else if attributed && let Some((_, rest)) = line.split_once("fn ") {
            names.push(format!("{module}::{}", rest.split('(').next().unwrap()));
            attributed = false;
        }
    }
    names
}

#[test]
fn every_test_that_it_names_is_there_and_every_status_is_one_of_four() {
    let tests = tests();
    let (mut rows, mut named) = (0, 0);
    for line in include_str!("../FIDELITY.md").lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [behaviour, _, test, status] = cells.as_slice() else { continue };
        if *behaviour == "behaviour" {
            continue;
        }
        rows += 1;
        assert!(["as recorded", "as documented", "our choice", "not done"].contains(status), "{line}");
        for name in test.split('`').filter(|name| name.contains("::")) {
            named += 1;
            assert!(tests.contains(name), "{name} is not there");
        }
        assert!(*status != "not done" || *test == "–", "done and not done: {line}");
        assert!(!status.starts_with("as ") || *test != "–", "no test: {line}");
    }
    assert!(rows > 70 && named > 70, "{rows} rows name {named} tests");
}
