//! How much one may do in a minute and in a day.

use serde_json::json;

use super::*;
use crate::store::Limit;
use crate::store::memory::Fault;

const APPS: &str = "/api/developer/apps";
const DAY: i64 = 24 * 3600 * 1000;

fn app(account: &str) -> Value {
    json!({
        "name": "Planner", "description": "Plans", "app_type": "spa", "scopes": ["read:profile"],
        "redirect_uris": ["https://planner.example/cb"], "submit": false, "developer_id": account,
    })
}

fn register(server: &Server, browser: &mut Browser, account: &str) -> Reply {
    browser.send(server, call("POST", APPS, &app(account)))
}

/// Enters so many entries of an event, one a second, the last of them just now.
fn happened(server: &Server, event: &str, account: &str, times: u32) {
    let now = server.now.get().0;
    server.stores.database.run(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {times} - 1)
         INSERT INTO audit (id, at, event, actor_type, developer_id, target_type, target_id)
         SELECT 'evt_{event}{account}' || i, {now} - i * 1000, '{event}', 'user', '{account}', 'app', 'x' FROM n"
    ));
}

fn assert_too_many(reply: &Reply, retry_after: &str) {
    let (status, code, _) = problem(reply);
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"), "{reply:?}");
    assert_eq!(reply.header_value("Retry-After"), Some(retry_after));
}

/// A server a day old, so that there is a yesterday.
fn old_portal() -> Server {
    let server = portal();
    server.pass(10 * DAY);
    server
}

#[test]
fn changes_and_reads_of_everybody_have_counts_of_their_own() {
    let server = portal();
    let (mut alice, mut ben) = (signed_in(&server, "alice"), signed_in(&server, "ben"));
    server
        .stores
        .limits
        .borrow_mut()
        .extend([(Limit::Changes, 2), (Limit::Reads, 3)]);
    for _ in 0..2 {
        assert_eq!(register(&server, &mut alice, "dev_north").status, 201);
    }
    assert_too_many(&register(&server, &mut alice, "dev_north"), "60");
    // In another browser she is the same.
    assert_too_many(&register(&server, &mut signed_in(&server, "alice"), "dev_north"), "60");
    assert_eq!(register(&server, &mut ben, "dev_north").status, 201);
    for _ in 0..3 {
        assert_eq!(alice.get(&server, APPS).status, 200);
    }
    assert_too_many(&alice.get(&server, APPS), "60");
    let page = alice.get(&server, "/developers");
    assert_eq!(page.status, 429);
    let line: Value = serde_json::from_str(server.lines.borrow().last().unwrap()).unwrap();
    assert_eq!(
        (&line["limited_by"], &line["error"]),
        (&json!("reads"), &json!("rate_limit_exceeded"))
    );
    assert_eq!(ben.get(&server, APPS).status, 200);
}

#[test]
fn a_change_counts_once_and_is_never_answered_as_if_it_had_not_been_made() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let id = json(&register(&server, &mut alice, "dev_north"))["client_id"].clone();
    server.stores.limits.borrow_mut().insert(Limit::Changes, 1);
    let path = format!("{APPS}/{}", id.as_str().unwrap());
    let renamed = alice.send(&server, call("PATCH", &path, &json!({ "name": "Other" })));
    assert_eq!((renamed.status, &json(&renamed)["name"]), (200, &json!("Other")));
    assert_too_many(
        &alice.send(&server, call("PATCH", &path, &json!({ "name": "Third" }))),
        "60",
    );
    assert_eq!(json(&alice.get(&server, &path))["name"], "Other");
}

#[test]
fn another_site_uses_up_nobodys_share() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    server.stores.limits.borrow_mut().insert(Limit::Changes, 1);
    for _ in 0..5 {
        let foreign = with_header(call("POST", APPS, &app("dev_north")), "origin", "https://evil.example");
        assert_eq!(alice.send(&server, foreign).status, 403);
    }
    assert_eq!(register(&server, &mut alice, "dev_north").status, 201);
}

#[test]
fn limits_that_are_off_or_fail_stop_nobody() {
    let mut server = old_portal();
    happened(&server, "app.created", "dev_north", 100);
    let mut alice = signed_in(&server, "alice");
    server.stores.limits.borrow_mut().insert(Limit::Changes, 0);
    server.stores.plan(&[Fault::Before("limits")]);
    let of_the_day = register(&server, &mut alice, "dev_north");
    assert_eq!(of_the_day.status, 429);
    assert_ne!(of_the_day.header_value("Retry-After"), Some("60"));
    server.config.rate_limits = false;
    assert_eq!(register(&server, &mut alice, "dev_north").status, 201);
}

#[test]
fn what_apps_do_for_a_user_counts_for_the_user_and_beside_what_they_do_themselves() {
    use crate::endpoints::limits::may_manage;
    use crate::management::actor::{UserInSession, Who};
    let server = portal();
    server.stores.limits.borrow_mut().insert(Limit::Changes, 1);
    let app = |client_id: &str, user_id: Option<&str>| Who::App {
        client_id: client_id.into(),
        user_id: user_id.map(str::to_owned),
        scopes: crate::oauth::scope::Scopes::parse("latchkey:apps").unwrap(),
    };
    let user = Who::User(UserInSession {
        id: "usr_alice".into(),
        name: String::new(),
        session: String::new(),
        may_develop: true,
    });
    let log = Log::new(&server.random);
    let context = server.context(&log);
    let may = |who: &Who| pollster::block_on(may_manage(&context, who, false)).is_ok();
    assert!(may(&app("app_1", Some("usr_alice"))));
    assert!(!may(&app("app_1", Some("usr_alice"))) && !may(&app("app_2", Some("usr_alice"))));
    assert!(may(&app("app_2", Some("usr_ben"))) && may(&user) && may(&app("app_1", None)) && may(&app("app_2", None)));
    assert!(!may(&user) && !may(&app("app_1", None)));
}

