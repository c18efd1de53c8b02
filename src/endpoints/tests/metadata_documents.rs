//! Clients whose id is the address of a document: what is asked for, what is kept, and what a stranger gets.

use std::rc::Rc;

use serde_json::{Value, json as value};

use super::*;
use crate::oauth::client::{App, SubjectType};

const ID: &str = "https://agent.dev/client.json";
const CALLBACK: &str = "http://127.0.0.1/callback";

/// A server on the public internet with one API, of which third-party apps may have two scopes by default.
fn server() -> Server {
    let mut server = Server::new();
    server.config.issuer = crate::config::Issuer::parse("https://auth.acme.dev").unwrap();
    server.stores.database.run(
        "INSERT INTO apis (id, resource, name, created_at) VALUES ('api_mcp', 'https://mcp.acme.dev', 'MCP', 1);
         INSERT INTO scopes (name, api_id, title, description, sensitive) VALUES
           ('read', 'api_mcp', 'Read', 'Read', 0), ('write', 'api_mcp', 'Write', 'Write', 1),
           ('delete', 'api_mcp', 'Delete', 'Delete', 0);
         INSERT INTO client_grants (client_id, api_id, subject_type, access, scopes) VALUES
           ('*', 'api_mcp', 'user', 'chosen', '[\"read\", \"write\"]');",
    );
    publish(&server, &document());
    server
}

fn document() -> Value {
    value!({ "client_id": ID, "client_name": "Agent", "redirect_uris": [CALLBACK] })
}

fn publish(server: &Server, document: &Value) {
    answer(server, 200, &document.to_string());
}

fn answer(server: &Server, status: u16, body: &str) {
    server
        .stores
        .web
        .borrow_mut()
        .insert(ID.into(), (status, body.to_owned()));
}

fn authorize(server: &Server, client_id: &str, more: &[(&str, &str)]) -> Reply {
    let mut params = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1:4711/callback"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
    ];
    params.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    params.extend(more);
    server.send(&get_request(&crate::http::with_params("/oauth/authorize", &params)))
}

fn body(reply: &Reply) -> &str {
    &reply.body
}

/// Whether the request went on to where people sign in.
fn goes_on(reply: &Reply) -> bool {
    reply.status == 303 && location(reply).starts_with("/login?")
}

fn asked(server: &Server) -> usize {
    server.stores.asked.take().len()
}

fn app(server: &Server) -> Rc<App> {
    let app = pollster::block_on(crate::store::Apps::app(&server.stores, ID));
    app.unwrap().unwrap()
}

fn count(server: &Server, table: &str) -> Value {
    server.stores.database.column(&format!("SELECT count(*) FROM {table}"))[0].clone()
}

// Covers: R63
// Rule: CIMD 2, CIMD 4
#[test]
fn an_agent_that_nobody_registered_gets_to_where_people_sign_in_and_no_further_than_by_default() {
    let server = server();
    assert!(goes_on(&authorize(&server, ID, &[])));
    let app = app(&server);
    assert_eq!((app.name.as_str(), app.developer.name.as_str()), ("Agent", "agent.dev"));
    assert!(!app.is_confidential());
    // What the default permissions let it have: asked for by nobody, without what is sensitive; and nothing for itself.
    let have = |subject| app.available_scopes(subject).all().to_string();
    assert_eq!(
        (have(SubjectType::User), have(SubjectType::Client)),
        ("read write".into(), String::new())
    );
    assert_eq!(app.default_scopes(SubjectType::User).to_string(), "read");
    assert_eq!(
        server.stores.database.column("SELECT event FROM audit"),
        ["app.document_accepted"]
    );
    // Another redirect URI is none of the document's, whatever the port.
    for other in [
        "http://127.0.0.1/other",
        "http://localhost/callback",
        "https://agent.dev/callback",
    ] {
        let reply = authorize(&server, ID, &[("redirect_uri", other)]);
        assert_eq!(reply.status, 400, "{other}");
    }
    let too_much = authorize(&server, ID, &[("scope", "read delete")]);
    assert!(
        location(&too_much).contains("error=invalid_scope"),
        "{}",
        location(&too_much)
    );
}

