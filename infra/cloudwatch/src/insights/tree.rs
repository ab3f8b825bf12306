//! Maps and lists: what `jsonParse`, `split`, `values` and `parse … logfmt` make.

use std::fmt::Write as _;
use std::sync::Arc;

use super::json::{Cursor, DEEPEST, Next};
use super::value::Value;

/// A map or a list, or a leaf of one. Members keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    Text(String),
    /// A number, `true`, `false` or `null`, as it was written.
    Word(String),
}

impl Tree {
    /// The map or list that a text is, with nothing after it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        let tree = match cursor.peek()? {
            Next::Object | Next::Array => read(&mut cursor, 0)?,
            Next::String | Next::Word => return None,
        };
        text.get(cursor.position()..).is_some_and(|rest| rest.trim_ascii().is_empty()).then_some(tree)
    }

    /// A list of texts and numbers.
    pub(super) fn list<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Self {
        Self::List(values.into_iter().map(Self::from_value).collect())
    }

    pub(super) fn from_value(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Word("null".to_owned()),
            Value::Text(text) => Self::Text(text.into_owned()),
            Value::Number(number) => Self::Word(super::number::display(number)),
            Value::Time(_) => Self::Text(value.display().unwrap_or_default()),
            Value::Tree(tree) => Arc::unwrap_or_clone(tree),
        }
    }

    /// The value at a name or an index.
    pub(super) fn get(&self, step: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(key, _)| key == step).map(|(_, value)| value),
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            Self::Text(_) | Self::Word(_) => None,
        }
    }

    /// The value at a path; a member whose own name has dots is found as well.
    pub(super) fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        if let Some(found) = self.get(first).and_then(|next| next.at(rest)) {
            return Some(found);
        }
        (2..=path.len()).find_map(|length| {
            let (head, tail) = path.split_at_checked(length)?;
            self.get(&head.join("."))?.at(tail)
        })
    }

    /// The value of the language: a leaf becomes text, JSON's `null` a missing value.
    pub(super) fn to_value(&self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::text(text.clone()),
            Self::Word(word) if word == "null" => Value::Null,
            Self::Word(word) => Value::text(word.clone()),
            Self::Map(_) | Self::List(_) => Value::Tree(Arc::new(self.clone())),
        }
    }

    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Map(members) => {
                out.push('{');
                for (place, (key, value)) in members.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    quote(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Self::List(items) => {
                out.push('[');
                for (place, value) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Text(text) => quote(text, out),
            Self::Word(word) => out.push_str(word),
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for found in text.chars() {
        match found {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if u32::from(found) < 0x20 => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(found));
            }
            _ => out.push(found),
        }
    }
    out.push('"');
}

fn read(cursor: &mut Cursor<'_>, depth: usize) -> Option<Tree> {
    if depth > DEEPEST {
        return None;
    }
    Some(match cursor.peek()? {
        Next::String => Tree::Text(cursor.string()?.value().into_owned()),
        Next::Word => Tree::Word(cursor.word()?.to_owned()),
        Next::Object => {
            cursor.take(b'{');
            let mut members = Vec::new();
            let mut more = !cursor.take(b'}');
            while more {
                let key = cursor.key()?.value().into_owned();
                members.push((key, read(cursor, depth + 1)?));
                more = cursor.another(b'}')?;
            }
            Tree::Map(members)
        }
        Next::Array => {
            cursor.take(b'[');
            let mut items = Vec::new();
            let mut more = !cursor.take(b']');
            while more {
                items.push(read(cursor, depth + 1)?);
                more = cursor.another(b']')?;
            }
            Tree::List(items)
        }
    })
}
