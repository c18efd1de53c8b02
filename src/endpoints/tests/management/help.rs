//! What helps developers: the quick start of an app, and the page that says where everything is.

use serde_json::json;

use super::*;
use crate::config::DynamicRegistration;
use crate::support::Support;

fn register(server: &Server, alice: &mut Browser, changes: Value) -> String {
    let mut app = json!({
        "name": "Planner", "description": "Plans", "app_type": "web", "submit": false,
        "redirect_uris": ["https://planner.example/cb", "https://planner.example/other"], "scopes": ["read:profile"]
    });
    for (name, value) in changes.as_object().unwrap() {
        app[name] = value.clone();
    }
    let made = alice.send(server, call("POST", "/api/developer/apps", &app));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)["client_id"].as_str().unwrap().to_owned()
}

fn quick_start(server: &Server, browser: &mut Browser, id: &str, query: &str) -> Reply {
    browser.get(server, &format!("/developers/apps/{id}/quick-start{query}"))
}

#[test]
fn a_quick_start_sends_to_the_review_until_there_was_one() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = register(&server, &mut alice, json!({}));
    let mut leads_to_review = || {
        let page = quick_start(&server, &mut alice, &id, "").body.to_string();
        page.contains("submit it for review</a>")
    };
    assert!(leads_to_review());
    let approved = "UPDATE apps SET status = 'approved', approved_at = 1, draft = NULL";
    server.stores.database.run(approved);
    assert!(!leads_to_review());
}

// Covers: R28
#[test]
fn an_app_s_quick_start_has_its_own_values() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = register(&server, &mut alice, json!({}));
    let page = quick_start(&server, &mut alice, &id, "");
    assert_eq!(
        (page.status, page.header_value("Cache-Control")),
        (200, Some("no-store"))
    );
    let text = page.body.to_string();
    for part in [
        format!("clientId: &#34;{id}&#34;"),
        "issuer: &#34;http://localhost:8787&#34;".into(),
        "redirectUri: &#34;https://planner.example/cb&#34;".into(),
        "scopes: [&#34;read:profile&#34;]".into(),
        "process.env.CLIENT_SECRET".into(),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    assert!(!text.contains("lks_") && !text.contains("{{") && !text.contains("<script"));
    let other = quick_start(
        &server,
        &mut alice,
        &id,
        "?redirect_uri=https%3A%2F%2Fplanner.example%2Fother",
    );
    assert!(
        other
            .body
            .to_string()
            .contains("redirectUri: &#34;https://planner.example/other&#34;")
    );
}

// Covers: R28
#[test]
fn what_a_link_says_is_not_in_the_code_unless_it_is_the_app_s() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = register(&server, &mut alice, json!({}));
    for query in [
        "?redirect_uri=https%3A%2F%2Fevil.example%2F&api=https%3A%2F%2Fevil.example",
        "?redirect_uri=a&redirect_uri=b",
        "?api=%3Cscript%3E",
    ] {
        let page = quick_start(&server, &mut alice, &id, query);
        let text = page.body.to_string();
        assert_eq!(page.status, 200);
        assert!(
            text.contains("redirectUri: &#34;https://planner.example/cb&#34;") && !text.contains("evil"),
            "{query}"
        );
    }
    let hostile = json!({ "redirect_uris": ["https://planner.example/'</code><b>"] });
    let refused = alice.send(&server, call("PATCH", &format!("/api/developer/apps/{id}"), &hostile));
    let text = quick_start(&server, &mut alice, &id, "").body.to_string();
    assert!(refused.status >= 400 || !text.contains("<b>"), "{text}");
}

#[test]
fn a_quick_start_is_for_members_only() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = register(&server, &mut alice, json!({}));
    let mut carol = signed_in(&server, "carol");
    assert_eq!(quick_start(&server, &mut carol, &id, "").status, 404);
    assert_eq!(
        server
            .send(&get_request(&format!("/developers/apps/{id}/quick-start")))
            .status,
        303
    );
}

// Covers: R28
#[test]
fn the_help_page_leads_to_documents_review_and_somebody_to_ask_and_nowhere_in_vain() {
    let mut server = portal();
    server.config.support = Support::parse("developers@acme.example");
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, "/developers/help").body.to_string();
    for part in [
        "<a href=\"mailto:developers@acme.example\">developers@acme.example</a>",
        "@latchkey/client",
        "In review.",
        "Rejected.",
        "it registers itself",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("<script"));
    let links: Vec<&str> = page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    for link in [
        "/api-docs",
        "/openapi.json",
        "/developers/apps/new",
        "http://localhost:8787/.well-known/oauth-authorization-server",
    ] {
        assert!(links.contains(&link), "{link}");
    }
    let own = |link: &str| link.strip_prefix("http://localhost:8787").unwrap_or(link).to_owned();
    for link in links
        .into_iter()
        .map(own)
        .filter(|link| link.starts_with('/') && link != "/logout")
    {
        let reply = alice.get(&server, &link);
        assert_eq!(reply.status, 200, "{link}");
    }
    let home = alice.get(&server, "/developers").body.to_string();
    assert!(home.contains("<a href=\"/developers/help\""));
}

#[test]
fn the_help_page_names_nobody_and_nothing_that_is_not_there() {
    let mut server = portal();
    server.config.metadata_documents = false;
    server.config.dynamic_registration = DynamicRegistration::Off;
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, "/developers/help").body.to_string();
    assert!(!page.contains("mailto:") && !page.contains("registers itself") && !page.contains("MCP"));
}
