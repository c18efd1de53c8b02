//! Status lists, as an API server reads them.

use super::*;
use crate::crypto::from_base64url;
use crate::feed::AppCut;
use crate::oauth::access_token::UnverifiedAccessToken;
use crate::status_list::tests::is_revoked;
use crate::store::Limit;
use crate::store::memory::Fault;

/// The payload of a JWT.
fn claims(jwt: &str) -> serde_json::Value {
    serde_json::from_slice(&from_base64url(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn tokens(server: &Server) -> (String, String) {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, &authorize_link("app_one", "&prompt=consent"));
    let code = returned(&browser.decide(server, &page, "allow"))["code"].clone();
    both(&server.post("/oauth/token", &redemption(&code)))
}

fn both(reply: &Reply) -> (String, String) {
    let tokens = json(reply);
    let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

/// Where the list of a token is, at this server.
fn list_of(access_token: &str) -> String {
    let claims = claims(access_token);
    let uri = claims["status"]["status_list"]["uri"].as_str().unwrap();
    uri.strip_prefix(ISSUER).unwrap().to_owned()
}

fn is_taken_back(server: &Server, access_token: &str) -> bool {
    let target = list_of(access_token);
    let reply = server.send(&get_request(&target));
    assert_eq!(reply.status, 200, "{reply:?}");
    let list = claims(&reply.body);
    assert_eq!(list["sub"], format!("{ISSUER}{target}"));
    assert_eq!(list["status_list"]["bits"], 1);
    let index = claims(access_token)["status"]["status_list"]["idx"].as_u64().unwrap();
    is_revoked(
        list["status_list"]["lst"].as_str().unwrap(),
        u32::try_from(index).unwrap(),
    )
}

fn revoke(server: &Server, token: &str) {
    let reply = server.post("/oauth/revoke", &format!("client_id=app_one&token={token}"));
    assert_eq!(reply.status, 200, "{reply:?}");
}

// Covers: B33
#[test]
fn what_an_app_revokes_is_marked_and_what_lives_is_not() {
    let server = Server::new();
    let (first, refresh) = tokens(&server);
    let (second, refresh) = both(&server.post(
        "/oauth/token",
        &format!("grant_type=refresh_token&client_id=app_one&refresh_token={refresh}"),
    ));
    let (other, _) = tokens(&server);
    for token in [&first, &second, &other] {
        assert!(!is_taken_back(&server, token));
    }
    revoke(&server, &first);
    assert!(is_taken_back(&server, &first));
    assert!(!is_taken_back(&server, &second), "an access token is revoked alone");
    revoke(&server, &refresh);
    assert!(is_taken_back(&server, &second));
    assert!(!is_taken_back(&server, &other));
}

#[test]
fn an_app_that_is_cut_off_is_marked_from_the_next_list_on() {
    let server = Server::new();
    let (token, refresh) = tokens(&server);
    assert!(!is_taken_back(&server, &token));
    let app = |epoch| AppCut {
        client_id: "app_one".into(),
        epoch,
    };
    server.stores.apps_cut_off.borrow_mut().push(app(1));
    assert!(!is_taken_back(&server, &token), "its epoch is the first that is good");
    server.stores.apps_cut_off.borrow_mut().push(app(2));
    assert!(is_taken_back(&server, &token));
    // This server has the app's record as it was before.
    let body = format!("grant_type=refresh_token&client_id=app_one&refresh_token={refresh}");
    assert_eq!(json(&server.post("/oauth/token", &body))["error"], "invalid_grant");
}

#[test]
fn a_list_is_signed_says_for_how_long_it_counts_and_may_be_kept_for_a_second() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    let reply = server.send(&get_request(&list_of(&token)));
    assert_eq!(reply.header_value("Content-Type"), Some("application/statuslist+jwt"));
    assert_eq!(reply.header_value("Cache-Control"), Some("public, max-age=1"));
    let list = claims(&reply.body);
    let seconds = server.now.get().as_seconds();
    assert_eq!(list["iss"], ISSUER);
    assert_eq!(list["iat"], seconds);
    assert_eq!(list["exp"], seconds + 30);
    assert_eq!(list["ttl"], 5);
    assert!(UnverifiedAccessToken::parse(&reply.body).is_none());
}

#[test]
fn every_list_that_a_token_names_is_among_all_of_them() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    let reply = server.send(&get_request("/oauth/status-lists"));
    assert_eq!(reply.status, 200);
    let all = json(&reply);
    let all = all["status_lists"].as_array().unwrap();
    let named = format!("{ISSUER}{}", list_of(&token));
    assert_eq!(all.iter().filter(|one| **one == named).count(), 1);
    let trips = server.stores.trips.borrow().len();
    server.send(&get_request("/oauth/status-lists"));
    assert_eq!(server.stores.trips.borrow().len(), trips, "no storage is asked");
    for one in all {
        let target = one.as_str().unwrap().strip_prefix(ISSUER).unwrap();
        assert_eq!(server.send(&get_request(target)).status, 200, "{target}");
    }
}

#[test]
fn what_is_no_list_or_not_any_more_is_not_found() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    let list = list_of(&token);
    let (shard, period) = list
        .strip_prefix("/oauth/status-lists/")
        .unwrap()
        .split_once('/')
        .unwrap();
    let period: u64 = period.parse().unwrap();
    for (shard, period) in [
        (shard, (period + 1).to_string()),
        (shard, (period + 27).to_string()),
        (shard, format!("0{period}")),
        (shard, "x".into()),
        ("16", period.to_string()),
        ("65536", period.to_string()),
        (&format!("0{shard}"), period.to_string()),
    ] {
        let target = format!("/oauth/status-lists/{shard}/{period}");
        assert_eq!(server.send(&get_request(&target)).status, 404, "{target}");
    }
}

#[test]
fn another_form_and_another_time_are_refused() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    let list = list_of(&token);
    for (accept, status) in [
        ("application/statuslist+cwt", 406),
        ("application/json", 406),
        ("application/statuslist+jwt", 200),
        ("application/statuslist+cwt;q=0.9, */*;q=0.1", 200),
    ] {
        let mut request = get_request(&list);
        request.headers.insert("accept".into(), accept.into());
        assert_eq!(server.send(&request).status, status, "{accept}");
    }
    let reply = server.send(&get_request(&format!("{list}?time=1700000000")));
    assert_eq!(
        (reply.status, json(&reply)["error"].clone()),
        (501, "not_implemented".into())
    );
}

#[test]
fn storage_out_of_reach_is_never_an_empty_list() {
    let server = Server::new();
    let (token, refresh) = tokens(&server);
    revoke(&server, &refresh);
    server.stores.plan(&[Fault::Before("ledger")]);
    let reply = server.send(&get_request(&list_of(&token)));
    assert_eq!(reply.status, 503);
    assert!(reply.header_value("Retry-After").is_some());
    assert!(is_taken_back(&server, &token));
}

#[test]
fn who_asks_too_often_is_told_to_wait() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    server.stores.limits.borrow_mut().extend([(Limit::Address, 0)]);
    for target in [list_of(&token), "/oauth/status-lists".into()] {
        assert_eq!(server.send(&get_request(&target)).status, 429, "{target}");
    }
}

#[test]
fn what_an_app_does_in_its_own_name_is_on_no_list() {
    let server = Server::new();
    let (token, _) = tokens(&server);
    assert!(claims(&token)["status"].is_object());
    let request = "grant_type=client_credentials&client_id=app_two&client_secret=lks_right";
    let reply = server.post("/oauth/token", request);
    let token = json(&reply)["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token).get("status"), None);
}
