//! The slow and obvious evaluator of commands over many rows: `join`, `appendcols`, `lookup`,
//! `addtotals`, `sessionize` and `outlier`, on generated logs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Line, RANGE, START, compiled, run_bound, text};

/// One event: whose it is, a number, and its minute.
#[derive(Debug, Clone)]
struct Entry {
    who: Option<&'static str>,
    number: Option<i32>,
    minute: i64,
}

const PEOPLE: [&str; 4] = ["ann", "bo", "7", "007"];

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry =
        (prop::option::of(prop::sample::select(&PEOPLE[..])), prop::option::of(-20..100_i32), 0..60_i64);
    prop::collection::vec(entry.prop_map(|(who, number, minute)| Entry { who, number, minute }), 0..25)
}

/// Events of a group, numbered so that none are of one time.
fn written(group: &str, entries: &[Entry]) -> Vec<Line> {
    let line = |(place, entry): (usize, &Entry)| {
        let who = entry.who.map(|who| format!(r#","who":"{who}""#)).unwrap_or_default();
        let number = entry.number.map(|number| format!(r#","n":{number}"#)).unwrap_or_default();
        Line {
            group: group.to_owned(),
            stream: "s".to_owned(),
            timestamp: time(place, entry),
            message: format!(r#"{{"id":{place}{who}{number}}}"#),
        }
    };
    entries.iter().enumerate().map(line).collect()
}

fn time(place: usize, entry: &Entry) -> i64 {
    START + entry.minute * 60_000 + i64::try_from(place).unwrap()
}

/// Places from the newest event to the oldest.
fn newest_first(entries: &[Entry]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..entries.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(time(*place, &entries[*place])));
    places
}

/// Equal as the language compares: numbers by value.
fn same(left: &str, right: &str) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    }
}

fn ask(query: &str, lines: &[Line], tables: &[(&str, &str)]) -> String {
    text(&run_bound(&compiled(query, tables), RANGE, lines, true))
}

fn cell(name: &str, value: Option<impl ToString>) -> Option<String> {
    value.map(|value| format!("{name}={}", value.to_string()))
}

fn row(cells: impl IntoIterator<Item = Option<String>>) -> String {
    cells.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn joins(left in entries(), right in entries(), outer in any::<bool>()) {
        let kind = if outer { "left" } else { "inner" };
        let query = format!(
            "filter @source.log = \"l\" | join type={kind} left=a right=b where a.who = b.who (SOURCE 'r' | filter n > 0) \
             | display a.id, b.id"
        );
        let mut lines = written("l", &left);
        lines.extend(written("r", &right));
        let mut expected = Vec::new();
        for place in newest_first(&left) {
            let mut partners: Vec<Option<usize>> = newest_first(&right)
                .into_iter()
                .filter(|other| right[*other].number.is_some_and(|number| number > 0))
                .filter(|other| left[place].who.zip(right[*other].who).is_some_and(|(a, b)| same(a, b)))
                .map(Some)
                .collect();
            if partners.is_empty() && outer {
                partners.push(None);
            }
            expected.extend(partners.into_iter().map(|other| row([cell("a.id", Some(place)), cell("b.id", other)])));
        }
        prop_assert_eq!(ask(&query, &lines, &[]), expected.join("\n"));
    }

    #[test]
    fn appended_columns(left in entries(), right in entries(), most in 1..30_usize) {
        let query = format!(
            "filter @source.log = \"l\" | fields id | appendcols max={most} (SOURCE 'r' | fields n | filter ispresent(n))"
        );
        let mut lines = written("l", &left);
        lines.extend(written("r", &right));
        let mut others = newest_first(&right).into_iter().filter_map(|place| right[place].number).take(most);
        let expected: Vec<String> = newest_first(&left)
            .into_iter()
            .map(|place| row([cell("id", Some(place)), cell("n", others.next())]))
            .collect();
        prop_assert_eq!(ask(&query, &lines, &[]), expected.join("\n"));
    }

    #[test]
    fn lookups(rows in entries(), keys in prop::collection::vec(prop::sample::select(&PEOPLE[..]), 0..4)) {
        let csv: String = keys.iter().enumerate().map(|(place, who)| format!("{who},v{place}\n")).collect();
        let csv = format!("key,value\n{csv}");
        let query = "lookup t key as who OUTPUT value | display id, value";
        let expected: Vec<String> = newest_first(&rows)
            .into_iter()
            .map(|place| {
                let found = keys.iter().position(|key| Some(*key) == rows[place].who);
                row([cell("id", Some(place)), cell("value", found.map(|found| format!("v{found}")))])
            })
            .collect();
        prop_assert_eq!(ask(query, &written("l", &rows), &[("t", &csv)]), expected.join("\n"));
    }

    #[test]
    fn totals(rows in entries()) {
        let query = "fields id, n | addtotals col=true";
        let mut expected = Vec::new();
        let (mut ids, mut numbers) = (0, None);
        for place in newest_first(&rows) {
            let id = i32::try_from(place).unwrap();
            let number = rows[place].number;
            ids += id;
            numbers = number.map(|number| number + numbers.unwrap_or(0)).or(numbers);
            let total = id + number.unwrap_or(0);
            expected.push(row([cell("id", Some(id)), cell("n", number), cell("Total", Some(total))]));
        }
        if !rows.is_empty() {
            let total = ids + numbers.unwrap_or(0);
            expected.push(row([cell("id", Some(ids)), cell("n", numbers), cell("Total", Some(total))]));
        }
        prop_assert_eq!(ask(query, &written("l", &rows), &[]), expected.join("\n"));
    }

    #[test]
    fn sessions(rows in entries(), minutes in 1..30_i64) {
        let query = format!("sessionize who maxspan {minutes}m | display id, session_id");
        let mut open: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
        let mut found: BTreeMap<usize, u32> = BTreeMap::new();
        let mut count = 0;
        for place in newest_first(&rows).into_iter().rev() {
            let Some(who) = rows[place].who else { continue };
            let now = time(place, &rows[place]);
            let session = match open.get(who) {
                Some((last, session)) if now - last <= minutes * 60_000 => *session,
                _ => {
                    count += 1;
                    count
                }
            };
            open.insert(who, (now, session));
            found.insert(place, session);
        }
        let expected: Vec<String> = newest_first(&rows)
            .into_iter()
            .map(|place| row([cell("id", Some(place)), cell("session_id", found.get(&place))]))
            .collect();
        prop_assert_eq!(ask(&query, &written("l", &rows), &[]), expected.join("\n"));
    }

    #[test]
    fn outliers(rows in entries(), factor in 0..4_i32, lower in any::<bool>()) {
        let query = format!("fields id, n | outlier action=remove param={factor} uselower={lower} n | display id");
        let mut numbers: Vec<i32> = rows.iter().filter_map(|entry| entry.number).collect();
        numbers.sort_unstable();
        let quartile = |part: usize| numbers.get((numbers.len() * part).div_ceil(4).max(1) - 1).copied();
        let bounds = quartile(1).zip(quartile(3)).map(|(first, third)| {
            let reach = factor * (third - first);
            (if lower { first - reach } else { i32::MIN }, third + reach)
        });
        let fits = |number: i32| bounds.is_none_or(|(least, greatest)| (least..=greatest).contains(&number));
        let expected: Vec<String> = newest_first(&rows)
            .into_iter()
            .filter(|place| rows[*place].number.is_none_or(fits))
            .map(|place| row([cell("id", Some(place))]))
            .collect();
        prop_assert_eq!(ask(&query, &written("l", &rows), &[]), expected.join("\n"));
    }
}
