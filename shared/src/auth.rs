//! Tokens: who a client is, as somebody whom we trust has signed it.
//!
//! Connection tokens are JSON web tokens with Centrifugo's claims. Of these `sub`, `exp`, `nbf`,
//! `iss`, `aud`, `info`, `channels`, `subs` (its channels, not their options) and `caps` are read.
//! A subscription token has `channel` as well, and `sub`, `exp`, `nbf`, `iss` and `aud`.

pub mod caps;
pub mod jwks;
pub mod ticket;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::ids::UserId;
use caps::Caps;
use jwks::{FetchKeys, KeySet};

/// Seconds that our clock and the signer's may be apart.
const LEEWAY_S: i64 = 60;

/// Bytes that the `info` claim may have: it stands in rows and in every publication.
pub const MAX_INFO: usize = 256;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `sub`; `None` for an anonymous client.
    pub user: Option<UserId>,
    /// `exp`: seconds since the epoch.
    pub expires_at: Option<i64>,
    /// `info`: JSON about the client that others may see.
    pub info: Option<String>,
    /// `channels` and the names in `subs`: what the client is subscribed to without asking.
    pub channels: BTreeSet<String>,
    /// `caps`: what the client may do beside what namespaces allow.
    pub caps: Caps,
}

/// What a valid subscription token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// `sub`: whom it is for; `None` for an anonymous client.
    pub user: Option<UserId>,
    /// `channel`: what to.
    pub channel: String,
    /// `exp`: seconds since the epoch.
    pub expires_at: Option<i64>,
}

/// Why a token is not good. The words never quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once: the client may fetch another.
    #[error("the token has expired")]
    Expired,
    /// It never will be.
    #[error("the token is not valid: {0}")]
    Invalid(String),
    /// It may be good: the client may try again.
    #[error("the token cannot be checked now: {0}")]
    Unknown(String),
}

/// The keys of the configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The public key is in no known form.
    #[error("is not a PEM public key of RSA, ECDSA or Ed25519")]
    PublicKey,
}

/// What tokens are checked with.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// The secret of HS256, HS384 and HS512.
    pub secret: Option<String>,
    /// The public key of RS*, PS*, ES* and EdDSA, as PEM.
    pub public_key: Option<String>,
    /// Where more public keys are read from, as a JWKS document.
    pub key_set: Option<Arc<dyn FetchKeys>>,
    /// Who must have signed.
    pub issuer: Option<String>,
    /// Who must be meant.
    pub audience: Option<String>,
}

/// Checks tokens. Without a key, no token is good.
#[derive(Clone, Default)]
pub struct TokenVerifier {
    /// Each key with the algorithms of its kind: a token chooses among them, and can never
    /// have a public key taken for a secret.
    keys: Vec<jwks::Key>,
    /// Keys that tokens name by their `kid`.
    key_set: Option<Arc<KeySet>>,
}

/// The claims that are read; others are left alone.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: String,
    exp: Option<i64>,
    nbf: Option<i64>,
    info: Option<Box<RawValue>>,
    /// Only a subscription token has it.
    channel: Option<String>,
    #[serde(default)]
    channels: BTreeSet<String>,
    #[serde(default)]
    subs: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    caps: Caps,
}

/// The claims of a subscription token that are read.
#[derive(Deserialize)]
struct SubscriptionClaims {
    #[serde(default)]
    sub: String,
    exp: Option<i64>,
    nbf: Option<i64>,
    channel: String,
}

impl TokenVerifier {
    /// With the keys of the configuration.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with which.
    pub fn new(settings: &TokenSettings) -> Result<Self, KeyError> {
        let secret = settings.secret.as_ref().map(|secret| DecodingKey::from_secret(secret.as_bytes()));
        let public = settings.public_key.as_deref().map(public_key).transpose()?;
        let keys = secret.into_iter().chain(public).map(|key| {
            let validation = validation(key.family(), settings);
            (key, validation)
        });
        let keys = keys.collect();
        let expected = validation(AlgorithmFamily::Rsa, settings);
        let key_set = settings.key_set.clone().map(|source| Arc::new(KeySet::new(source, expected)));
        Ok(Self { keys, key_set })
    }

    /// What a connection token says, if it is good at `now_s`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify(&self, token: &str, now_s: i64) -> Result<Identity, TokenError> {
        identity(self.claims(token, now_s).await?, now_s)
    }

    /// What a subscription token says, if it is good at `now_s`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_subscription(&self, token: &str, now_s: i64) -> Result<Grant, TokenError> {
        let SubscriptionClaims { sub, exp, nbf, channel } = self.claims(token, now_s).await?;
        is_current(exp, nbf, now_s)?;
        Ok(Grant { user: user(sub), channel, expires_at: exp })
    }

    /// The claims of a token that is signed as it should be.
    async fn claims<T: DeserializeOwned>(&self, token: &str, now_s: i64) -> Result<T, TokenError> {
        let mut refusal = "no token is expected".to_owned();
        for (key, validation) in &self.keys {
            match decode::<T>(token, key, validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => refusal = words(&error),
            }
        }
        let Some(set) = &self.key_set else { return Err(TokenError::Invalid(refusal)) };
        let (key, validation) = named_key(set, token, now_s).await?;
        let decoded = decode::<T>(token, &key, &validation);
        decoded.map(|token| token.claims).map_err(|error| TokenError::Invalid(words(&error)))
    }
}

