//! Client grants, and the management API as one of the APIs.

use super::*;
use crate::management::policy::own_api;
use crate::oauth::client::{App, SubjectType};

fn path(api: &str, client: &str, subject: &str) -> String {
    format!("/api/admin/apis/{api}/grants/{client}/{subject}")
}

fn put(api: &str, client: &str, subject: &str, access: &str) -> Request {
    call("PUT", &path(api, client, subject), &json!({ "access": access }))
}

/// Puts the management API into the catalogue, as the cron run does.
fn with_own_api(server: &Server) {
    let ensured = own_api::ensure(&server.stores, &server.config.issuer, server.now.get());
    pollster::block_on(ensured).unwrap();
}

// Covers: R58, R59, R60
#[test]
fn a_grant_is_set_changed_and_removed_and_then_the_default_counts_again() {
    let (server, mut ada) = console();
    let target = path("api_projects", "app_portal", "user");
    let chosen = json!({ "access": "chosen", "scopes": ["read:team", "read:profile", "read:team"] });
    let made = ok(&ada.send(&server, call("PUT", &target, &chosen)), 201);
    assert_eq!(made["scopes"], json!(["read:profile", "read:team"]));
    assert_eq!(ok(&ada.get(&server, &target), 200), made);
    let changed = ada.send(&server, put("api_projects", "app_portal", "user", "none"));
    assert_eq!((changed.status, changed.header_value("ETag")), (200, Some("\"2\"")));
    let page = ada.get(&server, "/admin/apps/app_portal/policy");
    assert!(page.body.contains("its own grant"), "{page:?}");
    ok(&ada.send(&server, call("DELETE", &target, &Value::Null)), 204);
    assert_eq!(ada.get(&server, &target).status, 404);
    assert_eq!(ada.send(&server, call("DELETE", &target, &Value::Null)).status, 404);
    let default = ok(&ada.get(&server, &path("api_projects", "default", "user")), 200);
    assert_eq!(
        (&default["client_id"], &default["access"]),
        (&json!("default"), &json!("all"))
    );
    let events: Vec<_> = server
        .stores
        .database
        .column("SELECT event || ' ' || client_id FROM audit ORDER BY seq");
    let of_app = ["set", "set", "removed"].map(|what| json!(format!("client_grant.{what} app_portal")));
    assert_eq!(events, of_app);
}

#[test]
fn a_grant_names_scopes_of_its_api_if_it_names_any() {
    let (server, mut ada) = console();
    let target = path("api_projects", "app_portal", "user");
    for (body, field) in [
        (json!({}), "access"),
        (json!({ "access": "some" }), "access"),
        (json!({ "access": "chosen" }), "scopes"),
        (json!({ "access": "chosen", "scopes": [] }), "scopes"),
        (json!({ "access": "chosen", "scopes": ["inner:all"] }), "scopes"),
        (json!({ "access": "chosen", "scopes": ["nonsense"] }), "scopes"),
        (json!({ "access": "chosen", "scopes": "read:team" }), "scopes"),
        (json!({ "access": "all", "scopes": ["read:team"] }), "scopes"),
        (json!({ "access": "all", "client_id": "app_spa" }), "client_id"),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("PUT", &target, &body)));
        assert!(status == 400 && fields[0].starts_with(field), "{body}: {fields:?}");
    }
    for target in [
        path("api_none", "app_portal", "user"),
        path("api_projects", "app_none", "user"),
        path("api_projects", "*", "user"),
        path("api_projects", "app_portal", "anybody"),
    ] {
        let reply = ada.send(&server, call("PUT", &target, &json!({ "access": "all" })));
        assert_eq!(reply.status, 404, "{target}");
    }
    assert_eq!(count(&server, "client_grants"), 1);
}

// Covers: R51
// Rule: TOKEN 9
#[test]
fn only_an_app_that_keeps_a_secret_and_did_not_register_itself_may_act_for_itself() {
    let (server, mut ada) = console();
    for client in ["app_spa", "app_self"] {
        assert_eq!(
            problem(&ada.send(&server, put("api_projects", client, "client", "all"))).1,
            "conflict",
            "{client}"
        );
        ok(&ada.send(&server, put("api_projects", client, "user", "all")), 201);
    }
    for client in ["app_portal", "app_ops", "default"] {
        ok(&ada.send(&server, put("api_projects", client, "client", "all")), 201);
    }
    server
        .stores
        .database
        .run("UPDATE apps SET security_profile = 'fapi_2' WHERE client_id = 'app_spa'");
    ok(&ada.send(&server, put("api_projects", "app_spa", "client", "all")), 201);
}

