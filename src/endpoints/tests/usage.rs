//! What requests add to the usage of apps.

use super::*;
use crate::oauth::standing::AppStatus;
use crate::usage::Batch;

fn taken(server: &Server) -> Batch {
    server.usage.borrow_mut().take()
}

/// What was counted for an app since the last look: metric and number.
fn counted(batch: &Batch, client_id: &str) -> Vec<String> {
    let of_app = batch.counts.iter().filter(|((other, _, _), _)| other == client_id);
    let mut names: Vec<_> = of_app
        .map(|((_, _, metric), count)| format!("{} {count}", metric.name()))
        .collect();
    names.sort();
    names
}

/// The entries of an app's error log: endpoint, code and description.
fn logged(batch: &Batch) -> Vec<(&str, &'static str, &'static str, &str)> {
    let errors = batch.errors.iter();
    errors
        .map(|error| {
            (
                error.client_id.as_str(),
                error.endpoint,
                error.error,
                error.description.as_str(),
            )
        })
        .collect()
}

const CONFIDENTIAL: &str = "client_id=app_two&client_secret=lks_right";

// Covers: R75
#[test]
fn a_connection_its_tokens_and_their_end_are_counted_each_once() {
    let server = Server::new();
    let code = code(&server, "app_two");
    let batch = taken(&server);
    assert_eq!(counted(&batch, "app_two"), ["authorize 1", "consent.granted 1"]);
    assert!(
        batch.users.is_empty() && batch.used.is_empty(),
        "nobody got a token yet"
    );

    let redemption = format!("grant_type=authorization_code&{CONFIDENTIAL}&code={code}&code_verifier={VERIFIER}");
    let tokens = json(&server.post("/oauth/token", &redemption));
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let refresh = format!("grant_type=refresh_token&{CONFIDENTIAL}&refresh_token={refresh_token}");
    let tokens = json(&server.post("/oauth/token", &refresh));
    let batch = taken(&server);
    assert_eq!(
        counted(&batch, "app_two"),
        ["token.authorization_code 1", "token.refresh_token 1", "tokens 2"]
    );
    assert_eq!(
        counted(&batch, "*"),
        ["token.authorization_code 1", "token.refresh_token 1"]
    );
    assert_eq!(batch.users[0].0, "app_two");
    assert_eq!(batch.users[0].2, "usr_alice");
    let used: Vec<_> = batch.used.iter().map(|((_, id), _)| id.as_str()).collect();
    assert_eq!(used, ["app_two", "lsc_one"]);

    let access_token = tokens["access_token"].as_str().unwrap();
    server.post("/oauth/introspect", &format!("{CONFIDENTIAL}&token={access_token}"));
    server.post("/oauth/introspect", &format!("{CONFIDENTIAL}&token=nonsense"));
    server.post("/oauth/revoke", &format!("{CONFIDENTIAL}&token={access_token}"));
    server.post("/oauth/revoke", &format!("{CONFIDENTIAL}&token=nonsense"));
    assert_eq!(counted(&taken(&server), "app_two"), ["introspect 1", "revoke 1"]);
}

#[test]
fn a_no_a_second_click_and_a_remembered_yes_are_told_apart() {
    let server = Server::new();
    let mut browser = Browser::default();
    let link = authorize_link("app_two", "");
    let page = browser.consent_page(&server, &link);
    browser.decide(&server, &page, "deny");
    browser.decide(&server, &page, "deny");
    assert_eq!(counted(&taken(&server), "app_two"), ["authorize 1", "consent.denied 1"]);
    let page = browser.get(&server, &location(&browser.clone().get(&server, &link)));
    browser.decide(&server, &page, "allow");
    taken(&server);
    browser.get(&server, &link);
    assert_eq!(
        counted(&taken(&server), "app_two"),
        ["authorize 1", "consent.remembered 1"]
    );
}

#[test]
fn an_error_of_a_known_app_is_logged_with_what_it_was_told() {
    let server = Server::new();
    let verifier = "x".repeat(43);
    let code = code(&server, "app_one");
    taken(&server);
    server.post(
        "/oauth/token",
        &format!("grant_type=authorization_code&client_id=app_one&code={code}&code_verifier={verifier}"),
    );
    server.post(
        "/oauth/token",
        "grant_type=refresh_token&client_id=app_two&client_secret=lks_wrong&refresh_token=x",
    );
    server.post("/oauth/par", "client_id=app_one");
    server.post("/oauth/revoke", "client_id=app_one");
    let batch = taken(&server);
    assert_eq!(
        logged(&batch),
        [
            (
                "app_one",
                "token",
                "invalid_grant",
                "code_verifier does not fit the code_challenge"
            ),
            (
                "app_two",
                "token",
                "invalid_client",
                "unknown client or wrong client credentials"
            ),
            (
                "app_one",
                "par",
                "invalid_request",
                "The parameter redirect_uri is missing."
            ),
            ("app_one", "revoke", "invalid_request", "token is required"),
        ]
    );
    assert_eq!(counted(&batch, "app_two"), ["error.invalid_client 1"]);
    assert!(
        batch.users.is_empty() && batch.used.is_empty(),
        "a wrong secret was not used"
    );
}

#[test]
fn a_link_that_ends_on_a_page_is_logged_for_the_app_whose_it_is() {
    let server = Server::new();
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "");
    browser.get(&server, &link.replace("callback", "elsewhere"));
    browser.get(&server, &link.replace("read:projects", "admin:everything"));
    browser.get(&server, &link.replace("code_challenge=", "unused="));
    let batch = taken(&server);
    let errors: Vec<_> = logged(&batch)
        .into_iter()
        .map(|(_, endpoint, error, _)| (endpoint, error))
        .collect();
    assert_eq!(
        errors,
        [
            ("authorize", "invalid_request"),
            ("authorize", "invalid_scope"),
            ("authorize", "invalid_request")
        ]
    );
    assert_eq!(
        counted(&batch, "app_one"),
        ["error.invalid_request 2", "error.invalid_scope 1"]
    );
}

#[test]
fn a_stranger_at_an_app_in_test_mode_is_told_to_its_developer_without_their_name() {
    let server = Server::new();
    server.stores.apps.borrow_mut().get_mut("app_one").unwrap().status = AppStatus::Draft;
    Browser::default().consent_page(&server, &authorize_link("app_one", ""));
    let batch = taken(&server);
    assert_eq!(
        logged(&batch),
        [(
            "app_one",
            "consent_page",
            "access_denied",
            "this app is being tested: only its testers can connect it"
        )]
    );
    assert!(!format!("{batch:?}").contains("alice"), "{batch:?}");
}

#[test]
fn a_look_whether_somebody_is_signed_in_is_counted_and_not_logged() {
    let server = Server::new();
    Browser::default().get(&server, &authorize_link("app_one", "&prompt=none"));
    let batch = taken(&server);
    assert_eq!(counted(&batch, "app_one"), ["authorize 1", "error.login_required 1"]);
    assert!(batch.errors.is_empty());
}

#[test]
fn requests_of_nobody_known_are_counted_nowhere() {
    let server = Server::new();
    server.post(
        "/oauth/token",
        "grant_type=refresh_token&client_id=app_none&refresh_token=x",
    );
    server.post("/oauth/token", "nonsense");
    server.send(&get_request(&authorize_link("app_none", "")));
    server.send(&get_request("/"));
    assert_eq!(
        taken(&server),
        Batch {
            counts: vec![],
            users: vec![],
            used: vec![],
            calls: vec![],
            errors: vec![],
            left_out: 0
        }
    );
}
