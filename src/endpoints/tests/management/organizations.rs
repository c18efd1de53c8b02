//! Organizations: who sets them up, who decides about apps, and what ends when they change their mind.

use serde_json::json;

use super::*;
use crate::endpoints::tests::cross_app_access::{
    IDP, KEYS, assert_with, assertion, publish, refused, send, subject, tokens,
};
use crate::ledger::EndedBy;
use crate::store::memory::Fault;

const ALL: &str = "/api/admin/organizations";

/// [`portal`] with the app `app_two`, and with an organization that ada made: carol administers it, it trusts [`IDP`] and
/// allows the app to read projects.
fn enterprise() -> (Server, String) {
    let mut server = portal();
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
           VALUES ('app_two', 'dev_north', 'Project Lens', '', 'web', 'portal', 'approved', 1)",
    );
    let credential = crate::store::ApiCredential {
        secret_hash: crate::crypto::hash("lka_one"),
        resource: "https://api.example".into(),
    };
    server.stores.credentials.insert("apc_one".into(), credential);
    publish(&server, "a", 31);
    let mut ada = signed_in(&server, "ada");
    let made = ok(&ada.send(&server, call("POST", ALL, &json!({ "name": "Acme" }))), 201);
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    let administrator = json!({ "role": "administrator" });
    ok(
        &ada.send(
            &server,
            call("PUT", &format!("{path}/members/usr_carol"), &administrator),
        ),
        200,
    );
    let issuer = json!({ "issuer": IDP, "jwks_uri": KEYS, "unknown_people": "join" });
    ok(
        &ada.send(&server, call("POST", &format!("{path}/issuers"), &issuer)),
        201,
    );
    let mut carol = signed_in(&server, "carol");
    ok(&carol.send(&server, allow(&path, &["read:projects"])), 200);
    (server, path)
}

fn allow(path: &str, scopes: &[&str]) -> Request {
    let decision = json!({ "decision": "allowed", "scopes": scopes });
    call("PUT", &format!("{path}/apps/app_two"), &decision)
}

fn block(path: &str) -> Request {
    call(
        "PUT",
        &format!("{path}/apps/app_two"),
        &json!({ "decision": "blocked" }),
    )
}

#[track_caller]
fn ok(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    match reply.body.is_empty() {
        true => Value::Null,
        false => json(reply),
    }
}

fn issuer_path(server: &Server, path: &str) -> String {
    let ids = server.stores.database.column("SELECT id FROM trusted_issuers");
    format!("{path}/issuers/{}", ids[0].as_str().unwrap())
}

fn states(server: &Server) -> Vec<Value> {
    server
        .stores
        .database
        .column("SELECT status FROM consents ORDER BY created_at, rowid")
}

// Covers: R62, R63
#[test]
fn an_administrator_allows_an_app_people_get_tokens_and_blocking_it_kills_them() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let first = tokens(&server, &assertion(&server));
    assert_eq!(first["scope"], "read:projects");
    assert!(subject(&server, &first).is_some());
    let blocked = ok(&carol.send(&server, block(&path)), 200);
    assert_eq!(
        (&blocked["decision"], &blocked["scopes"]),
        (&json!("blocked"), &json!([]))
    );
    assert_eq!(subject(&server, &first), None);
    assert_eq!(states(&server), ["revoked"]);
    let ledgers = server.stores.ledgers.borrow();
    let ends: Vec<_> = ledgers
        .values()
        .flat_map(|rows| &rows.events)
        .map(|event| event.ended_by)
        .collect();
    assert_eq!(ends, [Some(EndedBy::Organization)]);
    drop(ledgers);
    refused(
        &send(&server, &assertion(&server)),
        "invalid_grant",
        "does not allow this client",
    );
    // Allowing it again revives nothing.
    ok(&carol.send(&server, allow(&path, &["read:projects"])), 200);
    let second = tokens(&server, &assertion(&server));
    assert_eq!(subject(&server, &first), None);
    assert!(subject(&server, &second).is_some());
    let events = "SELECT event || ' ' || actor_id FROM audit WHERE event LIKE 'organization.%' ORDER BY seq";
    assert_eq!(
        server.stores.database.column(events),
        [
            "organization.created usr_ada",
            "organization.member_set usr_ada",
            "organization.issuer_trusted usr_ada",
            "organization.app_allowed usr_carol",
            "organization.member_joined app_two",
            "organization.app_blocked usr_carol",
            "organization.app_allowed usr_carol",
        ]
    );
}

