//! From the app's link to the decision.

use super::*;
use crate::oauth::standing::AppStatus;
use crate::store::memory::Fault;

// Covers: R38
#[test]
fn a_user_who_is_not_signed_in_signs_in_first_and_comes_back_to_the_consent_page() {
    let server = Server::new();
    let mut browser = Browser::default();
    let login = location(&browser.get(&server, &authorize_link("app_one", "")));
    assert!(
        login.starts_with("/login?continue=%2Foauth%2Fconsent%3Frequest_id%3D"),
        "{login}"
    );
    let page = browser.sign_in(&server, &login, "alice");
    assert!(page.body.contains("Authorize <bdi>Project Lens</bdi>"), "{page:?}");
    let again = location(&browser.get(&server, &authorize_link("app_one", "")));
    assert!(again.starts_with("/oauth/consent?request_id="), "{again}");
}

// Covers: R41
#[test]
fn allow_returns_code_state_and_issuer_deny_returns_access_denied() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let allowed = returned(&browser.clone().decide(&server, &page, "allow"));
    assert_eq!((allowed["state"].as_str(), allowed["iss"].as_str()), ("xyz", ISSUER));
    assert!(allowed["code"].starts_with("lkc_"));
    let consent = location(&browser.get(&server, &authorize_link("app_one", "&prompt=consent")));
    let page = browser.get(&server, &consent);
    let denied = returned(&browser.decide(&server, &page, "deny"));
    assert_eq!(denied["error"], "access_denied");
    assert_eq!((denied["state"].as_str(), denied["iss"].as_str()), ("xyz", ISSUER));
    assert!(!denied.contains_key("code"));
}

// Covers: B13, R37
#[test]
fn nothing_is_written_before_the_user_decides() {
    let server = Server::new();
    let mut browser = Browser::default();
    browser.consent_page(&server, &authorize_link("app_one", ""));
    assert!(server.stores.decisions.borrow().is_empty() && server.stores.consents.borrow().is_empty());
    assert!(server.stores.kv.borrow().is_empty() && server.stores.copies.borrow().is_empty());
    assert!(server.stores.ledgers.borrow().is_empty());
    assert_eq!(server.stores.sessions.borrow().len(), 1, "the sign-in's own");
}

// Covers: R37
#[test]
fn a_request_expires_ten_minutes_after_it_began() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let consent = location(&browser.get(&server, &authorize_link("app_one", "")));
    server.pass(10 * 60_000 - 1);
    assert_eq!(browser.get(&server, &consent).status, 200);
    server.pass(1);
    for reply in [browser.get(&server, &consent), browser.decide(&server, &page, "allow")] {
        assert_eq!(reply.status, 400);
        assert!(reply.body.contains("This request has expired"), "{reply:?}");
    }
}

// Covers: R44, B20
#[test]
fn a_second_click_gets_the_answer_of_the_first_and_later_a_page() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let first = location(&browser.decide(&server, &page, "allow"));
    for decision in ["allow", "deny"] {
        server.pass(2_000);
        assert_eq!(location(&browser.decide(&server, &page, decision)), first);
    }
    assert_eq!(server.stores.copies.borrow().len(), 1);
    server.pass(2_000);
    let late = browser.decide(&server, &page, "allow");
    assert_eq!(late.status, 409);
    assert!(late.body.contains("You have already decided"));
}

// Covers: B15
#[test]
fn a_request_can_be_decided_only_in_the_browser_and_session_it_was_shown_in() {
    let server = Server::new();
    let mut alice = Browser::default();
    let login = location(&alice.get(&server, &authorize_link("app_one", "")));
    let page = alice.sign_in(&server, &login, "alice");
    let mut ben = Browser::default();
    ben.sign_in(&server, "/login", "ben");
    let request = login
        .split("continue=")
        .nth(1)
        .unwrap()
        .replace("%2F", "/")
        .replace("%3F", "?")
        .replace("%3D", "=");
    let elsewhere = ben.get(&server, &request);
    assert_eq!(elsewhere.status, 400);
    assert!(elsewhere.body.contains("another browser"), "{elsewhere:?}");
    for mut other in [ben, Browser::default()] {
        assert_eq!(other.decide(&server, &page, "allow").status, 403);
    }
    let mut forged = form_request(
        "/oauth/consent",
        &format!("request={}&decision=allow", hidden(&page, "request")),
    );
    forged.headers.insert("origin".into(), "http://localhost:9999".into());
    assert_eq!(alice.clone().send(&server, forged).status, 403);
    assert!(server.stores.decisions.borrow().is_empty());
}

