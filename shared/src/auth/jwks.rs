//! Public keys that a JWKS document tells (RFC 7517), kept for a while and read again.
//!
//! An environment of a function keeps the keys; the document is read when a token first needs it,
//! and never for one that a secret signs. A key that the document does not list any more is
//! forgotten with the next reading.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

/// Seconds after which the document is read again, so that a key that was withdrawn is not taken
/// for longer.
const FRESH_S: i64 = 600;

/// Seconds between two readings for keys that are not in the document: whoever makes up key ids
/// must not make us ask for each.
const COOL_DOWN_S: i64 = 30;

/// Seconds between two tries while the document cannot be read.
const RETRY_S: i64 = 5;

/// Why the document could not be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// A document on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Bytes, FetchError>> + Send + 'a>>;

/// Reads the document. A port: the keys do not know where it is.
pub trait FetchKeys: Debug + Send + Sync {
    /// The document as it is now.
    fn fetch(&self) -> Fetching<'_>;
}

/// A key with what a token that it signs must be.
pub(super) type Key = (DecodingKey, Validation);

/// The keys of one document.
pub(super) struct KeySet {
    source: Arc<dyn FetchKeys>,
    /// Issuer and audience of every token.
    expected: Validation,
    kept: Mutex<Kept>,
}

/// What is known of the document.
#[derive(Default)]
struct Kept {
    /// By key id.
    keys: BTreeMap<String, Key>,
    /// When it was last read: seconds since the epoch.
    read_at: Option<i64>,
    /// When that was last tried.
    tried_at: Option<i64>,
    /// Why the last try failed, if it did.
    failure: Option<FetchError>,
}

impl KeySet {
    pub(super) fn new(source: Arc<dyn FetchKeys>, expected: Validation) -> Self {
        Self { source, expected, kept: Mutex::default() }
    }

    /// The key of this id; `None` when the document does not list it.
    ///
    /// # Errors
    /// It cannot be known now whether there is such a key: the document could not be read, or was
    /// read a moment ago and had none.
    pub(super) async fn find(&self, id: &str, now_s: i64) -> Result<Option<Key>, FetchError> {
        let mut kept = self.kept.lock().await;
        let is_due = kept.is_due(id, now_s);
        if is_due {
            kept.tried_at = Some(now_s);
            match self.source.fetch().await.and_then(|document| self.keys(&document)) {
                Ok(keys) => {
                    *kept = Kept { keys, read_at: Some(now_s), tried_at: Some(now_s), failure: None };
                }
                Err(error) => {
                    let known = kept.keys.len();
                    tracing::warn!(%error, known, "the keys of tokens cannot be read; known ones are still good");
                    kept.failure = Some(error);
                }
            }
        }
        match (kept.keys.get(id), &kept.failure) {
            (Some(key), _) => Ok(Some(key.clone())),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) if is_due => Ok(None),
            (None, None) => Err(FetchError("its key was not there a moment ago".to_owned())),
        }
    }

    fn keys(&self, document: &[u8]) -> Result<BTreeMap<String, Key>, FetchError> {
        /// A key that we do not understand must not spoil the others (RFC 7517, section 5).
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(document)
            .map_err(|error| FetchError(format!("the document is no JWKS: {error}")))?;
        let keys = document.keys.into_iter().filter_map(|key| self.key(&serde_json::from_value(key).ok()?));
        Ok(keys.collect())
    }

    /// A key that may sign tokens, by its id.
    fn key(&self, jwk: &Jwk) -> Option<(String, Key)> {
        let common = &jwk.common;
        let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let algorithms = algorithms(jwk);
        if !for_signatures || !verifies || algorithms.is_empty() {
            return None;
        }
        let validation = Validation { algorithms, ..self.expected.clone() };
        Some((common.key_id.clone()?, (DecodingKey::from_jwk(jwk).ok()?, validation)))
    }
}

impl Kept {
    /// Whether the document is to be read for the key of this id.
    fn is_due(&self, id: &str, now_s: i64) -> bool {
        let Some(tried_at) = self.tried_at else { return true };
        let is_fresh = self.read_at.is_some_and(|at| now_s < at.saturating_add(FRESH_S));
        let pause = if self.failure.is_some() { RETRY_S } else { COOL_DOWN_S };
        let may_ask = now_s >= tried_at.saturating_add(pause);
        may_ask && !(is_fresh && self.keys.contains_key(id))
    }
}

/// What the key may sign with: what its type can do, and no more than it says itself. A secret has
/// no place in a public document.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    };
    if let Some(own) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == own);
    }
    algorithms
}

#[cfg(test)]
mod tests;
