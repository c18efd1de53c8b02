//! Reviews: submitting, deciding, suspending, commenting, by whole requests.

use serde_json::json;

use super::*;
use crate::store::database::Database;

pub const QUEUE: &str = "/api/admin/reviews";

fn apps() -> &'static str {
    "/api/developer/apps"
}

pub fn path(client_id: &str, end: &str) -> String {
    format!("{}/{client_id}{end}", apps())
}

/// An app of alice's that lacks nothing, as a draft.
pub fn draft(server: &Server, alice: &mut Browser) -> String {
    let made = alice.send(
        server,
        call(
            "POST",
            apps(),
            &json!({
                "name": "Planner", "description": "Plans", "app_type": "web", "submit": false,
                "redirect_uris": ["https://planner.example/cb"], "scopes": ["read:projects", "write:projects"],
                "homepage_url": "https://planner.example/", "privacy_policy_url": "https://planner.example/privacy"
            }),
        ),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let id = json(&made)["client_id"].as_str().unwrap().to_owned();
    let permissions = json!([
        { "scope": "read:projects" },
        { "scope": "write:projects", "reason": "To put plans into projects" },
    ]);
    patch(server, alice, &id, &json!({ "permissions": permissions }));
    id
}

pub fn patch(server: &Server, alice: &mut Browser, id: &str, changes: &Value) {
    let done = alice.send(server, call("PATCH", &path(id, ""), changes));
    assert_eq!(done.status, 200, "{done:?}");
}

pub fn submission() -> Value {
    json!({ "testing": "https://planner.example/demo" })
}

pub fn submit(server: &Server, alice: &mut Browser, id: &str) -> String {
    let made = alice.send(server, call("POST", &path(id, "/submissions"), &submission()));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)["id"].as_str().unwrap().to_owned()
}

pub fn approve(server: &Server, rita: &mut Browser, submission: &str) -> Reply {
    rita.send(
        server,
        call("POST", &format!("{QUEUE}/{submission}/approve"), &Value::Null),
    )
}

pub fn reject(server: &Server, rita: &mut Browser, submission: &str) -> Reply {
    let reason = json!({ "reason": "We could not sign in." });
    rita.send(server, call("POST", &format!("{QUEUE}/{submission}/reject"), &reason))
}

pub fn switch(server: &Server, browser: &mut Browser, id: &str, how: &str, body: &Value) -> Reply {
    browser.send(server, call("POST", &format!("/api/admin/apps/{id}/{how}"), body))
}

pub fn app(server: &Server, id: &str) -> String {
    let columns = "status || ' ' || epoch || ' ' || name || ' ' || COALESCE(approved_by, '-') || ' ' ||
                   (SELECT group_concat(redirect_uri, ',') FROM app_redirect_uris u WHERE u.client_id = a.client_id)";
    let found = server
        .stores
        .database
        .column(&format!("SELECT {columns} FROM apps a WHERE client_id = '{id}'"));
    found[0].as_str().unwrap().to_owned()
}

// Covers: R29, R30, R32
#[test]
fn what_is_submitted_waits_for_a_reviewer_and_comes_into_force_with_their_approval() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    let listed = json(&alice.get(&server, &path(&id, "/submissions")));
    let item = &listed["items"][0];
    assert_eq!(
        (item["status"].as_str(), item["number"].as_u64()),
        (Some("pending"), Some(1))
    );
    assert!(item["submitted_for_review_at"].as_str().unwrap().ends_with('Z'));
    server.pass(7_200_000);
    let mut rita = signed_in(&server, "rita");
    let queue = json(&rita.get(&server, QUEUE));
    assert_eq!(queue["items"][0]["id"], sub.as_str());
    assert_eq!(queue["items"][0]["age_seconds"], 7200);
    assert_eq!(queue["items"][0]["sensitive_scopes"], 1);
    let seen = rita.get(&server, &format!("{QUEUE}/{sub}"));
    assert_eq!(seen.header_value("ETag"), Some("\"1\""), "{seen:?}");
    let seen = json(&seen);
    assert_eq!(seen["testing"], "https://planner.example/demo");
    assert_eq!(seen["app"]["developer"]["name"], "Northwind Labs");
    assert_eq!(
        seen["diff"]["scopes"][1]["after"]["reason"],
        "To put plans into projects"
    );
    assert_eq!((&seen["missing"], &seen["observations"]), (&json!([]), &json!([])));
    let approved = approve(&server, &mut rita, &sub);
    assert_eq!(approved.status, 200, "{approved:?}");
    let approved = json(&approved);
    assert_eq!(
        (approved["status"].as_str(), approved["approved_by"].as_str()),
        (Some("approved"), Some("usr_rita"))
    );
    assert!(approved["approved_at"].is_string());
    assert_eq!(
        app(&server, &id),
        "approved 1 Planner usr_rita https://planner.example/cb"
    );
    assert_eq!(json(&rita.get(&server, QUEUE))["items"], json!([]));
    let trail = audit(&server);
    assert_eq!(trail.last().unwrap(), &json!(format!("app.approved usr_rita {id}")));
    // To developers, a reviewer is nobody in particular.
    let told = alice.get(&server, &path(&id, "/submissions"));
    assert!(!told.body.contains("usr_rita"), "{told:?}");
}

