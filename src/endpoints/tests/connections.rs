//! Signing in by connections, with providers whose answers are made up.

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::store::Limit;
use crate::store::memory::Fault;

const IDP: &str = "https://id.example";
const CALLBACK: &str = "/login/callback/con_acme";

fn key(seed: u32) -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(seed))
}

fn oidc(id: &str, issuer: &str, domain_level: u8) -> Value {
    value!({
        "id": id, "name": format!("{id} account"), "domain_level": domain_level, "issuer": issuer,
        "method": { "oidc": {
            "client_id": "latchkey", "authentication": "client_secret_basic",
            "client_secret_name": "CONNECTION_ACME", "scopes": "openid profile email"
        } }
    })
}

fn hand_off(subject_is_user_id: u8) -> Value {
    value!({
        "id": "con_own", "name": "Acme", "domain_level": 1, "issuer": "https://acme.example",
        "method": { "hand_off": {
            "login_url": "https://acme.example/login?from=latchkey", "jwks": { "keys": [jwk(&key(50))] },
            "subject_is_user_id": subject_is_user_id
        } }
    })
}

fn answer(server: &Server, address: &str, body: &Value) {
    let answer = (200, body.to_string());
    server.stores.web.borrow_mut().insert(address.into(), answer);
}

fn publish(server: &Server, issuer: &str, keys: &[Value]) {
    let metadata = value!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"), "userinfo_endpoint": format!("{issuer}/me"),
        "authorization_response_iss_parameter_supported": true
    });
    answer(server, &format!("{issuer}/.well-known/openid-configuration"), &metadata);
    answer(server, &format!("{issuer}/jwks"), &value!({ "keys": keys }));
}

/// A server with these connections, and without the development sign-in.
fn connected(connections: &[Value]) -> Server {
    let mut server = Server::new();
    server.config.development_sign_in = false;
    let read = |record: &Value| crate::json::from_value(record.clone()).unwrap();
    server.stores.connections = RefCell::new(connections.iter().map(read).collect());
    server
        .stores
        .secrets
        .borrow_mut()
        .insert("CONNECTION_ACME".into(), "hush".into());
    publish(&server, IDP, &[jwk(&key(40))]);
    server
}

fn acme() -> Server {
    connected(&[oidc("con_acme", IDP, 1)])
}

/// Where somebody was sent to sign in, and with what.
fn sent_to(reply: &Reply) -> (String, BTreeMap<String, String>) {
    let url = url::Url::parse(&location(reply)).unwrap();
    (
        url[..url::Position::AfterPath].to_owned(),
        url.query_pairs().into_owned().collect(),
    )
}

fn claims(nonce: &str) -> Value {
    value!({
        "iss": IDP, "aud": "latchkey", "sub": "one", "nonce": nonce, "iat": 1000, "exp": 2000, "auth_time": 990,
        "name": "Jane Doe", "email": "jane@example.com"
    })
}

fn redeems_to(server: &Server, id_token: &str) {
    let response = value!({ "id_token": id_token, "access_token": "upstream", "token_type": "Bearer" });
    answer(server, &format!("{IDP}/token"), &response);
}

fn signed(claims: &Value) -> String {
    sign(&value!({ "alg": "ES256" }), claims, &key(40))
}

impl Browser {
    /// Goes to sign in, and comes back with what `change` makes of the claims.
    fn arrive(&mut self, server: &Server, target: &str, change: impl FnOnce(&mut Value)) -> Reply {
        let (_, sent) = sent_to(&self.get(server, &login_url(target)));
        let mut claims = claims(&sent["nonce"]);
        change(&mut claims);
        redeems_to(server, &signed(&claims));
        self.come_back(server, &sent["state"])
    }

    fn come_back(&mut self, server: &Server, state: &str) -> Reply {
        self.get(server, &format!("{CALLBACK}?code=a-code&state={state}&iss={IDP}"))
    }
}

fn login_url(target: &str) -> String {
    super::super::guard::login_url(target)
}

fn users(server: &Server) -> Vec<String> {
    let users = server.stores.users.borrow();
    let new = users
        .iter()
        .filter(|user| !["usr_alice", "usr_ben"].contains(&user.id.as_str()));
    new.map(|user| format!("{} <{}>", user.name, user.username)).collect()
}

/// Nobody was signed in, and a page says so.
fn expect_refusal(server: &Server, reply: &Reply, error: &str) {
    assert_eq!(reply.error, Some(error), "{reply:?}");
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(!reply.has_header("Location"));
    assert!(server.stores.sessions.borrow().is_empty());
}