/// The key of a set that the token names.
async fn named_key(set: &KeySet, token: &str, now_s: i64) -> Result<jwks::Key, TokenError> {
    let invalid = |words: &str| TokenError::Invalid(words.to_owned());
    let header = decode_header(token).map_err(|error| TokenError::Invalid(words(&error)))?;
    if header.alg.family() == AlgorithmFamily::Hmac {
        return Err(invalid("InvalidSignature"));
    }
    let id = header.kid.ok_or_else(|| invalid("it names no key (kid)"))?;
    let found = set.find(&id, now_s).await.map_err(|error| TokenError::Unknown(error.to_string()))?;
    found.ok_or_else(|| invalid("its key (kid) is not known"))
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The keys are secrets.
        let (keys, key_set) = (self.keys.len(), self.key_set.is_some());
        f.debug_struct("TokenVerifier").field("keys", &keys).field("key_set", &key_set).finish()
    }
}

/// What is wrong with a token: the kind of error names no part of it.
fn words(error: &jsonwebtoken::errors::Error) -> String {
    format!("{:?}", error.kind())
}

fn public_key(pem: &str) -> Result<DecodingKey, KeyError> {
    // A template parameter cannot hold a line break; written as `\n` it can.
    let pem = pem.replace("\\n", "\n");
    let pem = pem.as_bytes();
    DecodingKey::from_rsa_pem(pem)
        .or_else(|_| DecodingKey::from_ec_pem(pem))
        .or_else(|_| DecodingKey::from_ed_pem(pem))
        .map_err(|_| KeyError::PublicKey)
}