#[test]
fn apps_that_were_deleted_count_among_those_registered_in_a_day() {
    let server = old_portal();
    let mut alice = signed_in(&server, "alice");
    happened(&server, "app.created", "dev_north", 98);
    for _ in 0..2 {
        server.pass(60_000);
        let made = register(&server, &mut alice, "dev_north");
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("{APPS}/{}", json(&made)["client_id"].as_str().unwrap());
        assert_eq!(alice.send(&server, call("DELETE", &path, &Value::Null)).status, 204);
    }
    // The first of the hundred was 97 seconds before the last of those that were entered, two minutes ago.
    let left = (DAY / 1000 - 97 - 120).to_string();
    assert_too_many(&register(&server, &mut alice, "dev_north"), &left);
    let csrf = hidden(&alice.get(&server, "/developers/apps/new"), "csrf");
    let form = format!(
        "csrf={csrf}&name=P&description=P&app_type=web&redirect_uris=https%3A%2F%2Fp.example%2F&scopes=read%3Aprofile&action=register"
    );
    let page = alice.send(&server, form_request("/developers/apps", &form));
    assert_eq!(
        (page.status, page.header_value("Retry-After")),
        (429, Some(left.as_str()))
    );
    assert!(
        page.body.contains("registered 100 apps within a day") && page.body.contains("24 hours"),
        "{page:?}"
    );
    let line: Value = serde_json::from_str(server.lines.borrow().last().unwrap()).unwrap();
    assert_eq!(line["limited_by"], "daily_registrations");
    // Another member is stopped too, another account is not.
    assert_eq!(
        register(&server, &mut signed_in(&server, "ben"), "dev_north").status,
        429
    );
    assert_eq!(
        register(&server, &mut signed_in(&server, "carol"), "dev_south").status,
        201
    );
    server.pass((DAY / 1000 - 97 - 120) * 1000);
    let mut alice = signed_in(&server, "alice");
    assert_eq!(register(&server, &mut alice, "dev_north").status, 201);
    assert_too_many(&register(&server, &mut alice, "dev_north"), "1");
}

#[test]
fn an_answer_that_was_lost_comes_again_when_the_day_is_used_up() {
    let server = old_portal();
    let mut alice = signed_in(&server, "alice");
    happened(&server, "app.created", "dev_north", 99);
    let once = || with_header(call("POST", APPS, &app("dev_north")), "idempotency-key", "k");
    let made = alice.send(&server, once());
    assert_eq!(made.status, 201);
    assert_eq!(json(&alice.send(&server, once())), json(&made));
    let other = with_header(call("POST", APPS, &app("dev_north")), "idempotency-key", "l");
    assert_eq!(problem(&alice.send(&server, other)).0, 429);
}

#[test]
fn what_else_refuses_an_app_is_not_called_the_days_limit() {
    let server = old_portal();
    let mut alice = signed_in(&server, "alice");
    happened(&server, "app.created", "dev_north", 99);
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         SELECT 'app_' || i, 'dev_north', 'A', 'A', 'web', 'portal', 'draft', 1 FROM n",
    );
    assert_eq!(problem(&register(&server, &mut alice, "dev_north")).0, 409);
}

#[test]
fn invitations_that_were_taken_back_count_among_those_of_a_day() {
    let server = old_portal();
    let mut alice = signed_in(&server, "alice");
    happened(&server, "developer.member_invited", "dev_north", 49);
    happened(&server, "developer.member_invited", "dev_south", 50);
    let path = "/api/developer/accounts/dev_north/invitations";
    let invite = || call("POST", path, &json!({ "note": "Eve" }));
    let made = alice.send(&server, invite());
    assert_eq!(made.status, 201);
    let withdrawn = format!("{path}/{}", json(&made)["id"].as_str().unwrap());
    assert_eq!(
        alice.send(&server, call("DELETE", &withdrawn, &Value::Null)).status,
        204
    );
    assert_too_many(&alice.send(&server, invite()), &(DAY / 1000 - 48).to_string());
    let csrf = hidden(&alice.get(&server, "/developers"), "csrf");
    let form = form_request(
        "/developers/accounts/dev_north/invitations",
        &format!("csrf={csrf}&note=Eve"),
    );
    assert_eq!(alice.send(&server, form).status, 429);
    let open = server
        .stores
        .database
        .column("SELECT count(*) FROM developer_invitations");
    assert_eq!(open, [0]);
}

#[test]
fn of_a_logo_too_many_nothing_is_kept() {
    let server = old_portal();
    let mut alice = signed_in(&server, "alice");
    let id = json(&register(&server, &mut alice, "dev_north"))["client_id"].clone();
    happened(&server, "app.logo_uploaded", "dev_north", 49);
    let put = |size| {
        let path = format!("{APPS}/{}/logo", id.as_str().unwrap());
        let mut request = with_header(call("PUT", &path, &Value::Null), "content-type", "image/png");
        request.body = Body::Bytes(crate::looks::picture::testing::png(size, size));
        request
    };
    assert_eq!(alice.send(&server, put(64)).status, 200);
    assert_too_many(&alice.send(&server, put(65)), &(DAY / 1000 - 48).to_string());
    assert_eq!(server.stores.logos.borrow().len(), 1);
    let events = "SELECT count(*) FROM audit WHERE event = 'app.logo_uploaded' AND actor_id = 'usr_alice'";
    assert_eq!(server.stores.database.column(events), [1]);
}
