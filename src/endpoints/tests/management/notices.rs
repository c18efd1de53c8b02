//! Webhooks and notices.

use serde_json::json;

use super::*;
use crate::crypto;
use crate::crypto::keys::SealingKeys;
use crate::management::notices::{SigningSecret, SigningSecrets};
use crate::store::memory::Fault;
use crate::time::Timestamp;

const HOOKS: &str = "/api/developer/accounts/dev_north/webhooks";
const URL: &str = "https://hooks.northwind.dev/latchkey";

fn hook() -> Value {
    json!({ "url": URL, "events": ["app.approved", "consent.ended"] })
}

fn made(server: &Server, browser: &mut Browser, base: &str, body: &Value) -> Value {
    let made = browser.send(server, call("POST", base, body));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)
}

fn one(base: &str, webhook: &Value) -> String {
    format!("{base}/{}", webhook["id"].as_str().unwrap())
}

/// Something that happens to an app of `dev_north`.
fn happen(server: &Server, id: &str, event: &str, detail: &Value) {
    server.stores.database.run(&format!(
        "INSERT OR IGNORE INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_hooked', 'dev_north', 'Planner', '', 'web', 'portal', 'approved', 0);
         INSERT INTO audit (id, at, event, actor_type, client_id, developer_id, user_id, target_type, target_id, detail)
         VALUES ('{id}', 1, '{event}', 'user', 'app_hooked', 'dev_north', 'usr_dave', 'app', 'app_hooked', '{detail}')"
    ));
}

fn run_schedule(server: &Server) {
    let log = crate::log::Log::new(&server.random);
    pollster::block_on(crate::endpoints::maintain(&server.context(&log))).unwrap();
}

#[test]
fn a_secret_is_shown_once_and_is_nowhere_in_storage_or_in_the_trail() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhook = made(&server, &mut ben, HOOKS, &hook());
    let secret = webhook["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!(webhook["events"], json!(["app.approved", "consent.ended"]));
    let shown = ben.get(&server, &one(HOOKS, &webhook));
    assert_eq!(shown.header_value("ETag"), Some("\"1\""));
    assert!(!shown.body.contains("secret") && shown.body.contains(URL), "{shown:?}");
    assert!(!ben.get(&server, HOOKS).body.contains("secret"));
    let database = &server.stores.database;
    assert!(!database.dump("webhook_endpoints").contains(secret));
    let trail = database.dump("audit");
    assert!(!trail.contains(secret) && !trail.contains("/latchkey"), "{trail}");
    assert_eq!(
        audit(&server),
        [format!("webhook.created usr_ben {}", webhook["id"].as_str().unwrap())]
    );
}

#[test]
fn a_creation_that_is_sent_again_makes_one_webhook_with_one_secret() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let send = |ben: &mut Browser| {
        let request = with_header(call("POST", HOOKS, &hook()), "idempotency-key", "k1");
        json(&ben.send(&server, request))
    };
    let (first, second) = (send(&mut ben), send(&mut ben));
    assert_eq!(first, second);
    assert_eq!(
        server.stores.database.column("SELECT count(*) FROM webhook_endpoints"),
        [1]
    );
}

#[test]
fn an_address_or_events_that_cannot_be_are_named_and_nothing_is_written() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    for (body, error) in [
        (json!({ "events": ["*"] }), "url is required"),
        (json!({ "url": URL }), "events is required"),
        (
            json!({ "url": "http://hooks.northwind.dev/", "events": ["*"] }),
            "url must begin with https://",
        ),
        (
            json!({ "url": "https://169.254.169.254/", "events": ["*"] }),
            "url must name the host, not an IP address",
        ),
        (
            json!({ "url": "https://x.internal/", "events": ["*"] }),
            "url must name a host that can be reached from the internet",
        ),
        (
            json!({ "url": URL, "events": [] }),
            "events must name at least one event that can be sent there, or be \"*\" for all of them",
        ),
        (
            json!({ "url": URL, "events": ["user.suspended"] }),
            "events must be names of events that are listed, or \"*\" alone",
        ),
        // Mails are the operator's.
        (
            json!({ "url": URL, "events": ["*"], "format": "mail" }),
            "format is not a field of this request",
        ),
        (
            json!({ "url": URL, "events": ["*"], "secret": "whsec_mine" }),
            "secret is not a field of this request",
        ),
    ] {
        let refused = ben.send(&server, call("POST", HOOKS, &body));
        assert_eq!(
            problem(&refused),
            (400, "invalid_request".into(), vec![error.into()]),
            "{body}"
        );
    }
    assert!(
        server
            .stores
            .database
            .column("SELECT 1 FROM webhook_endpoints")
            .is_empty()
    );
    assert!(audit(&server).is_empty());
}

