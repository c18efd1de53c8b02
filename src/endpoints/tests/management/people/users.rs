//! Finding users, suspending them, letting them in again, taking back what they gave.

use super::*;

fn ids(reply: &Reply) -> Vec<String> {
    let body = json(reply);
    let items = body["items"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
    items
        .iter()
        .map(|user| user["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn nobody_but_an_administrator_sees_or_does_anything() {
    let server = platform();
    let user = format!("{USERS}/usr_ben");
    let reads = [
        USERS,
        &user,
        "/api/admin/apps",
        "/api/admin/apps/app_notes",
        "/api/admin/developers",
        "/api/admin/developers/dev_north",
    ];
    let changes = ["/suspend", "/reinstate", "/erase", "/revoke"].map(|action| format!("{user}{action}"));
    let others = [
        "/api/admin/apps/app_notes/revoke".to_owned(),
        "/api/admin/developers/dev_north/revoke".to_owned(),
    ];
    for name in ["alice", "rita", "dave"] {
        let mut browser = signed_in(&server, name);
        for target in reads {
            assert_eq!(problem(&browser.get(&server, target)).1, "forbidden", "{name} {target}");
        }
        for target in changes.iter().chain(&others) {
            let body = json!({ "reason": "x", "confirm": "usr_ben" });
            assert_eq!(
                problem(&browser.send(&server, post(target, &body))).1,
                "forbidden",
                "{name} {target}"
            );
        }
        for target in [
            "/admin/users",
            "/admin/users/usr_ben",
            "/admin/apps",
            "/admin/apps/app_notes",
            "/admin/developers",
        ] {
            assert_eq!(browser.get(&server, target).status, 403, "{name} {target}");
        }
    }
    for target in reads {
        assert_eq!(problem(&server.send(&get_request(target))).1, "unauthorized");
    }
    assert!(audit(&server).is_empty());
}

#[test]
fn users_are_found_by_how_any_of_their_names_begins_and_by_their_whole_id() {
    let server = platform();
    server
        .stores
        .database
        .run("UPDATE users SET account_name = 'Archer@example.com' WHERE id = 'usr_dave'");
    let mut ada = signed_in(&server, "ada");
    let mut found = |search: &str| ids(&ada.get(&server, &format!("{USERS}?search={search}")));
    assert_eq!(found("ALI"), ["usr_alice"]);
    assert_eq!(found("archer"), ["usr_dave"]);
    assert_eq!(found("Ben+O"), ["usr_ben"]);
    assert_eq!(found("usr_carol"), ["usr_carol"]);
    assert_eq!(found("a"), ["usr_ada", "usr_alice", "usr_dave"]);
    for nothing in ["usr_caro", "lice", "%25", "_", "usr_%25", "%5B", "a%00"] {
        assert!(found(nothing).is_empty(), "{nothing}");
    }
    let long = ada.get(&server, &format!("{USERS}?search={}", "x".repeat(201)));
    assert_eq!(problem(&long).0, 400);
}

#[test]
fn every_user_is_on_one_page_also_when_many_have_one_name() {
    let server = platform();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO users (id, username, name, created_at) SELECT 'usr_same' || i, 'x' || i, 'Kim Same', i % 3 FROM n",
    );
    let mut ada = signed_in(&server, "ada");
    for (search, all) in [("", 66), ("search=kim&", 60), ("search=x&", 60)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let reply = ada.get(&server, &format!("{USERS}?{search}limit=7{cursor}"));
            seen.extend(ids(&reply));
            match json(&reply)["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), count), (all, all), "{search}");
    }
}

#[test]
fn a_user_is_shown_with_all_there_is_of_them() {
    let server = platform();
    server.stores.database.run(
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at) VALUES ('con_a', 'oidc', 'Acme', 'https://id.example', 'x', 1);
         INSERT INTO user_identities VALUES ('https://id.example', 'subject 7', 'usr_ben', 'con_a', 1);
         INSERT INTO sessions (token_hash, user_id, auth_time, created_at, expires_at) VALUES ('h', 'usr_ben', 1, 1, 9);",
    );
    connect(&server, "cns_1", "usr_ben", "app_other", shard(0));
    let mut ada = signed_in(&server, "ada");
    let reply = ada.get(&server, &format!("{USERS}/usr_ben"));
    let user = json(&reply);
    assert_eq!(reply.header_value("ETag"), Some("\"1\""));
    assert_eq!(
        (&user["name"], &user["status"], &user["sessions"]),
        (&json!("Ben Okafor"), &json!("active"), &json!(1))
    );
    assert_eq!(user["identities"][0]["subject"], "subject 7");
    assert_eq!(
        user["developer_accounts"],
        json!([{ "id": "dev_north", "name": "Northwind Labs", "role": "member" }])
    );
    assert_eq!(
        (&user["consents"]["active"], &user["consents"]["newest"][0]["app_name"]),
        (&json!(1), &json!("Other"))
    );
    assert_eq!(
        problem(&ada.get(&server, &format!("{USERS}/usr_nobody"))).1,
        "not_found"
    );
}

// Covers: R33, R11
#[test]
fn whoever_is_suspended_loses_all_tokens_before_the_answer_and_nobody_else_any() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_ben", "app_other", shard(5));
    connect(&server, "cns_3", "usr_dave", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    let target = format!("{USERS}/usr_ben/suspend");
    let reply = ada.send(&server, post(&target, &json!({ "reason": "stolen account" })));
    assert_eq!(
        (reply.status, &json(&reply)["consents_left"]),
        (200, &json!(0)),
        "{reply:?}"
    );
    assert_eq!(json(&reply)["status"], "suspended");
    assert_eq!(alive(&server), ["cns_3"]);
    let expected = [
        "cns_1 revoked user_suspended",
        "cns_2 revoked user_suspended",
        "cns_3 active -",
    ];
    assert_eq!(consents(&server), expected);
    assert_eq!(audit(&server), ["user.suspended usr_ada usr_ben"]);
    // Once more is too late.
    let again = ada.send(&server, post(&target, &json!({ "reason": "again" })));
    assert_eq!(problem(&again).1, "conflict");
    let reinstated = ada.send(&server, post(&format!("{USERS}/usr_ben/reinstate"), &json!({})));
    assert_eq!(
        (reinstated.status, &json(&reinstated)["status"]),
        (200, &json!("active"))
    );
    assert_eq!(
        (alive(&server), consents(&server)),
        (vec!["cns_3".to_owned()], expected.map(Value::from).into())
    );
}

// Covers: R33
#[test]
fn a_ledger_out_of_reach_leaves_its_consents_and_the_answer_says_how_many() {
    let server = platform();
    for (number, name) in (0..3).zip(["cns_1", "cns_2", "cns_3"]) {
        connect(&server, name, "usr_ben", "app_planner", shard(number));
    }
    *server.stores.unreachable.borrow_mut() = vec![shard(1)];
    let mut ada = signed_in(&server, "ada");
    let reply = ada.send(
        &server,
        post(&format!("{USERS}/usr_ben/suspend"), &json!({ "reason": "x" })),
    );
    assert_eq!(
        (reply.status, &json(&reply)["consents_left"]),
        (202, &json!(1)),
        "{reply:?}"
    );
    assert_eq!(alive(&server), ["cns_2"]);
    // Whoever asks again, goes on.
    server.stores.unreachable.borrow_mut().clear();
    let reply = ada.send(&server, post(&format!("{USERS}/usr_ben/revoke"), &Value::Null));
    assert_eq!((reply.status, alive(&server)), (200, Vec::new()), "{reply:?}");
}

#[test]
fn what_is_wrong_with_a_change_is_said_and_nothing_is_changed() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    let mut ask = |target: &str, body: Value| problem(&ada.send(&server, post(&format!("{USERS}/{target}"), &body)));
    assert_eq!(ask("usr_ben/suspend", json!({})).2, ["reason is required"]);
    assert_eq!(
        ask("usr_ben/suspend", json!({ "reason": " " })).2,
        ["reason is required"]
    );
    assert_eq!(
        ask("usr_ben/suspend", json!({ "reason": "x".repeat(501) })).2,
        ["reason must be at most 500 letters long"]
    );
    assert_eq!(
        ask("usr_ben/suspend", json!({ "reason": "x", "until": 1 })).2,
        ["until is not a field of this request"]
    );
    assert_eq!(ask("usr_ben/reinstate", json!({})).1, "conflict");
    assert_eq!(ask("usr_ben/revoke", json!({ "reason": 7 })).0, 400);
    for action in ["suspend", "reinstate", "erase", "revoke"] {
        let body = json!({ "reason": "x", "confirm": "usr_nobody" });
        assert_eq!(ask(&format!("usr_nobody/{action}"), body).1, "not_found", "{action}");
    }
    assert_eq!(ask("usr_ada/suspend", json!({ "reason": "x" })).1, "conflict");
    assert_eq!(ask("usr_ada/erase", json!({ "confirm": "usr_ada" })).1, "conflict");
    let stale = with_header(
        post(&format!("{USERS}/usr_ben/suspend"), &json!({ "reason": "x" })),
        "if-match",
        "\"7\"",
    );
    assert_eq!(problem(&ada.send(&server, stale)).1, "precondition_failed");
    assert_eq!((alive(&server).len(), audit(&server).len()), (1, 0));
}

// Covers: R11
#[test]
fn what_a_user_gave_is_taken_back_and_they_stay() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    connect(&server, "cns_2", "usr_dave", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    let reply = ada.send(
        &server,
        post(&format!("{USERS}/usr_ben/revoke"), &json!({ "reason": "asked for it" })),
    );
    assert_eq!((reply.status, &json(&reply)["status"]), (200, &json!("active")));
    assert_eq!(consents(&server), ["cns_1 revoked operator", "cns_2 active -"]);
    assert_eq!(
        (alive(&server), audit(&server)),
        (vec!["cns_2".to_owned()], vec![json!("user.revoked usr_ada usr_ben")])
    );
}

#[test]
fn with_the_directory_down_nothing_is_done_and_nothing_is_said_to_be() {
    let server = platform();
    connect(&server, "cns_1", "usr_ben", "app_planner", shard(0));
    let mut ada = signed_in(&server, "ada");
    let request = post(&format!("{USERS}/usr_ben/suspend"), &json!({ "reason": "x" }));
    // The session, what its user may do and the user are read before.
    server
        .stores
        .plan_after(3, &[crate::store::memory::Fault::Before("database")]);
    assert_eq!(problem(&ada.send(&server, request)).0, 503);
    assert_eq!((alive(&server).len(), audit(&server).len()), (1, 0));
}

#[test]
fn whoever_changed_since_they_were_read_is_not_suspended() {
    let server = platform();
    let mut ada = signed_in(&server, "ada");
    let target = format!("{USERS}/usr_ben/suspend");
    let send = |ada: &mut Browser, etag: &str| {
        let request = post(&target, &json!({ "reason": "Spam" }));
        ada.send(&server, with_header(request, "if-match", etag)).status
    };
    let refused = send(&mut ada, "\"7\"");
    assert!(matches!(refused, 409 | 412), "{refused}");
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT status FROM users WHERE id = 'usr_ben'"),
        ["active"]
    );
    assert_eq!(send(&mut ada, "\"1\""), 200);
}
