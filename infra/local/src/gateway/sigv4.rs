//! Signature Version 4: who signed a request, if the signature is good.
//!
//! [AWS Signature Version 4 for API requests] in IAM's user guide. A request is verified by signing
//! it again, with AWS's own signer and the local AWS's credentials. The names and sentences of errors
//! are those that AWS services give.
//!
//! [AWS Signature Version 4 for API requests]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use subtle::ConstantTimeEq;

use crate::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const SERVICE: &str = "execute-api";

/// How far a signature's time may be from ours.
const SKEW_MS: i64 = 15 * 60 * 1000;

/// Seconds for which a signature in a query string may be good at most.
const LONGEST_EXPIRY: i64 = 7 * 24 * 60 * 60;

/// Verifies signatures.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// The only ones that there are.
    pub(crate) credentials: Credentials,
    /// What signatures have to be for.
    pub(crate) region: String,
    /// The account of the credentials.
    pub(crate) account_id: String,
    /// `aws`, for ARNs.
    pub(crate) partition: &'static str,
}

/// What of a request is signed.
#[derive(Debug)]
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Who signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `identity.accessKey`.
    pub(crate) access_key: String,
    /// `identity.accountId`.
    pub(crate) account_id: String,
    /// `identity.userArn`.
    pub(crate) arn: String,
}

/// Why a request is not one of a known caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// It is not signed.
    Missing,
    /// A part of the signature is missing or unreadable.
    Incomplete,
    /// The access key, or its session token, is not the local AWS's.
    UnknownKey,
    /// It is for another service, region or day.
    Scope,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetCurrent,
    /// It is of something else, or by someone else.
    Mismatch,
}

impl SignatureError {
    /// The error's name, as SDKs read it.
    pub(crate) fn error_type(self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Scope | Self::Expired | Self::NotYetCurrent | Self::Mismatch => "InvalidSignatureException",
        }
    }

    /// The sentence for the caller.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Missing => "Missing Authentication Token",
            Self::Incomplete => {
                "Authorization requires 'Credential', 'SignedHeaders' with 'host', 'Signature' and 'X-Amz-Date'."
            }
            Self::UnknownKey => "The security token included in the request is invalid.",
            Self::Scope => {
                "Credential should be scoped to the service 'execute-api', the region and the date."
            }
            Self::Expired => "Signature expired.",
            Self::NotYetCurrent => "Signature not yet current.",
            Self::Mismatch => {
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details."
            }
        }
    }
}

/// What a request says of its signature.
struct Claims {
    access_key: String,
    /// `date/region/service/aws4_request`.
    scope: String,
    signed_headers: Vec<String>,
    signature: String,
    token: Option<String>,
    /// `X-Amz-Date`, and in milliseconds since the epoch.
    date: String,
    time_ms: i64,
    /// Until when it is good, in milliseconds since the epoch.
    until_ms: i64,
}

impl Verifier {
    /// Who signed a request.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub(crate) fn verify(&self, request: &Signable<'_>, now_ms: i64) -> Result<Caller, SignatureError> {
        let claims = claims(request)?;
        let own = &self.credentials;
        let token = claims.token.as_deref().unwrap_or_default();
        if claims.access_key != own.access_key_id || !same(token, &own.session_token) {
            return Err(SignatureError::UnknownKey);
        }
        let day = claims.date.split_once('T').map_or("", |(day, _)| day);
        if claims.scope != format!("{day}/{}/{SERVICE}/aws4_request", self.region) {
            return Err(SignatureError::Scope);
        }
        if claims.until_ms < now_ms {
            return Err(SignatureError::Expired);
        }
        if claims.time_ms > now_ms + SKEW_MS {
            return Err(SignatureError::NotYetCurrent);
        }
        let signature = self.sign_again(request, &claims).ok_or(SignatureError::Mismatch)?;
        if !same(&signature, &claims.signature) {
            return Err(SignatureError::Mismatch);
        }
        Ok(Caller {
            access_key: own.access_key_id.clone(),
            account_id: self.account_id.clone(),
            arn: format!("arn:{}:iam::{}:user/{}", self.partition, self.account_id, own.access_key_id),
        })
    }

    /// The signature that the request should have. The signer is told that it is one in headers, and
    /// gets a query string's own claims as the ordinary parameters that they are in what is signed.
    fn sign_again(&self, request: &Signable<'_>, claims: &Claims) -> Option<String> {
        let mut headers = Vec::new();
        for name in &claims.signed_headers {
            let values = request.headers.get_all(name).iter();
            let values: Option<Vec<_>> =
                values.map(|value| Some((name.as_str(), value.to_str().ok()?))).collect();
            headers.extend(values.filter(|values| !values.is_empty())?);
        }
        let mut settings = SigningSettings::default();
        let date = "x-amz-date";
        let unsigned = !claims.signed_headers.iter().any(|name| name == date);
        settings.excluded_headers = unsigned.then(|| vec![date.into()]);
        let Credentials { access_key_id, secret_access_key, .. } = &self.credentials;
        // The token is among the headers or parameters already.
        let identity =
            aws_credential_types::Credentials::new(access_key_id, secret_access_key, None, None, "local")
                .into();
        let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(claims.time_ms).ok()?);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(time)
            .settings(settings)
            .build()
            .ok()?
            .into();
        let body = SignableBody::Bytes(request.body);
        let uri = without_signature(request.uri);
        let signable = SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), body).ok()?;
        Some(sign(signable, &params).ok()?.signature().to_owned())
    }
}

