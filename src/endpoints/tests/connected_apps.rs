//! Listing, taking back and expiring what users granted.

use std::collections::BTreeSet;

use super::*;
use crate::consent_expiry::UnusedLifetime;
use crate::ledger::EndedBy;
use crate::ledger::shard::Shard;
use crate::oauth::scope::Scopes;
use crate::store::memory::{Fault, StoredConsent};
use crate::store::{ActiveConsent, ConnectedApps, StoreError};

const LIST: &str = "/api/user/connected-apps";
const DAY: i64 = 24 * 3600 * 1000;

/// Alice, signed in.
fn alice(server: &Server) -> Browser {
    let mut browser = Browser::default();
    browser.sign_in(server, "/login?continue=%2Faccount%2Fapps", "alice");
    browser
}

fn delete(target: &str) -> Request {
    Request {
        method: "DELETE".into(),
        headers: [("origin".to_owned(), ISSUER.to_owned())].into(),
        ..get_request(target)
    }
}

/// Gives alice a consent for an app, in this ledger.
fn give(server: &Server, id: &str, client_id: &str, shard: Shard) {
    let consent = StoredConsent {
        user_id: "usr_alice".into(),
        client_id: client_id.into(),
        active: ActiveConsent {
            id: id.into(),
            shard,
            // Of an install of its own: alice has some apps on several devices.
            instance: id.into(),
            scopes: Scopes::default(),
            declined: Scopes::default(),
        },
        status: "active",
        created_at: server.now.get(),
        last_used_at: None,
        noted_at: None,
        device: None,
        organization: None,
        ended_by: None,
    };
    server.stores.consents.borrow_mut().insert(id.into(), consent);
}

fn shards() -> Vec<Shard> {
    (0..u16::MAX).filter_map(Shard::from_number).collect()
}

fn with_status(server: &Server, status: &str) -> usize {
    let consents = server.stores.consents.borrow();
    consents.values().filter(|consent| consent.status == status).count()
}

fn ended_in_ledgers(server: &Server) -> BTreeSet<String> {
    let ledgers = server.stores.ledgers.borrow();
    ledgers
        .values()
        .flat_map(|rows| rows.ended_consents.keys().cloned())
        .collect()
}