#[test]
fn a_grant_that_changed_meanwhile_is_neither_set_nor_removed() {
    let (server, mut ada) = console();
    let set = |tag: &str| with_header(put("api_projects", "app_portal", "user", "all"), "if-match", tag);
    assert_eq!(problem(&ada.send(&server, set("\"1\""))).0, 412, "there is none yet");
    ok(&ada.send(&server, set("\"0\"")), 201);
    assert_eq!(problem(&ada.send(&server, set("\"0\""))).0, 412);
    ok(&ada.send(&server, set("\"1\"")), 200);
    let form = "/admin/policy/apis/api_projects/grants/app_portal/user";
    for fields in [
        "access=none",
        "version=1&access=none",
        "version=1&access=none&action=remove",
    ] {
        assert_eq!(send_form(&server, &mut ada, form, fields).status, 412, "{fields}");
    }
    assert_eq!(
        ok(&ada.get(&server, &path("api_projects", "app_portal", "user")), 200)["access"],
        "all"
    );
    let saved = send_form(
        &server,
        &mut ada,
        form,
        "version=2&access=chosen&scopes=read%3Ateam&scopes=read%3Aprofile",
    );
    assert_eq!(location(&saved), "/admin/apps/app_portal/policy");
    // Boxes may stay ticked where nothing is to be chosen.
    let saved = send_form(&server, &mut ada, form, "version=3&access=none&scopes=read%3Ateam");
    assert_eq!(saved.status, 303);
    let empty = send_form(&server, &mut ada, form, "version=4&access=chosen");
    assert!(
        empty.status == 400 && empty.body.contains("must name at least one scope"),
        "{empty:?}"
    );
    let removed = send_form(&server, &mut ada, form, "version=4&access=none&action=remove");
    assert_eq!(removed.status, 303);
    assert_eq!(count(&server, "client_grants"), 1);
}

#[test]
fn the_grants_of_an_api_come_in_pages() {
    let (server, mut ada) = console();
    for client in ["app_portal", "app_spa", "app_self", "app_ops"] {
        ok(&ada.send(&server, put("api_projects", client, "user", "none")), 201);
    }
    let list = "/api/admin/apis/api_projects/grants?limit=2";
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = ok(&ada.get(&server, &format!("{list}{cursor}")), 200);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|grant| grant["client_id"].clone()),
        );
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(seen, ["default", "app_ops", "app_portal", "app_self", "app_spa"]);
    assert_eq!(ada.get(&server, "/api/admin/apis/api_none/grants").status, 404);
}

#[test]
fn the_management_api_is_granted_to_apps_of_the_operator_alone_and_stays_as_it_is() {
    let (server, mut ada) = console();
    with_own_api(&server);
    for client in ["default", "app_portal", "app_spa", "app_self"] {
        for subject in ["user", "client"] {
            let refused = ada.send(&server, put("api_latchkey", client, subject, "all"));
            assert_eq!(problem(&refused).1, "conflict", "{client} {subject}");
        }
    }
    ok(&ada.send(&server, put("api_latchkey", "app_ops", "client", "all")), 201);
    let own = "/api/admin/apis/api_latchkey";
    assert_eq!(
        problem(&ada.send(&server, call("DELETE", own, &Value::Null))).1,
        "conflict"
    );
    for change in [json!({ "resource": "https://x.example" }), json!({ "is_public": true })] {
        assert_eq!(
            problem(&ada.send(&server, call("PATCH", own, &change))).0,
            400,
            "{change}"
        );
    }
    ok(
        &ada.send(&server, call("PATCH", own, &json!({ "access_token_lifetime": 300 }))),
        200,
    );
    let scope = "/api/admin/scopes/latchkey:admin";
    assert_eq!(
        problem(&ada.send(&server, call("DELETE", scope, &Value::Null))).1,
        "conflict"
    );
    let another = json!({ "name": "mine", "api_id": "api_latchkey", "title": "T", "description": "D" });
    assert_eq!(
        problem(&ada.send(&server, call("POST", "/api/admin/scopes", &another))).0,
        400
    );
}

