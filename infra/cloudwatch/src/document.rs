//! A tree of values, as all of CloudWatch's wire protocols carry it.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Document {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with decimals, even when it has none.
    Double(f64),
    /// A text.
    Text(String),
    /// Milliseconds since the epoch.
    Time(i64),
    /// Several values.
    List(Vec<Self>),
    /// Members by name, in their order.
    Map(Members),
}

/// The members of a map.
pub(crate) type Members = Vec<(String, Document)>;

impl Document {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A map of these members.
    pub(crate) fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A member of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => {
                let found = members.iter().find(|(member, _)| member == name);
                found.map(|(_, value)| value).filter(|value| **value != Self::Null)
            }
            _ => None,
        }
    }

    /// This as a tree of JSON; times are their milliseconds, and numbers that JSON has not are null.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Int(whole) | Self::Time(whole) => (*whole).into(),
            Self::Double(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
            }
        }
    }

    /// A tree of JSON as a document.
    pub(crate) fn from_json(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(members) => {
                Self::Map(members.into_iter().map(|(name, value)| (name, Self::from_json(value))).collect())
            }
        }
    }
}