/// Compares in a time that does not tell how much is right.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn claims(request: &Signable<'_>) -> Result<Claims, SignatureError> {
    if let Some(authorization) = request.headers.get(AUTHORIZATION) {
        let text = authorization.to_str().ok();
        return text.and_then(|text| in_headers(text, request.headers)).ok_or(SignatureError::Incomplete);
    }
    let query = request.uri.query().unwrap_or_default().as_bytes();
    let query: HashMap<_, _> = form_urlencoded::parse(query).into_owned().collect();
    if !query.keys().any(|name| name == "X-Amz-Algorithm" || name == "X-Amz-Signature") {
        return Err(SignatureError::Missing);
    }
    in_query(&query).ok_or(SignatureError::Incomplete)
}

/// `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn in_headers(authorization: &str, headers: &HeaderMap) -> Option<Claims> {
    let parts = authorization.strip_prefix(ALGORITHM)?.split(',');
    let parts: HashMap<_, _> = parts.filter_map(|part| part.trim().split_once('=')).collect();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let claims = Claims::of(
        parts.get("Credential")?,
        parts.get("SignedHeaders")?,
        parts.get("Signature")?,
        header("x-amz-security-token"),
        header("x-amz-date")?,
    )?;
    Some(Claims { until_ms: claims.time_ms + SKEW_MS, ..claims })
}

/// A presigned URL: `X-Amz-Algorithm=…&X-Amz-Credential=…`
fn in_query(query: &HashMap<String, String>) -> Option<Claims> {
    let parameter = |name: &str| query.get(name).map(String::as_str);
    parameter("X-Amz-Algorithm").filter(|algorithm| *algorithm == ALGORITHM)?;
    let expires: i64 = parameter("X-Amz-Expires")?.parse().ok()?;
    let claims = Claims::of(
        parameter("X-Amz-Credential")?,
        parameter("X-Amz-SignedHeaders")?,
        parameter("X-Amz-Signature")?,
        parameter("X-Amz-Security-Token"),
        parameter("X-Amz-Date")?,
    )?;
    let lifetime = (1..=LONGEST_EXPIRY).contains(&expires).then_some(expires * 1000)?;
    Some(Claims { until_ms: claims.time_ms + lifetime, ..claims })
}

impl Claims {
    /// Claims that are good at their time only.
    fn of(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        token: Option<&str>,
        date: &str,
    ) -> Option<Self> {
        let (access_key, scope) = credential.split_once('/')?;
        let time_ms = milliseconds(date)?;
        let signed_headers: Vec<_> = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        // A signature that is good for every host would be good at somebody else's.
        signed_headers.contains(&"host".to_owned()).then(|| Self {
            access_key: access_key.to_owned(),
            scope: scope.to_owned(),
            signed_headers,
            signature: signature.to_owned(),
            token: token.map(str::to_owned),
            date: date.to_owned(),
            time_ms,
            until_ms: time_ms,
        })
    }
}

/// `20260925T092012Z`, in milliseconds since the epoch.
fn milliseconds(date: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond())
}

