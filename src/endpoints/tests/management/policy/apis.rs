//! APIs, their credentials, and rate tiers.

use super::*;

const APIS: &str = "/api/admin/apis";

fn new_api() -> Value {
    json!({ "resource": "https://billing.example/v1", "name": "Billing", "signing_algorithm": "RS256", "is_public": false })
}

#[test]
fn an_api_is_made_changed_and_deleted_each_with_its_entry_in_the_trail() {
    let (server, mut ada) = console();
    let made = ada.send(&server, call("POST", APIS, &new_api()));
    let api = ok(&made, 201);
    let id = api["id"].as_str().unwrap().to_owned();
    let path = format!("{APIS}/{id}");
    assert_eq!(made.header_value("Location"), Some(path.as_str()));
    assert_eq!(
        (&api["access_token_lifetime"], &api["is_public"]),
        (&json!(3600), &json!(false))
    );
    let changed = ada.send(&server, call("PATCH", &path, &json!({ "name": "Invoices" })));
    assert_eq!(changed.header_value("ETag"), Some("\"2\""));
    let read = ok(&ada.get(&server, &path), 200);
    assert_eq!(read, ok(&changed, 200));
    assert_eq!(
        (&read["name"], &read["signing_algorithm"]),
        (&json!("Invoices"), &json!("RS256"))
    );
    ok(&ada.send(&server, call("DELETE", &path, &Value::Null)), 204);
    assert_eq!(ada.get(&server, &path).status, 404);
    let events = ["created", "changed", "deleted"].map(|what| json!(format!("api.{what} usr_ada {id}")));
    assert_eq!(audit(&server), events);
}

// Rule: RES 4
#[test]
fn a_resource_indicator_is_absolute_without_fragment_and_nobody_elses() {
    let (server, mut ada) = console();
    for resource in [
        "",
        "api.example",
        "/api",
        "http://api2.example",
        "https://api2.example#part",
        "https://api2.example?x=1",
        "https://user@api2.example",
        "https://",
        "urn:api",
        "ftp://api2.example",
        "javascript:alert(1)",
        // Others have these, or almost.
        "https://api.example",
        "HTTPS://API.example/",
        // This server itself.
        "http://localhost:8787",
        "http://localhost:8787/api",
    ] {
        let refused = ada.send(
            &server,
            call("POST", APIS, &json!({ "resource": resource, "name": "X" })),
        );
        let (status, _, fields) = problem(&refused);
        assert!(
            status == 400 && fields.len() == 1 && fields[0].starts_with("resource "),
            "{resource}: {fields:?}"
        );
    }
    for resource in [
        "https://api.example/v2",
        "http://localhost:9000/api",
        "http://127.0.0.1:1",
    ] {
        ok(
            &ada.send(
                &server,
                call("POST", APIS, &json!({ "resource": resource, "name": "X" })),
            ),
            201,
        );
    }
    // Its own stays its own.
    ok(
        &ada.send(
            &server,
            call(
                "PATCH",
                "/api/admin/apis/api_projects",
                &json!({ "resource": "https://api.example" }),
            ),
        ),
        200,
    );
}

#[test]
fn all_that_is_wrong_with_an_api_is_said_at_once() {
    let (server, mut ada) = console();
    let body = json!({
        "resource": 7, "name": "", "signing_algorithm": "none", "access_token_lifetime": 59, "is_public": "yes", "id": "api_mine"
    });
    let (status, _, fields) = problem(&ada.send(&server, call("POST", APIS, &body)));
    let wrong: Vec<_> = fields.iter().map(|field| field.split(' ').next().unwrap()).collect();
    assert_eq!(status, 400);
    for field in [
        "resource",
        "name",
        "signing_algorithm",
        "access_token_lifetime",
        "is_public",
        "id",
    ] {
        assert!(wrong.contains(&field), "{field}: {fields:?}");
    }
    assert_eq!(count(&server, "apis"), 2);
}

