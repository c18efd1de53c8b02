//! Keys instead of secrets: assertions, DPoP proofs and pushed requests, through whole requests.

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::client_security::testing::key_app;
use crate::oauth::dpop;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::store::memory::Fault;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn client_key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(70))
}

fn dpop_key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(71))
}

/// A server where `app_two` proves itself with a key.
fn server(profile: &str) -> Server {
    let server = Server::new();
    let app = key_app(profile, value!({ "keys": [jwk(&client_key())] }));
    server.stores.apps.borrow_mut().insert("app_two".into(), app);
    server
}

fn assertion(server: &Server, jti: &str) -> String {
    let now = server.now.get().as_seconds();
    let claims = value!({
        "iss": "app_two", "sub": "app_two", "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60
    });
    let assertion = sign(&value!({ "alg": "ES256" }), &claims, &client_key());
    format!("client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}")
}

fn proof_for(server: &Server, path: &str, jti: &str, key: &EcPrivateKey) -> String {
    let nonce = dpop::nonce(&server.config.sealing_keys, server.now.get());
    let claims = value!({
        "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": server.now.get().as_seconds(),
        "jti": jti, "nonce": nonce
    });
    sign(
        &value!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(key) }),
        &claims,
        key,
    )
}

/// A proof for the token endpoint.
pub fn proof_for_token(server: &Server) -> String {
    proof_for(server, "/oauth/token", "bound", &dpop_key())
}

fn with_proof(server: &Server, path: &str, form: &str, proof: &str) -> Reply {
    let mut request = form_request(path, form);
    request.headers.insert("dpop".into(), proof.into());
    server.send(&request)
}

fn error(reply: &Reply) -> (u16, String) {
    let error = json(reply)["error"].as_str().unwrap_or_default().to_owned();
    (reply.status, error)
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.into())
}

fn claims(access_token: &Value) -> Value {
    let token = access_token.as_str().unwrap();
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&crate::crypto::from_base64url(part).unwrap()).unwrap()
}

fn push(server: &Server, more: &str) -> Reply {
    let link = authorize_link("app_two", more);
    let form = link.split_once('?').unwrap().1;
    let assertion = assertion(server, &crate::random::identifier(&server.random, "push_"));
    server.post("/oauth/par", &format!("{form}&{assertion}"))
}

fn pushed_link(server: &Server, client_id: &str) -> String {
    let reply = push(server, "");
    assert_eq!(reply.status, 201, "{reply:?}");
    let request_uri = json(&reply)["request_uri"].as_str().unwrap().to_owned();
    format!("/oauth/authorize?client_id={client_id}&request_uri={request_uri}")
}

#[test]
fn an_app_with_a_key_authenticates_once_with_each_assertion_and_with_nothing_else() {
    let server = server("standard");
    let once = format!("grant_type=refresh_token&refresh_token=x&{}", assertion(&server, "one"));
    assert_eq!(
        error(&server.post("/oauth/token", &once)),
        refused(400, "invalid_grant")
    );
    assert_eq!(
        error(&server.post("/oauth/token", &once)),
        refused(401, "invalid_client")
    );
    let secret = "grant_type=refresh_token&refresh_token=x&client_id=app_two&client_secret=lks_right";
    assert_eq!(
        error(&server.post("/oauth/token", secret)),
        refused(401, "invalid_client")
    );
    let both = format!(
        "{}&client_id=app_two&client_secret=lks_right",
        assertion(&server, "two")
    );
    assert_eq!(
        error(&server.post("/oauth/token", &both)),
        refused(400, "invalid_request")
    );
}

#[test]
fn an_assertion_by_a_key_that_is_not_registered_is_refused_and_not_remembered() {
    let server = server("standard");
    let stranger = key_app("standard", value!({ "keys": [jwk(&dpop_key())] }));
    server.stores.apps.borrow_mut().insert("app_two".into(), stranger);
    let form = format!("grant_type=client_credentials&{}", assertion(&server, "one"));
    server.trips();
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        refused(401, "invalid_client")
    );
    // Its record is read once more: the key may have been registered a moment ago.
    assert_eq!(server.trips(), ["apps", "keys", "apps"]);
}

