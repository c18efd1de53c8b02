//! From the code to the end of the grant.

use super::*;
use crate::oauth::standing::AppStatus;
use crate::store::memory::Fault;

fn tokens(server: &Server) -> serde_json::Value {
    let reply = server.post("/oauth/token", &redemption(&code(server, "app_one")));
    assert_eq!(reply.status, 200, "{reply:?}");
    json(&reply)
}

fn refresh(server: &Server, refresh_token: &serde_json::Value, more: &str) -> Reply {
    let token = refresh_token.as_str().unwrap();
    server.post(
        "/oauth/token",
        &format!("grant_type=refresh_token&client_id=app_one&refresh_token={token}{more}"),
    )
}

fn error(reply: &Reply) -> (u16, String) {
    (
        reply.status,
        json(reply)["error"].as_str().unwrap_or_default().to_owned(),
    )
}

fn introspect(server: &Server, token: &serde_json::Value) -> bool {
    let token = token.as_str().unwrap();
    let form = format!("client_id=apc_one&client_secret=lka_one&token={token}");
    json(&server.post("/oauth/introspect", &form))["active"] == true
}

// Covers: R43, R48, R49
#[test]
fn a_code_is_exchanged_for_an_access_token_and_a_refresh_token() {
    let server = Server::new();
    let tokens = tokens(&server);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "read:projects");
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("lkr_"));
    assert_eq!(tokens["access_token"].as_str().unwrap().split('.').count(), 3);
}

// Covers: R49
#[test]
fn an_empty_slow_or_broken_kv_never_loses_a_code() {
    for faults in [vec![], vec![Fault::Before("kv")]] {
        let server = Server::new();
        let code = code(&server, "app_one");
        server.stores.kv.borrow_mut().clear();
        server.stores.plan(&faults);
        assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
    }
}

// Covers: R49
#[test]
fn a_second_redemption_is_refused_and_ends_the_tokens_of_the_first() {
    let server = server_with_api();
    let code = code(&server, "app_one");
    let first = json(&server.post("/oauth/token", &redemption(&code)));
    assert!(introspect(&server, &first["access_token"]));
    assert_eq!(
        error(&server.post("/oauth/token", &redemption(&code))),
        (400, "invalid_grant".into())
    );
    assert!(!introspect(&server, &first["access_token"]));
    let refused = refresh(&server, &first["refresh_token"], "");
    assert!(
        json(&refused)["error_description"]
            .as_str()
            .unwrap()
            .contains("its code was used again")
    );
}

#[test]
fn a_redemption_whose_reply_was_lost_is_asked_again_and_happens_once() {
    let server = server_with_api();
    let code = code(&server, "app_one");
    server.stores.plan(&[Fault::After("ledger")]);
    let reply = server.post("/oauth/token", &redemption(&code));
    assert_eq!(reply.status, 200);
    assert!(introspect(&server, &json(&reply)["access_token"]));
}

