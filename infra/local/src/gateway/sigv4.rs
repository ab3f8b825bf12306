//! Signature Version 4: who signed a request, if the signature is good.
//!
//! [AWS Signature Version 4 for API requests] in IAM's user guide. A request is verified by signing
//! it again with the caller's credentials, which the local AWS has given out. The names and sentences of errors are those that AWS
//! services give.
//!
//! [AWS Signature Version 4 for API requests]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::sign::v4;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Uri};
use subtle::ConstantTimeEq;

use super::canonical_request;
use crate::credentials::Credentials;
use crate::iam::Iam;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const SERVICE: &str = "execute-api";

/// How far a signature's time may be from ours.
const SKEW_MS: i64 = 15 * 60 * 1000;

/// Seconds for which a signature in a query string may be good at most.
const LONGEST_EXPIRY: i64 = 7 * 24 * 60 * 60;

/// Verifies signatures.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Who may sign, by access key.
    signers: HashMap<String, Signer>,
    /// What signatures have to be for.
    region: String,
}

/// One who may sign.
#[derive(Debug)]
struct Signer {
    credentials: Credentials,
    /// Who has the credentials.
    caller: Caller,
    /// The key of the day of the last signature; never held across an await.
    key: Mutex<Option<DayKey>>,
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
struct Claims<'a> {
    access_key: Cow<'a, str>,
    /// `date/region/service/aws4_request`.
    scope: Cow<'a, str>,
    /// In lower case, with semicolons between them.
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    token: Option<Cow<'a, str>>,
    /// `X-Amz-Date`, and in milliseconds since the epoch.
    date: Cow<'a, str>,
    time_ms: i64,
    /// Until when it is good, in milliseconds since the epoch.
    until_ms: i64,
}

/// A signing key and the day that it is for.
type DayKey = (String, Arc<[u8]>);

impl Verifier {
    /// The local AWS's own credentials are those of a user, the functions' own are those of their roles.
    pub(crate) fn new(credentials: Credentials, iam: Option<&Iam>, deployment: &sam::Settings) -> Self {
        let sam::Settings { account_id, region, .. } = deployment;
        let user =
            format!("arn:{}:iam::{account_id}:user/{}", deployment.partition(), credentials.access_key_id);
        let functions = iam.into_iter().flat_map(Iam::principals);
        let functions = functions.map(|function| (function.credentials().clone(), function.arn().to_owned()));
        let signer = |(credentials, arn): (Credentials, String)| {
            let access_key = credentials.access_key_id.clone();
            let caller = Caller { access_key: access_key.clone(), account_id: account_id.clone(), arn };
            (access_key, Signer { credentials, caller, key: Mutex::default() })
        };
        let signers = functions.chain([(credentials, user)]).map(signer).collect();
        Self { signers, region: region.clone() }
    }

    /// Who signed a request.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub(crate) fn verify(&self, request: &Signable<'_>, now_ms: i64) -> Result<Caller, SignatureError> {
        let claims = claims(request)?;
        let token = claims.token.as_deref().unwrap_or_default();
        let signer = self.signers.get(claims.access_key.as_ref());
        let signer = signer.filter(|signer| same(token, &signer.credentials.session_token));
        let signer = signer.ok_or(SignatureError::UnknownKey)?;
        let day = claims.date.split_once('T').map_or("", |(day, _)| day);
        if !self.is_scope(&claims.scope, day) {
            return Err(SignatureError::Scope);
        }
        if claims.until_ms < now_ms {
            return Err(SignatureError::Expired);
        }
        if claims.time_ms > now_ms + SKEW_MS {
            return Err(SignatureError::NotYetCurrent);
        }
        let hash = canonical_request::hash(request, &claims.signed_headers);
        let hash = hash.ok_or(SignatureError::Mismatch)?;
        let signed = format!("{ALGORITHM}\n{}\n{}\n{hash}", claims.date, claims.scope);
        let signature =
            v4::calculate_signature(signer.key(day, claims.time_ms, &self.region), signed.as_bytes());
        if !same(&signature, &claims.signature) {
            return Err(SignatureError::Mismatch);
        }
        Ok(signer.caller.clone())
    }

    /// Whether a scope is `{day}/{region}/execute-api/aws4_request`.
    fn is_scope(&self, scope: &str, day: &str) -> bool {
        let mut parts = scope.split('/');
        [day, &self.region, SERVICE, "aws4_request"].iter().all(|part| parts.next() == Some(part))
            && parts.next().is_none()
    }
}

