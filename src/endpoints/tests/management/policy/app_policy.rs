//! The policy of one app.

use super::*;
use crate::store::database::Database;

const POLICY: &str = "/api/admin/apps/app_portal/policy";

// Covers: R27
#[test]
fn the_policy_of_an_app_is_changed_member_by_member() {
    let (server, mut ada) = console();
    let change = json!({ "access_token_lifetime": 300, "refresh_token_idle_lifetime": 3600, "rate_tier": "trial", "dpop_bound_access_tokens": true });
    let changed = ada.send(&server, call("PATCH", POLICY, &change));
    assert_eq!(changed.header_value("ETag"), Some("\"2\""));
    let policy = ok(&changed, 200);
    assert_eq!(
        (&policy["class"], &policy["security_profile"]),
        (&json!("portal"), &json!("standard"))
    );
    let changed = ok(
        &ada.send(
            &server,
            call("PATCH", POLICY, &json!({ "access_token_lifetime": null })),
        ),
        200,
    );
    assert_eq!(changed["access_token_lifetime"], Value::Null);
    assert_eq!(
        (
            &changed["refresh_token_idle_lifetime"],
            &changed["dpop_bound_access_tokens"]
        ),
        (&json!(3600), &json!(true))
    );
    assert_eq!(ok(&ada.get(&server, POLICY), 200), changed);
    let events = server
        .stores
        .database
        .column("SELECT event || ' ' || client_id || ' ' || developer_id FROM audit");
    assert_eq!(
        events,
        [
            json!("app.policy_changed app_portal dev_north"),
            json!("app.policy_changed app_portal dev_north")
        ]
    );
}

#[test]
fn what_no_app_may_have_is_refused() {
    let (server, mut ada) = console();
    for (change, field) in [
        (json!({ "access_token_lifetime": 59 }), "access_token_lifetime"),
        (json!({ "access_token_lifetime": 86_401 }), "access_token_lifetime"),
        (json!({ "access_token_lifetime": "300" }), "access_token_lifetime"),
        (
            json!({ "refresh_token_idle_lifetime": 299 }),
            "refresh_token_idle_lifetime",
        ),
        (
            json!({ "refresh_token_lifetime": 31_536_001 }),
            "refresh_token_lifetime",
        ),
        (
            json!({ "refresh_token_idle_lifetime": 7200, "refresh_token_lifetime": 3600 }),
            "refresh_token_idle_lifetime",
        ),
        // Sixty days unused would be longer than that.
        (json!({ "refresh_token_lifetime": 3600 }), "refresh_token_idle_lifetime"),
        (json!({ "rate_tier": "nonsense" }), "rate_tier"),
        (json!({ "class": "operator" }), "class"),
        (json!({ "security_profile": "fapi_2" }), "security_profile"),
        (json!({ "status": "approved" }), "status"),
    ] {
        let (status, _, fields) = problem(&ada.send(&server, call("PATCH", POLICY, &change)));
        assert!(status == 400 && fields[0].starts_with(field), "{change}: {fields:?}");
    }
    assert!(audit(&server).is_empty());
    server
        .stores
        .database
        .run("UPDATE apps SET deleted_at = 5 WHERE client_id = 'app_portal'");
    assert_eq!(ada.send(&server, call("PATCH", POLICY, &json!({}))).status, 404);
}

#[test]
fn the_form_says_the_same_and_refuses_what_changed_meanwhile() {
    let (server, mut ada) = console();
    let form = "/admin/apps/app_portal/policy";
    let fields = "access_token_lifetime=600&refresh_token_idle_lifetime=&refresh_token_lifetime=&rate_tier=&dpop_bound_access_tokens=true";
    assert_eq!(
        location(&send_form(&server, &mut ada, form, &format!("version=1&{fields}"))),
        form
    );
    assert_eq!(
        send_form(&server, &mut ada, form, &format!("version=1&{fields}")).status,
        412
    );
    let bad = send_form(&server, &mut ada, form, "version=2&access_token_lifetime=5");
    assert!(
        bad.status == 400 && bad.body.contains("access_token_lifetime-error"),
        "{bad:?}"
    );
    let policy = ok(&ada.get(&server, POLICY), 200);
    assert_eq!(
        (&policy["access_token_lifetime"], &policy["rate_tier"]),
        (&json!(600), &Value::Null)
    );
}

fn new_app() -> Value {
    json!({
        "developer_id": "dev_south", "name": "Planner", "description": "Plans", "app_type": "web", "status": "approved",
        "redirect_uris": ["https://planner.example/callback"], "scopes": ["read:team", "inner:all"]
    })
}

