//! `switchboard publish`: publishes through the server API, as an application's own servers do.

use std::io::{self, Write};

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::endpoint::{self, EndpointError};
use crate::https::{self, HttpError};

/// The variable that has the key: an argument would be seen by everybody on the machine.
const KEY_VARIABLE: &str = "SWITCHBOARD_API_KEY";

/// What to publish, and through whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PublishOptions {
    /// The channel, such as room:1.
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// The data, as JSON: '{"text":"hi"}' or '"hi"'.
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    data: String,
    /// The server API's address: the output HttpUrl of the stack.
    #[arg(long, value_name = "URL", required_unless_present = "local")]
    url: Option<String>,
    /// The server API's key [default: the environment variable SWITCHBOARD_API_KEY].
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Publish through the `switchboard up` that runs in this folder, or in one above it.
    #[arg(long, conflicts_with = "url")]
    local: bool,
    /// Publish once only, however often this is run within five minutes with the same text.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    /// Do not keep it in the channel's history.
    #[arg(long)]
    skip_history: bool,
    /// Print the API's result as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// Why it was not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("the data is not JSON ({0}); a text needs quotes of its own: '\"text\"'")]
    Data(serde_json::Error),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the `switchboard up` of this folder runs a template without a server API")]
    NoApi,
    #[error("the server API needs a key; give it with --key, or in the variable {KEY_VARIABLE}")]
    NoKey,
    #[error("a key has letters, digits and signs of ASCII only")]
    Key,
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the server API does not take the key")]
    Refused,
    #[error("the server API answered with status {status}: {body}")]
    Status { status: u16, body: String },
    #[error("not published: {message} (code {code})")]
    Api { code: u64, message: String },
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

/// Publishes.
pub(crate) fn run(options: &PublishOptions) -> Result<(), PublishError> {
    let data: Box<RawValue> = serde_json::from_str(&options.data).map_err(PublishError::Data)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PublishError::Runtime)?;
    let result = runtime.block_on(Box::pin(publish(options, &data)))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", if options.json { result.to_string() } else { told(&options.channel, &result) })
        .map_err(PublishError::Output)
}

async fn publish(options: &PublishOptions, data: &RawValue) -> Result<Value, PublishError> {
    let (url, key) = target(options)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut key = HeaderValue::from_str(&key).map_err(|_| PublishError::Key)?;
    key.set_sensitive(true);
    headers.insert("x-api-key", key);
    let mut body = json!({"channel": options.channel, "data": data, "skip_history": options.skip_history});
    if let (Some(key), Value::Object(members)) = (&options.idempotency_key, &mut body) {
        members.insert("idempotency_key".to_owned(), json!(key));
    }
    let address = format!("{}/api/publish", url.trim_end_matches('/'));
    let (status, body) = https::post(&address, headers, body.to_string()).await?;
    match status {
        200 => result(&body),
        401 => Err(PublishError::Refused),
        status => Err(PublishError::Status { status, body }),
    }
}

/// The API's address and its key.
fn target(options: &PublishOptions) -> Result<(String, String), PublishError> {
    let given = options.key.clone().or_else(|| std::env::var_os(KEY_VARIABLE)?.into_string().ok());
    let (url, own) = if options.local {
        let up = endpoint::local()?;
        (up.http.ok_or(PublishError::NoApi)?, up.api_key)
    } else {
        (options.url.clone().unwrap_or_default(), None)
    };
    let key = given.or(own).filter(|key| !key.is_empty()).ok_or(PublishError::NoKey)?;
    Ok((url, key))
}

/// The result of an answer.
fn result(body: &str) -> Result<Value, PublishError> {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(error) = answer.get("error") {
        let code = error.get("code").and_then(Value::as_u64).unwrap_or_default();
        let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason is given").to_owned();
        return Err(PublishError::Api { code, message });
    }
    let result = answer.get("result").cloned();
    result.ok_or_else(|| PublishError::Status { status: 200, body: body.to_owned() })
}

fn told(channel: &str, result: &Value) -> String {
    match result.get("offset").and_then(Value::as_u64) {
        Some(offset) => format!("Published to {channel}, offset {offset}."),
        None => format!("Published to {channel}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_result_or_a_sentence() {
        #[track_caller]
        fn check(body: &str, expected: &str) {
            let seen = match result(body) {
                Ok(result) => told("room:1", &result),
                Err(error) => error.to_string(),
            };
            assert_eq!(seen, expected);
        }
        check(r#"{"result":{"offset":7,"epoch":"e"}}"#, "Published to room:1, offset 7.");
        check(r#"{"result":{}}"#, "Published to room:1.");
        check(
            r#"{"error":{"code":102,"message":"unknown channel"}}"#,
            "not published: unknown channel (code 102)",
        );
        check("<html>", "the server API answered with status 200: <html>");
    }
}
