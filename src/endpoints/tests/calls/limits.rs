//! How many calls pass.

use super::*;
use crate::limits::Leases;
use crate::store::Limit;
use crate::store::memory::Fault;

/// The guard, with an app that may call so often for one user and so often altogether, in 900 seconds.
fn limited(requests: u32, app_requests: u32) -> Server {
    let server = guard();
    let mut apps = server.stores.apps.borrow_mut();
    for id in ["app_one", "app_two"] {
        if let Some(app) = apps.get_mut(id) {
            app.tier = Some(crate::limits::Tier {
                requests,
                app_requests,
                seconds: 900,
            });
        }
    }
    drop(apps);
    server
}

fn ask(server: &Server, token: &str) -> Reply {
    call("GET", "/v1/me").bearer(token).ask(server)
}

fn passed(server: &Server, token: &str, calls: u32) -> usize {
    (0..calls).filter(|_| ask(server, token).status == 200).count()
}

fn counter_trips(server: &Server) -> usize {
    server.trips().iter().filter(|part| **part == "counter").count()
}

// Covers: R77, B41
#[test]
fn calls_over_the_limit_are_told_to_wait_and_pass_when_the_window_has_moved_on() {
    let server = limited(10, 1000);
    let (token, _) = connect(&server, "read:projects");
    let first = ask(&server, &token);
    assert_eq!(
        told(&first, "RateLimit-Policy"),
        "\"user\";q=10;w=900, \"app\";q=1000;w=900"
    );
    assert!(told(&first, "RateLimit").starts_with("\"user\";r=9;t="), "{first:?}");
    assert_eq!(passed(&server, &token, 9), 9);
    let reply = ask(&server, &token);
    assert_eq!(refused(&reply), no(429, "rate_limit_exceeded", ""));
    let wait: u64 = told(&reply, "Retry-After").parse().unwrap();
    assert!((900..=968).contains(&wait), "{wait}");
    assert!(
        told(&reply, "RateLimit").starts_with(&format!("\"user\";r=0;t={wait}")),
        "{reply:?}"
    );
    assert!(told(&reply, "WWW-Authenticate").is_empty(), "{reply:?}");
    let body = json(&reply);
    assert_eq!(body["error"], "rate_limit_exceeded");
    // Not a moment too early. (The access token lives for an hour.)
    server.pass(i64::try_from(wait - 1).unwrap() * 1000 - 1000);
    assert_eq!(ask(&server, &token).status, 429);
    server.pass(2000);
    assert_eq!(passed(&server, &token, 20), 10);
}

// Covers: R77
#[test]
fn while_a_lease_lasts_calls_cost_no_trip_and_refusals_none_either() {
    let server = limited(1000, 100_000);
    let (token, _) = connect(&server, "read:projects");
    assert_eq!(passed(&server, &token, 1), 1);
    server.trips();
    assert_eq!(passed(&server, &token, 999), 999);
    let trips = counter_trips(&server);
    assert!(trips <= 80, "{trips}");
    assert_eq!(passed(&server, &token, 1), 0);
    server.trips();
    assert_eq!(passed(&server, &token, 50), 0);
    assert_eq!(counter_trips(&server), 0);
}

// Covers: B41
#[test]
fn a_call_is_counted_by_its_app_for_its_user_and_for_the_app_as_a_whole() {
    let server = limited(10, 15);
    let (alices, _) = connect(&server, "read:projects");
    assert_eq!(passed(&server, &alices, 12), 10);
    let keys: Vec<(String, String)> = server.stores.call_counters.borrow().keys().cloned().collect();
    assert_eq!(
        keys,
        [("app_one", "app"), ("app_one", "user/usr_alice")].map(|(app, key)| (app.to_owned(), key.to_owned()))
    );
}

