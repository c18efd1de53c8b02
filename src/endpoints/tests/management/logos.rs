//! Which logos stay in KV, and which go.

use serde_json::json;

use super::*;
use crate::looks::LogoName;
use crate::looks::picture::testing::png;
use crate::store::memory::Fault;

const DAY: i64 = 24 * 3600 * 1000;
const BRANDING: &str = "/api/admin/branding";

/// A server with an app of alice's.
fn with_app() -> (Server, String) {
    let server = portal();
    server.pass(10 * DAY);
    let app = json!({
        "name": "Planner", "description": "Plans", "app_type": "spa", "scopes": ["read:profile"],
        "redirect_uris": ["https://planner.example/cb"], "submit": false,
    });
    let made = signed_in(&server, "alice").send(&server, call("POST", "/api/developer/apps", &app));
    assert_eq!(made.status, 201, "{made:?}");
    let id = json(&made)["client_id"].as_str().unwrap().to_owned();
    (server, id)
}

fn put(path: &str, size: u32) -> Request {
    let mut request = with_header(call("PUT", path, &Value::Null), "content-type", "image/png");
    request.body = Body::Bytes(png(size, size));
    request
}

/// Uploads a picture of this size as the app's logo.
fn upload(server: &Server, id: &str, size: u32) -> Reply {
    signed_in(server, "alice").send(server, put(&format!("/api/developer/apps/{id}/logo"), size))
}

fn name(size: u32) -> LogoName {
    crate::looks::picture::check(&png(size, size)).unwrap()
}

fn is_kept(server: &Server, size: u32) -> bool {
    server.stores.logos.borrow().contains_key(&name(size))
}

fn maintain(server: &Server) -> Result<(), crate::store::StoreError> {
    let log = Log::new(&server.random);
    pollster::block_on(crate::endpoints::maintain(&server.context(&log)))
}

/// As many days, with a run on each.
fn days(server: &Server, days: i64) {
    for _ in 0..days {
        server.pass(DAY);
        maintain(server).unwrap();
    }
}

fn send(server: &Server, username: &str, method: &str, path: &str, body: &Value) -> Reply {
    signed_in(server, username).send(server, call(method, path, body))
}

#[test]
fn a_logo_that_nothing_names_goes_after_two_weeks_and_no_earlier() {
    let (server, id) = with_app();
    for size in [64, 65] {
        assert_eq!(upload(&server, &id, size).status, 200);
    }
    days(&server, 13);
    assert!(is_kept(&server, 64));
    days(&server, 1);
    // The first was looked at a week after it came, and nothing named it for the week after that.
    assert!(!is_kept(&server, 64) && is_kept(&server, 65));
    assert_eq!(
        server.stores.database.column("SELECT name FROM logos"),
        [name(65).as_str()]
    );
    days(&server, 60);
    assert!(is_kept(&server, 65));
}

#[test]
fn whatever_still_shows_a_logo_keeps_it() {
    let (server, id) = with_app();
    // In force until somebody approves another, in what is submitted, in the working copy, and of the platform.
    assert_eq!(upload(&server, &id, 64).status, 200);
    server.stores.database.run(&format!(
        "UPDATE apps SET status = 'approved', approved_at = 1, draft = NULL WHERE client_id = '{id}'"
    ));
    assert_eq!(upload(&server, &id, 65).status, 200);
    let submitted = server
        .stores
        .database
        .column(&format!("SELECT draft FROM apps WHERE client_id = '{id}'"));
    server.stores.database.run(&format!(
        "INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at, developer_name)
         VALUES ('sub_1', '{id}', 1, 'rejected', '{}', '', 'usr_alice', 1, 'N')",
        submitted[0].as_str().unwrap()
    ));
    assert_eq!(upload(&server, &id, 66).status, 200);
    assert_eq!(
        signed_in(&server, "ada")
            .send(&server, put(&format!("{BRANDING}/logo"), 67))
            .status,
        200
    );
    days(&server, 40);
    for size in 64..=67 {
        assert!(is_kept(&server, size), "{size}");
    }
    // With the app goes what only it showed.
    assert_eq!(
        send(
            &server,
            "alice",
            "DELETE",
            &format!("/api/developer/apps/{id}"),
            &Value::Null
        )
        .status,
        204
    );
    assert_eq!(
        send(&server, "ada", "PATCH", BRANDING, &json!({ "logo": null })).status,
        200
    );
    days(&server, 9);
    assert!(server.stores.logos.borrow().is_empty());
    assert_eq!(server.stores.database.column("SELECT count(*) FROM logos"), [0]);
}

#[test]
fn the_logo_that_a_variable_names_and_what_the_operator_put_there_stay() {
    let (mut server, id) = with_app();
    assert_eq!(upload(&server, &id, 64).status, 200);
    assert_eq!(upload(&server, &id, 65).status, 200);
    server.config.looks.logo = Some(name(64));
    server.stores.logos.borrow_mut().insert(name(66), png(66, 66));
    days(&server, 40);
    assert!(is_kept(&server, 64) && is_kept(&server, 66));
    // Named for a while and then no more, it is the operator's still.
    let by_name = |logo: Value| send(&server, "ada", "PATCH", BRANDING, &json!({ "logo": logo })).status;
    assert_eq!(by_name(json!(name(66).as_str())), 200);
    assert_eq!(by_name(Value::Null), 200);
    days(&server, 40);
    assert!(is_kept(&server, 66));
}

