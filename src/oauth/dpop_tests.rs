//! Each check of RFC 9449 §4.3 that an authorization server makes, with a proof that fails it alone.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::crypto::keys::testing::sealing_keys;
use crate::oauth::client_security::testing::key_app;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::random::testing::Seeded;

const URL: &str = "https://auth.example/oauth/token";
const NOW: Timestamp = Timestamp(1_000_000_000);

fn key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::default())
}

fn header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&key()) })
}

fn claims() -> Value {
    json!({
        "htm": "POST", "htu": URL, "iat": NOW.as_seconds(), "jti": "one",
        "nonce": nonce(&sealing_keys(), NOW)
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn check_text(text: &str) -> Result<ProvenKey, ErrorCode> {
    let expected = Expected {
        method: "POST",
        url: URL,
        now: NOW,
    };
    let proof = UnverifiedProof::check(text, expected, &sealing_keys(), &Seeded::default());
    proof
        .and_then(|proof| {
            let (jwt, _) = proof.signature();
            let good = key().public_key().verify(jwt.signing_input.as_bytes(), &jwt.signature);
            proof.accept(good)
        })
        .map_err(|error| error.code)
}

fn check(header: &Value, claims: &Value) -> Result<ProvenKey, ErrorCode> {
    check_text(&sign(header, claims, &key()))
}

/// A key that was proved.
pub fn proven_key() -> ProvenKey {
    check(&header(), &claims()).unwrap()
}

fn assert_refused(header: &Value, claims: &Value) {
    assert_eq!(
        check(header, claims),
        Err(ErrorCode::InvalidDpopProof),
        "{header} {claims}"
    );
}

#[test]
fn a_good_proof_proves_its_key_and_is_used_once_by_its_jti() {
    let proven = check(&header(), &claims()).unwrap();
    assert_eq!(proven.thumbprint, PublicKey::parse(&jwk(&key())).unwrap().thumbprint());
    assert!(!nonce_is_good(
        &nonce(&sealing_keys(), NOW),
        &sealing_keys(),
        proven.single_use.expires_at
    ));
    let other = check(&header(), &with(claims(), "jti", json!("two"))).unwrap();
    assert_ne!(proven.single_use.name, other.single_use.name);
}

#[test]
fn two_proofs_in_one_header_or_no_jwt_at_all_are_refused() {
    let good = sign(&header(), &claims(), &key());
    for text in [format!("{good}, {good}"), format!("{good} "), "x".into(), String::new()] {
        assert_eq!(check_text(&text), Err(ErrorCode::InvalidDpopProof), "{text}");
    }
}

#[test]
fn a_proof_without_a_required_claim_is_refused() {
    for name in ["jti", "htm", "htu", "iat"] {
        assert_refused(&header(), &without(claims(), name));
        assert_refused(&header(), &with(claims(), name, json!(null)));
        assert_refused(&header(), &with(claims(), name, json!("")));
    }
    assert_refused(&header(), &with(claims(), "jti", json!("x".repeat(257))));
}

#[test]
fn a_jwt_of_another_type_is_no_proof() {
    for typ in [json!("JWT"), json!("at+jwt"), json!(""), json!(7)] {
        assert_refused(&with(header(), "typ", typ), &claims());
    }
    assert_refused(&without(header(), "typ"), &claims());
}

#[test]
fn an_algorithm_that_is_symmetric_none_or_not_that_of_the_key_is_refused() {
    for alg in ["none", "HS256", "PS256", "EdDSA", ""] {
        assert_refused(&with(header(), "alg", json!(alg)), &claims());
    }
}

#[test]
fn a_signature_by_another_key_than_the_one_in_the_header_is_refused() {
    let stranger = EcPrivateKey::generate(&Seeded::new(9));
    let text = sign(&header(), &claims(), &stranger);
    assert_eq!(check_text(&text), Err(ErrorCode::InvalidDpopProof));
}

#[test]
fn a_header_without_a_public_key_or_with_a_private_one_is_refused() {
    assert_refused(&without(header(), "jwk"), &claims());
    assert_refused(&with(header(), "jwk", json!("x")), &claims());
    let private = with(jwk(&key()), "d", json!(key().d().as_str()));
    assert_refused(&with(header(), "jwk", private), &claims());
}

#[test]
fn a_proof_for_another_method_is_refused() {
    for method in ["GET", "post", "PUT"] {
        assert_refused(&header(), &with(claims(), "htm", json!(method)));
    }
}

#[test]
fn a_proof_for_another_url_is_refused() {
    for url in [
        "https://auth.example/oauth/par",
        "https://auth.example/oauth/token/",
        "https://auth.example/oauth/TOKEN",
        "https://auth.example",
        "http://auth.example/oauth/token",
        "https://auth.example:444/oauth/token",
        "https://evil.example/oauth/token",
        "https://user@auth.example/oauth/token",
        "https://auth.example:443:443/oauth/token",
        "https://auth.example/x/oauth/token",
        "https://auth.example//oauth/token",
        "https://auth.example/oauth/token/..",
        "wss://auth.example/oauth/token",
        "https:auth.example/oauth/token",
        "https:///auth.example/oauth/token",
        "https://@auth.example/oauth/token",
        "https://%61uth.example/oauth/token",
        "https://auth.example:/oauth/token",
        "https://auth.example:0443/oauth/token",
        "https://auth.example/x/%2E%2e/oauth/token",
        "https://auth.example/oauth/token/.",
        "/oauth/token",
    ] {
        assert_refused(&header(), &with(claims(), "htu", json!(url)));
    }
}

// Rule: DPOP 1.9
#[test]
fn the_url_is_compared_without_query_and_fragment_and_in_normal_form() {
    for url in [
        "https://auth.example/oauth/token?a=b",
        "https://auth.example/oauth/token#c",
        "HTTPS://AUTH.example:443/oauth/token",
        "https://auth.example/x/../oauth/token",
    ] {
        assert!(check(&header(), &with(claims(), "htu", json!(url))).is_ok(), "{url}");
    }
}

// Rule: DPOP 1.11
#[test]
fn a_proof_that_is_too_old_or_from_the_future_is_refused() {
    for seconds in [-301, 301, 3600] {
        assert_refused(&header(), &with(claims(), "iat", json!(NOW.as_seconds() + seconds)));
    }
    for seconds in [-299, 10, 29, 299] {
        let claims = with(claims(), "iat", json!(NOW.as_seconds() + seconds));
        assert!(check(&header(), &claims).is_ok(), "{seconds}");
    }
}

#[test]
fn fapi_takes_no_proof_from_far_ahead_and_none_signed_with_rs256() {
    let ahead = |seconds| with(claims(), "iat", json!(NOW.as_seconds() + seconds));
    let rs256 = ProvenKey {
        algorithm: Algorithm::Rs256,
        ..check(&header(), &claims()).unwrap()
    };
    for (profile, allowed) in [("standard", true), ("fapi_2", false)] {
        let app = key_app(profile, json!({ "keys": [] }));
        assert_eq!(rs256.is_enough_for(&app).is_ok(), allowed, "{profile}");
        let proof = check(&header(), &ahead(61)).unwrap();
        assert_eq!(proof.is_enough_for(&app).is_ok(), allowed, "{profile}");
        assert!(check(&header(), &ahead(10)).unwrap().is_enough_for(&app).is_ok());
        assert_eq!(require(&app, None).is_ok(), allowed, "{profile}");
    }
}

#[test]
fn a_proof_without_a_nonce_of_ours_is_asked_for_one() {
    let keys = sealing_keys();
    let foreign = SealingKeys::parse(&format!("1:{}", base64url([9; 32]))).unwrap();
    let old = nonce(&keys, Timestamp(NOW.0 - 300_000));
    for nonce in ["x".into(), String::new(), old, nonce(&foreign, NOW)] {
        let claims = with(claims(), "nonce", json!(nonce));
        assert_eq!(check(&header(), &claims), Err(ErrorCode::UseDpopNonce), "{nonce}");
    }
    assert_eq!(
        check(&header(), &without(claims(), "nonce")),
        Err(ErrorCode::UseDpopNonce)
    );
    assert_refused(&header(), &with(claims(), "nonce", json!(7)));
}

// Rule: DPOP 1.10, DPOP 3
#[test]
fn a_nonce_is_good_for_two_to_four_minutes_and_changes() {
    let keys = sealing_keys();
    let (now, next) = (nonce(&keys, NOW), nonce(&keys, NOW + NONCE_PERIOD));
    assert_ne!(now, next);
    assert!(nonce_is_good(&now, &keys, NOW + NONCE_PERIOD));
    assert!(!nonce_is_good(&now, &keys, NOW + 2 * NONCE_PERIOD));
    assert!(nonce_is_good(&next, &keys, NOW));
    assert!(!nonce_is_good(&nonce(&keys, NOW + 2 * NONCE_PERIOD), &keys, NOW));
}

#[test]
fn a_thumbprint_is_43_letters_of_base64url() {
    assert!(parse_thumbprint(&hash("x")).is_ok());
    for bad in [
        "",
        "x",
        &hash("x")[..42],
        &format!("{}A", hash("x")),
        "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!",
    ] {
        assert!(parse_thumbprint(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_nonce_is_judged_without_panic(text: String) {
        prop_assert!(!nonce_is_good(&text, &sealing_keys(), NOW));
    }
}
