//! Typed reading of a request. What is wrong is told with the path that the service tells it with:
//! `MetricData.member.1.Value`.
//!
//! The Query protocol has texts only, so that a text that looks like a number is one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::ApiError;
use crate::document::Document;

/// Characters that names may have.
const MAX_NAME: usize = 255;

/// A value of a request and its path.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    value: &'a Document,
    path: String,
}

impl<'a> Reader<'a> {
    pub(super) const fn root(value: &'a Document) -> Self {
        Self { value, path: String::new() }
    }

    /// The value as it came.
    pub(super) const fn document(&self) -> &'a Document {
        self.value
    }

    /// The path of a member.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.value.get(name) {
            None => Ok(None),
            Some(Document::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// A text that must be there and not be empty.
    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, ApiError> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::missing(&self.path(name)))
    }

    /// A name of at most 255 characters.
    pub(super) fn name(&self, name: &str) -> Result<&'a str, ApiError> {
        let text = self.required_text(name)?;
        if text.chars().count() > MAX_NAME || text.trim().is_empty() {
            return Err(self.invalid(name, text));
        }
        Ok(text)
    }

    /// A text out of a few.
    pub(super) fn one_of(&self, name: &str, set: &[&'static str]) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = set.iter().find(|known| **known == text).copied();
        known.map(Some).ok_or_else(|| ApiError::not_of_set(text, &self.path(name), set))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.value.get(name) else { return Ok(None) };
        number(value).map(Some).ok_or_else(|| self.wrong(name, "a number"))
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value.get(name) else { return Ok(None) };
        let whole = match value {
            Document::Int(whole) => Some(*whole),
            Document::Text(text) => text.parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "only whole numbers in the range")]
            Document::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(*number as i64),
            _ => None,
        };
        whole.map(Some).ok_or_else(|| self.wrong(name, "an integer"))
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value.get(name) {
            None => Ok(None),
            Some(Document::Bool(truth)) => Ok(Some(*truth)),
            Some(Document::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Document::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(name, "a boolean")),
        }
    }

    /// A time in milliseconds since the epoch.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.value.get(name) else { return Ok(None) };
        let time = match value {
            Document::Time(time) => Some(*time),
            Document::Text(text) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
            _ => None,
        };
        let time = time.or_else(|| number(value).map(milliseconds));
        time.map(Some).ok_or_else(|| self.wrong(name, "a timestamp"))
    }

    pub(super) fn required_time(&self, name: &str) -> Result<i64, ApiError> {
        self.time(name)?.ok_or_else(|| ApiError::missing(&self.path(name)))
    }

    /// A map.
    pub(super) fn map(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.value.get(name) {
            None => Ok(None),
            Some(value @ Document::Map(_)) => Ok(Some(Self { value, path: self.path(name) })),
            Some(_) => Err(self.wrong(name, "a structure")),
        }
    }

    /// The items of a list; none when it is not there.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let path = self.path(name);
        match self.value.get(name) {
            None => Ok(Vec::new()),
            // How the Query protocol writes an empty list.
            Some(Document::Text(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Document::List(items)) => {
                let item = |(value, number)| Self { value, path: format!("{path}.member.{number}") };
                Ok(items.iter().zip(1..).map(item).collect())
            }
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let text = |item: Self| match item.value {
            Document::Text(text) => Ok(text.clone()),
            _ => Err(ApiError::invalid_value(format!("The parameter {} must be a string.", item.path))),
        };
        self.list(name)?.into_iter().map(text).collect()
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, ApiError> {
        let one = |item: Self| {
            let wrong = || ApiError::invalid_value(format!("The parameter {} must be a number.", item.path));
            number(item.value).ok_or_else(wrong)
        };
        self.list(name)?.into_iter().map(one).collect()
    }

    /// A list of dimensions, by name.
    pub(super) fn dimensions(&self, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let items = self.list(name)?;
        if items.len() > 30 {
            let path = self.path(name);
            let text = format!("The collection {path} must not have a size greater than 30.");
            return Err(ApiError::invalid_value(text));
        }
        let mut dimensions = BTreeMap::new();
        for item in items {
            let (key, value) = (item.name("Name")?, item.required_text("Value")?);
            if value.chars().count() > 1024 || value.trim().is_empty() {
                return Err(item.invalid("Value", value));
            }
            if key.starts_with(':') {
                return Err(item.invalid("Name", key));
            }
            if dimensions.insert(key.to_owned(), value.to_owned()).is_some() {
                let text = format!("No two dimensions of {} may have the same name.", self.path(name));
                return Err(ApiError::invalid_value(text));
            }
        }
        Ok(dimensions)
    }

    /// That a member's value is not one that the service takes.
    pub(super) fn invalid(&self, name: &str, value: &str) -> ApiError {
        ApiError::invalid_value(format!("The value {value} for parameter {} is invalid.", self.path(name)))
    }

    fn wrong(&self, name: &str, wanted: &str) -> ApiError {
        ApiError::invalid_value(format!("The parameter {} must be {wanted}.", self.path(name)))
    }
}

fn number(value: &Document) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "a number of a request is a double")]
        Document::Int(whole) => Some(*whole as f64),
        Document::Double(number) => Some(*number),
        Document::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// Milliseconds of seconds.
#[expect(clippy::cast_possible_truncation, reason = "the conversion stops at the bounds")]
pub(super) fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
