//! Requests that no AWS SDK makes: over HTTP or HTTPS, with the certificates of the system.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// How long an answer may take: API Gateway gives up after 30 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0} is not an http or https address")]
    Address(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("{address} cannot be reached: {cause}")]
    Reach { address: String, cause: String },
    #[error("{0} did not answer in time")]
    Time(String),
}

/// How certificates are checked: against those of the system.
pub(crate) fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read are left out: others may do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Posts JSON; gives the status and the body.
pub(crate) async fn post(
    address: &str,
    headers: HeaderMap,
    body: String,
) -> Result<(u16, String), HttpError> {
    let wrong = || HttpError::Address(address.to_owned());
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong());
    }
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(Arc::unwrap_or_clone(tls()?))
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = Request::post(uri).body(Full::new(Bytes::from(body))).map_err(|_| wrong())?;
    *request.headers_mut() = headers;
    let reach = |cause: &dyn std::error::Error| HttpError::Reach {
        address: address.to_owned(),
        cause: innermost(cause).to_string(),
    };
    let answer = async {
        let response = client.request(request).await.map_err(|error| reach(&error))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| reach(&error))?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(HttpError::Time(address.to_owned())),
    }
}

/// What it was in the end: the others only say that it failed.
fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}