// Rule: CIMD 6
#[test]
fn a_document_is_asked_for_once_while_it_is_fresh_and_again_after_that() {
    let server = server();
    for _ in 0..3 {
        assert!(goes_on(&authorize(&server, ID, &[])));
    }
    assert_eq!(asked(&server), 1);
    server.trips();
    assert!(goes_on(&authorize(&server, ID, &[])));
    assert_eq!(server.trips(), ["consents"]);
    server.pass(3_601_000);
    let mut renamed = document();
    renamed["client_name"] = value!("Agent Smith");
    publish(&server, &renamed);
    assert!(goes_on(&authorize(&server, ID, &[])));
    assert_eq!((asked(&server), app(&server).name.as_str()), (1, "Agent Smith"));
    let events = server.stores.database.column("SELECT event FROM audit ORDER BY seq");
    assert_eq!(events, ["app.document_accepted", "app.document_changed"]);
    // The same again changes nothing, and is no event.
    server.pass(3_601_000);
    assert!(goes_on(&authorize(&server, ID, &[])));
    assert_eq!((count(&server, "audit"), asked(&server)), (value!(2), 1));
}

// Rule: CIMD 5, CIMD 11
#[test]
fn the_last_good_copy_serves_for_a_day_while_the_document_cannot_be_had_and_never_once_it_is_gone() {
    let server = server();
    assert!(goes_on(&authorize(&server, ID, &[])));
    for status in [403, 429, 500, 503] {
        server.pass(3_601_000);
        answer(&server, status, "");
        assert!(goes_on(&authorize(&server, ID, &[])), "{status}");
        asked(&server);
        // Not asked again and again meanwhile.
        assert!(goes_on(&authorize(&server, ID, &[])));
        assert_eq!(asked(&server), 0);
    }
    server.stores.web.borrow_mut().clear();
    server.pass(20 * 3_600_000);
    let late = authorize(&server, ID, &[]);
    assert_eq!(late.status, 400);
    assert!(body(&late).contains("the document does not answer"), "{}", body(&late));
    publish(&server, &document());
    assert!(goes_on(&authorize(&server, ID, &[])));
    server.pass(3_601_000);
    for (status, text) in [
        (404, ""),
        (410, ""),
        (302, ""),
        (200, "[]"),
        (200, r#"{"client_id":"https://agent.dev/other"}"#),
    ] {
        answer(&server, status, text);
        assert_eq!(authorize(&server, ID, &[]).status, 400, "{status} {text}");
    }
    publish(&server, &document());
    assert!(goes_on(&authorize(&server, ID, &[])));
}

// Rule: CIMD 1, CIMD 3, CIMD 6, CIMD 7
#[test]
fn what_must_not_be_asked_is_not_and_what_is_refused_is_not_kept() {
    let server = server();
    for hostile in [
        "http://agent.dev/client.json",
        "https://agent.dev",
        "https://agent.dev/a/../client.json",
        "https://user@agent.dev/client.json",
        "https://agent.dev/client.json#x",
        "https://127.0.0.1/client.json",
        "https://2130706433/client.json",
        "https://0177.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://[::ffff:10.0.0.1]/client.json",
        "https://169.254.169.254/client.json",
        "https://localhost/client.json",
        "https://db.internal/client.json",
        "https://auth.acme.dev/client.json",
    ] {
        let reply = authorize(&server, hostile, &[]);
        assert_eq!(reply.status, 400, "{hostile}");
        assert!(
            body(&reply).contains("a client_id that is an address must"),
            "{hostile}: {}",
            body(&reply)
        );
    }
    assert_eq!((asked(&server), server.trips().len()), (0, 14));
    for (name, bad) in [
        ("client_id", value!("https://agent.dev/other.json")),
        ("client_secret", value!("x")),
        ("token_endpoint_auth_method", value!("client_secret_basic")),
        ("jwks", value!({ "keys": [{ "kty": "EC", "d": "x" }] })),
        ("jwks_uri", value!("https://10.0.0.1/keys")),
        ("logo_uri", value!("https://[fd00::1]/logo")),
        ("redirect_uris", value!(["javascript:alert(1)"])),
        ("padding", value!("a".repeat(6000))),
    ] {
        let mut document = document();
        document[name] = bad;
        publish(&server, &document);
        let reply = authorize(&server, ID, &[]);
        assert_eq!(reply.status, 400, "{name}");
        assert!(body(&reply).contains("the document"), "{name}: {}", body(&reply));
    }
    assert_eq!(asked(&server), 8);
    assert_eq!(
        (count(&server, "metadata_documents"), count(&server, "audit")),
        (value!(0), value!(0))
    );
    assert_eq!(count(&server, "apps WHERE class = 'metadata_document'"), value!(0));
}

#[test]
fn switched_off_it_asks_nothing_and_says_so_in_the_metadata() {
    let mut server = server();
    let metadata = |server: &Server| {
        let reply = server.send(&get_request("/.well-known/oauth-authorization-server"));
        let metadata: Value = serde_json::from_str(body(&reply)).unwrap();
        metadata["client_id_metadata_document_supported"].clone()
    };
    assert_eq!(metadata(&server), true);
    server.config.metadata_documents = false;
    assert_eq!(metadata(&server), false);
    assert_eq!(authorize(&server, ID, &[]).status, 400);
    assert_eq!(asked(&server), 0);
}

#[test]
fn one_address_makes_this_server_ask_so_often_and_no_more() {
    let mut server = server();
    server.config.rate_limits = true;
    server.stores.limits.borrow_mut().insert(crate::store::Limit::SignIn, 2);
    server.stores.web.borrow_mut().clear();
    for _ in 0..5 {
        assert_eq!(authorize(&server, ID, &[]).status, 400);
    }
    assert_eq!(asked(&server), 2);
}

#[test]
fn storage_that_fails_keeps_nothing_half_written() {
    let server = server();
    server.stores.plan(&[crate::store::memory::Fault::Before("database")]);
    let reply = authorize(&server, ID, &[]);
    assert_eq!(reply.status, 503);
    assert_eq!(count(&server, "metadata_documents"), value!(0));
    assert!(goes_on(&authorize(&server, ID, &[])));
}

// Rule: CIMD 10
#[test]
fn after_a_review_a_document_takes_away_and_adds_nothing() {
    let server = server();
    let mut two = document();
    two["redirect_uris"] = value!([CALLBACK, "https://agent.dev/callback"]);
    two["scope"] = value!("read unknown");
    publish(&server, &two);
    assert!(goes_on(&authorize(&server, ID, &[])));
    server
        .stores
        .database
        .run("UPDATE apps SET status = 'approved' WHERE class = 'metadata_document'");
    server.pass(3_601_000);
    let mut changed = document();
    changed["client_name"] = value!("Your Bank");
    changed["scope"] = value!("read write");
    changed["redirect_uris"] = value!([CALLBACK, "https://evil.dev/callback"]);
    publish(&server, &changed);
    assert!(goes_on(&authorize(&server, ID, &[])));
    let app = app(&server);
    assert_eq!(app.name, "Agent");
    let uris: Vec<&str> = app.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    assert_eq!(uris, [CALLBACK]);
    assert_eq!(app.available_scopes(SubjectType::User).all().to_string(), "read");
    // Who asked for nothing in particular had nothing in particular reviewed.
    server.stores.database.run("DELETE FROM app_scopes");
    assert!(self::app(&server).available_scopes(SubjectType::User).all().is_empty());
}

#[test]
fn an_app_that_was_deleted_or_suspended_stays_so_whatever_its_document_says() {
    let server = server();
    assert!(goes_on(&authorize(&server, ID, &[])));
    server
        .stores
        .database
        .run("UPDATE apps SET status = 'suspended' WHERE class = 'metadata_document'");
    server.pass(3_601_000);
    assert_eq!(authorize(&server, ID, &[]).status, 400);
    server
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 1 WHERE class = 'metadata_document'");
    assert_eq!(authorize(&server, ID, &[]).status, 400);
    let deleted = server
        .stores
        .database
        .column("SELECT deleted_at FROM apps WHERE class = 'metadata_document'");
    assert_eq!(deleted, [value!(1)]);
}

#[test]
fn who_nobody_connects_is_forgotten_and_who_has_users_is_not() {
    let server = server();
    assert!(goes_on(&authorize(&server, ID, &[])));
    let maintain = |server: &Server| {
        let log = Log::new(&server.random);
        pollster::block_on(maintenance::maintain(&server.context(&log))).unwrap();
    };
    server.pass(29 * 24 * 3_600_000);
    maintain(&server);
    assert_eq!(count(&server, "metadata_documents"), value!(1));
    server.pass(2 * 24 * 3_600_000);
    server.stores.database.run(&format!(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, unused_since)
         VALUES ('app_used', 'dev_unclaimed', 'Used', '', 'spa', 'registered', 'draft', 1, 1);
         INSERT INTO users (id, username, name, created_at) VALUES ('usr_x', 'x', 'X', 1);
         INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
         VALUES ('cns_x', 'usr_x', 'app_used', 1, 'active', {});",
        server.now.get().0
    ));
    maintain(&server);
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT client_id FROM apps WHERE developer_id = 'dev_unclaimed'"),
        ["app_used"]
    );
    assert_eq!(
        (
            count(&server, "metadata_documents"),
            count(&server, "app_redirect_uris")
        ),
        (value!(0), value!(0))
    );
    // Whoever comes back is as welcome as before.
    assert!(goes_on(&authorize(&server, ID, &[])));
}