fn within<T>(server: &Server, run: impl AsyncFnOnce(&Context<'_, Memory>) -> T) -> T {
    let log = Log::new(&server.random);
    pollster::block_on(run(&Context {
        config: &server.config,
        now: server.now.get(),
        random: &server.random,
        continent: None,
        country: None,
        language: crate::words::Language::ENGLISH,
        log: &log,
        looks: &server.config.looks,
        stores: &server.stores,
    }))
}

fn maintain_now(server: &Server) -> Result<(), StoreError> {
    within(server, async |context| maintain(context).await)
}

// Covers: R68, B39
#[test]
fn every_consent_is_on_exactly_one_page_also_when_many_began_at_once() {
    let server = Server::new();
    let mut browser = alice(&server);
    let shard = shards()[0];
    for number in 0..25 {
        server.pass(i64::from(number % 3 == 0));
        give(&server, &format!("cns_{number:02}"), "app_one", shard);
    }
    for limit in [1, 4, 5, 24, 25, 26, 100] {
        let mut target = format!("{LIST}?limit={limit}");
        let mut shown = Vec::new();
        loop {
            let reply = browser.get(&server, &target);
            let rows = json(&reply);
            let ids = rows.as_array().unwrap().iter().map(|row| row["consent_id"].clone());
            shown.extend(ids);
            let Some(link) = reply.header_value("Link") else { break };
            let next = link.strip_prefix(&format!("<{ISSUER}")).unwrap();
            target = next.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        let expected: Vec<_> = (0..25).rev().map(|number| format!("cns_{number:02}")).collect();
        assert_eq!(shown, expected, "{limit}");
    }
}

#[test]
fn a_page_nobody_can_have_asked_for_is_refused() {
    let server = Server::new();
    let mut browser = alice(&server);
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=+1",
        "limit=1e1",
        "limit=999999999999",
        "limit=5&limit=5",
        "cursor=x",
        "cursor=1",
        "cursor=1.%00",
        "cursor=1.a&cursor=1.a",
        "cursor=%ff",
    ] {
        let reply = browser.get(&server, &format!("{LIST}?{query}"));
        assert_eq!(
            (reply.status, json(&reply)["error"].as_str()),
            (400, Some("invalid_request")),
            "{query}"
        );
    }
}

// Covers: B37
#[test]
fn several_apps_are_revoked_only_by_who_says_which() {
    let server = Server::new();
    let mut browser = alice(&server);
    give(&server, "cns_a", "app_one", shards()[0]);
    for query in [
        "",
        "?",
        "?all",
        "?all=",
        "?all=false",
        "?all=TRUE",
        "?all=true&all=true",
        "?client_id=",
        "?client_id=app_one&client_id=app_two",
        "?client_id=app_one&all=true",
        "?consent_id=cns_a",
        "?all=%ff",
    ] {
        let reply = browser.send(&server, delete(&format!("{LIST}{query}")));
        assert_eq!(reply.status, 400, "{query}");
    }
    for query in ["?all=true", "?client_id=app_one"] {
        let mut foreign = delete(&format!("{LIST}{query}"));
        foreign.headers.insert("origin".into(), "https://evil.example".into());
        assert_eq!(browser.send(&server, foreign).status, 403);
        assert_eq!(server.send(&delete(&format!("{LIST}{query}"))).status, 401);
    }
    assert_eq!(with_status(&server, "active"), 1);
    let unknown = browser.send(&server, delete(&format!("{LIST}?client_id=app_two")));
    assert_eq!(unknown.status, 404);
}

// Covers: R70, B38
#[test]
fn what_is_too_much_for_one_request_is_not_acknowledged_and_goes_on_with_the_next() {
    let server = Server::new();
    let mut browser = alice(&server);
    for (number, shard) in shards().into_iter().take(45).enumerate() {
        give(&server, &format!("cns_{number}"), "app_one", shard);
    }
    let first = browser.send(&server, delete(&format!("{LIST}?all=true")));
    assert_eq!((first.status, first.header_value("Retry-After")), (503, Some("1")));
    assert!(
        json(&first)["error_description"]
            .as_str()
            .unwrap()
            .starts_with("5 connections")
    );
    assert_eq!(
        (with_status(&server, "revoked"), with_status(&server, "revoking")),
        (40, 5)
    );
    assert_eq!(json(&browser.get(&server, LIST)).as_array().unwrap().len(), 5);
    let second = browser.send(&server, delete(&format!("{LIST}?all=true")));
    assert_eq!(second.status, 200);
    assert_eq!(ended_in_ledgers(&server).len(), 45);
}

#[test]
fn a_thousand_consents_of_one_ledger_are_few_calls() {
    let server = Server::new();
    let mut browser = alice(&server);
    for number in 0..1200 {
        give(&server, &format!("cns_{number}"), "app_one", shards()[0]);
    }
    server.trips();
    let reply = browser.send(&server, delete(&format!("{LIST}?client_id=app_one")));
    assert_eq!(reply.status, 200);
    let calls = server.trips();
    assert_eq!(calls.iter().filter(|part| **part == "ledger").count(), 3);
    assert_eq!(ended_in_ledgers(&server).len(), 1200);
}

// Covers: R70, B38
#[test]
fn a_ledger_out_of_reach_keeps_nobody_elses_tokens_alive_and_is_not_passed_over() {
    let server = Server::new();
    let mut browser = alice(&server);
    for (number, shard) in shards().into_iter().take(5).enumerate() {
        give(&server, &format!("cns_{number}"), "app_one", shard);
    }
    // The first is asked twice.
    server.stores.plan(&[Fault::Before("ledger"); 2]);
    let reply = browser.send(&server, delete(&format!("{LIST}?all=true")));
    assert_eq!(reply.status, 503);
    assert_eq!(
        (with_status(&server, "revoked"), with_status(&server, "revoking")),
        (4, 1)
    );
    let row = &json(&browser.get(&server, LIST))[0];
    assert_eq!(
        (row["status"].as_str(), row["expires_at"].as_str()),
        (Some("revoking"), None)
    );
    assert_eq!(maintain_now(&server), Ok(()));
    assert_eq!(with_status(&server, "revoked"), 5);
    assert_eq!(ended_in_ledgers(&server).len(), 5);
}

/// A server whose random bytes begin here, and on which so many consents of each of these ledgers are being revoked.
fn being_revoked(seed: u32, of: &[(Shard, usize)]) -> Server {
    let mut server = Server::new();
    server.random = Seeded::new(seed);
    let mut number = 0..;
    for (shard, count) in of {
        for number in number.by_ref().take(*count) {
            give(&server, &format!("cns_{number}"), "app_one", *shard);
        }
    }
    for consent in server.stores.consents.borrow_mut().values_mut() {
        consent.status = "revoking";
        consent.ended_by = Some(EndedBy::User);
    }
    server
}

// Covers: R70, B38
#[test]
fn with_more_ledgers_to_ask_than_one_look_may_none_of_them_is_always_last() {
    let mut shards = shards();
    shards.sort();
    let last = *shards.last().unwrap();
    let of: Vec<_> = shards.into_iter().map(|shard| (shard, 1)).collect();
    let is_reached = |seed| {
        let server = being_revoked(seed, &of);
        let look = async |context: &Context<'_, Memory>| {
            let unfinished = context.stores.unfinished_revocations().await?;
            Ok::<u32, StoreError>(revocation::end(context, unfinished, None).await.dealt_with)
        };
        assert_eq!(within(&server, look), Ok(40));
        assert_eq!(ended_in_ledgers(&server).len(), 40);
        server.stores.ledgers.borrow().contains_key(&last)
    };
    assert!((1..20).any(is_reached));
}