#[test]
fn the_management_api_is_put_into_the_catalogue_once_and_follows_the_issuer() {
    let (server, mut ada) = console();
    assert!(
        ada.get(&server, "/admin/policy")
            .body
            .contains("not in the catalogue yet")
    );
    assert_eq!(
        location(&send_form(&server, &mut ada, "/admin/policy", "")),
        "/admin/policy"
    );
    let api = || {
        server
            .stores
            .database
            .column("SELECT resource || ' ' || version || ' ' || is_public FROM apis WHERE id = 'api_latchkey'")
    };
    assert_eq!(api(), ["http://localhost:8787/api 1 0"]);
    with_own_api(&server);
    assert_eq!(api(), ["http://localhost:8787/api 1 0"]);
    assert_eq!(count(&server, "scopes WHERE api_id = 'api_latchkey'"), 4);
    assert_eq!(count(&server, "client_grants WHERE api_id = 'api_latchkey'"), 0);
    let moved = crate::config::Issuer::parse("https://auth.example").unwrap();
    pollster::block_on(own_api::ensure(&server.stores, &moved, server.now.get())).unwrap();
    assert_eq!(api(), ["https://auth.example/api 2 0"]);
}

#[test]
fn setting_a_grant_of_the_management_api_puts_it_there_first() {
    let (server, mut ada) = console();
    let grant = json!({ "access": "chosen", "scopes": ["latchkey:admin:read"] });
    ok(
        &ada.send(&server, call("PUT", &path("api_latchkey", "app_ops", "client"), &grant)),
        201,
    );
}

/// The app as decisions about it see it: by the very statement that runs at the edge.
fn as_decided(server: &Server, client_id: &str) -> App {
    let sql = include_str!("../../../../edge/d1/app.sql").replace("?1", &format!("'{client_id}'"));
    let record = server.stores.database.column(&sql);
    serde_json::from_str(record[0].as_str().unwrap()).unwrap()
}

// Covers: R57, R58, R59, R60
#[test]
fn what_is_set_here_is_what_tokens_are_judged_by_in_every_combination_of_own_grant_and_default() {
    let (server, mut ada) = console();
    server.stores.database.run(
        "INSERT INTO app_scopes (client_id, scope) VALUES ('app_ops', 'read:profile'), ('app_ops', 'read:team'),
           ('app_ops', 'inner:all')",
    );
    let registered = ["inner:all", "read:profile", "read:team"];
    let access: [(Option<Value>, &[&str]); 5] = [
        (None, &[]),
        (Some(json!({ "access": "none" })), &[]),
        (Some(json!({ "access": "all" })), &["read:profile", "read:team"]),
        (
            Some(json!({ "access": "chosen", "scopes": ["read:team"] })),
            &["read:team"],
        ),
        (
            Some(json!({ "access": "chosen", "scopes": ["read:projects", "read:profile"] })),
            &["read:profile"],
        ),
    ];
    for (subject, kind) in [("user", SubjectType::User), ("client", SubjectType::Client)] {
        for ((own, by_own), (default, by_default)) in access
            .iter()
            .flat_map(|own| access.iter().map(move |default| (own, default)))
        {
            for (client, body) in [("app_ops", own), ("default", default)] {
                let target = path("api_projects", client, subject);
                let status = match body {
                    Some(body) => ada.send(&server, call("PUT", &target, body)).status,
                    None => ada.send(&server, call("DELETE", &target, &Value::Null)).status,
                };
                assert!(matches!(status, 200 | 201 | 204 | 404), "{status}");
            }
            let expected: &[&str] = if own.is_some() { by_own } else { by_default };
            let available = as_decided(&server, "app_ops").available_scopes(kind);
            assert!(expected.iter().all(|scope| registered.contains(scope)));
            assert_eq!(
                available.all().iter().collect::<Vec<_>>(),
                expected,
                "{subject} {own:?} {default:?}"
            );
        }
    }
}
