//! Apps of outside parties, however they came to be: third-party apps, with nothing of their developers but a name.

use serde_json::json;

use super::*;
use crate::oauth::client::{App, SubjectType};
use crate::oauth::standing::AppClass;

/// How the OAuth endpoints read an app.
const APP: &str = include_str!("../../../edge/d1/app.sql");
const CALLBACK: &str = "https://app.example/callback";
const ADDRESS: &str = "alice.archer@northwind.example";
const CONTACT: &str = "team@northwind.example";

fn body() -> Value {
    json!({
        "name": "Planner", "description": "Plans", "app_type": "spa", "redirect_uris": [CALLBACK],
        "scopes": ["read:profile", "read:projects"]
    })
}

/// Puts an app where the OAuth endpoints of the test find it, as they would read it.
fn deploy(server: &Server, client_id: &str) -> App {
    let record = server
        .stores
        .database
        .column(&APP.replace("?1", &format!("'{client_id}'")));
    let app: App = serde_json::from_str(record[0].as_str().unwrap()).unwrap();
    server.stores.apps.borrow_mut().insert(client_id.into(), app.clone());
    server
        .stores
        .members
        .borrow_mut()
        .insert((app.developer.id.clone(), "usr_alice".into()));
    app
}

fn by_json(server: &Server, alice: &mut Browser) -> String {
    let made = alice.send(server, call("POST", "/api/developer/apps", &body()));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)["client_id"].as_str().unwrap().into()
}

fn by_form(server: &Server, alice: &mut Browser) -> String {
    let csrf = hidden(&alice.get(server, "/developers/apps/new"), "csrf");
    let form = format!(
        "csrf={csrf}&name=Planner&description=Plans&app_type=spa&redirect_uris=https%3A%2F%2Fapp.example%2Fcallback\
         &scopes=read%3Aprofile&scopes=read%3Aprojects"
    );
    let made = alice.send(server, form_request("/developers/apps", &form));
    assert_eq!(made.status, 201, "{made:?}");
    newest(server)
}

fn by_operator(server: &Server, ada: &mut Browser) -> String {
    let mut app = body();
    app["developer_id"] = json!("dev_north");
    let made = ada.send(server, call("POST", "/api/admin/apps", &app));
    assert_eq!(made.status, 201, "{made:?}");
    json(&made)["client_id"].as_str().unwrap().into()
}

/// The record of an app that registered itself.
fn by_itself(server: &Server, class: &str) -> String {
    let id = format!("app_{class}");
    server.stores.database.run(&format!(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('{id}', 'dev_north', 'Planner', 'Plans', 'spa', '{class}', 'draft', 1);
         INSERT INTO app_redirect_uris (client_id, redirect_uri) VALUES ('{id}', '{CALLBACK}');
         INSERT INTO app_scopes (client_id, scope) VALUES
           ('{id}', 'read:profile'), ('{id}', 'read:projects'), ('{id}', 'inner:all');"
    ));
    id
}

fn newest(server: &Server) -> String {
    let found = server
        .stores
        .database
        .column("SELECT client_id FROM apps ORDER BY rowid DESC LIMIT 1");
    found[0].as_str().unwrap().into()
}

/// An app of every way there is.
fn of_every_way(server: &Server) -> Vec<(AppClass, String)> {
    let (mut alice, mut ada) = (signed_in(server, "alice"), signed_in(server, "ada"));
    vec![
        (AppClass::Portal, by_json(server, &mut alice)),
        (AppClass::Portal, by_form(server, &mut alice)),
        (AppClass::Operator, by_operator(server, &mut ada)),
        (AppClass::Registered, by_itself(server, "registered")),
        (AppClass::MetadataDocument, by_itself(server, "metadata_document")),
    ]
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&crate::crypto::from_base64url(payload).unwrap()).unwrap()
}

fn connect(server: &Server, client_id: &str) -> (Reply, Value) {
    let mut browser = signed_in(server, "alice");
    let consent = location(&browser.get(server, &authorize_link(client_id, "")));
    assert!(
        consent.starts_with("/oauth/consent?"),
        "{client_id} is not asked for: {consent}"
    );
    let page = browser.get(server, &consent);
    let back = browser.decide(server, &page, "allow");
    let redemption = redemption(&returned(&back)["code"]).replace("app_one", client_id);
    let tokens = server.post("/oauth/token", &redemption);
    assert_eq!(tokens.status, 200, "{client_id}: {tokens:?}");
    (page, json(&tokens))
}

