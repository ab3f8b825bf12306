//! What Signature Version 4 signs of a request: its canonical form, and the signature of that.
//!
//! [Create a signed AWS API request] in IAM's user guide. AWS's own signer, which prepares a request
//! that is to be sent, takes three times as long; it is what the tests compare with.
//!
//! [Create a signed AWS API request]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use std::borrow::Cow;
use std::fmt::Write;

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::sigv4::Signable;

/// What is not encoded in a query string.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is not encoded in a path.
const IN_PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// The parameter that holds a signature, which cannot sign itself.
const SIGNATURE: &str = "X-Amz-Signature=";

/// The hash of a request's canonical form, in hexadecimal digits. `signed_headers` are names in lower
/// case with semicolons between them.
///
/// `None` when a signed header is not there or is no text.
pub(super) fn hash(request: &Signable<'_>, signed_headers: &str) -> Option<String> {
    let mut canonical = String::with_capacity(1024);
    canonical.push_str(request.method.as_str());
    canonical.push('\n');
    canonical.extend(utf8_percent_encode(&without_dots(request.uri.path()), IN_PATH));
    canonical.push('\n');
    write_query(&mut canonical, request.uri.query().unwrap_or_default());
    canonical.push('\n');
    for name in signed_headers.split(';') {
        write_header(&mut canonical, name, request.headers)?;
    }
    canonical.push('\n');
    canonical.push_str(signed_headers);
    canonical.push('\n');
    canonical.push_str(&hex_of_hash(request.body));
    Some(hex_of_hash(canonical.as_bytes()))
}

fn hex_of_hash(bytes: &[u8]) -> String {
    let halves = Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// A path without the segments `.` and `..` and without empty ones.
fn without_dots(path: &str) -> Cow<'_, str> {
    if !path.contains("/.") && !path.contains("//") {
        return path.into();
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) && !segments.is_empty();
    format!("/{}{}", segments.join("/"), if is_folder { "/" } else { "" }).into()
}

/// The parameters, sorted and encoded in one way.
fn write_query(canonical: &mut String, query: &str) {
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut parameters: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.starts_with(SIGNATURE))
        .flat_map(|pair| form_urlencoded::parse(pair.as_bytes()))
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    parameters.sort();
    for (index, (name, value)) in parameters.iter().enumerate() {
        let between = if index == 0 { "" } else { "&" };
        let _ = write!(canonical, "{between}{name}={value}");
    }
}

/// A header with all its values, whose spaces are single ones between words.
fn write_header(canonical: &mut String, name: &str, headers: &HeaderMap) -> Option<()> {
    canonical.push_str(name);
    let mut before = ':';
    for value in headers.get_all(name) {
        canonical.push(before);
        let value = value.to_str().ok()?.trim_matches(' ');
        before = ',';
        if !value.contains("  ") {
            canonical.push_str(value);
            continue;
        }
        let mut spaced = false;
        canonical.extend(value.chars().filter(|c| {
            let again = *c == ' ' && spaced;
            spaced = *c == ' ';
            !again
        }));
    }
    canonical.push('\n');
    (before == ',').then_some(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use http::{Method, Request, Uri};
    use proptest::prelude::*;

    use super::*;

    /// Signs with AWS's signer, and compares that with the signature of our own hash.
    fn check(method: &Method, uri: &str, headers: &[(String, String)], body: &str) {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.header("host", "localhost").header("x-amz-date", "20260925T092012Z");
        let request = request.body(()).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_790_328_012);
        let identity = Credentials::new("local", "secret", None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("execute-api")
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let pairs = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new(method.as_str(), uri, pairs, SignableBody::Bytes(body.as_bytes())).unwrap();
        let theirs = sign(signable, &params).unwrap().signature().to_owned();

        let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        let uri: &Uri = request.uri();
        let ours = Signable { method, uri, headers: request.headers(), body: body.as_bytes() };
        let hash = hash(&ours, &names.join(";")).unwrap();
        let text = format!(
            "AWS4-HMAC-SHA256\n20260925T092012Z\n20260925/us-east-1/execute-api/aws4_request\n{hash}"
        );
        let key = v4::generate_signing_key("secret", time, "us-east-1", "execute-api");
        assert_eq!(v4::calculate_signature(key, text.as_bytes()), theirs, "{request:?}");
    }

    #[test]
    fn paths_and_queries_are_those_of_aws() {
        for uri in [
            "/",
            "/prod/@connections/gbikqi-vWQAYKEiHxA%3D%3D",
            "/a//b/./c/../d/",
            "/..",
            "/a/.",
            "/a/..b",
            "/prod?b=2&a=1&a=0&c",
            "/prod?x=%2F+%20&=y&%C3%A9=~",
            "/prod?",
        ] {
            check(&Method::GET, uri, &[], "");
        }
    }

    #[test]
    fn headers_are_those_of_aws() {
        let header = |value: &str| ("x-a".to_owned(), value.to_owned());
        for values in [&["  a   b  "][..], &["a", " b"], &[""], &["\"a  b\"", "c"]] {
            let headers: Vec<_> = values.iter().map(|value| header(value)).collect();
            check(&Method::POST, "/prod", &headers, "body");
        }
    }

    #[test]
    fn a_signed_header_that_is_not_there_cannot_be_signed() {
        let (method, uri, headers) = (&Method::GET, &Uri::from_static("/"), &HeaderMap::new());
        assert_eq!(hash(&Signable { method, uri, headers, body: b"" }, "host"), None);
    }

    proptest! {
        #[test]
        fn everything_is_that_of_aws(
            path in "(/[a-zA-Z0-9.~@%_=-]{0,4}){1,5}",
            query in r"[a-zA-Z0-9&=+%~/.-]{0,20}",
            values in prop::collection::vec(("x-[a-c]", "[ -~]{0,12}"), 0..4),
            body in "[a-z]{0,9}",
        ) {
            check(&Method::POST, &format!("{path}?{query}"), &values, &body);
        }
    }
}
