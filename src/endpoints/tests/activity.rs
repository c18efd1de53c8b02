//! What happened in an account, as its user reads it.

use super::management::{portal, signed_in};
use super::*;
use crate::store::memory::Fault;

const PAGE: &str = "/account/activity";
const API: &str = "/api/user/activity";

/// What happened to dave: he connected an app with a hostile name, allowed it more, somebody had a copy of its token, and
/// ada of the operator suspended him for a reason. And what happened to carol.
fn eventful() -> Server {
    let server = portal();
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_notes', 'dev_north', '<b>Notes</b>', '', 'web', 'portal', 'approved', 1);
         INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type, target_id,
                            request_id, country, address_hash, detail) VALUES
         ('evt_1', 86400000, 'session.started', 'user', 'usr_dave', NULL, NULL, 'usr_dave', 'session', 'ses_1', 'req_1', 'FR', 'hash_1', '{\"connection_id\":\"con_x\"}'),
         ('evt_2', 86460000, 'consent.granted', 'user', 'usr_dave', 'app_notes', 'dev_north', 'usr_dave', 'consent', 'cns_1', 'req_2', 'FR', 'hash_1', '{\"consent_id\":\"cns_1\",\"scopes\":[\"read:projects\"],\"added_scopes\":[\"read:projects\"],\"is_new\":true}'),
         ('evt_3', 172800000, 'consent.granted', 'user', 'usr_dave', 'app_notes', 'dev_north', 'usr_dave', 'consent', 'cns_1', 'req_3', 'T1', 'hash_1', '{\"consent_id\":\"cns_1\",\"scopes\":[\"read:team\"],\"added_scopes\":[\"read:team\",\"gone:scope\"],\"is_new\":false}'),
         ('evt_4', 172860000, 'refresh_token.reused', 'app', 'app_notes', 'app_notes', 'dev_north', 'usr_dave', 'family', 'fam_1', 'req_4', 'NL', 'hash_4', '{\"consent_id\":\"cns_1\"}'),
         ('evt_5', 172860001, 'consent.ended', 'system', NULL, 'app_notes', 'dev_north', 'usr_dave', 'consent', 'cns_1', 'req_5', 'US', 'hash_5', '{\"consent_id\":\"cns_1\",\"ended_by\":\"user_suspended\"}'),
         ('evt_6', 172860002, 'user.suspended', 'user', 'usr_ada', NULL, NULL, 'usr_dave', 'user', 'usr_dave', 'req_5', 'US', 'hash_5', '{\"reason\":\"a secret reason\"}'),
         ('evt_7', 172860003, 'session.started', 'user', 'usr_carol', NULL, NULL, 'usr_carol', 'session', 'ses_7', 'req_7', 'MX', 'hash_7', '{}'),
         ('evt_8', 172860004, 'app.approved', 'user', 'usr_dave', 'app_notes', 'dev_north', NULL, 'app', 'app_notes', 'req_8', 'FR', 'hash_1', '{}');",
    );
    server
}

// Covers: R74
#[test]
fn users_read_what_happened_to_them_and_who_did_it_as_far_as_that_is_theirs() {
    let server = eventful();
    let reply = signed_in(&server, "dave").get(&server, API);
    assert_eq!((reply.status, reply.header_value("Link")), (200, None), "{reply:?}");
    let told = json(&reply);
    let told = told.as_array().unwrap();
    let short = |entry: &serde_json::Value| {
        ["id", "by", "country"]
            .map(|name| entry[name].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    assert_eq!(
        told.iter().map(short).collect::<Vec<_>>(),
        [
            "evt_6 operator -",
            "evt_5 operator -",
            "evt_4 app NL",
            "evt_3 user T1",
            "evt_2 user FR",
            "evt_1 user FR"
        ]
    );
    let first = serde_json::json!({
        "id": "evt_2", "at": "1970-01-02T00:01:00Z", "event": "consent.granted", "by": "user", "client_id": "app_notes",
        "app_name": "<b>Notes</b>", "consent_id": "cns_1", "session_id": null, "ended_by": null,
        "scopes": ["read:projects"], "country": "FR"
    });
    assert_eq!(told[4], first);
    assert_eq!(
        (&told[5]["session_id"], &told[1]["ended_by"]),
        (&"ses_1".into(), &"user_suspended".into())
    );
}

// Covers: R74
#[test]
fn nobody_reads_of_anybody_else_nor_who_of_the_operator_acted_nor_what_they_wrote() {
    let server = eventful();
    let mut dave = signed_in(&server, "dave");
    for target in [PAGE, API] {
        let reply = dave.get(&server, target);
        assert_eq!(reply.status, 200);
        for hidden in [
            "usr_",
            "Ada",
            "reason",
            "hash_",
            "req_5",
            "US",
            "ses_7",
            "MX",
            "evt_7",
            "evt_8",
            "fam_1",
            "con_x",
            "dev_north",
        ] {
            let of_the_page = target == PAGE && hidden == "hash_";
            assert!(of_the_page || !reply.body.contains(hidden), "{target} {hidden}");
        }
    }
    let carols = signed_in(&server, "carol").get(&server, API);
    assert_eq!(json(&carols).as_array().unwrap().len(), 1);
    assert_eq!(
        json(&signed_in(&server, "alice").get(&server, API)),
        serde_json::json!([])
    );
    // Whatever a query asks for, it is one's own part.
    let asked = dave.get(&server, &format!("{API}?user_id=usr_carol"));
    assert!(!asked.body.contains("evt_7"), "{asked:?}");
}

// Covers: R74
#[test]
fn the_page_says_it_in_words_day_by_day_and_names_are_text() {
    let server = eventful();
    let page = signed_in(&server, "dave").get(&server, PAGE);
    let parts = [
        "<h2>3 January 1970</h2>",
        "suspended your account",
        "was disconnected, because your account was suspended",
        "Somebody may have copied a key with which <bdi>&#60;b&#62;Notes&#60;/b&#62;</bdi> uses your account",
        "NL in en",
        "You allowed <bdi>&#60;b&#62;Notes&#60;/b&#62;</bdi> to do more",
        "<li>View your team</li><li>gone:scope</li>",
        "<h2>2 January 1970</h2>",
        "You connected <bdi>",
        "<li>View your projects</li>",
        "<time datetime=\"1970-01-02T00:01:00Z\">00:01</time> · <bdi>FR in en</bdi>",
        "You signed in",
    ];
    let mut rest = &page.body[..];
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} in {rest}"));
        rest = &rest[at..];
    }
    // Tor is no country.
    assert!(!page.body.contains("T1"));
    assert!(!page.body.contains("<b>"));
}