#[test]
fn an_api_whose_scopes_apps_have_stays() {
    let (server, mut ada) = console();
    server
        .stores
        .database
        .run("INSERT INTO app_scopes (client_id, scope) VALUES ('app_portal', 'read:team')");
    let delete = || call("DELETE", "/api/admin/apis/api_projects", &Value::Null);
    assert_eq!(problem(&ada.send(&server, delete())).1, "conflict");
    assert_eq!(count(&server, "scopes"), 5);
    // Those of an app that was deleted do not count.
    server
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 2 WHERE client_id = 'app_portal'");
    ok(&ada.send(&server, delete()), 204);
    assert_eq!(count(&server, "client_grants"), 0);
    // What its scopes were called stays theirs.
    let scope = json!({ "name": "read:team", "api_id": "api_inner", "title": "T", "description": "D" });
    assert_eq!(
        problem(&ada.send(&server, call("POST", "/api/admin/scopes", &scope))).0,
        400
    );
}

#[test]
fn whoever_edits_an_old_version_is_told_and_changes_nothing() {
    let (server, mut ada) = console();
    let path = "/api/admin/apis/api_projects";
    let edit = |name: &str, tag: &str| with_header(call("PATCH", path, &json!({ "name": name })), "if-match", tag);
    ok(&ada.send(&server, edit("First", "\"1\"")), 200);
    for tag in ["\"1\"", "\"3\"", "\"x\"", "W/\"2\"", "2"] {
        assert_eq!(problem(&ada.send(&server, edit("Second", tag))).0, 412, "{tag}");
        let delete = with_header(call("DELETE", path, &Value::Null), "if-match", tag);
        assert_eq!(problem(&ada.send(&server, delete)).0, 412, "{tag}");
    }
    let stale = send_form(
        &server,
        &mut ada,
        "/admin/policy/apis/api_projects",
        "version=1&name=Third&resource=https%3A%2F%2Fapi.example",
    );
    assert_eq!(stale.status, 412);
    assert_eq!(ok(&ada.get(&server, path), 200)["name"], "First");
    ok(&ada.send(&server, edit("Second", "\"2\"")), 200);
}

#[test]
fn the_page_of_an_api_does_what_the_json_api_does() {
    let (server, mut ada) = console();
    let bad = send_form(
        &server,
        &mut ada,
        "/admin/policy/apis",
        "name=&resource=nowhere&access_token_lifetime=1",
    );
    assert_eq!(bad.status, 400);
    for id in ["name-error", "resource-error", "access_token_lifetime-error"] {
        assert!(bad.body.contains(id), "{id}: {bad:?}");
    }
    let fields =
        "name=Billing&resource=https%3A%2F%2Fbilling.example&signing_algorithm=ES256&access_token_lifetime=600";
    let made = location(&send_form(&server, &mut ada, "/admin/policy/apis", fields));
    let id = made.rsplit('/').next().unwrap().to_owned();
    let api = ok(&ada.get(&server, &format!("{APIS}/{id}")), 200);
    assert_eq!(
        (&api["access_token_lifetime"], &api["is_public"]),
        (&json!(600), &json!(false))
    );
    let edited = send_form(&server, &mut ada, &made, &format!("version=1&{fields}&is_public=true"));
    assert_eq!(location(&edited), made);
    assert_eq!(ok(&ada.get(&server, &format!("{APIS}/{id}")), 200)["is_public"], true);
    let deleted = send_form(&server, &mut ada, &made, "version=2&action=delete");
    assert_eq!(location(&deleted), "/admin/policy/apis");
    assert_eq!(ada.get(&server, &made).status, 404);
}

#[test]
fn lists_come_in_pages_without_gap_or_repetition() {
    let (server, mut ada) = console();
    for number in 0..7 {
        let api = json!({ "resource": format!("https://api{number}.example"), "name": "X" });
        ok(&ada.send(&server, call("POST", APIS, &api)), 201);
    }
    for (list, total) in [
        (APIS.to_owned(), 9),
        ("/api/admin/scopes".into(), 5),
        ("/api/admin/scopes?api_id=api_projects".into(), 4),
        ("/api/admin/rate-tiers".into(), 3),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let sign = if list.contains('?') { '&' } else { '?' };
            let page = ok(&ada.get(&server, &format!("{list}{sign}limit=2{cursor}")), 200);
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| {
                item.get("id")
                    .or(item.get("name"))
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            }));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let before = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((before, seen.len()), (total, total), "{list}");
    }
    assert_eq!(problem(&ada.get(&server, &format!("{APIS}?limit=0"))).0, 400);
}

