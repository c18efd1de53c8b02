//! What happens between the look at something and its change. Each change is decided on what was read, and made only if
//! that still holds in the transaction that makes it.

use serde_json::json;

use super::*;

/// `app_lens` of `dev_north` is approved, `app_wait` waits for its review, `app_off` is suspended; there is a second
/// administrator, a connection, a rate tier, and an invitation made by alice.
const THINGS: &str = "
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, created_by, approved_at,
                  suspended_at, suspension_reason) VALUES
  ('app_lens', 'dev_north', 'Lens', 'Looks', 'web', 'portal', 'approved', 1, 'usr_alice', 2, NULL, NULL),
  ('app_wait', 'dev_north', 'Wait', 'Waits', 'web', 'portal', 'pending_review', 1, 'usr_alice', NULL, NULL, NULL),
  ('app_self', 'dev_unclaimed', 'Self', 'Itself', 'web', 'registered', 'draft', 1, NULL, NULL, NULL, NULL),
  ('app_off', 'dev_north', 'Off', 'Dark', 'web', 'portal', 'suspended', 1, 'usr_alice', 2, 3, 'Spam');
INSERT INTO app_redirect_uris (client_id, redirect_uri) VALUES ('app_lens', 'https://lens.example/cb');
INSERT INTO app_scopes (client_id, scope) VALUES ('app_lens', 'read:projects');
INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at) VALUES ('lsc_first', 'app_lens', 'x', 'abcd', 1);
INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at, developer_name) VALUES
  ('sub_wait', 'app_wait', 1, 'pending', '{\"name\":\"Wait\",\"description\":\"Waits\",\"redirect_uris\":[],\"scopes\":[{\"scope\":\"read:projects\",\"is_default\":true,\"is_optional\":false,\"reason\":null}]}',
   '', 'usr_alice', 1, 'Northwind Labs');
INSERT INTO app_testers (id, client_id, name, added_at) VALUES ('tst_one', 'app_lens', 'dora', 1);
INSERT INTO connections (id, kind, name, issuer, client_id, client_secret_name, created_at)
  VALUES ('con_one', 'oidc', 'One', 'https://id.dev', 'x', 'CONNECTION_ONE', 1);
INSERT INTO users (id, username, name, created_at) VALUES ('usr_abe', 'abe', 'Abe', 1);
INSERT INTO user_roles (user_id, role) VALUES ('usr_abe', 'administrator');
INSERT INTO rate_tiers (name, requests, seconds) VALUES ('gold', 1000, 900);
INSERT INTO developer_invitations (id, developer_id, token_hash, note, created_by, created_at, expires_at) VALUES
  ('inv_one', 'dev_north', '{HASH}', 'Dave', 'usr_alice', 1, 9000000000000);
";

const LEAVES: &str = "DELETE FROM developer_members WHERE user_id = 'usr_ben'";
const JOINS: &str = "INSERT INTO developer_members (developer_id, user_id, role) VALUES
                       ('dev_north', 'usr_rita', 'member'), ('dev_north', 'usr_ada', 'member')";
const HANDS_OVER: &str = "UPDATE developer_members SET role = 'member' WHERE user_id = 'usr_alice';
                          UPDATE developer_members SET role = 'owner' WHERE user_id = 'usr_ben'";
const CLAIMED: &str = "UPDATE apps SET developer_id = 'dev_north', version = version + 1 WHERE client_id = 'app_self'";
const EDITED: &str = "UPDATE apps SET version = version + 1";

/// Who sends what, and what happens before it is written.
type Case = (&'static str, &'static str, &'static str, Value, &'static str);

