//! Credentials and testers: the tabs and their JSON API.

use serde_json::json;

use super::*;
use crate::store::memory::Fault;

const APP: &str = "/api/developer/apps/app_lens";
const TABS: &str = "/developers/apps/app_lens";

/// An app of `dev_north` with one secret, which alice and ben manage.
fn server() -> Server {
    let server = portal();
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_lens', 'dev_north', 'Lens', 'Looks', 'web', 'portal', 'draft', 1);
         INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at)
         VALUES ('lsc_first', 'app_lens', 'x', 'abcd', 1);",
    );
    server
}

fn send(server: &Server, browser: &mut Browser, method: &str, end: &str, body: &Value) -> Reply {
    browser.send(server, call(method, &format!("{APP}/{end}"), body))
}

fn secrets(server: &Server) -> Vec<Value> {
    server
        .stores
        .database
        .column("SELECT id FROM client_secrets ORDER BY created_at, rowid")
}

fn form(browser: &mut Browser, server: &Server, tab: &str, path: &str, fields: &str) -> Reply {
    let page = browser.get(server, &format!("{TABS}/{tab}"));
    let csrf = hidden(&page, "csrf");
    browser.send(
        server,
        form_request(&format!("{TABS}/{path}"), &format!("csrf={csrf}&{fields}")),
    )
}

// Covers: R21
#[test]
fn a_secret_is_rotated_by_requests_and_no_answer_but_one_holds_it() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let started = send(&server, &mut alice, "POST", "secrets", &Value::Null);
    assert_eq!(started.status, 201, "{started:?}");
    let secret = json(&started)["client_secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("lks_") && secret.len() == 53);
    assert_eq!(started.header_value("Cache-Control"), Some("no-store"));
    let shown = alice.get(&server, &format!("{APP}/credentials"));
    assert_eq!(
        (
            shown.header_value("ETag"),
            json(&shown)["rotation_in_progress"].as_bool()
        ),
        (Some("\"1\""), Some(true))
    );
    assert!(!shown.body.contains(&secret) && !shown.body.contains(&crate::crypto::hash(&secret)));
    let page = alice.get(&server, &format!("{TABS}/credentials"));
    assert!(
        page.body.contains("lks_••••••••abcd") && !page.body.contains(&secret),
        "{page:?}"
    );
    assert_eq!(
        problem(&send(&server, &mut alice, "POST", "secrets", &Value::Null)).1,
        "conflict"
    );
    let completed = json(&send(&server, &mut alice, "POST", "secrets/complete", &Value::Null));
    assert_eq!(completed["secrets"][0]["hint"].as_str(), secret.get(49..));
    assert_eq!(completed["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(
        send(&server, &mut alice, "POST", "secrets/complete", &Value::Null).status,
        409
    );
    let logged = server.lines.borrow().join("\n");
    assert!(!logged.contains(&secret));
}

#[test]
fn one_of_two_secrets_ends_by_its_id_and_the_only_one_does_not() {
    let server = server();
    let mut ben = signed_in(&server, "ben");
    assert_eq!(
        send(&server, &mut ben, "DELETE", "secrets/lsc_first", &Value::Null).status,
        409
    );
    let started = json(&send(&server, &mut ben, "POST", "secrets", &json!({})));
    let newer = format!("secrets/{}", started["id"].as_str().unwrap());
    assert_eq!(
        send(&server, &mut ben, "DELETE", "secrets/lsc_nothing", &Value::Null).status,
        404
    );
    assert_eq!(send(&server, &mut ben, "DELETE", &newer, &Value::Null).status, 200);
    assert_eq!(secrets(&server), ["lsc_first"]);
    let replaced = json(&send(&server, &mut ben, "POST", "secrets/replace", &Value::Null));
    assert_eq!(secrets(&server), [replaced["id"].clone()]);
}

#[test]
fn a_lost_answer_is_given_again_with_the_secret_and_none_is_drawn_twice() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let request = || {
        with_header(
            call("POST", &format!("{APP}/secrets"), &Value::Null),
            "idempotency-key",
            "one",
        )
    };
    let (first, second) = (alice.send(&server, request()), alice.send(&server, request()));
    assert_eq!((first.status, &*first.body), (201, &*second.body));
    assert_eq!(secrets(&server).len(), 2);
}