#[test]
fn allowing_less_ends_what_an_app_has_and_allowing_more_does_not() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let wide = |claims: &mut Value| claims["scope"] = json!("read:projects read:profile");
    let first = tokens(&server, &assert_with(&server, wide));
    ok(
        &carol.send(&server, allow(&path, &["read:projects", "read:profile"])),
        200,
    );
    assert!(subject(&server, &first).is_some());
    let second = tokens(&server, &assert_with(&server, wide));
    assert_eq!(second["scope"], "read:profile read:projects");
    ok(&carol.send(&server, allow(&path, &["read:profile"])), 200);
    assert_eq!((subject(&server, &first), subject(&server, &second)), (None, None));
    assert_eq!(tokens(&server, &assert_with(&server, wide))["scope"], "read:profile");
}

#[test]
fn whatever_takes_away_what_a_consent_stands_on_kills_its_tokens_at_once() {
    for what in ["organization", "issuer", "member", "link"] {
        let (server, path) = enterprise();
        let mut ada = signed_in(&server, "ada");
        let tokens = tokens(&server, &assertion(&server));
        let user = subject(&server, &tokens).unwrap();
        let issuer = issuer_path(&server, &path);
        let (request, status) = match what {
            "organization" => (call("PATCH", &path, &json!({ "status": "suspended" })), 200),
            "issuer" => (call("PATCH", &issuer, &json!({ "status": "disabled" })), 200),
            "member" => (call("DELETE", &format!("{path}/members/{user}"), &Value::Null), 204),
            _ => (call("DELETE", &format!("{issuer}/people/jane"), &Value::Null), 204),
        };
        ok(&ada.send(&server, request), status);
        assert_eq!(subject(&server, &tokens), None, "{what}");
        assert_eq!(states(&server), ["revoked"], "{what}");
    }
}

#[test]
fn a_users_own_consent_for_the_same_app_is_another_and_stays() {
    let (server, path) = enterprise();
    tokens(&server, &assertion(&server));
    server.stores.database.run(
        "INSERT INTO consents (id, user_id, client_id, shard, status, created_at) SELECT 'cns_own', user_id, client_id, 1, 'active', 1
         FROM consents",
    );
    let mut carol = signed_in(&server, "carol");
    ok(&carol.send(&server, block(&path)), 200);
    let own = server
        .stores
        .database
        .column("SELECT status FROM consents WHERE id = 'cns_own'");
    assert_eq!(own, ["active"]);
}

#[test]
fn a_ledger_that_is_out_of_reach_leaves_the_rest_to_be_finished() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let tokens = tokens(&server, &assertion(&server));
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    ok(&carol.send(&server, block(&path)), 202);
    assert_eq!(states(&server), ["revoking"]);
    ok(&carol.send(&server, block(&path)), 200);
    assert_eq!(subject(&server, &tokens), None);
    assert_eq!(states(&server), ["revoked"]);
}

#[test]
fn an_organizations_administrator_decides_about_apps_and_about_nothing_else() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let read = ok(&carol.get(&server, &path), 200);
    assert_eq!(
        (&read["issuers"][0]["issuer"], &read["apps"][0]["client_id"]),
        (&json!(IDP), &json!("app_two"))
    );
    assert_eq!(carol.get(&server, &format!("{path}/members")).status, 200);
    let issuer = issuer_path(&server, &path);
    for (method, target, body) in [
        ("GET", ALL.to_owned(), Value::Null),
        ("POST", ALL.to_owned(), json!({ "name": "Mine" })),
        ("PATCH", path.clone(), json!({ "name": "Mine" })),
        ("PUT", format!("{path}/members/usr_dave"), json!({ "role": "member" })),
        ("DELETE", format!("{path}/members/usr_carol"), Value::Null),
        (
            "POST",
            format!("{path}/issuers"),
            json!({ "issuer": "https://evil.example" }),
        ),
        (
            "PATCH",
            issuer.clone(),
            json!({ "jwks_uri": "https://evil.example/jwks" }),
        ),
        (
            "POST",
            format!("{issuer}/people"),
            json!({ "subject": "me", "user_id": "usr_alice" }),
        ),
        ("DELETE", format!("{issuer}/people/jane"), Value::Null),
    ] {
        let reply = carol.send(&server, call(method, &target, &body));
        assert_eq!(reply.status, 403, "{method} {target}: {reply:?}");
    }
}

