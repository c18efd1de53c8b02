//! What belongs to one developer account is reached by no path of another's.

use serde_json::json;

use super::*;

/// An app of alice's and one of carol's, each with a tester, an error and an invitation to its account.
fn two_accounts() -> (Server, Browser, Browser) {
    let server = portal();
    for (name, account) in [("north", "dev_north"), ("south", "dev_south")] {
        server.stores.database.run(&format!(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('app_{name}', '{account}', 'App', 'An app', 'web', 'portal', 'approved', 1);
             INSERT INTO app_testers (id, client_id, name, added_at) VALUES ('tst_{name}', 'app_{name}', 'dora', 1);
             INSERT INTO app_errors (client_id, at, endpoint, error, description, request_id, count)
             VALUES ('app_{name}', 1, 'token', 'invalid_grant', 'of {name}', 'req', 1);
             INSERT INTO developer_invitations (id, developer_id, token_hash, note, created_by, created_at, expires_at)
             VALUES ('inv_{name}', '{account}', 'h{name}', 'Eve', 'usr_alice', 1, 9000000000000);"
        ));
    }
    let (alice, carol) = (signed_in(&server, "alice"), signed_in(&server, "carol"));
    (server, alice, carol)
}

#[test]
fn an_invitation_and_a_tester_of_anothers_stay_whatever_path_names_them() {
    let (server, mut alice, _) = two_accounts();
    for (own, others, table) in [
        (
            "/api/developer/accounts/dev_north/invitations/inv_north",
            "/api/developer/accounts/dev_north/invitations/inv_south",
            "developer_invitations",
        ),
        (
            "/api/developer/apps/app_north/testers/tst_north",
            "/api/developer/apps/app_north/testers/tst_south",
            "app_testers",
        ),
    ] {
        let left = || server.stores.database.column(&format!("SELECT id FROM {table}")).len();
        assert_eq!(alice.send(&server, call("DELETE", others, &Value::Null)).status, 404);
        assert_eq!(left(), 2, "{others}");
        assert_eq!(alice.send(&server, call("DELETE", own, &Value::Null)).status, 204);
        assert_eq!(left(), 1, "{own}");
    }
}

#[test]
fn the_error_log_of_an_app_holds_its_own_errors() {
    let (server, mut alice, _) = two_accounts();
    let log = alice.get(&server, "/api/developer/apps/app_north/errors");
    assert!(
        log.body.contains("of north") && !log.body.contains("of south"),
        "{log:?}"
    );
}

#[test]
fn a_delivery_to_anothers_webhook_is_neither_read_nor_sent_again() {
    let (server, mut alice, mut carol) = two_accounts();
    let hook = json!({ "url": "https://hooks.dev/in", "events": ["app.approved"] });
    let made = |browser: &mut Browser, account: &str| {
        let hooks = format!("/api/developer/accounts/{account}/webhooks");
        let webhook = json(&browser.send(&server, call("POST", &hooks, &hook)));
        let webhook = format!("{hooks}/{}", webhook["id"].as_str().unwrap());
        let tested = browser.send(&server, call("POST", &format!("{webhook}/test"), &json!({})));
        assert!((200..300).contains(&tested.status), "{tested:?}");
        webhook
    };
    let (own, _) = (made(&mut alice, "dev_north"), made(&mut carol, "dev_south"));
    let deliveries = || {
        server.stores.database.column(
            "SELECT d.id FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
             ORDER BY e.developer_id, d.created_at",
        )
    };
    let ids = deliveries();
    let path = |id: &Value| format!("{own}/deliveries/{}", id.as_str().unwrap());
    assert_eq!(alice.get(&server, &path(&ids[0])).status, 200);
    assert_eq!(alice.get(&server, &path(&ids[1])).status, 404);
    let again = call("POST", &format!("{}/replay", path(&ids[1])), &json!({}));
    assert_eq!(alice.send(&server, again).status, 404);
    assert_eq!(deliveries(), ids);
}
