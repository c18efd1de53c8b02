//! Where somebody is signed in, as they see it and end it.

use super::*;
use crate::ledger::shard::Shard;
use crate::oauth::jwk::ClientKeys;
use crate::sign_in::connection::{Connection, HandOff, Method};
use crate::store::memory::Fault;

const SESSIONS: &str = "/api/user/sessions";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";

fn signed_in(server: &Server, username: &str) -> Browser {
    let mut browser = Browser::default();
    let page = browser.sign_in(server, "/login", username);
    assert_eq!(page.status, 200, "{page:?}");
    browser
}

fn list(server: &Server, browser: &mut Browser) -> Vec<serde_json::Value> {
    let reply = browser.get(server, SESSIONS);
    assert_eq!(reply.status, 200, "{reply:?}");
    json(&reply).as_array().unwrap().clone()
}

fn id_of(session: &serde_json::Value) -> &str {
    session["session_id"].as_str().unwrap()
}

fn delete(server: &Server, browser: &mut Browser, target: &str, origin: Option<&str>) -> Reply {
    let origin = origin.map(|origin| ("origin".to_owned(), origin.to_owned()));
    let request = Request {
        method: "DELETE".into(),
        headers: origin.into_iter().collect(),
        ..get_request(target)
    };
    browser.send(server, request)
}

#[test]
fn the_list_names_device_and_times_and_marks_the_session_that_asks() {
    let server = Server::new();
    let mut first = Browser::default();
    let page = first.get(&server, "/login");
    let form = format!("csrf={}&username=alice", hidden(&page, "csrf"));
    let mut request = form_request("/login", &form);
    request.headers.insert("user-agent".into(), FIREFOX.into());
    assert_eq!(first.send(&server, request).status, 303);
    server.pass(60_000);
    let mut second = signed_in(&server, "alice");
    signed_in(&server, "ben");
    let listed = list(&server, &mut second);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["is_this_session"], true);
    assert_eq!(listed[0]["browser"], serde_json::Value::Null);
    let earlier = serde_json::json!({
        "session_id": id_of(&listed[1]), "browser": "Firefox", "system": "Linux", "connection": null,
        "signed_in_at": "1970-01-01T00:16:40Z", "last_active_at": "1970-01-01T00:16:40Z", "is_this_session": false,
    });
    assert_eq!(listed[1], earlier);
}

#[test]
fn the_last_activity_moves_on_by_five_minutes_at_least_and_costs_no_trip() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    let began = list(&server, &mut browser)[0]["last_active_at"].clone();
    server.pass(299_999);
    assert_eq!(list(&server, &mut browser)[0]["last_active_at"], began);
    server.pass(1);
    server.trips();
    assert_ne!(list(&server, &mut browser)[0]["last_active_at"], began);
    assert_eq!(server.trips(), ["sessions", "session_list"]);
}

#[test]
fn a_consent_page_counts_as_activity() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    server.pass(600_000);
    browser.get(&server, &authorize_link("app_one", ""));
    server.pass(1_000);
    let listed = list(&server, &mut browser);
    assert_eq!(listed[0]["last_active_at"], "1970-01-01T00:26:40Z");
}

#[test]
fn an_expired_session_is_not_listed_and_a_hundred_are_the_most() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    server.pass(13 * 3_600_000);
    for _ in 0..101 {
        browser = signed_in(&server, "alice");
    }
    let listed = list(&server, &mut browser);
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[0]["is_this_session"], true);
}

#[test]
fn ending_one_session_ends_that_one_alone() {
    let server = Server::new();
    let (mut one, mut two) = (signed_in(&server, "alice"), signed_in(&server, "alice"));
    let listed = list(&server, &mut one);
    let reply = delete(
        &server,
        &mut one,
        &format!("{SESSIONS}/{}", id_of(&listed[1])),
        Some(ISSUER),
    );
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.has_header("Set-Cookie"));
    assert_eq!(two.get(&server, SESSIONS).status, 401);
    assert_eq!(list(&server, &mut one).len(), 1);
    let reply = delete(
        &server,
        &mut one,
        &format!("{SESSIONS}/{}", id_of(&listed[1])),
        Some(ISSUER),
    );
    assert_eq!(reply.status, 404);
    let reply = delete(
        &server,
        &mut one,
        &format!("{SESSIONS}/{}", id_of(&listed[0])),
        Some(ISSUER),
    );
    assert!(reply.header_value("Set-Cookie").unwrap().ends_with("Max-Age=0"));
    assert_eq!(one.get(&server, SESSIONS).status, 401);
}

