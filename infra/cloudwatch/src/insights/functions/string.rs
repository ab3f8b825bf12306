//! Text.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Function, MANY, anything, function, number, or_null, text};
use crate::insights::number::{from_i64, from_usize, to_i64};
use crate::insights::tree::Tree;
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    anything("isempty", 1, 1, |args| Value::truth(lacks(args, str::is_empty))),
    anything("isblank", 1, 1, |args| Value::truth(lacks(args, |text| text.trim().is_empty()))),
    function("concat", 1, MANY, |args| {
        Value::text(args.iter().filter_map(Value::as_text).collect::<String>())
    }),
    function("strlen", 1, 1, |args| {
        or_null(text(args, 0).map(|text| Value::Number(from_usize(text.chars().count()))))
    }),
    function("toupper", 1, 1, |args| map(args, str::to_uppercase)),
    function("tolower", 1, 1, |args| map(args, str::to_lowercase)),
    function("substr", 2, 3, substr),
    function("replace", 3, 3, replace),
    function("strcontains", 2, 3, contains),
    function("startsWith", 2, 2, |args| pair(args, |text, part| text.starts_with(part))),
    function("endsWith", 2, 2, |args| pair(args, |text, part| text.ends_with(part))),
    function("urlencode", 1, 1, |args| map(args, urlencode)),
    function("urldecode", 1, 1, |args| {
        or_null(text(args, 0).and_then(|text| urldecode(&text)).map(Value::text))
    }),
    function("base64encode", 1, 1, |args| map(args, |text| STANDARD.encode(text))),
    function("base64decode", 1, 1, |args| {
        let bytes = text(args, 0).and_then(|text| STANDARD.decode(text.as_bytes()).ok());
        or_null(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Value::text))
    }),
    function("split", 2, 2, split),
    function("hexToAscii", 1, 1, |args| {
        or_null(text(args, 0).and_then(|text| hex_to_ascii(&text)).map(Value::text))
    }),
    function("hexToDec", 1, 1, |args| Value::number(text(args, 0).and_then(|text| hex_to_dec(&text)))),
    function("decToHex", 1, 1, |args| or_null(number(args, 0).and_then(dec_to_hex).map(Value::text))),
];

fn map<'v>(args: &[Value<'v>], change: impl Fn(&str) -> String) -> Value<'v> {
    or_null(text(args, 0).map(|text| Value::text(change(&text))))
}

fn pair<'v>(args: &[Value<'v>], holds: impl Fn(&str, &str) -> bool) -> Value<'v> {
    let texts = text(args, 0).zip(text(args, 1));
    or_null(texts.map(|(text, part)| Value::truth(holds(&text, &part))))
}

/// A missing value lacks everything; a map or a list is there.
fn lacks(args: &[Value<'_>], is: impl Fn(&str) -> bool) -> bool {
    match args.first() {
        None | Some(Value::Null) => true,
        Some(value) => value.as_text().is_some_and(|text| is(&text)),
    }
}

fn contains<'v>(args: &[Value<'v>]) -> Value<'v> {
    let fold = args.get(2).is_some_and(Value::is_true);
    pair(
        args,
        |text, part| {
            if fold { text.to_lowercase().contains(&part.to_lowercase()) } else { text.contains(part) }
        },
    )
}

/// Places count characters from 0; one before the start counts as the start.
fn substr<'v>(args: &[Value<'v>]) -> Value<'v> {
    let place = |at| number(args, at).and_then(to_i64).map(|at| usize::try_from(at).unwrap_or(0));
    let (Some(text), Some(start)) = (text(args, 0), place(1)) else { return Value::Null };
    let length = if args.len() > 2 { place(2) } else { Some(usize::MAX) };
    or_null(length.map(|length| Value::text(text.chars().skip(start).take(length).collect::<String>())))
}

fn replace<'v>(args: &[Value<'v>]) -> Value<'v> {
    match (text(args, 0), text(args, 1), text(args, 2)) {
        // Nothing is found nowhere.
        (Some(text), Some(find), Some(_)) if find.is_empty() => Value::text(text.into_owned()),
        (Some(text), Some(find), Some(with)) => Value::text(text.replace(find.as_ref(), &with)),
        _ => Value::Null,
    }
}

fn split<'v>(args: &[Value<'v>]) -> Value<'v> {
    let (Some(text), Some(by)) = (text(args, 0), text(args, 1)) else { return Value::Null };
    let parts: Vec<Tree> = if by.is_empty() {
        text.chars().map(|found| Tree::Text(found.to_string())).collect()
    } else {
        text.split(by.as_ref()).map(|part| Tree::Text(part.to_owned())).collect()
    };
    Value::Tree(Arc::new(Tree::List(parts)))
}

/// RFC 3986: only unreserved characters stay.
fn urlencode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// `%XX` becomes its byte and `+` a space; other percent signs stay.
fn urldecode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
        out.push(code.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
    }
    String::from_utf8(out).ok()
}

fn hex_digits(text: &str) -> &str {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text)
}

fn hex_to_ascii(text: &str) -> Option<String> {
    let digits = hex_digits(text.trim_ascii()).as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.filter(|bytes| bytes.is_ascii()).and_then(|bytes| String::from_utf8(bytes).ok())
}

fn hex_to_dec(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let value = i64::from_str_radix(hex_digits(digits), 16).ok()?;
    Some(from_i64(sign * value))
}

fn dec_to_hex(value: f64) -> Option<String> {
    let whole = to_i64(value)?;
    let sign = if whole < 0 { "-" } else { "" };
    Some(format!("{sign}0x{:x}", whole.unsigned_abs()))
}
