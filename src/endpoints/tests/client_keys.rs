//! Credentials that were changed a moment ago, and keys at an address of the app's own.

use std::rc::Rc;

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::client::StoredSecret;
use crate::oauth::client_security::testing::key_app;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::store::Limit;

const KEYS: &str = "https://partner.dev/jwks";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn key(seed: u32) -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(seed))
}

fn named(kid: &str, seed: u32) -> Value {
    let mut jwk = jwk(&key(seed));
    jwk["kid"] = value!(kid);
    jwk
}

/// A server where `app_two` keeps its keys at [`KEYS`], which has one called `a`.
fn server() -> Server {
    let server = Server::new();
    let mut app = key_app("standard", Value::Null);
    app.security.jwks_uri = Some(KEYS.into());
    server.stores.apps.borrow_mut().insert("app_two".into(), app);
    publish(&server, &value!({ "keys": [named("a", 1)] }));
    server
}

fn publish(server: &Server, jwks: &Value) {
    answer(server, 200, &jwks.to_string());
}

fn answer(server: &Server, status: u16, body: &str) {
    server
        .stores
        .web
        .borrow_mut()
        .insert(KEYS.into(), (status, body.to_owned()));
}

fn be_down(server: &Server) {
    server.stores.web.borrow_mut().clear();
}

/// How often the keys were asked for since this was last asked.
fn asked(server: &Server) -> usize {
    let asked = server.stores.asked.take();
    assert!(
        asked
            .iter()
            .all(|asked| asked.address == KEYS && asked.authorization.is_none())
    );
    asked.len()
}

fn assertion(server: &Server, kid: &str, seed: u32, changes: Value) -> String {
    let now = server.now.get().as_seconds();
    let mut claims = value!({
        "iss": "app_two", "sub": "app_two", "aud": ISSUER, "iat": now, "exp": now + 60,
        "jti": crate::random::identifier(&server.random, "jti_")
    });
    claims
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    sign(&value!({ "alg": "ES256", "kid": kid }), &claims, &key(seed))
}

fn send(server: &Server, assertion: &str) -> (u16, String) {
    let form = format!(
        "grant_type=refresh_token&refresh_token=x&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
    );
    let reply = server.post("/oauth/token", &form);
    let error = json(&reply)["error"].as_str().unwrap().to_owned();
    if reply.status == 503 {
        assert_eq!(reply.header_value("Retry-After"), Some("1"));
        assert!(
            json(&reply)["error_description"]
                .as_str()
                .unwrap()
                .starts_with("the keys of this client cannot be had: ")
        );
    }
    (reply.status, error)
}

fn use_key(server: &Server, kid: &str, seed: u32) -> u16 {
    send(server, &assertion(server, kid, seed, value!({}))).0
}

/// Authenticated, and then told that `x` is no refresh token.
const GOOD: u16 = 400;
const BAD: u16 = 401;
const DOWN: u16 = 503;

#[test]
fn keys_are_asked_for_once_in_ten_minutes() {
    let server = server();
    for _ in 0..3 {
        assert_eq!(use_key(&server, "a", 1), GOOD);
    }
    assert_eq!(asked(&server), 1);
    server.pass(599_000);
    assert_eq!((use_key(&server, "a", 1), asked(&server)), (GOOD, 0));
    server.pass(1_000);
    assert_eq!((use_key(&server, "a", 1), asked(&server)), (GOOD, 1));
}

#[test]
fn a_key_that_is_new_there_is_found_and_one_that_is_gone_is_good_no_more() {
    let server = server();
    assert_eq!(use_key(&server, "a", 1), GOOD);
    publish(&server, &value!({ "keys": [named("b", 2)] }));
    server.pass(10_000);
    assert_eq!((use_key(&server, "b", 2), asked(&server)), (GOOD, 2));
    assert_eq!(use_key(&server, "a", 1), BAD);
}

#[test]
fn invented_key_names_make_the_keys_be_asked_for_once_in_ten_seconds() {
    let server = server();
    for kid in ["x", "y", "z"] {
        assert_eq!(use_key(&server, kid, 9), BAD);
    }
    assert_eq!(asked(&server), 1);
    server.pass(9_999);
    assert_eq!((use_key(&server, "x", 9), asked(&server)), (BAD, 0));
    server.pass(1);
    assert_eq!((use_key(&server, "x", 9), asked(&server)), (BAD, 1));
    // The name of a key alone proves nothing.
    assert_eq!(use_key(&server, "a", 9), BAD);
}

#[test]
fn garbage_asks_nobody() {
    let server = server();
    for changes in [
        value!({ "aud": "https://other.example" }),
        value!({ "exp": 1 }),
        value!({ "jti": null }),
        value!({ "iss": "app_one" }),
        value!({ "sub": "app_nobody", "iss": "app_nobody" }),
    ] {
        let assertion = assertion(&server, "a", 1, changes);
        assert_eq!(send(&server, &assertion), (BAD, "invalid_client".into()));
    }
    assert_eq!(send(&server, "x.y.z").0, BAD);
    assert_eq!(asked(&server), 0);
}

