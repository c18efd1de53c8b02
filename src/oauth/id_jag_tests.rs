//! Every test vector of the draft and of Enterprise-Managed Authorization, with its exact error.

use serde_json::{Value, json};

use super::*;
use crate::crypto::base64url;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::client::testing::{confidential_app, public_app};
use crate::oauth::dpop::tests::proven_key;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::random::testing::Seeded;

const NOW: Timestamp = Timestamp(1_000_000_000);
const EXPECTED: Expected<'static> = Expected {
    issuer: "https://auth.example",
    client_id: "app_two",
    now: NOW,
};

fn key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::default())
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "oauth-id-jag+jwt", "kid": "one" })
}

/// The claims of a good assertion.
pub fn claims() -> Value {
    json!({
        "iss": "https://idp.acme.example", "sub": "U019488227", "aud": "https://auth.example", "client_id": "app_two",
        "jti": "9e43f81b64a33f20116179", "iat": 999_990, "exp": 1_000_300, "scope": "read:projects read:profile",
        "resource": "https://api.example", "auth_time": 999_000, "name": "Jane Doe", "email": "jane@acme.example"
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

fn check_as(header: &Value, claims: &Value) -> Result<IdJag, IdJagError> {
    let assertion = sign(header, claims, &key());
    UnverifiedIdJag::check(&assertion, EXPECTED)?.accept(true)
}

fn check(claims: &Value) -> Result<IdJag, IdJagError> {
    check_as(&header(), claims)
}

#[track_caller]
fn refused(claims: &Value, error: IdJagError) {
    assert_eq!(check(claims), Err(error), "{claims}");
    let error = OAuthError::from(error);
    assert_eq!((error.code.as_str(), error.code.status()), ("invalid_grant", 400));
}

fn all() -> Scopes {
    Scopes::parse("read:projects read:profile write:projects read:billing").unwrap()
}

fn grant(claims: &Value, allowed: &Scopes, asked: &Narrowing) -> Result<(String, Vec<String>), (ErrorCode, String)> {
    let grant = check(claims).unwrap().grant(&confidential_app(), allowed, asked);
    grant
        .map(|grant| (grant.scopes.to_string(), grant.resources))
        .map_err(|error| (error.code, error.description().to_owned()))
}

fn asking(scope: Option<&str>, resources: &[&str]) -> Narrowing {
    Narrowing {
        scopes: scope.map(|scope| Scopes::parse(scope).unwrap()),
        resources: resources.iter().map(|one| (*one).to_owned()).collect(),
    }
}

// Covers: R62, R63
#[test]
fn a_good_assertion_says_who_somebody_is_and_what_for() {
    let good = check(&claims()).unwrap();
    assert_eq!(good.person.issuer, "https://idp.acme.example");
    assert_eq!(good.person.subject, "U019488227");
    assert_eq!(good.tenant, "");
    assert_eq!(good.person.name.as_deref(), Some("Jane Doe"));
    assert_eq!(good.person.auth_time, Timestamp(999_000_000));
    assert_eq!(good.expires_at, Timestamp(1_000_300_000));
    let api = vec!["https://api.example".to_owned()];
    assert_eq!(
        grant(&claims(), &all(), &Narrowing::default()),
        Ok(("read:profile read:projects".into(), api))
    );
    assert!(check(&with("aud", json!(["https://auth.example"]))).is_ok());
    assert!(
        check_as(
            &json!({ "alg": "ES256", "typ": "application/OAuth-ID-JAG+jwt" }),
            &claims()
        )
        .is_ok()
    );
}

// Rule: XAA 1
#[test]
fn a_jwt_of_another_type_or_of_none_is_refused() {
    for typ in [
        json!("JWT"),
        json!("at+jwt"),
        json!("client-authentication+jwt"),
        json!("dpop+jwt"),
        json!(""),
        json!(7),
        Value::Null,
    ] {
        let mut header = header();
        header["typ"] = typ.clone();
        assert_eq!(check_as(&header, &claims()), Err(IdJagError::Type), "{typ}");
    }
    assert_eq!(check_as(&json!({ "alg": "ES256" }), &claims()), Err(IdJagError::Type));
}

// Rule: XAA 2
#[test]
fn none_and_hs256_with_the_public_key_are_no_signatures() {
    for alg in ["none", "None", "HS256", "HS512", "ES384", ""] {
        let mut header = header();
        header["alg"] = json!(alg);
        let refused = check_as(&header, &claims());
        assert_eq!(refused, Err(IdJagError::Jwt(JwtError::Algorithm)), "{alg}");
    }
    let unsigned = format!(
        "{}.{}.",
        base64url(json!({ "alg": "none", "typ": "oauth-id-jag+jwt" }).to_string()),
        base64url(claims().to_string())
    );
    let refused = UnverifiedIdJag::check(&unsigned, EXPECTED).map(|_| ());
    assert_eq!(refused, Err(IdJagError::Jwt(JwtError::Algorithm)));
    for nothing in ["", "a.b.c", "x"] {
        let refused = UnverifiedIdJag::check(nothing, EXPECTED).map(|_| ());
        assert_eq!(refused, Err(IdJagError::Jwt(JwtError::Malformed)), "{nothing}");
    }
}

// Rule: XAA 2
#[test]
fn a_key_that_it_brings_itself_counts_for_nothing() {
    let mut header = header();
    header["jwk"] = jwk(&key());
    header["jku"] = json!("https://evil.example/jwks");
    assert!(check_as(&header, &claims()).is_ok());
    let assertion = sign(&header, &claims(), &key());
    let unverified = UnverifiedIdJag::check(&assertion, EXPECTED).unwrap();
    assert_eq!(unverified.accept(false), Err(IdJagError::Signature));
}

// Rule: XAA 2, XAA 13
#[test]
fn an_assertion_without_an_issuer_or_of_this_very_server_is_refused() {
    refused(&without("iss"), IdJagError::Issuer);
    for iss in [
        json!(""),
        json!(7),
        json!(["https://idp.acme.example"]),
        json!("https://auth.example"),
    ] {
        refused(&with("iss", iss), IdJagError::Issuer);
    }
    // Who is trusted hangs on `iss` and `tenant`, whatever `sub_id` says.
    let other = with(
        "sub_id",
        json!({ "format": "iss_sub", "iss": "https://evil.example", "sub": "root" }),
    );
    let person = check(&other).unwrap().person;
    assert_eq!(
        (person.issuer.as_str(), person.subject.as_str()),
        ("https://idp.acme.example", "U019488227")
    );
}

// Rule: XAA 3
#[test]
fn this_server_alone_is_the_audience() {
    refused(&without("aud"), IdJagError::Audience);
    for aud in [
        json!("https://auth.example/"),
        json!("https://auth.example/oauth/token"),
        json!("https://AUTH.example"),
        json!("https://api.example"),
        json!(["https://auth.example", "https://api.example"]),
        json!(["https://auth.example", "https://auth.example"]),
        json!([["https://auth.example"]]),
        json!([]),
        json!({}),
        Value::Null,
    ] {
        refused(&with("aud", aud), IdJagError::Audience);
    }
}

// Rule: XAA 4
#[test]
fn an_assertion_for_another_client_is_refused() {
    refused(&without("client_id"), IdJagError::Client);
    for client_id in [json!("app_one"), json!("APP_TWO"), json!(["app_two"]), json!("")] {
        refused(&with("client_id", client_id), IdJagError::Client);
    }
    // `azp` is no stand-in.
    let mut other = without("client_id");
    other["azp"] = json!("app_two");
    refused(&other, IdJagError::Client);
}

// Rule: XAA 5
#[test]
fn an_expired_eternal_or_future_assertion_is_refused() {
    refused(&without("exp"), IdJagError::Expired);
    refused(&with("exp", json!(1_000_000)), IdJagError::Expired);
    refused(&with("exp", json!(999_999)), IdJagError::Expired);
    assert!(check(&with("exp", json!(1_003_630))).is_ok());
    refused(&with("exp", json!(1_003_631)), IdJagError::Lifetime);
    refused(&with("exp", json!(9_000_000)), IdJagError::Lifetime);
    refused(&without("iat"), IdJagError::IssuedAt);
    assert!(check(&with("iat", json!(1_000_030))).is_ok());
    refused(&with("iat", json!(1_000_031)), IdJagError::IssuedAt);
    refused(&with("nbf", json!(1_000_031)), IdJagError::IssuedAt);
    for name in ["exp", "iat", "nbf", "auth_time"] {
        refused(&with(name, json!("soon")), IdJagError::Jwt(JwtError::Malformed));
    }
}

// Rule: XAA 5
#[test]
fn an_assertion_has_a_jti_and_its_use_is_that_of_its_issuer_whatever_else_it_says() {
    refused(&without("jti"), IdJagError::Jti);
    for jti in [json!(""), json!(7), json!("x".repeat(257))] {
        refused(&with("jti", jti), IdJagError::Jti);
    }
    let name = |claims: &Value| check(claims).unwrap().use_name;
    let own = name(&claims());
    for same in [
        with("sub", json!("another")),
        with("scope", json!("read:profile")),
        with("tenant", json!("t1")),
        with("exp", json!(1_000_200)),
    ] {
        assert_eq!(name(&same), own, "{same}");
    }
    assert_ne!(name(&with("jti", json!("another"))), own);
    assert_ne!(name(&with("iss", json!("https://idp.other.example"))), own);
}

#[test]
fn a_subject_is_ascii_of_at_most_255_letters_and_a_tenant_a_text() {
    refused(&without("sub"), IdJagError::Subject);
    for sub in [
        json!(""),
        json!("jäne"),
        json!("x".repeat(256)),
        json!(7),
        json!("a\nb"),
    ] {
        refused(&with("sub", sub), IdJagError::Subject);
    }
    assert_eq!(check(&with("tenant", json!("acme"))).unwrap().tenant, "acme");
    for tenant in [
        json!(""),
        json!(7),
        json!(["acme"]),
        Value::Null,
        json!("x".repeat(256)),
    ] {
        refused(&with("tenant", tenant), IdJagError::Tenant);
    }
}

// Rule: XAA 6
#[test]
fn a_foreign_or_malformed_resource_is_refused() {
    for foreign in [
        json!("https://other.example"),
        json!("https://api.example/v2"),
        json!("nonsense"),
        json!(["https://api.example", "https://other.example"]),
    ] {
        let refused = grant(&with("resource", foreign.clone()), &all(), &Narrowing::default());
        let expected = OAuthError::from(IdJagError::ForeignResource);
        assert_eq!(
            refused,
            Err((ErrorCode::InvalidGrant, expected.description().to_owned())),
            "{foreign}"
        );
    }
    for malformed in [
        json!(7),
        json!([]),
        json!([7]),
        json!({}),
        json!(vec!["https://api.example"; 21]),
    ] {
        refused(&with("resource", malformed), IdJagError::Resource);
    }
}

// Rule: XAA 6, XAA 7
#[test]
fn a_token_is_for_the_resources_that_the_assertion_names_and_no_others() {
    let both = with("scope", json!("read:projects read:billing"));
    let granted = grant(&both, &all(), &Narrowing::default());
    assert_eq!(
        granted,
        Ok(("read:projects".into(), vec!["https://api.example".into()]))
    );
    let mut anywhere = both.clone();
    anywhere.as_object_mut().unwrap().remove("resource");
    let (scopes, resources) = grant(&anywhere, &all(), &Narrowing::default()).unwrap();
    assert_eq!(scopes, "read:billing read:projects");
    assert_eq!(resources.len(), 2);
    let one = grant(&anywhere, &all(), &asking(None, &["https://billing.example/v1"]));
    assert_eq!(
        one,
        Ok(("read:billing".into(), vec!["https://billing.example/v1".into()]))
    );
    let beyond = grant(&both, &all(), &asking(None, &["https://billing.example/v1"]));
    assert_eq!(beyond.unwrap_err().0, ErrorCode::InvalidTarget);
}

// Rule: XAA 7
#[test]
fn no_scope_is_granted_beyond_assertion_app_and_organization() {
    let of = |scope: &str, allowed: &str, asked: Option<&str>| {
        let allowed = Scopes::parse(allowed).unwrap();
        grant(&with("scope", json!(scope)), &allowed, &asking(asked, &[])).map(|(scopes, _)| scopes)
    };
    let everything = "read:projects read:profile write:projects";
    assert_eq!(of(everything, "read:projects", None), Ok("read:projects".into()));
    assert_eq!(of("read:projects", everything, None), Ok("read:projects".into()));
    // `read:team` is one of the API's, which the app did not register; `admin` is nobody's.
    assert_eq!(
        of(
            "read:projects read:team admin offline_access",
            "read:projects read:team admin",
            None
        ),
        Ok("read:projects".into())
    );
    assert_eq!(
        of(everything, everything, Some("read:profile")),
        Ok("read:profile".into())
    );
    for (scope, allowed) in [
        ("read:team", "read:team"),
        ("admin", "admin"),
        ("offline_access", everything),
        ("read:projects", "read:profile"),
    ] {
        let expected = OAuthError::from(IdJagError::NothingLeft).description().to_owned();
        assert_eq!(
            of(scope, allowed, None),
            Err((ErrorCode::InvalidGrant, expected)),
            "{scope}"
        );
    }
    let beyond = of("read:projects", everything, Some("read:projects write:projects")).unwrap_err();
    assert_eq!(beyond.0, ErrorCode::InvalidScope);
    for malformed in [
        json!(""),
        json!(["read:projects"]),
        json!(7),
        json!("a\"b"),
        Value::Null,
    ] {
        refused(&with("scope", malformed), IdJagError::Scope);
    }
}

#[test]
fn an_assertion_without_scope_gets_what_the_app_asks_for_by_default_as_far_as_the_organization_allows_it() {
    let granted = grant(&without("scope"), &all(), &Narrowing::default()).unwrap();
    assert_eq!(granted.0, "read:profile read:projects");
    let allowed = Scopes::parse("read:profile write:projects").unwrap();
    let granted = grant(&without("scope"), &allowed, &Narrowing::default()).unwrap();
    assert_eq!(granted.0, "read:profile");
}

// Rule: XAA 10
#[test]
fn a_bound_assertion_takes_a_proof_of_that_key_and_an_unbound_one_any_or_none() {
    let thumbprint = base64url([7; 32]);
    let proof = |thumbprint: &str| {
        let mut proof = proven_key();
        proof.thumbprint = thumbprint.to_owned();
        proof
    };
    let bound = check(&with("cnf", json!({ "jkt": thumbprint }))).unwrap();
    assert_eq!(bound.check_key(None), Err(IdJagError::Key));
    assert_eq!(bound.check_key(Some(&proof(&base64url([8; 32])))), Err(IdJagError::Key));
    assert_eq!(bound.check_key(Some(&proof(&thumbprint))), Ok(()));
    let free = check(&claims()).unwrap();
    assert_eq!(free.check_key(None), Ok(()));
    assert_eq!(free.check_key(Some(&proof(&thumbprint))), Ok(()));
    for cnf in [
        json!({}),
        json!({ "jkt": "short" }),
        json!({ "jkt": 7 }),
        json!({ "jwk": jwk(&key()) }),
        json!({ "jkt": thumbprint, "x5t#S256": thumbprint }),
        json!("x"),
        Value::Null,
    ] {
        refused(&with("cnf", cnf), IdJagError::Confirmation);
    }
}

#[test]
fn a_sign_in_whose_time_is_not_told_or_ahead_is_none_of_the_future() {
    assert_eq!(
        check(&without("auth_time")).unwrap().person.auth_time,
        auth_time::UNKNOWN
    );
    assert_eq!(
        check(&with("auth_time", json!(2_000_000))).unwrap().person.auth_time,
        NOW
    );
}

#[test]
fn what_an_assertion_may_do_is_judged_by_the_app_that_presents_it() {
    // The same scopes, and an app to which nothing was granted.
    let mut app = public_app();
    app.scopes.clear();
    let refused = check(&claims()).unwrap().grant(&app, &all(), &Narrowing::default());
    assert_eq!(refused.unwrap_err().code, ErrorCode::InvalidGrant);
}
