//! The environment, read and checked once, when a function starts.

use std::str::FromStr;
use std::sync::Arc;

use super::http::ApiKey;
use crate::adapters::JwksUrl;
use crate::auth::jwks::FetchKeys;
use crate::auth::{TokenSettings, TokenVerifier};
use crate::channel::Namespaces;
use crate::model::Rate;
use crate::service::Settings;
use crate::service::sweep::SweepSettings;
use crate::telemetry::UserHash;

/// The variable of the management API's address: a setting of the AWS SDK itself.
pub(super) const MANAGEMENT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// What the template tells a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub function: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets for functions that log JSON.
    pub log_level: String,
    /// `TABLE_NAME`.
    pub table: String,
    /// `METRICS_NAMESPACE`.
    pub metrics_namespace: String,
    /// `DETAILED_METRICS`: metrics by route too.
    pub detailed_metrics: bool,
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, which the SDK reads by itself: where the management API is.
    pub management: Option<String>,
    /// `USER_HASH_KEY`: without one, users are left out of the logs.
    pub user_hash: UserHash,
    /// `API_KEY`, of the server API: without one, nobody may call it.
    pub api_key: ApiKey,
    /// `NAMESPACES` (a JSON object), `ALLOW_ANONYMOUS`, `MAX_CONNECTIONS_PER_USER`, `MAX_COMMANDS_PER_SECOND`, `ALLOWED_ORIGINS` (with commas between
    /// them), and what tokens are checked with: `TOKEN_SECRET`, `TOKEN_PUBLIC_KEY` (PEM), `TOKEN_JWKS_URL`,
    /// `TOKEN_ISSUER`, `TOKEN_AUDIENCE`.
    pub settings: Settings,
    /// The dimensions of the metrics of functions that no API invokes: `API_ID` and `STAGE_NAME`.
    pub api: (Option<String>, Option<String>),
    /// What the sweeper does: `KEEP_ALIVE` and `RENEW_CONNECTIONS`.
    pub sweep: SweepSettings,
}

/// A variable that is missing or cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} {fault}")]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// What is wrong, after the name.
    pub fault: String,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// Reads variables from anywhere.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |variable: &str| get(variable).filter(|value| !value.is_empty());
        let required =
            |variable| set(variable).ok_or_else(|| ConfigError { variable, fault: "is not set".to_owned() });
        let namespaces = set("NAMESPACES").unwrap_or_else(|| "{}".to_owned());
        let namespaces = Namespaces::from_json(&namespaces).map_err(|error| ConfigError {
            variable: "NAMESPACES",
            fault: format!("is not valid: {error}"),
        })?;
        Ok(Self {
            function: required("AWS_LAMBDA_FUNCTION_NAME")?,
            log_level: set("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            table: required("TABLE_NAME")?,
            metrics_namespace: metrics_namespace(set("METRICS_NAMESPACE"))?,
            management: set(MANAGEMENT).map(|url| endpoint(MANAGEMENT, url)).transpose()?,
            detailed_metrics: switch("DETAILED_METRICS", set)?,
            user_hash: UserHash::new(&set("USER_HASH_KEY").unwrap_or_default()),
            api_key: ApiKey::new(set("API_KEY").as_deref()),
            settings: Settings {
                tokens: tokens(set)?,
                namespaces,
                allow_anonymous: switch("ALLOW_ANONYMOUS", set)?,
                max_connections_per_user: limit("MAX_CONNECTIONS_PER_USER", set)?,
                rate: limit("MAX_COMMANDS_PER_SECOND", set)?.map(|per_second| Rate { per_second }),
                allowed_origins: origins(&set("ALLOWED_ORIGINS").unwrap_or_default())?,
            },
            api: (set("API_ID"), set("STAGE_NAME")),
            sweep: SweepSettings {
                keep_alive: switch("KEEP_ALIVE", set)?,
                renew: switch("RENEW_CONNECTIONS", set)?,
            },
        })
    }
}

/// The keys and names that tokens are checked with.
fn tokens(get: impl Fn(&str) -> Option<String>) -> Result<TokenVerifier, ConfigError> {
    let settings = TokenSettings {
        secret: get("TOKEN_SECRET"),
        public_key: get("TOKEN_PUBLIC_KEY"),
        key_set: get("TOKEN_JWKS_URL").map(|url| jwks(&url)).transpose()?,
        issuer: get("TOKEN_ISSUER"),
        audience: get("TOKEN_AUDIENCE"),
    };
    TokenVerifier::new(&settings)
        .map_err(|error| ConfigError { variable: "TOKEN_PUBLIC_KEY", fault: error.to_string() })
}

/// Where more keys are.
fn jwks(url: &str) -> Result<Arc<dyn FetchKeys>, ConfigError> {
    let fault = || format!("must be a URL such as https://id.example/jwks.json, not {url:?}");
    let source =
        JwksUrl::new(url).ok_or_else(|| ConfigError { variable: "TOKEN_JWKS_URL", fault: fault() })?;
    Ok(Arc::new(source))
}