fn cases() -> Vec<Case> {
    let name = || json!({ "name": "Other" });
    let reason = || json!({ "reason": "Because" });
    let key = json!({ "jwks_uri": "https://lens.dev/jwks", "method": "private_key_jwt" });
    vec![
        // Whoever does not belong to the account any more.
        ("ben", "PATCH", "/api/developer/apps/app_lens", name(), LEAVES),
        ("ben", "DELETE", "/api/developer/apps/app_lens", Value::Null, LEAVES),
        ("ben", "POST", "/api/developer/apps/app_lens/secrets", json!({}), LEAVES),
        ("ben", "PUT", "/api/developer/apps/app_lens/authentication", key, LEAVES),
        (
            "ben",
            "POST",
            "/api/developer/apps/app_lens/testers",
            json!({ "name": "eve" }),
            LEAVES,
        ),
        (
            "ben",
            "DELETE",
            "/api/developer/apps/app_lens/testers/tst_one",
            Value::Null,
            LEAVES,
        ),
        (
            "ben",
            "POST",
            "/api/developer/apps/app_lens/comments",
            json!({ "body": "Hello" }),
            LEAVES,
        ),
        (
            "ben",
            "DELETE",
            "/api/developer/apps/app_wait/submissions/pending",
            Value::Null,
            LEAVES,
        ),
        (
            "ben",
            "DELETE",
            "/api/developer/accounts/dev_north/members/usr_ben",
            Value::Null,
            LEAVES,
        ),
        (
            "ben",
            "POST",
            "/api/developer/accounts/dev_north/webhooks",
            hook(),
            LEAVES,
        ),
        // Whoever does not own it any more.
        (
            "alice",
            "PATCH",
            "/api/developer/accounts/dev_north",
            name(),
            HANDS_OVER,
        ),
        (
            "alice",
            "POST",
            "/api/developer/accounts/dev_north/invitations",
            json!({ "note": "Eve" }),
            HANDS_OVER,
        ),
        (
            "alice",
            "DELETE",
            "/api/developer/accounts/dev_north/invitations/inv_one",
            Value::Null,
            HANDS_OVER,
        ),
        (
            "alice",
            "DELETE",
            "/api/developer/accounts/dev_north/members/usr_ben",
            Value::Null,
            "UPDATE developer_members SET role = 'member' WHERE user_id = 'usr_alice'",
        ),
        (
            "alice",
            "PUT",
            "/api/developer/accounts/dev_north/owner",
            json!({ "user_id": "usr_ben" }),
            LEAVES,
        ),
        (
            "alice",
            "PATCH",
            "/api/developer/accounts/dev_north",
            name(),
            "UPDATE developers SET version = version + 1",
        ),
        // An invitation that has expired, that nobody stands by any more, or into an account that is full.
        (
            "dave",
            "POST",
            "/api/developer/invitations",
            json!({ "token": "tok" }),
            "UPDATE developer_invitations SET expires_at = 2",
        ),
        (
            "dave",
            "POST",
            "/api/developer/invitations",
            json!({ "token": "tok" }),
            HANDS_OVER,
        ),
        (
            "dave",
            "POST",
            "/api/developer/invitations",
            json!({ "token": "tok" }),
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48)
             INSERT INTO users (id, username, name, created_at) SELECT 'usr_' || i, 'u' || i, 'U', 1 FROM n;
             INSERT INTO developer_members (developer_id, user_id, role)
             SELECT 'dev_north', id, 'member' FROM users WHERE name = 'U'",
        ),
        // Another was quicker.
        ("alice", "PATCH", "/api/developer/apps/app_lens", name(), EDITED),
        ("alice", "DELETE", "/api/developer/apps/app_lens", Value::Null, EDITED),
        (
            "alice",
            "POST",
            "/api/developer/apps/app_lens/secrets",
            json!({}),
            "UPDATE apps SET authentication = 'private_key_jwt' WHERE client_id = 'app_lens'",
        ),
        (
            "alice",
            "POST",
            "/api/developer/apps/app_lens/secrets",
            json!({}),
            "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at) VALUES ('lsc_b', 'app_lens', 'y', 'b', 2)",
        ),
        (
            "dave",
            "POST",
            "/api/developer/apps",
            new_app(),
            "INSERT INTO developers (id, name, created_at) VALUES ('dev_dave', 'Dave', 1);
             INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_dave', 'usr_dave', 'owner')",
        ),
        (
            "carol",
            "POST",
            "/api/developer/apps",
            new_app(),
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             SELECT 'app_' || i, 'dev_south', 'A', 'A', 'spa', 'portal', 'draft', 1 FROM n",
        ),
        // Whoever came to have a part in what they decide over.
        (
            "rita",
            "POST",
            "/api/admin/reviews/sub_wait/approve",
            Value::Null,
            JOINS,
        ),
        ("rita", "POST", "/api/admin/reviews/sub_wait/reject", reason(), JOINS),
        (
            "rita",
            "POST",
            "/api/admin/reviews/sub_wait/approve",
            Value::Null,
            "UPDATE apps SET created_by = 'usr_rita' WHERE client_id = 'app_wait'",
        ),
        ("rita", "POST", "/api/admin/apps/app_lens/suspend", reason(), JOINS),
        ("rita", "POST", "/api/admin/apps/app_off/reinstate", Value::Null, JOINS),
        (
            "rita",
            "POST",
            "/api/admin/apps/app_self/submissions",
            Value::Null,
            CLAIMED,
        ),
        ("ada", "POST", "/api/admin/apps", operators_app(), JOINS),
        // What is decided over is not what it was.
        (
            "rita",
            "POST",
            "/api/admin/reviews/sub_wait/approve",
            Value::Null,
            "UPDATE apps SET status = 'suspended' WHERE client_id = 'app_wait'",
        ),
        (
            "rita",
            "POST",
            "/api/admin/reviews/sub_wait/approve",
            Value::Null,
            "UPDATE submissions SET status = 'withdrawn', decided_at = 2 WHERE id = 'sub_wait'",
        ),
        (
            "rita",
            "POST",
            "/api/admin/apps/app_self/submissions",
            Value::Null,
            EDITED,
        ),
        // What administrators decide.
        (
            "ada",
            "PATCH",
            "/api/admin/connections/con_one",
            name(),
            "UPDATE connections SET version = version + 1",
        ),
        (
            "ada",
            "PATCH",
            "/api/admin/apis/api_projects",
            name(),
            "UPDATE apis SET version = version + 1",
        ),
        (
            "ada",
            "PATCH",
            "/api/admin/scopes/read:team",
            json!({ "title": "Other" }),
            "UPDATE scopes SET version = version + 1",
        ),
        (
            "ada",
            "DELETE",
            "/api/admin/scopes/read:team",
            Value::Null,
            "UPDATE scopes SET version = version + 1",
        ),
        (
            "ada",
            "DELETE",
            "/api/admin/scopes/read:team",
            Value::Null,
            "INSERT INTO app_scopes (client_id, scope) VALUES ('app_lens', 'read:team')",
        ),
        (
            "ada",
            "POST",
            "/api/admin/scopes",
            json!({ "name": "read:all", "api_id": "api_projects", "title": "All", "description": "All" }),
            "INSERT INTO retired_scopes (name) VALUES ('read:all')",
        ),
        (
            "ada",
            "PUT",
            "/api/admin/apis/api_projects/grants/default/user",
            json!({ "access": "none" }),
            "UPDATE client_grants SET version = version + 1",
        ),
        (
            "ada",
            "DELETE",
            "/api/admin/apis/api_projects/grants/default/user",
            Value::Null,
            "UPDATE client_grants SET version = version + 1",
        ),
        (
            "ada",
            "PATCH",
            "/api/admin/apps/app_lens/policy",
            json!({ "rate_tier": "gold" }),
            "DELETE FROM rate_tiers WHERE name = 'gold'",
        ),
        (
            "ada",
            "PATCH",
            "/api/admin/apps/app_lens/policy",
            json!({ "access_token_lifetime": 60 }),
            EDITED,
        ),
        (
            "ada",
            "POST",
            "/api/admin/roles",
            json!({ "user": "dave", "role": "reviewer" }),
            "UPDATE users SET status = 'suspended' WHERE id = 'usr_dave'",
        ),
        (
            "ada",
            "DELETE",
            "/api/admin/roles/usr_ada/administrator",
            Value::Null,
            "UPDATE users SET status = 'suspended' WHERE id = 'usr_abe'",
        ),
        (
            "ada",
            "DELETE",
            "/api/admin/roles/usr_ada/administrator",
            Value::Null,
            "DELETE FROM user_roles WHERE user_id = 'usr_abe'",
        ),
        (
            "ada",
            "POST",
            "/api/admin/users/usr_carol/erase",
            json!({ "confirm": "usr_carol" }),
            "INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_south', 'usr_dave', 'member')",
        ),
    ]
}