// Covers: R70, B38
#[test]
fn a_ledger_out_of_reach_uses_up_no_more_than_its_own_call() {
    let (large, small) = (shards()[0], shards()[1]);
    let server = being_revoked(1, &[(large, 30_000), (small, 1)]);
    *server.stores.unreachable.borrow_mut() = vec![large];
    server.trips();
    assert!(maintain_now(&server).is_err());
    assert_eq!(with_status(&server, "revoked"), 1);
    // Asked twice in each of two looks, of which the second got nowhere.
    assert_eq!(server.trips().iter().filter(|part| **part == "ledger").count(), 5);
}

// Covers: R70, B38
#[test]
fn a_ledger_out_of_reach_does_not_end_the_looks_for_the_others() {
    let (broken, well) = (shards()[0], shards()[1]);
    // One look asks for forty groups at most, so the rest is for looks after the one that met the fault.
    let server = being_revoked(1, &[(broken, 1), (well, 30_000)]);
    *server.stores.unreachable.borrow_mut() = vec![broken];
    assert!(maintain_now(&server).is_err());
    assert_eq!(
        (with_status(&server, "revoked"), with_status(&server, "revoking")),
        (30_000, 1)
    );
    server.stores.unreachable.borrow_mut().clear();
    assert_eq!(maintain_now(&server), Ok(()));
    assert_eq!(with_status(&server, "revoking"), 0);
}

/// A server on which a consent was last used so many days ago, as far as the directory knows.
fn unused_for(days: i64) -> Server {
    let server = Server::new();
    server.pass(2000 * DAY);
    give(&server, "cns_a", "app_one", shards()[0]);
    let last_use = Timestamp(server.now.get().0 - days * DAY);
    server
        .stores
        .consents
        .borrow_mut()
        .get_mut("cns_a")
        .unwrap()
        .last_used_at = Some(last_use);
    server
}

fn state(server: &Server) -> (&'static str, Option<EndedBy>) {
    let consents = server.stores.consents.borrow();
    (consents["cns_a"].status, consents["cns_a"].ended_by)
}

