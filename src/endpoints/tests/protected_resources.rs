//! APIs as clients meet them: by `resource` (RFC 8707).

use super::*;
use crate::oauth::local_resources::LocalResources;

/// A `resource` parameter.
fn resource(name: &str) -> String {
    format!("&resource={}", crate::http::percent_encoded(name))
}

fn claims(token: &serde_json::Value) -> serde_json::Value {
    let claims = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&crate::crypto::from_base64url(claims).unwrap()).unwrap()
}

/// A code, asked for with these parameters in the link.
fn code_for(server: &Server, more: &str) -> String {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, &authorize_link("app_one", more));
    let answer = match page.status {
        303 => page, // they agreed before
        _ => browser.decide(server, &page, "allow"),
    };
    returned(&answer)["code"].clone()
}

fn refresh(server: &Server, tokens: &serde_json::Value, more: &str) -> Reply {
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&client_id=app_one&refresh_token={token}{more}");
    server.post("/oauth/token", &form)
}

// Rule: RES 4
#[test]
fn with_or_without_the_root_slash_it_is_one_resource_at_every_step_and_its_tokens_name_it_as_registered() {
    let server = Server::new();
    for (link, redeemed, refreshed) in [
        ("https://api.example", "https://api.example/", "https://API.example"),
        ("https://api.example/", "https://api.example", "HTTPS://api.example/"),
    ] {
        let form = redemption(&code_for(&server, &resource(link))) + &resource(redeemed);
        let tokens = json(&server.post("/oauth/token", &form));
        assert_eq!(claims(&tokens["access_token"])["aud"], "https://api.example", "{link}");
        let tokens = json(&refresh(&server, &tokens, &resource(refreshed)));
        assert_eq!(claims(&tokens["access_token"])["aud"], "https://api.example", "{link}");
    }
    for other in [
        "https://api.example/mcp",
        "https://api.example//",
        "https://mcp.example",
    ] {
        let refused = Browser::default().get(&server, &authorize_link("app_one", &resource(other)));
        assert_eq!(returned(&refused)["error"], "invalid_target", "{other}");
        let form = redemption(&code_for(&server, "")) + &resource(other);
        let refused = server.post("/oauth/token", &form);
        assert_eq!(
            (refused.status, refused.error),
            (400, Some("invalid_target")),
            "{other}"
        );
    }
}

#[test]
fn a_local_address_of_an_api_is_good_wherever_its_own_name_is_and_its_tokens_are_for_both() {
    let mut server = server_with_api();
    let local = "http://localhost:3000/mcp";
    let refused = Browser::default().get(&server, &authorize_link("app_one", &resource(local)));
    assert_eq!(returned(&refused)["error"], "invalid_target");

    server.config.local_resources = LocalResources::parse(&format!("{local}=https://api.example/")).unwrap();
    let both = serde_json::json!(["https://api.example", local]);
    let form = redemption(&code_for(&server, &resource(local))) + &resource(local);
    let tokens = json(&server.post("/oauth/token", &form));
    assert_eq!(claims(&tokens["access_token"])["aud"], both);
    let tokens = json(&refresh(&server, &tokens, &resource(local)));
    assert_eq!(claims(&tokens["access_token"])["aud"], both);
    let token = tokens["access_token"].as_str().unwrap();
    let form = format!("client_id=apc_one&client_secret=lka_one&token={token}");
    assert_eq!(json(&server.post("/oauth/introspect", &form))["active"], true);

    // Pushed ahead it is as good, and another local address is as unknown as before.
    let link = authorize_link("app_one", &resource(local));
    let pushed = server.post("/oauth/par", link.split_once('?').unwrap().1);
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let uri = json(&pushed)["request_uri"].as_str().unwrap().to_owned();
    let link = format!(
        "/oauth/authorize?client_id=app_one&request_uri={}",
        crate::http::percent_encoded(&uri)
    );
    let answer = returned(&Browser::default().consent_page(&server, &link));
    assert!(answer.contains_key("code"), "{answer:?}");
    let refused = Browser::default().get(
        &server,
        &authorize_link("app_one", &resource("http://localhost:3001/mcp")),
    );
    assert_eq!(returned(&refused)["error"], "invalid_target");
}

fn metadata(server: &Server, name: &str) -> Reply {
    let name = crate::http::percent_encoded(name);
    server.send(&get_request(&format!("/oauth/resource-metadata?resource={name}")))
}

/// A server whose catalogue has a public API and one that is not.
fn with_catalogue() -> Server {
    let server = super::management::portal();
    server.stores.trips.take();
    server
}

