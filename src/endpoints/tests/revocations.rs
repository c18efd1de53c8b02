use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::crypto::from_base64url;
use crate::feed::region::Region;
use crate::feed::{AppCut, Cuts, List};
use crate::ledger::shard::Shard;
use crate::oauth::access_token::UnverifiedAccessToken;
use crate::store::Limit;
use crate::store::memory::Fault;

/// The payload of a JWT.
fn claims(jwt: &str) -> serde_json::Value {
    serde_json::from_slice(&from_base64url(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn feed_of(access_token: &str, after: &str) -> String {
    let shard = claims(access_token)["latchkey"]["shard"].as_u64().unwrap();
    let region = Region::of(Shard::from_number(u16::try_from(shard).unwrap()).unwrap());
    format!("/oauth/revocations/{}{after}", region.number())
}

fn list(server: &Server, target: &str) -> serde_json::Value {
    let reply = server.send(&get_request(target));
    assert_eq!(reply.status, 200, "{reply:?}");
    claims(&reply.body)
}

fn is_cut_off(list: &serde_json::Value, access_token: &str) -> bool {
    let mut copy = Cuts::default();
    let list: List = serde_json::from_value(list.clone()).unwrap();
    assert!(copy.add(&list));
    let issuer = config().issuer;
    let token = UnverifiedAccessToken::parse(access_token).unwrap();
    let token = token.accept(issuer.as_str(), Timestamp(0)).unwrap();
    copy.cut_off(&token.claims).is_some()
}

fn tokens(server: &Server) -> (String, String) {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, &authorize_link("app_one", "&prompt=consent"));
    let code = returned(&browser.decide(server, &page, "allow"))["code"].clone();
    let reply = server.post("/oauth/token", &redemption(&code));
    let tokens = json(&reply);
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

fn revoke(server: &Server, token: &str) {
    let reply = server.post("/oauth/revoke", &format!("client_id=app_one&token={token}"));
    assert_eq!(reply.status, 200, "{reply:?}");
}

// Covers: B33
#[test]
fn what_an_app_revokes_is_in_the_list_and_what_lives_is_not() {
    let server = Server::new();
    let (access, refresh) = tokens(&server);
    let (other, _) = tokens(&server);
    let feed = feed_of(&access, "");
    assert!(!is_cut_off(&list(&server, &feed), &access));
    revoke(&server, &refresh);
    let told = list(&server, &feed);
    assert!(is_cut_off(&told, &access));
    assert!(!is_cut_off(&told, &other));
}

#[test]
fn who_knows_some_is_told_the_rest() {
    let server = Server::new();
    let (first, _) = tokens(&server);
    let (second, _) = tokens(&server);
    revoke(&server, &first);
    let known = list(&server, &feed_of(&first, ""))["number"].clone();
    revoke(&server, &second);
    server.stores.apps_cut_off.borrow_mut().push(AppCut {
        client_id: "app_two".into(),
        epoch: 2,
    });
    let told = list(&server, &feed_of(&first, &format!("?after={known}")));
    assert_eq!(told["after"], known);
    assert!(is_cut_off(&told, &second));
    assert!(!is_cut_off(&told, &first));
    assert_eq!(told["apps"].as_object().unwrap().len(), 1);
}

#[test]
fn a_list_is_signed_names_itself_and_may_be_kept_for_a_second() {
    let server = Server::new();
    let reply = server.send(&get_request("/oauth/revocations/3?after=0"));
    assert_eq!(
        reply.header_value("Content-Type"),
        Some("application/latchkey-revocations+jwt")
    );
    assert_eq!(reply.header_value("Cache-Control"), Some("public, max-age=1"));
    let told = claims(&reply.body);
    assert_eq!(told["iss"], ISSUER);
    assert_eq!(told["sub"], format!("{ISSUER}/oauth/revocations/3"));
    assert_eq!(told["as_of"], server.now.get().0);
    assert!(UnverifiedAccessToken::parse(&reply.body).is_none());
}

#[test]
fn a_region_that_is_none_and_a_number_that_is_none_are_refused() {
    let server = Server::new();
    for target in [
        "/oauth/revocations/9",
        "/oauth/revocations/03",
        "/oauth/revocations/+3",
        "/oauth/revocations/x",
        "/oauth/revocations/",
    ] {
        assert_eq!(server.send(&get_request(target)).status, 404, "{target}");
    }
    for after in [
        "after=-1",
        "after=x",
        "after=1&after=2",
        "after=99999999999999999999",
        "wait=-1",
        "wait=26",
        "wait=1&wait=1",
        "wait=0.5",
    ] {
        let reply = server.send(&get_request(&format!("/oauth/revocations/3?{after}")));
        assert_eq!(
            (reply.status, json(&reply)["error"].clone()),
            (400, "invalid_request".into()),
            "{after}"
        );
    }
}

#[test]
fn without_every_ledger_of_the_region_there_is_no_list() {
    let server = Server::new();
    let (access, refresh) = tokens(&server);
    revoke(&server, &refresh);
    let feed = feed_of(&access, "");
    let shard = Region::from_number(3).unwrap().shards().next().unwrap();
    server.stores.unreachable.borrow_mut().push(shard);
    let reply = server.send(&get_request(&feed));
    assert_eq!(reply.status, 503);
    assert!(reply.header_value("Retry-After").is_some());
    server.stores.unreachable.borrow_mut().clear();
    assert!(is_cut_off(&list(&server, &feed), &access));
}

#[test]
fn a_feed_out_of_reach_is_a_reason_to_try_again() {
    let server = Server::new();
    server.stores.plan(&[Fault::Before("feed")]);
    assert_eq!(server.send(&get_request("/oauth/revocations/3")).status, 503);
}

fn waiting(credential: Option<&str>) -> Request {
    let mut request = get_request("/oauth/revocations/3?after=0&wait=25");
    let header = |credential| ("authorization".into(), format!("Basic {}", STANDARD.encode(credential)));
    request.headers.extend(credential.map(header));
    request
}

#[test]
fn an_api_may_wait_for_news_and_nobody_keeps_what_it_is_told() {
    let server = server_with_api();
    let reply = server.send(&waiting(Some("apc_one:lka_one")));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
    assert_eq!(server.stores.waited.borrow().last(), Some(&Duration::from_secs(25)));
    server.send(&get_request("/oauth/revocations/3"));
    assert_eq!(server.stores.waited.borrow().last(), Some(&Duration::ZERO));
}

#[test]
fn whoever_is_no_api_waits_for_nothing() {
    let server = server_with_api();
    for credential in [
        None,
        Some("apc_one:lka_other"),
        Some("apc_none:lka_one"),
        Some("app_two:lks_right"),
        Some("apc_one"),
    ] {
        let reply = server.send(&waiting(credential));
        assert_eq!(
            (reply.status, json(&reply)["error"].clone()),
            (401, "invalid_client".into()),
            "{credential:?}"
        );
        assert!(reply.header_value("WWW-Authenticate").is_some());
    }
    assert!(server.stores.waited.borrow().is_empty());
}

#[test]
fn an_app_that_ends_access_tokens_one_by_one_without_end_is_told_that_they_live_and_to_try_again() {
    let server = Server::new();
    server.stores.limits.borrow_mut().insert(Limit::EndedTokens, 2);
    let (access, refresh) = tokens(&server);
    let end = |token: &str| server.post("/oauth/revoke", &format!("client_id=app_one&token={token}"));
    assert_eq!(end(&access).status, 200);
    assert_eq!(end(&access).status, 200);
    let (lives, _) = tokens(&server);
    let reply = end(&lives);
    // RFC 7009 §2.2.1
    assert_eq!(
        (reply.status, json(&reply)["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    assert!(reply.header_value("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
    server.pass(5_000);
    let told = list(&server, &feed_of(&access, ""));
    assert!(is_cut_off(&told, &access) && !is_cut_off(&told, &lives));
    // What is no token of theirs costs no share, and what ends a whole grant always may.
    assert_eq!(end("lk_x").status, 200);
    assert_eq!(end(&refresh).status, 200);
}