// Covers: B20, R33
#[test]
fn a_decision_counts_only_while_app_and_session_still_allow_it() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let set = |status, epoch| {
        let mut apps = server.stores.apps.borrow_mut();
        let app = apps.get_mut("app_one").unwrap();
        (app.status, app.epoch) = (status, epoch);
    };
    for (status, epoch) in [(AppStatus::Suspended, 2), (AppStatus::Approved, 2)] {
        set(status, epoch);
        let reply = browser.decide(&server, &page, "allow");
        assert_eq!((reply.status, reply.has_header("Location")), (400, false));
    }
    set(AppStatus::Approved, 1);
    server.stores.sessions.borrow_mut().clear();
    assert_eq!(browser.decide(&server, &page, "allow").status, 403);
    assert!(server.stores.consents.borrow().is_empty() && server.stores.copies.borrow().is_empty());
}

// Covers: B17
#[test]
fn when_storage_fails_the_user_is_asked_to_try_again_and_never_said_to_have_refused() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    server
        .stores
        .plan(&[Fault::Before("consents"), Fault::Before("consents")]);
    let down = browser.decide(&server, &page, "allow");
    assert_eq!((down.status, down.header_value("Retry-After")), (503, Some("1")));
    assert!(down.body.contains("Try again"));
    let again = browser.decide(&server, &down, &hidden(&down, "decision"));
    assert!(returned(&again).contains_key("code"));
}

// Covers: B20
#[test]
fn a_decision_whose_reply_was_lost_is_asked_again_and_decided_once() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    server.stores.plan(&[Fault::After("consents"), Fault::Before("kv")]);
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    assert_eq!(
        (
            server.stores.consents.borrow().len(),
            server.stores.copies.borrow().len()
        ),
        (1, 1)
    );
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

// Covers: R45, B19
#[test]
fn the_consent_is_stored_and_a_second_request_adds_to_it_after_asking_again() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    returned(&browser.decide(&server, &page, "allow"));
    let wider = authorize_link("app_one", "").replace("read:projects", "read:projects%20read:profile");
    let consent = location(&browser.get(&server, &wider));
    let page = browser.get(&server, &consent);
    assert!(
        page.body
            .contains("Use read:profile <span class=\"mark new\">new</span>"),
        "{page:?}"
    );
    assert!(page.body.contains("<li>Use read:projects</li>"));
    returned(&browser.decide(&server, &page, "allow"));
    let consents = server.stores.consents.borrow();
    let stored: Vec<_> = consents.values().collect();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].active.scopes.to_string(), "read:profile read:projects");
    assert_eq!(stored[0].user_id, "usr_alice");
}

#[test]
fn agreeing_after_a_revocation_in_another_tab_makes_a_new_consent() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    returned(&browser.decide(&server, &page, "allow"));
    let consent = location(&browser.get(&server, &authorize_link("app_one", "&prompt=consent")));
    let page = browser.get(&server, &consent);
    for consent in server.stores.consents.borrow_mut().values_mut() {
        consent.status = "revoked";
    }
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    assert_eq!(server.stores.consents.borrow().len(), 2);
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

#[test]
fn two_requests_decided_at_once_share_one_consent() {
    let server = Server::new();
    let mut browser = Browser::default();
    let first = browser.consent_page(&server, &authorize_link("app_one", ""));
    let consent = location(&browser.get(&server, &authorize_link("app_one", "")));
    let second = browser.get(&server, &consent);
    for page in [first, second] {
        let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
        assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
    }
    assert_eq!(server.stores.consents.borrow().len(), 1);
}

// Covers: B9
// Rule: STEPUP 1
#[test]
fn prompt_and_max_age_decide_whether_the_user_signs_in_again() {
    let server = Server::new();
    let mut browser = Browser::default();
    let error = |browser: &mut Browser, more: &str| {
        returned(&browser.get(&server, &authorize_link("app_one", more)))["error"].clone()
    };
    assert_eq!(error(&mut browser, "&prompt=none"), "login_required");
    browser.sign_in(&server, "/login", "alice");
    assert_eq!(error(&mut browser, "&prompt=none"), "consent_required");
    server.pass(60_000);
    assert_eq!(error(&mut browser, "&prompt=none&max_age=59"), "login_required");
    for (more, page) in [
        ("&prompt=login", "/login"),
        ("&max_age=59", "/login"),
        ("&max_age=60", "/oauth/consent"),
        ("", "/oauth/consent"),
    ] {
        let next = location(&browser.get(&server, &authorize_link("app_one", more)));
        assert!(next.starts_with(page), "{more}: {next}");
    }
    // Going around the sign-in page does not help.
    let login = location(&browser.get(&server, &authorize_link("app_one", "&prompt=login")));
    let target = login
        .split("continue=")
        .nth(1)
        .unwrap()
        .replace("%2F", "/")
        .replace("%3F", "?")
        .replace("%3D", "=");
    assert!(location(&browser.get(&server, &target)).starts_with("/login"));
}

