//! Apps: registration, settings, deletion, by the JSON API.

use serde_json::json;

use super::*;

const APPS: &str = "/api/developer/apps";

/// The body of the seed documents.
fn new_app(app_type: &str) -> Value {
    json!({
        "name": "My Awesome Integration",
        "description": "Plans projects",
        "redirect_uris": ["https://planner.example/oauth/callback", "https://app.planner.example/cb"],
        "scopes": ["read:profile", "write:projects"],
        "app_type": app_type
    })
}

fn register(server: &Server, browser: &mut Browser, body: &Value) -> Value {
    let made = browser.send(server, call("POST", APPS, body));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)
}

fn with(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

// Covers: R12, R13, R15, R16, R17, R18, R29, B2, B7
#[test]
fn an_app_is_registered_and_submitted_by_the_body_of_the_documents() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let reply = alice.send(&server, call("POST", APPS, &new_app("web")));
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
    let made = json(&reply);
    let id = made["client_id"].as_str().unwrap();
    assert!(id.starts_with("app_") && made["app_id"] == id, "{made}");
    for (name, value) in [
        ("name", json!("My Awesome Integration")),
        ("description", json!("Plans projects")),
        ("app_type", json!("web")),
        ("developer_id", json!("dev_north")),
        ("scopes", json!(["read:profile", "write:projects"])),
        ("redirect_uris", new_app("web")["redirect_uris"].clone()),
        ("status", json!("pending_review")),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    let secret = made["client_secret"].as_str().unwrap();
    let stored = server.stores.database.column("SELECT secret_hash FROM client_secrets");
    assert_eq!(stored, [crate::crypto::hash(secret)]);
    let submitted = server
        .stores
        .database
        .column("SELECT status || ' ' || client_id FROM submissions");
    assert_eq!(submitted, [format!("pending {id}")]);
    let trail = [
        format!("app.created usr_alice {id}"),
        format!("app.submitted usr_alice {id}"),
    ];
    assert_eq!(audit(&server), trail);
    let in_force = server
        .stores
        .database
        .column("SELECT redirect_uri FROM app_redirect_uris");
    assert_eq!(in_force.len(), 2);
}

// Covers: R18, B5, B6
#[test]
fn only_an_app_with_a_server_of_its_own_has_a_secret() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    for (app_type, has_secret) in [("web", true), ("server", true), ("spa", false), ("mobile", false)] {
        let made = register(&server, &mut alice, &new_app(app_type));
        assert_eq!(made.get("client_secret").is_some(), has_secret, "{app_type}");
        let client_id = made["client_id"].as_str().unwrap();
        let secrets = format!("SELECT id FROM client_secrets WHERE client_id = '{client_id}'");
        assert_eq!(server.stores.database.column(&secrets).len(), usize::from(has_secret));
        // It is shown once only.
        let shown = json(&alice.get(&server, &format!("{APPS}/{client_id}")));
        assert_eq!(shown.get("client_secret"), None);
    }
}

// Covers: R14, R26
#[test]
fn scopes_that_are_not_offered_are_refused_as_the_documents_say() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    for (scopes, message) in [
        (
            json!(["read:profile", "read:everything"]),
            "scopes/1 is not available for third-party apps",
        ),
        (json!(["inner:all"]), "scopes/0 is not available for third-party apps"),
        (json!([""]), "scopes/0 is not available for third-party apps"),
        (json!(["read:team", "read:team"]), "scopes/1 is there twice"),
        (json!([]), "scopes must have at least one"),
    ] {
        let refused = alice.send(
            &server,
            call("POST", APPS, &with(new_app("web"), json!({ "scopes": scopes }))),
        );
        let (status, error, fields) = problem(&refused);
        assert_eq!((status, error.as_str()), (400, "invalid_scope"), "{scopes}");
        assert_eq!(fields, [message]);
        assert_eq!(json(&refused)["message"], message);
    }
    assert!(audit(&server).is_empty());
}

