//! Who belongs to a developer account.

use serde_json::json;

use super::*;

const NORTH: &str = "/api/developer/accounts/dev_north";

fn invite(server: &Server, owner: &mut Browser) -> String {
    let made = owner.send(
        server,
        call("POST", &format!("{NORTH}/invitations"), &json!({ "note": "Dave" })),
    );
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)["token"].as_str().unwrap().to_owned()
}

fn accept(server: &Server, browser: &mut Browser, token: &str) -> Reply {
    browser.send(
        server,
        call("POST", "/api/developer/invitations", &json!({ "token": token })),
    )
}

fn members(server: &Server) -> Vec<Value> {
    server.stores.database.column(
        "SELECT user_id || ' ' || role FROM developer_members WHERE developer_id = 'dev_north' ORDER BY user_id",
    )
}

#[test]
fn an_invitation_makes_one_person_a_member_once() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let token = invite(&server, &mut alice);
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT token_hash FROM developer_invitations"),
        [crate::crypto::hash(&token)]
    );
    let shown = alice.get(&server, NORTH);
    assert!(!shown.body.to_string().contains(&token));
    let mut dave = signed_in(&server, "dave");
    assert_eq!(problem(&dave.get(&server, NORTH)).1, "not_found");
    assert_eq!(json(&accept(&server, &mut dave, &token))["id"], "dev_north");
    assert_eq!(dave.get(&server, NORTH).status, 200);
    let mut carol = signed_in(&server, "carol");
    assert_eq!(problem(&accept(&server, &mut carol, &token)).1, "not_found");
    assert_eq!(
        members(&server),
        ["usr_alice owner", "usr_ben member", "usr_dave member"]
    );
    let trail: Vec<String> = audit(&server)
        .iter()
        .map(|entry| entry.as_str().unwrap().to_owned())
        .collect();
    assert!(
        trail[0].starts_with("developer.member_invited usr_alice inv_"),
        "{trail:?}"
    );
    assert_eq!(trail[1], "developer.member_added usr_dave usr_dave");
}

#[test]
fn invitations_that_expired_or_were_taken_back_or_never_were_make_nobody_a_member() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (old, withdrawn) = (invite(&server, &mut alice), invite(&server, &mut alice));
    let ids = json(&alice.get(&server, NORTH))["invitations"].clone();
    assert_eq!(ids.as_array().unwrap().len(), 2);
    let id = server.stores.database.column(&format!(
        "SELECT id FROM developer_invitations WHERE token_hash = '{}'",
        crate::crypto::hash(&withdrawn)
    ));
    let path = format!("{NORTH}/invitations/{}", id[0].as_str().unwrap());
    assert_eq!(alice.send(&server, call("DELETE", &path, &Value::Null)).status, 204);
    assert_eq!(
        problem(&alice.send(&server, call("DELETE", &path, &Value::Null))).0,
        404
    );
    let mut dave = signed_in(&server, "dave");
    for token in [withdrawn.as_str(), "", "x", "%00"] {
        assert!(accept(&server, &mut dave, token).status >= 400, "{token}");
    }
    server.pass(7 * 24 * 3600 * 1000);
    let mut dave = signed_in(&server, "dave");
    assert_eq!(problem(&accept(&server, &mut dave, &old)).1, "not_found");
    assert_eq!(members(&server).len(), 2);
}

#[test]
fn invitations_do_not_outlive_the_ownership_of_whoever_made_them() {
    for steps in [&["owner"][..], &["owner", "members"]] {
        let server = portal();
        let mut alice = signed_in(&server, "alice");
        let token = invite(&server, &mut alice);
        let hand_over = call("PUT", &format!("{NORTH}/owner"), &json!({ "user_id": "usr_ben" }));
        assert_eq!(alice.send(&server, hand_over).status, 200);
        if steps.contains(&"members") {
            let mut ben = signed_in(&server, "ben");
            let removal = call("DELETE", &format!("{NORTH}/members/usr_alice"), &Value::Null);
            assert_eq!(ben.send(&server, removal).status, 204);
        }
        let left = server.stores.database.column("SELECT id FROM developer_invitations");
        assert!(left.is_empty(), "{left:?}");
        let mut dave = signed_in(&server, "dave");
        assert_eq!(problem(&accept(&server, &mut dave, &token)).1, "not_found");
    }
}

