//! What calls add to the usage of apps.

use super::*;
use crate::usage::statements::batch_statements;
use crate::usage::writer::Numbered;

/// Client id, route, method, outcome and scopes of what was counted since the last look, with the number.
fn counted(server: &Server) -> Vec<String> {
    let calls = server.usage.borrow_mut().take().calls;
    calls
        .iter()
        .map(|(key, tally)| {
            let (end, count) = (key.end.name(), tally.count);
            format!(
                "{} {} {} {end} [{}] {count}",
                key.client_id, key.method, key.route, key.scopes
            )
        })
        .collect()
}

// Covers: R75, R76, B42
#[test]
fn a_call_is_counted_with_the_scopes_its_route_asked_for_and_not_those_it_was_granted() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects%20write:projects");
    counted(&server);
    let allowed = call("GET", "/v1/projects/4711").bearer(&token).ask(&server);
    assert_eq!(told(&allowed, "Latchkey-Scopes"), "read:projects write:projects");
    call("GET", "/v1/me").bearer(&token).ask(&server);
    assert_eq!(
        counted(&server),
        [
            "* GET /v1/me allowed [] 1",
            "* GET /v1/projects/{id} allowed [read:projects] 1",
            "app_one GET /v1/me allowed [] 1",
            "app_one GET /v1/projects/{id} allowed [read:projects] 1",
        ]
    );
}

// Covers: B42
#[test]
fn no_table_has_a_word_of_a_path_a_query_or_a_method() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    for target in [
        "/v1/projects/marker4711",
        "/marker4711",
        "/v1/marker4711/../x",
        "/v1/projects?marker4711",
    ] {
        call("GET", target).bearer(&token).ask(&server);
        call("MARKER4711", target).bearer(&token).ask(&server);
        call("GET", target).bearer("marker4711").ask(&server);
        call("GET", target).ask(&server);
    }
    let batch = server.usage.borrow_mut().take();
    assert!(!batch.calls.is_empty());
    let numbered = Numbered {
        writer: "test".into(),
        number: 1,
        batch,
    };
    let written = batch_statements(&numbered, server.now.get());
    pollster::block_on(crate::store::Database::transact(&server.stores, written)).unwrap();
    let tables = server
        .stores
        .database
        .column("SELECT name FROM sqlite_master WHERE type = 'table'");
    for table in tables {
        let dump = server.stores.database.dump(table.as_str().unwrap());
        assert!(!dump.to_lowercase().contains("marker4711"), "{dump}");
    }
}

#[test]
fn a_refused_call_counts_for_its_app_where_its_token_is_one_of_ours_and_uses_nothing() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    counted(&server);
    call("POST", "/v1/projects").bearer(&token).ask(&server);
    call("GET", "/elsewhere").bearer(&token).ask(&server);
    call("DELETE", "/v1/projects").bearer(&token).ask(&server);
    assert!(!server.usage.borrow().uses_a_consent());
    assert_eq!(
        counted(&server)[3..],
        [
            "app_one DELETE  refused.method_not_allowed [] 1",
            "app_one GET  refused.not_found [] 1",
            "app_one POST /v1/projects refused.insufficient_scope [] 1",
        ]
    );
    call("GET", "/v1/projects").ask(&server);
    call("GET", "/v1/projects").bearer("nonsense").ask(&server);
    assert_eq!(
        counted(&server),
        [
            "* GET /v1/projects refused.invalid_token [] 1",
            "* GET /v1/projects refused.token_required [] 1",
        ]
    );
}

#[test]
fn an_expired_token_counts_for_its_app() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    server.pass(3_600_000);
    counted(&server);
    let reply = call("GET", "/v1/projects").bearer(&token).ask(&server);
    assert_eq!(json(&reply)["detail"], "the token has expired");
    assert_eq!(
        counted(&server)[1..],
        ["app_one GET /v1/projects refused.invalid_token [] 1"]
    );
}

#[test]
fn what_anybody_may_call_counts_for_no_app_and_a_browsers_question_is_no_call_of_its_method() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    counted(&server);
    call("GET", "/v1/status").bearer(&token).ask(&server);
    preflight("GET", "/v1/projects").ask(&server);
    assert!(!server.usage.borrow().uses_a_consent());
    assert_eq!(
        counted(&server),
        ["* OPTIONS /v1/projects allowed [] 1", "* GET /v1/status allowed [] 1"]
    );
}

// Covers: R78
#[test]
fn a_call_uses_the_consent_behind_its_token() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    server.usage.borrow_mut().take();
    call("GET", "/v1/projects").bearer(&token).ask(&server);
    assert!(server.usage.borrow().uses_a_consent());
    revoke(&server, &token);
    server.usage.borrow_mut().take();
    server.pass(10_000);
    call("GET", "/v1/projects").bearer(&token).ask(&server);
    assert!(!server.usage.borrow().uses_a_consent(), "it was taken back");
}

#[test]
fn a_proxy_whose_credential_is_wrong_adds_nothing() {
    let server = guard();
    call("GET", "/v1/projects")
        .with("latchkey-authorization", "Basic YXBjX29uZTp3cm9uZw==")
        .ask(&server);
    call("GET", "/v1/projects").without("x-original-uri").ask(&server);
    assert!(counted(&server).is_empty());
}