// Covers: R38
// Rule: UI 10
#[test]
fn with_one_connection_people_go_straight_on_and_come_back_signed_in() {
    let server = acme();
    let mut browser = Browser::default();
    let start = browser.get(&server, &login_url("/account/apps?x=1"));
    assert_eq!(server.trips(), ["connections"]);
    let (to, sent) = sent_to(&start);
    assert_eq!(to, "https://id.example/auth");
    assert_eq!(sent["redirect_uri"], format!("{ISSUER}{CALLBACK}"));
    assert_eq!(server.stores.sessions.borrow().len(), 0);

    let reply = browser.arrive(&server, "/account/apps?x=1", |_| {});
    assert_eq!(location(&reply), "/account/apps?x=1");
    assert_eq!(
        server.trips(),
        ["connections", "connections", "ledger", "identities", "sessions"]
    );
    assert_eq!(users(&server), ["Jane Doe <jane@example.com>"]);
    let sessions = server.stores.sessions.borrow();
    let session = sessions.values().next().unwrap();
    assert_eq!(session.connection_id.as_deref(), Some("con_acme"));
    assert_eq!(session.auth_time, Timestamp(990_000));
    let asked = server.stores.asked.borrow();
    let redemption = asked.iter().find(|asked| asked.address.ends_with("/token")).unwrap();
    assert_eq!(redemption.authorization.as_deref(), Some("Basic bGF0Y2hrZXk6aHVzaA=="));
    assert!(redemption.form.as_ref().unwrap().contains("code_verifier="));
}

#[test]
fn metadata_and_keys_are_asked_for_once_and_names_only_where_the_id_token_has_none() {
    let server = acme();
    for _ in 0..3 {
        Browser::default().arrive(&server, "/account/apps", |_| {});
    }
    let asked: Vec<String> = server
        .stores
        .asked
        .take()
        .into_iter()
        .map(|asked| asked.address)
        .collect();
    let count = |end: &str| asked.iter().filter(|address| address.ends_with(end)).count();
    assert_eq!(
        (count("-configuration"), count("/jwks"), count("/token"), count("/me")),
        (1, 1, 3, 0)
    );

    let nameless = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("name");
        claims["sub"] = value!("two");
    };
    answer(
        &server,
        "https://id.example/me",
        &value!({ "sub": "two", "name": "Joe Bloggs" }),
    );
    Browser::default().arrive(&server, "/account/apps", nameless);
    assert_eq!(users(&server)[1], "Joe Bloggs <jane@example.com>");
    let asked = server.stores.asked.take();
    let userinfo = asked.iter().find(|asked| asked.address.ends_with("/me")).unwrap();
    assert_eq!(userinfo.authorization.as_deref(), Some("Bearer upstream"));

    answer(
        &server,
        "https://id.example/me",
        &value!({ "sub": "one", "name": "Joe Bloggs" }),
    );
    let before = server.stores.sessions.borrow().len();
    let reply = Browser::default().arrive(&server, "/account/apps", nameless);
    assert_eq!(reply.error, Some("sign_in_other_subject"));
    server.stores.web.borrow_mut().remove("https://id.example/me");
    assert_eq!(server.stores.sessions.borrow().len(), before);
    let reply = Browser::default().arrive(&server, "/account/apps", nameless);
    assert_eq!(reply.status, 303, "without names people sign in as well");
}

#[test]
fn a_second_sign_in_finds_the_same_user_and_what_they_are_called_now() {
    let server = acme();
    Browser::default().arrive(&server, "/account/apps", |_| {});
    Browser::default().arrive(&server, "/account/apps", |claims| {
        claims["name"] = value!("Jane\u{202e} Smith");
        claims["email"] = value!("smith@example.com");
    });
    assert_eq!(users(&server), ["Jane Smith <smith@example.com>"]);
}

// Rule: UI 10
#[test]
fn the_same_email_address_makes_nobody_the_same_person() {
    let server = connected(&[oidc("con_acme", IDP, 1), oidc("con_other", "https://other.example", 1)]);
    server.stores.users.borrow_mut()[0].username = "jane@example.com".into();
    for sub in ["one", "two"] {
        let mut browser = Browser::default();
        let start = browser.get(&server, &format!("{}&connection=con_acme", login_url("/account/apps")));
        let (_, sent) = sent_to(&start);
        let mut claims = claims(&sent["nonce"]);
        claims["sub"] = value!(sub);
        claims["email_verified"] = value!(true);
        redeems_to(&server, &signed(&claims));
        assert_eq!(browser.come_back(&server, &sent["state"]).status, 303);
    }
    assert_eq!(users(&server).len(), 2);
    let sessions = server.stores.sessions.borrow();
    assert!(sessions.values().all(|session| session.user_id != "usr_alice"));
}

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