#[test]
fn a_server_that_cannot_sign_or_ask_the_ledger_consumes_nothing() {
    let server = Server::new();
    let code = code(&server, "app_one");
    for faults in [vec![Fault::Before("keys")], vec![Fault::Before("ledger"); 2]] {
        server.stores.plan(&faults);
        let down = server.post("/oauth/token", &redemption(&code));
        assert_eq!(error(&down), (503, "temporarily_unavailable".into()));
        assert_eq!(down.header_value("Retry-After"), Some("1"));
    }
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

#[test]
fn garbage_costs_no_storage_call_beyond_the_apps_record() {
    let server = Server::new();
    server.trips();
    for form in [
        redemption("lkc_garbage"),
        "grant_type=refresh_token&client_id=app_one&refresh_token=lkr_garbage".into(),
    ] {
        assert_eq!(
            error(&server.post("/oauth/token", &form)),
            (400, "invalid_grant".into())
        );
    }
    assert_eq!(server.trips(), ["apps", "apps"]);
}

#[test]
fn the_hot_paths_stay_within_their_trips() {
    let server = server_with_api();
    let code = code(&server, "app_one");
    server.trips();
    let tokens = json(&server.post("/oauth/token", &redemption(&code)));
    assert_eq!(server.trips(), ["apps", "kv", "keys", "ledger"]);
    refresh(&server, &tokens["refresh_token"], "");
    assert_eq!(server.trips(), ["apps", "keys", "ledger"]);
    introspect(&server, &tokens["access_token"]);
    assert_eq!(server.trips(), ["apps", "apps", "ledger"]);
}

// Covers: R36, R50, R56
#[test]
fn a_refresh_renews_the_access_token_and_never_widens_it() {
    let server = Server::new();
    let first = tokens(&server);
    let second = json(&refresh(&server, &first["refresh_token"], ""));
    assert_ne!(second["access_token"], first["access_token"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(
        error(&refresh(&server, &second["refresh_token"], "&scope=read:profile")),
        (400, "invalid_scope".into())
    );
    for (resource, code) in [
        ("https%3A%2F%2Fbilling.example%2Fv1", "invalid_target"),
        ("https%3A%2F%2Fnowhere.example", "invalid_target"),
    ] {
        let more = format!("&resource={resource}");
        assert_eq!(
            error(&refresh(&server, &second["refresh_token"], &more)),
            (400, code.into())
        );
    }
    assert_eq!(
        refresh(
            &server,
            &second["refresh_token"],
            "&resource=https%3A%2F%2FAPI.example%2F"
        )
        .status,
        200
    );
}

// Covers: R9
#[test]
fn a_refresh_token_is_bound_to_its_app() {
    let server = Server::new();
    let tokens = tokens(&server);
    let token = tokens["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&client_id=app_two&client_secret=lks_right&refresh_token={token}");
    assert_eq!(
        error(&server.post("/oauth/token", &form)),
        (400, "invalid_grant".into())
    );
    assert_eq!(refresh(&server, &tokens["refresh_token"], "").status, 200);
}

// Covers: R33
#[test]
fn a_suspension_ends_refresh_and_introspection_and_reinstatement_revives_nothing() {
    let server = server_with_api();
    let tokens = tokens(&server);
    let set = |status, epoch| {
        let mut apps = server.stores.apps.borrow_mut();
        let app = apps.get_mut("app_one").unwrap();
        (app.status, app.epoch) = (status, epoch);
    };
    set(AppStatus::Suspended, 2);
    assert_eq!(
        error(&refresh(&server, &tokens["refresh_token"], "")),
        (401, "invalid_client".into())
    );
    assert!(!introspect(&server, &tokens["access_token"]));
    set(AppStatus::Approved, 2);
    assert_eq!(
        error(&refresh(&server, &tokens["refresh_token"], "")),
        (400, "invalid_grant".into())
    );
    assert!(!introspect(&server, &tokens["access_token"]));
}

#[test]
fn what_the_operator_withdraws_is_gone_at_the_next_refresh() {
    let server = Server::new();
    let tokens = tokens(&server);
    server.stores.apps.borrow_mut().get_mut("app_one").unwrap().apis[0].user = crate::oauth::client::ClientGrant::None;
    assert_eq!(
        error(&refresh(&server, &tokens["refresh_token"], "")),
        (400, "invalid_grant".into())
    );
}

// Covers: R6, R51, B31
#[test]
fn client_credentials_are_for_confidential_apps_with_a_client_grant_and_speak_for_no_user() {
    let server = Server::new();
    let form = "grant_type=client_credentials&client_id=app_two&client_secret=lks_right";
    let reply = json(&server.post("/oauth/token", form));
    assert_eq!(reply["scope"], "read:billing");
    assert!(reply.get("refresh_token").is_none());
    let claims = reply["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&crate::crypto::from_base64url(claims).unwrap()).unwrap();
    assert_eq!(
        (claims["sub"].as_str(), claims["aud"].as_str()),
        (Some("app_two"), Some("https://billing.example/v1"))
    );
    assert!(claims.get("auth_time").is_none() && claims["latchkey"].get("family").is_none());
    let public = server.post("/oauth/token", "grant_type=client_credentials&client_id=app_one");
    assert_eq!(error(&public), (400, "unauthorized_client".into()));
    let wider = server.post("/oauth/token", &format!("{form}&scope=read:projects"));
    assert_eq!(error(&wider), (400, "invalid_scope".into()));
}

// Covers: R69, R70, B38
#[test]
fn revoking_ends_everything_before_it_is_acknowledged_and_what_broke_off_is_finished() {
    let server = server_with_api();
    let tokens = tokens(&server);
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    let consent = server.stores.consents.borrow().keys().next().unwrap().clone();
    let delete = |server: &Server, browser: &mut Browser, origin: Option<&str>| {
        let mut request = get_request(&format!("/api/user/connected-apps/{consent}"));
        request.method = "DELETE".into();
        origin.map(|origin| request.headers.insert("origin".into(), origin.into()));
        browser.send(server, request).status
    };
    for origin in [None, Some("https://evil.example"), Some("null")] {
        assert_eq!(delete(&server, &mut browser, origin), 403);
    }
    let mut ben = Browser::default();
    ben.sign_in(&server, "/login", "ben");
    assert_eq!(delete(&server, &mut ben, Some(ISSUER)), 404);
    assert_eq!(delete(&server, &mut Browser::default(), Some(ISSUER)), 401);
    assert!(introspect(&server, &tokens["access_token"]));

    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    assert_eq!(delete(&server, &mut browser, Some(ISSUER)), 503);
    assert_eq!(server.stores.consents.borrow()[&consent].status, "revoking");
    let log = Log::new(&server.random);
    let context = Context {
        config: &server.config,
        now: server.now.get(),
        random: &server.random,
        continent: None,
        country: None,
        language: Language::ENGLISH,
        log: &log,
        looks: &server.config.looks,
        stores: &server.stores,
    };
    pollster::block_on(maintain(&context)).unwrap();
    assert_eq!(server.stores.consents.borrow()[&consent].status, "revoked");
    assert!(!introspect(&server, &tokens["access_token"]));
    assert_eq!(
        error(&refresh(&server, &tokens["refresh_token"], "")),
        (400, "invalid_grant".into())
    );
    assert_eq!(delete(&server, &mut browser, Some(ISSUER)), 200);
}

#[test]
fn a_code_on_its_way_when_its_consent_is_revoked_is_worth_nothing() {
    let server = Server::new();
    let code = code(&server, "app_one");
    let mut browser = Browser::default();
    browser.sign_in(&server, "/login", "alice");
    let consent = server.stores.consents.borrow().keys().next().unwrap().clone();
    let action = format!("/account/apps/{consent}/revoke");
    let page = browser.get(&server, &action);
    let form = form_request(&action, &format!("csrf={}", hidden(&page, "csrf")));
    assert_eq!(location(&browser.send(&server, form)), "/account/apps?revoked=app");
    assert_eq!(
        error(&server.post("/oauth/token", &redemption(&code))),
        (400, "invalid_grant".into())
    );
}

#[test]
fn an_app_revokes_its_own_tokens_and_nobody_elses() {
    let server = server_with_api();
    let tokens = tokens(&server);
    let revoke = |client: &str, token: &serde_json::Value| {
        server.post(
            "/oauth/revoke",
            &format!("{client}&token_type_hint=nonsense&token={}", token.as_str().unwrap()),
        )
    };
    for token in ["refresh_token", "access_token"] {
        let foreign = revoke("client_id=app_two&client_secret=lks_right", &tokens[token]);
        assert_eq!(error(&foreign), (400, "invalid_grant".into()));
    }
    assert!(introspect(&server, &tokens["access_token"]));
    let second = json(&refresh(&server, &tokens["refresh_token"], ""));
    assert_eq!(revoke("client_id=app_one", &second["access_token"]).status, 200);
    assert!(!introspect(&server, &second["access_token"]));
    assert!(introspect(&server, &tokens["access_token"]));
    assert_eq!(revoke("client_id=app_one", &second["refresh_token"]).status, 200);
    assert!(!introspect(&server, &tokens["access_token"]));
    assert_eq!(revoke("client_id=app_one", &serde_json::json!("unknown")).status, 200);
    assert_eq!(
        error(&server.post("/oauth/revoke", "client_id=app_one")),
        (400, "invalid_request".into())
    );
}

#[test]
fn introspection_tells_strangers_nothing() {
    let server = server_with_api();
    let tokens = tokens(&server);
    let token = tokens["access_token"].as_str().unwrap();
    let ask = |client: &str| server.post("/oauth/introspect", &format!("{client}&token={token}"));
    for client in [
        "client_id=apc_one&client_secret=lka_two",
        "client_id=apc_one",
        "client_id=app_one",
        "client_id=nobody",
        "",
    ] {
        assert_eq!(error(&ask(client)), (401, "invalid_client".into()), "{client}");
    }
    let other_app = ask("client_id=app_two&client_secret=lks_right");
    assert_eq!((other_app.status, &*other_app.body), (200, r#"{"active":false}"#));
    let api = json(&ask("client_id=apc_one&client_secret=lka_one"));
    assert_eq!(
        (api["sub"].as_str(), api["scope"].as_str()),
        (Some("usr_alice"), Some("read:projects"))
    );
}

#[test]
fn a_token_is_for_no_api_its_app_has_no_scope_of() {
    let server = Server::new();
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "").replace("scope=read:projects", "scope=read:projects%20read:billing");
    let page = browser.consent_page(&server, &link);
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    let audience = |reply: &Reply| {
        let claims = json(reply)["access_token"]
            .as_str()
            .unwrap()
            .split('.')
            .nth(1)
            .unwrap()
            .to_owned();
        let claims = crate::crypto::from_base64url(&claims).unwrap();
        serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["aud"].clone()
    };
    let first = server.post("/oauth/token", &redemption(&code));
    assert_eq!(
        audience(&first),
        serde_json::json!(["https://api.example", "https://billing.example/v1"])
    );
    server.stores.apps.borrow_mut().get_mut("app_one").unwrap().apis[1].user = crate::oauth::client::ClientGrant::None;
    let second = refresh(&server, &json(&first)["refresh_token"], "");
    assert_eq!(audience(&second), "https://api.example");
}

#[test]
fn a_refresh_that_asks_for_nothing_it_can_have_does_not_rotate() {
    let server = Server::new();
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "").replace("scope=read:projects", "scope=read:projects%20read:billing");
    let page = browser.consent_page(&server, &link);
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    let tokens = json(&server.post("/oauth/token", &redemption(&code)));
    for _ in 0..3 {
        let exclusive = "&scope=read:projects&resource=https%3A%2F%2Fbilling.example%2Fv1";
        assert_eq!(
            error(&refresh(&server, &tokens["refresh_token"], exclusive)),
            (400, "invalid_scope".into())
        );
        server.pass(120_000);
    }
    let renewed = json(&refresh(
        &server,
        &tokens["refresh_token"],
        "&scope=offline_access%20read:projects",
    ));
    assert_eq!(renewed["scope"], "read:projects");
}

// Rule: PEER 17
#[test]
fn a_resource_that_was_granted_and_is_gone_is_an_invalid_grant() {
    let server = Server::new();
    let tokens = tokens(&server);
    server
        .stores
        .apps
        .borrow_mut()
        .get_mut("app_one")
        .unwrap()
        .apis
        .remove(0);
    let gone = refresh(&server, &tokens["refresh_token"], "&resource=https%3A%2F%2Fapi.example");
    assert_eq!(error(&gone), (400, "invalid_grant".into()));
}
