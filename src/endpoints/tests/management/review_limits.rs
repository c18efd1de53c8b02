//! How much one side of a review may send the other.

use serde_json::json;

use super::reviews::{draft, path, submission, submit};
use super::*;

#[test]
fn developers_who_have_said_all_they_may_do_not_keep_reviewers_from_answering() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    server.stores.database.run(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO review_comments SELECT 'cmt_' || i, '{id}', 'usr_alice', 'developer', 'x', 1 FROM n"
    ));
    let comment = json!({ "body": "One more" });
    let refused = alice.send(&server, call("POST", &path(&id, "/comments"), &comment));
    assert_eq!(problem(&refused).1, "conflict");
    let by_reviewers = format!("/api/admin/apps/{id}/comments");
    assert_eq!(rita.send(&server, call("POST", &by_reviewers, &comment)).status, 201);
    server.stores.database.run(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
         INSERT INTO review_comments SELECT 'cmt_r' || i, '{id}', 'usr_rita', 'reviewer', 'x', 1 FROM n"
    ));
    let refused = rita.send(&server, call("POST", &by_reviewers, &comment));
    assert_eq!(problem(&refused).1, "conflict");
}

#[test]
fn an_app_is_submitted_twenty_times_a_day_at_most() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let (id, other) = (draft(&server, &mut alice), draft(&server, &mut alice));
    for _ in 0..20 {
        submit(&server, &mut alice, &id);
    }
    let once_more = || call("POST", &path(&id, "/submissions"), &submission());
    let refused = alice.send(&server, once_more());
    assert_eq!(problem(&refused).0, 409);
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT count(*) FROM submissions WHERE status = 'pending'"),
        [1]
    );
    submit(&server, &mut alice, &other);
    server.pass(24 * 3600 * 1000);
    let mut alice = signed_in(&server, "alice");
    assert_eq!(alice.send(&server, once_more()).status, 201);
}

#[test]
fn a_scope_that_went_out_of_the_catalogue_is_not_approved_and_can_be_rejected() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let mut rita = signed_in(&server, "rita");
    let id = draft(&server, &mut alice);
    let first = submit(&server, &mut alice, &id);
    let decide = |rita: &mut Browser, submission: &str, how: &str, body: &Value| {
        rita.send(
            &server,
            call("POST", &format!("/api/admin/reviews/{submission}/{how}"), body),
        )
    };
    assert_eq!(decide(&mut rita, &first, "approve", &Value::Null).status, 200);
    // An edit of an approved app asks for one scope more, which no app has.
    let edit = json!({ "permissions": [{ "scope": "read:projects" }, { "scope": "read:team" }] });
    assert_eq!(alice.send(&server, call("PATCH", &path(&id, ""), &edit)).status, 200);
    let second = submit(&server, &mut alice, &id);
    server
        .stores
        .database
        .run("DELETE FROM scopes WHERE name = 'read:team'");
    let refused = decide(&mut rita, &second, "approve", &Value::Null);
    assert_eq!(problem(&refused).1, "conflict");
    let in_force = server
        .stores
        .database
        .column("SELECT scope FROM app_scopes ORDER BY scope");
    assert_eq!(in_force, ["read:projects", "write:projects"]);
    assert_eq!(
        decide(&mut rita, &second, "reject", &json!({ "reason": "Gone" })).status,
        200
    );
}
