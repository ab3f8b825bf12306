//! What is wrong with a template, and where: every error has a path, a line and a column.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything found wrong with one template; never empty, in the template's order.
///
/// Its `Display` writes one error a line, as compilers do, so that editors can jump to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// The errors, in the template's order.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }

    pub(crate) fn one(path: &Path, message: String) -> Self {
        Self(vec![Error { path: path.to_owned(), line: 1, column: 1, message }])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One thing wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The template's file, as it was given.
    pub path: PathBuf,
    /// 1-based line; 1 when the error is about the file as a whole.
    pub line: usize,
    /// 1-based column, in characters; 1 when the error is about the file as a whole.
    pub column: usize,
    /// One sentence for a person.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.message)
    }
}

impl std::error::Error for Error {}

/// A place in the template, 1-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// For what has no place of its own: the file as a whole.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// Where errors are gathered while the template is read, so that a person sees all of them at once.
///
/// Shared by everything that reads: reading goes on after an error with a stand-in value.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<(Position, String)>>);

impl Problems {
    pub(crate) fn report(&self, at: Position, message: impl Into<String>) {
        self.0.borrow_mut().push((at, message.into()));
    }

    /// `Err` when anything was reported. The same words about the same place are said once: a
    /// value can be evaluated twice, once for its resource and once for who refers to it.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Errors> {
        let mut found = self.0.borrow().clone();
        if found.is_empty() {
            return Ok(());
        }
        found.sort();
        found.dedup();
        let errors = found
            .into_iter()
            .map(|(at, message)| Error { path: path.to_owned(), line: at.line, column: at.column, message })
            .collect();
        Err(Errors(errors))
    }
}

/// `; did you mean X?` for the candidate nearest to a misspelled word, or nothing when none is near.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, candidates) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    }
}

/// The candidate that a misspelled word most likely means.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let most = if word.len() < 3 { 0 } else { 1 + word.len() / 4 };
    candidates
        .into_iter()
        .map(|candidate| {
            let other = candidate.to_lowercase();
            let edits = strsim::damerau_levenshtein(&lower, &other);
            (edits, strsim::jaro_winkler(&lower, &other), candidate)
        })
        .filter(|(edits, likeness, _)| *edits <= most && (*edits <= 1 || *likeness > 0.85))
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelled_word_has_a_nearest_candidate() {
        let candidates = ["MemorySize", "Timeout", "Handler"];
        assert_eq!(nearest("MemmorySize", candidates), Some("MemorySize"));
        assert_eq!(nearest("timeout", candidates), Some("Timeout"));
        assert_eq!(nearest("Timeot", candidates), Some("Timeout"));
        assert_eq!(nearest("DurableConfig", candidates), None);
    }
}
