//! What clients sign, and the keys they register. Signatures are not looked at: WebCrypto checks them.

use std::sync::LazyLock;

use latchkey::crypto::base64url;
use latchkey::crypto::keys::SealingKeys;
use latchkey::json;
use latchkey::oauth::client::App;
use latchkey::oauth::client_assertion::{Audience, UnverifiedAssertion, claimed_client};
use latchkey::oauth::dpop::{self, Expected, UnverifiedProof};
use latchkey::oauth::error::ErrorCode;
use latchkey::oauth::id_jag::{self, UnverifiedIdJag};
use latchkey::oauth::jwk::{ClientKeys, PublicKey};
use latchkey::oauth::jws::Algorithm;
use latchkey::random::Random;
use latchkey::time::Timestamp;
use serde_json::Value;

use crate::text;

const NOW: Timestamp = Timestamp(1_000_000_000);
const ISSUER: &str = "https://auth.example";
const ENDPOINT: &str = "https://auth.example/oauth/token";
const CLIENT: &str = "app_one";

static KEYS: LazyLock<SealingKeys> =
    LazyLock::new(|| SealingKeys::parse(&format!("1:{}", base64url([7; 32]))).expect("a good key"));
static APP: LazyLock<String> = LazyLock::new(|| {
    let app = serde_json::json!({
        "client_id": CLIENT, "developer": { "id": "dev", "name": "dev" }, "name": "app", "description": "",
        "app_type": "web", "class": "portal", "status": "approved", "epoch": 1, "access_token_lifetime": null, "redirect_uris": [],
        "scopes": [], "secrets": [], "apis": []
    });
    app.to_string()
});

struct Zero;

impl Random for Zero {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// The first line of an input is the header, the second the claims; without lines it is a JWT.
fn assembled(text: &str) -> String {
    match text.split_once('\n') {
        Some((header, claims)) => format!("{}.{}.c2ln", base64url(header), base64url(claims)),
        None => text.to_owned(),
    }
}

fn claims(text: &str) -> Value {
    let (_, claims) = text.split_once('\n').expect("only an assembled one has good claims");
    serde_json::from_str(claims).expect("it was read")
}

/// A proof that passes is for this endpoint, with a nonce of ours; and without its signature it proves nothing.
pub fn dpop_proof(data: &[u8]) {
    // Nobody guesses a nonce, so the word stands for one.
    let text = text(data).replace("NONCE", &dpop::nonce(&KEYS, NOW));
    let expected = Expected {
        method: "POST",
        url: ENDPOINT,
        now: NOW,
    };
    match UnverifiedProof::check(&assembled(&text), expected, &KEYS, &Zero) {
        Err(error) => assert!(matches!(
            error.code,
            ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce
        )),
        Ok(proof) => {
            let claims = claims(&text);
            assert_eq!(claims["htm"], "POST");
            let htu = claims["htu"].as_str().expect("a text").to_ascii_lowercase();
            assert!(htu.starts_with("https://auth.example"), "{htu}");
            assert_eq!(claims["nonce"], dpop::nonce(&KEYS, NOW).as_str());
            assert!(proof.accept(false).is_err());
        }
    }
}

/// An assertion that passes is this client's, for this server alone; without its signature it is worth nothing.
pub fn client_assertion(data: &[u8]) {
    let assertion = assembled(text(data));
    let claimed = claimed_client(&assertion);
    let app: App = json::from_str(&APP).expect("a good record");
    let audience = Audience {
        issuer: ISSUER,
        token_endpoint: ENDPOINT,
    };
    match UnverifiedAssertion::check(&assertion, &app, audience, &Zero, NOW) {
        Err(error) => assert_eq!(error.code, ErrorCode::InvalidClient),
        Ok(assertion) => {
            let claims = claims(text(data));
            assert_eq!((&claims["iss"], &claims["sub"]), (&CLIENT.into(), &CLIENT.into()));
            assert_eq!(claimed.ok().as_deref(), Some(CLIENT));
            let only = claims["aud"].as_str().or_else(|| claims["aud"][0].as_str());
            assert_eq!(only, Some(ISSUER));
            assert_eq!(app.security.jwks.candidates_for(assertion.jwt()).count(), 0);
            assert!(assertion.accept(false).is_err());
        }
    }
}

/// An assertion that passes is for this client and this server alone, from another; unsigned it says nothing.
pub fn id_jag(data: &[u8]) {
    let text = text(data);
    let expected = id_jag::Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        now: NOW,
    };
    if let Ok(assertion) = UnverifiedIdJag::check(&assembled(text), expected) {
        let claims = claims(text);
        assert_eq!(claims["client_id"], CLIENT);
        let only = claims["aud"].as_str().or_else(|| claims["aud"][0].as_str());
        assert_eq!(only, Some(ISSUER));
        let named = assertion.named();
        assert_eq!(claims["iss"], named.issuer);
        assert!(named.issuer != ISSUER && named.subject.is_ascii() && named.subject.len() <= 255);
        assert!(assertion.accept(false).is_err());
    }
}

/// A set that is read holds nothing private, and its keys read back from their own members.
pub fn jwk_set(data: &[u8]) {
    let Ok(jwks) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Ok(keys) = ClientKeys::parse(&jwks) else { return };
    for algorithm in Algorithm::NAMES.into_iter().filter_map(Algorithm::parse) {
        for key in keys.candidates(None, algorithm) {
            assert!(key.fits(algorithm));
            assert_eq!(key.thumbprint().len(), 43);
            let members: Value = key
                .members()
                .into_iter()
                .map(|(name, value)| (name, Value::from(value)))
                .collect();
            assert_eq!(PublicKey::parse(&members).as_ref(), Ok(key));
        }
    }
}