#[test]
fn a_credential_is_shown_once_kept_as_hash_and_two_live_at_most() {
    let (server, mut ada) = console();
    let path = "/api/admin/apis/api_projects/credentials";
    let create = |key: &str| with_header(call("POST", path, &json!({})), "idempotency-key", key);
    let made = ok(&ada.send(&server, create("one")), 201);
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(id.starts_with("apc_") && secret.starts_with("lka_"), "{made}");
    let stored = server.stores.database.column("SELECT secret_hash FROM api_credentials");
    assert_eq!(stored, [json!(crate::crypto::hash(secret))]);
    // A lost answer comes again; another credential does not.
    assert_eq!(ok(&ada.send(&server, create("one")), 201)["secret"], secret);
    let listed = ada.get(&server, path);
    assert!(!listed.body.contains(secret) && listed.body.contains(&secret[secret.len() - 4..]));
    ok(&ada.send(&server, create("two")), 201);
    assert_eq!(problem(&ada.send(&server, create("three"))).1, "conflict");
    let elsewhere = format!("/api/admin/apis/api_inner/credentials/{id}");
    assert_eq!(ada.send(&server, call("DELETE", &elsewhere, &Value::Null)).status, 404);
    ok(
        &ada.send(&server, call("DELETE", &format!("{path}/{id}"), &Value::Null)),
        204,
    );
    assert_eq!(
        ada.send(&server, call("DELETE", &format!("{path}/{id}"), &Value::Null))
            .status,
        404
    );
    ok(&ada.send(&server, create("four")), 201);
    let trail = server
        .stores
        .database
        .column("SELECT event || detail FROM audit")
        .iter()
        .map(Value::to_string)
        .collect::<String>();
    assert!(!trail.contains("lka_") && !trail.contains(secret));
    assert_eq!(ada.get(&server, "/api/admin/apis/api_none/credentials").status, 404);
    assert_eq!(
        ada.send(
            &server,
            call("POST", "/api/admin/apis/api_none/credentials", &json!({}))
        )
        .status,
        404
    );
    assert_eq!(
        problem(&ada.send(&server, call("POST", path, &json!({ "secret": "mine" })))).0,
        400
    );
}

#[test]
fn the_page_shows_a_new_secret_once() {
    let (server, mut ada) = console();
    let path = "/admin/policy/apis/api_projects";
    let page = send_form(&server, &mut ada, &format!("{path}/credentials"), "action=create");
    assert_eq!(page.status, 200);
    let secret = page
        .body
        .split("<code>lka_")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    assert!(!ada.get(&server, path).body.contains(&secret));
    let id = server.stores.database.column("SELECT id FROM api_credentials")[0]
        .as_str()
        .unwrap()
        .to_owned();
    let deleted = send_form(
        &server,
        &mut ada,
        &format!("{path}/credentials"),
        &format!("action=delete&credential_id={id}"),
    );
    assert_eq!(location(&deleted), path);
    assert_eq!(count(&server, "api_credentials"), 0);
}

#[test]
fn rate_tiers_are_made_changed_and_deleted_but_for_those_of_statuses() {
    let (server, mut ada) = console();
    let tiers = "/api/admin/rate-tiers";
    let tier = json!({ "name": "partner", "requests": 5000, "seconds": 900 });
    let made = ok(&ada.send(&server, call("POST", tiers, &tier)), 201);
    assert_eq!(made["app_requests"], 500_000);
    assert_eq!(problem(&ada.send(&server, call("POST", tiers, &tier))).1, "conflict");
    for (field, value) in [
        ("name", json!("Partner tier")),
        ("name", json!("")),
        ("requests", json!(0)),
        ("requests", json!(-1)),
        ("requests", json!(1.5)),
        ("app_requests", json!(0)),
        ("seconds", json!(86_401)),
        ("limit", json!(1)),
    ] {
        let mut bad = json!({ "name": "other", "requests": 1, "seconds": 1 });
        bad[field] = value;
        let (status, _, fields) = problem(&ada.send(&server, call("POST", tiers, &bad)));
        assert!(status == 400 && fields[0].starts_with(field), "{bad}: {fields:?}");
    }
    let partner = format!("{tiers}/partner");
    let fewer_than_for_one = json!({ "app_requests": 4999 });
    let (status, _, fields) = problem(&ada.send(&server, call("PATCH", &partner, &fewer_than_for_one)));
    assert!(status == 400 && fields[0].starts_with("app_requests"), "{fields:?}");
    let changed = ok(
        &ada.send(
            &server,
            call("PATCH", &partner, &json!({ "requests": 7, "app_requests": 30 })),
        ),
        200,
    );
    assert_eq!(
        (&changed["requests"], &changed["app_requests"]),
        (&json!(7), &json!(30))
    );
    ok(
        &ada.send(
            &server,
            call("PATCH", &format!("{tiers}/approved"), &json!({ "seconds": 60 })),
        ),
        200,
    );
    assert_eq!(
        problem(&ada.send(
            &server,
            call("PATCH", &format!("{tiers}/partner"), &json!({ "name": "x" }))
        ))
        .0,
        400
    );
    for name in ["approved", "pending_review", "trial"] {
        let refused = ada.send(&server, call("DELETE", &format!("{tiers}/{name}"), &Value::Null));
        assert_eq!(problem(&refused).1, "conflict", "{name}");
    }
    let policy = "/api/admin/apps/app_portal/policy";
    ok(
        &ada.send(&server, call("PATCH", policy, &json!({ "rate_tier": "partner" }))),
        200,
    );
    let delete = || call("DELETE", "/api/admin/rate-tiers/partner", &Value::Null);
    assert_eq!(problem(&ada.send(&server, delete())).1, "conflict");
    ok(
        &ada.send(&server, call("PATCH", policy, &json!({ "rate_tier": null }))),
        200,
    );
    ok(&ada.send(&server, delete()), 204);
    assert_eq!(ada.send(&server, delete()).status, 404);
}