#[test]
fn each_entry_is_on_exactly_one_page_of_either_list() {
    let server = portal();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 240)
         INSERT INTO audit (id, at, event, actor_type, actor_id, user_id, target_type, target_id)
         SELECT 'evt_' || i, i * 1000, 'session.started', 'user', 'usr_dave', CASE i % 2 WHEN 0 THEN 'usr_dave' ELSE 'usr_carol' END,
                'session', 'ses_' || i FROM n",
    );
    let mut dave = signed_in(&server, "dave");
    let (mut target, mut seen) = (format!("{API}?limit=7"), Vec::new());
    loop {
        let reply = dave.get(&server, &target);
        let told = json(&reply);
        seen.extend(
            told.as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["id"].as_str().unwrap().to_owned()),
        );
        let Some(link) = reply.header_value("Link") else { break };
        target = link
            .strip_prefix(&format!("<{ISSUER}"))
            .unwrap()
            .split('>')
            .next()
            .unwrap()
            .to_owned();
    }
    let expected: Vec<String> = (1..=120).rev().map(|i| format!("evt_{}", 2 * i)).collect();
    assert_eq!(seen, expected);
    let (mut target, mut count) = (PAGE.to_owned(), 0);
    loop {
        let page = dave.get(&server, &target);
        count += page.body.matches("You signed in").count();
        let Some(next) = page.body.split("rel=\"next\" href=\"").nth(1) else {
            break;
        };
        target = next.split('"').next().unwrap().replace("&#38;", "&");
    }
    assert_eq!(count, 120);
}

#[test]
fn without_a_session_there_is_nothing_and_a_bad_page_is_refused() {
    let server = eventful();
    assert_eq!(server.send(&get_request(API)).status, 401);
    let reply = server.send(&get_request(PAGE));
    assert_eq!(location(&reply), "/login?continue=%2Faccount%2Factivity");
    let mut dave = signed_in(&server, "dave");
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=!",
        "cursor=a&cursor=b",
        "limit=1&limit=1",
    ] {
        let reply = dave.get(&server, &format!("{API}?{bad}"));
        assert_eq!(
            (reply.status, json(&reply)["error"].as_str()),
            (400, Some("invalid_request")),
            "{bad}"
        );
    }
    // It was typed.
    assert_eq!(dave.get(&server, &format!("{PAGE}?cursor=!")).status, 200);
    server.stores.plan(&[Fault::Before("database")]);
    assert_eq!(dave.get(&server, API).status, 503);
}

// Covers: R74
#[test]
fn what_ends_at_a_users_word_is_noted_with_their_request() {
    let server = Server::new();
    let mut browser = Browser::default();
    let page = browser.consent_page(&server, &authorize_link("app_one", ""));
    let code = returned(&browser.decide(&server, &page, "allow"))["code"].clone();
    assert_eq!(server.post("/oauth/token", &redemption(&code)).status, 200);
    let reused = server.post("/oauth/token", &redemption(&code));
    assert_eq!(reused.status, 400);
    let mut ending = form_request("/api/user/connected-apps?all=true", "");
    ending.method = "DELETE".into();
    let ended = browser.send(&server, ending);
    assert_eq!(ended.status, 200);
    let ledgers = server.stores.ledgers.borrow();
    let noted = ledgers.values().flat_map(|rows| &rows.events).map(|event| {
        let origin = event.origin.clone().unwrap();
        (origin.request_id, origin.country)
    });
    let of = |reply: &Reply| {
        (
            reply.header_value("X-Request-Id").unwrap().to_owned(),
            Some("DE".to_owned()),
        )
    };
    assert_eq!(noted.collect::<Vec<_>>(), [of(&reused), of(&ended)]);
}
