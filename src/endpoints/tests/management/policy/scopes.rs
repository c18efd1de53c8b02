//! The scope catalogue.

use super::*;

const SCOPES: &str = "/api/admin/scopes";

fn new_scope(name: &str) -> Value {
    json!({ "name": name, "api_id": "api_projects", "title": "Read invoices", "description": "View your invoices" })
}

// Covers: R26
#[test]
fn a_scope_is_made_changed_and_deleted_and_its_name_not_used_again() {
    let (server, mut ada) = console();
    let mut scope = new_scope("read:invoices");
    scope["translations"] =
        json!({ "de": { "title": "Rechnungen", "description": "Ihre Rechnungen sehen" }, "ar": {} });
    let made = ada.send(&server, call("POST", SCOPES, &scope));
    assert_eq!(made.header_value("Location"), Some("/api/admin/scopes/read%3Ainvoices"));
    let made = ok(&made, 201);
    assert_eq!((&made["sensitive"], &made["position"]), (&json!(false), &json!(0)));
    let path = "/api/admin/scopes/read%3Ainvoices";
    let changed = ok(
        &ada.send(
            &server,
            call("PATCH", path, &json!({ "sensitive": true, "position": 3 })),
        ),
        200,
    );
    assert_eq!(changed["translations"], scope["translations"]);
    assert_eq!(ok(&ada.get(&server, path), 200), changed);
    ok(&ada.send(&server, call("DELETE", path, &Value::Null)), 204);
    let (status, _, fields) = problem(&ada.send(&server, call("POST", SCOPES, &scope)));
    assert!(
        status == 400 && fields[0].contains("people agreed to what it meant"),
        "{fields:?}"
    );
}

// Covers: B11
#[test]
fn names_that_no_request_could_ask_for_or_that_are_taken_are_refused() {
    let (server, mut ada) = console();
    let long = "x".repeat(65);
    for name in [
        "",
        " ",
        "a b",
        "a\"b",
        "a\\b",
        "ä",
        "a\tb",
        long.as_str(),
        "offline_access",
        "latchkey:admin",
        "latchkey:more",
        "read:profile",
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("POST", SCOPES, &new_scope(name))));
        assert!(
            status == 400 && fields.iter().all(|field| field.starts_with("name ")),
            "{name:?}: {fields:?}"
        );
    }
    assert_eq!(count(&server, "scopes"), 5);
    // A name may hold what a path must encode.
    ok(
        &ada.send(&server, call("POST", SCOPES, &new_scope("https://x.example/a?b#c%41"))),
        201,
    );
    let path = "/api/admin/scopes/https%3A%2F%2Fx.example%2Fa%3Fb%23c%2541";
    assert_eq!(ok(&ada.get(&server, path), 200)["title"], "Read invoices");
}

#[test]
fn a_scope_belongs_to_an_api_for_good_and_to_one_that_is_there() {
    let (server, mut ada) = console();
    let mut scope = new_scope("read:x");
    scope["api_id"] = "api_none".into();
    assert_eq!(
        problem(&ada.send(&server, call("POST", SCOPES, &scope))).2,
        ["api_id names no API"]
    );
    for change in [json!({ "api_id": "api_inner" }), json!({ "name": "read:y" })] {
        let refused = ada.send(&server, call("PATCH", "/api/admin/scopes/read:team", &change));
        assert_eq!(problem(&refused).0, 400, "{change}");
    }
}

#[test]
fn translations_are_of_languages_there_are_and_of_title_and_description() {
    let (server, mut ada) = console();
    for translations in [
        json!([]),
        json!("de"),
        json!({ "fr": { "title": "x" } }),
        json!({ "en": { "title": "x" } }),
        json!({ "de": "x" }),
        json!({ "de": { "name": "x" } }),
        json!({ "de": { "title": 7 } }),
        json!({ "de": { "title": "x".repeat(81) } }),
        json!({ "ja": { "description": "a\u{7}b" } }),
    ] {
        let mut scope = new_scope("read:x");
        scope["translations"] = translations;
        let (status, _, fields) = problem(&ada.send(&server, call("POST", SCOPES, &scope)));
        assert!(
            status == 400 && fields[0].starts_with("translations"),
            "{scope}: {fields:?}"
        );
    }
}

#[test]
fn a_scope_that_an_app_has_stays_and_one_that_goes_leaves_no_grant_behind() {
    let (server, mut ada) = console();
    server
        .stores
        .database
        .run("INSERT INTO app_scopes (client_id, scope) VALUES ('app_portal', 'read:team')");
    let delete = || call("DELETE", "/api/admin/scopes/read:team", &Value::Null);
    assert_eq!(problem(&ada.send(&server, delete())).1, "conflict");
    let grant = json!({ "access": "chosen", "scopes": ["read:team", "read:profile"] });
    ok(
        &ada.send(
            &server,
            call("PUT", "/api/admin/apis/api_projects/grants/app_portal/user", &grant),
        ),
        201,
    );
    server.stores.database.run("DELETE FROM app_scopes");
    ok(&ada.send(&server, delete()), 204);
    let left = server
        .stores
        .database
        .column("SELECT scopes FROM client_grants WHERE client_id = 'app_portal'");
    assert_eq!(left, ["[\"read:profile\"]"]);
}

#[test]
fn a_scope_that_becomes_sensitive_stays_with_whoever_has_it() {
    let (server, mut ada) = console();
    server
        .stores
        .database
        .run("INSERT INTO app_scopes (client_id, scope) VALUES ('app_portal', 'read:team')");
    ok(
        &ada.send(
            &server,
            call("PATCH", "/api/admin/scopes/read:team", &json!({ "sensitive": true })),
        ),
        200,
    );
    assert_eq!(
        server.stores.database.column("SELECT scope FROM app_scopes"),
        ["read:team"]
    );
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT status FROM apps WHERE client_id = 'app_portal'"),
        ["approved"]
    );
}

#[test]
fn the_form_has_a_field_for_every_translation() {
    let (server, mut ada) = console();
    let fields =
        "title=Read+team&description=See+it&position=2&title_de=Team&description_de=Das+Team&title_ja=&description_ja=";
    let saved = send_form(
        &server,
        &mut ada,
        "/admin/policy/scopes/read%3Ateam",
        &format!("version=1&{fields}"),
    );
    assert_eq!(location(&saved), "/admin/policy/scopes/read%3Ateam");
    let scope = ok(&ada.get(&server, "/api/admin/scopes/read:team"), 200);
    assert_eq!(
        scope["translations"],
        json!({ "de": { "title": "Team", "description": "Das Team" } })
    );
    let page = ada.get(&server, "/admin/policy/scopes/read%3Ateam");
    assert!(page.body.contains("value=\"Das Team\""), "{page:?}");
}
