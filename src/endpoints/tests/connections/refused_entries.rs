//! Which refused sign-ins are in the audit trail.

use super::*;

const HOUR: i64 = 3_600_000;

/// What each entry of a refused sign-in is about, and why, the oldest first.
fn entries(server: &Server) -> Vec<Value> {
    server.stores.database.column_if_made(
        "SELECT target_id || ' ' || COALESCE(actor_id, '-') || ' ' || COALESCE(user_id, '-') || ' ' || (detail ->> 'reason')
         FROM audit WHERE event = 'sign_in.refused' ORDER BY seq",
    )
}

/// Somebody whose account is suspended, known by their identity at [`IDP`].
fn suspended() -> (Server, String) {
    let server = acme();
    Browser::default().arrive(&server, "/account/apps", |_| {});
    let user = server.stores.identities.borrow()[&(IDP.into(), "one".into())].clone();
    server.stores.suspend(&user);
    server.stores.database.run(&format!(
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at) VALUES ('con_acme', 'oidc', 'Acme', '{IDP}', 'x', 1);
         INSERT INTO users (id, username, name, created_at, status) VALUES ('{user}', 'one', 'One', 1, 'suspended');
         INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at) VALUES ('{IDP}', 'one', '{user}', 'con_acme', 1);"
    ));
    (server, user)
}

// Covers: R74
#[test]
fn a_suspended_user_who_tries_to_sign_in_is_entered_once_an_hour_with_where_they_were() {
    let (server, user) = suspended();
    for _ in 0..3 {
        let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
        expect_refusal(&server, &reply, "sign_in_suspended");
    }
    let about = Value::from(format!("{user} {user} {user} sign_in_suspended"));
    assert_eq!(entries(&server), std::slice::from_ref(&about));
    let from = server
        .stores
        .database
        .column("SELECT country || ' ' || (detail ->> 'connection_id') || ' ' || (request_id <> '') FROM audit");
    assert_eq!(from, ["DE con_acme 1"]);
    server.pass(HOUR);
    let reply = Browser::default().arrive(&server, "/account/apps", |claims| {
        claims["iat"] = value!(4600);
        claims["exp"] = value!(4700);
    });
    expect_refusal(&server, &reply, "sign_in_suspended");
    assert_eq!(entries(&server), [about.clone(), about]);
}

#[test]
fn whoever_is_not_suspended_leaves_no_entry() {
    let (server, user) = suspended();
    server.stores.suspended.borrow_mut().clear();
    server.stores.database.run("UPDATE users SET status = 'active'");
    assert_eq!(Browser::default().arrive(&server, "/account/apps", |_| {}).status, 303);
    // Nor does somebody else who is suspended, when this one comes.
    server.stores.suspend(&user);
    server
        .stores
        .database
        .run("UPDATE user_identities SET subject = 'another'");
    let reply = Browser::default().arrive(&server, "/account/apps", |_| {});
    expect_refusal(&server, &reply, "sign_in_suspended");
    assert_eq!(entries(&server), [Value::Null; 0]);
}

// Covers: R74
#[test]
fn answers_that_are_not_believed_are_entered_once_an_hour_for_each_connection_and_reason() {
    let server = acme();
    let forge = |claim: &str| {
        let reply = Browser::default().arrive(&server, "/account/apps", |claims| claims[claim] = value!("another"));
        assert_eq!(reply.status, 400);
    };
    for _ in 0..20 {
        forge("nonce");
        forge("aud");
    }
    assert_eq!(
        entries(&server),
        ["con_acme - - id_token_nonce", "con_acme - - id_token_audience"]
    );
    server.pass(HOUR);
    publish(&server, IDP, &[jwk(&key(40))]);
    forge("aud");
    assert_eq!(entries(&server).len(), 3);
}

// Covers: R74
#[test]
fn what_any_stranger_can_bring_about_is_a_line_of_the_log_and_no_entry() {
    let server = acme();
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    let state = &sent["state"];
    let back = |browser: &mut Browser, more: &str| browser.get(&server, &format!("{CALLBACK}?iss={IDP}{more}"));
    for (reply, error) in [
        (back(&mut browser, "&code=x"), "sign_in_state"),
        (back(&mut browser, "&code=x&state=made-up"), "sign_in_state"),
        (
            back(&mut Browser::default(), &format!("&code=x&state={state}")),
            "sign_in_other_browser",
        ),
        (
            back(&mut browser, &format!("&error=access_denied&state={state}")),
            "sign_in_denied",
        ),
        (back(&mut browser, &format!("&state={state}")), "sign_in_no_answer"),
    ] {
        expect_refusal(&server, &reply, error);
    }
    server.pass(600_000);
    let late = back(&mut browser, &format!("&code=x&state={state}"));
    expect_refusal(&server, &late, "sign_in_expired");
    assert_eq!(entries(&server), [Value::Null; 0]);
}

#[test]
fn a_refusal_that_cannot_be_entered_is_still_a_refusal() {
    let server = acme();
    server.stores.plan(&[crate::store::memory::Fault::Before("database")]);
    let reply = Browser::default().arrive(&server, "/account/apps", |claims| claims["aud"] = value!("another"));
    expect_refusal(&server, &reply, "id_token_audience");
    assert_eq!(entries(&server), [Value::Null; 0]);
}