#[test]
fn a_consent_ends_a_year_after_its_last_use_and_never_within_the_notice() {
    let server = unused_for(364);
    for day in 0..30 {
        assert_eq!(maintain_now(&server), Ok(()));
        assert_eq!(state(&server).0, "active", "day {day}");
        server.pass(DAY);
    }
    assert_eq!(maintain_now(&server), Ok(()));
    assert_eq!(state(&server), ("revoked", Some(EndedBy::Unused)));
    assert!(ended_in_ledgers(&server).contains("cns_a"));
}

#[test]
fn without_an_end_for_unused_consents_none_is_noted_or_ended() {
    let mut server = unused_for(1900);
    server.config.unused_consents = UnusedLifetime::parse(Some("never")).unwrap();
    for _ in 0..3 {
        assert_eq!(maintain_now(&server), Ok(()));
        server.pass(40 * DAY);
    }
    assert_eq!(state(&server).0, "active");
    assert_eq!(server.stores.consents.borrow()["cns_a"].noted_at, None);
    let mut browser = alice(&server);
    assert_eq!(
        json(&browser.get(&server, LIST))[0]["expires_at"],
        serde_json::Value::Null
    );
}

#[test]
fn a_consent_whose_last_use_only_the_ledger_knows_lives_on() {
    let server = unused_for(400);
    assert_eq!(maintain_now(&server), Ok(()));
    server.pass(31 * DAY);
    let used_at = Timestamp(server.now.get().0 - DAY);
    let mut ledgers = server.stores.ledgers.borrow_mut();
    ledgers
        .entry(shards()[0])
        .or_default()
        .used
        .insert("cns_a".into(), used_at);
    drop(ledgers);
    assert_eq!(maintain_now(&server), Ok(()));
    assert_eq!(state(&server), ("active", None));
    let consents = server.stores.consents.borrow();
    assert_eq!(
        (consents["cns_a"].last_used_at, consents["cns_a"].noted_at),
        (Some(used_at), None)
    );
    assert!(ended_in_ledgers(&server).is_empty());
}

#[test]
fn whoever_revokes_what_was_about_to_expire_revokes_it_whether_it_is_used_or_not() {
    let server = unused_for(400);
    assert_eq!(maintain_now(&server), Ok(()));
    server.pass(31 * DAY);
    let mut ledgers = server.stores.ledgers.borrow_mut();
    ledgers
        .entry(shards()[0])
        .or_default()
        .used
        .insert("cns_a".into(), server.now.get());
    drop(ledgers);
    server.stores.plan(&[Fault::Before("ledger"); 2]);
    assert!(maintain_now(&server).is_err());
    assert_eq!(state(&server), ("revoking", Some(EndedBy::Unused)));
    let mut browser = alice(&server);
    assert_eq!(browser.send(&server, delete(&format!("{LIST}/cns_a"))).status, 200);
    assert_eq!(state(&server), ("revoked", Some(EndedBy::User)));
}

#[test]
fn the_list_says_when_an_unused_app_will_be_disconnected() {
    let server = unused_for(340);
    let mut browser = alice(&server);
    let expected = Timestamp(server.now.get().0 + 30 * DAY).to_rfc3339();
    assert_eq!(json(&browser.get(&server, LIST))[0]["expires_at"], expected);
    assert_eq!(maintain_now(&server), Ok(()));
    server.pass(10 * DAY);
    let mut browser = alice(&server);
    assert_eq!(json(&browser.get(&server, LIST))[0]["expires_at"], expected);
}

// Covers: R71, R72
// Rule: UI 6
#[test]
fn an_app_with_several_installs_is_one_card_with_a_button_for_each_and_one_for_all() {
    let server = Server::new();
    let mut browser = alice(&server);
    for (id, app) in [("cns_a", "app_one"), ("cns_b", "app_two"), ("cns_c", "app_one")] {
        server.pass(1);
        give(&server, id, app, shards()[0]);
    }
    let page = browser.get(&server, "/account/apps").body;
    assert_eq!(page.matches("<li class=\"card\">").count(), 2);
    assert_eq!(page.matches("<section class=\"install\">").count(), 3);
    for link in [
        "cns_a/revoke",
        "cns_b/revoke",
        "cns_c/revoke",
        "revoke?client_id=app_one",
        "revoke-all",
    ] {
        assert_eq!(
            page.matches(&format!("href=\"/account/apps/{link}\"")).count(),
            1,
            "{link}"
        );
    }
    assert!(!page.contains("revoke?client_id=app_two") && !page.contains("<form"));
}

