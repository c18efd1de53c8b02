//! What apps use, as developers and administrators see it.

use serde_json::json;

use super::*;
use crate::store::memory::Fault;
use crate::usage::Call;
use crate::usage::call::testing::{answered, call as api_call, unknown};
use crate::usage::statements::batch_statements;
use crate::usage::writer::Numbered;
use crate::usage::{Issued, Noted};

const USAGE: &str = "/api/developer/apps/app_one/usage";
const ERRORS: &str = "/api/developer/apps/app_one/errors";

/// Noon.
const NOW: i64 = 1_795_348_800_000;

/// The portal with an app of each developer account, at noon.
fn watched() -> Server {
    let server = portal();
    server.pass(NOW - server.now.get().0);
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at) VALUES
           ('app_one', 'dev_north', 'Project <Lens>', '', 'spa', 'portal', 'approved', 1),
           ('app_two', 'dev_south', 'Other', '', 'web', 'portal', 'approved', 1);",
    );
    server
}

/// Writes what the server has counted.
fn flush(server: &Server, number: u32) {
    let batch = server.usage.borrow_mut().take();
    let numbered = Numbered {
        writer: "test".into(),
        number,
        batch,
    };
    let statements = batch_statements(&numbered, server.now.get());
    pollster::block_on(crate::store::Database::transact(&server.stores, statements)).unwrap();
}

fn add_tokens(server: &Server, client_id: &str, count: usize) {
    for _ in 0..count {
        let mut noted = Noted::default();
        noted.token(client_id, Issued::ForRefreshToken, Some("usr_dave"));
        let request = crate::usage::Request {
            route: "token",
            id: "req",
            at: server.now.get(),
        };
        server.usage.borrow_mut().add(noted, request);
    }
}

fn add_calls(server: &Server, calls: impl IntoIterator<Item = Call>) {
    for call in calls {
        let mut noted = Noted::default();
        noted.call(call);
        let request = crate::usage::Request {
            route: "verify",
            id: "req",
            at: server.now.get(),
        };
        server.usage.borrow_mut().add(noted, request);
    }
}

