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
fn allowing_less_takes_nothing_of_what_a_user_agreed_to_in_person() {
    let (server, path) = enterprise();
    tokens(&server, &assertion(&server));
    server.stores.database.run(
        "INSERT INTO consents (id, user_id, client_id, shard, status, created_at) SELECT 'cns_own', user_id, client_id, 1, 'active', 1
         FROM consents",
    );
    let mut carol = signed_in(&server, "carol");
    ok(&carol.send(&server, allow(&path, &["read:profile"])), 200);
    let statuses = "SELECT status || ' ' || (id = 'cns_own') FROM consents ORDER BY status";
    assert_eq!(server.stores.database.column(statuses), ["active 1", "revoked 0"]);
}

/// A member with two consents in person, an outsider with one, and what another organization manages of the member's.
const IN_PERSON: &str = "
INSERT INTO organizations (id, name, created_at) VALUES ('org_other', 'Other', 1);
INSERT INTO trusted_issuers (id, organization_id, issuer, shard, created_at) VALUES ('tri_other', 'org_other', 'https://other.example', 1, 1);
INSERT INTO organization_members (organization_id, user_id, role, added_at) VALUES ('org_other', 'usr_dave', 'member', 1);
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
  VALUES ('app_three', 'dev_north', 'Another', '', 'web', 'portal', 'approved', 1);
INSERT INTO consents (id, user_id, client_id, instance, shard, status, created_at, organization_id, ended_by) VALUES
  ('cns_1_own', 'usr_dave', 'app_two', '', 1, 'active', 1, NULL, NULL),
  ('cns_2_device', 'usr_dave', 'app_two', 'laptop', 2, 'active', 1, NULL, NULL),
  ('cns_3_unused', 'usr_dave', 'app_two', 'phone', 2, 'revoking', 1, NULL, 'unused'),
  ('cns_4_other_app', 'usr_dave', 'app_three', '', 1, 'active', 1, NULL, NULL),
  ('cns_5_managed_elsewhere', 'usr_dave', 'app_two', 'tri_other', 1, 'active', 1, 'org_other', NULL),
  ('cns_6_outsider', 'usr_alice', 'app_two', '', 1, 'active', 1, NULL, NULL);
";
const STATUSES: &str = "SELECT id || ' ' || status FROM consents ORDER BY id";

fn join(server: &Server, path: &str, username: &str) {
    let mut ada = signed_in(server, "ada");
    let member = json!({ "role": "member" });
    let request = call("PUT", &format!("{path}/members/usr_{username}"), &member);
    ok(&ada.send(server, request), 200);
}

// Covers: R62
#[test]
fn blocking_an_app_ends_what_members_gave_it_in_person_and_nothing_else() {
    let (server, path) = enterprise();
    join(&server, &path, "dave");
    server.stores.database.run(IN_PERSON);
    let mut carol = signed_in(&server, "carol");
    let after = [
        "cns_1_own revoked",
        "cns_2_device revoked",
        "cns_3_unused revoked",
        "cns_4_other_app active",
        "cns_5_managed_elsewhere active",
        "cns_6_outsider active",
    ];
    ok(&carol.send(&server, block(&path)), 200);
    assert_eq!(server.stores.database.column(STATUSES), after);
    let ended_by = "SELECT DISTINCT ended_by || ' ' || ended_for FROM consents WHERE ended_for IS NOT NULL";
    let organization = path.rsplit('/').next().unwrap();
    assert_eq!(
        server.stores.database.column(ended_by),
        [format!("operator {organization}")]
    );
    let ledgers = server.stores.ledgers.borrow();
    let events: Vec<_> = ledgers.values().flat_map(|rows| &rows.events).collect();
    assert!(events.len() == 3 && events.iter().all(|event| event.ended_by == Some(EndedBy::Organization)));
    drop(ledgers);
    // Allowing it again brings none back.
    ok(&carol.send(&server, allow(&path, &["read:projects"])), 200);
    assert_eq!(server.stores.database.column(STATUSES), after);
}

#[test]
fn whoever_joins_an_organization_keeps_nothing_that_it_blocks() {
    let (server, path) = enterprise();
    server.stores.database.run(IN_PERSON);
    let mut carol = signed_in(&server, "carol");
    ok(&carol.send(&server, block(&path)), 200);
    assert_eq!(server.stores.database.column(STATUSES)[0], "cns_1_own active");
    join(&server, &path, "dave");
    let left = "SELECT id FROM consents WHERE user_id = 'usr_dave' AND status <> 'revoked' ORDER BY id";
    assert_eq!(
        server.stores.database.column(left),
        ["cns_4_other_app", "cns_5_managed_elsewhere"]
    );
}

/// So many members more, each with a consent in person.
fn crowd(server: &Server, path: &str, people: u32, ledgers: u32) {
    let organization = path.rsplit('/').next().unwrap();
    let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people})");
    server.stores.database.run(&format!(
        "{numbers} INSERT INTO users (id, username, name, created_at) SELECT 'usr_c' || i, 'c' || i, 'C', 1 FROM n;
         {numbers} INSERT INTO organization_members (organization_id, user_id, role, added_at)
           SELECT '{organization}', 'usr_c' || i, 'member', 1 FROM n;
         {numbers} INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
           SELECT 'cns_c' || i, 'usr_c' || i, 'app_two', 1 + i % {ledgers}, 'active', 1 FROM n;"
    ));
}

const ACTIVE: &str = "SELECT count(*) FROM consents WHERE status = 'active'";