// Covers: B41
#[test]
fn whoever_shows_no_good_token_reaches_no_counter_and_is_limited_by_address() {
    let server = limited(10, 1000);
    let (token, refresh) = connect(&server, "read:projects");
    server.stores.limits.borrow_mut().insert(Limit::Strangers, 3);
    server.trips();
    let here = |question: Question| question.with("x-real-ip", "192.0.2.1");
    let elsewhere = call("GET", "/v1/status").with("x-real-ip", "192.0.2.2");
    for authorization in ["", "Bearer nonsense", "Basic YTpi"] {
        let reply = here(call("GET", "/v1/me").with("authorization", authorization)).ask(&server);
        assert_eq!(reply.status, 401, "{authorization}");
    }
    let reply = here(call("GET", "/v1/me")).ask(&server);
    assert_eq!((reply.status, told(&reply, "Retry-After")), (429, "60"));
    assert_eq!(here(call("GET", "/v1/status")).ask(&server).status, 429);
    // Neighbours with a token, other addresses, and browsers that ask before they call are not stopped by that.
    assert_eq!(here(call("GET", "/v1/me").bearer(&token)).ask(&server).status, 200);
    assert_eq!(elsewhere.ask(&server).status, 200);
    assert_eq!(here(preflight("GET", "/v1/me")).ask(&server).status, 200);
    // A token that was good once is told so, however often.
    revoke(&server, &refresh);
    server.pass(5_000);
    for _ in 0..5 {
        assert_eq!(here(call("GET", "/v1/me").bearer(&token)).ask(&server).status, 401);
    }
    let counted: Vec<String> = server
        .stores
        .call_counters
        .borrow()
        .keys()
        .map(|(_, key)| key.clone())
        .collect();
    assert_eq!(counted, ["app", "user/usr_alice"]);
}

// Covers: B41
#[test]
fn questions_before_calls_are_limited_by_address_whatever_comes_with_them() {
    let server = limited(10, 1000);
    let (token, _) = connect(&server, "read:projects");
    server.stores.limits.borrow_mut().insert(Limit::Strangers, 3);
    let ask = |question: Question| question.with("x-real-ip", "192.0.2.1").ask(&server);
    assert_eq!(ask(preflight("GET", "/v1/me")).status, 200);
    assert_eq!(ask(preflight("POST", "/v1/projects")).status, 200);
    assert_eq!(ask(preflight("GET", "/v1/status").bearer("nonsense")).status, 200);
    for question in [preflight("GET", "/v1/me"), preflight("GET", "/v1/me").bearer(&token)] {
        let reply = ask(question);
        assert_eq!((reply.status, told(&reply, "Retry-After")), (429, "60"));
    }
    assert_eq!(
        preflight("GET", "/v1/me")
            .with("x-real-ip", "192.0.2.2")
            .ask(&server)
            .status,
        200
    );
    assert_eq!(ask(call("GET", "/v1/me").bearer(&token)).status, 200);
    assert_eq!(ask(call("GET", "/v1/status")).status, 200);
}

#[test]
fn where_no_address_is_known_strangers_do_not_share_a_limit() {
    let server = limited(10, 1000);
    server.stores.limits.borrow_mut().insert(Limit::Strangers, 0);
    for _ in 0..5 {
        assert_eq!(call("GET", "/v1/me").ask(&server).status, 401);
    }
}

#[test]
fn refused_calls_do_not_count() {
    let server = limited(10, 1000);
    let (token, _) = connect(&server, "read:projects");
    for _ in 0..20 {
        assert_eq!(call("POST", "/v1/projects").bearer(&token).ask(&server).status, 403);
    }
    assert_eq!(passed(&server, &token, 20), 10);
}

// Covers: R77
#[test]
fn one_lost_answer_is_asked_again_and_without_the_counter_a_fiftieth_passes() {
    let server = limited(100, 10_000);
    let (token, _) = connect(&server, "read:projects");
    server.stores.plan(&[Fault::After("counter")]);
    assert_eq!(ask(&server, &token).status, 200);
    // Counted twice, in favour of the limit.
    assert!(told(&ask(&server, &token), "RateLimit").starts_with("\"user\";r=97;"));
    server.stores.leases.replace(std::rc::Rc::new(Leases::default()));
    server
        .stores
        .plan(&[Fault::Before("counter"), Fault::Before("counter")]);
    let replies: Vec<Reply> = (0..5).map(|_| ask(&server, &token)).collect();
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 503, 503, 503]);
    assert_eq!(told(&replies[0], "RateLimit"), "");
    assert_eq!(told(&replies[2], "Retry-After"), "1");
    // What passed meanwhile counts when the counter is back.
    server.pass(1_000);
    assert!(told(&ask(&server, &token), "RateLimit").starts_with("\"user\";r=94;"));
}

#[test]
fn switched_off_nothing_is_counted() {
    let mut server = limited(1, 1);
    server.config.rate_limits = false;
    let (token, _) = connect(&server, "read:projects");
    assert_eq!(passed(&server, &token, 5), 5);
    assert!(server.stores.call_counters.borrow().is_empty());
}

// Covers: R77
#[test]
fn an_app_without_a_tier_has_the_smallest() {
    let server = guard();
    for app in server.stores.apps.borrow_mut().values_mut() {
        app.tier = None;
    }
    let (token, _) = connect(&server, "read:projects");
    assert_eq!(passed(&server, &token, 60), 50);
}
