//! Signing in by connections, with providers whose answers are made up.

mod hand_off;
mod outages;
mod refusals;
mod refused_entries;

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;

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
    super::super::browser::login_url(target)
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

// Rule: STEPUP 1
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

// Rule: STEPUP 1
#[test]
fn a_provider_that_does_not_say_when_somebody_signed_in_makes_nobody_recent() {
    let server = acme();
    let mut browser = Browser::default();
    let silent = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("auth_time");
    };
    assert_eq!(
        location(&browser.arrive(&server, "/account/apps", silent)),
        "/account/apps"
    );
    for max_age in ["60", "4294967295"] {
        let link = authorize_link("app_two", &format!("&max_age={max_age}"));
        let next = location(&browser.get(&server, &link));
        assert!(next.starts_with("/login?"), "{max_age}: {next}");
    }
    let consent = browser.get(&server, &authorize_link("app_two", ""));
    let consent = match consent.status {
        200 => consent,
        _ => browser.get(&server, &location(&consent)),
    };
    let code = returned(&browser.decide(&server, &consent, "allow"))["code"].clone();
    let tokens = json(&server.post(
        "/oauth/token",
        &(redemption(&code) + "&client_secret=lks_right").replace("app_one", "app_two"),
    ));
    let claims = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&crate::crypto::from_base64url(claims).unwrap()).unwrap();
    assert!(
        claims["sub"].is_string() && claims.get("auth_time").is_none(),
        "{claims}"
    );
    for token in ["access_token", "refresh_token"] {
        let form = format!(
            "client_id=app_two&client_secret=lks_right&token={}",
            tokens[token].as_str().unwrap()
        );
        let state = json(&server.post("/oauth/introspect", &form));
        assert!(state["active"] == true && state.get("auth_time").is_none(), "{state}");
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
    let choose = super::super::browser::other_account_url("/account/apps");
    let (_, sent) = sent_to(&browser.get(&server, &choose));
    assert_eq!(sent["prompt"], "select_account");
    let several = connected(&[oidc("con_acme", IDP, 1), oidc("con_other", "https://other.example", 1)]);
    let page = browser.get(&several, &choose);
    assert!(page.body.contains("choose=account&#38;connection=con_acme"));
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
