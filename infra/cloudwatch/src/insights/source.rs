//! `SOURCE`: which log groups a query reads (CloudWatch user guide, "SOURCE").

use std::collections::BTreeMap;

use serde::Deserialize;

/// Where the events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One log group by its name.
    Group(String),
    /// Every group that is selected.
    Groups(Selection),
}

/// `logGroups(…)` and `logGroupTags(…)`: what a group must have. An empty list asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The name begins with one of these.
    pub prefixes: Vec<String>,
    /// The account is one of these.
    pub accounts: Vec<String>,
    /// The log class is one of these; `STANDARD` when there is none.
    pub classes: Vec<String>,
    /// All of these hold of the tags.
    pub tags: Vec<TagFilter>,
}

/// A tag that a group must have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagFilter {
    /// The tag's key.
    pub key: String,
    /// One of these is the tag's value, with `*` for any text and `!` in front for any other
    /// value; none of them when any value will do.
    #[serde(default)]
    pub values: Vec<String>,
}

/// A log group, as a selection looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The group's name.
    pub name: &'a str,
    /// The twelve digits of its account.
    pub account: &'a str,
    /// Its log class, such as `STANDARD`.
    pub class: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

impl Selection {
    /// Whether a group is meant.
    #[must_use]
    pub fn admits(&self, group: Candidate<'_>) -> bool {
        let Self { prefixes, accounts, classes, tags } = self;
        let class = |class: &String| class.eq_ignore_ascii_case(group.class);
        (prefixes.is_empty() || prefixes.iter().any(|prefix| group.name.starts_with(prefix.as_str())))
            && (accounts.is_empty() || accounts.iter().any(|account| account == group.account))
            && (classes.iter().any(class) || (classes.is_empty() && group.class == "STANDARD"))
            && tags.iter().all(|filter| filter.admits(group.tags))
    }
}

impl TagFilter {
    /// A group without the tag is not meant, also where the value is only told apart from another.
    fn admits(&self, tags: &BTreeMap<String, String>) -> bool {
        let Some(found) = tags.get(&self.key) else { return false };
        let fits = |wanted: &String| match wanted.strip_prefix('!') {
            Some(other) => !like(other, found),
            None => like(wanted, found),
        };
        self.values.is_empty() || self.values.iter().any(fits)
    }
}

/// Whether a text is of a pattern, in which `*` is any text.
fn like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        };
        check("a", "a", true);
        check("a", "ab", false);
        check("pay*", "payment", true);
        check("*ment", "payment", true);
        check("p*y*t", "payment", true);
        check("p*x*t", "payment", false);
        check("ab*ba", "aba", false);
        check("*", "", true);
    }
}