// Rule: ASSERT 2
#[test]
fn an_assertion_whose_first_use_was_lost_on_the_way_is_asked_about_again_before_anything_is_answered() {
    let server = server("standard");
    for (fault, jti) in [(Fault::Before("ledger"), "one"), (Fault::After("ledger"), "two")] {
        server.stores.plan(&[fault]);
        let form = format!("grant_type=refresh_token&refresh_token=x&{}", assertion(&server, jti));
        assert_eq!(
            error(&server.post("/oauth/token", &form)),
            refused(400, "invalid_grant")
        );
    }
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    let form = format!(
        "grant_type=refresh_token&refresh_token=x&{}",
        assertion(&server, "three")
    );
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        refused(503, "temporarily_unavailable")
    );
}

#[test]
fn a_proof_without_nonce_is_sent_one_and_consumes_nothing() {
    let server = Server::new();
    let code = code(&server, "app_one");
    let now = server.now.get().as_seconds();
    let claims = value!({ "htm": "POST", "htu": format!("{ISSUER}/oauth/token"), "iat": now, "jti": "one" });
    let header = value!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&dpop_key()) });
    server.trips();
    let reply = with_proof(
        &server,
        "/oauth/token",
        &redemption(&code),
        &sign(&header, &claims, &dpop_key()),
    );
    assert_eq!(error(&reply), refused(400, "use_dpop_nonce"));
    assert!(server.trips().is_empty());
    let nonces: Vec<_> = reply.headers.iter().filter(|(name, _)| *name == "DPoP-Nonce").collect();
    assert_eq!(nonces.len(), 1);
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

#[test]
fn a_public_apps_tokens_are_bound_to_its_key_from_code_to_refresh() {
    let server = Server::new();
    let code = code(&server, "app_one");
    let proof = proof_for(&server, "/oauth/token", "one", &dpop_key());
    let first = json(&with_proof(&server, "/oauth/token", &redemption(&code), &proof));
    assert_eq!(first["token_type"], "DPoP");
    let thumbprint = claims(&first["access_token"])["cnf"]["jkt"].clone();
    assert_eq!(thumbprint.as_str().unwrap().len(), 43);
    let token = first["refresh_token"].as_str().unwrap();
    let refresh = format!("grant_type=refresh_token&client_id=app_one&refresh_token={token}");

    assert_eq!(
        error(&server.post("/oauth/token", &refresh)),
        refused(400, "invalid_grant")
    );
    let stolen = proof_for(&server, "/oauth/token", "two", &client_key());
    let reply = with_proof(&server, "/oauth/token", &refresh, &stolen);
    assert_eq!(error(&reply), refused(400, "invalid_grant"));
    let replayed = with_proof(&server, "/oauth/token", &refresh, &proof);
    assert_eq!(error(&replayed), refused(400, "invalid_dpop_proof"));

    let own = proof_for(&server, "/oauth/token", "three", &dpop_key());
    server.trips();
    let second = json(&with_proof(&server, "/oauth/token", &refresh, &own));
    assert_eq!(server.trips().iter().filter(|part| **part == "ledger").count(), 1);
    assert_eq!(claims(&second["access_token"])["cnf"]["jkt"], thumbprint);
}

#[test]
fn a_code_bound_to_a_key_is_good_for_that_key_only_and_not_burnt_by_others() {
    let server = Server::new();
    let thumbprint = crate::oauth::jwk::PublicKey::parse(&jwk(&dpop_key()))
        .unwrap()
        .thumbprint();
    let mut browser = Browser::default();
    let link = authorize_link("app_one", &format!("&dpop_jkt={thumbprint}"));
    let page = browser.consent_page(&server, &link);
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    assert_eq!(
        error(&server.post("/oauth/token", &redemption(&code))),
        refused(400, "invalid_grant")
    );
    let other = proof_for(&server, "/oauth/token", "one", &client_key());
    let reply = with_proof(&server, "/oauth/token", &redemption(&code), &other);
    assert_eq!(error(&reply), refused(400, "invalid_grant"));
    let own = proof_for(&server, "/oauth/token", "two", &dpop_key());
    assert_eq!(
        with_proof(&server, "/oauth/token", &redemption(&code), &own).status,
        200
    );
}

// Rule: PAR 3
#[test]
fn a_pushed_request_is_decided_once_however_often_its_link_is_opened() {
    let server = server("standard");
    let link = pushed_link(&server, "app_two");
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &link);
    let next = location(&browser.get(&server, &link));
    let again = browser.get(&server, &next);
    let first = returned(&browser.decide(&server, &page, "allow"));
    assert_eq!(returned(&browser.decide(&server, &again, "allow")), first);
    // What is remembered by now is no way to a second code either.
    assert_eq!(returned(&browser.get(&server, &link)), first);
    server.pass(6_000);
    assert_eq!(browser.get(&server, &link).status, 409);
    assert_eq!(browser.decide(&server, &again, "allow").status, 409);
    assert_eq!(server.stores.copies.borrow().len(), 1);
}