#[test]
fn to_others_an_organization_does_not_exist() {
    let (server, path) = enterprise();
    let mut ada = signed_in(&server, "ada");
    let other = ok(&ada.send(&server, call("POST", ALL, &json!({ "name": "Other" }))), 201);
    let other = format!("{ALL}/{}", other["id"].as_str().unwrap());
    ok(
        &ada.send(
            &server,
            call("PUT", &format!("{path}/members/usr_dave"), &json!({ "role": "member" })),
        ),
        200,
    );
    // A stranger, a mere member, and the administrator of another one.
    for (username, path) in [("alice", &path), ("dave", &path), ("carol", &other)] {
        let mut browser = signed_in(&server, username);
        assert_eq!(browser.get(&server, path).status, 404, "{username}");
        assert_eq!(browser.send(&server, block(path)).status, 404, "{username}");
        assert_eq!(
            browser.get(&server, &path.replace("/api", "")).status,
            404,
            "{username}"
        );
    }
    // Nor do those of a suspended one decide anything, or whoever is dismissed.
    let mut carol = signed_in(&server, "carol");
    ok(
        &ada.send(&server, call("PATCH", &path, &json!({ "status": "suspended" }))),
        200,
    );
    assert_eq!(carol.send(&server, allow(&path, &["read:projects"])).status, 404);
    ok(
        &ada.send(&server, call("PATCH", &path, &json!({ "status": "active" }))),
        200,
    );
    ok(
        &ada.send(
            &server,
            call(
                "PUT",
                &format!("{path}/members/usr_carol"),
                &json!({ "role": "member" }),
            ),
        ),
        200,
    );
    assert_eq!(carol.send(&server, allow(&path, &["read:projects"])).status, 404);
}

#[test]
fn what_is_wrong_with_an_issuer_a_link_or_a_decision_is_said() {
    let (server, path) = enterprise();
    let mut ada = signed_in(&server, "ada");
    let issuers = format!("{path}/issuers");
    for (body, field) in [
        (json!({}), "issuer"),
        (json!({ "issuer": "idp.example" }), "issuer"),
        (json!({ "issuer": "http://idp.example" }), "issuer"),
        (json!({ "issuer": "https://idp.example?x=1" }), "issuer"),
        (json!({ "issuer": "https://user@idp.example" }), "issuer"),
        (json!({ "issuer": ISSUER }), "issuer"),
        (json!({ "issuer": "https://idp.example", "tenant": 7 }), "tenant"),
        (
            json!({ "issuer": "https://idp.example", "jwks_uri": "http://idp.example/jwks" }),
            "jwks_uri",
        ),
        (
            json!({ "issuer": "https://idp.example", "unknown_people": "yes" }),
            "unknown_people",
        ),
        (json!({ "issuer": "https://idp.example", "shard": 3 }), "shard"),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("POST", &issuers, &body)));
        assert!(status == 400 && fields[0].starts_with(field), "{body}: {fields:?}");
    }
    let taken = call("POST", &issuers, &json!({ "issuer": IDP }));
    assert_eq!(problem(&ada.send(&server, taken)).1, "conflict");
    ok(
        &ada.send(
            &server,
            call("POST", &issuers, &json!({ "issuer": IDP, "tenant": "two" })),
        ),
        201,
    );
    let people = format!("{}/people", issuer_path(&server, &path));
    for (body, status) in [
        (json!({ "subject": "jäne", "user_id": "usr_carol" }), 400),
        (json!({ "subject": "jane" }), 400),
        (json!({ "subject": "jane", "user_id": "usr_dave" }), 409),
        (json!({ "subject": "jane", "user_id": "usr_carol" }), 201),
        (json!({ "subject": "jane", "user_id": "usr_carol" }), 409),
    ] {
        assert_eq!(ada.send(&server, call("POST", &people, &body)).status, status, "{body}");
    }
    let linked = ok(&ada.get(&server, &format!("{people}?limit=1")), 200);
    assert_eq!(
        (&linked["items"][0]["subject"], &linked["next_cursor"]),
        (&json!("jane"), &Value::Null)
    );
    for (body, field) in [
        (json!({}), "decision"),
        (json!({ "decision": "maybe" }), "decision"),
        (json!({ "decision": "allowed" }), "scopes"),
        (json!({ "decision": "allowed", "scopes": ["read:nothing"] }), "scopes"),
        (json!({ "decision": "allowed", "scopes": "read:projects" }), "scopes"),
    ] {
        let request = call("PUT", &format!("{path}/apps/app_two"), &body);
        let (status, _, fields) = problem(&ada.send(&server, request));
        assert!(status == 400 && fields[0].starts_with(field), "{body}: {fields:?}");
    }
    let unknown = call(
        "PUT",
        &format!("{path}/apps/app_none"),
        &json!({ "decision": "blocked" }),
    );
    assert_eq!(ada.send(&server, unknown).status, 404);
}