// Covers: B37, B38
// Rule: UI 2, UI 6
#[test]
fn nothing_is_revoked_before_it_is_confirmed_and_twice_is_fine() {
    for (action, fields) in [
        ("/account/apps/cns_a/revoke", ""),
        ("/account/apps/revoke", "&client_id=app_one"),
        ("/account/apps/revoke-all", ""),
    ] {
        let server = Server::new();
        let mut browser = alice(&server);
        give(&server, "cns_a", "app_one", shards()[0]);
        let link = format!("{action}?{}", fields.trim_start_matches('&'));
        let page = browser.get(&server, &link);
        assert_eq!((page.status, with_status(&server, "active")), (200, 1));
        for form in [String::new(), "csrf=forged".to_owned(), fields.to_owned()] {
            assert_eq!(browser.send(&server, form_request(action, &form)).status, 403);
        }
        let form = format!("csrf={}{fields}", hidden(&page, "csrf"));
        let mut foreign = form_request(action, &form);
        foreign.headers.insert("origin".into(), "https://evil.example".into());
        assert_eq!(browser.send(&server, foreign).status, 403);
        assert_eq!(with_status(&server, "active"), 1);
        for _ in 0..2 {
            let done = location(&browser.send(&server, form_request(action, &form)));
            assert!(browser.get(&server, &done).body.contains("It took effect at once"));
        }
        assert_eq!(with_status(&server, "revoked"), 1);
        assert_eq!(location(&browser.get(&server, &link)), "/account/apps");
    }
}

// Covers: R69
#[test]
fn what_is_not_ones_own_is_not_there_to_be_confirmed_or_revoked() {
    let server = Server::new();
    give(&server, "cns_a", "app_one", shards()[0]);
    let mut ben = Browser::default();
    ben.sign_in(&server, "/login?continue=%2Faccount%2Fapps", "ben");
    let everything = ben.get(&server, "/account/apps/revoke-all");
    assert_eq!(location(&everything), "/account/apps");
    for (path, query) in [
        ("/account/apps/cns_a/revoke", ""),
        ("/account/apps/revoke", "client_id=app_one"),
        ("/account/apps/revoke", ""),
        ("/account/apps/revoke", "client_id=app_one&client_id=app_one"),
    ] {
        assert_eq!(
            ben.get(&server, &format!("{path}?{query}")).status,
            404,
            "{path} {query}"
        );
    }
    let stranger = server.send(&get_request("/account/apps/cns_a/revoke"));
    assert_eq!(location(&stranger), "/login?continue=%2Faccount%2Fapps");
}

// Covers: R70
#[test]
fn the_page_says_how_many_are_left_and_goes_on() {
    let server = Server::new();
    let mut browser = alice(&server);
    for (number, shard) in shards().into_iter().take(45).enumerate() {
        give(&server, &format!("cns_{number}"), "app_one", shard);
    }
    let action = "/account/apps/revoke-all";
    let first = browser.get(&server, action);
    assert!(first.body.contains("Connections that end: <bdi>45</bdi>"), "{first:?}");
    let form = format!("csrf={}", hidden(&first, "csrf"));
    let second = browser.send(&server, form_request(action, &form));
    assert_eq!(second.status, 200);
    assert!(second.body.contains("Connections left: <bdi>5</bdi>"), "{second:?}");
    let form = format!("csrf={}", hidden(&second, "csrf"));
    let done = location(&browser.send(&server, form_request(action, &form)));
    assert_eq!(
        (done.as_str(), with_status(&server, "revoked")),
        ("/account/apps?revoked=everything", 45)
    );
}