// Covers: R22
#[test]
fn the_tab_shows_a_secret_once_and_asks_before_one_ends() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let started = form(&mut alice, &server, "credentials", "secrets", "action=start");
    assert_eq!(started.status, 200);
    let secret = started
        .body
        .split("readonly value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert!(secret.starts_with("lks_") && secret.len() == 53, "{secret}");
    // Sent again, as when the page is loaded anew: refused, and nothing is shown.
    let again = form(&mut alice, &server, "credentials", "secrets", "action=start");
    assert_eq!((again.status, again.body.contains("lks_")), (409, false));
    let page = alice.get(&server, &format!("{TABS}/credentials"));
    assert!(!page.body.contains(&secret) && page.body.contains("End the older secret"));
    let cancelled = form(&mut alice, &server, "credentials", "secrets", "action=cancel");
    assert_eq!(location(&cancelled), format!("{TABS}/credentials?done=cancelled"));
    assert!(
        alice
            .get(&server, &location(&cancelled))
            .body
            .contains("The older one stays.")
    );
    assert_eq!(secrets(&server), ["lsc_first"]);
    assert_eq!(
        form(&mut alice, &server, "credentials", "secrets", "action=destroy").status,
        400
    );
    let replaced = form(&mut alice, &server, "credentials", "secrets", "action=replace");
    assert!(replaced.status == 200 && secrets(&server).len() == 1);
}

#[test]
fn nobody_else_sees_or_changes_credentials_and_testers() {
    let server = server();
    for username in ["carol", "dave", "rita", "ada"] {
        let mut stranger = signed_in(&server, username);
        for (method, end, body) in [
            ("GET", "credentials", Value::Null),
            ("POST", "secrets", Value::Null),
            ("POST", "secrets/complete", Value::Null),
            ("POST", "secrets/replace", Value::Null),
            ("DELETE", "secrets/lsc_first", Value::Null),
            ("PUT", "authentication", json!({ "method": "client_secret" })),
            ("GET", "testers", Value::Null),
            ("POST", "testers", json!({ "name": "dave" })),
            ("DELETE", "testers/tst_one", Value::Null),
        ] {
            let refused = send(&server, &mut stranger, method, end, &body);
            assert_eq!(problem(&refused).1, "not_found", "{username} {method} {end}");
        }
        for tab in ["credentials", "testing"] {
            assert_eq!(stranger.get(&server, &format!("{TABS}/{tab}")).status, 404);
        }
    }
    assert_eq!(
        server
            .send(&call("POST", &format!("{APP}/secrets"), &Value::Null))
            .status,
        401
    );
    assert!(audit(&server).is_empty());
}

#[test]
fn no_form_works_without_the_token_of_its_page() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    for path in ["secrets", "authentication", "testers", "testers/tst_one/remove"] {
        let forged = form_request(&format!("{TABS}/{path}"), "csrf=x&action=replace&name=dave");
        assert_eq!(alice.send(&server, forged).status, 403, "{path}");
    }
    assert!(audit(&server).is_empty());
}

#[test]
fn an_app_turns_to_keys_and_back_by_the_form_and_by_requests() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let bad = form(
        &mut alice,
        &server,
        "credentials",
        "authentication",
        "version=1&method=private_key_jwt&jwks=%7B&jwks_uri=",
    );
    assert_eq!(bad.status, 400);
    assert!(bad.body.contains("id=\"jwks-error\""), "{bad:?}");
    let address = "jwks_uri=https%3A%2F%2Fpartner.dev%2Fjwks";
    let fields = format!("version=1&method=private_key_jwt&jwks=&{address}");
    let set = form(&mut alice, &server, "credentials", "authentication", &fields);
    assert_eq!(location(&set), format!("{TABS}/credentials?done=keys"));
    assert!(secrets(&server).is_empty());
    // The form was of an older version.
    let late = form(&mut alice, &server, "credentials", "authentication", &fields);
    assert_eq!(late.status, 412);
    let back = |tag| {
        with_header(
            call(
                "PUT",
                &format!("{APP}/authentication"),
                &json!({ "method": "client_secret" }),
            ),
            "if-match",
            tag,
        )
    };
    assert_eq!(problem(&alice.send(&server, back("\"1\""))).0, 412);
    let back = alice.send(&server, back("\"2\""));
    assert_eq!((back.status, back.header_value("ETag")), (200, Some("\"3\"")));
    let secret = json(&back)["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(json(&back)["secrets"][0]["hint"].as_str(), secret.get(49..));
    assert_eq!(
        audit(&server),
        [
            "app.authentication_changed usr_alice app_lens",
            "app.authentication_changed usr_alice app_lens"
        ]
    );
}

