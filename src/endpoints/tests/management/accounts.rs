//! Developer accounts.

use serde_json::json;

use super::*;
use crate::store::memory::Fault;

const ACCOUNTS: &str = "/api/developer/accounts";

fn new_account() -> Value {
    json!({ "name": "Eastern Apps", "contact": "team@eastern.example" })
}

#[test]
fn a_user_makes_a_developer_account_and_owns_it() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let made = dave.send(&server, call("POST", ACCOUNTS, &new_account()));
    assert_eq!(
        (made.status, made.header_value("ETag")),
        (201, Some("\"1\"")),
        "{made:?}"
    );
    let id = json(&made)["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header_value("Location"), Some(format!("{ACCOUNTS}/{id}").as_str()));
    let listed = json(&dave.get(&server, ACCOUNTS));
    assert_eq!(
        listed["items"],
        json!([{ "id": id, "name": "Eastern Apps", "role": "owner" }])
    );
    assert_eq!(audit(&server), [format!("developer.created usr_dave {id}")]);
}

#[test]
fn the_form_does_the_same_and_says_beside_each_field_what_is_wrong() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let page = dave.get(&server, "/developers");
    let csrf = hidden(&page, "csrf");
    let bad = form_request("/developers/accounts", &format!("csrf={csrf}&name=+&contact=nobody"));
    let refused = dave.send(&server, bad);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("name</a> is required"), "{refused:?}");
    assert!(
        refused.body.contains("id=\"contact-error\"") && refused.body.contains("value=\"nobody\""),
        "{refused:?}"
    );
    let good = form_request(
        "/developers/accounts",
        &format!("csrf={csrf}&name=Eastern+Apps&contact="),
    );
    assert_eq!(location(&dave.send(&server, good)), "/developers");
    assert!(dave.get(&server, "/developers").body.contains("Eastern Apps"));
}

#[test]
fn fields_that_are_wrong_are_named_in_one_problem_document_and_nothing_is_written() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let body = json!({ "name": "x".repeat(81), "contact": "a@b@c.d", "role": "administrator" });
    let refused = dave.send(&server, call("POST", ACCOUNTS, &body));
    let (status, error, fields) = problem(&refused);
    assert_eq!((status, error.as_str()), (400, "invalid_request"));
    assert_eq!(
        fields,
        [
            "name must be at most 80 letters long",
            "contact must be an e-mail address: team@example.com",
            "role is not a field of this request"
        ]
    );
    assert!(audit(&server).is_empty());
}

#[test]
fn an_eleventh_account_of_one_person_is_refused() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let statuses: Vec<u16> = (0..11)
        .map(|_| dave.send(&server, call("POST", ACCOUNTS, &new_account())).status)
        .collect();
    assert_eq!(statuses, [[201; 10].as_slice(), &[409]].concat());
}

#[test]
fn a_creation_sent_twice_with_one_key_is_done_once() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let request = || with_header(call("POST", ACCOUNTS, &new_account()), "idempotency-key", "one");
    let (first, second) = (dave.send(&server, request()), dave.send(&server, request()));
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(*first.body, *second.body);
    assert_eq!(second.header_value("Idempotency-Replayed"), Some("true"));
    assert_eq!(audit(&server).len(), 1);
    let mut other = request();
    other.body = Body::Bytes(json!({ "name": "Another" }).to_string().into_bytes());
    assert_eq!(problem(&dave.send(&server, other)).1, "idempotency_key_reused");
    // Another person's key of the same letters is another key.
    let mut carol = signed_in(&server, "carol");
    assert_eq!(
        carol.send(&server, request()).header_value("Idempotency-Replayed"),
        None
    );
    // A day later it is forgotten.
    server.pass(24 * 3600 * 1000);
    let mut dave = signed_in(&server, "dave");
    assert_eq!(dave.send(&server, request()).header_value("Idempotency-Replayed"), None);
}

#[test]
fn a_lost_answer_is_given_again_to_whoever_sent_a_key() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    let request = || with_header(call("POST", ACCOUNTS, &new_account()), "idempotency-key", "one");
    // Before it is written, the session, what its user may do, and the key are looked up.
    server.stores.plan_after(3, &[Fault::After("database")]);
    let lost = dave.send(&server, request());
    assert_eq!((lost.status, lost.header_value("Retry-After")), (503, Some("1")));
    assert_eq!(audit(&server).len(), 1);
    let again = dave.send(&server, request());
    assert_eq!(again.status, 201);
    assert_eq!(audit(&server).len(), 1);
}