#[test]
fn nobody_ends_the_session_of_another_or_from_another_site() {
    let server = Server::new();
    let (mut alice, mut ben) = (signed_in(&server, "alice"), signed_in(&server, "ben"));
    let id = id_of(&list(&server, &mut alice)[0]).to_owned();
    for target in [
        format!("{SESSIONS}/{id}"),
        format!("{SESSIONS}/x"),
        format!("{SESSIONS}/%00"),
    ] {
        assert_eq!(delete(&server, &mut ben, &target, Some(ISSUER)).status, 404, "{target}");
    }
    for target in [format!("{SESSIONS}/{id}"), SESSIONS.to_owned()] {
        for origin in [
            None,
            Some("https://evil.example"),
            Some("null"),
            Some("http://localhost:8788"),
        ] {
            assert_eq!(
                delete(&server, &mut alice, &target, origin).status,
                403,
                "{target} {origin:?}"
            );
        }
        assert_eq!(
            delete(&server, &mut Browser::default(), &target, Some(ISSUER)).status,
            401
        );
    }
    assert_eq!(list(&server, &mut alice).len(), 1);
}

#[test]
fn signing_out_everywhere_ends_every_session_of_this_user_and_of_no_other() {
    let server = Server::new();
    let (mut one, mut two) = (signed_in(&server, "alice"), signed_in(&server, "alice"));
    let mut ben = signed_in(&server, "ben");
    let reply = delete(&server, &mut one, SESSIONS, Some(ISSUER));
    assert_eq!(reply.status, 200);
    assert!(reply.header_value("Set-Cookie").unwrap().ends_with("Max-Age=0"));
    for browser in [&mut one, &mut two] {
        assert_eq!(browser.get(&server, SESSIONS).status, 401);
    }
    assert_eq!(ben.get(&server, SESSIONS).status, 200);
}

#[test]
fn a_decision_page_that_was_open_elsewhere_decides_nothing_after_signing_out_everywhere() {
    let server = Server::new();
    let mut deciding = Browser::default();
    let page = deciding.consent_page(&server, &authorize_link("app_one", ""));
    let mut other = signed_in(&server, "alice");
    assert_eq!(delete(&server, &mut other, SESSIONS, Some(ISSUER)).status, 200);
    let reply = deciding.decide(&server, &page, "allow");
    assert!(
        !reply
            .header_value("Location")
            .unwrap_or_default()
            .contains("app.example"),
        "{reply:?}"
    );
    assert!(server.stores.consents.borrow().is_empty());
    assert!(server.stores.copies.borrow().is_empty());
    assert!(server.stores.decisions.borrow().is_empty());
}

#[test]
fn while_storage_is_out_of_reach_nothing_ends_and_the_answer_is_to_try_again() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    let id = id_of(&list(&server, &mut browser)[0]).to_owned();
    for part in ["sessions", "session_list"] {
        for target in [format!("{SESSIONS}/{id}"), SESSIONS.to_owned()] {
            server.stores.plan(&[Fault::Before(part)]);
            let reply = delete(&server, &mut browser, &target, Some(ISSUER));
            assert_eq!((reply.status, reply.header_value("Retry-After")), (503, Some("1")));
            assert!(!reply.has_header("Set-Cookie"));
        }
        server.stores.plan(&[Fault::Before(part)]);
        assert_eq!(browser.get(&server, SESSIONS).status, 503);
    }
    assert_eq!(list(&server, &mut browser).len(), 1);
}

fn context<'s>(server: &'s Server, log: &'s Log) -> Context<'s, Memory> {
    Context {
        config: &server.config,
        now: server.now.get(),
        random: &server.random,
        continent: None,
        country: None,
        language: Language::ENGLISH,
        log,
        looks: &server.config.looks,
        stores: &server.stores,
    }
}

