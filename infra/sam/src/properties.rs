//! Typed reading of a resource's properties; what is missing or of another type is reported, with the
//! place and with what was expected.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::error::{Position, Problems, nearest};
use crate::value::{Data, Member, Value};

/// The members of a map that belongs to a resource.
#[derive(Clone, Copy)]
pub(crate) struct Properties<'a> {
    /// Whose they are, for errors: `Chat` of type AWS::Lambda::Function.
    owner: Owner<'a>,
    at: Position,
    members: &'a [Member],
    problems: &'a Problems,
}

/// A resource, as errors name it.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
}

impl<'a> Properties<'a> {
    /// The properties of a resource. Anything but a map has been reported when the template was read.
    pub(crate) fn new(owner: Owner<'a>, at: Position, value: &'a Value, problems: &'a Problems) -> Self {
        let members = match &value.data {
            Data::Map(members) => members.as_slice(),
            _ => &[],
        };
        Self { owner, at, members, problems }
    }

    /// Reports members that look like misspelled ones of `known`.
    ///
    /// A member that resembles none is let pass: AWS adds properties faster than this list grows.
    pub(crate) fn check_names(&self, known: &[&str]) {
        for member in self.members.iter().filter(|member| !known.contains(&member.key.as_str())) {
            if let Some(meant) = nearest(&member.key, known.iter().copied()) {
                let message = format!("{} has no `{}`; did you mean `{meant}`?", self.owner(), member.key);
                self.problems.report(member.at, message);
            }
        }
    }

    pub(crate) fn report(&self, at: Position, message: &str) {
        self.problems.report(at, format!("{}: {message}", self.owner()));
    }

    /// Where the properties' owner stands.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        let value = &self.members.iter().find(|member| member.key == name)?.value;
        match &value.data {
            Data::Absent => None,
            Data::Unavailable(reason) => {
                self.report(value.at, &format!("`{name}` cannot be known: {reason}"));
                None
            }
            // CloudFormation takes no empty values; inside documents that it passes on they may stand.
            Data::Text(scalar) if scalar.is_null() => {
                self.report(value.at, &format!("`{name}` has no value; give it one, or leave the line out"));
                None
            }
            Data::Text(_) | Data::Seq(_) | Data::Map(_) | Data::Reported => Some(value),
        }
    }

    /// Whether the member is there, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.key == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        self.as_text(name, value)
    }

    /// A text that must be there; empty when it is not, which is reported.
    pub(crate) fn required_text(&self, name: &str) -> String {
        self.require(name);
        self.text(name).unwrap_or_default()
    }

    /// Reports a member that must be there and is not.
    pub(crate) fn require(&self, name: &str) {
        if !self.has(name) {
            self.problems.report(self.at, format!("{} must have `{name}`, which is missing", self.owner()));
        }
    }

    /// A text out of a few.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&str]) -> Option<String> {
        let text = self.text(name)?;
        if allowed.contains(&text.as_str()) {
            return Some(text);
        }
        self.expected(name, &format!("one of {}", allowed.join(", ")), self.get(name)?);
        None
    }

    pub(crate) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.get(name)?;
        let number = match &value.data {
            Data::Text(scalar) => scalar.text.parse().ok().filter(|number| range.contains(number)),
            Data::Reported => return None,
            _ => None,
        };
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let bounds = match *most {
                u32::MAX => format!("a whole number from {least}"),
                most => format!("a whole number from {least} to {most}"),
            };
            self.expected(name, &bounds, value);
        }
        number
    }

    /// A number that is not negative, with or without decimals.
    pub(crate) fn decimal(&self, name: &str) -> Option<f64> {
        let value = self.get(name)?;
        let number = match &value.data {
            Data::Text(scalar) => scalar.text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0),
            Data::Reported => return None,
            _ => None,
        };
        if number.is_none() {
            self.expected(name, "a number from 0", value);
        }
        number
    }

    pub(crate) fn truth(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let truth = match &value.data {
            Data::Text(scalar) => match scalar.text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                // YAML 1.1's other spellings, which AWS's own tools read.
                "yes" | "on" if scalar.plain => Some(true),
                "no" | "off" if scalar.plain => Some(false),
                _ => None,
            },
            Data::Reported => return None,
            _ => None,
        };
        if truth.is_none() {
            self.expected(name, "true or false", value);
        }
        truth
    }

    /// A map that belongs to the same resource.
    pub(crate) fn map(&self, name: &str) -> Option<Self> {
        let value = self.get(name)?;
        self.as_map(name, value)
    }

    pub(crate) fn list(&self, name: &str) -> Option<&'a [Value]> {
        let value = self.get(name)?;
        match &value.data {
            Data::Seq(items) => Some(items),
            Data::Reported => None,
            _ => {
                self.expected(name, "a list", value);
                None
            }
        }
    }

    /// A list of maps.
    pub(crate) fn maps(&self, name: &str) -> Vec<Self> {
        let items = self.list(name).unwrap_or_default();
        items.iter().filter_map(|item| self.as_map(name, item)).collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.list(name).unwrap_or_default();
        items.iter().filter_map(|item| self.as_text(name, item)).collect()
    }

    /// Its own members, each a text.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let names = self.members.iter().map(|member| member.key.as_str());
        names.filter_map(|name| Some((name.to_owned(), self.text(name)?))).collect()
    }

    /// Its own members' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&'a str, Position)> {
        self.members.iter().map(|member| (member.key.as_str(), member.at))
    }

    fn as_map(&self, name: &str, value: &'a Value) -> Option<Self> {
        match &value.data {
            Data::Map(members) => Some(Self { members, at: value.at, ..*self }),
            Data::Reported => None,
            _ => {
                self.expected(name, "a map", value);
                None
            }
        }
    }

    fn as_text(&self, name: &str, value: &Value) -> Option<String> {
        match &value.data {
            Data::Text(scalar) => Some(scalar.text.clone()),
            Data::Reported => None,
            _ => {
                self.expected(name, "a text", value);
                None
            }
        }
    }

    fn expected(&self, name: &str, what: &str, value: &Value) {
        self.report(value.at, &format!("`{name}` must be {what}, not {}", value.describe()));
    }

    fn owner(&self) -> String {
        format!("`{}` ({})", self.owner.id, self.owner.kind)
    }
}
