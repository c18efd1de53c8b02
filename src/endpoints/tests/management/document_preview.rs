//! What operators see of a metadata document before anybody connects its app.

use serde_json::json;

use super::*;
use crate::store::Limit;
use crate::store::memory::Fault;

const API: &str = "/api/admin/documents/preview";
const PAGE: &str = "/admin/documents";
const DOCUMENT: &str = "https://agent.dev/client.json";

fn document() -> Value {
    json!({ "client_id": DOCUMENT, "client_name": "Nimbus", "redirect_uris": ["https://agent.dev/cb"], "client_uri": "https://agent.dev/" })
}

fn publish(server: &Server, status: u16, address: &str, body: &str) {
    server
        .stores
        .web
        .borrow_mut()
        .insert(address.into(), (status, body.to_owned()));
}

fn look(server: &Server, browser: &mut Browser, client_id: &str) -> Value {
    let reply = browser.send(server, call("POST", API, &json!({ "client_id": client_id })));
    assert_eq!(reply.status, 200, "{reply:?}");
    json(&reply)
}

fn everything(server: &Server) -> String {
    let tables = ["apps", "app_redirect_uris", "app_scopes", "metadata_documents", "audit"];
    tables.map(|table| server.stores.database.dump(table)).join("\n")
}

fn warnings(preview: &Value) -> Vec<&str> {
    let warnings = preview["document"]["warnings"].as_array().unwrap();
    warnings.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn what_a_document_says_and_what_its_app_would_get_is_told_and_nothing_is_kept() {
    let server = portal();
    server
        .stores
        .database
        .run("UPDATE client_grants SET access = 'chosen', scopes = '[\"read:projects\", \"write:projects\"]'");
    let mut ada = signed_in(&server, "ada");
    let mut keyed = document();
    keyed["token_endpoint_auth_method"] = json!("private_key_jwt");
    keyed["jwks_uri"] = json!("https://agent.dev/jwks");
    keyed["scope"] = json!("write:projects read:team no:such");
    publish(&server, 200, DOCUMENT, &keyed.to_string());
    publish(&server, 500, "https://agent.dev/jwks", "");
    let before = everything(&server);
    let seen = look(&server, &mut ada, DOCUMENT);
    assert_eq!((&seen["accepted"], &seen["error"]), (&json!(true), &Value::Null));
    let shown = &seen["document"];
    assert_eq!(
        (&shown["name"], &shown["host"]),
        (&json!("Nimbus"), &json!("agent.dev"))
    );
    assert_eq!(shown["redirect_uris"], json!(["https://agent.dev/cb"]));
    assert_eq!(shown["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(shown["serves_for_seconds"], 3600);
    assert_eq!(
        shown["permissions"],
        json!([{ "scope": "write:projects", "title": "Manage projects", "sensitive": true }])
    );
    assert_eq!(
        warnings(&seen),
        ["unknown_scopes", "not_granted", "keys_unavailable", "no_privacy_policy"]
    );
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": crate::crypto::base64url([1; 32]), "kid": "k-1" });
    publish(
        &server,
        200,
        "https://agent.dev/jwks",
        &json!({ "keys": [key] }).to_string(),
    );
    assert_eq!(look(&server, &mut ada, DOCUMENT)["document"]["keys"], json!(["k-1"]));
    assert_eq!(everything(&server), before);
    // Looked at is what is there now, not what was there a moment ago.
    publish(&server, 404, DOCUMENT, "");
    assert_eq!(look(&server, &mut ada, DOCUMENT)["accepted"], false);
}

#[test]
fn what_is_refused_is_told_in_the_words_that_its_author_reads() {
    let server = portal();
    let mut rita = signed_in(&server, "rita");
    for (address, error) in [
        (
            "https://10.0.0.1/client.json",
            "a client_id that is an address must name the host, not an IP address",
        ),
        (
            "https://agent.dev",
            "a client_id that is an address must have a path: https://app.example.com/client.json",
        ),
        (
            "https://db.internal/client.json",
            "a client_id that is an address must name a host that can be reached from the internet",
        ),
    ] {
        let seen = look(&server, &mut rita, address);
        assert_eq!((&seen["error"], &seen["document"]), (&json!(error), &Value::Null));
    }
    assert!(server.stores.asked.take().is_empty());
    let mut secret = document();
    secret["client_secret"] = json!("x");
    let mut inside = document();
    inside["logo_uri"] = json!("https://192.168.0.1/logo.png");
    for (status, body, error) in [
        (
            404,
            String::new(),
            "the document answers with status 404, and only 200 counts",
        ),
        (
            302,
            String::new(),
            "the document answers with status 302, and only 200 counts",
        ),
        (200, "[]".into(), "the document is not a JSON object"),
        (200, " ".repeat(6000), "the document has more than 5 kB"),
        (
            200,
            secret.to_string(),
            "the document: client_secret must not be in a document that everybody can read",
        ),
        (
            200,
            inside.to_string(),
            "the document: logo_uri must name the host, not an IP address",
        ),
    ] {
        publish(&server, status, DOCUMENT, &body);
        let seen = look(&server, &mut rita, DOCUMENT);
        assert_eq!((&seen["accepted"], &seen["error"]), (&json!(false), &json!(error)));
    }
}

#[test]
fn operators_are_warned_of_what_stands_in_the_way_and_of_names_that_deceive() {
    let mut server = portal();
    server.stores.database.run(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('app_other', 'dev_unclaimed', 'Nimbus', '', 'spa', 'registered', 'draft', 1);
         UPDATE client_grants SET access = 'none'",
    );
    server.config.metadata_documents = false;
    let mut ada = signed_in(&server, "ada");
    publish(&server, 200, DOCUMENT, &document().to_string());
    let seen = look(&server, &mut ada, DOCUMENT);
    assert_eq!(
        warnings(&seen),
        ["switched_off", "no_permissions", "similar_name", "no_privacy_policy"]
    );
    for (set, warning) in [
        ("status = 'suspended'", "suspended"),
        ("status = 'draft', developer_id = 'dev_north'", "managed_here"),
        (
            "status = 'approved', approved_at = 2, developer_id = 'dev_unclaimed'",
            "managed_here",
        ),
    ] {
        server.stores.database.run(&format!(
            "INSERT OR IGNORE INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
             VALUES ('{DOCUMENT}', 'dev_unclaimed', 'Nimbus', '', 'spa', 'metadata_document', 'draft', 1);
             UPDATE apps SET {set} WHERE client_id = '{DOCUMENT}'"
        ));
        let seen = look(&server, &mut ada, DOCUMENT);
        assert!(warnings(&seen).contains(&warning), "{set}: {seen}");
    }
}

#[test]
fn nobody_but_operators_has_documents_fetched_and_they_not_without_end() {
    let server = portal();
    publish(&server, 200, DOCUMENT, &document().to_string());
    let mut alice = signed_in(&server, "alice");
    let refused = alice.send(&server, call("POST", API, &json!({ "client_id": DOCUMENT })));
    assert_eq!(problem(&refused).0, 403);
    assert_eq!(alice.get(&server, PAGE).status, 403);
    let csrf = hidden(&alice.get(&server, "/developers"), "csrf");
    let form = format!("csrf={csrf}&client_id=https%3A%2F%2Fagent.dev%2Fclient.json");
    assert_eq!(alice.send(&server, form_request(PAGE, &form)).status, 403);
    let mut ada = signed_in(&server, "ada");
    for body in [
        json!({}),
        json!({ "client_id": "" }),
        json!({ "client_id": DOCUMENT, "store": true }),
    ] {
        assert_eq!(problem(&ada.send(&server, call("POST", API, &body))).0, 400);
    }
    assert!(server.stores.asked.take().is_empty());
    server.stores.limits.borrow_mut().insert(Limit::Changes, 0);
    let refused = ada.send(&server, call("POST", API, &json!({ "client_id": DOCUMENT })));
    assert_eq!(problem(&refused).0, 429);
    assert!(server.stores.asked.take().is_empty());
}

#[test]
fn nothing_that_a_document_says_is_markup_on_the_page_and_storage_that_is_down_is_said() {
    let server = portal();
    let mut hostile = document();
    hostile["client_name"] = json!("<script>alert(1)</script>");
    hostile["scope"] = json!("<b>");
    hostile["client_uri"] = json!("https://agent.dev/\"><script>");
    publish(&server, 200, DOCUMENT, &hostile.to_string());
    let mut rita = signed_in(&server, "rita");
    let page = rita.get(&server, PAGE);
    let form = format!(
        "csrf={}&client_id=https%3A%2F%2Fagent.dev%2Fclient.json",
        hidden(&page, "csrf")
    );
    let seen = rita.send(&server, form_request(PAGE, &form));
    assert_eq!(seen.status, 200, "{seen:?}");
    assert!(seen.body.contains("&#60;script&#62;") && !seen.body.contains("<script") && !seen.body.contains("<b>"));
    assert_eq!(seen.header_value("Cache-Control"), Some("no-store"));
    let empty = rita.send(&server, form_request(PAGE, &format!("csrf={}", hidden(&page, "csrf"))));
    assert!(
        empty.status == 400 && empty.body.contains("client_id-error"),
        "{empty:?}"
    );
    let mut failed = 0;
    for calls in 0..6 {
        server.stores.plan_after(calls, &[Fault::Before("database")]);
        let reply = rita.send(&server, form_request(PAGE, &form));
        assert!(matches!(reply.status, 200 | 503), "{reply:?}");
        failed += u32::from(reply.status == 503);
        server.stores.plan_after(0, &[]);
    }
    assert!(failed > 0);
}