// Rule: ATTACK 13
#[test]
fn signing_in_replaces_the_session_and_keeps_the_browser() {
    let server = acme();
    let mut browser = Browser::default();
    browser.arrive(&server, "/account/apps", |_| {});
    let before = browser.cookies.clone();
    browser.arrive(&server, "/account/apps", |_| {});
    assert_eq!(server.stores.sessions.borrow().len(), 1, "the old session is gone");
    assert_ne!(
        browser.cookies["__Host-latchkey_session"],
        before["__Host-latchkey_session"]
    );
    assert_eq!(
        browser.cookies["__Host-latchkey_browser"],
        before["__Host-latchkey_browser"]
    );
}

#[test]
fn a_suspended_user_is_told_so_and_not_signed_in() {
    let server = acme();
    Browser::default().arrive(&server, "/account/apps", |_| {});
    let user = server.stores.identities.borrow()[&(IDP.into(), "one".into())].clone();
    server.stores.suspended.borrow_mut().push(user);
    server.stores.sessions.borrow_mut().clear();
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    expect_refusal(&server, &reply, "sign_in_suspended");
    assert_eq!(reply.status, 403);
}

// Covers: B21
#[test]
fn while_storage_is_down_nobody_is_signed_in_and_everybody_may_try_again() {
    for fault in [
        Fault::Before("connections"),
        Fault::Before("identities"),
        Fault::After("identities"),
        Fault::Before("sessions"),
    ] {
        let server = acme();
        let mut browser = Browser::default();
        let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        redeems_to(&server, &signed(&claims(&sent["nonce"])));
        server.stores.plan(&[fault]);
        let reply = browser.come_back(&server, &sent["state"]);
        assert_eq!(reply.status, 503, "{fault:?}");
        assert!(reply.has_header("Retry-After") && reply.body.contains("action=\"/login\""));
        assert!(!browser.cookies.contains_key("__Host-latchkey_session"));
        assert_eq!(browser.arrive(&server, "/account/apps", |_| {}).status, 303);
        assert_eq!(users(&server).len(), 1, "one user, also when a reply was lost");
    }
    let server = acme();
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    assert_eq!(reply.status, 503);
    assert!(users(&server).is_empty());
}

