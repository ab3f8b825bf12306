//! Answers of the Query protocol.

use jiff::Timestamp;

use super::error::ApiError;
use crate::document::Document;

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// The answer of an operation.
pub(super) fn answer(operation: &str, document: &Document, request_id: &str) -> String {
    let mut text = format!("<{operation}Response xmlns=\"{NAMESPACE}\">");
    element(&format!("{operation}Result"), document, &mut text);
    text.push_str(&format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    text
}

/// An error.
pub(super) fn error(error: &ApiError, request_id: &str) -> String {
    let fault = error.fault();
    let mut text = format!("<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type>");
    element("Code", &Document::text(error.code), &mut text);
    if let Some(message) = &error.message {
        element("Message", &Document::text(message), &mut text);
    }
    text.push_str(&format!("</Error><RequestId>{request_id}</RequestId></ErrorResponse>"));
    text
}

fn element(name: &str, value: &Document, text: &mut String) {
    if *value == Document::Null {
        return;
    }
    text.push_str(&format!("<{name}>"));
    match value {
        Document::Null => {}
        Document::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Document::Int(whole) => text.push_str(&whole.to_string()),
        Document::Double(number) => text.push_str(&format!("{number:?}")),
        Document::Time(time) => {
            text.push_str(&Timestamp::from_millisecond(*time).unwrap_or_default().to_string());
        }
        Document::Text(content) => escape(content, text),
        Document::List(items) => items.iter().for_each(|item| element("member", item, text)),
        Document::Map(members) => members.iter().for_each(|(name, value)| element(name, value, text)),
    }
    text.push_str(&format!("</{name}>"));
}

fn escape(content: &str, text: &mut String) {
    for letter in content.chars() {
        match letter {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            // XML 1.0 has no other control characters, however they are written.
            '\t' | '\n' | '\r' => text.push_str(&format!("&#{};", u32::from(letter))),
            letter if letter.is_control() => text.push('\u{fffd}'),
            letter => text.push(letter),
        }
    }
}