// Covers: R13, B3
#[test]
fn each_redirect_uri_is_refused_for_its_own_reason() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let uris = json!([
        "https://planner.example/cb",
        "http://planner.example/cb",
        "https://*.planner.example/cb",
        "https://planner.example/cb#x",
        "https://planner.example/cb",
        "javascript:alert(1)",
        "http://localhost/cb"
    ]);
    let refused = alice.send(
        &server,
        call("POST", APPS, &with(new_app("web"), json!({ "redirect_uris": uris }))),
    );
    let (status, error, fields) = problem(&refused);
    assert_eq!((status, error.as_str()), (400, "invalid_redirect_uri"));
    let which: Vec<&str> = fields.iter().filter_map(|field| field.split(' ').next()).collect();
    assert_eq!(
        which,
        [
            "redirect_uris/1",
            "redirect_uris/2",
            "redirect_uris/3",
            "redirect_uris/4",
            "redirect_uris/5",
            "redirect_uris/6"
        ]
    );
    assert!(fields[3].ends_with("is there twice"), "{fields:?}");
    for (uris, message) in [
        (json!([]), "redirect_uris must have at least one address"),
        (
            json!(vec!["https://planner.example/"; 21]),
            "redirect_uris must have at most 20 entries",
        ),
        (
            json!("https://planner.example/"),
            "redirect_uris must be a list of texts",
        ),
        (json!([7]), "redirect_uris must be a list of texts"),
        (json!(null), "redirect_uris is required"),
    ] {
        let body = with(new_app("spa"), json!({ "redirect_uris": uris }));
        assert_eq!(problem(&alice.send(&server, call("POST", APPS, &body))).2, [message]);
    }
}

// Covers: R19, B3
#[test]
fn whatever_else_is_wrong_is_named_and_is_never_a_fault_of_the_server() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    for (change, expected) in [
        (json!({ "name": null }), "name is required"),
        (json!({ "name": "  " }), "name is required"),
        (
            json!({ "name": "a".repeat(81) }),
            "name must be at most 80 letters long",
        ),
        (json!({ "name": { "$ne": 1 } }), "name must be text"),
        (json!({ "description": 7 }), "description must be text"),
        (
            json!({ "app_type": "desktop" }),
            "app_type must be one of: web, server, spa, mobile",
        ),
        (json!({ "app_type": null }), "app_type is required"),
        (
            json!({ "homepage_url": "javascript:alert(1)" }),
            "homepage_url must be the address of a page on the web: https://example.com/page",
        ),
        (json!({ "submit": "yes" }), "submit must be true or false"),
        (json!({ "status": "approved" }), "status is not a field of this request"),
        (
            json!({ "client_id": "app_mine" }),
            "client_id is not a field of this request",
        ),
        (
            json!({ "logo": "https://evil.example/x.png" }),
            "logo is not a field of this request",
        ),
        (json!({ "class": "operator" }), "class is not a field of this request"),
    ] {
        let refused = alice.send(&server, call("POST", APPS, &with(new_app("web"), change)));
        let (status, _, fields) = problem(&refused);
        assert_eq!((status, fields.as_slice()), (400, [expected.to_owned()].as_slice()));
    }
    assert!(audit(&server).is_empty());
}

// Covers: B2
#[test]
fn a_developer_without_an_account_gets_one_with_the_app_or_neither() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let made = register(&server, &mut dave, &new_app("spa"));
    let account = made["developer_id"].as_str().unwrap();
    let name = server
        .stores
        .database
        .column(&format!("SELECT name FROM developers WHERE id = '{account}'"));
    assert_eq!(name, ["Dave Young"]);
    // The next app is theirs too.
    assert_eq!(register(&server, &mut dave, &new_app("spa"))["developer_id"], account);
}

#[test]
fn whoever_belongs_to_several_accounts_says_which_and_nobody_names_one_of_others() {
    let server = portal();
    server
        .stores
        .database
        .run("INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_south', 'usr_alice', 'member')");
    let mut alice = signed_in(&server, "alice");
    let refused = alice.send(&server, call("POST", APPS, &new_app("spa")));
    assert!(problem(&refused).2[0].starts_with("developer_id is required"));
    let south = with(new_app("spa"), json!({ "developer_id": "dev_south" }));
    assert_eq!(register(&server, &mut alice, &south)["developer_id"], "dev_south");
    let mut ben = signed_in(&server, "ben");
    assert_eq!(problem(&ben.send(&server, call("POST", APPS, &south))).0, 404);
}

#[test]
fn a_draft_is_not_submitted_and_may_receive_codes_on_testers_own_devices() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let local = with(new_app("web"), json!({ "redirect_uris": ["http://localhost:3000/cb"] }));
    assert_eq!(
        problem(&alice.send(&server, call("POST", APPS, &local))).1,
        "invalid_redirect_uri"
    );
    let made = register(&server, &mut alice, &with(local, json!({ "submit": false })));
    assert_eq!(made["status"], "draft");
    assert!(server.stores.database.column("SELECT id FROM submissions").is_empty());
}

#[test]
fn a_registration_sent_twice_with_one_key_makes_one_app_and_tells_its_secret_again() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let request = || with_header(call("POST", APPS, &new_app("web")), "idempotency-key", "one");
    let (first, second) = (alice.send(&server, request()), alice.send(&server, request()));
    assert_eq!(json(&first)["client_secret"], json(&second)["client_secret"]);
    assert_eq!(server.stores.database.column("SELECT client_id FROM apps").len(), 1);
}