// Covers: R25
#[test]
fn the_operator_makes_an_app_for_a_developer_account_by_json_and_by_page() {
    let (server, mut ada) = console();
    let made = ok(&ada.send(&server, call("POST", "/api/admin/apps", &new_app())), 201);
    let id = made["client_id"].as_str().unwrap();
    assert_eq!(
        (&made["class"], &made["status"]),
        (&json!("operator"), &json!("approved"))
    );
    assert!(made["client_secret"].as_str().unwrap().starts_with("lks_"));
    let stored = server.stores.database.column(&format!(
        "SELECT class || ' ' || status || ' ' || developer_id || ' ' || approved_by FROM apps WHERE client_id = '{id}'"
    ));
    assert_eq!(stored, ["operator approved dev_south usr_ada"]);
    assert_eq!(count(&server, &format!("app_scopes WHERE client_id = '{id}'")), 2);
    assert_eq!(
        audit(&server),
        [
            format!("app.created usr_ada {id}"),
            format!("app.approved usr_ada {id}")
        ]
    );
    assert_eq!(ada.get(&server, "/admin/apps/new").status, 200);
    let fields = "developer_id=dev_south&name=Cron&description=Nightly&app_type=server&security_profile=fapi_2&status=draft&redirect_uris=&scopes=read%3Ateam";
    let page = send_form(&server, &mut ada, "/admin/apps/new", fields);
    assert!(
        page.status == 200 && !page.body.contains("lks_"),
        "it proves itself with a key: {page:?}"
    );
    let bad = send_form(
        &server,
        &mut ada,
        "/admin/apps/new",
        "developer_id=dev_none&name=&description=x&app_type=web&scopes=nonsense",
    );
    assert!(bad.status == 400 && bad.body.contains("name-error"), "{bad:?}");
}

#[test]
fn an_app_for_nobody_with_unknown_scopes_or_by_somebody_with_a_part_in_it_is_not_made() {
    let (server, mut ada) = console();
    for (field, value) in [
        ("developer_id", json!("dev_none")),
        ("developer_id", Value::Null),
        ("app_type", json!("desktop")),
        ("status", json!("suspended")),
        ("security_profile", json!("none")),
        ("scopes", json!(["nonsense"])),
        ("redirect_uris", json!(["http://planner.example/callback"])),
        ("class", json!("portal")),
    ] {
        let mut body = new_app();
        body[field] = value;
        let refused = ada.send(&server, call("POST", "/api/admin/apps", &body));
        assert_eq!(problem(&refused).0, 400, "{body}");
    }
    server
        .stores
        .database
        .run("INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_south', 'usr_ada', 'member')");
    assert_eq!(
        problem(&ada.send(&server, call("POST", "/api/admin/apps", &new_app()))).0,
        403
    );
    let mut draft = new_app();
    draft["status"] = "draft".into();
    ok(&ada.send(&server, call("POST", "/api/admin/apps", &draft)), 201);
    assert_eq!(
        count(&server, "apps WHERE class = 'operator'"),
        2,
        "this one and that of the fixture"
    );
}

#[test]
fn no_app_makes_an_approved_app_for_the_developer_account_that_answers_for_it() {
    use crate::config::Issuer;
    use crate::management::actor::{Actor, Origin, Who, scope};
    use crate::management::apps::catalogue;
    use crate::management::input::Input;
    use crate::management::policy::{Act, operator_apps};
    use crate::oauth::scope::Scopes;

    let (server, _) = console();
    let who = Who::App {
        client_id: "app_ops".into(),
        user_id: None,
        scopes: [scope::ADMIN].into_iter().collect::<Scopes>(),
    };
    let issuer = Issuer::parse("https://auth.acme.dev").unwrap();
    let (stores, random) = (&server.stores, &server.random);
    let make = |developer_id: &str| {
        let mut body = new_app();
        body["developer_id"] = developer_id.into();
        pollster::block_on(async {
            let actor = Actor::load(stores, who.clone(), false, Origin::default(), None)
                .await
                .unwrap();
            let act = Act {
                by: actor.administrator().unwrap(),
                random,
                now: server.now.get(),
                issuer: &issuer,
            };
            let catalogue = catalogue::load_all(stores).await.unwrap();
            let input = Input::json(body.as_object().unwrap().clone());
            operator_apps::create(stores, act, &catalogue, input).await
        })
    };
    assert_eq!(make("dev_north").unwrap_err().status(), 403);
    let made = make("dev_south").unwrap();
    // It comes to be its own account between looking and writing.
    server
        .stores
        .database
        .run("UPDATE apps SET developer_id = 'dev_south' WHERE client_id = 'app_ops'");
    let refused = pollster::block_on(stores.transact(made.statements));
    assert!(matches!(refused, Err(crate::store::database::Undone::Refused)));
}

#[test]
fn an_app_that_is_approved_at_once_receives_no_codes_on_devices() {
    let (server, mut ada) = console();
    for (status, expected) in [("draft", 201), ("approved", 400)] {
        let app = json!({
            "developer_id": "dev_south", "name": "Made", "description": "Here", "app_type": "web", "status": status,
            "redirect_uris": ["http://127.0.0.1/cb"], "scopes": ["read:projects"]
        });
        let reply = ada.send(&server, call("POST", "/api/admin/apps", &app));
        assert_eq!(reply.status, expected, "{status}: {reply:?}");
    }
}