fn hook() -> Value {
    json!({ "url": "https://hooks.dev/in", "events": ["app.approved"] })
}

fn new_app() -> Value {
    json!({
        "name": "New", "description": "New", "app_type": "spa", "redirect_uris": ["https://new.example/cb"],
        "scopes": ["read:profile"]
    })
}

fn operators_app() -> Value {
    let mut app = new_app();
    app["developer_id"] = json!("dev_north");
    app["status"] = json!("approved");
    app
}

fn with_things() -> Server {
    let server = portal();
    let things = THINGS.replace("{HASH}", &crate::crypto::hash("tok"));
    server.stores.database.run(&things);
    server
}

/// Everything that a change may write.
fn everything(server: &Server) -> Vec<String> {
    let tables = [
        "apps",
        "app_scopes",
        "app_redirect_uris",
        "app_testers",
        "submissions",
        "review_comments",
        "client_secrets",
        "developers",
        "developer_members",
        "developer_invitations",
        "webhook_endpoints",
        "apis",
        "scopes",
        "retired_scopes",
        "client_grants",
        "connections",
        "user_roles",
        "users",
        "audit",
    ];
    tables.map(|table| server.stores.database.dump(table)).into()
}

#[test]
fn what_changes_between_the_look_and_the_change_refuses_it_and_nothing_is_written() {
    let mut wrong = Vec::new();
    for (who, method, target, body, meanwhile) in cases() {
        let server = with_things();
        let mut browser = signed_in(&server, who);
        server.stores.database.meanwhile(meanwhile);
        let reply = browser.send(&server, call(method, target, &body));
        // As if it had happened, and nothing else.
        let expected = with_things();
        signed_in(&expected, who);
        expected.stores.database.run(meanwhile);
        let is_refused = matches!(reply.status, 403 | 404 | 409 | 412) && server.stores.database.has_happened();
        if !is_refused || everything(&server) != everything(&expected) {
            wrong.push(format!("{method} {target}, {meanwhile}: {reply:?}"));
        }
    }
    assert_eq!(wrong, <[String; 0]>::default());
}

#[test]
fn each_of_these_is_done_where_nothing_happens_meanwhile() {
    let mut wrong = Vec::new();
    for (who, method, target, body, _) in cases() {
        let server = with_things();
        let reply = signed_in(&server, who).send(&server, call(method, target, &body));
        if !(200..300).contains(&reply.status) {
            wrong.push(format!("{method} {target}: {reply:?}"));
        }
    }
    assert_eq!(wrong, <[String; 0]>::default());
}

#[test]
fn what_is_submitted_is_what_was_looked_at() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = super::reviews::draft(&server, &mut alice);
    let submit = |alice: &mut Browser| {
        let target = super::reviews::path(&id, "/submissions");
        alice
            .send(&server, call("POST", &target, &super::reviews::submission()))
            .status
    };
    server
        .stores
        .database
        .meanwhile("UPDATE apps SET version = version + 1");
    assert_eq!(submit(&mut alice), 412);
    assert!(server.stores.database.column("SELECT id FROM submissions").is_empty());
    assert_eq!(submit(&mut alice), 201);
}
