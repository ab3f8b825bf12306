//! A JWKS document at a URL, by the HTTP client that the AWS SDK brings.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use crate::auth::jwks::{FetchError, FetchKeys, Fetching};

/// The time for the whole answer: an authorizer has a few seconds, and a client waits for it.
const WITHIN: Duration = Duration::from_secs(2);

/// Bytes that a document may have. That is some hundred keys.
const MAX_BYTES: usize = 256 * 1024;

/// Where a document is.
#[derive(Debug)]
pub struct JwksUrl {
    url: String,
    within: Duration,
    /// Made when it is needed: it loads the system's certificates.
    connector: OnceLock<Connector>,
}

impl JwksUrl {
    /// At an `https` URL, or an `http` one; `None` when it is neither. Redirects are not followed.
    #[must_use]
    pub fn new(url: &str) -> Option<Self> {
        let request = Request::get(url).ok()?;
        let (scheme, rest) = request.uri().split_once("://")?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_good = matches!(scheme, "https" | "http") && !host.is_empty() && !host.contains('@');
        is_good.then(|| Self { url: url.to_owned(), within: WITHIN, connector: OnceLock::new() })
    }

    async fn get(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(&self.url).map_err(|error| FetchError(error.to_string()))?;
        let connector = self.connector.get_or_init(|| {
            // A connection would not survive until the next reading.
            let tls = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            tls.pool_max_idle_per_host(0).build()
        });
        let response = connector.call(request).await.map_err(|error| failed(&error))?;
        if !response.status().is_success() {
            return Err(FetchError(format!("it answered {}", response.status().as_u16())));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| failed(&*error))
    }
}

impl FetchKeys for JwksUrl {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async {
            let late = |_| FetchError(format!("no answer within {} ms", self.within.as_millis()));
            timeout(self.within, self.get()).await.map_err(late)?
        })
    }
}

/// An error with what it comes from: the client's own words say only that something failed.
fn failed(error: &(dyn std::error::Error + 'static)) -> FetchError {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    FetchError(words)
}

#[cfg(test)]
mod tests;