// Covers: R31
#[test]
fn a_rejection_needs_a_reason_and_ends_the_tokens_of_an_app_that_was_never_approved() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    for body in [
        json!({}),
        json!({ "reason": "  " }),
        json!({ "reason": "x".repeat(2001) }),
    ] {
        let refused = rita.send(&server, call("POST", &format!("{QUEUE}/{sub}/reject"), &body));
        assert_eq!(problem(&refused).0, 400, "{body}");
    }
    let rejected = json(&reject(&server, &mut rita, &sub));
    assert_eq!(
        (rejected["status"].as_str(), rejected["rejected_by"].as_str()),
        (Some("rejected"), Some("usr_rita"))
    );
    assert_eq!(rejected["rejection_reason"], "We could not sign in.");
    assert!(app(&server, &id).starts_with("rejected 2 "));
    let told = json(&alice.get(&server, &path(&id, "/submissions")));
    assert_eq!(told["items"][0]["rejection_reason"], "We could not sign in.");
    assert!(told["items"][0]["rejected_at"].is_string());
    let details = server
        .stores
        .database
        .column("SELECT detail FROM audit WHERE event = 'app.rejected'");
    assert!(details[0].as_str().unwrap().contains("We could not sign in."));
    // An edit makes it a draft, which can be submitted again.
    patch(&server, &mut alice, &id, &json!({ "description": "Plans better" }));
    assert!(app(&server, &id).starts_with("draft 2 "));
    let again = submit(&server, &mut alice, &id);
    assert_eq!(approve(&server, &mut rita, &again).status, 200);
    assert!(app(&server, &id).starts_with("approved 2 "));
}