#[test]
fn an_invitation_by_somebody_who_is_not_the_owner_lets_nobody_in() {
    let server = portal();
    let token = invite(&server, &mut signed_in(&server, "alice"));
    // As a race with a hand-over would leave it.
    server
        .stores
        .database
        .run("UPDATE developer_invitations SET created_by = 'usr_ben'");
    let mut dave = signed_in(&server, "dave");
    assert_eq!(problem(&accept(&server, &mut dave, &token)).1, "not_found");
    assert_eq!(
        dave.get(&server, &format!("/developers/invitations/{token}")).status,
        404
    );
    assert_eq!(members(&server).len(), 2);
}

#[test]
fn a_member_who_is_removed_leaves_no_invitation_behind() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let token = invite(&server, &mut alice);
    server
        .stores
        .database
        .run("UPDATE developer_invitations SET created_by = 'usr_ben'");
    let removal = call("DELETE", &format!("{NORTH}/members/usr_ben"), &Value::Null);
    assert_eq!(alice.send(&server, removal).status, 204);
    assert!(
        server
            .stores
            .database
            .column("SELECT id FROM developer_invitations")
            .is_empty()
    );
    let mut dave = signed_in(&server, "dave");
    assert_eq!(problem(&accept(&server, &mut dave, &token)).1, "not_found");
}

#[test]
fn the_schedule_deletes_expired_invitations_and_kept_answers_so_many_at_once_and_no_others() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    invite(&server, &mut alice);
    let (past, soon) = (server.now.get().0, server.now.get().0 + 1);
    server.stores.database.run(&format!(
        "INSERT INTO developer_invitations VALUES ('inv_old', 'dev_north', 'h', 'n', 'usr_alice', 1, {past});
         INSERT INTO idempotency_keys VALUES ('good', 'r', 's', {soon});
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
         INSERT INTO idempotency_keys SELECT 'k' || i, 'r', 's', {past} - i FROM n"
    ));
    let left = || server.stores.database.column("SELECT count(*) FROM idempotency_keys")[0].clone();
    for expected in [501, 1, 1] {
        let log = crate::log::Log::new(&server.random);
        pollster::block_on(crate::endpoints::maintain(&server.context(&log))).unwrap();
        assert_eq!(left(), expected);
    }
    let kept = server.stores.database.column("SELECT note FROM developer_invitations");
    assert_eq!(kept, ["Dave"]);
}

#[test]
fn whoever_is_a_member_already_does_not_use_an_invitation_up() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let token = invite(&server, &mut alice);
    let mut ben = signed_in(&server, "ben");
    assert_eq!(problem(&accept(&server, &mut ben, &token)).1, "conflict");
    let mut dave = signed_in(&server, "dave");
    assert_eq!(accept(&server, &mut dave, &token).status, 200);
}

#[test]
fn only_the_owner_says_who_belongs_to_an_account_and_what_it_is_called() {
    let server = portal();
    for (name, code) in [("ben", "forbidden"), ("carol", "not_found")] {
        let mut browser = signed_in(&server, name);
        for request in [
            call("PATCH", NORTH, &json!({ "name": "Mine" })),
            call("POST", &format!("{NORTH}/invitations"), &json!({ "note": "me" })),
            call("DELETE", &format!("{NORTH}/invitations/inv_x"), &Value::Null),
            call("DELETE", &format!("{NORTH}/members/usr_alice"), &Value::Null),
            call("PUT", &format!("{NORTH}/owner"), &json!({ "user_id": "usr_ben" })),
        ] {
            let path = request.path.clone();
            assert_eq!(problem(&browser.send(&server, request)).1, code, "{name} {path}");
        }
    }
    assert_eq!(members(&server), ["usr_alice owner", "usr_ben member"]);
    assert!(audit(&server).is_empty());
}

#[test]
fn an_account_is_renamed_once_per_version() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let edit = |name: &str| with_header(call("PATCH", NORTH, &json!({ "name": name })), "if-match", "\"1\"");
    assert_eq!(json(&alice.send(&server, edit("Northwind")))["name"], "Northwind");
    assert_eq!(problem(&alice.send(&server, edit("Other"))).1, "precondition_failed");
    for (bad, message) in [
        (json!({ "name": "" }), "name is required"),
        (
            json!({ "contact": "nobody" }),
            "contact must be an e-mail address: team@example.com",
        ),
        (json!({ "owner": "usr_ben" }), "owner is not a field of this request"),
    ] {
        assert_eq!(problem(&alice.send(&server, call("PATCH", NORTH, &bad))).2, [message]);
    }
}