#[test]
fn what_suspended_users_gave_ends_though_they_are_reinstated_and_their_ledger_was_out_of_reach_once() {
    let server = Server::new();
    let tokens = json(&server.post("/oauth/token", &redemption(&code(&server, "app_one"))));
    let mut browser = signed_in(&server, "alice");
    server.stores.suspend("usr_alice");
    server.stores.suspended.borrow_mut().clear();
    assert_eq!(
        browser.get(&server, SESSIONS).status,
        401,
        "reinstated, and still signed out"
    );
    let log = Log::new(&server.random);
    let context = context(&server, &log);
    let status = || server.stores.consents.borrow().values().next().unwrap().status;
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    assert!(pollster::block_on(maintain(&context)).is_err());
    assert_eq!(status(), "revoking");
    pollster::block_on(maintain(&context)).unwrap();
    assert_eq!(status(), "revoked");
    let form = format!(
        "grant_type=refresh_token&client_id=app_one&refresh_token={}",
        tokens["refresh_token"].as_str().unwrap()
    );
    assert_eq!(json(&server.post("/oauth/token", &form))["error"], "invalid_grant");
}

#[test]
fn one_cron_run_ends_more_than_one_look_finds() {
    let server = Server::new();
    code(&server, "app_one");
    let (_, one) = server.stores.consents.borrow_mut().pop_first().unwrap();
    for number in 0..100 {
        let mut more = one.clone();
        more.active.id = format!("cns_{number}");
        more.active.shard = Shard::from_number(number / 16 * 256 + number % 16).unwrap();
        more.status = "revoking";
        server.stores.consents.borrow_mut().insert(more.active.id.clone(), more);
    }
    let log = Log::new(&server.random);
    pollster::block_on(maintain(&context(&server, &log))).unwrap();
    let consents = server.stores.consents.borrow();
    assert!(consents.len() == 100 && consents.values().all(|consent| consent.status == "revoked"));
}

const PAGE: &str = "/account/sessions";
const EVERYWHERE: &str = "/account/sessions/end";

/// The address of the button that signs this session out.
fn button(page: &Reply, place: usize) -> String {
    let from = page.body.split("action=\"/account/sessions/").nth(place + 1).unwrap();
    format!("{PAGE}/{}", from.split('"').next().unwrap())
}

fn press(server: &Server, browser: &mut Browser, action: &str, csrf: &str) -> Reply {
    browser.send(server, form_request(action, &format!("csrf={csrf}")))
}

#[test]
fn the_page_has_a_button_for_each_session_and_marks_this_browser() {
    let server = Server::new();
    let mut here = signed_in(&server, "alice");
    let mut there = signed_in(&server, "alice");
    let page = here.get(&server, PAGE);
    assert_eq!(page.body.matches("<form").count(), 2);
    assert_eq!(page.body.matches("this browser").count(), 1);
    assert!(page.body.contains("Unknown device") && page.body.contains("aria-label=\"Sign out Unknown device\""));
    let reply = press(&server, &mut here, &button(&page, 1), &hidden(&page, "csrf"));
    assert_eq!(location(&reply), "/account/sessions?ended");
    assert!(
        here.get(&server, "/account/sessions?ended")
            .body
            .contains("That browser is signed out.")
    );
    assert_eq!(
        location(&there.get(&server, PAGE)),
        "/login?continue=%2Faccount%2Fsessions"
    );
    // Pressing it once more, in a tab that still shows it, is fine.
    let reply = press(&server, &mut here, &button(&page, 1), &hidden(&page, "csrf"));
    assert_eq!(location(&reply), "/account/sessions?ended");
    let reply = press(&server, &mut here, &button(&page, 0), &hidden(&page, "csrf"));
    assert_eq!(location(&reply), "/logout");
    assert!(here.get(&server, "/logout").body.contains("You are signed out"));
}

