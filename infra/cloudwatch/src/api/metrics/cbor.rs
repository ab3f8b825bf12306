//! CBOR, as Smithy's RPC v2 protocol has it: times are tag 1, doubles are never written as integers.

use ciborium::Value;

use super::error::ApiError;
use super::reader::milliseconds;
use crate::document::Document;

/// Reads a body; an empty one is an empty map.
pub(super) fn decode(body: &[u8]) -> Result<Document, ApiError> {
    if body.is_empty() {
        return Ok(Document::Map(Vec::new()));
    }
    let value: Value = ciborium::from_reader(body)
        .map_err(|error| ApiError::serialization(format!("The body is not CBOR: {error}.")))?;
    document(value)
}

fn document(value: Value) -> Result<Document, ApiError> {
    let refused = |what: &str| Err(ApiError::serialization(format!("The body has {what} in it.")));
    Ok(match value {
        Value::Null => Document::Null,
        Value::Bool(truth) => Document::Bool(truth),
        Value::Integer(whole) => match i64::try_from(whole) {
            Ok(whole) => Document::Int(whole),
            Err(_) => return refused("an integer that is too large"),
        },
        Value::Float(number) => Document::Double(number),
        Value::Text(text) => Document::Text(text),
        Value::Tag(1, inner) => match *inner {
            Value::Float(seconds) => Document::Time(milliseconds(seconds)),
            Value::Integer(seconds) => {
                Document::Time(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
            }
            _ => return refused("a time that is no number"),
        },
        Value::Array(items) => Document::List(items.into_iter().map(document).collect::<Result<_, _>>()?),
        Value::Map(members) => {
            let member = |(name, value)| match name {
                Value::Text(name) => Ok((name, document(value)?)),
                _ => Err(ApiError::serialization("The body has a member whose name is no text.")),
            };
            Document::Map(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        _ => return refused("a value of another kind than the protocol's"),
    })
}

/// Writes a body.
pub(super) fn encode(document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(document, &mut bytes);
    bytes
}

fn write(document: &Document, bytes: &mut Vec<u8>) {
    match document {
        Document::Null => bytes.push(0xf6),
        Document::Bool(false) => bytes.push(0xf4),
        Document::Bool(true) => bytes.push(0xf5),
        Document::Int(whole) => match u64::try_from(*whole) {
            Ok(positive) => head(0, positive, bytes),
            // A negative one is written as what it is beyond -1.
            Err(_) => head(1, whole.unsigned_abs() - 1, bytes),
        },
        Document::Double(number) => double(*number, bytes),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
        Document::Time(time) => {
            bytes.push(0xc1);
            double(*time as f64 / 1000.0, bytes);
        }
        Document::Text(text) => {
            head(3, text.len() as u64, bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        Document::List(items) => {
            head(4, items.len() as u64, bytes);
            items.iter().for_each(|item| write(item, bytes));
        }
        Document::Map(members) => {
            head(5, members.len() as u64, bytes);
            for (name, value) in members {
                head(3, name.len() as u64, bytes);
                bytes.extend_from_slice(name.as_bytes());
                write(value, bytes);
            }
        }
    }
}

fn double(number: f64, bytes: &mut Vec<u8>) {
    bytes.push(0xfb);
    bytes.extend_from_slice(&number.to_be_bytes());
}

/// The kind of an item with its number or length, in as few bytes as it takes.
fn head(kind: u8, number: u64, bytes: &mut Vec<u8>) {
    let kind = kind << 5;
    if let Ok(byte) = u8::try_from(number) {
        if byte < 24 {
            bytes.push(kind | byte);
        } else {
            bytes.extend_from_slice(&[kind | 24, byte]);
        }
    } else if let Ok(short) = u16::try_from(number) {
        bytes.push(kind | 25);
        bytes.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(long) = u32::try_from(number) {
        bytes.push(kind | 26);
        bytes.extend_from_slice(&long.to_be_bytes());
    } else {
        bytes.push(kind | 27);
        bytes.extend_from_slice(&number.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(whole: i64, number in -1e300..1e300_f64, text: String, time in 0..4_000_000_000_000_i64) {
            let map = Document::map([
                ("w", Document::Int(whole)),
                ("n", Document::Double(number)),
                ("l", Document::List(vec![Document::Text(text), Document::Time(time), Document::Bool(true), Document::Null])),
            ]);
            proptest::prop_assert_eq!(decode(&encode(&map)).unwrap(), map);
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