#[test]
fn a_provider_that_does_not_answer_as_it_should_is_named_to_the_operator_only() {
    let broken: [(&str, Option<(u16, &str)>); 9] = [
        ("/.well-known/openid-configuration", None),
        ("/.well-known/openid-configuration", Some((302, ""))),
        ("/.well-known/openid-configuration", Some((200, "<html>"))),
        (
            "/.well-known/openid-configuration",
            Some((200, r#"{"issuer":"https://evil.example"}"#)),
        ),
        ("/token", None),
        ("/token", Some((500, "oops"))),
        ("/token", Some((401, r#"{"error":"invalid_client"}"#))),
        ("/jwks", None),
        ("/jwks", Some((200, r#"{"keys":"none"}"#))),
    ];
    for (path, instead) in broken {
        let server = acme();
        let mut browser = Browser::default();
        if !path.starts_with("/.well") {
            browser.get(&server, &login_url("/account/apps"));
        }
        let break_it = || {
            let mut web = server.stores.web.borrow_mut();
            web.remove(&format!("{IDP}{path}"));
            if let Some((status, body)) = instead {
                web.insert(format!("{IDP}{path}"), (status, body.into()));
            }
        };
        let reply = if path.starts_with("/.well") {
            break_it();
            browser.get(&server, &login_url("/account/apps"))
        } else {
            let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
            redeems_to(&server, &signed(&claims(&sent["nonce"])));
            break_it();
            browser.come_back(&server, &sent["state"])
        };
        assert_eq!(
            (reply.status, reply.error),
            (503, Some("sign_in_provider_unavailable")),
            "{path}"
        );
        assert!(reply.has_header("Retry-After") && reply.body.contains("action=\"/login\""));
        assert!(server.stores.sessions.borrow().is_empty());
        let line = server.lines.borrow().last().unwrap().clone();
        assert!(line.contains("\"provider\"") && line.contains("con_acme"), "{line}");
    }
}

#[test]
fn a_connection_without_its_secret_asks_nobody_for_a_token() {
    let server = acme();
    server.stores.secrets.borrow_mut().clear();
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    assert_eq!(reply.status, 503);
    assert!(
        !server
            .stores
            .asked
            .borrow()
            .iter()
            .any(|asked| asked.address.ends_with("/token"))
    );
}

// Covers: R46
#[test]
fn only_connections_of_the_whole_domain_serve_third_party_apps() {
    let server = connected(&[oidc("con_staff", "https://staff.example", 0), oidc("con_acme", IDP, 1)]);
    publish(&server, "https://staff.example", &[jwk(&key(40))]);
    let mut browser = Browser::default();
    let login = location(&browser.get(&server, &authorize_link("app_one", "")));
    let (to, _) = sent_to(&browser.get(&server, &login));
    assert_eq!(to, "https://id.example/auth", "the only one offered");
    let (to, _) = sent_to(&browser.get(&server, &format!("{login}&connection=con_staff")));
    assert_eq!(to, "https://id.example/auth", "nor by its name");

    // Somebody who came by the other is not signed in as far as apps are concerned.
    let staff = format!("{}&connection=con_staff", login_url("/account/apps"));
    let (_, sent) = sent_to(&browser.get(&server, &staff));
    let mut claims = claims(&sent["nonce"]);
    claims["iss"] = value!("https://staff.example");
    let response = value!({ "id_token": signed(&claims), "token_type": "Bearer" });
    answer(&server, "https://staff.example/token", &response);
    let back = format!(
        "/login/callback/con_staff?code=x&state={}&iss=https://staff.example",
        sent["state"]
    );
    assert_eq!(location(&browser.get(&server, &back)), "/account/apps");
    assert_eq!(browser.get(&server, "/account/apps").status, 200);
    let link = authorize_link("app_one", "");
    let login = location(&browser.get(&server, &link));
    assert!(login.starts_with("/login?"), "{login}");
    let silent = browser.get(&server, &format!("{link}&prompt=none"));
    assert_eq!(returned(&silent)["error"], "login_required");

    // And one that ceases to serve apps while its user is away serves none.
    let (_, sent) = sent_to(&browser.get(&server, &login));
    server.stores.connections.borrow_mut()[1].domain_level = false;
    let reply = browser.come_back(&server, &sent["state"]);
    assert_eq!((reply.status, reply.error), (403, Some("sign_in_not_for_apps")));
}

#[test]
fn an_app_is_told_no_secret_of_the_way_and_its_user_comes_back_to_its_consent_page() {
    let server = acme();
    let mut browser = Browser::default();
    let login = location(&browser.get(&server, &authorize_link("app_one", "&login_hint=jane%40example.com")));
    let (_, sent) = sent_to(&browser.get(&server, &login));
    assert_eq!(sent["login_hint"], "jane@example.com");
    assert!(!sent.contains_key("prompt"));
    redeems_to(&server, &signed(&claims(&sent["nonce"])));
    let consent = location(&browser.come_back(&server, &sent["state"]));
    let page = browser.get(&server, &consent);
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    assert!(!code.is_empty());
}

// Rule: OIDC 3
#[test]
fn who_must_sign_in_anew_does_and_a_provider_that_ignores_it_ends_on_a_page() {
    for (more, prompt) in [("&prompt=login", Some("login")), ("&max_age=5", None)] {
        let server = acme();
        let mut browser = Browser::default();
        browser.arrive(&server, "/account/apps", |_| {});
        server.pass(60_000);
        let login = location(&browser.get(&server, &authorize_link("app_one", more)));
        server.pass(2_000);
        let (_, sent) = sent_to(&browser.get(&server, &login));
        assert_eq!(sent.get("prompt").map(String::as_str), prompt);
        assert!(sent["max_age"].parse::<u32>().unwrap() <= 7);
        for stale in [value!(990), value!(null)] {
            let mut claims = claims(&sent["nonce"]);
            claims["auth_time"] = stale;
            if claims["auth_time"].is_null() {
                claims.as_object_mut().unwrap().remove("auth_time");
            }
            redeems_to(&server, &signed(&claims));
            let reply = browser.come_back(&server, &sent["state"]);
            assert_eq!((reply.status, reply.error), (400, Some("sign_in_not_fresh")), "{more}");
            assert!(!reply.has_header("Location"));
        }
        let mut claims = claims(&sent["nonce"]);
        // By a clock that is a little behind.
        claims["auth_time"] = value!(1_052);
        redeems_to(&server, &signed(&claims));
        let consent = location(&browser.come_back(&server, &sent["state"]));
        assert_eq!(browser.get(&server, &consent).status, 200, "asked once, not in circles");
    }
}

#[test]
fn several_connections_are_offered_the_one_used_last_first() {
    let server = connected(&[oidc("con_first", "https://other.example", 1), oidc("con_acme", IDP, 1)]);
    let mut browser = Browser::default();
    let page = browser.get(&server, &login_url("/account/apps"));
    let place = |page: &Reply, id: &str| page.body.find(&format!("connection={id}")).unwrap();
    assert_eq!(page.status, 200);
    assert!(place(&page, "con_first") < place(&page, "con_acme"));
    let (_, sent) = sent_to(&browser.get(&server, &format!("{}&connection=con_acme", login_url("/account/apps"))));
    redeems_to(&server, &signed(&claims(&sent["nonce"])));
    browser.come_back(&server, &sent["state"]);
    let page = browser.get(&server, &login_url("/account/apps"));
    assert!(place(&page, "con_acme") < place(&page, "con_first"));
    browser
        .cookies
        .insert("__Host-latchkey_connection".into(), "con_<b>".into());
    let page = browser.get(&server, &login_url("/account/apps"));
    assert!(place(&page, "con_first") < place(&page, "con_acme") && !page.body.contains("con_<b>"));
}

#[test]
fn who_wants_to_be_somebody_else_chooses_the_account() {
    let server = acme();
    let mut browser = Browser::default();
    let choose = super::super::guard::other_account_url("/account/apps");
    let (_, sent) = sent_to(&browser.get(&server, &choose));
    assert_eq!(sent["prompt"], "select_account");
    let several = connected(&[oidc("con_acme", IDP, 1), oidc("con_other", "https://other.example", 1)]);
    let page = browser.get(&several, &choose);
    assert!(
        page.body.contains("choose=account&#38;connection=con_acme"),
        "{}",
        &*page.body
    );
}

#[test]
fn the_development_sign_in_is_one_way_among_others() {
    let mut server = acme();
    server.config.development_sign_in = true;
    let page = Browser::default().get(&server, &login_url("/account/apps"));
    assert!(page.body.contains("connection=con_acme") && page.body.contains("name=\"username\""));
    server.config.development_sign_in = false;
    server.stores.connections.borrow_mut().clear();
    assert_eq!(Browser::default().get(&server, &login_url("/account/apps")).status, 503);
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

fn assertion(nonce: &str, jti: &str) -> Value {
    value!({
        "iss": "https://acme.example", "aud": ISSUER, "sub": "usr_jane", "nonce": nonce, "jti": jti,
        "iat": 1000, "exp": 1060, "auth_time": 990, "name": "Jane Doe"
    })
}

fn asserted(claims: &Value, seed: u32) -> String {
    sign(
        &value!({ "alg": "ES256", "typ": "latchkey-sign-in+jwt" }),
        claims,
        &key(seed),
    )
}

// Covers: R38
// Rule: ATTACK 5, ATTACK 6
#[test]
fn the_platforms_own_page_signs_people_in_with_an_assertion_that_is_good_once() {
    let server = connected(&[hand_off(1)]);
    let mut browser = Browser::default();
    let mut start = || {
        let (to, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        assert_eq!(
            (to.as_str(), sent["from"].as_str()),
            ("https://acme.example/login", "latchkey")
        );
        let back = sent["continue"].strip_prefix(ISSUER).unwrap().to_owned();
        (back, sent["nonce"].clone())
    };
    let (back, nonce) = start();
    assert!(back.starts_with("/login/callback/con_own?state="));
    let (other, other_nonce) = start();
    let good = asserted(&assertion(&nonce, "1"), 50);

    let mut with = |back: &str, assertion: &str| browser.get(&server, &format!("{back}&assertion={assertion}"));
    expect_refusal(
        &server,
        &with(&back, &asserted(&assertion(&nonce, "1"), 51)),
        "assertion_signature",
    );
    expect_refusal(&server, &with(&other, &good), "assertion_nonce");
    expect_refusal(&server, &with(&back, "x"), "assertion_malformed");
    assert_eq!(location(&with(&back, &good)), "/account/apps");
    assert_eq!(with(&back, &good).error, Some("sign_in_replayed"));
    assert_eq!(
        with(&other, &asserted(&assertion(&other_nonce, "1"), 50)).error,
        Some("sign_in_replayed")
    );
    let sessions = server.stores.sessions.borrow();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions.values().next().unwrap().user_id, "usr_jane");
}

#[test]
fn a_subject_that_is_the_id_of_somebody_else_is_refused() {
    let server = connected(&[hand_off(1)]);
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    let mut claims = assertion(&sent["nonce"], "1");
    claims["sub"] = value!("usr_alice");
    let back = sent["continue"].strip_prefix(ISSUER).unwrap();
    let reply = browser.get(&server, &format!("{back}&assertion={}", asserted(&claims, 50)));
    expect_refusal(&server, &reply, "sign_in_id_taken");
    assert!(server.stores.identities.borrow().is_empty());
}