// Covers: R4
#[test]
fn an_app_of_an_outside_party_is_third_party_by_whatever_way_it_came() {
    let server = portal();
    for (class, client_id) in of_every_way(&server) {
        let app = deploy(&server, &client_id);
        assert_eq!(app.class, class, "{client_id}");
        // Everybody is asked, and the token says what it was given to.
        let (_, tokens) = connect(&server, &client_id);
        assert_eq!(claims(&tokens["access_token"])["app_type"], "third_party", "{class:?}");
    }
}

// Covers: R4
#[test]
fn nothing_that_is_sent_makes_an_app_one_of_the_platforms_own() {
    let server = portal();
    let (mut alice, mut ada) = (signed_in(&server, "alice"), signed_in(&server, "ada"));
    for (name, value) in [
        ("class", json!("operator")),
        ("class", json!("first_party")),
        ("first_party", json!(true)),
        ("is_first_party", json!(true)),
        ("skip_consent", json!(true)),
        ("trusted", json!(true)),
        ("status", json!("first_party")),
        ("grants", json!([{ "api_id": "api_inner", "access": "all" }])),
    ] {
        let mut app = body();
        app[name] = value;
        assert_eq!(
            problem(&alice.send(&server, call("POST", "/api/developer/apps", &app))).0,
            400,
            "{name}"
        );
        app["developer_id"] = json!("dev_north");
        assert_eq!(
            problem(&ada.send(&server, call("POST", "/api/admin/apps", &app))).0,
            400,
            "{name}"
        );
    }
    assert!(audit(&server).is_empty());
}

// Covers: R4
#[test]
fn what_is_meant_for_the_platform_is_neither_offered_nor_given_to_outside_parties() {
    let server = portal();
    let apps = of_every_way(&server);
    let (mut alice, mut ada) = (signed_in(&server, "alice"), signed_in(&server, "ada"));
    // The scopes of an API that is not public, and of the management API, cannot be asked for.
    for scope in ["inner:all", "latchkey:admin", "latchkey:apps"] {
        let mut app = body();
        app["scopes"] = json!([scope]);
        assert_eq!(
            problem(&alice.send(&server, call("POST", "/api/developer/apps", &app))).1,
            "invalid_scope"
        );
    }
    let offered = json(&alice.get(&server, "/api/developer/scopes")).to_string();
    assert!(
        !offered.contains("inner:all") && !offered.contains("latchkey:"),
        "{offered}"
    );
    for (class, client_id) in &apps {
        let is_made_by_operator = *class == AppClass::Operator;
        // No grant of the management API, whoever asks an administrator for it.
        for subject in ["user", "client"] {
            let target = format!("/api/admin/apis/api_latchkey/grants/{client_id}/{subject}");
            let reply = ada.send(&server, call("PUT", &target, &json!({ "access": "all" })));
            assert_eq!(
                reply.status == 409,
                !is_made_by_operator || subject == "client",
                "{class:?} {subject}: {reply:?}"
            );
        }
        // What its record names beyond the catalogue comes to nothing without a grant.
        let app = deploy(&server, client_id);
        for subject in [SubjectType::User, SubjectType::Client] {
            let available = app.available_scopes(subject).all().to_string();
            assert!(!available.contains("inner:all"), "{class:?}: {available}");
        }
        assert!(app.available_scopes(SubjectType::Client).all().is_empty(), "{class:?}");
    }
}

// Covers: R61
#[test]
fn an_app_that_registered_itself_has_what_the_default_permissions_give_and_without_them_nothing() {
    for (default, expected) in [
        (None, ""),
        (Some(("none", "[]")), ""),
        (Some(("chosen", "[\"read:profile\",\"read:team\"]")), "read:profile"),
        (Some(("all", "[]")), "read:profile read:projects"),
    ] {
        let server = portal();
        server.stores.database.run("DELETE FROM client_grants");
        if let Some((access, scopes)) = default {
            server.stores.database.run(&format!(
                "INSERT INTO client_grants (client_id, api_id, subject_type, access, scopes) VALUES
                   ('*', 'api_projects', 'user', '{access}', '{scopes}'), ('*', 'api_projects', 'client', 'all', '[]')"
            ));
        }
        for class in ["registered", "metadata_document"] {
            let client_id = by_itself(&server, class);
            let app = deploy(&server, &client_id);
            assert_eq!(
                app.available_scopes(SubjectType::User).all().to_string(),
                expected,
                "{class} {default:?}"
            );
            let mut browser = signed_in(&server, "alice");
            let back = location(&browser.get(&server, &authorize_link(&client_id, "")));
            match expected.contains("read:projects") {
                true => assert!(back.starts_with("/oauth/consent?"), "{back}"),
                false => assert!(back.starts_with(CALLBACK) && back.contains("error="), "{back}"),
            }
            // For itself it gets nothing, whatever the default says.
            let form = format!("grant_type=client_credentials&client_id={client_id}");
            assert_eq!(
                json(&server.post("/oauth/token", &form))["error"],
                "unauthorized_client"
            );
        }
    }
}