// Covers: B40
#[test]
fn edits_of_an_approved_app_wait_and_their_rejection_leaves_it_alone() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let first = submit(&server, &mut alice, &id);
    approve(&server, &mut rita, &first);
    let before = app(&server, &id);
    let again = alice.send(&server, call("POST", &path(&id, "/submissions"), &submission()));
    assert_eq!(problem(&again).0, 409, "nothing is new");
    patch(
        &server,
        &mut alice,
        &id,
        &json!({ "name": "Bank", "redirect_uris": ["https://bank.example/cb"] }),
    );
    let second = submit(&server, &mut alice, &id);
    assert_eq!(app(&server, &id), before);
    let seen = json(&rita.get(&server, &format!("{QUEUE}/{second}")));
    assert_eq!(
        seen["diff"]["fields"][0],
        json!({ "field": "name", "change": "changed", "before": "Planner", "after": "Bank" })
    );
    let changes: Vec<_> = seen["diff"]["redirect_uris"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            format!(
                "{} {}",
                line["change"].as_str().unwrap(),
                line["redirect_uri"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        changes,
        ["added https://bank.example/cb", "removed https://planner.example/cb"]
    );
    assert_eq!(seen["observations"][0]["code"], "other_redirect_host");
    assert_eq!(reject(&server, &mut rita, &second).status, 200);
    assert_eq!(app(&server, &id), before);
    // What was decided cannot be decided otherwise, nor what it was about be had by a stale approval.
    for decision in [
        approve(&server, &mut rita, &second),
        approve(&server, &mut rita, &first),
    ] {
        assert_eq!(problem(&decision).0, 409);
    }
    assert_eq!(app(&server, &id), before);
}

#[test]
fn an_approval_puts_into_force_what_was_submitted_and_keeps_what_was_edited_since() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    for was_approved in [false, true] {
        let id = draft(&server, &mut alice);
        if was_approved {
            let first = submit(&server, &mut alice, &id);
            approve(&server, &mut rita, &first);
            patch(&server, &mut alice, &id, &json!({ "name": "Planner 2" }));
        }
        let sub = submit(&server, &mut alice, &id);
        let submitted = json(&alice.get(&server, &path(&id, "/submissions")))["items"][0]["content"]["name"].clone();
        patch(&server, &mut alice, &id, &json!({ "name": "Bank" }));
        assert_eq!(approve(&server, &mut rita, &sub).status, 200);
        let in_force = server
            .stores
            .database
            .column(&format!("SELECT name FROM apps WHERE client_id = '{id}'"));
        assert_eq!(in_force[0], submitted, "{was_approved}");
        let review = json(&alice.get(&server, &path(&id, "/review")));
        assert_eq!(review["has_unreviewed_edits"], true, "{was_approved}");
        assert_eq!(
            json(&alice.get(&server, &path(&id, "")))["name"],
            "Bank",
            "{was_approved}"
        );
    }
}

#[test]
fn a_new_submission_takes_the_place_of_the_one_that_waits() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let first = submit(&server, &mut alice, &id);
    patch(&server, &mut alice, &id, &json!({ "name": "Planner 2" }));
    let second = submit(&server, &mut alice, &id);
    assert_eq!(problem(&approve(&server, &mut rita, &first)).0, 409);
    let listed = json(&alice.get(&server, &path(&id, "/submissions")));
    let statuses: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].clone())
        .collect();
    assert_eq!(statuses, ["pending", "withdrawn"]);
    let withdrawn = alice.send(
        &server,
        call("DELETE", &path(&id, "/submissions/pending"), &Value::Null),
    );
    assert_eq!(withdrawn.status, 204, "{withdrawn:?}");
    assert_eq!(problem(&approve(&server, &mut rita, &second)).0, 409);
    assert!(app(&server, &id).starts_with("draft 1 "));
    let nothing = alice.send(
        &server,
        call("DELETE", &path(&id, "/submissions/pending"), &Value::Null),
    );
    assert_eq!(problem(&nothing).0, 404);
}

#[test]
fn a_submission_that_lacks_something_is_refused_and_told_all_of_it() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = draft(&server, &mut alice);
    let bare = json!({
        "homepage_url": null, "privacy_policy_url": null, "redirect_uris": ["http://localhost:3000/cb"],
        "permissions": [{ "scope": "write:projects" }]
    });
    patch(&server, &mut alice, &id, &bare);
    let refused = alice.send(&server, call("POST", &path(&id, "/submissions"), &json!({})));
    assert_eq!(
        problem(&refused).2,
        [
            "testing is required",
            "homepage_url is required",
            "privacy_policy_url is required",
            "redirect_uris must not hold http://localhost:3000/cb: it leads to the user's own device, which only testing may",
            "scopes must say why the app needs write:projects",
        ]
    );
    let review = json(&alice.get(&server, &path(&id, "/review")));
    let undone = review["checklist"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["done"] == false);
    assert_eq!(undone.count(), 4);
    assert!(app(&server, &id).starts_with("draft "));
}