// Covers: B14
#[test]
fn the_sign_in_page_leads_nowhere_but_on_this_server() {
    let server = Server::new();
    for evil in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
        "/%0d/evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "evil",
        "http://localhost:8787@evil.example",
    ] {
        let mut browser = Browser::default();
        let login = format!(
            "/login?continue={}",
            url::form_urlencoded::byte_serialize(evil.as_bytes()).collect::<String>()
        );
        let page = browser.get(&server, &login);
        let form = format!("csrf={}&username=alice", hidden(&page, "csrf"));
        let next = location(&browser.send(&server, form_request(&login, &form)));
        let landed = url::Url::parse(ISSUER).unwrap().join(&next).unwrap();
        assert_eq!(landed.origin().ascii_serialization(), ISSUER, "{evil}: {next}");
    }
}

#[test]
fn signing_in_takes_a_form_of_ours_and_a_known_name_and_renews_the_session() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.get(&server, "/login");
    let csrf = hidden(&page, "csrf");
    for form in [
        "username=alice".to_owned(),
        "username=alice&csrf=x".into(),
        format!("username=alice&csrf={csrf}x"),
    ] {
        assert_eq!(
            browser.send(&server, form_request("/login", &form)).status,
            403,
            "{form}"
        );
    }
    let stranger = Browser::default().send(&server, form_request("/login", &format!("username=alice&csrf={csrf}")));
    assert_eq!(stranger.status, 403);
    let unknown = browser.send(
        &server,
        form_request("/login", &format!("username=%3Cb%3E&csrf={csrf}")),
    );
    assert_eq!(unknown.status, 400);
    assert!(unknown.body.contains("Nobody has this user name") && !unknown.body.contains("<b>"));
    browser.sign_in(&server, "/login", "alice");
    let before = browser.cookies[crate::http::SESSION_COOKIE].clone();
    browser.sign_in(&server, "/login", "ben");
    assert_ne!(browser.cookies[crate::http::SESSION_COOKIE], before);
    assert_eq!(server.stores.sessions.borrow().len(), 1);
}

#[test]
fn another_user_of_the_same_browser_gets_neither_code_nor_say() {
    let server = Server::new();
    let mut browser = Browser::default();
    let login = location(&browser.get(&server, &authorize_link("app_one", "")));
    let page = browser.sign_in(&server, &login, "alice");
    let mut ben = browser.clone();
    returned(&browser.decide(&server, &page, "allow"));
    let page = ben.sign_in(&server, &login, "ben");
    for decision in ["allow", "deny"] {
        let reply = ben.decide(&server, &page, decision);
        assert_eq!((reply.status, reply.has_header("Location")), (409, false));
    }
    assert_eq!(server.stores.copies.borrow().len(), 1);
}

#[test]
fn deciding_again_does_not_lengthen_the_life_of_a_code() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    for _ in 0..2 {
        server.pass(30_000);
        assert_eq!(browser.decide(&server, &page, "allow").status, 409);
    }
    assert_eq!(
        json(&server.post("/oauth/token", &redemption(&code)))["error"],
        "invalid_grant"
    );
}

#[test]
fn trying_again_after_lost_replies_gets_the_answer_of_what_was_written() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    server
        .stores
        .plan(&[Fault::After("consents"), Fault::After("consents")]);
    let down = browser.decide(&server, &page, "allow");
    assert_eq!(down.status, 503);
    server.pass(20_000);
    let code = returned(&browser.decide(&server, &down, "allow"))["code"].clone();
    assert_eq!(server.stores.copies.borrow().len(), 1);
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