impl Signer {
    /// The key of a day, which is kept: making one takes four of the five steps of a signature.
    fn key(&self, day: &str, time_ms: i64, region: &str) -> Arc<[u8]> {
        // A key is put in whole, so a poisoned lock is still good.
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, key)) if of == day => Arc::clone(key),
            _ => {
                let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(time_ms).unwrap_or_default());
                let secret = &self.credentials.secret_access_key;
                let key = v4::generate_signing_key(secret, time, region, SERVICE);
                let key: Arc<[u8]> = key.as_ref().into();
                *kept = Some((day.to_owned(), Arc::clone(&key)));
                key
            }
        }
    }
}

/// Compares in a time that does not tell how much is right.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn claims<'a>(request: &Signable<'a>) -> Result<Claims<'a>, SignatureError> {
    if let Some(authorization) = request.headers.get(AUTHORIZATION) {
        let text = authorization.to_str().ok();
        return text.and_then(|text| in_headers(text, request.headers)).ok_or(SignatureError::Incomplete);
    }
    let query: HashMap<_, _> =
        form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes()).collect();
    if !query.keys().any(|name| name == "X-Amz-Algorithm" || name == "X-Amz-Signature") {
        return Err(SignatureError::Missing);
    }
    in_query(query).ok_or(SignatureError::Incomplete)
}

/// `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn in_headers<'a>(authorization: &'a str, headers: &'a HeaderMap) -> Option<Claims<'a>> {
    let parts = authorization.strip_prefix(ALGORITHM)?;
    let part = |name: &str| {
        let mut parts = parts.split(',').filter_map(|part| part.trim().split_once('='));
        parts.rfind(|(other, _)| *other == name).map(|(_, value)| Cow::Borrowed(value))
    };
    let header = |name: &str| Some(Cow::Borrowed(headers.get(name)?.to_str().ok()?));
    let claims = Claims::of(
        part("Credential")?,
        part("SignedHeaders")?,
        part("Signature")?,
        header("x-amz-security-token"),
        header("x-amz-date")?,
    )?;
    Some(Claims { until_ms: claims.time_ms + SKEW_MS, ..claims })
}

/// A presigned URL: `X-Amz-Algorithm=…&X-Amz-Credential=…`
fn in_query<'a>(mut query: HashMap<Cow<'a, str>, Cow<'a, str>>) -> Option<Claims<'a>> {
    let mut parameter = |name: &str| query.remove(name);
    parameter("X-Amz-Algorithm").filter(|algorithm| algorithm == ALGORITHM)?;
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

impl<'a> Claims<'a> {
    /// Claims that are good at their time only.
    fn of(
        credential: Cow<'a, str>,
        signed_headers: Cow<'a, str>,
        signature: Cow<'a, str>,
        token: Option<Cow<'a, str>>,
        date: Cow<'a, str>,
    ) -> Option<Self> {
        let (access_key, scope) = match credential {
            Cow::Borrowed(text) => text.split_once('/').map(|(key, scope)| (key.into(), scope.into()))?,
            Cow::Owned(text) => {
                let (key, scope) = text.split_once('/')?;
                (key.to_owned().into(), scope.to_owned().into())
            }
        };
        let time_ms = milliseconds(&date)?;
        let signed_headers = if signed_headers.bytes().any(|byte| byte.is_ascii_uppercase()) {
            signed_headers.to_ascii_lowercase().into()
        } else {
            signed_headers
        };
        // A signature that is good for every host would be good at somebody else's.
        signed_headers.split(';').any(|name| name == "host").then_some(Self {
            access_key,
            scope,
            signed_headers,
            signature,
            token,
            date,
            time_ms,
            until_ms: time_ms,
        })
    }
}

/// `20260925T092012Z`, in milliseconds since the epoch. Every digit has to be there, as it is signed.
fn milliseconds(date: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok().filter(|_| date.len() == 16)?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond())
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
        let verifier = Verifier::new(Credentials::default(), None, &sam::Settings::default());
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