// Covers: B40
#[test]
fn nobody_decides_over_an_app_of_a_developer_account_they_belong_to() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    server
        .stores
        .database
        .run("INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_north', 'usr_rita', 'member')");
    let before = app(&server, &id);
    for refused in [
        approve(&server, &mut rita, &sub),
        reject(&server, &mut rita, &sub),
        switch(&server, &mut rita, &id, "suspend", &json!({ "reason": "No" })),
        switch(&server, &mut rita, &id, "comments", &json!({ "body": "Nice" })),
    ] {
        assert_eq!(problem(&refused).0, 403, "{refused:?}");
    }
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(
        page.body.contains("somebody else decides") && !page.body.contains("/approve"),
        "{page:?}"
    );
    assert_eq!(app(&server, &id), before);
    // Suspended by another, it is not for her to reinstate either.
    let mut ada = signed_in(&server, "ada");
    assert_eq!(
        switch(&server, &mut ada, &id, "suspend", &json!({ "reason": "No" })).status,
        200
    );
    assert_eq!(
        problem(&switch(&server, &mut rita, &id, "reinstate", &Value::Null)).0,
        403
    );
}

#[test]
fn whoever_joins_the_developer_account_between_looking_and_deciding_is_refused_by_the_transaction() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    let joined =
        "INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_north', 'usr_rita', 'member')";
    let before = app(&server, &id);
    let refused = pollster::block_on(async {
        use crate::management::actor::{Actor, Origin, UserInSession, Who};
        use crate::management::review::case::Case;
        use crate::management::review::decisions::{Circumstances, Verdict, decide};
        use crate::management::review::submissions::Submission;
        let who = Who::User(UserInSession {
            id: "usr_rita".into(),
            name: "Rita".into(),
            session: String::new(),
            may_develop: true,
        });
        let actor = Actor::load(&server.stores, who, false, Origin::default(), None)
            .await
            .unwrap();
        let submission = Submission::load(&server.stores, &sub).await.unwrap().unwrap();
        let case = Case::load(&server.stores, &actor, &id, Some(&submission))
            .await
            .unwrap();
        let reviewer = case.reviewer(actor.reviewer().unwrap()).unwrap();
        let at = Circumstances {
            random: &server.random,
            now: server.now.get(),
        };
        let (_, statements) = decide(reviewer, &submission, &Verdict::Approve, at).unwrap();
        server.stores.database.run(joined);
        server.stores.transact(statements).await
    });
    assert!(matches!(refused, Err(crate::store::database::Undone::Refused)));
    assert_eq!(app(&server, &id), before);
}

#[test]
fn nobody_decides_over_what_they_made_or_submitted_also_when_they_have_left_its_account() {
    let server = portal();
    let (mut alice, mut ben) = (signed_in(&server, "alice"), signed_in(&server, "ben"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut ben, &id);
    server.stores.database.run(
        "INSERT INTO user_roles (user_id, role) VALUES ('usr_ben', 'reviewer'), ('usr_alice', 'reviewer');
         DELETE FROM developer_members WHERE user_id = 'usr_ben';
         UPDATE developer_members SET user_id = 'usr_dave' WHERE user_id = 'usr_alice';",
    );
    let before = app(&server, &id);
    for mut browser in [alice, ben] {
        assert_eq!(problem(&approve(&server, &mut browser, &sub)).0, 403);
        assert_eq!(problem(&reject(&server, &mut browser, &sub)).0, 403);
        // The page says so instead of offering it. Suspending is not deciding.
        let page = browser.get(&server, &format!("/admin/reviews/{sub}"));
        assert!(
            page.body
                .contains("You made or submitted this app: somebody else decides over it.")
        );
        assert!(!page.body.contains("/approve") && !page.body.contains("/reject"));
        assert!(page.body.contains(&format!("/admin/reviews/{sub}/suspend")));
        assert!(
            browser
                .get(&server, "/admin/reviews")
                .body
                .contains("Yours: somebody else")
        );
        assert_eq!(json(&browser.get(&server, QUEUE))["items"][0]["is_own"], true);
        assert_eq!(json(&browser.get(&server, &format!("{QUEUE}/{sub}")))["is_own"], true);
    }
    assert_eq!(app(&server, &id), before);
    let mut rita = signed_in(&server, "rita");
    assert_eq!(json(&rita.get(&server, QUEUE))["items"][0]["is_own"], false);
    let page = rita.get(&server, &format!("/admin/reviews/{sub}"));
    assert!(page.body.contains("/approve") && !page.body.contains("somebody else decides"));
    assert_eq!(approve(&server, &mut rita, &sub).status, 200);
}

#[test]
fn decisions_are_for_reviewers_and_take_what_they_saw() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    for username in ["alice", "ben", "carol", "dave"] {
        let mut browser = signed_in(&server, username);
        for refused in [
            approve(&server, &mut browser, &sub),
            reject(&server, &mut browser, &sub),
            switch(&server, &mut browser, &id, "suspend", &json!({ "reason": "No" })),
            browser.get(&server, QUEUE),
            browser.get(&server, &format!("{QUEUE}/{sub}")),
        ] {
            assert_eq!(problem(&refused).0, 403, "{username}");
        }
    }
    let stale = with_header(
        call("POST", &format!("{QUEUE}/{sub}/approve"), &Value::Null),
        "if-match",
        "\"2\"",
    );
    assert_eq!(problem(&rita.send(&server, stale)).0, 412);
    let unknown = call(
        "POST",
        &format!("{QUEUE}/{sub}/approve"),
        &json!({ "status": "approved" }),
    );
    assert_eq!(problem(&rita.send(&server, unknown)).0, 400);
    assert_eq!(problem(&approve(&server, &mut rita, "sub_none")).0, 404);
    assert!(app(&server, &id).starts_with("pending_review 1 "));
}

