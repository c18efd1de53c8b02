//! Erasing users.

use super::*;

/// All text in all tables.
fn all_text(server: &Server) -> String {
    let database = &server.stores.database;
    let tables = database.column("SELECT name FROM sqlite_master WHERE type = 'table'");
    let mut text = String::new();
    for table in tables.iter().filter_map(Value::as_str) {
        let columns = database.column(&format!(
            "SELECT group_concat('COALESCE(\"' || name || '\", '''')', ' || '' '' || ') FROM pragma_table_info('{table}')"
        ));
        let columns = columns[0].as_str().unwrap().to_owned();
        for row in database.column(&format!("SELECT {columns} FROM \"{table}\"")) {
            text.push_str(row.as_str().unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

fn erase(server: &Server, user_id: &str) -> Reply {
    let mut ada = signed_in(server, "ada");
    ada.send(
        server,
        post(&format!("{USERS}/{user_id}/erase"), &json!({ "confirm": user_id })),
    )
}

#[test]
fn nothing_is_left_of_whoever_is_erased_but_the_id() {
    let server = platform();
    server.stores.database.run(
        "UPDATE users SET account_name = 'ben.okafor@example.com' WHERE id = 'usr_ben';
         INSERT INTO app_testers (client_id, name, added_at) VALUES ('app_draft', 'Ben.Okafor@Example.com', 1), ('app_notes', 'BEN', 1), ('app_notes', 'someone', 1);
         INSERT INTO connections (id, kind, name, issuer, client_id, created_at) VALUES ('con_a', 'oidc', 'Acme', 'https://id.example', 'x', 1);
         INSERT INTO user_identities VALUES ('https://id.example', 'subject of ben', 'usr_ben', 'con_a', 1);
         INSERT INTO sessions (token_hash, user_id, auth_time, created_at, expires_at) VALUES ('session of ben', 'usr_ben', 1, 1, 9);
         INSERT INTO app_testers (client_id, user_id, added_at) VALUES ('app_draft', 'usr_ben', 1);
         INSERT INTO user_roles (user_id, role) VALUES ('usr_ben', 'reviewer');
         INSERT INTO developer_invitations VALUES ('inv_1', 'dev_north', 'h', 'for the brother of Ben Okafor', 'usr_ben', 1, 9);",
    );
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_dave", "app_planner", shard(1));
    let reply = erase(&server, "usr_ben");
    assert_eq!(
        (reply.status, &json(&reply)["status"]),
        (200, &json!("erased")),
        "{reply:?}"
    );
    assert_eq!(
        (&json(&reply)["name"], &json(&reply)["username"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(alive(&server), ["cns_2"]);
    let text = all_text(&server);
    assert!(text.contains("usr_ben") && text.contains("Alice Archer") && text.contains("firefox/linux"));
    for gone in ["okafor", "subject of ben", "session of ben", " ben "] {
        assert!(!text.to_lowercase().contains(gone), "{gone}");
    }
    for table in [
        "user_roles",
        "developer_members",
        "app_testers",
        "user_identities",
        "sessions",
    ] {
        let left = server
            .stores
            .database
            .column(&format!("SELECT count(*) FROM {table} WHERE user_id = 'usr_ben'"));
        assert_eq!(left, [0], "{table}");
    }
    let device = server.stores.database.column("SELECT device FROM consents ORDER BY id");
    assert_eq!(device, [Value::Null, json!("firefox/linux")]);
    assert_eq!(
        server.stores.database.column("SELECT name FROM app_testers"),
        ["someone"]
    );
    assert_eq!(audit(&server), ["user.erased usr_ada usr_ben"]);
    // There is nobody to erase, to reinstate or to find any more.
    assert_eq!(problem(&erase(&server, "usr_ben")).1, "conflict");
    let mut ada = signed_in(&server, "ada");
    let again = ada.send(&server, post(&format!("{USERS}/usr_ben/reinstate"), &json!({})));
    assert_eq!(problem(&again).1, "conflict");
    assert_eq!(
        json(&ada.get(&server, &format!("{USERS}?search=ben")))["items"],
        json!([])
    );
}

#[test]
fn nobody_is_erased_whose_id_was_not_typed() {
    let server = platform();
    let mut ada = signed_in(&server, "ada");
    for body in [
        json!({}),
        json!({ "confirm": "usr_dave" }),
        json!({ "confirm": true }),
        json!({ "confirm": "usr_ben", "reason": "x" }),
    ] {
        let refused = ada.send(&server, post(&format!("{USERS}/usr_ben/erase"), &body));
        assert_eq!(problem(&refused).0, 400, "{body}");
    }
    assert!(audit(&server).is_empty());
}

#[test]
fn the_owner_of_an_account_that_others_belong_to_hands_it_over_first() {
    let server = platform();
    assert_eq!(problem(&erase(&server, "usr_alice")).1, "conflict");
    assert!(all_text(&server).contains("Alice Archer"));
    server.stores.database.run(
        "UPDATE developer_members SET role = 'member' WHERE user_id = 'usr_alice';
         UPDATE developer_members SET role = 'owner' WHERE user_id = 'usr_ben';",
    );
    assert_eq!(erase(&server, "usr_alice").status, 200);
}

#[test]
fn the_account_of_one_person_goes_out_of_use_with_them() {
    let server = platform();
    server.stores.database.run(
        "INSERT INTO webhook_endpoints (id, developer_id, url, sealed_secret, created_at)
         VALUES ('whe_north', 'dev_north', 'https://north.example/hook', 'x', 1);
         INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at,
                                  developer_name)
         VALUES ('sub_1', 'app_agent', 1, 'pending', '{}', '', 'usr_carol', 1, 'Carol Diaz');
         UPDATE apps SET approved_developer_name = 'Carol Diaz' WHERE developer_id = 'dev_south';",
    );
    // Named after herself, and named otherwise later.
    let mut carol = signed_in(&server, "carol");
    for change in [
        json!({ "name": "Carol Diaz", "contact": "carol@example.com" }),
        json!({ "name": "Southgate Tools" }),
        json!({ "name": "Carol Diaz" }),
    ] {
        let renaming = call("PATCH", "/api/developer/accounts/dev_south", &change);
        assert_eq!(carol.send(&server, renaming).status, 200);
    }
    // Where her webhooks go tells who she is, too.
    let webhooks = "/api/developer/accounts/dev_south/webhooks";
    for (method, path, change) in [
        (
            "POST",
            webhooks.to_owned(),
            json!({ "url": "https://carol.diaz.dev/hook", "events": ["app.deleted"] }),
        ),
        (
            "POST",
            webhooks.to_owned(),
            json!({ "url": "https://hooks.acme.dev/a", "events": ["app.deleted"] }),
        ),
    ] {
        let made = carol.send(&server, call(method, &path, &change));
        assert_eq!(made.status, 201, "{made:?}");
        let moved = format!("{webhooks}/{}", json(&made)["id"].as_str().unwrap());
        let elsewhere = json!({ "url": "https://diaz.dev/hook" });
        assert_eq!(carol.send(&server, call("PATCH", &moved, &elsewhere)).status, 200);
    }
    let details = "SELECT detail FROM audit WHERE event NOT LIKE 'webhook.%' ORDER BY seq";
    assert_eq!(
        server.stores.database.column(details),
        [
            r#"{"fields":["name","contact"]}"#,
            r#"{"fields":["name"]}"#,
            r#"{"fields":["name"]}"#
        ]
    );
    connect(&server, "cns_1", "usr_ben", "app_other", shard(0));
    assert_eq!(erase(&server, "usr_carol").status, 200);
    let endpoints = server.stores.database.column("SELECT id FROM webhook_endpoints");
    assert_eq!(endpoints, ["whe_north"]);
    let told = server.stores.database.column("SELECT id FROM webhook_deliveries");
    assert!(told.is_empty(), "{told:?}");
    let apps = "SELECT client_id || ' ' || status || ' ' || epoch FROM apps ORDER BY client_id";
    let expected = [
        "app_agent rejected 2",
        "app_draft draft 1",
        "app_notes approved 1",
        "app_other suspended 2",
        "app_planner approved 1",
    ];
    assert_eq!(server.stores.database.column(apps), expected);
    let suspended = "SELECT client_id || ' ' || suspension_reason FROM apps WHERE suspended_at IS NOT NULL";
    let expected = ["app_other the only member of its developer account was erased"];
    assert_eq!(server.stores.database.column(suspended), expected);
    assert_eq!(
        server.stores.database.column("SELECT status FROM submissions"),
        ["withdrawn"]
    );
    let text = all_text(&server);
    assert!(!text.contains("carol@") && !text.to_lowercase().contains("diaz"));
    let events = "SELECT event || ' ' || target_id FROM audit WHERE event NOT LIKE 'webhook.%' ORDER BY event";
    let expected = [
        "app.rejected app_agent",
        "app.suspended app_other",
        "developer.changed dev_south",
        "developer.changed dev_south",
        "developer.changed dev_south",
        "user.erased usr_carol",
    ];
    assert_eq!(server.stores.database.column(events), expected);
}