// Covers: R18
#[test]
fn the_tab_of_a_public_app_says_why_it_has_no_secret() {
    let server = server();
    server.stores.database.run("UPDATE apps SET app_type = 'spa'");
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, &format!("{TABS}/credentials"));
    assert!(
        page.body.contains("<h2>No secret</h2>") && !page.body.contains("<form method=\"post\""),
        "{page:?}"
    );
    assert_eq!(
        problem(&send(&server, &mut alice, "POST", "secrets", &Value::Null)).1,
        "conflict"
    );
}

fn testers(server: &Server) -> Vec<Value> {
    server
        .stores
        .database
        .column("SELECT COALESCE(user_id, '-') || ' ' || name FROM app_testers ORDER BY added_at, id")
}

fn add(server: &Server, browser: &mut Browser, name: &str) -> Reply {
    server.pass(1);
    send(server, browser, "POST", "testers", &json!({ "name": name }))
}

#[test]
fn testers_are_named_exactly_and_nobody_is_told_who_exists() {
    let server = server();
    server.stores.database.run(
        "UPDATE users SET account_name = 'Dave@Example.com' WHERE id = 'usr_dave';
         UPDATE users SET account_name = 'same@example.com' WHERE id IN ('usr_rita', 'usr_ada');",
    );
    let mut alice = signed_in(&server, "alice");
    for name in [
        "dave",
        "dave@example.com",
        "nobody",
        "same@example.com",
        "dav%",
        "Carol Diaz",
    ] {
        let added = add(&server, &mut alice, name);
        assert_eq!(added.status, 201, "{name}");
        let mut members: Vec<String> = json(&added).as_object().unwrap().keys().cloned().collect();
        members.sort_unstable();
        assert_eq!(
            (members, json(&added)["name"].as_str()),
            (vec!["added_at".into(), "id".into(), "name".into()], Some(name))
        );
    }
    assert_eq!(
        testers(&server),
        [
            "usr_dave dave",
            "usr_dave dave@example.com",
            "- nobody",
            "- same@example.com",
            "- dav%",
            "- Carol Diaz"
        ]
    );
    let listed = alice.get(&server, &format!("{APP}/testers"));
    let page = alice.get(&server, &format!("{TABS}/testing"));
    let trail = server
        .stores
        .database
        .column("SELECT COALESCE(user_id, '') || detail || target_id FROM audit");
    let trail = Value::Array(trail).to_string();
    for told in [&*listed.body, &*page.body, trail.as_str()] {
        assert!(!told.contains("usr_dave") && !told.contains("Dave Young"), "{told}");
    }
    for again in ["dave", "NOBODY"] {
        assert_eq!(problem(&add(&server, &mut alice, again)).1, "conflict", "{again}");
    }
    assert_eq!(audit(&server).len(), 6);
}

#[test]
fn a_hundred_and_first_tester_and_a_name_that_is_none_are_refused() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(255) }),
        json!({ "name": "a\nb" }),
        json!({ "name": ["a"] }),
    ] {
        assert_eq!(send(&server, &mut alice, "POST", "testers", &bad).status, 400, "{bad}");
    }
    for number in 0..100 {
        assert_eq!(add(&server, &mut alice, &number.to_string()).status, 201);
    }
    assert_eq!(add(&server, &mut alice, "one more").status, 409);
    let page = form(&mut alice, &server, "testing", "testers", "name=one+more");
    assert!(
        page.status == 400 && page.body.contains("100 of 100.") && page.body.contains("id=\"name-error\""),
        "{page:?}"
    );
}

/// Dave, a tester by two names, has connected the app.
fn connected(server: &Server, alice: &mut Browser) -> (String, String) {
    server
        .stores
        .database
        .run("UPDATE users SET account_name = 'dave@example.com' WHERE id = 'usr_dave'");
    let ids =
        ["dave", "dave@example.com"].map(|name| json(&add(server, alice, name))["id"].as_str().unwrap().to_owned());
    server.stores.database.run(
        "INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
         VALUES ('cns_dave', 'usr_dave', 'app_lens', 3, 'active', 1), ('cns_carol', 'usr_carol', 'app_lens', 4, 'active', 1)",
    );
    let [first, second] = ids;
    (first, second)
}

