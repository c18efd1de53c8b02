//! Connections.

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::jwk::testing::jwk;

const CONNECTIONS: &str = "/api/admin/connections";

fn oidc() -> Value {
    json!({
        "kind": "oidc", "name": "Acme", "issuer": "https://id.example", "client_id": "latchkey",
        "client_secret_name": "CONNECTION_ACME", "domain_level": true
    })
}

fn keys() -> Value {
    let key = EcPrivateKey::generate(&Seeded::new(7));
    json!({ "keys": [jwk(&key)] })
}

fn hand_off() -> Value {
    json!({
        "kind": "hand_off", "name": "Own", "issuer": "https://www.example", "login_url": "https://www.example/login",
        "jwks": keys(), "subject_is_user_id": true
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn make(server: &Server, ada: &mut Browser, body: &Value) -> String {
    let made = ok(&ada.send(server, call("POST", CONNECTIONS, body)), 201);
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn connections_of_both_kinds_are_made_changed_and_deleted() {
    let (server, mut ada) = console();
    let ids = [oidc(), hand_off()].map(|body| make(&server, &mut ada, &body));
    let listed = ok(&ada.get(&server, CONNECTIONS), 200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let path = format!("{CONNECTIONS}/{}", ids[0]);
    let changed = ok(
        &ada.send(
            &server,
            call("PATCH", &path, &json!({ "name": "Acme account", "position": 4 })),
        ),
        200,
    );
    assert_eq!(
        (&changed["name"], &changed["domain_level"], &changed["for_developers"]),
        (&json!("Acme account"), &json!(true), &json!(true))
    );
    assert_eq!(ok(&ada.get(&server, &path), 200), changed);
    let jwks = ok(&ada.get(&server, &format!("{CONNECTIONS}/{}", ids[1])), 200)["jwks"].clone();
    assert_eq!(jwks, keys());
    ok(&ada.send(&server, call("DELETE", &path, &Value::Null)), 204);
    assert_eq!(ada.get(&server, &path).status, 404);
}

#[test]
fn what_cannot_work_is_refused_field_by_field() {
    let (server, mut ada) = console();
    let long = "x".repeat(61);
    for (body, field) in [
        (with(oidc(), "kind", json!("saml")), "kind"),
        (with(oidc(), "name", json!("")), "name"),
        (with(oidc(), "name", json!(long)), "name"),
        (with(oidc(), "issuer", json!("http://id.example")), "issuer"),
        (with(oidc(), "issuer", json!("id.example")), "issuer"),
        (with(oidc(), "issuer", json!("https://id.example#x")), "issuer"),
        (with(oidc(), "client_id", Value::Null), "client_id"),
        (
            with(oidc(), "client_secret_name", json!("LATCHKEY_SECRET")),
            "client_secret_name",
        ),
        (
            with(oidc(), "client_secret_name", json!("CONNECTION_")),
            "client_secret_name",
        ),
        (
            with(oidc(), "client_secret_name", json!("CONNECTION_x y")),
            "client_secret_name",
        ),
        (with(oidc(), "client_secret_name", Value::Null), "client_secret_name"),
        (
            with(oidc(), "client_authentication", json!("private_key_jwt")),
            "client_authentication",
        ),
        (with(oidc(), "scopes", json!("profile")), "scopes"),
        (with(oidc(), "login_url", json!("https://x.example")), "login_url"),
        (with(oidc(), "jwks", keys()), "jwks"),
        (with(oidc(), "id", json!("con_mine")), "id"),
        (with(hand_off(), "login_url", json!("javascript:alert(1)")), "login_url"),
        (
            with(hand_off(), "login_url", json!("http://www.example/login")),
            "login_url",
        ),
        (with(hand_off(), "jwks", json!({ "keys": [] })), "jwks"),
        (with(hand_off(), "jwks", json!("keys")), "jwks"),
        (
            with(hand_off(), "jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
            "jwks",
        ),
        (with(hand_off(), "jwks", Value::Null), "jwks"),
        (with(hand_off(), "client_id", json!("x")), "client_id"),
        (with(hand_off(), "status", json!("paused")), "status"),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("POST", CONNECTIONS, &body)));
        assert!(
            status == 400 && fields.iter().any(|error| error.starts_with(field)),
            "{field} {body}: {fields:?}"
        );
    }
    assert_eq!(count(&server, "connections"), 0);
}

// Rule: UI 10
#[test]
fn an_issuer_is_shared_by_connections_that_prove_the_same_and_by_no_others() {
    let (server, mut ada) = console();
    let first = make(&server, &mut ada, &oidc());
    for body in [
        with(oidc(), "domain_level", json!(false)),
        with(hand_off(), "issuer", json!("https://id.example")),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("POST", CONNECTIONS, &body)));
        assert!(
            status == 400 && fields[0].starts_with("issuer is that of another connection"),
            "{fields:?}"
        );
    }
    make(&server, &mut ada, &oidc());
    let refused = ada.send(
        &server,
        call(
            "PATCH",
            &format!("{CONNECTIONS}/{first}"),
            &json!({ "domain_level": false }),
        ),
    );
    assert_eq!(problem(&refused).0, 400);
    make(&server, &mut ada, &hand_off());
    let (_, _, fields) = problem(&ada.send(
        &server,
        call(
            "POST",
            CONNECTIONS,
            &with(hand_off(), "issuer", json!("https://two.example")),
        ),
    ));
    assert_eq!(
        fields,
        ["subject_is_user_id is true of another connection: one alone may name users"]
    );
}

#[test]
fn what_people_were_told_apart_by_does_not_change_under_them() {
    let (server, mut ada) = console();
    let (used, other) = (make(&server, &mut ada, &hand_off()), make(&server, &mut ada, &oidc()));
    server.stores.database.run(&format!(
        "INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at)
         VALUES ('https://www.example', 'dave', 'usr_dave', '{used}', 1)"
    ));
    let path = format!("{CONNECTIONS}/{used}");
    for change in [
        json!({ "issuer": "https://other.example" }),
        json!({ "subject_is_user_id": false }),
        json!({ "kind": "oidc" }),
    ] {
        assert_eq!(
            problem(&ada.send(&server, call("PATCH", &path, &change))).0,
            400,
            "{change}"
        );
    }
    ok(
        &ada.send(&server, call("PATCH", &path, &json!({ "name": "Our account" }))),
        200,
    );
    assert_eq!(
        problem(&ada.send(&server, call("DELETE", &path, &Value::Null))).1,
        "conflict"
    );
    ok(
        &ada.send(&server, call("PATCH", &path, &json!({ "status": "disabled" }))),
        200,
    );
    // Then the other is the last.
    let last = format!("{CONNECTIONS}/{other}");
    assert_eq!(
        problem(&ada.send(&server, call("PATCH", &last, &json!({ "status": "disabled" })))).1,
        "conflict"
    );
    assert_eq!(
        problem(&ada.send(&server, call("DELETE", &last, &Value::Null))).1,
        "conflict"
    );
}

#[test]
fn disabling_a_connection_ends_the_sessions_of_those_who_came_by_it() {
    let (server, mut ada) = console();
    let (used, _) = (make(&server, &mut ada, &oidc()), make(&server, &mut ada, &oidc()));
    server.stores.database.run(&format!(
        "INSERT INTO sessions (token_hash, user_id, connection_id, auth_time, created_at, expires_at)
         VALUES ('h', 'usr_dave', '{used}', 1, 1, 9)"
    ));
    ok(
        &ada.send(
            &server,
            call(
                "PATCH",
                &format!("{CONNECTIONS}/{used}"),
                &json!({ "status": "disabled" }),
            ),
        ),
        200,
    );
    assert_eq!(count(&server, "sessions"), 0);
}

#[test]
fn a_check_says_what_is_wrong_with_a_provider() {
    let (mut server, mut ada) = console();
    let id = make(&server, &mut ada, &with(oidc(), "client_authentication", json!("none")));
    let discovery = "https://id.example/.well-known/openid-configuration";
    let metadata = |issuer: &str| {
        json!({
            "issuer": issuer, "authorization_endpoint": "https://id.example/auth", "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/jwks"
        })
    };
    let mut check = |server: &Server| {
        let reply = ada.send(server, call("POST", &format!("{CONNECTIONS}/{id}/check"), &Value::Null));
        let body = ok(&reply, 200);
        (
            body["works"].as_bool().unwrap(),
            body["message"].as_str().unwrap().to_owned(),
        )
    };
    let answer = |server: &mut Server, address: &str, status: u16, body: &Value| {
        server
            .stores
            .web
            .borrow_mut()
            .insert(address.into(), (status, body.to_string()));
    };
    let (works, message) = check(&server);
    assert!(!works && message.contains("does not answer"), "{message}");
    answer(&mut server, discovery, 404, &json!({}));
    assert!(check(&server).1.contains("status 404"));
    answer(&mut server, discovery, 200, &metadata("https://id.example/"));
    assert!(check(&server).1.contains("name another issuer"));
    answer(&mut server, discovery, 200, &metadata("https://id.example"));
    assert!(check(&server).1.contains("https://id.example/jwks does not answer"));
    answer(&mut server, "https://id.example/jwks", 200, &json!({ "keys": [] }));
    assert!(check(&server).1.contains("holds no key"));
    answer(&mut server, "https://id.example/jwks", 200, &keys());
    let (works, message) = check(&server);
    assert!(works && message.contains("https://id.example/auth"), "{message}");
}

#[test]
fn a_check_misses_the_secret_before_it_asks_anybody() {
    let (server, mut ada) = console();
    let id = make(&server, &mut ada, &oidc());
    let page = send_form(&server, &mut ada, &format!("/admin/policy/connections/{id}/check"), "");
    assert!(
        page.status == 200 && page.body.contains("The Worker secret CONNECTION_ACME is not set"),
        "{page:?}"
    );
    assert!(server.stores.asked.borrow().is_empty());
}

#[test]
fn the_forms_make_and_change_both_kinds() {
    let (server, mut ada) = console();
    let jwks: String = url::form_urlencoded::byte_serialize(keys().to_string().as_bytes()).collect();
    let fields = format!(
        "kind=hand_off&name=Own&issuer=https%3A%2F%2Fwww.example&login_url=https%3A%2F%2Fwww.example%2Flogin&jwks={jwks}&position=0"
    );
    let bad = send_form(
        &server,
        &mut ada,
        "/admin/policy/connections",
        &fields.replace("https", "http"),
    );
    assert!(
        bad.status == 400 && bad.body.contains("login_url-error") && bad.body.contains("name=\"jwks\""),
        "{bad:?}"
    );
    let made = location(&send_form(&server, &mut ada, "/admin/policy/connections", &fields));
    let fields = fields.replace("kind=hand_off&", "version=1&status=active&domain_level=true&");
    assert_eq!(location(&send_form(&server, &mut ada, &made, &fields)), made);
    let id = made.rsplit('/').next().unwrap();
    let connection = ok(&ada.get(&server, &format!("{CONNECTIONS}/{id}")), 200);
    assert_eq!(
        (&connection["domain_level"], &connection["for_developers"]),
        (&json!(true), &json!(false))
    );
}