#[test]
fn suspension_ends_the_tokens_and_reinstatement_revives_none() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    approve(&server, &mut rita, &sub);
    let refused = switch(&server, &mut rita, &id, "suspend", &json!({}));
    assert_eq!(problem(&refused).0, 400);
    let reason = json!({ "reason": "Sends codes elsewhere" });
    let suspended = switch(&server, &mut rita, &id, "suspend", &reason);
    assert_eq!(json(&suspended)["suspension_reason"], "Sends codes elsewhere");
    assert!(app(&server, &id).starts_with("suspended 2 "));
    assert_eq!(problem(&switch(&server, &mut rita, &id, "suspend", &reason)).0, 409);
    let told = alice.get(&server, &format!("/developers/apps/{id}/review"));
    assert!(told.body.contains("Sends codes elsewhere"), "{told:?}");
    // Mended, submitted and approved, it stays suspended.
    patch(&server, &mut alice, &id, &json!({ "name": "Planner 2" }));
    let mended = submit(&server, &mut alice, &id);
    assert_eq!(approve(&server, &mut rita, &mended).status, 200);
    assert!(app(&server, &id).starts_with("suspended 2 Planner 2 "));
    assert_eq!(switch(&server, &mut rita, &id, "reinstate", &Value::Null).status, 200);
    assert!(app(&server, &id).starts_with("approved 2 Planner 2 "));
    assert_eq!(
        problem(&switch(&server, &mut rita, &id, "reinstate", &Value::Null)).0,
        409
    );
    let trail: Vec<_> = audit(&server).iter().map(ToString::to_string).collect();
    assert!(
        trail.iter().any(|line| line.contains("app.suspended usr_rita")),
        "{trail:?}"
    );
    assert!(
        trail.iter().any(|line| line.contains("app.reinstated usr_rita")),
        "{trail:?}"
    );
}

#[test]
fn an_app_that_is_rejected_while_suspended_is_reinstated_as_rejected() {
    let server = portal();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let id = draft(&server, &mut alice);
    let sub = submit(&server, &mut alice, &id);
    switch(&server, &mut rita, &id, "suspend", &json!({ "reason": "No" }));
    assert_eq!(reject(&server, &mut rita, &sub).status, 200);
    assert_eq!(switch(&server, &mut rita, &id, "reinstate", &Value::Null).status, 200);
    assert!(app(&server, &id).starts_with("rejected 3 "), "{}", app(&server, &id));
}

#[test]
fn a_submission_sent_twice_with_one_key_is_made_once() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = draft(&server, &mut alice);
    let request = || {
        with_header(
            call("POST", &path(&id, "/submissions"), &submission()),
            "idempotency-key",
            "one",
        )
    };
    let (first, second) = (alice.send(&server, request()), alice.send(&server, request()));
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(*first.body, *second.body);
    assert_eq!(server.stores.database.column("SELECT count(*) FROM submissions"), [1]);
}
