//! The consent page as JSON.

use serde_json::{Value, json as value};

use super::*;
use crate::oauth::standing::{AppClass, AppStatus};
use crate::store::memory::Fault;

/// A signed-in browser on the way to the consent page, with the request's id.
fn asked(server: &Server, more: &str) -> (Browser, String) {
    let mut browser = Browser::default();
    browser.sign_in(server, "/login", "alice");
    let next = location(&browser.get(server, &authorize_link("app_one", more)));
    let id = next.split("request_id=").nth(1).unwrap().to_owned();
    (browser, id)
}

fn path(id: &str) -> String {
    format!("/api/oauth/consent/{id}")
}

fn post(id: &str, body: &str) -> Request {
    let headers = [("content-type", "application/json"), ("origin", ISSUER)];
    Request {
        method: "POST".into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Body::Bytes(body.as_bytes().to_vec()),
        ..get_request(&path(id))
    }
}

fn decision(token: &str, approved: bool) -> String {
    value!({ "approved": approved, "csrf_token": token }).to_string()
}

fn token(browser: &mut Browser, server: &Server, id: &str) -> String {
    let shown = browser.get(server, &path(id));
    json(&shown)["csrf_token"].as_str().unwrap().to_owned()
}

fn refused(reply: &Reply) -> (u16, String) {
    (
        reply.status,
        json(reply)["error"].as_str().unwrap_or_default().to_owned(),
    )
}

// Covers: R39, B16
#[test]
fn a_request_is_told_with_its_app_its_user_and_what_it_asks_for() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    let reply = browser.get(&server, &path(&id));
    assert_eq!(
        (reply.status, reply.header_value("Cache-Control")),
        (200, Some("no-store"))
    );
    let mut shown = json(&reply);
    assert!(shown["csrf_token"].take().as_str().unwrap().len() > 100);
    let expected = value!({
        "request": {
            "client_id": "app_one",
            "redirect_uri": "https://app.example/callback",
            "redirect_host": "app.example",
            "scope": "read:projects",
            "state": "xyz",
            "permissions": [{
                "api": "Projects API",
                "scope": "read:projects",
                "title": "Title of read:projects",
                "description": "Use read:projects",
                "sensitive": false,
                "new": true,
                "optional": false,
                "selected": true,
            }],
            "expires_at": "1970-01-01T00:26:40Z",
        },
        "app": {
            "client_id": "app_one",
            "name": "Project Lens",
            "description": "Charts of your projects",
            "developer_name": "Northwind Labs",
            "verified": true,
            "test_mode": false,
        },
        "user": { "id": "usr_alice", "name": "ALICE", "username": "alice" },
        "csrf_token": Value::Null,
    });
    assert_eq!(shown, expected);
}

// Covers: R40, R41, B17
#[test]
fn a_decision_is_answered_with_the_address_to_go_to() {
    let server = Server::new();
    for (approved, member) in [(true, "code"), (false, "error")] {
        let (mut browser, id) = asked(&server, "&prompt=consent");
        let token = token(&mut browser, &server, &id);
        let reply = browser.send(&server, post(&id, &decision(&token, approved)));
        assert_eq!(reply.status, 200, "{reply:?}");
        let to = json(&reply)["redirect_to"].as_str().unwrap().to_owned();
        let url = url::Url::parse(&to).unwrap();
        assert_eq!(&url[..url::Position::AfterPath], "https://app.example/callback");
        let params: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert!(params.contains_key(member), "{to}");
        assert_eq!((params["state"].as_str(), params["iss"].as_str()), ("xyz", ISSUER));
        // A second click gets the same, and later on a conflict.
        let again = browser.send(&server, post(&id, &decision(&token, approved)));
        assert_eq!(json(&again)["redirect_to"], to);
        server.pass(6_000);
        let late = browser.send(&server, post(&id, &decision(&token, approved)));
        assert_eq!(refused(&late), (409, "already_decided".into()));
    }
}

