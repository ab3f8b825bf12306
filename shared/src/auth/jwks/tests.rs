//! Which keys are taken, and when their document is read.

use std::sync::Mutex as StdMutex;

use futures_util::FutureExt;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::super::tests::sign;
use super::super::{TokenError, TokenSettings, TokenVerifier};
use super::*;

const NOW: i64 = 1_790_328_012;

/// Who serves the document: what it answers, and how often it was asked.
#[derive(Debug)]
struct Server(StdMutex<(Result<Value, &'static str>, usize)>);

impl Server {
    fn with(keys: &[Value]) -> Arc<Self> {
        Arc::new(Self(StdMutex::new((Ok(json!({ "keys": keys })), 0))))
    }

    fn answers(&self, answer: Result<&[Value], &'static str>) {
        self.0.lock().unwrap().0 = answer.map(|keys| json!({ "keys": keys }));
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl FetchKeys for Server {
    fn fetch(&self) -> Fetching<'_> {
        let mut server = self.0.lock().unwrap();
        server.1 += 1;
        let answer = server.0.clone();
        Box::pin(async move {
            answer.map(|document| document.to_string().into()).map_err(|words| FetchError(words.to_owned()))
        })
    }
}

fn private_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(include_bytes!("ec.pem")),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(include_bytes!("../test_key.pem")),
        _ => EncodingKey::from_rsa_pem(include_bytes!("rsa.pem")),
    }
    .unwrap()
}

/// A public key as a document lists it.
fn jwk(id: &str, algorithm: Algorithm) -> Value {
    let mut jwk = Jwk::from_encoding_key(&private_key(algorithm), algorithm).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    serde_json::to_value(jwk).unwrap()
}

/// Bob's token, signed with the key of this id.
fn token(id: &str, algorithm: Algorithm) -> String {
    let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
    encode(&header, &json!({"sub": "bob"}), &private_key(algorithm)).unwrap()
}

fn verifier(server: &Arc<Server>) -> TokenVerifier {
    let key_set: Option<Arc<dyn FetchKeys>> = Some(Arc::clone(server) as _);
    TokenVerifier::new(&TokenSettings { key_set, ..TokenSettings::default() }).unwrap()
}

/// Whether the token is good, or why not.
fn seen(verifier: &TokenVerifier, token: &str, now_s: i64) -> String {
    match verifier.verify(token, now_s).now_or_never().unwrap() {
        Ok(identity) => format!("it is {}'s", identity.user.unwrap()),
        Err(error) => error.to_string(),
    }
}

const GOOD: &str = "it is bob's";
const NOT_LISTED: &str = "the token is not valid: its key (kid) is not known";
const A_MOMENT_AGO: &str = "the token cannot be checked now: its key was not there a moment ago";
const AWAY: &str = "the token cannot be checked now: it is away";

#[test]
fn a_token_is_checked_with_the_key_that_it_names() {
    let keys = [jwk("r", Algorithm::RS256), jwk("e", Algorithm::ES256), jwk("d", Algorithm::EdDSA)];
    let server = Server::with(&keys);
    let verifier = verifier(&server);
    for (id, algorithm) in [("r", Algorithm::RS256), ("e", Algorithm::ES256), ("d", Algorithm::EdDSA)] {
        assert_eq!(seen(&verifier, &token(id, algorithm), NOW), GOOD, "{algorithm:?}");
    }
    assert_eq!(
        seen(&verifier, &token("e", Algorithm::EdDSA), NOW),
        "the token is not valid: InvalidAlgorithm"
    );
    assert_eq!(server.asked(), 1, "all keys are kept");
}

#[test]
fn only_keys_for_signatures_are_taken() {
    #[track_caller]
    fn check(change: &Value, algorithm: Algorithm, expected: &str) {
        let mut key = jwk("k", Algorithm::RS256);
        key.as_object_mut().unwrap().remove("alg");
        key.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let server = Server::with(&[json!({"kty": "new"}), key, json!("?")]);
        assert_eq!(seen(&verifier(&server), &token("k", algorithm), NOW), expected, "{change}");
    }
    check(&json!({}), Algorithm::RS256, GOOD);
    check(&json!({}), Algorithm::PS512, GOOD);
    check(&json!({"use": "sig", "key_ops": ["verify"]}), Algorithm::RS256, GOOD);
    check(&json!({"alg": "RS512"}), Algorithm::RS256, "the token is not valid: InvalidAlgorithm");
    for other in [
        json!({"use": "enc"}),
        json!({"key_ops": ["encrypt"]}),
        json!({"alg": "RSA-OAEP"}),
        json!({"kid": "another"}),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
    ] {
        check(&other, Algorithm::RS256, NOT_LISTED);
    }
}

#[test]
fn a_secret_of_the_document_signs_nothing() {
    let server = Server::with(&[json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"})]);
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &json!({"sub": "bob"}), &EncodingKey::from_secret(b"secret")).unwrap();
    assert_eq!(seen(&verifier(&server), &token, NOW), "the token is not valid: InvalidSignature");
    assert_eq!(server.asked(), 0);
}

#[test]
fn the_document_is_not_read_for_what_it_cannot_decide() {
    let server = Server::with(&[jwk("d", Algorithm::EdDSA)]);
    let key_set: Option<Arc<dyn FetchKeys>> = Some(Arc::clone(&server) as _);
    let secret = Some("s3cret".to_owned());
    let both = TokenVerifier::new(&TokenSettings { secret, key_set, ..TokenSettings::default() }).unwrap();
    assert_eq!(seen(&both, &sign("s3cret", &json!({"sub": "bob"})), NOW), GOOD);
    let other = sign("other", &json!({"sub": "bob"}));
    assert_eq!(seen(&both, &other, NOW), "the token is not valid: InvalidSignature");
    assert_eq!(seen(&both, "garbage", NOW), "the token is not valid: InvalidToken");
    let nameless =
        encode(&Header::new(Algorithm::EdDSA), &json!({"sub": "bob"}), &private_key(Algorithm::EdDSA))
            .unwrap();
    assert_eq!(seen(&both, &nameless, NOW), "the token is not valid: it names no key (kid)");
    assert_eq!(server.asked(), 0);
    assert_eq!(seen(&both, &token("d", Algorithm::EdDSA), NOW), GOOD, "either kind of key is good");
}

#[test]
fn a_key_that_was_withdrawn_is_forgotten() {
    let (old, new) = (jwk("old", Algorithm::EdDSA), jwk("new", Algorithm::ES256));
    let server = Server::with(&[old]);
    let verifier = verifier(&server);
    let (by_old, by_new) = (token("old", Algorithm::EdDSA), token("new", Algorithm::ES256));
    assert_eq!(seen(&verifier, &by_old, NOW), GOOD);
    server.answers(Ok(&[new]));
    assert_eq!(seen(&verifier, &by_old, NOW + 599), GOOD);
    assert_eq!(server.asked(), 1);
    assert_eq!(seen(&verifier, &by_old, NOW + 600), NOT_LISTED);
    assert_eq!(seen(&verifier, &by_new, NOW + 600), GOOD);
    assert_eq!(server.asked(), 2);
}

#[test]
fn a_new_key_is_found_when_a_token_names_it() {
    let (old, new) = (jwk("old", Algorithm::EdDSA), jwk("new", Algorithm::ES256));
    let server = Server::with(std::slice::from_ref(&old));
    let verifier = verifier(&server);
    assert_eq!(seen(&verifier, &token("old", Algorithm::EdDSA), NOW), GOOD);
    server.answers(Ok(&[old, new]));
    assert_eq!(seen(&verifier, &token("new", Algorithm::ES256), NOW + 30), GOOD);
    assert_eq!(server.asked(), 2);
}

#[test]
fn made_up_keys_do_not_make_us_ask_again_and_again() {
    let server = Server::with(&[jwk("d", Algorithm::EdDSA)]);
    let verifier = verifier(&server);
    let made_up = |n: i64| token(&format!("made-up-{n}"), Algorithm::EdDSA);
    assert_eq!(seen(&verifier, &made_up(0), NOW), NOT_LISTED);
    for second in 1..30 {
        // Whoever has a key that came meanwhile must not be told that it is none.
        assert_eq!(seen(&verifier, &made_up(second), NOW + second), A_MOMENT_AGO);
    }
    assert_eq!(server.asked(), 1);
    assert_eq!(seen(&verifier, &token("d", Algorithm::EdDSA), NOW + 29), GOOD);
    assert_eq!(seen(&verifier, &made_up(30), NOW + 30), NOT_LISTED);
    assert_eq!(server.asked(), 2);
}

#[test]
fn known_keys_are_good_while_the_document_cannot_be_read() {
    let server = Server::with(&[]);
    server.answers(Err("it is away"));
    let verifier = verifier(&server);
    let good = token("d", Algorithm::EdDSA);
    assert_eq!(seen(&verifier, &good, NOW), AWAY);
    assert_eq!(seen(&verifier, &good, NOW + 4), AWAY);
    assert_eq!(server.asked(), 1);
    server.answers(Ok(&[jwk("d", Algorithm::EdDSA)]));
    assert_eq!(seen(&verifier, &good, NOW + 5), GOOD);
    server.answers(Err("it is away"));
    for hour in 1..4 {
        assert_eq!(seen(&verifier, &good, NOW + 3600 * hour), GOOD);
    }
    assert_eq!(server.asked(), 5);
    assert_eq!(seen(&verifier, &token("new", Algorithm::EdDSA), NOW + 3600 * 4), AWAY);
}

#[test]
fn what_is_no_document_is_a_failure() {
    let server = Server::with(&[]);
    server.0.lock().unwrap().0 = Ok(json!({"error": "not here"}));
    let error = verifier(&server).verify(&token("d", Algorithm::EdDSA), NOW).now_or_never().unwrap();
    let Err(TokenError::Unknown(words)) = error else { panic!("{error:?}") };
    assert!(words.starts_with("the document is no JWKS: missing field `keys`"), "{words}");
}