#[test]
fn a_deleted_apis_credentials_and_grants_go_with_it() {
    let (server, mut ada) = console();
    let made = ok(
        &ada.send(
            &server,
            call(
                "POST",
                APIS,
                &json!({ "resource": "https://short.example", "name": "Short" }),
            ),
        ),
        201,
    );
    let api = format!("{APIS}/{}", made["id"].as_str().unwrap());
    ok(
        &ada.send(&server, call("POST", &format!("{api}/credentials"), &json!({}))),
        201,
    );
    let grant = call(
        "PUT",
        &format!("{api}/grants/default/user"),
        &json!({ "access": "all" }),
    );
    ok(&ada.send(&server, grant), 201);
    let left = |table: &str| count(&server, &format!("{table} WHERE api_id NOT IN (SELECT id FROM apis)"));
    ok(&ada.send(&server, call("DELETE", &api, &Value::Null)), 204);
    assert_eq!([left("api_credentials"), left("client_grants")], [json!(0), json!(0)]);
    assert_eq!(count(&server, "api_credentials"), 0);
}

// Rule: PRM 5, PRM 6
#[test]
fn an_operator_reads_and_copies_what_an_api_tells_its_clients() {
    let (server, mut ada) = console();
    let made = ada.send(
        &server,
        call(
            "POST",
            APIS,
            &json!({ "resource": "https://tools.example/mcp", "name": "Tools <MCP>" }),
        ),
    );
    let id = ok(&made, 201)["id"].as_str().unwrap().to_owned();
    let path = format!("{APIS}/{id}/protected-resource");
    let guide = ok(&ada.get(&server, &path), 200);
    let address = "http://localhost:8787/oauth/resource-metadata?resource=https%3A%2F%2Ftools.example%2Fmcp";
    assert_eq!(guide["metadata_url"], address);
    assert_eq!(
        guide["well_known_url"],
        "https://tools.example/.well-known/oauth-protected-resource/mcp"
    );
    assert_eq!(
        guide["challenges"]["no_token"],
        format!("Bearer resource_metadata=\"{address}\"")
    );
    // What is copied is what is served.
    let served = server.send(&get_request(address.strip_prefix(ISSUER).unwrap()));
    assert_eq!(guide["document"], serde_json::from_str::<Value>(&served.body).unwrap());
    let page = ada.get(&server, &format!("/admin/policy/apis/{id}"));
    for shown in [
        "https://tools.example/.well-known/oauth-protected-resource/mcp",
        "insufficient_scope",
        "Tools &#60;MCP&#62;",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", &*page.body);
    }
    // One that apps may ask for names its scopes, and this server's own API its well-known place.
    let projects = ok(
        &ada.get(&server, &format!("{APIS}/api_projects/protected-resource")),
        200,
    );
    let no_token = projects["challenges"]["no_token"].as_str().unwrap();
    assert!(
        no_token.ends_with("scope=\"read:profile read:projects read:team\""),
        "{no_token}"
    );
    assert_eq!(
        ada.get(&server, &format!("{APIS}/api_none/protected-resource")).status,
        404
    );
}