// Rule: PAR 3, AUTHZ 35
#[test]
fn a_pushed_request_of_another_app_or_an_expired_one_is_a_page() {
    let server = server("standard");
    let foreign = pushed_link(&server, "app_one");
    assert_eq!(server.send(&get_request(&foreign)).status, 400);
    let late = pushed_link(&server, "app_two");
    server.pass(300_000);
    assert_eq!(server.send(&get_request(&late)).status, 400);
}

#[test]
fn what_the_link_adds_to_a_pushed_request_counts_for_nothing() {
    let server = server("standard");
    let link = format!(
        "{}&scope=write%3Aprojects&redirect_uri=https%3A%2F%2Fevil.example&state=evil",
        pushed_link(&server, "app_two")
    );
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &link);
    assert!(!page.body.contains("write:projects"));
    assert_eq!(returned(&browser.decide(&server, &page, "deny"))["state"], "xyz");
}

#[test]
fn a_push_that_the_authorization_endpoint_would_refuse_is_refused_as_json() {
    let server = server("standard");
    for (more, code) in [
        ("&scope=admin", "invalid_request"),
        ("&resource=https%3A%2F%2Funknown.example", "invalid_target"),
        (
            "&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax",
            "invalid_request",
        ),
        ("&response_mode=fragment", "invalid_request"),
        ("&acr_values=gold", "unmet_authentication_requirements"),
    ] {
        assert_eq!(error(&push(&server, more)), refused(400, code), "{more}");
    }
    let unregistered = push(&server, "").status;
    assert_eq!(unregistered, 201);
    let long = push(&server, &format!("&login_hint={}", "x".repeat(6000)));
    assert_eq!(error(&long), refused(413, "invalid_request"));
    let link = authorize_link("app_two", "");
    let stranger = server.post("/oauth/par", link.split_once('?').unwrap().1);
    assert_eq!(error(&stranger), refused(401, "invalid_client"));
}

#[test]
fn a_fapi_app_pushes_proves_binds_and_keeps_its_refresh_token() {
    let server = server("fapi_2");
    let direct = server.send(&get_request(&authorize_link("app_two", "")));
    assert_eq!(returned(&direct)["error"], "invalid_request");

    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &pushed_link(&server, "app_two"));
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    let redeem = |jti: &str| {
        format!(
            "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&{}",
            assertion(&server, jti)
        )
    };
    let unbound = server.post("/oauth/token", &redeem("unbound"));
    assert_eq!(error(&unbound), refused(400, "invalid_dpop_proof"));
    let proof = proof_for(&server, "/oauth/token", "one", &dpop_key());
    let first = json(&with_proof(&server, "/oauth/token", &redeem("bound"), &proof));
    assert_eq!(first["token_type"], "DPoP");

    let token = first["refresh_token"].as_str().unwrap();
    for jti in ["two", "three"] {
        // A confidential app's refresh token is not bound to one key (RFC 9449 §5).
        let proof = proof_for(&server, "/oauth/token", jti, &client_key());
        let form = format!(
            "grant_type=refresh_token&refresh_token={token}&{}",
            assertion(&server, jti)
        );
        let again = json(&with_proof(&server, "/oauth/token", &form, &proof));
        assert_eq!(again["refresh_token"], first["refresh_token"]);
    }
}

// Rule: FAPI 26
#[test]
fn a_fapi_app_gets_its_introspection_answers_under_an_algorithm_of_its_profile() {
    for (profile, algorithm) in [("fapi_2", "ES256"), ("standard", "RS256")] {
        let server = server(profile);
        let form = format!("token=x&{}", assertion(&server, "one"));
        let mut request = form_request("/oauth/introspect", &form);
        let jwt = "application/token-introspection+jwt";
        request.headers.insert("accept".into(), jwt.into());
        let reply = server.send(&request);
        assert_eq!((reply.status, reply.header_value("Content-Type")), (200, Some(jwt)));
        let header = reply.body.split('.').next().unwrap();
        let header: Value = serde_json::from_slice(&crate::crypto::from_base64url(header).unwrap()).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&algorithm.into(), &algorithm.into()));
    }
}