// Covers: B4
#[test]
fn an_address_that_stands_in_for_a_developers_name_is_in_no_public_place() {
    let server = portal();
    // Her provider told no name, so she is called by her address; she has no account yet.
    server.stores.database.run(&format!(
        "DELETE FROM developer_members WHERE user_id = 'usr_alice';
         UPDATE users SET name = '{ADDRESS}', account_name = '{ADDRESS}' WHERE id = 'usr_alice';"
    ));
    let mut alice = signed_in(&server, "alice");
    let client_id = by_json(&server, &mut alice);
    let app = deploy(&server, &client_id);
    assert_eq!(app.developer.name, "Unnamed developer");
    let (page, tokens) = connect(&server, &client_id);
    assert!(page.body.to_string().contains("Unnamed developer"));
    shows_no_address(&server, &client_id, &page, &tokens);
}

// Covers: B4
#[test]
fn neither_the_address_of_a_developer_nor_that_of_their_account_is_in_a_public_place() {
    let server = portal();
    server.stores.database.run(&format!(
        "UPDATE users SET account_name = '{ADDRESS}' WHERE id = 'usr_alice';
         UPDATE developers SET contact = '{CONTACT}' WHERE id = 'dev_north';"
    ));
    let mut alice = signed_in(&server, "alice");
    let client_id = by_json(&server, &mut alice);
    deploy(&server, &client_id);
    let (page, tokens) = connect(&server, &client_id);
    assert!(page.body.to_string().contains("Northwind Labs"));
    shows_no_address(&server, &client_id, &page, &tokens);
}

/// Looks at all that users, APIs and everybody get to see.
fn shows_no_address(server: &Server, client_id: &str, consent: &Reply, tokens: &Value) {
    let mut ben = signed_in(server, "ben");
    let mut public = vec![
        ("the consent page", consent.body.to_string()),
        ("the tokens", format!("{tokens} {}", claims(&tokens["access_token"]))),
    ];
    for path in [
        "/",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/api/docs",
        "/developers",
        "/account/apps",
        "/api/user/connected-apps",
    ] {
        public.push((path, ben.get(server, path).body.to_string()));
    }
    // What another app's developer, or nobody, learns of the app.
    let foreign = format!("/api/developer/apps/{client_id}");
    public.push(("another's app", ben.get(server, &foreign).body.to_string()));
    let sent = format!(
        "{:?}",
        server.stores.database.column(
            "SELECT client_id || ' ' || name || ' ' || description FROM apps UNION ALL SELECT name FROM developers",
        )
    );
    public.push(("public names", sent));
    for (place, text) in public {
        for address in [ADDRESS, CONTACT] {
            assert!(!text.contains(address), "{place} shows {address}");
        }
    }
    let claims = claims(&tokens["access_token"]);
    assert!(
        claims.get("redirect_uris").is_none() && !claims.to_string().contains("app.example"),
        "{claims}"
    );
}

// Covers: B4
#[test]
fn an_address_is_no_public_name_of_a_developer_account() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    for name in ["alice@northwind.example", "a.b+c@mail.northwind.example"] {
        let request = json!({ "name": name });
        for (method, target) in [
            ("POST", "/api/developer/accounts"),
            ("PATCH", "/api/developer/accounts/dev_north"),
        ] {
            let refused = alice.send(&server, call(method, target, &request));
            let (status, _, fields) = problem(&refused);
            assert_eq!((status, fields.len()), (400, 1), "{method} {name}");
            assert!(fields[0].starts_with("name is public"), "{fields:?}");
        }
    }
    for name in ["Acme @ Home", "@acme", "Acme, Inc."] {
        let reply = alice.send(
            &server,
            call("PATCH", "/api/developer/accounts/dev_north", &json!({ "name": name })),
        );
        assert_eq!(reply.status, 200, "{name}");
    }
}