// Covers: R75, R76
#[test]
fn a_developer_reads_which_routes_their_app_called_with_which_scopes_and_how_long_that_took() {
    let server = watched();
    server.stores.database.run(
        "INSERT INTO apis (id, resource, name, created_at) VALUES ('api_one', 'https://one.example', 'One <b>', 0)",
    );
    let many = (0..18).map(|_| answered("app_one", "/v1/{id}", 200, 20));
    let slow = [
        answered("app_one", "/v1/{id}", 200, 20_000),
        answered("app_one", "/v1/{id}", 500, 90),
        api_call("app_one", "/", ""),
        answered("app_two", "/secret", 200, 1),
        unknown("/v1/{id}"),
    ];
    add_calls(&server, many.chain(slow));
    flush(&server, 1);
    let mut ben = signed_in(&server, "ben");
    for target in [USAGE.to_owned(), format!("{USAGE}?period=90d")] {
        let usage = json(&ben.get(&server, &target));
        assert_eq!(usage["total"]["calls"], 21);
        assert_eq!(
            usage["total"]["calls_by_kind"],
            json!({ "through": 20, "refused": 0, "failed": 1 })
        );
        let time = json!({ "mean": 1022, "p50": 25, "p95": 100 });
        assert_eq!(
            usage["apis"],
            json!([{ "api_id": "api_one", "api_name": "One <b>", "calls": 21, "refused": 0, "failed": 1, "milliseconds": time }])
        );
        let route = &usage["routes"][0];
        assert_eq!((&route["route"], &route["method"]), (&json!("/v1/{id}"), &json!("GET")));
        assert_eq!(
            route["outcomes"],
            json!([{ "outcome": "200", "calls": 19 }, { "outcome": "500", "calls": 1 }])
        );
        assert_eq!(usage["routes"][1]["milliseconds"], Value::Null);
        assert_eq!(usage["scopes_used"], json!([{ "scope": "read", "calls": 20 }]));
        assert!(!usage.to_string().contains("secret"), "another app's");
    }
    let page = ben.get(&server, "/developers/apps/app_one/usage").body;
    for told in [
        "<code>/v1/{id}</code>",
        "≤ 25 ms",
        "<code>read</code>",
        "One &#60;b&#62;",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let mut ada = signed_in(&server, "ada");
    let all = json(&ada.get(&server, "/api/admin/usage"));
    assert_eq!(
        (&all["total"]["calls"], &all["apis"][0]["refused"]),
        (&json!(23), &json!(1))
    );
    let callers = all["busiest"][0]["callers"].as_array().unwrap();
    assert_eq!((callers.len(), &callers[0]["calls"]), (2, &json!(21)));
    server.pass(24 * 3_600_000);
    let later = json(&signed_in(&server, "ben").get(&server, USAGE));
    assert_eq!((&later["total"]["calls"], &later["routes"]), (&json!(0), &json!([])));
}

// Covers: R75
#[test]
fn a_developer_reads_what_the_requests_of_their_app_came_to() {
    let server = watched();
    let code = code(&server, "app_one");
    let tokens = json(&server.post("/oauth/token", &redemption(&code)));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    server.pass(3_600_000);
    let refresh = format!("grant_type=refresh_token&client_id=app_one&refresh_token={refresh}");
    server.post("/oauth/token", &refresh);
    server.post("/oauth/token", &redemption(&code));
    server.post("/oauth/token", "grant_type=password&client_id=app_one");
    flush(&server, 1);

    let mut ben = signed_in(&server, "ben");
    let usage = json(&ben.get(&server, USAGE));
    let buckets = usage["buckets"].as_array().unwrap();
    assert_eq!((buckets.len(), &usage["period"]), (24, &json!("24h")));
    assert_eq!(buckets[22]["from"], "2026-11-22T12:00:00Z");
    assert_eq!(buckets[22]["tokens_by_grant"]["authorization_code"], 1);
    assert_eq!(buckets[23]["tokens_by_grant"]["refresh_token"], 1);
    assert_eq!(usage["total"]["tokens"], 2);
    assert_eq!(usage["total"]["consents_granted"], 1);
    assert_eq!(
        usage["errors"],
        json!([{ "error": "invalid_grant", "count": 1 }, { "error": "unsupported_grant_type", "count": 1 }])
    );
    assert_eq!(
        usage["active_users"],
        json!([{ "day": "2026-11-21T00:00:00Z", "users": 0 }, { "day": "2026-11-22T00:00:00Z", "users": 1 }])
    );
    // To within five minutes of the refresh.
    assert_eq!(usage["last_used_at"], "2026-11-22T13:00:00Z");

    let log = json(&ben.get(&server, ERRORS));
    let items = log["items"].as_array().unwrap();
    assert_eq!((items.len(), &log["next_cursor"]), (2, &Value::Null));
    assert_eq!(items[1]["description"], "the code has expired: codes live 60 seconds");
    assert!(items[1]["hint"].as_str().unwrap().contains("60 seconds"));
    assert_eq!(items[1]["endpoint"], "token");
    assert!(
        !log.to_string().contains("usr_") && !log.to_string().contains("lk"),
        "{log}"
    );
}

#[test]
fn counts_are_the_same_by_day_also_when_their_hours_are_gone() {
    let server = watched();
    for number in 1..=4 {
        add_tokens(&server, "app_one", 2);
        flush(&server, number);
        server.pass(26 * 3_600_000);
    }
    let mut alice = signed_in(&server, "alice");
    let mut by_day = |period: &str| {
        let usage = json(&alice.get(&server, &format!("{USAGE}?period={period}")));
        let users: u64 = usage["active_users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["users"].as_u64().unwrap())
            .sum();
        let of_buckets: u64 = usage["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["tokens"].as_u64().unwrap())
            .sum();
        assert_eq!(usage["total"]["tokens"], of_buckets);
        (usage["buckets"].as_array().unwrap().len(), of_buckets, users)
    };
    let before = (by_day("30d"), by_day("90d"));
    assert_eq!(before, ((30, 8, 4), (90, 8, 4)));
    for _ in 0..9 {
        let rolled = crate::usage::statements::roll_up(server.now.get());
        pollster::block_on(crate::store::Database::transact(&server.stores, rolled)).unwrap();
    }
    assert!(!server.stores.database.column("SELECT * FROM usage_days").is_empty());
    assert_eq!((by_day("30d"), by_day("90d")), before);
    assert_eq!(by_day("24h").1, 0);
}

#[test]
fn another_developer_and_a_stranger_learn_nothing_not_even_that_the_app_exists() {
    let server = watched();
    for username in ["carol", "dave", "rita"] {
        let mut browser = signed_in(&server, username);
        for target in [USAGE, ERRORS] {
            let refused = problem(&browser.get(&server, target));
            let unknown = problem(&browser.get(&server, &target.replace("app_one", "app_none")));
            assert_eq!(refused, unknown, "{username} {target}");
            assert_eq!(refused.0, 404, "{username} {target}");
        }
        for page in ["/developers/apps/app_one/usage", "/developers/apps/app_one/log"] {
            assert_eq!(browser.get(&server, page).status, 404, "{username} {page}");
        }
        for target in [
            "/api/admin/usage",
            "/api/admin/apps/app_one/usage",
            "/api/admin/apps/app_one/errors",
        ] {
            assert_eq!(browser.get(&server, target).status, 403, "{username} {target}");
        }
        for page in ["/admin/usage", "/admin/apps/app_one/usage"] {
            assert_eq!(browser.get(&server, page).status, 403, "{username} {page}");
        }
    }
    assert_eq!(server.send(&get_request(USAGE)).status, 401);
    assert_eq!(server.send(&get_request("/developers/apps/app_one/usage")).status, 303);
}

#[test]
fn periods_cursors_and_parameters_nobody_knows_are_refused() {
    let server = watched();
    let mut alice = signed_in(&server, "alice");
    for (target, field) in [
        (format!("{USAGE}?period=7d"), "period"),
        (format!("{USAGE}?period=24h&period=30d"), "period"),
        (format!("{USAGE}?periode=30d"), "periode"),
        (format!("{ERRORS}?cursor=x"), "cursor"),
        (format!("{ERRORS}?limit=0"), "limit"),
        (format!("{ERRORS}?limit=101"), "limit"),
    ] {
        let (status, _, fields) = problem(&alice.get(&server, &target));
        assert_eq!(status, 400, "{target}");
        assert!(fields[0].starts_with(field), "{fields:?}");
    }
    assert_eq!(
        alice.get(&server, "/developers/apps/app_one/usage?period=7d").status,
        400
    );
}

#[test]
fn the_error_log_is_read_page_by_page_without_a_gap_or_a_double() {
    let server = watched();
    for at in 0..7 {
        server.post(
            "/oauth/token",
            &format!("grant_type=client_credentials&client_id=app_one&scope=x{at}"),
        );
        server.post("/oauth/par", &format!("client_id=app_one&redirect_uri=x&n={at}"));
        flush(&server, at + 1);
        server.pass(1000);
    }
    let mut alice = signed_in(&server, "alice");
    let mut seen = Vec::new();
    let mut target = format!("{ERRORS}?limit=3");
    loop {
        let page = json(&alice.get(&server, &target));
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["request_id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        target = format!("{ERRORS}?limit=3&cursor={next}");
    }
    let count = seen.len();
    assert_eq!(count, 14);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn administrators_see_all_apps_together_and_the_busiest_first() {
    let server = watched();
    add_tokens(&server, "app_one", 3);
    add_tokens(&server, "app_two", 5);
    add_tokens(&server, "app_gone", 1);
    flush(&server, 1);
    let mut ada = signed_in(&server, "ada");
    let overview = json(&ada.get(&server, "/api/admin/usage?period=30d"));
    assert_eq!(overview["total"]["tokens"], 9);
    assert_eq!(overview["active_users"][29]["users"], 1);
    let ranking: Vec<_> = overview["busiest"][0]["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| (app["client_id"].as_str().unwrap(), app["developer_name"].as_str()))
        .collect();
    assert_eq!(
        ranking,
        [
            ("app_two", Some("Southgate Tools")),
            ("app_one", Some("Northwind Labs")),
            ("app_gone", None)
        ]
    );
    assert_eq!(overview["busiest"][1]["apps"], json!([]));
    let of_one = json(&ada.get(&server, "/api/admin/apps/app_one/usage"));
    assert_eq!(of_one["total"]["tokens"], 3);
    assert_eq!(ada.get(&server, "/api/admin/apps/app_gone/usage").status, 404);
    let page = ada.get(&server, "/admin/usage");
    assert!(
        page.body.contains("Southgate Tools") && page.body.contains("Deleted app"),
        "{page:?}"
    );
    assert_eq!(ada.get(&server, "/admin/apps/app_one/usage").status, 200);
}

#[test]
fn pages_escape_names_draw_without_script_or_style_and_have_the_numbers_in_a_table() {
    let server = watched();
    add_tokens(&server, "app_one", 3);
    server.post(
        "/oauth/par",
        "client_id=app_one&redirect_uri=%3Cscript%3E&scope=%3Cb%3E",
    );
    flush(&server, 1);
    let mut alice = signed_in(&server, "alice");
    for page in [
        "/developers/apps/app_one/usage",
        "/developers/apps/app_one/usage?period=90d",
        "/developers/apps/app_one/log",
    ] {
        let page = alice.get(&server, page);
        assert_eq!(page.status, 200);
        let body = &page.body;
        assert!(body.contains("Project &#60;Lens&#62;"), "{body:?}");
        for forbidden in ["<Lens>", " style=", "<script", "<style", "onclick", "javascript:"] {
            assert!(!body.contains(forbidden), "{forbidden}");
        }
    }
    let body = alice.get(&server, "/developers/apps/app_one/usage").body;
    assert_eq!(body.matches("role=\"img\"").count(), 4);
    assert!(
        body.contains("<td>3</td>") && body.contains("<th scope=\"row\">12:00</th>"),
        "{body:?}"
    );
}

#[test]
fn storage_that_is_down_is_told_as_such() {
    let server = watched();
    let mut alice = signed_in(&server, "alice");
    for (target, reads) in [(USAGE, 2), (ERRORS, 2), ("/developers/apps/app_one/usage", 3)] {
        server.trips();
        alice.get(&server, target);
        let trips = server.trips();
        let read = trips.iter().filter(|part| **part == "database").count();
        assert_eq!(read, reads, "{trips:?}");
        server.stores.plan(&[Fault::Before("database")]);
        let reply = alice.get(&server, target);
        assert_eq!(
            (reply.status, reply.header_value("Retry-After")),
            (503, Some("1")),
            "{target}"
        );
    }
}

#[test]
fn the_log_tells_what_was_done_to_the_app_and_not_by_which_user_or_operator() {
    let server = watched();
    server.stores.database.run(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, user_id, target_type, target_id, detail) VALUES
           ('evt_1', 1, 'consent.granted', 'user', 'usr_dave', 'app_one', 'usr_dave', 'consent', 'cns_1', '{}'),
           ('evt_2', 2, 'app.suspended', 'user', 'usr_ada', 'app_one', NULL, 'app', 'app_one', '{\"reason\":\"<b>spam\"}'),
           ('evt_3', 3, 'app.updated', 'user', 'usr_alice', 'app_one', NULL, 'app', 'app_one', '{}'),
           ('evt_4', 4, 'app.updated', 'user', 'usr_carol', 'app_two', NULL, 'app', 'app_two', '{}');",
    );
    let page = signed_in(&server, "ben").get(&server, "/developers/apps/app_one/log");
    assert_eq!(page.body.matches("by a member of your account").count(), 1, "{page:?}");
    assert_eq!(page.body.matches("by a user or an operator").count(), 2, "{page:?}");
    assert!(page.body.contains("&#60;b&#62;spam"), "{page:?}");
    for id in ["usr_dave", "usr_ada", "usr_carol"] {
        assert!(!page.body.contains(id), "{id}");
    }
}

#[test]
fn whoever_is_erased_is_in_no_list_of_active_users_and_stays_in_the_numbers() {
    let server = watched();
    add_tokens(&server, "app_one", 2);
    flush(&server, 1);
    let mut ada = signed_in(&server, "ada");
    let confirmed = json!({ "confirm": "usr_dave" });
    let erased = ada.send(&server, call("POST", "/api/admin/users/usr_dave/erase", &confirmed));
    assert_eq!(erased.status, 200, "{erased:?}");
    assert!(
        server
            .stores
            .database
            .column("SELECT * FROM app_active_users")
            .is_empty()
    );
    let usage = json(&ada.get(&server, "/api/admin/apps/app_one/usage"));
    assert_eq!(usage["active_users"][1]["users"], 1);
}