#[test]
fn whoever_does_not_belong_to_the_account_sees_and_changes_nothing_of_its_webhooks() {
    let server = portal();
    let webhook = made(&server, &mut signed_in(&server, "ben"), HOOKS, &hook());
    let mut ada = signed_in(&server, "ada");
    let operators = made(&server, &mut ada, "/api/admin/webhooks", &hook());
    let before = audit(&server);
    let ids = [webhook["id"].as_str().unwrap(), operators["id"].as_str().unwrap()];
    let mut carol = signed_in(&server, "carol");
    for id in ids {
        // Neither by the right account, nor by her own or the console.
        for base in [
            HOOKS,
            "/api/developer/accounts/dev_south/webhooks",
            "/api/admin/webhooks",
        ] {
            for (method, more) in [
                ("GET", ""),
                ("PATCH", ""),
                ("DELETE", ""),
                ("POST", "/secret"),
                ("POST", "/test"),
                ("GET", "/deliveries"),
                ("GET", "/deliveries/whd_1"),
                ("POST", "/deliveries/whd_1/replay"),
            ] {
                let reply = carol.send(&server, call(method, &format!("{base}/{id}{more}"), &json!({})));
                assert!(
                    matches!(reply.status, 403 | 404),
                    "{method} {base}/{id}{more}: {reply:?}"
                );
            }
        }
    }
    // Nor administrators those of developers.
    assert_eq!(ada.get(&server, &one("/api/admin/webhooks", &webhook)).status, 404);
    assert_eq!(ada.get(&server, &one(HOOKS, &webhook)).status, 404);
    let listed = json(&carol.get(&server, "/api/developer/accounts/dev_south/webhooks"));
    assert_eq!(listed["items"], json!([]));
    assert_eq!(audit(&server), before);
}

#[test]
fn a_change_needs_the_version_it_was_made_from() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let at = one(HOOKS, &made(&server, &mut ben, HOOKS, &hook()));
    let off = json!({ "status": "disabled" });
    let changed = ben.send(&server, with_header(call("PATCH", &at, &off), "if-match", "\"1\""));
    assert_eq!((changed.status, changed.header_value("ETag")), (200, Some("\"2\"")));
    assert_eq!(json(&changed)["events"], hook()["events"]);
    for method in ["PATCH", "DELETE"] {
        let stale = ben.send(&server, with_header(call(method, &at, &off), "if-match", "\"1\""));
        assert_eq!(problem(&stale).0, 412, "{method}");
    }
    let test = ben.send(&server, call("POST", &format!("{at}/test"), &Value::Null));
    assert_eq!(problem(&test).0, 409);
    assert_eq!(ben.send(&server, call("DELETE", &at, &Value::Null)).status, 204);
    assert_eq!(ben.get(&server, &at).status, 404);
}

#[test]
fn there_are_twenty_at_most_and_sixty_tests_an_hour() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhooks: Vec<Value> = (0..20).map(|_| made(&server, &mut ben, HOOKS, &hook())).collect();
    assert_eq!(problem(&ben.send(&server, call("POST", HOOKS, &hook()))).0, 409);
    let test = call("POST", &format!("{}/test", one(HOOKS, &webhooks[0])), &Value::Null);
    for _ in 0..60 {
        assert_eq!(ben.send(&server, test.clone()).status, 202);
    }
    assert_eq!(problem(&ben.send(&server, test.clone())).0, 409);
    server.pass(3_600_000);
    assert_eq!(ben.send(&server, test).status, 202);
}

