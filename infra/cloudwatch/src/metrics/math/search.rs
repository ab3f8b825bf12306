//! `SEARCH`: metrics by words.
//!
//! "CloudWatch search expression syntax" in the user guide.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluate::Scope;
use super::value::TimeSeries;
use crate::metrics::Series;
use crate::metrics::label::Measured;
use crate::metrics::query::read;
use crate::metrics::statistic::Statistic;

/// Series that a search gives at most.
const MAX_RESULTS: usize = 100;

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 32;

/// What is searched.
#[derive(Debug, PartialEq)]
struct Search {
    /// The namespace and the exact names of dimensions, when they are given.
    schema: Option<(String, BTreeSet<String>)>,
    condition: Condition,
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Term { property: Option<String>, text: String, exact: bool },
}

/// The series that match, in order of their names.
pub(super) fn run(
    text: &str,
    statistic: &Statistic,
    period: i64,
    scope: &Scope<'_>,
) -> Result<Vec<TimeSeries>, String> {
    let search = parse(text)?;
    let mut found: Vec<_> = scope.store.all().into_iter().filter(|series| search.matches(series)).collect();
    found.sort_by(|left, right| left.identity.cmp(&right.identity));
    found.truncate(MAX_RESULTS);
    let one_name = found.windows(2).all(|pair| match pair {
        [left, right] => left.identity.name == right.identity.name,
        _ => true,
    });
    let grid = scope.window.grid(period);
    let series = found.iter().map(|series| {
        let (points, _) = read(series, None, statistic, &grid);
        let (identity, statistic) = (series.identity.clone(), statistic.clone());
        let metric = Some(Arc::new(Measured { identity, statistic, period }));
        TimeSeries { label: label(series, one_name), period, points, metric }
    });
    Ok(series.collect())
}

/// The dimensions' values, and the metric's name where it differs or is all there is.
fn label(series: &Series, one_name: bool) -> String {
    let identity = &series.identity;
    let mut parts: Vec<&str> = identity.dimensions.values().map(String::as_str).collect();
    if !one_name || parts.is_empty() {
        parts.push(&identity.name);
    }
    parts.join(" ")
}

impl Search {
    fn matches(&self, series: &Series) -> bool {
        let identity = &series.identity;
        let in_schema = self.schema.as_ref().is_none_or(|(namespace, dimensions)| {
            identity.namespace == *namespace && identity.dimensions.keys().eq(dimensions)
        });
        in_schema && self.condition.matches(series)
    }
}

impl Condition {
    fn matches(&self, series: &Series) -> bool {
        match self {
            Self::Any(inner) => inner.iter().any(|condition| condition.matches(series)),
            Self::All(inner) => inner.iter().all(|condition| condition.matches(series)),
            Self::Not(inner) => !inner.matches(series),
            Self::Term { property, text, exact } => {
                let is = |value: &str| {
                    if *exact { value.eq_ignore_ascii_case(text) } else { has_words(value, text) }
                };
                let identity = &series.identity;
                match property.as_deref() {
                    Some("MetricName") => is(&identity.name),
                    Some("Namespace") => is(&identity.namespace),
                    Some(name) => identity.dimensions.get(name).is_some_and(|value| is(value)),
                    None => {
                        let mut dimensions =
                            identity.dimensions.iter().flat_map(|(name, value)| [name, value]);
                        is(&identity.name) || is(&identity.namespace) || dimensions.any(|text| is(text))
                    }
                }
            }
        }
    }
}

/// Whether every word of `text` is a word of `value`.
fn has_words(value: &str, text: &str) -> bool {
    let words = words(value);
    let mut wanted = runs(text).peekable();
    wanted.peek().is_some() && wanted.all(|run| words.contains(&run.to_ascii_lowercase()))
}

fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// The words of a name: what lies between other signs than letters and digits, and the parts of
/// those that capitals and digits make.
fn words(value: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for run in runs(value) {
        words.insert(run.to_ascii_lowercase());
        let letters: Vec<char> = run.chars().collect();
        let mut word = String::new();
        for (index, letter) in letters.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| letters.get(index));
            let after = letters.get(index + 1);
            let starts = before.is_some_and(|before| {
                let hump = letter.is_uppercase()
                    && (before.is_lowercase() || after.is_some_and(|after| after.is_lowercase()));
                hump || letter.is_numeric() != before.is_numeric()
            });
            if starts {
                words.insert(std::mem::take(&mut word));
            }
            word.extend(letter.to_lowercase());
        }
        words.insert(word);
    }
    words
}

fn parse(text: &str) -> Result<Search, String> {
    let text = text.trim();
    let (schema, rest) = match text.strip_prefix('{') {
        None => (None, text),
        Some(inside) => {
            let (schema, rest) =
                inside.split_once('}').ok_or("the schema of SEARCH is not closed with `}`")?;
            let mut names = schema.split(',').map(|name| name.trim().trim_matches('"').to_owned());
            let namespace = names.next().filter(|name| !name.is_empty());
            let namespace = namespace.ok_or("the schema of SEARCH begins with a namespace")?;
            (Some((namespace, names.collect())), rest)
        }
    };
    let mut parser = Parser { rest: rest.trim_start(), depth: 0 };
    let condition = parser.any(None)?;
    if !parser.rest.is_empty() {
        return Err(format!("SEARCH does not understand `{}`", parser.rest));
    }
    if schema.is_none() && condition == Condition::All(Vec::new()) {
        return Err("SEARCH has nothing to search for".to_owned());
    }
    Ok(Search { schema, condition })
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self, property: Option<&str>) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("SEARCH is nested too deep".to_owned());
        }
        let mut choices = vec![self.all(property)?];
        while self.word("OR") {
            choices.push(self.all(property)?);
        }
        self.depth -= 1;
        Ok(if choices.len() == 1 { choices.remove(0) } else { Condition::Any(choices) })
    }

    fn all(&mut self, property: Option<&str>) -> Result<Condition, String> {
        let mut parts = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(')') && !self.at_word("OR") {
            // Words beside each other are joined by AND.
            if self.word("AND") {
                continue;
            }
            parts.push(self.part(property)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn part(&mut self, property: Option<&str>) -> Result<Condition, String> {
        if self.word("NOT") {
            if self.rest.is_empty() {
                return Err("SEARCH has a NOT of nothing".to_owned());
            }
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err("SEARCH is nested too deep".to_owned());
            }
            let inner = self.part(property)?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.sign('(') {
            let inner = self.any(property)?;
            return if self.sign(')') { Ok(inner) } else { Err("SEARCH lacks a `)`".to_owned()) };
        }
        let (text, exact) = self.text()?;
        if property.is_none() && self.sign('=') {
            if self.rest.starts_with('(') {
                return self.part(Some(&text));
            }
            let (value, exact) = self.text()?;
            return Ok(Condition::Term { property: Some(text), text: value, exact });
        }
        Ok(Condition::Term { property: property.map(str::to_owned), text, exact })
    }

    /// A word, or what stands in quotes, which is meant exactly.
    fn text(&mut self) -> Result<(String, bool), String> {
        if let Some(inside) = self.rest.strip_prefix('"') {
            let (text, rest) = inside.split_once('"').ok_or("SEARCH has a quote that is not closed")?;
            self.rest = rest.trim_start();
            return Ok((text.to_owned(), true));
        }
        let ends = |letter: char| letter.is_whitespace() || "()=\"".contains(letter);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err(format!("SEARCH does not understand `{}`", self.rest));
        }
        self.rest = rest.trim_start();
        Ok((word.to_owned(), false))
    }

    fn sign(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign).map(str::trim_start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn at_word(&self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        after.is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.rest = self.rest.get(word.len()..).unwrap_or_default().trim_start();
        }
        there
    }
}
