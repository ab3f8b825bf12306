//! Messages, their attributes and their checksums.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::error::SqsError;

/// Attributes that one message may have.
const MAX_ATTRIBUTES: usize = 10;

/// What a producer sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// Seconds; the queue's own when absent.
    pub(crate) delay: Option<i64>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
}

impl Outgoing {
    /// What counts towards a queue's `MaximumMessageSize`.
    pub(crate) fn bytes(&self) -> usize {
        let attribute = |(name, attribute): (&String, &Attribute)| {
            name.len() + attribute.kind.len() + attribute.bytes().len()
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// A message attribute: a text, which a number is as well, or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// `DataType`: `String`, `Number.int`, …
    pub(crate) kind: String,
    pub(crate) value: Content,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Attribute {
    fn bytes(&self) -> &[u8] {
        match &self.value {
            Content::Text(text) => text.as_bytes(),
            Content::Binary(bytes) => bytes,
        }
    }

    /// As the API spells it.
    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            Content::Text(text) => json!({ "DataType": self.kind, "StringValue": text }),
            Content::Binary(bytes) => json!({ "DataType": self.kind, "BinaryValue": STANDARD.encode(bytes) }),
        }
    }

    /// As an event of Lambda spells it.
    pub(crate) fn to_event(&self) -> Value {
        let (name, value) = match &self.value {
            Content::Text(text) => ("stringValue", text.clone()),
            Content::Binary(bytes) => ("binaryValue", STANDARD.encode(bytes)),
        };
        json!({ name: value, "stringListValues": [], "binaryListValues": [], "dataType": self.kind })
    }
}

/// `MessageAttributes` of a request.
pub(crate) fn attributes(value: Option<&Value>) -> Result<BTreeMap<String, Attribute>, SqsError> {
    let Some(Value::Object(members)) = value else { return Ok(BTreeMap::new()) };
    if members.len() > MAX_ATTRIBUTES {
        return Err(SqsError::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            members.len()
        )));
    }
    members.iter().map(|(name, member)| Ok((name.clone(), attribute(name, member)?))).collect()
}

fn attribute(name: &str, member: &Value) -> Result<Attribute, SqsError> {
    let text = |key: &str| member.get(key).and_then(Value::as_str);
    let kind = text("DataType").filter(|kind| !kind.is_empty()).ok_or_else(|| {
        SqsError::invalid(format!(
            "The message attribute '{name}' must contain a non-empty message attribute type."
        ))
    })?;
    let value = match kind.split('.').next() {
        Some("Binary") => {
            text("BinaryValue").and_then(|encoded| STANDARD.decode(encoded).ok()).map(Content::Binary)
        }
        Some("String") => text("StringValue").map(|text| Content::Text(text.to_owned())),
        Some("Number") => text("StringValue")
            .filter(|text| text.trim().parse::<f64>().is_ok())
            .map(|text| Content::Text(text.to_owned())),
        _ => {
            return Err(SqsError::invalid(format!(
                "The type of message attribute '{name}' is invalid. You must use only the following supported \
                 type prefixes: Binary, Number, String."
            )));
        }
    };
    let value =
        value.filter(|value| !matches!(value, Content::Text(text) if text.is_empty())).ok_or_else(|| {
            SqsError::invalid(format!(
                "The message attribute '{name}' must contain a non-empty message attribute value for message \
             attribute type '{kind}'."
            ))
        })?;
    Ok(Attribute { kind: kind.to_owned(), value })
}

/// `MD5OfMessageBody`.
pub(crate) fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// `MD5OfMessageAttributes`: over each attribute in the order of their names, as "Calculating the MD5 message digest for
/// message attributes" in the developer guide says; `None` without attributes.
pub(crate) fn md5_of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Attribute)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut any = false;
    for (name, attribute) in attributes {
        any = true;
        for text in [name.as_bytes(), attribute.kind.as_bytes()] {
            field(&mut digest, text);
        }
        digest.update([if matches!(attribute.value, Content::Text(_)) { 1 } else { 2 }]);
        field(&mut digest, attribute.bytes());
    }
    any.then(|| hex(&digest.finalize()))
}

/// A length of four bytes, and the bytes.
fn field(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text has only characters that a message may have: those of XML 1.0.
pub(crate) fn is_allowed(text: &str) -> bool {
    text.chars().all(
        |c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_clients_compute() {
        assert_eq!(md5_of_body("hello world"), "5eb63bbbe01eeed093cb22bb8f5acdc3");
        assert_eq!(md5_of_attributes([]), None);
        // From an answer of the service that AWS's own SDK tests keep.
        let given = json!({ "timestamp": { "DataType": "Number", "StringValue": "1493147359900" } });
        let attributes = attributes(Some(&given)).unwrap();
        assert_eq!(md5_of_attributes(&attributes).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
    }

    #[test]
    fn attributes_that_say_nothing_are_refused() {
        let message = |value: Value| attributes(Some(&value)).unwrap_err().body()["message"].to_string();
        assert!(message(json!({ "a": {} })).contains("non-empty message attribute type"));
        assert!(
            message(json!({ "a": { "DataType": "Text", "StringValue": "x" } }))
                .contains("Binary, Number, String")
        );
        assert!(
            message(json!({ "a": { "DataType": "Number", "StringValue": "x" } })).contains("attribute value")
        );
        let many: serde_json::Map<_, _> =
            (0..11).map(|n| (n.to_string(), json!({ "DataType": "String", "StringValue": "x" }))).collect();
        assert!(message(Value::Object(many)).contains("exceeds the allowed maximum [10]"));
    }
}