// Covers: R30
#[test]
fn a_notice_is_sent_signed_once_and_its_failure_is_tried_again() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhook = made(&server, &mut ben, HOOKS, &hook());
    happen(
        &server,
        "evt_9",
        "app.approved",
        &json!({ "submission_id": "sub_1", "reviewer": "usr_rita" }),
    );
    happen(&server, "evt_10", "app.suspended", &json!({}));
    server.stores.web.borrow_mut().insert(URL.into(), (500, "down".into()));
    run_schedule(&server);
    run_schedule(&server);
    assert_eq!(server.stores.notified.borrow().len(), 1);
    server.stores.web.borrow_mut().insert(URL.into(), (204, String::new()));
    server.pass(6_000);
    run_schedule(&server);
    run_schedule(&server);
    let notified = server.stores.notified.borrow();
    let [first, second] = notified.as_slice() else {
        panic!("{notified:?}")
    };
    assert_eq!((&first.address, &first.body), (&second.address, &second.body));
    assert_eq!(first.headers["webhook-id"], "evt_9");
    assert_ne!(first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]);
    let body: Value = serde_json::from_str(&second.body).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["submission_id"]),
        (&json!("app.approved"), &json!("sub_1"))
    );
    assert!(!second.body.contains("usr_"), "{}", second.body);
    let secret = SigningSecret::parse(webhook["secret"].as_str().unwrap()).unwrap();
    let at: i64 = second.headers["webhook-timestamp"].parse().unwrap();
    let signed = SigningSecrets::of(secret).signatures("evt_9", Timestamp(at * 1000), &second.body);
    assert_eq!(Some(&second.headers["webhook-signature"]), signed.as_ref());

    let deliveries = json(&ben.get(&server, &format!("{}/deliveries", one(HOOKS, &webhook))));
    let [delivery] = deliveries["items"].as_array().unwrap().as_slice() else {
        panic!("{deliveries}")
    };
    assert_eq!(delivery["status"], "delivered");
    let attempts: Vec<&Value> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["status"])
        .collect();
    assert_eq!(attempts, [500, 204]);
}

#[test]
fn what_was_sent_is_sent_again_under_the_same_id_and_a_test_goes_to_one_endpoint_alone() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhook = made(&server, &mut ben, HOOKS, &hook());
    made(
        &server,
        &mut ben,
        HOOKS,
        &json!({ "url": "https://other.northwind.dev/", "events": ["consent.granted"] }),
    );
    server.stores.web.borrow_mut().insert(URL.into(), (200, String::new()));
    happen(&server, "evt_9", "app.approved", &json!({}));
    run_schedule(&server);
    let at = one(HOOKS, &webhook);
    let listed = json(&ben.get(&server, &format!("{at}/deliveries")));
    let first = listed["items"][0]["id"].as_str().unwrap();
    let again = ben.send(
        &server,
        call("POST", &format!("{at}/deliveries/{first}/replay"), &Value::Null),
    );
    assert_eq!(again.status, 202);
    assert_eq!(
        ben.send(&server, call("POST", &format!("{at}/test"), &Value::Null))
            .status,
        202
    );
    run_schedule(&server);
    let sent: Vec<(String, String)> = server
        .stores
        .notified
        .borrow()
        .iter()
        .map(|told| (told.address.clone(), told.headers["webhook-id"].clone()))
        .collect();
    assert!(sent.iter().all(|(address, _)| address == URL), "{sent:?}");
    assert_eq!(sent.iter().filter(|(_, id)| id == "evt_9").count(), 2);
    assert_eq!(sent.len(), 3);
    let replayed = json(&again)["delivery_id"].as_str().unwrap().to_owned();
    let shown = json(&ben.get(&server, &format!("{at}/deliveries/{replayed}")));
    assert_eq!(
        (&shown["status"], &shown["payload"]["type"]),
        (&json!("delivered"), &json!("app.approved"))
    );
    assert_eq!(
        ben.send(
            &server,
            call("POST", &format!("{at}/deliveries/whd_none/replay"), &Value::Null)
        )
        .status,
        404
    );
}

#[test]
fn a_run_whose_reply_is_lost_sends_again_and_one_that_never_began_sends_nothing() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    made(&server, &mut ben, HOOKS, &hook());
    server.stores.web.borrow_mut().insert(URL.into(), (200, String::new()));
    happen(&server, "evt_9", "app.approved", &json!({}));
    let run = || {
        let log = crate::log::Log::new(&server.random);
        pollster::block_on(crate::endpoints::deliver_notices(&server.context(&log)))
    };
    server.stores.plan(&[Fault::Before("database")]);
    assert!(run().is_err());
    // Claimed, though nobody knows: the claim runs out.
    server.stores.plan(&[Fault::After("database")]);
    assert!(run().is_err());
    run().unwrap();
    assert!(server.stores.notified.borrow().is_empty());
    server.pass(61_000);
    run().unwrap();
    assert_eq!(server.stores.notified.borrow().len(), 1);
    run().unwrap();
    assert_eq!(server.stores.notified.borrow().len(), 1);
}