// Covers: B15, R39
// Rule: UI 2, UI 3, ATTACK 2, ATTACK 3
#[test]
fn nobody_else_reads_or_decides_a_request() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    let token = token(&mut browser, &server, &id);
    let mut stranger = Browser::default();
    assert_eq!(refused(&stranger.get(&server, &path(&id))), (403, "forbidden".into()));
    // Another browser with the same session cookie, and the same browser without it.
    let mut no_nonce = browser.clone();
    no_nonce.cookies.remove(crate::http::BROWSER_COOKIE);
    assert_eq!(no_nonce.get(&server, &path(&id)).status, 403);
    assert_eq!(no_nonce.send(&server, post(&id, &decision(&token, true))).status, 403);
    let mut signed_out = browser.clone();
    signed_out.cookies.remove(crate::http::SESSION_COOKIE);
    let reply = signed_out.get(&server, &path(&id));
    assert_eq!(refused(&reply), (401, "unauthorized".into()));
    assert!(
        json(&reply)["login_url"]
            .as_str()
            .unwrap()
            .starts_with("/login?continue=%2Foauth%2Fconsent")
    );
    assert_eq!(signed_out.send(&server, post(&id, &decision(&token, true))).status, 403);
    let mut ben = browser.clone();
    ben.sign_in(&server, "/login", "ben");
    assert_eq!(ben.send(&server, post(&id, &decision(&token, true))).status, 403);
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("http://localhost:8788"),
    ] {
        let mut forged = post(&id, &decision(&token, true));
        forged.headers.remove("origin");
        forged
            .headers
            .extend(origin.map(|origin| ("origin".to_owned(), origin.to_owned())));
        assert_eq!(
            refused(&browser.send(&server, forged)),
            (403, "forbidden".into()),
            "{origin:?}"
        );
    }
    assert!(server.stores.decisions.borrow().is_empty());
}

// Covers: R40
#[test]
fn a_body_that_is_not_exactly_a_decision_decides_nothing() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    let (_, other) = asked(&server, "");
    let token = token(&mut browser, &server, &id);
    for body in [
        String::new(),
        "[]".into(),
        "{}".into(),
        "true".into(),
        value!({ "approved": true }).to_string(),
        value!({ "csrf_token": token }).to_string(),
        value!({ "approved": "true", "csrf_token": token }).to_string(),
        value!({ "approved": 1, "csrf_token": token }).to_string(),
        value!({ "approved": null, "csrf_token": token }).to_string(),
        value!({ "approved": true, "csrf_token": format!("{token}x") }).to_string(),
        value!({ "approved": true, "csrf_token": id }).to_string(),
        value!({ "approved": true, "csrf_token": token, "scopes": "read:projects" }).to_string(),
        value!({ "approved": true, "csrf_token": token, "scopes": [1] }).to_string(),
        value!({ "approved": true, "csrf_token": token, "scope": [] }).to_string(),
        value!({ "approved": true, "csrf_token": token, "user_id": "usr_ben" }).to_string(),
    ] {
        let reply = browser.send(&server, post(&id, &body));
        assert_eq!(refused(&reply), (400, "invalid_request".into()), "{body}");
    }
    assert_eq!(browser.send(&server, post(&other, &decision(&token, true))).status, 400);
    let mut form = post(&id, &decision(&token, true));
    form.headers.insert("content-type".into(), "text/plain".into());
    assert_eq!(browser.send(&server, form).status, 400);
    let large = Request {
        body: Body::TooLarge,
        ..post(&id, "")
    };
    assert_eq!(browser.send(&server, large).status, 413);
    assert!(server.stores.decisions.borrow().is_empty());
}