#[test]
fn a_logo_that_is_chosen_again_begins_anew() {
    let (server, id) = with_app();
    for size in [64, 65] {
        assert_eq!(upload(&server, &id, size).status, 200);
    }
    days(&server, 13);
    // Kept and not named, because what should name it failed: as a request would leave it that is under way.
    let mut alice = signed_in(&server, "alice");
    server.stores.plan_after(4, &[Fault::Before("database")]);
    let broken = alice.send(&server, put(&format!("/api/developer/apps/{id}/logo"), 64));
    assert_eq!(broken.status, 503);
    let shown = json(&alice.get(&server, &format!("/api/developer/apps/{id}")))["logo"].clone();
    assert_eq!(shown, name(65).path());
    days(&server, 7);
    assert!(is_kept(&server, 64));
    assert_eq!(
        send(&server, "ada", "PATCH", BRANDING, &json!({ "logo": name(64).as_str() })).status,
        200
    );
    days(&server, 30);
    assert!(is_kept(&server, 64));
}

#[test]
fn nobody_chooses_a_logo_while_it_is_being_deleted() {
    let (server, id) = with_app();
    for size in [64, 65] {
        assert_eq!(upload(&server, &id, size).status, 200);
    }
    days(&server, 13);
    server.pass(DAY);
    // The run that claimed it broke off before KV was asked.
    server.stores.plan(&[Fault::Before("logos")]);
    assert!(maintain(&server).is_err());
    assert!(is_kept(&server, 64));
    let before = server.stores.database.dump("apps");
    assert_eq!(problem(&upload(&server, &id, 64)).1, "conflict");
    let by_name = send(&server, "ada", "PATCH", BRANDING, &json!({ "logo": name(64).as_str() }));
    assert_eq!(problem(&by_name).1, "conflict");
    let of_platform = signed_in(&server, "ada").send(&server, put(&format!("{BRANDING}/logo"), 64));
    assert_eq!(problem(&of_platform).1, "conflict");
    assert_eq!(server.stores.database.dump("apps"), before);
    // Another run leaves it alone while the first may be at it.
    server.pass(19 * 60_000);
    maintain(&server).unwrap();
    assert!(is_kept(&server, 64));
    server.pass(60_000);
    maintain(&server).unwrap();
    assert!(!is_kept(&server, 64));
    // Gone is gone, and whoever wants it brings it again.
    assert_eq!(upload(&server, &id, 64).status, 200);
    assert!(is_kept(&server, 64));
    days(&server, 30);
    assert!(is_kept(&server, 64));
}

#[test]
fn a_picture_is_deleted_before_its_row_and_one_whose_row_stays_is_deleted_again() {
    let (server, id) = with_app();
    for size in [64, 65] {
        assert_eq!(upload(&server, &id, size).status, 200);
    }
    days(&server, 13);
    server.pass(DAY);
    // KV did it, and the answer was lost.
    server.stores.plan(&[Fault::After("logos")]);
    assert!(maintain(&server).is_err());
    assert!(!is_kept(&server, 64));
    assert_eq!(problem(&upload(&server, &id, 64)).1, "conflict");
    server.pass(20 * 60_000);
    maintain(&server).unwrap();
    assert_eq!(
        server.stores.database.column("SELECT name FROM logos"),
        [name(65).as_str()]
    );
}

#[test]
fn one_run_deletes_some_and_the_next_the_rest() {
    let (server, _) = with_app();
    let names: Vec<String> = (64..94).map(|size| format!("('{}', 0)", name(size).as_str())).collect();
    server.stores.database.run(&format!(
        "INSERT INTO logos (name, look_at) VALUES {}, ('no name of a logo', 0)",
        names.join(",")
    ));
    days(&server, 7);
    let left = || server.stores.database.column("SELECT count(*) FROM logos");
    assert_eq!(left(), [31]);
    days(&server, 1);
    assert_eq!(left(), [11]);
    days(&server, 1);
    assert_eq!(left(), [0]);
}

#[test]
fn no_run_reads_a_whole_table() {
    let (server, _) = with_app();
    let claim = crate::management::logos::Claim::draw(&server.random);
    for statement in claim.statements(None, server.now.get()) {
        let explained = crate::store::database::Statement::new(format!("EXPLAIN QUERY PLAN {}", statement.sql()));
        let explained = statement
            .values()
            .iter()
            .cloned()
            .fold(explained, |explained, value| explained.bound(value));
        let found = pollster::block_on(crate::store::Database::read(&server.stores, vec![explained])).unwrap();
        for step in found.raw(0) {
            let step = step["detail"].as_str().unwrap();
            assert!(!step.starts_with("SCAN"), "{step}: {}", statement.sql());
        }
    }
}