// Covers: R31
#[test]
fn an_operator_hears_of_all_apps_also_by_mail() {
    let server = portal();
    server
        .stores
        .database
        .run("UPDATE developers SET contact = 'team@northwind.dev' WHERE id = 'dev_north'");
    let mut ada = signed_in(&server, "ada");
    let mail = json!({ "url": "https://mail.acme.dev/", "events": ["*"], "format": "mail" });
    let webhook = made(&server, &mut ada, "/api/admin/webhooks", &mail);
    assert_eq!(webhook["format"], "mail");
    server
        .stores
        .web
        .borrow_mut()
        .insert("https://mail.acme.dev/".into(), (202, String::new()));
    happen(
        &server,
        "evt_1",
        "app.rejected",
        &json!({ "reason": "No privacy policy" }),
    );
    happen(&server, "evt_2", "consent.granted", &json!({}));
    run_schedule(&server);
    let notified = server.stores.notified.borrow();
    let [told] = notified.as_slice() else {
        panic!("{notified:?}")
    };
    let body: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        body["to"],
        json!([{ "name": "Northwind Labs", "address": "team@northwind.dev" }])
    );
    assert_eq!((&body["event"], &body["id"]), (&json!("app.rejected"), &json!("evt_1")));
}

#[test]
fn a_webhook_of_another_time_is_not_written_to_at_a_forbidden_address() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhook = made(&server, &mut ben, HOOKS, &hook());
    server
        .stores
        .database
        .run("UPDATE webhook_endpoints SET url = 'https://10.0.0.1/'");
    happen(&server, "evt_9", "app.approved", &json!({}));
    run_schedule(&server);
    assert!(server.stores.notified.borrow().is_empty());
    let deliveries = json(&ben.get(&server, &format!("{}/deliveries", one(HOOKS, &webhook))));
    assert_eq!(deliveries["items"][0]["attempts"][0]["error"], "address_refused");
}

#[test]
fn a_secret_goes_over_to_the_key_that_seals_today() {
    let mut server = portal();
    let mut ben = signed_in(&server, "ben");
    let webhook = made(&server, &mut ben, HOOKS, &hook());
    let sealed = |server: &Server| {
        server
            .stores
            .database
            .column("SELECT sealed_secret FROM webhook_endpoints")
    };
    let before = sealed(&server);
    let (one, two) = (crypto::base64url([1; 32]), crypto::base64url([2; 32]));
    server.config.sealing_keys = SealingKeys::parse(&format!("2:{two},1:{one}")).unwrap();
    happen(&server, "evt_9", "app.approved", &json!({}));
    run_schedule(&server);
    assert_ne!(sealed(&server), before);
    server.config.sealing_keys = SealingKeys::parse(&format!("2:{two}")).unwrap();
    happen(&server, "evt_10", "app.approved", &json!({}));
    run_schedule(&server);
    let notified = server.stores.notified.borrow();
    let last = notified.last().unwrap();
    let at: i64 = last.headers["webhook-timestamp"].parse().unwrap();
    let secret = SigningSecret::parse(webhook["secret"].as_str().unwrap()).unwrap();
    let id = &last.headers["webhook-id"];
    let signed = SigningSecrets::of(secret).signatures(id, Timestamp(at * 1000), &last.body);
    assert_eq!(Some(&last.headers["webhook-signature"]), signed.as_ref());
}

