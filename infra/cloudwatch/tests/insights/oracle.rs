//! A slow and obvious evaluator: rows are maps of text, nothing is clever. It must agree with the
//! real one on generated logs and queries.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

/// Fields by name; a missing one is not there.
type Row = BTreeMap<&'static str, String>;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Test {
    Compare(&'static str, &'static str, String),
    Like(&'static str, String, bool),
    Present(&'static str),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Test {
    fn write(&self) -> String {
        match self {
            Self::Compare(name, operator, value) => format!("{name} {operator} \"{value}\""),
            Self::Like(name, part, true) => format!("{name} not like \"{part}\""),
            Self::Like(name, part, false) => format!("{name} like \"{part}\""),
            Self::Present(name) => format!("ispresent({name})"),
            Self::Not(inner) => format!("not ({})", inner.write()),
            Self::And(left, right) => format!("({} and {})", left.write(), right.write()),
            Self::Or(left, right) => format!("({} or {})", left.write(), right.write()),
        }
    }

    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Compare(name, operator, value) => row.get(name).is_some_and(|found| {
                let order = match (found.parse::<f64>(), value.parse::<f64>()) {
                    (Ok(found), Ok(value)) => found.partial_cmp(&value).unwrap(),
                    _ => found.cmp(value),
                };
                match *operator {
                    "=" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    _ => order.is_ge(),
                }
            }),
            Self::Like(name, part, negated) => {
                row.get(name).is_some_and(|found| found.contains(part) != *negated)
            }
            Self::Present(name) => row.contains_key(name),
            Self::Not(inner) => !inner.holds(row),
            Self::And(left, right) => left.holds(row) && right.holds(row),
            Self::Or(left, right) => left.holds(row) || right.holds(row),
        }
    }
}

#[derive(Debug, Clone)]
enum End {
    /// `sort name [desc] | limit n`
    Sorted(&'static str, bool, usize),
    /// `dedup name`
    Unique(&'static str),
    /// Aggregates of the first name, by the second.
    Grouped(&'static str, &'static str),
}

/// What `sort` compares: texts before numbers; texts of this test have no digits.
fn key(row: &Row, name: &str) -> (u8, f64, String) {
    match row.get(name) {
        None => (0, 0.0, String::new()),
        Some(found) => match found.parse::<f64>() {
            Ok(number) => (2, number, String::new()),
            Err(_) => (1, 0.0, found.clone()),
        },
    }
}

fn show(row: &Row, id: usize) -> String {
    let cells = NAMES.iter().filter_map(|name| Some(format!(" | {name}={}", row.get(name)?)));
    format!("id={id}{}", cells.collect::<String>())
}

fn expected(rows: &[Row], test: &Test, end: &End) -> String {
    // The newest first.
    let mut kept: Vec<(usize, &Row)> =
        rows.iter().enumerate().rev().filter(|(_, row)| test.holds(row)).collect();
    match end {
        End::Sorted(name, descending, limit) => {
            kept.sort_by(|(_, left), (_, right)| {
                let order = key(left, name).partial_cmp(&key(right, name)).unwrap();
                if *descending { order.reverse() } else { order }
            });
            kept.truncate(*limit);
        }
        End::Unique(name) => {
            let mut seen = BTreeSet::new();
            kept.retain(|(_, row)| row.get(name).is_none_or(|found| seen.insert(found.clone())));
        }
        End::Grouped(of, by) => return grouped(&kept, of, by),
    }
    kept.into_iter().map(|(id, row)| show(row, id)).collect::<Vec<_>>().join("\n")
}

fn grouped(kept: &[(usize, &Row)], of: &str, by: &str) -> String {
    let mut groups: Vec<(Option<&String>, Vec<&Row>)> = Vec::new();
    for (_, row) in kept {
        match groups.iter_mut().find(|(group, _)| *group == row.get(by)) {
            Some((_, members)) => members.push(row),
            None => groups.push((row.get(by), vec![row])),
        }
    }
    groups.sort_by(|(_, left), (_, right)| key(left[0], by).partial_cmp(&key(right[0], by)).unwrap());
    let line = |(group, members): (Option<&String>, Vec<&Row>)| {
        let mut numbers: Vec<f64> = members.iter().filter_map(|row| row.get(of)?.parse().ok()).collect();
        let different: BTreeSet<_> = members.iter().filter_map(|row| row.get(of)).collect();
        numbers.sort_by(f64::total_cmp);
        let mut cells: Vec<String> = group.map(|group| format!("{by}={group}")).into_iter().collect();
        cells.push(format!("n={}", members.len()));
        cells.push(format!("u={}", different.len()));
        if !numbers.is_empty() {
            let rank = numbers.len().div_ceil(2).max(1);
            cells.push(format!("s={}", numbers.iter().sum::<f64>()));
            cells.push(format!("p={}", numbers[rank - 1]));
        }
        cells.join(" | ")
    };
    groups.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn query(test: &Test, end: &End) -> String {
    let filter = test.write();
    match end {
        End::Sorted(name, descending, limit) => {
            let direction = if *descending { "desc" } else { "asc" };
            format!("fields id, a, b, c | filter {filter} | sort {name} {direction} | limit {limit}")
        }
        End::Unique(name) => format!("fields id, a, b, c | filter {filter} | dedup {name}"),
        End::Grouped(of, by) => format!(
            "filter {filter} | stats count(*) as n, countDistinct({of}) as u, sum({of}) as s, pct({of}, 50) as p by {by}"
        ),
    }
}

fn messages(rows: &[Row]) -> Vec<String> {
    let member = |(name, value): (&&str, &String)| match value.parse::<f64>() {
        Ok(_) => format!(r#","{name}":{value}"#),
        Err(_) => format!(r#","{name}":"{value}""#),
    };
    let line =
        |(id, row): (usize, &Row)| format!(r#"{{"id":{id}{}}}"#, row.iter().map(member).collect::<String>());
    rows.iter().enumerate().map(line).collect()
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn cell() -> impl Strategy<Value = String> {
    prop::sample::select(&["1", "2", "10", "-3", "x", "xy", "z", "ERROR"][..]).prop_map(str::to_owned)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(prop::collection::btree_map(name(), cell(), 0..=3), 0..40)
}

fn test() -> impl Strategy<Value = Test> {
    let leaf = prop_oneof![
        (name(), prop::sample::select(&["=", "!=", "<", ">="][..]), cell())
            .prop_map(|(name, operator, value)| Test::Compare(name, operator, value)),
        (name(), cell(), any::<bool>()).prop_map(|(name, part, negated)| Test::Like(name, part, negated)),
        name().prop_map(Test::Present),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Test::Not(Box::new(inner))),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| Test::And(Box::new(l), Box::new(r))),
            (inner.clone(), inner).prop_map(|(l, r)| Test::Or(Box::new(l), Box::new(r))),
        ]
    })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        (name(), any::<bool>(), 1..20_usize)
            .prop_map(|(name, descending, limit)| End::Sorted(name, descending, limit)),
        name().prop_map(End::Unique),
        (name(), name()).prop_map(|(of, by)| End::Grouped(of, by)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_obvious_evaluator_agrees(rows in rows(), test in test(), end in end()) {
        let query = query(&test, &end);
        let messages = messages(&rows);
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        prop_assert_eq!(super::run(&query, &messages), expected(&rows, &test, &end), "{}", query);
    }
}