#[test]
fn keys_that_cannot_be_had_are_no_refusal_and_nothing_is_used_up() {
    let server = server();
    let code = code(&server, "app_two");
    for broken in [
        (302, String::new()),
        (500, "{\"keys\":[]}".to_owned()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, value!({ "keys": [{ "kty": "RSA", "d": "AQAB" }] }).to_string()),
        (200, " ".repeat(70_000)),
    ] {
        answer(&server, broken.0, &broken.1);
        assert_eq!(use_key(&server, "a", 1), DOWN, "{broken:?}");
        assert_eq!(use_key(&server, "a", 1), DOWN, "{broken:?}");
        assert_eq!(asked(&server), 1, "{broken:?}");
        server.pass(10_000);
    }
    be_down(&server);
    let one = assertion(&server, "a", 1, value!({}));
    let redeem = || {
        let form = format!(
            "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&client_assertion_type={ASSERTION_TYPE}\
             &client_assertion={one}"
        );
        server.post("/oauth/token", &form)
    };
    server.trips();
    assert_eq!(redeem().status, DOWN);
    assert!(!server.trips().contains(&"ledger"));
    // The very same request is good once the keys are there.
    server.now.set(Timestamp(server.now.get().0 + 10_000));
    publish(&server, &value!({ "keys": [named("a", 1)] }));
    let redeemed = redeem();
    assert!([200, 400].contains(&redeemed.status), "{redeemed:?}");
}

#[test]
fn while_the_address_is_down_the_keys_it_had_are_good_and_unknown_ones_are_unknown() {
    let server = server();
    assert_eq!(use_key(&server, "a", 1), GOOD);
    be_down(&server);
    server.pass(700_000);
    assert_eq!(use_key(&server, "a", 1), GOOD);
    assert_eq!(asked(&server), 2);
    server.pass(10_000);
    assert_eq!(use_key(&server, "a", 1), GOOD);
    server.pass(10_000);
    // It may have been published there since.
    assert_eq!(use_key(&server, "b", 2), BAD);
    server.pass(24 * 3_600_000);
    assert_eq!(use_key(&server, "a", 1), DOWN);
}

#[test]
fn what_may_be_asked_is_looked_at_again_whatever_the_record_says() {
    for address in [
        "http://partner.dev/jwks",
        "https://10.0.0.1/jwks",
        "https://printer.local/jwks",
        "",
    ] {
        let server = server();
        server
            .stores
            .apps
            .borrow_mut()
            .get_mut("app_two")
            .unwrap()
            .security
            .jwks_uri = Some(address.into());
        assert_eq!((use_key(&server, "a", 1), asked(&server)), (DOWN, 0), "{address}");
    }
}

fn with_secret(server: &Server, secret: &str) -> u16 {
    let form = format!("grant_type=refresh_token&refresh_token=x&client_id=app_two&client_secret={secret}");
    server.post("/oauth/token", &form).status
}

/// A server that remembers `app_two` as it was before it got another secret.
fn rotating() -> Server {
    let server = Server::new();
    let mut apps = server.stores.apps.borrow_mut();
    let app = apps.get_mut("app_two").unwrap();
    server
        .stores
        .cached_apps
        .borrow_mut()
        .insert("app_two".into(), Rc::new(app.clone()));
    app.secrets.push(StoredSecret {
        id: "lsc_two".into(),
        secret_hash: crate::crypto::hash("lks_new"),
    });
    drop(apps);
    server
}

#[test]
fn a_new_secret_works_at_once_though_the_record_at_hand_is_older() {
    let server = rotating();
    assert_eq!(with_secret(&server, "lks_new"), GOOD);
    assert_eq!(server.trips(), ["apps"]);
    assert_eq!((with_secret(&server, "lks_right"), server.trips().len()), (GOOD, 0));
    assert_eq!(with_secret(&server, "lks_wrong"), BAD);
}

#[test]
fn wrong_secrets_make_a_record_be_read_as_often_as_the_limit_allows() {
    let server = rotating();
    assert!(server.config.rate_limits);
    server.stores.limits.borrow_mut().insert(Limit::ClientAtAddress, 3);
    let read = |secret| {
        server
            .stores
            .counts
            .borrow_mut()
            .retain(|(_, key), _| key.starts_with("again/"));
        (with_secret(&server, secret), server.trips().len())
    };
    for _ in 0..3 {
        assert_eq!(read("lks_wrong"), (BAD, 1));
    }
    assert_eq!(read("lks_wrong"), (BAD, 0));
    // Who knows the right one is not locked out by that.
    assert_eq!(read("lks_right"), (GOOD, 0));
}

#[test]
fn a_public_app_is_not_read_again_for_whatever_it_sends() {
    let server = Server::new();
    let app = Rc::new(public_app());
    server.stores.cached_apps.borrow_mut().insert("app_one".into(), app);
    let reply = server.post(
        "/oauth/token",
        "grant_type=refresh_token&refresh_token=x&client_id=app_one&client_secret=x",
    );
    assert_eq!((reply.status, server.trips().len()), (BAD, 0));
}

#[test]
fn an_app_that_turned_to_keys_a_moment_ago_is_believed_by_its_key() {
    let server = server();
    let old = Rc::new(confidential_app());
    server.stores.cached_apps.borrow_mut().insert("app_two".into(), old);
    assert_eq!(use_key(&server, "a", 1), GOOD);
}
