//! Finding apps and developer accounts, and taking back what apps were given.

use super::*;
use crate::management::people::revoking;
use crate::store::database::Database;

fn apps(reply: &Reply) -> Vec<String> {
    let body = json(reply);
    let items = body["items"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
    items
        .iter()
        .map(|app| app["client_id"].as_str().unwrap().to_owned())
        .collect()
}

// Covers: R24
#[test]
fn apps_are_found_by_name_id_developer_status_and_class_together() {
    let server = platform();
    server
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 5 WHERE client_id = 'app_draft'");
    let mut ada = signed_in(&server, "ada");
    for (query, expected) in [
        ("", vec!["app_agent", "app_other", "app_notes", "app_planner"]),
        ("search=PLAN", vec!["app_planner"]),
        ("search=app_notes", vec!["app_notes"]),
        ("developer_id=dev_south", vec!["app_agent", "app_other"]),
        (
            "status=approved&developer_id=dev_north",
            vec!["app_notes", "app_planner"],
        ),
        ("class=registered", vec!["app_agent"]),
        ("search=n&class=portal", vec!["app_notes"]),
        ("search=n&status=suspended", vec![]),
        ("search=Draft", vec![]),
        ("search=app_draft", vec![]),
    ] {
        assert_eq!(
            apps(&ada.get(&server, &format!("/api/admin/apps?{query}"))),
            expected,
            "{query}"
        );
    }
    for (bad, field) in [
        ("status=dead", "status"),
        ("class=x", "class"),
        ("search=a&search=b", "search"),
    ] {
        let fields = problem(&ada.get(&server, &format!("/api/admin/apps?{bad}"))).2;
        assert!(fields[0].starts_with(field), "{fields:?}");
    }
    assert_eq!(problem(&ada.get(&server, "/api/admin/apps/app_draft")).1, "not_found");
}

// Covers: R24
#[test]
fn each_app_is_on_one_page_of_a_search_that_most_do_not_fit() {
    let server = platform();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500)
         INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         SELECT 'app_n' || i, 'dev_south', 'Same', '', 'spa', CASE i % 500 WHEN 0 THEN 'operator' ELSE 'portal' END,
                'approved', 100 + i / 4 FROM n",
    );
    let mut ada = signed_in(&server, "ada");
    for query in [
        "class=operator",
        "search=same&class=operator",
        "status=approved&class=operator&developer_id=dev_south",
    ] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            pages += 1;
            let reply = ada.get(&server, &format!("/api/admin/apps?{query}&limit=4{cursor}"));
            seen.extend(apps(&reply));
            match json(&reply)["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), count), (9, 9), "{query}");
        assert!(pages <= 6, "{query}");
    }
}

#[test]
fn an_app_is_shown_with_all_there_is_of_it_but_its_secrets() {
    let server = platform();
    server.stores.database.run(
        "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at) VALUES ('lsc_1', 'app_planner', 'the hash', 'wxyz', 5);
         INSERT INTO app_redirect_uris VALUES ('app_planner', 'https://app.example/callback');
         INSERT INTO app_scopes (client_id, scope) VALUES ('app_planner', 'read:profile');",
    );
    let mut ada = signed_in(&server, "ada");
    let reply = ada.get(&server, "/api/admin/apps/app_planner");
    let app = json(&reply);
    assert_eq!(app["redirect_uris"], json!(["https://app.example/callback"]));
    assert_eq!(
        (&app["scopes"], &app["secrets"][0]["hint"]),
        (&json!(["read:profile"]), &json!("wxyz"))
    );
    assert!(!reply.body.contains("the hash"));
}

// Covers: R11, R24
#[test]
fn what_an_app_was_given_is_taken_back_and_no_other_app_loses_anything() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_dave", "app_planner", shard(3));
    connect(&server, "cns_3", "usr_ben", "app_notes", shard(0));
    server.pass(10);
    let mut ada = signed_in(&server, "ada");
    let reply = ada.send(
        &server,
        post("/api/admin/apps/app_planner/revoke", &json!({ "reason": "leaked" })),
    );
    assert_eq!((reply.status, json(&reply)), (200, json!({ "consents_left": 0 })));
    assert_eq!(alive(&server), ["cns_3"]);
    assert_eq!(
        consents(&server),
        ["cns_1 revoked operator", "cns_2 revoked operator", "cns_3 active -"]
    );
    let epochs = "SELECT client_id || ' ' || epoch || ' ' || COALESCE(revoked_before, '-') FROM apps WHERE class = 'portal' ORDER BY 1";
    let expected = ["app_draft 1 -", "app_notes 1 -", "app_other 1 -", "app_planner 2 -"];
    assert_eq!(server.stores.database.column(epochs), expected);
    assert_eq!(audit(&server), ["app.revoked usr_ada app_planner"]);
    // It may be connected again, and what is given then stays.
    server.pass(10);
    connect(&server, "cns_4", "usr_ben", "app_planner", shard(0));
    pollster::block_on(server.stores.transact(revoking::go_on(server.now.get()).into())).unwrap();
    assert_eq!(consents(&server)[3], "cns_4 active -");
}