#[test]
fn with_storage_down_the_page_offers_the_very_same_once_more() {
    let server = Server::new();
    let mut browser = alice(&server);
    give(&server, "cns_a", "app_one", shards()[0]);
    let page = browser.get(&server, "/account/apps/revoke?client_id=app_one");
    let form = format!("csrf={}&client_id=app_one", hidden(&page, "csrf"));
    server.stores.plan(&[Fault::Before("ledger"); 2]);
    let failed = browser.send(&server, form_request("/account/apps/revoke", &form));
    assert_eq!(failed.status, 503);
    assert!(
        failed
            .body
            .contains("<form method=\"post\" action=\"/account/apps/revoke\">")
    );
    let listed = browser.get(&server, "/account/apps").body;
    assert!(listed.contains("Access is being revoked"));
    let form = format!(
        "csrf={}&client_id={}",
        hidden(&failed, "csrf"),
        hidden(&failed, "client_id")
    );
    assert_eq!(
        browser
            .send(&server, form_request("/account/apps/revoke", &form))
            .status,
        303
    );
    server.stores.plan(&[Fault::Before("consents")]);
    assert_eq!(browser.get(&server, "/account/apps").status, 503);
}

// Covers: B39
#[test]
fn the_page_leads_to_older_connections_and_back() {
    let server = Server::new();
    let mut browser = alice(&server);
    for number in 0..60 {
        server.pass(1);
        give(&server, &format!("cns_{number}"), &format!("app_{number}"), shards()[0]);
    }
    let first = browser.get(&server, "/account/apps").body;
    let next = first
        .split("<a rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let second = browser.get(&server, next).body;
    let cards = |page: &str| page.matches("<li class=\"card\">").count();
    assert_eq!((cards(&first), cards(&second)), (50, 10));
    assert!(!first.contains("<a href=\"/account/apps\">Back") && second.contains("<a href=\"/account/apps\">Back"));
    assert!(!second.contains("rel=\"next\""));
    let typed = browser.get(&server, "/account/apps?cursor=nonsense");
    assert_eq!((typed.status, cards(&typed.body)), (200, 50));
}

#[test]
fn the_page_tells_of_the_end_in_the_last_thirty_days_only() {
    let note = "Will be disconnected on";
    for (days, told) in [(0, false), (334, false), (336, true), (400, true)] {
        let server = unused_for(days);
        let page = alice(&server).get(&server, "/account/apps").body;
        assert_eq!(page.contains(note), told, "{days}");
    }
}

#[test]
fn what_an_organization_manages_says_so_in_every_language_and_can_be_revoked() {
    let server = Server::new();
    give(&server, "cns_managed", "app_two", shards()[0]);
    give(&server, "cns_own", "app_one", shards()[0]);
    let name = "<b>Acme\u{202e}";
    server
        .stores
        .consents
        .borrow_mut()
        .get_mut("cns_managed")
        .unwrap()
        .organization = Some(name.into());
    let mut alice = Browser::default();
    alice.sign_in(&server, "/login?continue=%2Faccount%2Fapps", "alice");
    let page = alice.get(&server, "/account/apps");
    let managed = "Managed by <bdi>&#60;b&#62;Acme</bdi>.";
    assert_eq!(page.body.matches(managed).count(), 1, "{page:?}");
    for (language, word) in [
        ("de", "verwaltet"),
        ("es", "Gestionada"),
        ("ja", "管理"),
        ("ar", "تديره"),
    ] {
        let page = alice.get(&server, &format!("/account/apps?ui_locales={language}"));
        assert!(page.body.contains(word), "{language}: {page:?}");
    }
    let listed = json(&alice.get(&server, "/api/user/connected-apps"));
    let organizations: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|app| &app["organization"])
        .collect();
    assert!(organizations.contains(&&"<b>Acme".into()) && organizations.contains(&&serde_json::Value::Null));
    let mut revoke = form_request("/api/user/connected-apps/cns_managed", "");
    revoke.method = "DELETE".into();
    assert_eq!(alice.send(&server, revoke).status, 200);
}