// Covers: R24
#[test]
fn each_developer_lists_and_reads_the_apps_of_their_accounts_and_no_others() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let mut ids = Vec::new();
    for _ in 0..3 {
        server.pass(1000);
        ids.push(register(&server, &mut alice, &new_app("spa"))["client_id"].clone());
    }
    let mut ben = signed_in(&server, "ben");
    let first = json(&ben.get(&server, &format!("{APPS}?limit=2")));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = json(&ben.get(&server, &format!("{APPS}?limit=2&cursor={cursor}")));
    let listed: Vec<Value> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|app| app["client_id"].clone())
        .collect();
    ids.reverse();
    assert_eq!(listed, ids);
    assert_eq!(second["next_cursor"], json!(null));
    let mut carol = signed_in(&server, "carol");
    assert_eq!(json(&carol.get(&server, APPS))["items"], json!([]));
    let app = format!("{APPS}/{}", ids[0].as_str().unwrap());
    for refused in [
        carol.get(&server, &app),
        carol.send(&server, call("PATCH", &app, &json!({ "name": "Mine" }))),
        carol.send(&server, call("DELETE", &app, &Value::Null)),
        carol.get(&server, &format!("{APPS}/app_none")),
    ] {
        assert_eq!(problem(&refused).1, "not_found");
    }
}

#[test]
fn an_edit_changes_what_it_names_and_nothing_else() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let made = register(&server, &mut alice, &with(new_app("web"), json!({ "submit": false })));
    let app = format!("{APPS}/{}", made["client_id"].as_str().unwrap());
    let change = json!({ "name": "Planner", "homepage_url": "https://planner.example/", "permissions": [
        { "scope": "read:team", "is_optional": true, "reason": "to show the team" }
    ] });
    let changed = alice.send(&server, call("PATCH", &app, &change));
    assert_eq!(
        (changed.status, changed.header_value("ETag")),
        (200, Some("\"2\"")),
        "{changed:?}"
    );
    let changed = json(&changed);
    assert_eq!(changed["name"], "Planner");
    assert_eq!(changed["description"], made["description"]);
    assert_eq!(changed["scopes"], json!(["read:team"]));
    assert_eq!(
        changed["permissions"],
        json!([{ "scope": "read:team", "is_default": true, "is_optional": true, "reason": "to show the team" }])
    );
    let fields = server
        .stores
        .database
        .column("SELECT detail FROM audit WHERE event = 'app.settings_changed'");
    assert_eq!(fields, ["{\"fields\":[\"name\",\"scopes\",\"homepage_url\"]}"]);
    // What is null goes.
    let cleared = alice.send(&server, call("PATCH", &app, &json!({ "homepage_url": null })));
    assert_eq!(json(&cleared)["homepage_url"], json!(null));
    for (bad, message) in [
        (json!({ "name": null }), "name is required"),
        (
            json!({ "app_type": "mobile" }),
            "app_type is not a field of this request",
        ),
        (
            json!({ "scopes": ["read:team"], "permissions": [] }),
            "permissions cannot come together with scopes",
        ),
        (json!({ "permissions": [] }), "permissions must have at least one"),
        (json!({ "permissions": [{}] }), "permissions/0/scope is required"),
        (
            json!({ "permissions": [{ "scope": "read:team", "granted": true }] }),
            "permissions/0/granted is not a field of this request",
        ),
        (json!({ "permissions": "all" }), "permissions must be a list of objects"),
    ] {
        assert_eq!(problem(&alice.send(&server, call("PATCH", &app, &bad))).2, [message]);
    }
}

#[test]
fn an_edit_of_what_somebody_else_changed_meanwhile_is_refused() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let made = register(&server, &mut alice, &new_app("web"));
    let app = format!("{APPS}/{}", made["client_id"].as_str().unwrap());
    let edit = |tag: &str, name: &str| with_header(call("PATCH", &app, &json!({ "name": name })), "if-match", tag);
    assert_eq!(alice.send(&server, edit("\"1\"", "One")).status, 200);
    let mut ben = signed_in(&server, "ben");
    for tag in ["\"1\"", "\"7\"", "W/\"2\"", "x"] {
        assert_eq!(
            problem(&ben.send(&server, edit(tag, "Two"))).1,
            "precondition_failed",
            "{tag}"
        );
    }
    let delete = with_header(call("DELETE", &app, &Value::Null), "if-match", "\"1\"");
    assert_eq!(problem(&ben.send(&server, delete)).1, "precondition_failed");
    assert_eq!(json(&ben.get(&server, &app))["name"], "One");
}

