use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::jwk::ClientKeys;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::random::testing::Seeded;

const NOW: Timestamp = Timestamp(1_000_000);
const EXPECTED: Expected<'static> = Expected {
    issuer: "https://platform.example",
    audience: "https://auth.example",
    nonce: "this-browsers-nonce",
    since: None,
};
const ANEW: Expected<'static> = Expected {
    since: Some(NOW),
    ..EXPECTED
};

fn key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::default())
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "latchkey-sign-in+jwt" })
}

fn claims() -> Value {
    json!({
        "iss": "https://platform.example", "aud": "https://auth.example", "sub": "user-1",
        "iat": 990, "exp": 1060, "auth_time": 400, "jti": "one", "nonce": "this-browsers-nonce"
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn check(header: &Value, claims: &Value, expected: Expected<'_>) -> Result<(Identity, SingleUse), AssertionError> {
    let assertion = sign(header, claims, &key());
    UnverifiedAssertion::check(&assertion, expected, &Seeded::default(), NOW)?.accept(true)
}

fn refusal(claims: &Value) -> Option<AssertionError> {
    check(&header(), claims, EXPECTED).err()
}

fn identity(claims: &Value) -> Identity {
    check(&header(), claims, EXPECTED).unwrap().0
}

#[test]
fn a_good_assertion_says_who_signed_in_and_when() {
    let mut claims = claims();
    for (name, value) in [
        ("name", " Ada "),
        ("preferred_username", "ada"),
        ("email", "ada@platform.example"),
    ] {
        claims[name] = json!(value);
    }
    let expected = Identity {
        issuer: "https://platform.example".into(),
        subject: "user-1".into(),
        name: Some("Ada".into()),
        account_name: Some("ada@platform.example".into()),
        auth_time: Timestamp(400_000),
    };
    assert_eq!(identity(&claims), expected);
}

// Rule: ATTACK 6
#[test]
fn an_assertion_is_used_once_under_its_issuer_and_jti_for_as_long_as_it_could_be_taken() {
    let used = |claims: &Value| check(&header(), claims, EXPECTED).unwrap().1;
    let first = used(&claims());
    assert_eq!(used(&claims()).name, first.name);
    assert_eq!(used(&with("sub", json!("user-2"))).name, first.name);
    assert_ne!(used(&with("jti", json!("two"))).name, first.name);
    assert!(first.expires_at > Timestamp(1_060_000));
    let elsewhere = Expected {
        issuer: "https://other.example",
        ..EXPECTED
    };
    let other = check(&header(), &with("iss", json!("https://other.example")), elsewhere).unwrap();
    assert_ne!(other.1.name, first.name);
}

// Rule: ATTACK 5
#[test]
fn an_assertion_whose_signature_is_not_good_says_nothing() {
    let assertion = sign(&header(), &claims(), &key());
    let checked = UnverifiedAssertion::check(&assertion, EXPECTED, &Seeded::default(), NOW).unwrap();
    assert_eq!(checked.accept(false).unwrap_err(), AssertionError::Signature);
}

// Rule: ATTACK 5
#[test]
fn only_registered_keys_are_candidates_and_only_for_their_own_algorithm() {
    let stranger = EcPrivateKey::generate(&Seeded::new(7));
    let own = json!({ "kid": "a", "use": "sig", "kty": "EC", "crv": "P-256",
        "x": jwk(&key())["x"], "y": jwk(&key())["y"] });
    let hand_off = HandOff {
        login_url: "https://platform.example/login".into(),
        jwks: ClientKeys::parse(&json!({ "keys": [own] })).unwrap(),
        subject_is_user_id: false,
    };
    let candidates = |alg: &str, kid: &str| {
        let header = json!({
            "alg": alg, "kid": kid, "typ": ASSERTION_TYPE,
            "jwk": jwk(&stranger), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"
        });
        let assertion = sign(&header, &claims(), &stranger);
        let checked = UnverifiedAssertion::check(&assertion, EXPECTED, &Seeded::default(), NOW).unwrap();
        checked.candidate_keys(&hand_off).cloned().collect::<Vec<_>>()
    };
    assert_eq!(candidates("ES256", "a"), [PublicKey::parse(&jwk(&key())).unwrap()]);
    assert_eq!(candidates("ES256", "b"), []);
    for alg in ["RS256", "PS256", "EdDSA"] {
        assert_eq!(candidates(alg, "a"), [], "{alg}");
    }
}

// Rule: ATTACK 5
#[test]
fn an_unsigned_or_symmetric_one_is_refused_and_one_with_unknown_extensions() {
    for alg in ["none", "HS256", "ES384", ""] {
        let header = json!({ "alg": alg, "typ": ASSERTION_TYPE });
        let refused = check(&header, &claims(), EXPECTED).unwrap_err();
        assert_eq!(refused, AssertionError::Jwt(JwtError::Algorithm), "{alg}");
    }
    let header = json!({ "alg": "ES256", "typ": ASSERTION_TYPE, "crit": ["exp"] });
    let refused = check(&header, &claims(), EXPECTED).unwrap_err();
    assert_eq!(refused, AssertionError::Jwt(JwtError::Critical));
    for text in ["", "..", "{}", "a.b.c", &"x".repeat(100_000)] {
        let refused = UnverifiedAssertion::check(text, EXPECTED, &Seeded::default(), NOW).unwrap_err();
        assert_eq!(refused, AssertionError::Jwt(JwtError::Malformed));
    }
}

#[test]
fn another_jwt_of_the_same_platform_is_no_assertion() {
    for typ in [
        "JWT",
        "at+jwt",
        "client-authentication+jwt",
        "oauth-id-jag+jwt",
        "logout+jwt",
        "",
    ] {
        let header = json!({ "alg": "ES256", "typ": typ });
        assert_eq!(
            check(&header, &claims(), EXPECTED).unwrap_err(),
            AssertionError::Type,
            "{typ}"
        );
    }
    let untyped = check(&json!({ "alg": "ES256" }), &claims(), EXPECTED);
    assert_eq!(untyped.unwrap_err(), AssertionError::Type);
    let long = json!({ "alg": "ES256", "typ": "application/latchkey-sign-in+jwt" });
    assert!(check(&long, &claims(), EXPECTED).is_ok());
}

// Rule: ATTACK 11
#[test]
fn the_issuer_is_that_of_the_connection_letter_by_letter() {
    for issuer in [
        json!("https://platform.example/"),
        json!("https://Platform.example"),
        json!("https://other.example"),
        json!("https://platform.example:443"),
        json!(["https://platform.example"]),
        json!(""),
        json!(null),
    ] {
        assert_eq!(
            refusal(&with("iss", issuer.clone())),
            Some(AssertionError::Issuer),
            "{issuer}"
        );
    }
    assert_eq!(refusal(&without("iss")), Some(AssertionError::Issuer));
}

#[test]
fn the_audience_is_this_server_and_nobody_else() {
    assert_eq!(refusal(&with("aud", json!(["https://auth.example"]))), None);
    for audience in [
        json!("https://auth.example/"),
        json!("https://auth.example/login/callback/con_1"),
        json!("https://other.example"),
        json!(["https://auth.example", "https://other.example"]),
        json!(["https://auth.example", "https://auth.example"]),
        json!([["https://auth.example"]]),
        json!([]),
        json!({}),
        json!(null),
    ] {
        assert_eq!(
            refusal(&with("aud", audience.clone())),
            Some(AssertionError::Audience),
            "{audience}"
        );
    }
    assert_eq!(refusal(&without("aud")), Some(AssertionError::Audience));
}

// Rule: ATTACK 12
#[test]
fn the_nonce_is_the_one_this_browser_brought() {
    for nonce in [
        json!("another-browsers"),
        json!("this-browsers-nonc"),
        json!("this-browsers-nonce "),
        json!("THIS-BROWSERS-NONCE"),
        json!(""),
        json!(["this-browsers-nonce"]),
        json!(null),
    ] {
        assert_eq!(
            refusal(&with("nonce", nonce.clone())),
            Some(AssertionError::Nonce),
            "{nonce}"
        );
    }
    assert_eq!(refusal(&without("nonce")), Some(AssertionError::Nonce));
    let none_sent = Expected { nonce: "", ..EXPECTED };
    for claims in [without("nonce"), with("nonce", json!(""))] {
        assert_eq!(check(&header(), &claims, none_sent).unwrap_err(), AssertionError::Nonce);
    }
}

#[test]
fn a_subject_is_1_to_255_printable_ascii_characters() {
    for good in ["1", "auth0|7f", "Ada Lovelace", "~", &"x".repeat(255)] {
        assert_eq!(identity(&with("sub", json!(good))).subject, good);
    }
    for bad in [
        json!(""),
        json!("x".repeat(256)),
        json!("zoë"),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!("\u{7f}"),
        json!("\u{202e}"),
        json!(7),
        json!(["user-1"]),
        json!(null),
    ] {
        assert_eq!(
            refusal(&with("sub", bad.clone())),
            Some(AssertionError::Subject),
            "{bad}"
        );
    }
    assert_eq!(refusal(&without("sub")), Some(AssertionError::Subject));
}

// Rule: ATTACK 6
#[test]
fn an_assertion_without_a_jti_is_refused_for_it_could_be_used_twice() {
    for bad in [json!(""), json!("x".repeat(257)), json!(7), json!(null), json!(["one"])] {
        assert_eq!(refusal(&with("jti", bad.clone())), Some(AssertionError::Id), "{bad}");
    }
    assert_eq!(refusal(&without("jti")), Some(AssertionError::Id));
    assert_eq!(refusal(&with("jti", json!("x".repeat(256)))), None);
}

#[test]
fn every_time_is_needed_and_is_a_time() {
    for name in ["iat", "exp", "auth_time"] {
        assert_eq!(refusal(&without(name)), Some(AssertionError::Times), "{name}");
    }
    for name in ["iat", "exp", "auth_time", "nbf"] {
        for bad in [json!("1000"), json!(-1), json!(1e300), json!(null), json!([1000])] {
            assert_eq!(
                refusal(&with(name, bad.clone())),
                Some(AssertionError::Times),
                "{name} {bad}"
            );
        }
    }
}

#[test]
fn an_assertion_lives_two_minutes_at_most_and_not_past_its_end() {
    let lasting = |iat: i64, exp: i64| {
        let mut claims = with("iat", json!(iat));
        claims["exp"] = json!(exp);
        refusal(&claims)
    };
    assert_eq!(lasting(990, 1110), None);
    assert_eq!(lasting(990, 1111), Some(AssertionError::Lifetime));
    assert_eq!(lasting(990, 990), Some(AssertionError::Lifetime));
    assert_eq!(lasting(1010, 1005), Some(AssertionError::Lifetime));
    assert_eq!(lasting(990, i64::MAX), Some(AssertionError::Times));
    assert_eq!(lasting(990, 1001), None);
    assert_eq!(lasting(990, 1000), Some(AssertionError::Expired));
    assert_eq!(lasting(880, 999), Some(AssertionError::Expired));
}

#[test]
fn a_clock_may_be_half_a_minute_ahead_and_no_more() {
    for name in ["iat", "nbf", "auth_time"] {
        let mut claims = with("exp", json!(1070));
        claims[name] = json!(1030);
        assert_eq!(refusal(&claims), None, "{name}");
        claims[name] = json!(1031);
        assert_eq!(refusal(&claims), Some(AssertionError::Future), "{name}");
    }
}

#[test]
fn nobody_is_taken_to_have_signed_in_at_a_time_to_come() {
    assert_eq!(identity(&with("auth_time", json!(1020))).auth_time, NOW);
}

// Covers: R34
#[test]
fn whoever_was_asked_to_sign_in_anew_did_so() {
    let anew = |auth_time: i64| {
        let checked = check(&header(), &with("auth_time", json!(auth_time)), ANEW);
        checked.map(|(identity, _)| identity.auth_time)
    };
    assert_eq!(anew(400), Err(AssertionError::NotFresh));
    assert_eq!(anew(989), Err(AssertionError::NotFresh));
    // As far as two clocks agree; and it counts as anew when the app's request is looked at again.
    assert_eq!(anew(990), Ok(NOW));
    assert_eq!(anew(1000), Ok(NOW));
    assert_eq!(anew(1030), Ok(NOW));
    assert_eq!(
        check(&header(), &without("auth_time"), ANEW).unwrap_err(),
        AssertionError::Times
    );
}

#[test]
fn names_are_for_showing_and_bad_ones_keep_nobody_out() {
    let names = |claims: &Value| {
        let identity = identity(claims);
        (identity.name, identity.account_name)
    };
    assert_eq!(names(&claims()), (None, None));
    assert_eq!(
        names(&with("preferred_username", json!("ada"))),
        (None, Some("ada".into()))
    );
    for bad in [json!(""), json!("  "), json!(7), json!(null), json!({"x": 1})] {
        for name in ["name", "email", "preferred_username"] {
            assert_eq!(names(&with(name, bad.clone())), (None, None), "{name} {bad}");
        }
    }
}

#[test]
fn each_error_has_a_name_of_its_own_in_the_log() {
    let all = [
        AssertionError::Jwt(JwtError::Malformed),
        AssertionError::Jwt(JwtError::Algorithm),
        AssertionError::Type,
        AssertionError::Issuer,
        AssertionError::Audience,
        AssertionError::Nonce,
        AssertionError::Subject,
        AssertionError::Id,
        AssertionError::Times,
        AssertionError::Lifetime,
        AssertionError::Future,
        AssertionError::Expired,
        AssertionError::NotFresh,
        AssertionError::Signature,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(|error| error.code()).collect();
    assert_eq!(codes.len(), all.len());
}

proptest! {
    #[test]
    fn any_claims_are_taken_or_refused_without_panic(
        name in prop::sample::select(vec!["iss", "aud", "sub", "iat", "exp", "auth_time", "jti", "nonce", "name"]),
        value in prop_oneof![
            Just(json!(null)), any::<f64>().prop_map(|number| json!(number)), any::<i64>().prop_map(|number| json!(number)),
            "\\PC{0,300}".prop_map(|text| json!(text)), Just(json!([])), Just(json!({})),
        ],
    ) {
        let _ = check(&header(), &with(name, value), EXPECTED);
    }
}
