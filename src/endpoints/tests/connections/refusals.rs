//! Answers that sign nobody in.

use super::*;
use crate::store::Limit;

// Rule: UI 10, ATTACK 7, ATTACK 8
#[test]
fn an_id_token_that_says_anything_wrong_signs_nobody_in() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 8] = [
        (
            |claims| claims["iss"] = value!("https://evil.example"),
            "id_token_issuer",
        ),
        (|claims| claims["nonce"] = value!("another"), "id_token_nonce"),
        (|claims| claims["nonce"] = value!(null), "id_token_nonce"),
        (|claims| claims["aud"] = value!("another"), "id_token_audience"),
        (|claims| claims["azp"] = value!("another"), "id_token_audience"),
        (|claims| claims["exp"] = value!(900), "id_token_expired"),
        (|claims| claims["iat"] = value!(9000), "id_token_issued_at"),
        (|claims| claims["sub"] = value!(""), "id_token_subject"),
    ];
    for (change, error) in changes {
        let server = acme();
        let reply = Browser::default().arrive(&server, "/account/apps", change);
        expect_refusal(&server, &reply, error);
        assert!(users(&server).is_empty());
    }
}

#[test]
fn an_id_token_signed_by_anybody_else_or_by_nobody_signs_nobody_in() {
    let of = |header: Value, key: &EcPrivateKey| {
        let server = acme();
        let mut browser = Browser::default();
        let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        redeems_to(&server, &sign(&header, &claims(&sent["nonce"]), key));
        let reply = browser.come_back(&server, &sent["state"]);
        assert!(server.stores.sessions.borrow().is_empty());
        assert_eq!(reply.status, 400);
        reply.error.unwrap()
    };
    assert_eq!(of(value!({ "alg": "ES256" }), &key(41)), "id_token_signature");
    let own = value!({ "alg": "ES256", "jwk": jwk(&key(41)), "jku": "https://evil.example/jwks" });
    assert_eq!(of(own, &key(41)), "id_token_signature");
    assert_eq!(of(value!({ "alg": "none" }), &key(40)), "id_token_algorithm");
    assert_eq!(of(value!({ "alg": "HS256" }), &key(40)), "id_token_algorithm");
    assert_eq!(
        of(value!({ "alg": "ES256", "typ": "at+jwt" }), &key(40)),
        "id_token_type"
    );
}

#[test]
fn keys_that_changed_are_fetched_anew_but_once_in_ten_seconds() {
    let server = acme();
    assert_eq!(Browser::default().arrive(&server, "/account/apps", |_| {}).status, 303);
    let with_kid = |kid: &str, seed| {
        let mut public = jwk(&key(seed));
        public["kid"] = value!(kid);
        public
    };
    let arrive = |kid: &str, seed| {
        let mut browser = Browser::default();
        let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        let header = value!({ "alg": "ES256", "kid": kid });
        redeems_to(&server, &sign(&header, &claims(&sent["nonce"]), &key(seed)));
        let reply = browser.come_back(&server, &sent["state"]);
        let asked = server.stores.asked.take();
        let fetched = asked.iter().filter(|asked| asked.address.ends_with("/jwks")).count();
        (reply.status, fetched)
    };
    server.stores.asked.take();
    publish(&server, IDP, &[with_kid("new", 42)]);
    assert_eq!(arrive("new", 42), (400, 0), "too soon after the last time");
    server.pass(10_000);
    assert_eq!(arrive("new", 42), (303, 1));
    assert_eq!(arrive("new", 42), (303, 0));
    assert_eq!(arrive("made-up", 43), (400, 0));
    server.pass(10_000);
    assert_eq!(arrive("made-up", 43), (400, 1));
    assert_eq!(arrive("made-up", 43), (400, 0));
}