fn ledger_calls(server: &Server) -> usize {
    server.trips().iter().filter(|part| **part == "ledger").count()
}

#[test]
fn what_a_removed_tester_had_ends_in_the_ledger_at_once() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let (first, second) = connected(&server, &mut alice);
    let consent = |id: &str| {
        server.stores.database.column(&format!(
            "SELECT status || ' ' || COALESCE(ended_by, '') FROM consents WHERE id = '{id}'"
        ))
    };
    server.trips();
    // By the other name they may still use it.
    assert_eq!(
        send(&server, &mut alice, "DELETE", &format!("testers/{first}"), &Value::Null).status,
        204
    );
    assert_eq!(
        (consent("cns_dave"), ledger_calls(&server)),
        (vec!["active ".into()], 0)
    );
    assert_eq!(
        send(
            &server,
            &mut alice,
            "DELETE",
            &format!("testers/{second}"),
            &Value::Null
        )
        .status,
        204
    );
    assert_eq!(
        (consent("cns_dave"), ledger_calls(&server)),
        (vec!["revoking tester_removed".into()], 1)
    );
    assert_eq!(consent("cns_carol"), ["active "]);
    assert_eq!(
        send(
            &server,
            &mut alice,
            "DELETE",
            &format!("testers/{second}"),
            &Value::Null
        )
        .status,
        404
    );
    assert_eq!(
        audit(&server).last().unwrap(),
        &format!("tester.removed usr_alice {second}")
    );
}

#[test]
fn a_ledger_that_is_out_of_reach_keeps_nobody_on_the_list() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let (first, second) = connected(&server, &mut alice);
    send(&server, &mut alice, "DELETE", &format!("testers/{first}"), &Value::Null);
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    assert_eq!(
        send(
            &server,
            &mut alice,
            "DELETE",
            &format!("testers/{second}"),
            &Value::Null
        )
        .status,
        202
    );
    assert!(testers(&server).is_empty());
}

#[test]
fn an_app_everybody_may_use_takes_nothing_from_a_removed_tester() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    let (first, second) = connected(&server, &mut alice);
    server.stores.database.run("UPDATE apps SET status = 'approved'");
    for id in [first, second] {
        let removed = form(&mut alice, &server, "testing", &format!("testers/{id}/remove"), "");
        assert_eq!(location(&removed), format!("{TABS}/testing"));
    }
    assert_eq!(
        server
            .stores
            .database
            .column("SELECT status FROM consents WHERE id = 'cns_dave'"),
        ["active"]
    );
}

#[test]
fn the_tab_says_whom_the_app_serves_now() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    for (status, said) in [
        ("draft", "and the testers below.</strong>"),
        ("pending_review", "and the testers below.</strong>"),
        ("approved", "<strong>Everybody.</strong>"),
        ("rejected", "<strong>Nobody.</strong>"),
        ("suspended", "<strong>Nobody.</strong>"),
    ] {
        server
            .stores
            .database
            .run(&format!("UPDATE apps SET status = '{status}'"));
        assert!(
            alice.get(&server, &format!("{TABS}/testing")).body.contains(said),
            "{status}"
        );
    }
}

#[test]
fn a_testers_name_is_text_and_nothing_else() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    add(&server, &mut alice, "\"><script>alert(1)</script>");
    let page = alice.get(&server, &format!("{TABS}/testing"));
    assert!(!page.body.contains("<script>"), "{page:?}");
}

#[test]
fn while_storage_is_down_nothing_is_half_done_and_one_may_try_again() {
    let server = server();
    let mut alice = signed_in(&server, "alice");
    // The session, what its user may do, the app and its credentials are read before anything is written.
    server.stores.plan_after(4, &[Fault::Before("database")]);
    let down = send(&server, &mut alice, "POST", "secrets", &Value::Null);
    assert_eq!((down.status, secrets(&server).len()), (503, 1));
    assert!(audit(&server).is_empty());
    assert_eq!(send(&server, &mut alice, "POST", "secrets", &Value::Null).status, 201);
}