/// Signature, issuer and audience are the library's to check; times are ours, by our own clock.
fn validation(family: AlgorithmFamily, settings: &TokenSettings) -> Validation {
    let mut validation = Validation::new_for_family(family);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = settings.audience.is_some();
    if let Some(issuer) = &settings.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    if let Some(audience) = &settings.audience {
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    validation
}

fn is_current(exp: Option<i64>, nbf: Option<i64>, now_s: i64) -> Result<(), TokenError> {
    if exp.is_some_and(|exp| now_s.saturating_sub(LEEWAY_S) >= exp) {
        return Err(TokenError::Expired);
    }
    if nbf.is_some_and(|nbf| now_s.saturating_add(LEEWAY_S) < nbf) {
        return Err(TokenError::Invalid("it is not valid yet".to_owned()));
    }
    Ok(())
}

/// An empty `sub` is nobody.
fn user(sub: String) -> Option<UserId> {
    (!sub.is_empty()).then(|| UserId::from(sub))
}

fn identity(claims: Claims, now_s: i64) -> Result<Identity, TokenError> {
    is_current(claims.exp, claims.nbf, now_s)?;
    if claims.channel.is_some() {
        return Err(TokenError::Invalid("it is a subscription token".to_owned()));
    }
    if claims.caps.to_json().len() > caps::MAX_BYTES {
        let most = caps::MAX_BYTES;
        return Err(TokenError::Invalid(format!("its caps claim has more than {most} bytes")));
    }
    let info = claims.info.map(|info| info.get().to_owned());
    if info.as_ref().is_some_and(|info| info.len() > MAX_INFO) {
        return Err(TokenError::Invalid(format!("its info claim has more than {MAX_INFO} bytes")));
    }
    let mut channels = claims.channels;
    channels.extend(claims.subs.into_keys());
    Ok(Identity { user: user(claims.sub), expires_at: claims.exp, info, channels, caps: claims.caps })
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::FutureExt;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_790_328_012;

    /// Signs claims with a secret, as a user's own server would.
    pub(crate) fn sign(secret: &str, claims: &Value) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn verifier(issuer: Option<&str>) -> TokenVerifier {
        let (secret, issuer) = (Some("s3cret".to_owned()), issuer.map(str::to_owned));
        TokenVerifier::new(&TokenSettings { secret, issuer, ..TokenSettings::default() }).unwrap()
    }

    /// What a verifier says that has all its keys and waits for nobody.
    fn verify(verifier: &TokenVerifier, token: &str) -> Result<Identity, TokenError> {
        verifier.verify(token, NOW).now_or_never().unwrap()
    }

    #[track_caller]
    fn check(claims: &Value, expected: &str) {
        let seen = match verify(&verifier(None), &sign("s3cret", claims)) {
            Ok(identity) => format!("{:?} {:?} {:?}", identity.user, identity.expires_at, identity.info),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn claims_say_who_and_for_how_long() {
        check(
            &json!({"sub": "bob", "exp": NOW + 5}),
            &format!("Some(UserId(\"bob\")) Some({}) None", NOW + 5),
        );
        check(&json!({"info": {"name": "Bob"}}), r#"None None Some("{\"name\":\"Bob\"}")"#);
        check(
            &json!({"sub": "bob", "exp": NOW - 59}),
            &format!("Some(UserId(\"bob\")) Some({}) None", NOW - 59),
        );
        check(&json!({"sub": "bob", "exp": NOW - 60}), "the token has expired");
        check(&json!({"sub": "bob", "nbf": NOW + 61}), "the token is not valid: it is not valid yet");
        check(
            &json!({"info": "x".repeat(300)}),
            "the token is not valid: its info claim has more than 256 bytes",
        );
    }

    #[test]
    fn claims_say_what_a_client_is_subscribed_to_and_may_do() {
        let claims = json!({
            "sub": "bob", "channels": ["a", "b"], "subs": {"b": {}, "c": {"info": {"x": 1}}},
            "caps": [{"channels": ["d"], "allow": ["pub"]}],
        });
        let identity = verify(&verifier(None), &sign("s3cret", &claims)).unwrap();
        assert_eq!(identity.channels.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(identity.caps.to_json(), r#"[{"channels":["d"],"allow":["pub"]}]"#);
        let many: Vec<_> = (0..200).map(|n| format!("channel{n}")).collect();
        check(
            &json!({"caps": [{"channels": many, "allow": []}]}),
            "the token is not valid: its caps claim has more than 1024 bytes",
        );
    }

    #[test]
    fn a_subscription_token_is_for_one_channel_and_never_lets_a_client_in() {
        let token = |claims| sign("s3cret", &claims);
        let grant = token(json!({"sub": "bob", "channel": "room:1", "exp": NOW + 5}));
        let granted =
            |token: &str, now| verifier(None).verify_subscription(token, now).now_or_never().unwrap();
        assert_eq!(
            granted(&grant, NOW),
            Ok(Grant { user: Some("bob".into()), channel: "room:1".into(), expires_at: Some(NOW + 5) })
        );
        assert_eq!(granted(&grant, NOW + 65), Err(TokenError::Expired));
        check(&json!({"sub": "bob", "channel": "x"}), "the token is not valid: it is a subscription token");
        let connection = token(json!({"sub": "bob"}));
        assert!(matches!(granted(&connection, NOW), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn a_token_of_others_is_not_good() {
        let token = sign("other", &json!({"sub": "bob"}));
        assert_eq!(verify(&verifier(None), &token), Err(TokenError::Invalid("InvalidSignature".into())));
        assert_eq!(verify(&verifier(None), "garbage"), Err(TokenError::Invalid("InvalidToken".into())));
        let nobody = TokenVerifier::default();
        assert_eq!(verify(&nobody, &token), Err(TokenError::Invalid("no token is expected".into())));
    }

    #[test]
    fn an_unsigned_token_is_not_good() {
        // {"alg":"none"}.{"sub":"bob"}.
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.";
        assert!(matches!(verify(&verifier(None), token), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn an_issuer_that_is_asked_for_must_be_there() {
        let verify = |claims| verify(&verifier(Some("us")), &sign("s3cret", &claims)).is_ok();
        assert!(verify(json!({"iss": "us"})));
        assert!(!verify(json!({"iss": "them"})));
        assert!(!verify(json!({})));
    }

    #[test]
    fn a_public_key_verifies_and_is_never_taken_for_a_secret() {
        let public_key = include_str!("auth/test_key.pub.pem").to_owned();
        let private_key = EncodingKey::from_ed_pem(include_bytes!("auth/test_key.pem")).unwrap();
        let settings = TokenSettings { public_key: Some(public_key.clone()), ..TokenSettings::default() };
        let verifier = TokenVerifier::new(&settings).unwrap();
        let token = encode(&Header::new(Algorithm::EdDSA), &json!({"sub": "bob"}), &private_key).unwrap();
        assert_eq!(verify(&verifier, &token).unwrap().user, Some(UserId::from("bob")));
        assert!(verify(&verifier, &sign(&public_key, &json!({"sub": "bob"}))).is_err());
        let one_line =
            TokenSettings { public_key: Some(public_key.replace('\n', "\\n")), ..TokenSettings::default() };
        assert!(verify(&TokenVerifier::new(&one_line).unwrap(), &token).is_ok());
        let broken = TokenSettings { public_key: Some("no key".into()), ..TokenSettings::default() };
        assert_eq!(TokenVerifier::new(&broken).unwrap_err(), KeyError::PublicKey);
    }
}