#[test]
fn who_changes_what_somebody_else_has_changed_meanwhile_is_told() {
    let (server, path) = enterprise();
    let mut ada = signed_in(&server, "ada");
    let issuer = issuer_path(&server, &path);
    for (target, body) in [
        (path.clone(), json!({ "name": "Acme Inc" })),
        (issuer, json!({ "unknown_people": "refuse" })),
    ] {
        let request = || with_header(call("PATCH", &target, &body), "if-match", "\"1\"");
        assert_eq!(ok(&ada.send(&server, request()), 200)["version"], 2);
        assert_eq!(ada.send(&server, request()).status, 412);
    }
    let app = || with_header(block(&path), "if-match", "\"1\"");
    assert_eq!(ok(&ada.send(&server, app()), 200)["version"], 2);
    assert_eq!(ada.send(&server, app()).status, 412);
}

fn press(server: &Server, browser: &mut Browser, page: &str, fields: &str) -> Reply {
    let csrf = hidden(&browser.get(server, page), "csrf");
    browser.send(server, form_request(page, &format!("csrf={csrf}&{fields}")))
}

#[test]
fn the_pages_do_the_same() {
    let (server, _) = enterprise();
    let (mut ada, mut carol) = (signed_in(&server, "ada"), signed_in(&server, "carol"));
    let bad = press(&server, &mut ada, "/admin/organizations", "name=");
    assert!(bad.status == 400 && bad.body.contains("name-error"), "{bad:?}");
    let page = location(&press(&server, &mut ada, "/admin/organizations", "name=%3Cb%3EGlobex"));
    assert!(
        ada.get(&server, "/admin/organizations")
            .body
            .contains("&#60;b&#62;Globex")
    );
    for fields in [
        "action=member&member=usr_carol&role=administrator",
        "action=trust&issuer=https%3A%2F%2Fidp.globex.example&unknown_people=refuse",
        "action=edit&name=Globex&status=active",
    ] {
        assert_eq!(location(&press(&server, &mut ada, &page, fields)), page, "{fields}");
    }
    let allow = "action=app&client_id=app_two&decision=allowed&scopes=read:projects+read:profile";
    assert_eq!(location(&press(&server, &mut carol, &page, allow)), page);
    let shown = carol.get(&server, &page);
    assert!(shown.body.contains("idp.globex.example") && shown.body.contains("read:profile read:projects"));
    assert!(!shown.body.contains("value=\"trust\"") && !shown.body.contains("value=\"member\""));
    let refused = press(
        &server,
        &mut carol,
        &page,
        "action=app&client_id=app_two&decision=allowed&scopes=nothing",
    );
    assert!(
        refused.status == 400 && refused.body.contains("does not exist: nothing"),
        "{refused:?}"
    );
    let own = press(
        &server,
        &mut carol,
        &page,
        "action=trust&issuer=https%3A%2F%2Fevil.example&unknown_people=join",
    );
    assert_eq!(own.status, 403);
    let issuer = server
        .stores
        .database
        .column("SELECT id FROM trusted_issuers WHERE issuer LIKE '%globex%'");
    let issuer = issuer[0].as_str().unwrap();
    for fields in [
        format!("action=link&issuer_id={issuer}&subject=joe&user_id=usr_carol"),
        format!("action=unlink&issuer_id={issuer}&subject=joe&user_id="),
        format!("action=issuer&issuer_id={issuer}&unknown_people=join&status=disabled&jwks_uri="),
        "action=remove-member&member=usr_carol".to_owned(),
    ] {
        assert_eq!(location(&press(&server, &mut ada, &page, &fields)), page, "{fields}");
    }
    assert_eq!(carol.get(&server, &page).status, 404);
}

#[test]
fn who_is_erased_is_nobody_to_any_organization() {
    let (server, path) = enterprise();
    let mut ada = signed_in(&server, "ada");
    let user = subject(&server, &tokens(&server, &assertion(&server))).unwrap();
    let erase = call(
        "POST",
        &format!("/api/admin/users/{user}/erase"),
        &json!({ "confirm": user }),
    );
    let reply = ada.send(&server, erase);
    assert!(matches!(reply.status, 200 | 202 | 204), "{reply:?}");
    for table in ["vouched_people", "organization_members"] {
        let left = server
            .stores
            .database
            .column(&format!("SELECT count(*) FROM {table} WHERE user_id = '{user}'"));
        assert_eq!(left, [0], "{table}");
    }
    let members = ok(&ada.get(&server, &format!("{path}/members")), 200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
}
