//! Reviewers and administrators.

use super::*;
use crate::management::actor::FirstAdministrator;

const ROLES: &str = "/api/admin/roles";

fn appoint(user: &str, role: &str) -> Request {
    call("POST", ROLES, &json!({ "user": user, "role": role }))
}

fn dismiss(user_id: &str, role: &str) -> Request {
    call("DELETE", &format!("{ROLES}/{user_id}/{role}"), &Value::Null)
}

#[test]
fn somebody_is_appointed_by_name_or_id_and_may_act_at_once() {
    let (server, mut ada) = console();
    let mut dave = signed_in(&server, "dave");
    assert_eq!(dave.get(&server, ROLES).status, 403);
    let made = ok(&ada.send(&server, appoint("dave", "administrator")), 201);
    assert_eq!(
        (&made["user_id"], &made["granted_by"]),
        (&json!("usr_dave"), &json!("usr_ada"))
    );
    assert_eq!(dave.get(&server, ROLES).status, 200);
    ok(&ada.send(&server, appoint("usr_carol", "reviewer")), 201);
    assert_eq!(
        problem(&ada.send(&server, appoint("usr_carol", "reviewer"))).1,
        "conflict"
    );
    ok(&ada.send(&server, dismiss("usr_dave", "administrator")), 204);
    assert_eq!(dave.get(&server, ROLES).status, 403);
    assert_eq!(ada.send(&server, dismiss("usr_dave", "administrator")).status, 404);
    let about_dave = server
        .stores
        .database
        .column("SELECT event FROM audit WHERE user_id = 'usr_dave' ORDER BY seq");
    assert_eq!(about_dave, ["role.granted", "role.removed"]);
}

#[test]
fn nobody_is_appointed_by_a_name_they_chose_nor_anybody_who_is_out() {
    let (server, mut ada) = console();
    server.stores.database.run(
        "UPDATE users SET account_name = 'boss@example.com' WHERE id = 'usr_dave';
         UPDATE users SET status = 'suspended' WHERE id = 'usr_ben';
         UPDATE users SET erased_at = 5 WHERE id = 'usr_carol'",
    );
    for user in [
        "boss@example.com",
        "Dave Young",
        "ben",
        "usr_carol",
        "carol",
        "nobody",
        "",
        "%",
    ] {
        let (status, _, fields) = problem(&ada.send(&server, appoint(user, "administrator")));
        assert!(status == 400 && fields[0].starts_with("user "), "{user}: {fields:?}");
    }
    for role in ["owner", "admin", ""] {
        assert_eq!(problem(&ada.send(&server, appoint("dave", role))).0, 400, "{role}");
    }
    assert_eq!(count(&server, "user_roles"), 2);
}

#[test]
fn the_last_administrator_stays_unless_another_is_named_by_secret() {
    let (mut server, mut ada) = console();
    assert_eq!(
        problem(&ada.send(&server, dismiss("usr_ada", "administrator"))).1,
        "conflict"
    );
    // Whoever is suspended administers nothing.
    ok(&ada.send(&server, appoint("ben", "administrator")), 201);
    server
        .stores
        .database
        .run("UPDATE users SET status = 'suspended' WHERE id = 'usr_ben'");
    assert_eq!(
        problem(&ada.send(&server, dismiss("usr_ada", "administrator"))).1,
        "conflict"
    );
    ok(&ada.send(&server, dismiss("usr_rita", "reviewer")), 204);
    server.config.first_administrator = FirstAdministrator::parse("con_acme ada@acme.example");
    ok(&ada.send(&server, dismiss("usr_ada", "administrator")), 204);
    assert_eq!(ada.get(&server, ROLES).status, 403);
}

#[test]
fn the_first_administrator_is_who_comes_by_that_connection_as_that_subject_and_nobody_else() {
    let (mut server, _) = console();
    server.config.first_administrator = FirstAdministrator::parse("con_acme dave");
    server.stores.database.run(
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at) VALUES
           ('con_acme', 'oidc', 'Acme', 'https://id.example', 'x', 1), ('con_other', 'oidc', 'Other', 'https://other.example', 'x', 1);
         INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at) VALUES
           ('https://id.example', 'dave', 'usr_dave', 'con_acme', 1), ('https://other.example', 'dave', 'usr_carol', 'con_other', 1),
           ('https://id.example', 'Dave', 'usr_ben', 'con_acme', 1)",
    );
    for (username, status) in [("dave", 200), ("carol", 403), ("ben", 403)] {
        let mut browser = signed_in(&server, username);
        assert_eq!(browser.get(&server, ROLES).status, status, "{username}");
    }
    let mut dave = signed_in(&server, "dave");
    ok(&dave.send(&server, appoint("alice", "administrator")), 201);
    assert!(
        dave.get(&server, "/admin/policy/roles")
            .body
            .contains("FIRST_ADMINISTRATOR")
    );
}

#[test]
fn the_page_appoints_and_removes() {
    let (server, mut ada) = console();
    let bad = send_form(&server, &mut ada, "/admin/policy/roles", "user=nobody&role=reviewer");
    assert!(
        bad.status == 400 && bad.body.contains("user-error") && bad.body.contains("value=\"nobody\""),
        "{bad:?}"
    );
    let done = send_form(&server, &mut ada, "/admin/policy/roles", "user=dave&role=reviewer");
    assert_eq!(location(&done), "/admin/policy/roles");
    assert!(ada.get(&server, "/admin/policy/roles").body.contains("Dave Young"));
    let done = send_form(
        &server,
        &mut ada,
        "/admin/policy/roles",
        "user=usr_dave&role=reviewer&action=remove",
    );
    assert_eq!(location(&done), "/admin/policy/roles");
    let last = send_form(
        &server,
        &mut ada,
        "/admin/policy/roles",
        "user=usr_ada&role=administrator&action=remove",
    );
    assert_eq!(last.status, 409);
}
