//! `parse` at work. A text that does not match leaves the fields empty and the row in place.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memmem;

use super::row::Row;
use super::steps::own;
use crate::insights::expr::Context;
use crate::insights::plan::{Extract, Way};
use crate::insights::tree::Tree;
use crate::insights::value::Value;

/// Matches of one text that `multi` makes rows of.
const MOST_MATCHES: usize = 10_000;

type Set<'a> = Vec<(usize, Value<'a>)>;

/// Fills the row; gives the sets of values instead when the row becomes several.
pub(super) fn run<'a>(extract: &Extract, context: &Context, row: &mut Row<'a>) -> Option<Vec<Set<'a>>> {
    let of = own(&extract.of, row, context);
    if let (Way::Json(path, slot), Value::Tree(tree)) = (&extract.way, &of) {
        let found = tree.at(path).map_or(Value::Null, Tree::to_value);
        row.set(*slot, found);
        return None;
    }
    let set = match of.into_text()? {
        Cow::Borrowed(text) => match &extract.way {
            Way::Regex { multi: true, .. } => return multi(extract, text, Value::text),
            way => single(way, text, Value::text),
        },
        Cow::Owned(text) => match &extract.way {
            Way::Regex { multi: true, .. } => {
                return multi(extract, &text, |part| Value::text(part.to_owned()));
            }
            way => single(way, &text, |part| Value::text(part.to_owned())),
        },
    };
    for (slot, value) in set {
        row.set(slot, value);
    }
    None
}

fn single<'t, 'a>(way: &Way, text: &'t str, value: impl Fn(&'t str) -> Value<'a>) -> Set<'a> {
    match way {
        Way::Glob { literals, slots } => {
            let parts = glob(literals, text).unwrap_or_default();
            slots.iter().copied().zip(parts.into_iter().map(value)).collect()
        }
        Way::Regex { regex, groups, .. } => match regex.captures(text) {
            Some(found) => {
                let group = |at: &usize| found.get(*at).map_or(Value::Null, |part| value(part.as_str()));
                groups.iter().map(|(at, slot)| (*slot, group(at))).collect()
            }
            None => Vec::new(),
        },
        Way::Logfmt(slot) => match logfmt(text) {
            Some(map) => vec![(*slot, Value::Tree(Arc::new(map)))],
            None => Vec::new(),
        },
        Way::Csv(slots) => slots.iter().copied().zip(csv(text).into_iter().map(Value::text)).collect(),
        Way::Json(path, slot) => {
            let found = Tree::parse(text).and_then(|tree| Some(tree.at(path)?.to_value()));
            found.map(|value| vec![(*slot, value)]).unwrap_or_default()
        }
    }
}

/// A row for each match; without one the row stays as it is.
fn multi<'t, 'a>(
    extract: &Extract,
    text: &'t str,
    value: impl Fn(&'t str) -> Value<'a>,
) -> Option<Vec<Set<'a>>> {
    let Way::Regex { regex, groups, .. } = &extract.way else { return None };
    let sets: Vec<Set<'a>> = regex
        .captures_iter(text)
        .take(MOST_MATCHES)
        .map(|found| {
            let group = |at: &usize| found.get(*at).map_or(Value::Null, |part| value(part.as_str()));
            groups.iter().map(|(at, slot)| (*slot, group(at))).collect()
        })
        .collect();
    if sets.is_empty() { None } else { Some(sets) }
}

/// What the stars stand for: each the shortest run up to the next literal text, a last one the
/// whole rest, a first one from the start.
fn glob<'t>(literals: &[String], text: &'t str) -> Option<Vec<&'t str>> {
    let (first, rest) = literals.split_first()?;
    let mut at = memmem::find(text.as_bytes(), first.as_bytes())? + first.len();
    let mut parts = Vec::with_capacity(rest.len());
    for (place, literal) in rest.iter().enumerate() {
        let tail = text.get(at..)?;
        let last = place + 1 == rest.len();
        let length = if last && literal.is_empty() {
            tail.len()
        } else {
            memmem::find(tail.as_bytes(), literal.as_bytes())?
        };
        parts.push(tail.get(..length)?);
        at += length + literal.len();
    }
    Some(parts)
}

/// `key=value key="two words" flag`: a map, when there is at least one pair.
fn logfmt(text: &str) -> Option<Tree> {
    let mut members = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|found: char| found == '=' || found.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end)?;
        rest = match after.strip_prefix('=') {
            Some(value) => {
                let (value, after) = logfmt_value(value);
                if !key.is_empty() {
                    members.push((key.to_owned(), Tree::Text(value)));
                }
                after.trim_start()
            }
            // A word without '=' is no pair.
            None => after.trim_start(),
        };
    }
    if members.is_empty() { None } else { Some(Tree::Map(members)) }
}

fn logfmt_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, found)) = chars.next() {
        match found {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            _ => value.push(found),
        }
    }
    (value, "")
}

/// Columns between commas; in quotes a comma is text and `""` a quote.
fn csv(text: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(found) = chars.next() {
        let Some(column) = columns.last_mut() else { break };
        match found {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                column.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if column.trim().is_empty() => {
                column.clear();
                quoted = true;
            }
            ',' if !quoted => columns.push(String::new()),
            _ => column.push(found),
        }
    }
    columns.into_iter().map(|column| column.trim().to_owned()).collect()
}
