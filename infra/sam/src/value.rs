//! What a node comes to once every function in it is evaluated.

use crate::error::Position;
use crate::yaml::Scalar;

/// An evaluated value and where it stands in the template.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    Text(Scalar),
    Seq(Vec<Value>),
    Map(Vec<Member>),
    /// `AWS::NoValue`: as if the line were not there.
    Absent,
    /// It cannot be known here, with the reason in words; an error only for who needs it.
    Unavailable(String),
    /// What is wrong with it has been reported; nothing more is to be said about it.
    Reported,
}

/// One `key: value` of a map.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Value,
}

impl Value {
    pub(crate) fn text(at: Position, text: impl Into<String>) -> Self {
        Self { at, data: Data::Text(Scalar { text: text.into(), plain: false }) }
    }

    pub(crate) fn reported(at: Position) -> Self {
        Self { at, data: Data::Reported }
    }

    /// Whether it stands for something else than a value: it was reported, or it cannot be known.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Reported | Data::Unavailable(_))
    }

    /// The value as JSON: what stands without quotes is a number, a truth value or null if it looks
    /// like one. `None` when a part of it is not known.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        Some(match &self.data {
            Data::Text(scalar) => scalar_json(scalar),
            Data::Seq(items) => {
                serde_json::Value::Array(items.iter().map(Self::json).collect::<Option<_>>()?)
            }
            Data::Map(members) => {
                let pairs = members.iter().map(|member| Some((member.key.clone(), member.value.json()?)));
                serde_json::Value::Object(pairs.collect::<Option<_>>()?)
            }
            Data::Absent | Data::Unavailable(_) | Data::Reported => return None,
        })
    }

    /// The value as JSON with every scalar as a text and without what is absent; `None` when a part of
    /// it is not known.
    pub(crate) fn texts(&self) -> Option<serde_json::Value> {
        Some(match &self.data {
            Data::Text(scalar) => serde_json::Value::String(scalar.text.clone()),
            Data::Seq(items) => {
                let there = items.iter().filter(|item| !matches!(item.data, Data::Absent));
                serde_json::Value::Array(there.map(Self::texts).collect::<Option<_>>()?)
            }
            Data::Map(members) => {
                let there = members.iter().filter(|member| !matches!(member.value.data, Data::Absent));
                let pairs = there.map(|member| Some((member.key.clone(), member.value.texts()?)));
                serde_json::Value::Object(pairs.collect::<Option<_>>()?)
            }
            Data::Absent | Data::Unavailable(_) | Data::Reported => return None,
        })
    }

    /// A member of a map.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Data::Map(members) = &self.data else { return None };
        Some(&members.iter().find(|member| member.key == name)?.value)
    }

    /// What it is, for an error.
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Text(scalar) if scalar.is_null() => "nothing".to_owned(),
            Data::Text(scalar) => format!("`{}`", scalar.text),
            Data::Seq(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
            Data::Absent => "AWS::NoValue".to_owned(),
            Data::Unavailable(_) | Data::Reported => "an unknown value".to_owned(),
        }
    }
}

fn scalar_json(scalar: &Scalar) -> serde_json::Value {
    if scalar.is_null() {
        return serde_json::Value::Null;
    }
    let text = || serde_json::Value::String(scalar.text.clone());
    if !scalar.plain {
        return text();
    }
    match scalar.text.as_str() {
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        other => other.parse::<serde_json::Number>().map_or_else(|_| text(), serde_json::Value::Number),
    }
}