#[test]
fn nobody_is_sent_to_a_suspended_app_or_a_redirect_uri_that_is_gone() {
    for change in [
        (|app: &mut crate::oauth::client::App| app.status = AppStatus::Suspended) as fn(&mut crate::oauth::client::App),
        |app| app.redirect_uris.clear(),
    ] {
        let server = Server::new();
        let mut browser = Browser::default();
        let page = browser.consent_page(&server, &authorize_link("app_one", ""));
        let consent = location(&browser.get(&server, &authorize_link("app_one", "")));
        change(server.stores.apps.borrow_mut().get_mut("app_one").unwrap());
        for reply in [
            browser.decide(&server, &page, "deny"),
            browser.decide(&server, &page, "allow"),
            browser.get(&server, &consent),
        ] {
            assert_eq!((reply.status, reply.has_header("Location")), (400, false), "{reply:?}");
        }
    }
}

#[test]
fn agreeing_on_an_old_page_adds_to_the_consent_that_came_meanwhile() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    returned(&browser.decide(&server, &page, "allow"));
    let open = |browser: &mut Browser| {
        let consent = location(&browser.get(&server, &authorize_link("app_one", "&prompt=consent")));
        browser.get(&server, &consent)
    };
    let old = open(&mut browser);
    for consent in server.stores.consents.borrow_mut().values_mut() {
        consent.status = "revoked";
    }
    let page = open(&mut browser);
    returned(&browser.decide(&server, &page, "allow"));
    let code = returned(&browser.decide(&server, &old, "allow"))["code"].clone();
    assert_eq!(server.stores.consents.borrow().len(), 2);
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
}

#[test]
fn a_posted_request_goes_on_as_a_get_and_touches_no_cookie() {
    let server = Server::new();
    let link = authorize_link("app_one", "");
    let (path, query) = link.split_once('?').unwrap();
    let reply = server.post(path, query);
    assert_eq!(location(&reply), link);
    assert!(!reply.has_header("Set-Cookie"));
    for bad in ["state=\u{e4}", "state=a b", "state=\r\nX: y", &"x".repeat(16_000)] {
        assert_eq!(server.post(path, bad).status, 400, "{bad}");
    }
}

#[test]
fn the_development_sign_in_works_on_this_machine_only_whatever_the_issuer_says() {
    let server = Server::new();
    for host in ["auth.example.com", "localhost.example.com", ""] {
        for request in [get_request("/login"), form_request("/login", "username=alice")] {
            let reply = server.send(&Request {
                host: host.into(),
                ..request
            });
            assert_eq!((reply.status, reply.has_header("Set-Cookie")), (503, false), "{host}");
        }
    }
}

#[test]
fn nothing_is_a_page_for_people_and_json_for_programs() {
    let server = Server::new();
    let ask = |accept: &str| {
        let mut request = get_request("/no/such/thing");
        request.headers.insert("accept".into(), accept.into());
        let reply = server.send(&request);
        (reply.status, reply.header_value("Content-Type").unwrap().to_owned())
    };
    assert_eq!(ask("text/html,*/*;q=0.8"), (404, "text/html; charset=utf-8".into()));
    for accept in ["", "*/*", "application/json"] {
        assert_eq!(ask(accept), (404, "application/problem+json".into()));
    }
}

#[test]
fn under_api_every_error_is_a_problem_document_whatever_is_accepted() {
    let server = Server::new();
    for (method, path, status) in [
        ("GET", "/api/nothing", 404),
        ("POST", "/api/user", 404),
        ("GET", "/api/developer/nothing", 404),
        ("PUT", "/api/user/sessions", 405),
        ("DELETE", "/api/developer/accounts", 405),
        ("GET", "/api/user/sessions", 401),
        ("GET", "/api/user/connected-apps?limit=0", 400),
        ("DELETE", "/api/user/sessions/ses_x", 401),
        ("GET", "/api/oauth/consent/x", 400),
        ("POST", "/api/oauth/consent/x", 400),
    ] {
        let mut request = get_request(path);
        request.method = method.into();
        request.headers.insert("accept".into(), "text/html".into());
        let reply = server.send(&request);
        let place = format!("{method} {path}: {reply:?}");
        assert_eq!(reply.status, status, "{place}");
        assert_eq!(
            reply.header_value("Content-Type"),
            Some("application/problem+json"),
            "{place}"
        );
        let problem = json(&reply);
        assert_eq!(problem["status"], status, "{place}");
        assert_eq!(problem["message"], problem["detail"], "{place}");
        let code = problem["error"].as_str().unwrap();
        let explained = format!("{}/api-docs#{code}", server.config.issuer.as_str());
        assert_eq!(problem["type"], explained, "{place}");
        assert_eq!(
            Some(problem["request_id"].as_str().unwrap()),
            reply.header_value("X-Request-Id"),
            "{place}"
        );
    }
}