// Rule: PRM 1, PRM 2, PRM 3, PRM 4
#[test]
fn whoever_asks_reads_which_server_gives_out_tokens_for_an_api_under_the_name_they_asked_by() {
    let server = with_catalogue();
    for asked in ["https://api.example", "https://api.example/", "HTTPS://API.example"] {
        let reply = metadata(&server, asked);
        assert_eq!(
            json(&reply),
            serde_json::json!({
                "resource": asked, "authorization_servers": [ISSUER], "resource_name": "Projects API",
                // Not what is sensitive: write:projects.
                "scopes_supported": ["read:profile", "read:projects", "read:team"],
                "bearer_methods_supported": ["header"]
            })
        );
        assert_eq!(reply.header_value("Cache-Control"), Some("public, max-age=300"));
        assert_eq!(reply.header_value("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(server.trips(), ["database"]);
    }
}

// Rule: PRM 4
#[test]
fn the_metadata_follow_the_default_permissions_and_leave_out_what_no_stranger_may_have() {
    let server = with_catalogue();
    let scopes = |sql: &str| {
        server.stores.database.run(sql);
        json(&metadata(&server, "https://api.example"))["scopes_supported"].clone()
    };
    assert_eq!(
        scopes("UPDATE client_grants SET access = 'chosen', scopes = '[\"write:projects\", \"read:team\", \"gone\"]'"),
        serde_json::json!(["read:team"])
    );
    // A grant of an app, or for apps themselves, is no stranger's.
    for (client_id, subject) in [("app_one", "user"), ("*", "client")] {
        let sql =
            format!("UPDATE client_grants SET client_id = '{client_id}', subject_type = '{subject}', access = 'all'");
        assert!(scopes(&sql).is_null(), "{client_id}");
    }
    assert!(scopes("DELETE FROM client_grants").is_null());
    // An API that is not public is found by those who know it, and says nothing more.
    server.stores.database.run(
        "INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('*', 'api_inner', 'user', 'all')",
    );
    assert_eq!(
        json(&metadata(&server, "https://inner.example")),
        serde_json::json!({
            "resource": "https://inner.example", "authorization_servers": [ISSUER], "bearer_methods_supported": ["header"]
        })
    );
}

// Rule: PRM 2
#[test]
fn an_api_that_is_unknown_is_not_found_and_its_name_is_not_repeated() {
    let server = with_catalogue();
    for unknown in [
        "https://api.example/v1",
        "https://api.example//",
        "https://api.example/%2F",
        "https://api.example.evil",
        "http://api.example",
        "https://nosuch.example/%3Cscript%3E",
    ] {
        let reply = metadata(&server, unknown);
        assert_eq!(reply.status, 404, "{unknown}");
        assert!(
            !reply.body.contains("nosuch") && !reply.body.contains("script"),
            "{reply:?}"
        );
        assert_ne!(reply.header_value("Cache-Control"), Some("public, max-age=300"));
    }
}

#[test]
fn a_query_that_names_no_api_or_anything_beside_it_is_refused_before_storage_is_asked() {
    let server = with_catalogue();
    let api = "resource=https%3A%2F%2Fapi.example";
    for query in [
        String::new(),
        "resource=".into(),
        "resource=api.example".into(),
        "resource=urn%3Aapi".into(),
        "resource=https%3A%2F%2Fapi.example%23f".into(),
        "resource=https%3A%2F%2Fuser%40api.example".into(),
        "resource=%FF".into(),
        format!("{api}&{api}"),
        format!("{api}&x=1"),
        "Resource=https%3A%2F%2Fapi.example".into(),
        format!("{api}%2F{}", "a".repeat(2048)),
        format!("{api}%2F{}", "a".repeat(20_000)),
    ] {
        let reply = server.send(&get_request(&format!("/oauth/resource-metadata?{query}")));
        assert_eq!((reply.status, reply.error), (400, Some("invalid_request")), "{query}");
    }
    assert!(server.trips().is_empty());
}

#[test]
fn while_storage_is_down_the_metadata_are_to_be_asked_for_again_and_nothing_is_kept_of_it() {
    let server = with_catalogue();
    server.stores.plan(&[crate::store::memory::Fault::Before("database")]);
    let reply = metadata(&server, "https://api.example");
    assert_eq!((reply.status, reply.header_value("Retry-After")), (503, Some("1")));
    assert_ne!(reply.header_value("Cache-Control"), Some("public, max-age=300"));
    assert_eq!(metadata(&server, "https://api.example").status, 200);
}

#[test]
fn a_local_address_has_metadata_of_its_own() {
    let mut server = with_catalogue();
    let local = "http://localhost:3000/mcp";
    assert_eq!(metadata(&server, local).status, 404);
    server.config.local_resources = LocalResources::parse(&format!("{local}=https://api.example")).unwrap();
    let document = json(&metadata(&server, local));
    assert_eq!(
        (&document["resource"], &document["resource_name"]),
        (&local.into(), &"Projects API".into())
    );
}

// Rule: META 18, META 19, META 20, META 22
#[test]
fn this_servers_own_api_has_metadata_at_its_well_known_place_and_none_elsewhere() {
    let server = with_catalogue();
    let own = server.send(&get_request("/.well-known/oauth-protected-resource/api"));
    let expected = serde_json::json!({
        "resource": "http://localhost:8787/api", "authorization_servers": [ISSUER], "bearer_methods_supported": ["header"]
    });
    assert_eq!((json(&own), server.trips().len()), (expected.clone(), 0));
    assert_eq!(own.header_value("Access-Control-Allow-Origin"), Some("*"));
    // Asked for as any other API's it is the same.
    let ensured = crate::management::policy::own_api::ensure(&server.stores, &server.config.issuer, server.now.get());
    pollster::block_on(ensured).unwrap();
    assert_eq!(json(&metadata(&server, "http://localhost:8787/api")), expected);
    for path in ["", "/", "/oauth/userinfo", "/api/", "/api/admin"] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(server.send(&get_request(&path)).status, 404, "{path}");
    }
}