#[test]
fn an_app_of_very_many_is_blocked_in_steps_of_one_request() {
    let (server, path) = enterprise();
    crowd(&server, &path, 5100, 16);
    let mut carol = signed_in(&server, "carol");
    ok(&carol.send(&server, block(&path)), 200);
    assert_eq!(
        server.stores.database.column("SELECT DISTINCT status FROM consents"),
        ["revoked"]
    );
    let ends = "SELECT count(*) FROM organization_apps WHERE ended_up_to IS NOT NULL";
    assert_eq!(server.stores.database.column(ends), [0]);
}

#[test]
fn what_a_block_left_undone_the_cron_runs_go_on_with_and_what_came_after_it_stays() {
    let (server, path) = enterprise();
    crowd(&server, &path, 10_100, 1);
    let mut carol = signed_in(&server, "carol");
    // Two steps of five thousand people, in each of which the ledger is asked twice.
    server.stores.plan(&[Fault::Before("ledger"); 4]);
    ok(&carol.send(&server, block(&path)), 202);
    assert_eq!(server.stores.database.column(ACTIVE), [100]);
    let organization = path.rsplit('/').next().unwrap();
    server.stores.database.run(&format!(
        "INSERT INTO consents (id, user_id, client_id, instance, organization_id, shard, status, created_at)
         VALUES ('cns_after', 'usr_c999', 'app_two', 'tri_1', '{organization}', 1, 'active', 0)"
    ));
    let log = crate::log::Log::new(&server.random);
    pollster::block_on(crate::endpoints::maintenance::maintain(&server.context(&log))).unwrap();
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT id FROM consents WHERE status = 'active'"),
        ["cns_after"]
    );
}

#[test]
fn a_ledger_that_is_out_of_reach_leaves_the_rest_to_be_finished() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let tokens = tokens(&server, &assertion(&server));
    server.stores.plan(&[Fault::Before("ledger"); 4]);
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
    let mut ada = signed_in(&server, "ada");
    ok(&ada.send(&server, call("POST", ALL, &json!({ "name": "Other" }))), 201);
    // She finds her own and no other.
    let listed = ok(&carol.get(&server, ALL), 200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["name"], "Acme");
    let issuer = issuer_path(&server, &path);
    for (method, target, body) in [
        ("POST", ALL.to_owned(), json!({ "name": "Mine" })),
        ("PATCH", path.clone(), json!({ "name": "Mine" })),
        ("PUT", format!("{path}/members/usr_dave"), json!({ "role": "member" })),
        ("DELETE", format!("{path}/members/usr_carol"), Value::Null),
        (
            "POST",
            format!("{path}/issuers"),
            json!({ "issuer": "https://evil.dev" }),
        ),
        ("PATCH", issuer.clone(), json!({ "jwks_uri": "https://evil.dev/jwks" })),
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
fn who_administers_an_organization_finds_it_from_every_page_and_nobody_else_sees_a_way() {
    let (server, path) = enterprise();
    let mut carol = signed_in(&server, "carol");
    let way = "href=\"/admin/organizations\"";
    let page = path.replace("/api", "");
    for place in [
        "/account/apps",
        "/account/sessions",
        "/account/activity",
        "/admin/organizations",
        &page,
    ] {
        let shown = carol.get(&server, place);
        assert!(
            shown.status == 200 && shown.body.contains(way),
            "{place}: {}",
            shown.status
        );
    }
    let list = carol.get(&server, "/admin/organizations").body;
    assert!(list.contains(&page) && !list.contains("Make one") && !list.contains("/admin/policy"));
    let mut dave = signed_in(&server, "dave");
    join(&server, &path, "dave");
    assert!(!dave.get(&server, "/account/apps").body.contains(way));
    assert_eq!(dave.get(&server, "/admin/organizations").status, 403);
    assert_eq!(dave.get(&server, ALL).status, 403);
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
        (json!({ "issuer": "idp.dev" }), "issuer"),
        (json!({ "issuer": "http://idp.dev" }), "issuer"),
        (json!({ "issuer": "https://idp.dev?x=1" }), "issuer"),
        (json!({ "issuer": "https://user@idp.dev" }), "issuer"),
        (json!({ "issuer": ISSUER }), "issuer"),
        (json!({ "issuer": "https://10.0.0.8" }), "issuer"),
        (json!({ "issuer": "https://idp.internal" }), "issuer"),
        (
            json!({ "issuer": "https://idp.dev", "jwks_uri": "https://169.254.169.254/jwks" }),
            "jwks_uri",
        ),
        (json!({ "issuer": "https://idp.dev", "tenant": 7 }), "tenant"),
        (
            json!({ "issuer": "https://idp.dev", "jwks_uri": "http://idp.dev/jwks" }),
            "jwks_uri",
        ),
        (
            json!({ "issuer": "https://idp.dev", "unknown_people": "yes" }),
            "unknown_people",
        ),
        (json!({ "issuer": "https://idp.dev", "shard": 3 }), "shard"),
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
        "action=trust&issuer=https%3A%2F%2Fidp.globex.dev&unknown_people=refuse",
        "action=edit&name=Globex&status=active",
    ] {
        assert_eq!(location(&press(&server, &mut ada, &page, fields)), page, "{fields}");
    }
    let allow = "action=app&client_id=app_two&decision=allowed&scopes=read:projects+read:profile";
    assert_eq!(location(&press(&server, &mut carol, &page, allow)), page);
    let shown = carol.get(&server, &page);
    assert!(shown.body.contains("idp.globex.dev") && shown.body.contains("read:profile read:projects"));
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
        "action=trust&issuer=https%3A%2F%2Fevil.dev&unknown_people=join",
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