// Covers: R40, R37
#[test]
fn an_unreadable_or_expired_request_is_refused() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    let token = token(&mut browser, &server, &id);
    assert_eq!(
        refused(&browser.get(&server, &path("x"))),
        (400, "invalid_request".into())
    );
    server.pass(10 * 60_000);
    assert_eq!(
        refused(&browser.get(&server, &path(&id))),
        (400, "invalid_request".into())
    );
    let late = browser.send(&server, post(&id, &decision(&token, true)));
    assert_eq!(refused(&late), (400, "invalid_request".into()));
}

#[test]
fn whom_an_app_does_not_serve_is_told_so_with_the_way_back() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    {
        let mut apps = server.stores.apps.borrow_mut();
        let app = apps.get_mut("app_one").unwrap();
        (app.class, app.status) = (AppClass::Portal, AppStatus::Draft);
    }
    let reply = browser.get(&server, &path(&id));
    assert_eq!(refused(&reply), (403, "access_denied".into()));
    let to = json(&reply)["redirect_to"].as_str().unwrap().to_owned();
    assert!(
        to.starts_with("https://app.example/callback?error=access_denied"),
        "{to}"
    );
    server.stores.apps.borrow_mut().get_mut("app_one").unwrap().status = AppStatus::Suspended;
    let reply = browser.get(&server, &path(&id));
    assert_eq!(refused(&reply), (400, "invalid_request".into()));
    assert!(!reply.body.contains("redirect_to"), "nobody is sent to a suspended app");
}

#[test]
fn optional_scopes_are_chosen_by_name_and_nothing_else_is() {
    let server = Server::new();
    for scope in &mut server.stores.apps.borrow_mut().get_mut("app_one").unwrap().scopes {
        scope.is_optional = scope.scope == "read:profile";
    }
    let chosen = |scopes: Value| {
        let mut browser = Browser::default();
        browser.sign_in(&server, "/login", "alice");
        let wide =
            authorize_link("app_one", "&prompt=consent").replace("read:projects", "read:projects%20read:profile");
        let next = location(&browser.get(&server, &wide));
        let id = next.split("request_id=").nth(1).unwrap().to_owned();
        let token = token(&mut browser, &server, &id);
        let mut body = value!({ "approved": true, "csrf_token": token });
        if !scopes.is_null() {
            body["scopes"] = scopes;
        }
        let reply = browser.send(&server, post(&id, &body.to_string()));
        let to = url::Url::parse(json(&reply)["redirect_to"].as_str().unwrap()).unwrap();
        let code = to
            .query_pairs()
            .find(|(name, _)| name == "code")
            .unwrap()
            .1
            .into_owned();
        let hash = crate::crypto::hash(&code);
        server.stores.copies.borrow()[&hash].scopes.to_string()
    };
    assert_eq!(chosen(Value::Null), "read:profile read:projects");
    assert_eq!(chosen(value!([])), "read:projects");
    assert_eq!(chosen(value!(["read:profile"])), "read:profile read:projects");
    assert_eq!(chosen(value!(["write:projects", "admin"])), "read:projects");
}

#[test]
fn when_storage_fails_the_same_attempt_can_be_made_again() {
    let server = Server::new();
    let (mut browser, id) = asked(&server, "");
    server.stores.plan(&[Fault::Before("consents")]);
    let down = browser.get(&server, &path(&id));
    assert_eq!((down.status, down.header_value("Retry-After")), (503, Some("1")));
    let token = token(&mut browser, &server, &id);
    server
        .stores
        .plan(&[Fault::After("consents"), Fault::After("consents")]);
    let down = browser.send(&server, post(&id, &decision(&token, true)));
    assert_eq!((down.status, down.header_value("Retry-After")), (503, Some("1")));
    server.pass(20_000);
    let token = json(&down)["csrf_token"].as_str().unwrap().to_owned();
    let reply = browser.send(&server, post(&id, &decision(&token, true)));
    assert!(json(&reply)["redirect_to"].as_str().unwrap().contains("code=lkc_"));
    assert_eq!(server.stores.copies.borrow().len(), 1);
}