// Rule: UI 2, ATTACK 2
#[test]
fn no_form_about_sessions_works_without_the_token_of_this_session_or_from_elsewhere() {
    let server = Server::new();
    let (mut browser, mut other) = (signed_in(&server, "alice"), signed_in(&server, "alice"));
    let list = browser.get(&server, PAGE);
    let own = button(&list, 0);
    let everywhere = browser.get(&server, EVERYWHERE);
    let logout = browser.get(&server, "/logout");
    for (action, page, shown_at) in [
        (own.as_str(), &list, PAGE),
        (EVERYWHERE, &everywhere, EVERYWHERE),
        ("/logout", &logout, "/logout"),
    ] {
        let foreign = hidden(&other.get(&server, shown_at), "csrf");
        let of_another_form = hidden(if action == "/logout" { &list } else { &logout }, "csrf");
        for csrf in ["", "x", &foreign, &of_another_form] {
            let reply = press(&server, &mut browser, action, csrf);
            assert_eq!(reply.status, 403, "{action} {csrf}");
        }
        let mut from_elsewhere = form_request(action, &format!("csrf={}", hidden(page, "csrf")));
        from_elsewhere
            .headers
            .insert("origin".into(), "https://evil.example".into());
        assert_eq!(browser.send(&server, from_elsewhere).status, 403, "{action}");
        assert_eq!(
            press(
                &server,
                &mut browser,
                action,
                &format!("{}&csrf=x", hidden(page, "csrf"))
            )
            .status,
            403
        );
    }
    assert_eq!(list_of(&server), 2);
}

fn list_of(server: &Server) -> usize {
    server.stores.sessions.borrow().len()
}

#[test]
fn signing_out_everywhere_is_confirmed_and_says_that_apps_stay() {
    let server = Server::new();
    code(&server, "app_one");
    let (mut one, mut two) = (signed_in(&server, "alice"), signed_in(&server, "alice"));
    signed_in(&server, "ben");
    let page = one.get(&server, EVERYWHERE);
    assert!(
        page.body.contains("Apps that you have connected stay connected."),
        "{page:?}"
    );
    let reply = press(&server, &mut one, EVERYWHERE, &hidden(&page, "csrf"));
    assert_eq!(location(&reply), "/logout?everywhere");
    assert!(reply.header_value("Set-Cookie").unwrap().ends_with("Max-Age=0"));
    assert!(
        one.get(&server, "/logout?everywhere")
            .body
            .contains("You are signed out everywhere")
    );
    assert_eq!(two.get(&server, PAGE).status, 303);
    assert_eq!(list_of(&server), 1, "ben's");
    assert_eq!(
        server.stores.consents.borrow().values().next().unwrap().status,
        "active"
    );
}

#[test]
fn pages_about_sessions_offer_to_try_again_while_storage_is_out_of_reach() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    let list = browser.get(&server, PAGE);
    let everywhere = browser.get(&server, EVERYWHERE);
    for part in ["sessions", "session_list"] {
        let mut replies = Vec::new();
        for (action, page) in [(button(&list, 0), &list), (EVERYWHERE.to_owned(), &everywhere)] {
            server.stores.plan(&[Fault::Before(part)]);
            replies.push(press(&server, &mut browser, &action, &hidden(page, "csrf")));
        }
        server.stores.plan(&[Fault::Before(part)]);
        replies.push(browser.get(&server, PAGE));
        for reply in replies {
            assert_eq!((reply.status, reply.header_value("Retry-After")), (503, Some("1")));
            assert!(reply.body.contains("Try again"));
            assert!(!reply.has_header("Set-Cookie"));
        }
    }
    assert_eq!(list_of(&server), 1);
}

#[test]
fn a_connection_with_a_hostile_name_stays_text() {
    let server = Server::new();
    let mut browser = signed_in(&server, "alice");
    server.stores.connections.borrow_mut().push(Connection {
        id: "con_one".into(),
        name: format!("<script>alert(1)</script>\u{202e}{}", "x".repeat(10_000)),
        domain_level: true,
        issuer: "https://id.example".into(),
        method: Method::HandOff(HandOff {
            login_url: "https://id.example/login".into(),
            jwks: ClientKeys::default(),
            subject_is_user_id: false,
        }),
    });
    for session in server.stores.sessions.borrow_mut().values_mut() {
        session.connection_id = Some("con_one".into());
        session.device = Some("<b>/<i>".into());
    }
    let page = browser.get(&server, PAGE);
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<script") && !page.body.contains("<b>") && !page.body.contains('\u{202e}'));
    assert!(page.body.len() < 5_000, "{}", page.body.len());
}