/// The address of an AWS service.
fn endpoint(variable: &'static str, url: String) -> Result<String, ConfigError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
    {
        return Ok(url);
    }
    Err(ConfigError { variable, fault: format!("must be a URL such as https://…, not {url:?}") })
}

/// Amazon CloudWatch API reference, "MetricDatum" and "PutMetricData": what a namespace's name is made of. The
/// extraction of metrics from log lines passes over others without a word.
fn metrics_namespace(name: Option<String>) -> Result<String, ConfigError> {
    let Some(name) = name else { return Ok("Switchboard".to_owned()) };
    let is_good =
        name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/#:-".contains(&b));
    let fault = || format!("must be at most 255 letters, digits and . _ / # : -, not {name:?}");
    if is_good { Ok(name) } else { Err(ConfigError { variable: "METRICS_NAMESPACE", fault: fault() }) }
}

/// Origins as browsers write them: a scheme and a host, in small letters, and nothing behind it.
fn origins(list: &str) -> Result<Vec<String>, ConfigError> {
    let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let check = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host).unwrap_or_default();
        let is_origin =
            !host.is_empty() && !host.contains('/') && !origin.contains(|c: char| c.is_ascii_uppercase());
        let fault = || format!("must list origins such as https://app.example, not {origin:?}");
        if is_origin {
            Ok(origin.to_owned())
        } else {
            Err(ConfigError { variable: "ALLOWED_ORIGINS", fault: fault() })
        }
    };
    origins.map(check).collect()
}

/// A number above 0; none when it is 0 or not set.
fn limit<N: FromStr + Default + PartialOrd>(
    variable: &'static str,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<N>, ConfigError> {
    let Some(text) = get(variable) else { return Ok(None) };
    let number = text
        .parse()
        .map_err(|_| ConfigError { variable, fault: format!("must be a whole number, not {text:?}") })?;
    Ok(Some(number).filter(|number| *number > N::default()))
}

/// `true` or `false`; off when it is not set.
fn switch(variable: &'static str, get: impl Fn(&str) -> Option<String>) -> Result<bool, ConfigError> {
    match get(variable).as_deref() {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(other) => Err(ConfigError { variable, fault: format!("must be true or false, not {other:?}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<(), &str>) {
        let mut all = vec![("AWS_LAMBDA_FUNCTION_NAME", "f"), ("TABLE_NAME", "t")];
        all.extend(variables);
        let get =
            |name: &str| all.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let seen = Config::read(get).map(drop).map_err(|error| error.to_string());
        assert_eq!(seen, expected.map_err(str::to_owned));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(&[], Ok(()));
        check(&[("TABLE_NAME", "")], Err("the environment variable TABLE_NAME is not set"));
        check(
            &[("ALLOW_ANONYMOUS", "yes")],
            Err(r#"the environment variable ALLOW_ANONYMOUS must be true or false, not "yes""#),
        );
        check(
            &[("MAX_CONNECTIONS_PER_USER", "few")],
            Err(r#"the environment variable MAX_CONNECTIONS_PER_USER must be a whole number, not "few""#),
        );
        check(
            &[("NAMESPACES", "{")],
            Err(
                "the environment variable NAMESPACES is not valid: EOF while parsing an object at line 1 column 1",
            ),
        );
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_named() {
        check(&[("ALLOWED_ORIGINS", "https://app.example, http://app.internal:5173")], Ok(()));
        for wrong in ["app.example", "https://app.example/", "https://App.example"] {
            let words = format!(
                "the environment variable ALLOWED_ORIGINS must list origins such as https://app.example, not {wrong:?}"
            );
            check(&[("ALLOWED_ORIGINS", wrong)], Err(&words));
        }
    }

    #[test]
    fn a_key_that_is_none_is_named() {
        check(
            &[("TOKEN_PUBLIC_KEY", "ssh-rsa AAAA")],
            Err("the environment variable TOKEN_PUBLIC_KEY is not a PEM public key of RSA, ECDSA or Ed25519"),
        );
    }

    #[test]
    fn a_key_set_is_at_a_url() {
        check(&[("TOKEN_JWKS_URL", "https://id.example/.well-known/jwks.json?tenant=1")], Ok(()));
        for wrong in
            ["id.example", "ftp://id.example/x", "https://", "https://me:secret@id.example", "https://a b"]
        {
            let words = format!(
                "the environment variable TOKEN_JWKS_URL must be a URL such as https://id.example/jwks.json, not {wrong:?}"
            );
            check(&[("TOKEN_JWKS_URL", wrong)], Err(&words));
        }
    }

    #[test]
    fn the_defaults_are_the_strict_ones() {
        let get =
            |name: &str| ["AWS_LAMBDA_FUNCTION_NAME", "TABLE_NAME"].contains(&name).then(|| "x".to_owned());
        let config = Config::read(get).unwrap();
        assert_eq!(config.settings.namespaces, Namespaces::default());
        assert!(!config.settings.allow_anonymous && !config.detailed_metrics);
    }
}