// Covers: R11
#[test]
fn the_apps_of_a_developer_account_lose_all_they_were_given_and_those_of_others_nothing() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_dave", "app_notes", shard(3));
    connect(&server, "cns_3", "usr_ben", "app_other", shard(0));
    let mut ada = signed_in(&server, "ada");
    let reply = ada.send(&server, post("/api/admin/developers/dev_north/revoke", &Value::Null));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(alive(&server), ["cns_3"]);
    let epochs = server
        .stores
        .database
        .column("SELECT epoch FROM apps WHERE developer_id = 'dev_north'");
    assert_eq!(epochs, [2, 2, 2]);
    assert_eq!(audit(&server), ["developer.revoked usr_ada dev_north"]);
}

// Covers: R11
#[test]
fn the_consents_of_a_large_app_go_some_thousand_at_a_time() {
    let server = platform();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO consents (id, user_id, client_id, shard, status, created_at, instance)
         SELECT 'cns_' || i, 'usr_ben', 'app_planner', 768 + i % 16, 'active', 5, i FROM n",
    );
    let count = |status: &str| {
        let count = format!("SELECT count(*) FROM consents WHERE status = '{status}'");
        server.stores.database.column(&count)[0].as_i64().unwrap()
    };
    let mut ada = signed_in(&server, "ada");
    server.trips();
    let reply = ada.send(&server, post("/api/admin/apps/app_planner/revoke", &Value::Null));
    assert_eq!(reply.status, 202, "{reply:?}");
    assert!(server.trips().iter().filter(|part| **part == "ledger").count() <= 40);
    assert_eq!(
        (count("revoked"), count("revoking"), count("active")),
        (10_000, 0, 15_000)
    );
    let go_on = || {
        let statements = revoking::go_on(server.now.get());
        pollster::block_on(server.stores.transact(statements.into())).unwrap();
    };
    go_on();
    assert_eq!((count("revoking"), count("active")), (10_000, 5_000));
    go_on();
    assert_eq!((count("revoking"), count("active")), (15_000, 0));
    let left = "SELECT count(*) FROM apps WHERE revoked_before IS NOT NULL";
    assert_eq!(server.stores.database.column(left), [0]);
}

#[test]
fn the_consents_of_a_large_app_that_is_deleted_go_some_thousand_at_a_time() {
    let server = platform();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO consents (id, user_id, client_id, shard, status, created_at, instance)
         SELECT 'cns_' || i, 'usr_ben', 'app_planner', 768 + i % 16, 'active', 5, i FROM n;
         UPDATE consents SET status = 'revoking', ended_by = 'unused', revoked_at = 6 WHERE id = 'cns_7'",
    );
    let count = |condition: &str| {
        let count = format!("SELECT count(*) FROM consents WHERE {condition}");
        server.stores.database.column(&count)[0].as_i64().unwrap()
    };
    let mut alice = signed_in(&server, "alice");
    let path = "/api/developer/apps/app_planner";
    let mut request = post(path, &Value::Null);
    request.method = "DELETE".into();
    let reply = alice.send(&server, request);
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(
        (count("status = 'revoking'"), count("status = 'active'")),
        (10_001, 14_999)
    );
    for _ in 0..2 {
        let statements = revoking::go_on(server.now.get());
        pollster::block_on(server.stores.transact(statements.into())).unwrap();
    }
    assert_eq!(count("status = 'revoking' AND ended_by = 'app_deleted'"), 25_000);
    let left = "SELECT count(*) FROM apps WHERE revoked_before IS NOT NULL";
    assert_eq!(server.stores.database.column(left), [0]);
}

#[test]
fn what_is_not_there_is_not_revoked() {
    let server = platform();
    server
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 5 WHERE client_id = 'app_draft'");
    let mut ada = signed_in(&server, "ada");
    for target in ["apps/app_nothing", "apps/app_draft", "developers/dev_nothing"] {
        let reply = ada.send(&server, post(&format!("/api/admin/{target}/revoke"), &Value::Null));
        assert_eq!(problem(&reply).1, "not_found", "{target}");
    }
    for target in ["developers/dev_nothing", "apps/app_nothing"] {
        assert_eq!(
            problem(&ada.get(&server, &format!("/api/admin/{target}"))).1,
            "not_found",
            "{target}"
        );
    }
    let bad = ada.send(
        &server,
        post("/api/admin/apps/app_notes/revoke", &json!({ "all": true })),
    );
    assert_eq!(problem(&bad).0, 400);
    assert!(audit(&server).is_empty());
}

#[test]
fn developer_accounts_are_found_by_name_and_shown_with_their_members() {
    let server = platform();
    let mut ada = signed_in(&server, "ada");
    let found = json(&ada.get(&server, "/api/admin/developers?search=north"));
    assert_eq!(
        (&found["items"][0]["id"], found["items"].as_array().unwrap().len()),
        (&json!("dev_north"), 1)
    );
    let found = json(&ada.get(&server, "/api/admin/developers?search=dev_south"));
    assert_eq!(found["items"][0]["name"], "Southgate Tools");
    let first = json(&ada.get(&server, "/api/admin/developers?limit=1"));
    let next = first["next_cursor"].as_str().unwrap();
    let second = json(&ada.get(&server, &format!("/api/admin/developers?limit=1&cursor={next}")));
    assert_eq!(
        (&first["items"][0]["id"], &second["items"][0]["id"]),
        (&json!("dev_south"), &json!("dev_north"))
    );
    let account = json(&ada.get(&server, "/api/admin/developers/dev_north"));
    assert_eq!(
        account["members"][0],
        json!({ "user_id": "usr_alice", "name": "Alice Archer", "role": "owner" })
    );
}
