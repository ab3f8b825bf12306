//! The three wire protocols: from a request to an operation with its input, and back.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::request::Parts;
use http::{Response, StatusCode, header};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::error::ApiError;
use super::{cbor, query_request, xml};
use crate::document::Document;

/// Where operations of the CBOR protocol are.
const CBOR_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// What the JSON protocol names operations with.
const JSON_TARGET: &str = "GraniteServiceVersion20100801.";

/// The model's namespace, in front of the names of errors.
const SHAPES: &str = "com.amazonaws.cloudwatch.v2010_08_01#";

/// Bytes of a body, unpacked. `PutMetricData` takes 1 MB, and CBOR may be half of what others write.
const MAX_BODY: u64 = 4 * 1024 * 1024;

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Cbor,
    Json,
    Query,
}

impl Wire {
    /// The protocol of a request.
    pub(super) fn of(parts: &Parts) -> Self {
        if parts.uri.path().starts_with(CBOR_PATH) {
            Self::Cbor
        } else if target(parts).is_some() {
            Self::Json
        } else {
            Self::Query
        }
    }

    /// The operation and its input.
    pub(super) fn request(self, parts: &Parts, body: &Bytes) -> Result<(String, Document), ApiError> {
        let body = unpacked(parts, body)?;
        match self {
            Self::Cbor => {
                let operation = parts.uri.path().strip_prefix(CBOR_PATH).unwrap_or_default();
                Ok((operation.to_owned(), cbor::decode(&body)?))
            }
            Self::Json => {
                let operation = target(parts).unwrap_or_default().to_owned();
                if body.is_empty() {
                    return Ok((operation, Document::Map(Vec::new())));
                }
                let json = serde_json::from_slice(&body)
                    .map_err(|error| ApiError::serialization(format!("The body is not JSON: {error}.")))?;
                Ok((operation, Document::from_json(json)))
            }
            // A form may also stand in the address.
            Self::Query if body.is_empty() => {
                query_request::decode(parts.uri.query().unwrap_or_default().as_bytes())
            }
            Self::Query => query_request::decode(&body),
        }
    }

    /// The response of an operation's answer.
    pub(super) fn response(self, operation: &str, answer: Result<Document, ApiError>) -> Response<Bytes> {
        let id = Uuid::new_v4().to_string();
        let status = answer.as_ref().err().map_or(StatusCode::OK, |error| error.status);
        let (kind, body) = match self {
            Self::Cbor => ("application/cbor", cbor::encode(&document_of(&answer))),
            Self::Json => {
                // A document has nothing in it that JSON cannot say.
                let body = serde_json::to_vec(&Json(&document_of(&answer))).unwrap_or_default();
                ("application/x-amz-json-1.0", body)
            }
            Self::Query => {
                let text = match &answer {
                    Ok(document) => xml::answer(operation, document, &id),
                    Err(error) => xml::error(error, &id),
                };
                ("text/xml", text.into_bytes())
            }
        };
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, kind)
            .header("x-amzn-RequestId", id);
        if self == Self::Cbor {
            response = response.header("smithy-protocol", "rpc-v2-cbor");
        }
        if let Err(error) = answer {
            response = response.header("x-amzn-query-error", format!("{};{}", error.code, error.fault()));
        }
        // All of the headers are plain text.
        response.body(Bytes::from(body)).unwrap_or_default()
    }
}

fn target(parts: &Parts) -> Option<&str> {
    parts.headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(JSON_TARGET)
}

/// The body, unpacked when it is gzip.
fn unpacked(parts: &Parts, body: &Bytes) -> Result<Bytes, ApiError> {
    let encoding = parts.headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
    let body = match encoding {
        Some(b"gzip") => {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(body.as_ref())
                .take(MAX_BODY + 1)
                .read_to_end(&mut unpacked)
                .map_err(|error| ApiError::serialization(format!("The body is not gzip: {error}.")))?;
            Bytes::from(unpacked)
        }
        None | Some(b"identity" | b"") => body.clone(),
        Some(_) => return Err(ApiError::serialization("The body's content encoding is not known.")),
    };
    if body.len() as u64 > MAX_BODY { Err(ApiError::too_large()) } else { Ok(body) }
}

/// What is told: the answer itself, which can be large, or the error.
fn document_of(answer: &Result<Document, ApiError>) -> Cow<'_, Document> {
    match answer {
        Ok(document) => Cow::Borrowed(document),
        Err(error) => Cow::Owned(error_document(error)),
    }
}

fn error_document(error: &ApiError) -> Document {
    let mut members = vec![("__type".to_owned(), Document::text(format!("{SHAPES}{}", error.shape)))];
    if let Some(message) = &error.message {
        members.push(("message".to_owned(), Document::text(message)));
    }
    Document::Map(members)
}

/// A document as JSON, written without a tree in between: answers can be megabytes.
struct Json<'a>(&'a Document);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Document::Null => serializer.serialize_unit(),
            Document::Bool(truth) => serializer.serialize_bool(*truth),
            Document::Int(whole) => serializer.serialize_i64(*whole),
            Document::Double(number) => serializer.serialize_f64(*number),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
            Document::Time(time) => serializer.serialize_f64(*time as f64 / 1000.0),
            Document::Text(text) => serializer.serialize_str(text),
            Document::List(items) => serializer.collect_seq(items.iter().map(Json)),
            Document::Map(members) => {
                let shown = members.iter().filter(|(_, value)| *value != Document::Null);
                serializer.collect_map(shown.map(|(name, value)| (name, Json(value))))
            }
        }
    }
}
