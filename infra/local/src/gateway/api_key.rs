//! API keys: which of a stage's keys a client has.
//!
//! [Usage plans and API keys] in API Gateway's developer guide.
//!
//! [Usage plans and API keys]: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html

use sam::app::{ApiKey, ApiKeySource};
use subtle::ConstantTimeEq;

use super::authorizer::Principal;
use super::connection::Connection;
use super::handshake::Handshake;

/// The header that holds a key.
const HEADER: &str = "x-api-key";

/// The stage's key that the client has, where its API looks for it; nobody looks when no route asks
/// for a key. A message has no header: the handshake's key is the connection's.
pub(crate) fn of_client(
    connection: &Connection,
    handshake: &Handshake,
    principal: Option<&Principal>,
) -> Option<ApiKey> {
    let source = connection.api.api_key_source?;
    let given = match source {
        ApiKeySource::Header => handshake.header(HEADER),
        ApiKeySource::Authorizer => principal.and_then(|principal| principal.usage_identifier_key.as_deref()),
    }?;
    let mut keys = connection.stage.api_keys.iter();
    keys.find(|key| key.value.as_bytes().ct_eq(given.as_bytes()).into()).cloned()
}