// Covers: B40
#[test]
fn an_edit_of_an_approved_app_leaves_what_is_in_force_alone() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let made = register(&server, &mut alice, &new_app("web"));
    let app = format!("{APPS}/{}", made["client_id"].as_str().unwrap());
    server
        .stores
        .database
        .run("UPDATE apps SET status = 'approved', approved_at = 1, draft = NULL");
    let edit = json!({ "name": "Other", "redirect_uris": ["https://evil.example/"], "scopes": ["read:team"] });
    let edited = json(&alice.send(&server, call("PATCH", &app, &edit)));
    assert_eq!(
        (&edited["status"], &edited["name"]),
        (&json!("approved"), &json!("Other"))
    );
    assert_eq!(edited["in_force"]["name"], "My Awesome Integration");
    assert_eq!(
        server.stores.database.column("SELECT scope FROM app_scopes"),
        ["read:profile", "write:projects"]
    );
    assert!(
        !server
            .stores
            .database
            .column("SELECT redirect_uri FROM app_redirect_uris")
            .contains(&json!("https://evil.example/"))
    );
    // Nor may it lead to people's own devices any more.
    let local = json!({ "redirect_uris": ["http://localhost/cb"] });
    assert_eq!(
        problem(&alice.send(&server, call("PATCH", &app, &local))).1,
        "invalid_redirect_uri"
    );
}

#[test]
fn a_deleted_app_keeps_no_secret_and_ends_its_consents_and_is_found_no_more() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let made = register(&server, &mut alice, &new_app("web"));
    let id = made["client_id"].as_str().unwrap();
    let app = format!("{APPS}/{id}");
    server.stores.database.run(&format!(
        "INSERT INTO app_testers (client_id, user_id, added_at) VALUES ('{id}', 'usr_dave', 1);
         INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('{id}', 'api_projects', 'user', 'all');
         INSERT INTO consents (id, user_id, client_id, shard, status, created_at, revoked_at, ended_by) VALUES
           ('cns_one', 'usr_dave', '{id}', 1, 'active', 1, NULL, NULL),
           ('cns_two', 'usr_carol', '{id}', 1, 'revoked', 1, 2, 'user')"
    ));
    let deleted = alice.send(&server, call("DELETE", &app, &Value::Null));
    assert_eq!((deleted.status, deleted.body.to_string().as_str()), (204, ""));
    assert_eq!(problem(&alice.get(&server, &app)).1, "not_found");
    assert_eq!(json(&alice.get(&server, APPS))["items"], json!([]));
    let database = &server.stores.database;
    for table in ["client_secrets", "app_redirect_uris", "app_scopes", "app_testers"] {
        let left = database.column(&format!("SELECT count(*) FROM {table} WHERE client_id = '{id}'"));
        assert_eq!(left, [0], "{table}");
    }
    assert_eq!(
        database.column("SELECT id || ' ' || status || ' ' || ended_by FROM consents ORDER BY id"),
        ["cns_one revoking app_deleted", "cns_two revoked user"]
    );
    assert_eq!(database.column("SELECT status FROM submissions"), ["withdrawn"]);
    assert_eq!(database.column("SELECT epoch FROM apps"), [2]);
    assert_eq!(
        audit(&server).last().unwrap(),
        &json!(format!("app.deleted usr_alice {id}"))
    );
    assert_eq!(
        problem(&alice.send(&server, call("DELETE", &app, &Value::Null))).1,
        "not_found"
    );
}

#[test]
fn only_public_apis_are_offered() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let offered = json(&alice.get(&server, "/api/developer/scopes"));
    let apis = offered["items"].as_array().unwrap();
    assert_eq!((apis.len(), &apis[0]["name"]), (1, &json!("Projects API")));
    let scopes: Vec<_> = apis[0]["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope["name"].clone())
        .collect();
    assert_eq!(scopes, ["read:profile", "read:projects", "write:projects", "read:team"]);
    assert_eq!(apis[0]["scopes"][2]["sensitive"], true);
}

#[test]
fn storage_that_fails_makes_half_an_app_at_no_step() {
    for trips in 1..6 {
        let server = portal();
        let mut alice = signed_in(&server, "alice");
        server
            .stores
            .plan_after(trips, &[crate::store::memory::Fault::Before("database")]);
        let reply = alice.send(&server, call("POST", APPS, &new_app("web")));
        let made = server.stores.database.column("SELECT client_id FROM apps").len();
        assert!(
            (reply.status, made) == (201, 1) || (reply.status, made) == (503, 0),
            "{trips} {reply:?}"
        );
    }
}