// Rule: CIMD 3
#[test]
fn an_app_with_a_key_in_its_document_proves_itself_with_it_when_it_pushes_a_request() {
    use crate::crypto::ec_key::EcPrivateKey;
    use crate::oauth::jwk::testing::jwk;
    use crate::oauth::jws::testing::sign;
    let server = server();
    let key = |seed| EcPrivateKey::generate(&Seeded::new(seed));
    let mut with_key = document();
    with_key["token_endpoint_auth_method"] = value!("private_key_jwt");
    with_key["jwks"] = value!({ "keys": [jwk(&key(1))] });
    with_key["redirect_uris"] = value!(["https://agent.dev/callback"]);
    publish(&server, &with_key);
    let push = |seed: u32, jti: &str| {
        let now = server.now.get().as_seconds();
        let claims =
            value!({ "iss": ID, "sub": ID, "aud": "https://auth.acme.dev", "iat": now, "exp": now + 60, "jti": jti });
        let assertion = sign(&value!({ "alg": "ES256" }), &claims, &key(seed));
        let params = [
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
            ("response_type", "code"),
            ("redirect_uri", "https://agent.dev/callback"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let form = crate::http::with_params("", &params);
        server.post("/oauth/par", form.trim_start_matches('?'))
    };
    let reply = push(1, "a");
    assert_eq!(reply.status, 201, "{}", body(&reply));
    assert_eq!(push(2, "b").status, 401);
    assert_eq!(
        server
            .post("/oauth/par", &format!("client_id={ID}&response_type=code"))
            .status,
        401
    );
}

#[test]
fn what_was_decided_about_an_app_that_nobody_uses_is_not_forgotten_and_keeps_nothing_else_from_it() {
    let server = server();
    assert!(goes_on(&authorize(&server, ID, &[])));
    let like = |id: &str| {
        format!(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, unused_since)
             VALUES ('{id}', 'dev_unclaimed', 'X', '', 'spa', 'registered', 'draft', 1, 1);"
        )
    };
    let all = ["suspended", "deleted", "taken_up", "spoken_of", "unused"]
        .map(like)
        .concat();
    server.stores.database.run(&format!(
        "{all} UPDATE apps SET status = 'suspended' WHERE client_id = 'suspended';
         UPDATE apps SET deleted_at = 2 WHERE client_id = 'deleted';
         INSERT INTO submissions (id, client_id, number, status, content, developer_name, testing, submitted_by, submitted_at)
         VALUES ('sub_x', 'taken_up', 1, 'rejected', '{{}}', '', '', 'usr_x', 2);
         INSERT INTO review_comments (id, client_id, author_id, author_role, body, created_at)
         VALUES ('cmt_x', 'spoken_of', 'usr_x', 'reviewer', 'Who is this?', 2);
         UPDATE apps SET status = 'suspended' WHERE class = 'metadata_document';"
    ));
    server.pass(31 * 24 * 3_600_000);
    let log = Log::new(&server.random);
    pollster::block_on(maintenance::maintain(&server.context(&log))).unwrap();
    let left = server
        .stores
        .database
        .column("SELECT client_id FROM apps WHERE developer_id = 'dev_unclaimed' ORDER BY client_id");
    assert_eq!(left, ["deleted", ID, "spoken_of", "suspended", "taken_up"]);
    assert_eq!(authorize(&server, ID, &[]).status, 400);
}