// Rule: UI 10, ATTACK 11, ATTACK 12
#[test]
fn an_answer_counts_in_its_own_browser_at_its_own_connection_and_once() {
    let server = connected(&[oidc("con_acme", IDP, 1), oidc("con_other", "https://other.example", 1)]);
    publish(&server, "https://other.example", &[jwk(&key(40))]);
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &format!("{}&connection=con_acme", login_url("/account/apps"))));
    redeems_to(&server, &signed(&claims(&sent["nonce"])));
    let state = &sent["state"];

    let mut victim = Browser::default();
    expect_refusal(&server, &victim.come_back(&server, state), "sign_in_other_browser");
    victim.get(&server, &login_url("/account/apps"));
    expect_refusal(&server, &victim.come_back(&server, state), "sign_in_other_browser");

    let at = |path: &str, iss: &str| format!("{path}?code=a-code&state={state}{iss}");
    let elsewhere = at("/login/callback/con_other", "&iss=https://other.example");
    expect_refusal(&server, &browser.get(&server, &elsewhere), "sign_in_other_connection");
    let mixed_up = at(CALLBACK, "&iss=https://other.example");
    expect_refusal(&server, &browser.get(&server, &mixed_up), "sign_in_other_issuer");
    expect_refusal(&server, &browser.get(&server, &at(CALLBACK, "")), "sign_in_no_issuer");
    let unknown = browser.get(&server, &at("/login/callback/con_none", ""));
    assert_eq!(unknown.status, 404);
    let no_state = browser.get(&server, &format!("{CALLBACK}?code=a-code&iss={IDP}"));
    expect_refusal(&server, &no_state, "sign_in_state");
    let twice = at(CALLBACK, &format!("&state={state}&iss={IDP}"));
    expect_refusal(&server, &browser.get(&server, &twice), "sign_in_state");

    assert_eq!(browser.come_back(&server, state).status, 303);
    let again = browser.come_back(&server, state);
    assert_eq!((again.status, again.error), (400, Some("sign_in_replayed")));
    assert_eq!(server.stores.sessions.borrow().len(), 1);
}

#[test]
fn an_answer_that_comes_after_ten_minutes_is_too_late() {
    let server = acme();
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    redeems_to(&server, &signed(&claims(&sent["nonce"])));
    server.pass(600_000);
    expect_refusal(&server, &browser.come_back(&server, &sent["state"]), "sign_in_expired");
}

#[test]
fn a_no_at_the_provider_and_an_error_there_are_told_apart() {
    let server = acme();
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    let mut with = |more: &str| browser.get(&server, &format!("{CALLBACK}?state={}&iss={IDP}{more}", sent["state"]));
    let denied = with("&error=access_denied&error_description=%3Cscript%3E");
    expect_refusal(&server, &denied, "sign_in_denied");
    assert!(!denied.body.contains("script"));
    expect_refusal(&server, &with("&error=server_error"), "sign_in_provider_error");
    expect_refusal(&server, &with(""), "sign_in_no_answer");
    let codes_used = (400, value!({ "error": "invalid_grant" }).to_string());
    server
        .stores
        .web
        .borrow_mut()
        .insert(format!("{IDP}/token"), codes_used);
    expect_refusal(&server, &with("&code=used"), "sign_in_code_refused");
}

#[test]
fn a_suspended_user_is_told_so_and_not_signed_in() {
    let server = acme();
    Browser::default().arrive(&server, "/account/apps", |_| {});
    let user = server.stores.identities.borrow()[&(IDP.into(), "one".into())].clone();
    server.stores.suspend(&user);
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    expect_refusal(&server, &reply, "sign_in_suspended");
    assert_eq!(reply.status, 403);
}

// Rule: UI 15
#[test]
fn answers_are_limited_as_attempts_to_sign_in_are() {
    let server = acme();
    server.stores.limits.borrow_mut().insert(Limit::SignIn, 1);
    assert_eq!(Browser::default().arrive(&server, "/account/apps", |_| {}).status, 303);
    server.stores.asked.take();
    assert_eq!(Browser::default().arrive(&server, "/account/apps", |_| {}).status, 429);
    assert!(server.stores.asked.borrow().is_empty(), "nobody else is bothered");
}

#[test]
fn the_log_holds_neither_code_nor_state_nor_token() {
    let server = acme();
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    let id_token = signed(&claims("another"));
    redeems_to(&server, &id_token);
    browser.come_back(&server, &sent["state"]);
    let lines = server.lines.borrow().join("\n");
    assert!(lines.contains("login_callback") && lines.contains("id_token_nonce"));
    for secret in [
        "a-code",
        &sent["state"],
        &sent["nonce"],
        &id_token,
        "hush",
        "upstream",
        "jane",
    ] {
        assert!(!lines.contains(secret), "{secret}");
    }
}
