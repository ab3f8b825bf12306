//! The published sample queries over logs made for them: one query a file in `tests/cases`, its
//! result beside it.

use std::path::{Path, PathBuf};

use super::{Line, Range, START, owner, run_over, text};
use cloudwatch::insights::{Execution, Limits, compile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// A file of lines `time stream message`; a line that begins with no time is the group of the next ones.
fn logs(name: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(folder().join("logs").join(format!("{name}.log"))).unwrap();
    let mut group = "";
    let mut lines = Vec::new();
    for line in text.lines() {
        if !line.starts_with(|first: char| first.is_ascii_digit()) {
            group = line;
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        let clock =
            parts.next().unwrap().split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
        lines.push(Line {
            group: group.to_owned(),
            stream: parts.next().unwrap().to_owned(),
            timestamp: START + (clock - 10 * 3600) * 1000,
            message: parts.next().unwrap().replace("\\t", "\t"),
        });
    }
    lines
}

/// From ten to twelve o'clock.
const RANGE: Range = Range { start: START, end: START + 7_200_000 - 1 };

#[test]
fn the_published_sample_queries() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "query"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 68);
    for file in files {
        let query = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        let fixture = query.lines().next().unwrap().trim_start_matches("# logs: ");
        let found = match compile(&query) {
            Ok(_) => text(&run_over(&query, RANGE, &logs(fixture))),
            Err(error) => format!("refused at {}..{}: {error}", error.start, error.end),
        };
        insta::with_settings!(
            { snapshot_path => "../cases", prepend_module_to_snapshot => false, omit_expression => true },
            { insta::assert_snapshot!(name, found) }
        );
    }
}

/// `now()` is the start of the query: the sample of the last two hours sees an hour less an hour later.
#[test]
fn now_is_when_the_query_starts() {
    let query = std::fs::read_to_string(folder().join("52-last-two-hours.query")).unwrap();
    let lines = logs("codes");
    let rows = |now: i64| {
        let mut execution =
            Execution::new(&compile(&query).unwrap(), RANGE, now, &owner(), Limits::default());
        let _ = super::events(&lines).try_for_each(|event| execution.push(&event));
        execution.finish().unwrap().rows.len()
    };
    assert_eq!((rows(START + 7_200_000), rows(START + 2 * 7_200_000)), (2, 0));
}