#[test]
fn a_member_who_is_removed_or_leaves_loses_the_apps_they_tested() {
    for by in ["alice", "ben"] {
        let server = portal();
        server.stores.database.run(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('app_one', 'dev_north', 'A', 'A', 'spa', 'portal', 'draft', 1);
             INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
             VALUES ('cns_one', 'usr_ben', 'app_one', 1, 'active', 1)",
        );
        let mut browser = signed_in(&server, by);
        let removal = call("DELETE", &format!("{NORTH}/members/usr_ben"), &Value::Null);
        assert_eq!(browser.send(&server, removal).status, 204);
        assert_eq!(members(&server), ["usr_alice owner"]);
        assert_eq!(
            server
                .stores
                .database
                .column("SELECT status || ' ' || ended_by FROM consents"),
            ["revoking tester_removed"]
        );
        let mut ben = signed_in(&server, "ben");
        assert_eq!(problem(&ben.get(&server, NORTH)).1, "not_found");
    }
}

#[test]
fn the_owner_leaves_only_after_handing_the_account_over_to_a_member() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let leave = || call("DELETE", &format!("{NORTH}/members/usr_alice"), &Value::Null);
    assert_eq!(problem(&alice.send(&server, leave())).1, "conflict");
    let hand_over = |user_id: &str| call("PUT", &format!("{NORTH}/owner"), &json!({ "user_id": user_id }));
    for other in ["usr_carol", "usr_alice", "usr_none"] {
        assert_eq!(
            problem(&alice.send(&server, hand_over(other))).1,
            "not_found",
            "{other}"
        );
    }
    assert_eq!(alice.send(&server, hand_over("usr_ben")).status, 200);
    assert_eq!(members(&server), ["usr_alice member", "usr_ben owner"]);
    assert_eq!(problem(&alice.send(&server, hand_over("usr_alice"))).1, "forbidden");
    assert_eq!(alice.send(&server, leave()).status, 204);
}

#[test]
fn the_pages_do_the_same() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, "/developers/accounts/dev_north");
    let csrf = hidden(&page, "csrf");
    let form = |path: &str, fields: &str| form_request(path, &format!("csrf={csrf}&{fields}"));
    let empty = alice.send(&server, form("/developers/accounts/dev_north/invitations", "note="));
    assert!(
        empty.status == 400 && empty.body.to_string().contains("note</a> is required"),
        "{empty:?}"
    );
    let made = alice.send(
        &server,
        form("/developers/accounts/dev_north/invitations", "note=%3Cb%3EDave"),
    );
    let html = made.body.to_string();
    assert!(made.status == 201 && !html.contains("<b>Dave"), "{html}");
    let token = html
        .split("/developers/invitations/")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let again = alice.get(&server, "/developers/accounts/dev_north").body.to_string();
    assert!(!again.contains(&token) && again.contains("Withdraw"));
    let path = format!("/developers/invitations/{token}");
    // Opening the link joins nothing.
    let mut dave = signed_in(&server, "dave");
    let offer = dave.get(&server, &path);
    assert!(offer.body.to_string().contains("Northwind Labs") && members(&server).len() == 2);
    let csrf_of_dave = hidden(&offer, "csrf");
    let joined = dave.send(&server, form_request(&path, &format!("csrf={csrf_of_dave}")));
    assert_eq!(location(&joined), "/developers/accounts/dev_north");
    assert_eq!(dave.get(&server, &path).status, 404);
    let owner = form("/developers/accounts/dev_north/members/usr_dave/owner", "");
    assert_eq!(location(&alice.send(&server, owner)), "/developers/accounts/dev_north");
    assert_eq!(members(&server)[2], "usr_dave owner");
    let leave = form("/developers/accounts/dev_north/members/usr_alice/remove", "");
    assert_eq!(location(&alice.send(&server, leave)), "/developers");
    assert_eq!(alice.get(&server, "/developers/accounts/dev_north").status, 404);
}
