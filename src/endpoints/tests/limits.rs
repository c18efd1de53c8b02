//! Who is stopped by the limits, and who must not be.

use super::*;
use crate::store::Limit;
use crate::store::memory::Fault;

const VICTIM: &str = "203.0.113.5";
const STRANGER: &str = "2001:db8:bad::1";

fn limited(limits: &[(Limit, u32)]) -> Server {
    let server = Server::new();
    server.stores.limits.borrow_mut().extend(limits.iter().copied());
    server
}

/// A refresh with a token that is none: 400 once the client is believed.
fn from(server: &Server, address: &str, client: &str) -> Reply {
    at(
        server,
        address,
        "/oauth/token",
        &format!("grant_type=refresh_token&refresh_token=x&{client}"),
    )
}

fn at(server: &Server, address: &str, path: &str, form: &str) -> Reply {
    let mut request = form_request(path, form);
    request.headers.insert("cf-connecting-ip".into(), address.into());
    server.send(&request)
}

fn assert_too_many(reply: &Reply) {
    assert_eq!(reply.status, 429, "{reply:?}");
    let seconds: u32 = reply.header_value("Retry-After").unwrap().parse().unwrap();
    assert!(seconds > 0);
    assert_eq!(json(reply)["error"], "temporarily_unavailable");
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
}

const PUBLIC: &str = "client_id=app_one";
const PROVEN: &str = "client_id=app_two&client_secret=lks_right";
const GUESSED: &str = "client_id=app_two&client_secret=lks_wrong";

// Covers: B41
#[test]
fn a_client_at_one_address_is_stopped_and_told_when_to_come_again() {
    let server = limited(&[(Limit::ClientAtAddress, 3)]);
    for path in ["/oauth/token", "/oauth/par", "/oauth/revoke", "/oauth/introspect"] {
        for _ in 0..3 {
            assert_ne!(at(&server, VICTIM, path, PROVEN).status, 429, "{path}");
        }
        assert_too_many(&at(&server, VICTIM, path, PROVEN));
    }
}

// Covers: B41
#[test]
fn a_stranger_who_hammers_under_a_victims_client_id_stops_only_themselves() {
    let server = limited(&[(Limit::ClientAtAddress, 3), (Limit::Client, 3), (Limit::Address, 100)]);
    for name in [PUBLIC, GUESSED, "client_id=app_two"] {
        for _ in 0..20 {
            from(&server, STRANGER, name);
        }
        assert_too_many(&from(&server, STRANGER, name));
    }
    assert_eq!(from(&server, VICTIM, PUBLIC).status, 400);
    assert_eq!(from(&server, VICTIM, PROVEN).status, 400);
}

#[test]
fn a_client_that_proved_itself_is_counted_wherever_it_calls_from() {
    let server = limited(&[(Limit::Client, 3)]);
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!(from(&server, address, PROVEN).status, 400);
    }
    assert_too_many(&from(&server, "192.0.2.4", PROVEN));
    // A public client cannot prove itself, so nobody can use up a share of its name.
    for _ in 0..20 {
        assert_eq!(from(&server, STRANGER, PUBLIC).status, 400);
    }
}

#[test]
fn what_is_refused_for_a_client_consumes_nothing() {
    let server = limited(&[(Limit::Client, 1)]);
    let code = code(&server, "app_two");
    from(&server, VICTIM, PROVEN);
    let redemption = format!("grant_type=authorization_code&{PROVEN}&code={code}&code_verifier={VERIFIER}");
    assert_too_many(&at(&server, VICTIM, "/oauth/token", &redemption));
    server.stores.counts.borrow_mut().clear();
    assert_eq!(at(&server, VICTIM, "/oauth/token", &redemption).status, 200);
}

// Covers: B41
#[test]
fn invented_names_and_requests_without_one_run_into_the_limit_of_their_address() {
    for name in [
        |n: u32| format!("client_id=app_{n}"),
        |_: u32| String::new(),
        |n: u32| "x=%ff".repeat(n as usize),
    ] {
        let server = limited(&[(Limit::ClientAtAddress, 2), (Limit::Address, 5)]);
        for n in 0..5 {
            assert_ne!(from(&server, STRANGER, &name(n)).status, 429);
        }
        assert_too_many(&from(&server, "2001:db8:bad:0:ffff::9", &name(5)));
        assert_ne!(from(&server, VICTIM, &name(6)).status, 429);
    }
}

#[test]
fn a_client_that_runs_wild_does_not_use_up_its_neighbours_address() {
    let server = limited(&[(Limit::ClientAtAddress, 3), (Limit::Address, 6)]);
    for _ in 0..50 {
        from(&server, VICTIM, PUBLIC);
    }
    assert_eq!(from(&server, VICTIM, PROVEN).status, 400);
}

#[test]
fn attempts_to_sign_in_are_counted_by_address_and_answered_with_a_page() {
    let server = limited(&[(Limit::SignIn, 2)]);
    let login = "/login?continue=%2Flogout";
    let mut browser = Browser::default();
    let csrf = hidden(&browser.get(&server, login), "csrf");
    let mut attempt = |address: &str| {
        let mut request = form_request(login, &format!("csrf={csrf}&username=nobody"));
        request.headers.insert("cf-connecting-ip".into(), address.into());
        browser.send(&server, request)
    };
    assert_eq!((attempt(VICTIM).status, attempt(VICTIM).status), (400, 400));
    let page = attempt(VICTIM);
    assert_eq!(page.status, 429);
    assert!(page.has_header("Retry-After"));
    assert_eq!(page.header_value("X-Frame-Options"), Some("DENY"));
    // The way on is not lost.
    assert_eq!(way_on(&page), login);
    assert_eq!(attempt(STRANGER).status, 400);
}

#[test]
fn a_limiter_that_fails_lets_everyone_pass() {
    let server = limited(&[(Limit::ClientAtAddress, 0), (Limit::Address, 0)]);
    server.stores.plan(&[Fault::Before("limits"), Fault::Before("limits")]);
    assert_eq!(from(&server, VICTIM, PUBLIC).status, 400);
}

#[test]
fn limits_that_are_switched_off_stop_nobody() {
    let mut server = limited(&[
        (Limit::ClientAtAddress, 0),
        (Limit::Address, 0),
        (Limit::Client, 0),
        (Limit::SignIn, 0),
    ]);
    assert_too_many(&from(&server, VICTIM, PROVEN));
    server.config.rate_limits = false;
    assert_eq!(from(&server, VICTIM, PROVEN).status, 400);
    assert_eq!(server.post("/login", "").status, 403);
}

#[test]
fn scripts_of_other_sites_can_read_that_they_asked_too_often() {
    let server = limited(&[(Limit::Address, 0)]);
    let reply = from(&server, VICTIM, PUBLIC);
    assert_eq!(reply.header_value("Access-Control-Allow-Origin"), Some("*"));
    let exposed = reply.header_value("Access-Control-Expose-Headers").unwrap();
    assert!(exposed.contains("Retry-After") && exposed.contains("X-Request-Id"));
}
