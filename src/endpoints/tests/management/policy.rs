//! What administrators decide.

mod apis;
mod app_policy;
mod branding;
mod connections;
mod grants;
mod roles;
mod routes;
mod scopes;

use serde_json::json;

use super::*;

/// Ada, who administers.
fn ada(server: &Server) -> Browser {
    signed_in(server, "ada")
}

/// A server with ada, and apps of every class: `app_portal` keeps a secret, `app_spa` cannot, `app_self` registered
/// itself, `app_ops` was made by the operator.
fn console() -> (Server, Browser) {
    let server = portal();
    for (client_id, app_type, class) in [
        ("app_portal", "web", "portal"),
        ("app_spa", "spa", "portal"),
        ("app_self", "web", "registered"),
        ("app_ops", "server", "operator"),
    ] {
        server.stores.database.run(&format!(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('{client_id}', 'dev_north', 'App', 'An app', '{app_type}', '{class}', 'approved', 1)"
        ));
    }
    let ada = ada(&server);
    (server, ada)
}

fn ok(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    match reply.body.is_empty() {
        true => Value::Null,
        false => json(reply),
    }
}

/// Sends a form of the console with the token of a page of ours.
fn send_form(server: &Server, browser: &mut Browser, target: &str, fields: &str) -> Reply {
    let csrf = hidden(&browser.get(server, "/developers"), "csrf");
    browser.send(server, form_request(target, &format!("csrf={csrf}&{fields}")))
}

fn count(server: &Server, table: &str) -> Value {
    let counted = server.stores.database.column(&format!("SELECT count(*) FROM {table}"));
    counted.into_iter().next().unwrap()
}

// Covers: R57
#[test]
fn only_administrators_decide_and_reviewers_do_not() {
    let (server, _) = console();
    for username in ["rita", "alice", "dave"] {
        let mut browser = signed_in(&server, username);
        for (method, path) in [
            ("GET", "/api/admin/apis"),
            ("POST", "/api/admin/scopes"),
            ("PUT", "/api/admin/apis/api_projects/grants/default/user"),
            ("POST", "/api/admin/roles"),
            ("PATCH", "/api/admin/branding"),
        ] {
            let refused = browser.send(&server, call(method, path, &json!({})));
            assert_eq!(problem(&refused).1, "forbidden", "{username} {path}");
        }
        assert_eq!(browser.get(&server, "/admin/policy").status, 403, "{username}");
    }
    assert!(audit(&server).is_empty());
}

#[test]
fn every_page_shows_and_leads_nowhere_outside() {
    let (server, mut ada) = console();
    server.stores.database.run(
        "INSERT INTO connections (id, kind, name, issuer, client_id, client_secret_name, created_at)
         VALUES ('con_acme', 'oidc', '<i>Acme</i>', 'https://id.example', 'latchkey', 'CONNECTION_ACME', 1)",
    );
    for path in [
        "/admin/policy",
        "/admin/policy/apis",
        "/admin/policy/apis/api_projects",
        "/admin/policy/apis/api_projects/grants/default/user",
        "/admin/policy/apis/api_projects/grants/app_portal/client",
        "/admin/policy/scopes",
        "/admin/policy/scopes/read%3Aprojects",
        "/admin/policy/rate-tiers",
        "/admin/policy/rate-tiers/approved",
        "/admin/policy/connections",
        "/admin/policy/connections?kind=hand_off",
        "/admin/policy/connections/con_acme",
        "/admin/policy/branding",
        "/admin/policy/roles",
        "/admin/apps/app_portal/policy",
    ] {
        let page = ada.get(&server, path);
        assert_eq!(page.status, 200, "{path}: {page:?}");
        assert!(
            !page.body.contains("<i>") && !page.body.contains("src=\"http"),
            "{path}"
        );
        let names = page.body.matches("<h1").count();
        assert_eq!(names, 1, "{path}");
    }
    for path in [
        "/admin/policy/apis/api_none",
        "/admin/policy/scopes/none",
        "/admin/policy/rate-tiers/none",
        "/admin/policy/connections/con_none",
        "/admin/apps/app_none/policy",
        "/admin/policy/apis/api_projects/grants/app_none/user",
        "/admin/policy/apis/api_projects/grants/default/both",
        "/admin/policy/scopes/%ff",
    ] {
        assert_eq!(ada.get(&server, path).status, 404, "{path}");
    }
}