#[test]
fn the_pages_do_what_the_api_does() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    let base = "/developers/accounts/dev_north/webhooks";
    let page = ben.get(&server, base);
    assert!(
        page.body.contains("There are no webhooks yet") && page.body.contains("Northwind Labs"),
        "{page:?}"
    );
    let csrf = hidden(&page, "csrf");
    let post =
        |ben: &mut Browser, to: &str, form: &str| ben.send(&server, form_request(to, &format!("csrf={csrf}&{form}")));
    let refused = post(&mut ben, base, "url=https%3A%2F%2F10.0.0.1%2F&events=app.approved");
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("id=\"url-error\"") && refused.body.contains("value=\"https://10.0.0.1/\""));
    let made = post(
        &mut ben,
        base,
        "url=https%3A%2F%2Fhooks.northwind.dev%2Fl&events=app.approved&events=app.deleted",
    );
    assert!(made.status == 200 && made.body.contains("whsec_"), "{made:?}");
    let listed = json(&ben.get(&server, HOOKS));
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(listed["items"][0]["events"], json!(["app.approved", "app.deleted"]));
    let at = format!("{base}/{id}");
    assert!(!ben.get(&server, &at).body.contains("whsec_"));

    assert_eq!(
        location(&post(&mut ben, &at, "action=test&version=1")),
        format!("{at}#deliveries")
    );
    let save = "action=save&version=1&url=https%3A%2F%2Fhooks.northwind.dev%2Fm&status=active&events=*";
    assert_eq!(location(&post(&mut ben, &at, save)), at);
    assert_eq!(post(&mut ben, &at, save).status, 412);
    let rotated = post(&mut ben, &at, "action=rotate&version=2");
    assert!(
        rotated.body.contains("whsec_") && rotated.body.contains("24 hours"),
        "{rotated:?}"
    );
    let delivery = server.stores.database.column("SELECT id FROM webhook_deliveries");
    let replay = format!("action=replay&delivery={}", delivery[0].as_str().unwrap());
    assert_eq!(location(&post(&mut ben, &at, &replay)), format!("{at}#deliveries"));
    assert!(ben.get(&server, &at).body.contains("webhook.tested"));
    assert_eq!(location(&post(&mut ben, &at, "action=delete&version=3")), base);
    assert_eq!(ben.get(&server, &at).status, 404);
    let events: Vec<String> = audit(&server)
        .iter()
        .map(|e| e.as_str().unwrap().split(' ').next().unwrap().into())
        .collect();
    let expected = ["created", "tested", "updated", "secret_rotated", "replayed", "deleted"];
    assert_eq!(events, expected.map(|what| format!("webhook.{what}")));
}

#[test]
fn the_notices_of_an_account_are_its_own_newest_first_and_without_what_is_inside() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    happen(
        &server,
        "evt_1",
        "app.rejected",
        &json!({ "reason": "<b>No</b> privacy policy", "reviewer": "usr_rita" }),
    );
    happen(&server, "evt_2", "code.reused", &json!({}));
    happen(
        &server,
        "evt_3",
        "consent.ended",
        &json!({ "ended_by": "user_suspended" }),
    );
    let at = "/api/developer/accounts/dev_north/notices";
    let first = json(&ben.get(&server, &format!("{at}?limit=1")));
    assert_eq!(first["items"][0]["id"], "evt_3");
    assert_eq!(first["items"][0]["data"]["ended_by"], "operator");
    let next = first["next_cursor"].as_str().unwrap();
    let second = json(&ben.get(&server, &format!("{at}?cursor={next}")));
    assert_eq!(
        (&second["items"][0]["id"], second["items"].as_array().unwrap().len()),
        (&json!("evt_1"), 1)
    );
    assert_eq!(second["next_cursor"], Value::Null);
    let page = ben.get(&server, "/developers/accounts/dev_north/notices");
    assert!(
        page.body.contains("privacy policy") && !page.body.contains("<b>") && !page.body.contains("usr_rita"),
        "{page:?}"
    );
    let mut carol = signed_in(&server, "carol");
    assert_eq!(carol.get(&server, at).status, 404);
    assert_eq!(
        json(&carol.get(&server, "/api/developer/accounts/dev_south/notices"))["items"],
        json!([])
    );
}

#[test]
fn a_webhook_that_is_switched_on_again_or_moved_has_a_new_chance() {
    let server = portal();
    let mut ben = signed_in(&server, "ben");
    for (change, begins_anew) in [
        (json!({ "status": "active" }), true),
        (json!({ "url": "https://other.northwind.dev/" }), true),
        (json!({ "events": ["app.approved"] }), false),
    ] {
        let webhook = made(&server, &mut ben, HOOKS, &hook());
        let status = if change.get("status").is_some() {
            "disabled"
        } else {
            "active"
        };
        server.stores.database.run(&format!(
            "UPDATE webhook_endpoints SET failing_since = 5, status = '{status}'"
        ));
        let changed = ben.send(&server, call("PATCH", &one(HOOKS, &webhook), &change));
        assert_eq!(json(&changed)["failing_since"].is_null(), begins_anew, "{change}");
        let kept = format!(
            "SELECT failing_since IS NULL FROM webhook_endpoints WHERE id = '{}'",
            webhook["id"].as_str().unwrap()
        );
        assert_eq!(server.stores.database.column(&kept), [i32::from(begins_anew)]);
    }
}