/// The path and query without the signature, which cannot sign itself.
fn without_signature(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let rest: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
    format!("{}?{}", uri.path(), rest.join("&"))
}

#[cfg(test)]
pub(crate) mod tests {
    use http::Request;

    use super::*;

    /// 25 September 2026, 09:20:12 UTC: when the requests here were signed.
    const NOW: i64 = 1_790_328_012_000;

    /// Headers of requests that botocore signed with the credentials `local`.
    pub(crate) const POST: [(&str, &str); 5] = [
        ("host", "localhost"),
        ("content-type", "text/plain"),
        ("x-amz-date", "20260925T092012Z"),
        ("x-amz-security-token", "local"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260925/us-east-1/execute-api/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=7f942e8be4c0d6b5d97a7618b8ff562461d856a2008dd49da2b818e1e4ef8323",
        ),
    ];
    pub(crate) const POST_PATH: &str = "/prod/@connections/gbikqi-vWQAYKEiHxA%3D%3D";
    pub(crate) const POST_BODY: &str = "hello";
    pub(crate) const GET: [(&str, &str); 4] = [
        ("host", "localhost"),
        ("x-amz-date", "20260925T092012Z"),
        ("x-amz-security-token", "local"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260925/us-east-1/execute-api/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=7dcc9a65085abaedf59af3b480668ab97b5ac290893cd92430676197d1fc3fc7",
        ),
    ];
    pub(crate) const GET_PATH: &str = "/prod?room=a%20b&x=%2F";
    pub(crate) const PRESIGNED_PATH: &str = "/prod?room=a%20b&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=local%2F20260925%2Fus-east-1%2Fexecute-api%2Faws4_request&X-Amz-Date=20260925T092012Z\
         &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=local\
         &X-Amz-Signature=f6469e942da75c0cce45c3a7f993cc6716aa0fc37fa7e4f5d27c0cef6e37310e";

    fn verify(request: &Request<&str>, now_ms: i64) -> Result<Caller, SignatureError> {
        let verifier = Verifier {
            credentials: Credentials::default(),
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            partition: "aws",
        };
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        verifier.verify(&Signable { method, uri, headers, body: request.body().as_bytes() }, now_ms)
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<&'static str> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body("").unwrap()
    }

