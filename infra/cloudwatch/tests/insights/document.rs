//! Holds `INSIGHTS.md` to the tests that it names.

use std::collections::BTreeSet;
use std::path::Path;

/// `module::function` of every function in a folder and below it.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = path.file_stem().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split('(').next());
            found.extend(names.map(|name| format!("{module}::{name}")));
        }
    }
}

#[test]
fn every_decision_names_a_test_that_is_there() {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests/insights"] {
        functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    let text = include_str!("../../INSIGHTS.md");
    let named: Vec<&str> = text.split('`').filter(|part| part.contains("::")).collect();
    for name in &named {
        assert!(found.contains(*name), "{name} is not there");
    }
    assert!(named.len() > 60, "{} names", named.len());
}