    fn post() -> Request<&'static str> {
        request("POST", POST_PATH, &POST).map(|_| POST_BODY)
    }

    fn presigned() -> Request<&'static str> {
        request("GET", PRESIGNED_PATH, &[("host", "localhost")])
    }

    #[test]
    fn what_another_signer_signed_is_good() {
        let expected = Caller {
            access_key: "local".to_owned(),
            account_id: "123456789012".to_owned(),
            arn: "arn:aws:iam::123456789012:user/local".to_owned(),
        };
        for request in [post(), request("GET", GET_PATH, &GET), presigned()] {
            assert_eq!(verify(&request, NOW), Ok(expected.clone()), "{request:?}");
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Request<&'static str>), expected: Result<(), SignatureError>) {
        let mut request = post();
        change(&mut request);
        assert_eq!(verify(&request, NOW).map(|_| ()), expected);
    }

    /// Replaces a piece of the Authorization header.
    fn authorization(request: &mut Request<&'static str>, from: &str, to: &str) {
        let value = request.headers()[AUTHORIZATION].to_str().unwrap().replace(from, to);
        request.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
    }

    fn header(request: &mut Request<&'static str>, name: &'static str, value: &'static str) {
        request.headers_mut().insert(name, value.parse().unwrap());
    }

    #[test]
    fn anything_signed_that_changes_is_seen() {
        let mismatch = Err(SignatureError::Mismatch);
        check(|request| *request.body_mut() = "hellO", mismatch);
        check(|request| *request.method_mut() = Method::PUT, mismatch);
        check(
            |request| *request.uri_mut() = "/dev/@connections/gbikqi-vWQAYKEiHxA%3D%3D".parse().unwrap(),
            mismatch,
        );
        check(|request| *request.uri_mut() = format!("{POST_PATH}?a=1").parse().unwrap(), mismatch);
        check(|request| header(request, "host", "example.com"), mismatch);
        check(|request| header(request, "content-type", "text/html"), mismatch);
        check(|request| drop(request.headers_mut().remove("content-type")), mismatch);
        check(|request| header(request, "x-amz-date", "20260925T092013Z"), mismatch);
        check(|request| authorization(request, "content-type;", ""), mismatch);
        check(|request| authorization(request, "Signature=7", "Signature=8"), mismatch);
        check(|request| authorization(request, "Signature=7f942e", "Signature="), mismatch);
        check(|request| header(request, "x-not-signed", "1"), Ok(()));
        check(|request| header(request, "content-type", "  text/plain "), Ok(()));
    }

    #[test]
    fn every_other_fault_has_its_name() {
        check(|request| drop(request.headers_mut().remove(AUTHORIZATION)), Err(SignatureError::Missing));
        check(|request| header(request, "authorization", "Bearer x"), Err(SignatureError::Incomplete));
        check(|request| authorization(request, "host;", ""), Err(SignatureError::Incomplete));
        check(|request| authorization(request, "Credential", "Cred"), Err(SignatureError::Incomplete));
        check(|request| drop(request.headers_mut().remove("x-amz-date")), Err(SignatureError::Incomplete));
        check(|request| header(request, "x-amz-date", "yesterday"), Err(SignatureError::Incomplete));
        check(|request| authorization(request, "=local/", "=AKIA0/"), Err(SignatureError::UnknownKey));
        check(|request| header(request, "x-amz-security-token", "old"), Err(SignatureError::UnknownKey));
        check(
            |request| drop(request.headers_mut().remove("x-amz-security-token")),
            Err(SignatureError::UnknownKey),
        );
        check(|request| authorization(request, "us-east-1", "eu-west-1"), Err(SignatureError::Scope));
        check(|request| authorization(request, "execute-api", "s3"), Err(SignatureError::Scope));
        check(|request| authorization(request, "20260925/", "20260924/"), Err(SignatureError::Scope));
    }

    #[test]
    fn a_signature_has_its_time() {
        let at = |request: &Request<&str>, ms: i64| verify(request, NOW + ms).map(|_| ());
        for (ms, expected) in [
            (SKEW_MS, Ok(())),
            (SKEW_MS + 1, Err(SignatureError::Expired)),
            (-SKEW_MS, Ok(())),
            (-SKEW_MS - 1, Err(SignatureError::NotYetCurrent)),
        ] {
            assert_eq!(at(&post(), ms), expected, "{ms} ms");
        }
        assert_eq!(at(&presigned(), 60_000), Ok(()));
        assert_eq!(at(&presigned(), 60_001), Err(SignatureError::Expired));
        for (from, to) in
            [("Expires=60", "Expires=604801"), ("&X-Amz-Expires=60", ""), ("Expires=60", "Expires=x")]
        {
            let path = PRESIGNED_PATH.replace(from, to);
            assert_eq!(
                at(&request("GET", &path, &[("host", "localhost")]), 0),
                Err(SignatureError::Incomplete)
            );
        }
        let path = PRESIGNED_PATH.replace("Expires=60", "Expires=61");
        assert_eq!(at(&request("GET", &path, &[("host", "localhost")]), 0), Err(SignatureError::Mismatch));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(
            method in "[A-Z]{1,5}", path in "/[!-~]{0,30}", name in "[a-z-]{1,12}", value in "[ -~\u{e9}]{0,20}",
            claim in "(AWS4-HMAC-SHA256 )?(Credential=local/[!-~]{0,40},)?(SignedHeaders=[a-z;-]{0,20},)?[!-~]{0,20}",
            date in "([0-9]{8}T[0-9]{6}Z|[!-~]{0,17})", body in "[a-z]{0,5}",
        ) {
            let mut builder = Request::builder().method(method.as_str()).uri(path.as_str());
            for (name, value) in [(&*name, &value), ("authorization", &claim), ("x-amz-date", &date), ("host", &body)] {
                builder = builder.header(name, value.as_str());
            }
            if let Ok(request) = builder.body(body.as_str()) {
                let _ = verify(&request, NOW);
            }
            // What is signed by everything but the signature itself is reached only with good claims.
            let mut request = post();
            if let (Ok(uri), Ok(value)) = (path.parse(), value.parse()) {
                *request.uri_mut() = uri;
                request.headers_mut().insert("content-type", value);
                let _ = verify(&request, NOW);
            }
        }
    }
}
