//! Developers claim apps that registered themselves.

use serde_json::json;

use super::reviews::{QUEUE, app, approve, path, reject, submit, switch};
use super::*;
use crate::store::Limit;
use crate::store::memory::Fault;

const API: &str = "/api/developer/apps/claim";
const PAGE: &str = "/developers/apps/claim";
const DOCUMENT: &str = "https://agent.dev/client.json";
const MEMBER: &str = "http://localhost:8787/developers/apps/claim";

fn register(server: &Server) -> Value {
    let mut request = call(
        "POST",
        "/oauth/register",
        &json!({
            "client_name": "Agent", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"
        }),
    );
    request.headers.remove("origin");
    let reply = server.send(&request);
    assert_eq!(reply.status, 201, "{reply:?}");
    json(&reply)
}

fn by_token(registration: &Value) -> Value {
    json!({
        "client_id": registration["client_id"],
        "registration_access_token": registration["registration_access_token"],
    })
}

fn claim(server: &Server, browser: &mut Browser, body: &Value) -> Reply {
    browser.send(server, call("POST", API, body))
}

fn managed(server: &Server, registration: &Value, method: &str, body: &Value) -> u16 {
    let uri = registration["registration_client_uri"].as_str().unwrap();
    let token = registration["registration_access_token"].as_str().unwrap();
    let request = call(method, uri.strip_prefix(ISSUER).unwrap(), body);
    let reply = server.send(&with_header(request, "authorization", &format!("Bearer {token}")));
    reply.status
}

fn document(claim: &Value) -> Value {
    let mut document = json!({
        "client_id": DOCUMENT, "client_name": "Nimbus", "redirect_uris": ["https://agent.dev/cb", "http://127.0.0.1/cb"]
    });
    if !claim.is_null() {
        document[MEMBER] = claim.clone();
    }
    document
}

fn publish(server: &Server, status: u16, body: &str) {
    server
        .stores
        .web
        .borrow_mut()
        .insert(DOCUMENT.into(), (status, body.to_owned()));
}

/// What the document must say for somebody.
fn mark(server: &Server, browser: &mut Browser, more: &str) -> Value {
    let target = format!("{API}?client_id=https%3A%2F%2Fagent.dev%2Fclient.json{more}");
    let reply = browser.get(server, &target);
    assert_eq!(reply.status, 200, "{reply:?}");
    let proof = json(&reply);
    assert_eq!(proof["member"], MEMBER);
    proof["value"].clone()
}

fn connect(server: &Server) -> u16 {
    let link = "/oauth/authorize?response_type=code&client_id=https%3A%2F%2Fagent.dev%2Fclient.json\
                &redirect_uri=https%3A%2F%2Fagent.dev%2Fcb&state=s&code_challenge_method=S256\
                &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    server.send(&get_request(link)).status
}

fn everything(server: &Server) -> String {
    let tables = [
        "apps",
        "app_redirect_uris",
        "app_scopes",
        "developers",
        "developer_members",
        "submissions",
        "metadata_documents",
        "client_registrations",
        "audit",
    ];
    tables.map(|table| server.stores.database.dump(table)).join("\n")
}

fn owner(server: &Server, id: &str) -> Value {
    let found = server
        .stores
        .database
        .column(&format!("SELECT developer_id FROM apps WHERE client_id = '{id}'"));
    found.first().cloned().unwrap_or_default()
}

const COMPLETE: &str = r#"{"name": "Agent", "description": "Acts", "homepage_url": "https://agent.dev/",
                           "privacy_policy_url": "https://agent.dev/privacy", "scopes": ["read:projects"]}"#;

#[test]
fn a_registered_app_is_claimed_by_its_token_and_reviewed_like_any_other() {
    let server = portal();
    let registration = register(&server);
    let id = registration["client_id"].as_str().unwrap();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    assert_eq!(alice.get(&server, &path(id, "")).status, 404);
    let claimed = claim(&server, &mut alice, &by_token(&registration));
    assert_eq!(claimed.status, 200, "{claimed:?}");
    assert_eq!(json(&claimed)["client_id"], id);
    assert_eq!(owner(&server, id), "dev_north");
    assert_eq!(
        audit(&server).last().unwrap(),
        &json!(format!("app.claimed usr_alice {id}"))
    );
    // It is among hers, and ben's, and nobody takes it up without them.
    let listed = json(&signed_in(&server, "ben").get(&server, "/api/developer/apps"));
    assert_eq!(listed["items"][0]["client_id"], id);
    assert_eq!(
        problem(&switch(&server, &mut rita, id, "submissions", &Value::Null)).0,
        409
    );
    let edit: Value = serde_json::from_str(COMPLETE).unwrap();
    assert_eq!(alice.send(&server, call("PATCH", &path(id, ""), &edit)).status, 200);
    let sub = submit(&server, &mut alice, id);
    assert_eq!(approve(&server, &mut rita, &sub).status, 200);
    assert!(app(&server, id).starts_with("approved 1 Agent usr_rita"));
    // The token reads what was registered, and changes nothing any more.
    assert_eq!(managed(&server, &registration, "GET", &Value::Null), 200);
    let mut change = json!({ "client_id": id, "redirect_uris": ["https://evil.dev/cb"] });
    assert_eq!(managed(&server, &registration, "PUT", &change), 403);
    change["client_name"] = json!("Other");
    assert_eq!(managed(&server, &registration, "PUT", &change), 403);
    assert_eq!(managed(&server, &registration, "DELETE", &Value::Null), 403);
    assert!(app(&server, id).ends_with("http://127.0.0.1/callback"));
    // Hers already: nothing is done again.
    let before = everything(&server);
    assert_eq!(claim(&server, &mut alice, &by_token(&registration)).status, 200);
    assert_eq!(everything(&server), before);
}

#[test]
fn whoever_has_no_proof_is_told_the_same_of_every_app() {
    let server = portal();
    let [free, claimed, suspended, deleted] = [(); 4].map(|()| register(&server));
    let id = |registration: &Value| registration["client_id"].as_str().unwrap().to_owned();
    let mut alice = signed_in(&server, "alice");
    assert_eq!(claim(&server, &mut alice, &by_token(&claimed)).status, 200);
    server.stores.database.run(&format!(
        "UPDATE apps SET status = 'suspended', suspended_at = 2 WHERE client_id = '{}'",
        id(&suspended)
    ));
    assert_eq!(managed(&server, &deleted, "DELETE", &Value::Null), 204);
    let before = everything(&server);
    let mut carol = signed_in(&server, "carol");
    let mut told = Vec::new();
    for (client_id, token) in [
        (id(&free), &claimed),
        (id(&claimed), &free),
        (id(&suspended), &free),
        (id(&deleted), &free),
        // Its own token is dead with it.
        (id(&deleted), &deleted),
        ("app_one".into(), &free),
        ("app_nobody".into(), &free),
    ] {
        let mut body = by_token(token);
        body["client_id"] = json!(client_id);
        told.push(problem(&claim(&server, &mut carol, &body)));
    }
    told.dedup();
    let message = "registration_access_token is not that of an app with this client id";
    assert_eq!(told, [(400, "invalid_request".to_owned(), vec![message.to_owned()])]);
    assert_eq!(everything(&server), before);
}

#[test]
fn even_with_its_token_an_app_that_is_claimed_or_suspended_is_not_to_be_had() {
    let server = portal();
    let (claimed, suspended) = (register(&server), register(&server));
    let (mut alice, mut carol) = (signed_in(&server, "alice"), signed_in(&server, "carol"));
    assert_eq!(claim(&server, &mut alice, &by_token(&claimed)).status, 200);
    let id = suspended["client_id"].as_str().unwrap();
    let reason = json!({ "reason": "Spam" });
    assert_eq!(
        switch(&server, &mut signed_in(&server, "rita"), id, "suspend", &reason).status,
        200
    );
    let before = everything(&server);
    for registration in [&claimed, &suspended] {
        let refused = claim(&server, &mut carol, &by_token(registration));
        assert_eq!(problem(&refused).0, 409, "{refused:?}");
    }
    assert_eq!(everything(&server), before);
}

#[test]
fn nobody_claims_for_an_account_they_are_not_in() {
    let server = portal();
    let registration = register(&server);
    let mut body = by_token(&registration);
    body["developer_id"] = json!("dev_south");
    assert_eq!(problem(&claim(&server, &mut signed_in(&server, "alice"), &body)).0, 404);
    body["developer_id"] = json!("dev_unclaimed");
    assert_eq!(problem(&claim(&server, &mut signed_in(&server, "alice"), &body)).0, 404);
    assert_eq!(
        owner(&server, registration["client_id"].as_str().unwrap()),
        "dev_unclaimed"
    );
}

#[test]
fn whoever_has_no_developer_account_gets_one_with_their_first_claim() {
    let server = portal();
    let mut dave = signed_in(&server, "dave");
    // By a document too: what proves it is theirs before the account is there.
    let value = mark(&server, &mut dave, "");
    publish(&server, 200, &document(&value).to_string());
    let claimed = claim(&server, &mut dave, &json!({ "client_id": DOCUMENT }));
    assert_eq!(claimed.status, 200, "{claimed:?}");
    let mine = json(&dave.get(&server, "/api/developer/apps"));
    assert_eq!(mine["items"][0]["client_id"], DOCUMENT);
}

#[test]
fn an_app_that_is_a_document_is_claimed_by_what_the_document_says_to_whoever_it_says_it() {
    let server = portal();
    let (mut alice, mut carol) = (signed_in(&server, "alice"), signed_in(&server, "carol"));
    publish(&server, 200, &document(&Value::Null).to_string());
    assert_eq!(connect(&server), 303);
    let mut body = json!({ "client_id": DOCUMENT });
    let before = everything(&server);
    let of_carol = mark(&server, &mut carol, "");
    let mut of_other_app = mark(&server, &mut alice, "").as_str().unwrap().to_owned();
    of_other_app.pop();
    for wrong in [
        Value::Null,
        of_carol.clone(),
        json!(of_other_app),
        json!("dev_north"),
        json!(["lkp_x"]),
        json!(""),
    ] {
        publish(&server, 200, &document(&wrong).to_string());
        let refused = problem(&claim(&server, &mut alice, &body));
        assert_eq!(refused.0, 400, "{wrong}");
        assert!(refused.2[0].contains("that does not prove the claim"), "{refused:?}");
    }
    // The proof does not make up for a document that is refused.
    let value = mark(&server, &mut alice, "");
    let mut secret = document(&value);
    secret["client_secret"] = json!("x");
    let mut other = document(&value);
    other["client_id"] = json!("https://agent.dev/other.json");
    for (status, wrong) in [
        (404, document(&value)),
        (302, document(&value)),
        (503, document(&value)),
        (200, secret),
        (200, other),
    ] {
        publish(&server, status, &wrong.to_string());
        let refused = problem(&claim(&server, &mut alice, &body));
        assert!(refused.2[0].contains("leads to no document that counts"), "{refused:?}");
    }
    assert_eq!(everything(&server), before);
    publish(&server, 200, &document(&value).to_string());
    body["registration_access_token"] = json!("lkm_x");
    assert_eq!(problem(&claim(&server, &mut alice, &body)).0, 400);
    assert_eq!(everything(&server), before);
    // Now it is proved: to alice, and to nobody else.
    body = json!({ "client_id": DOCUMENT });
    assert_eq!(problem(&claim(&server, &mut carol, &body)).0, 400);
    assert_eq!(claim(&server, &mut alice, &body).status, 200);
    assert_eq!(owner(&server, DOCUMENT), "dev_north");
    // Whoever gets hold of the site later does not get the app.
    publish(&server, 200, &document(&of_carol).to_string());
    assert_eq!(problem(&claim(&server, &mut carol, &body)).0, 409);
    assert_eq!(owner(&server, DOCUMENT), "dev_north");
}

#[test]
fn nothing_is_fetched_for_a_claim_that_must_not_be() {
    let mut server = portal();
    let mut alice = signed_in(&server, "alice");
    for address in [
        "https://10.0.0.1/client.json",
        "https://metadata.internal/client.json",
        "https://agent.dev",
        "https://agent.dev/a/../client.json",
        "https://u@agent.dev/client.json",
        "http://agent.dev/client.json",
        "http://localhost:8787/client.json",
    ] {
        let refused = claim(&server, &mut alice, &json!({ "client_id": address }));
        assert_eq!(problem(&refused).0, 400, "{address}");
    }
    server.config.metadata_documents = false;
    assert_eq!(
        problem(&claim(&server, &mut alice, &json!({ "client_id": DOCUMENT }))).0,
        400
    );
    assert!(server.stores.asked.take().is_empty());
}

#[test]
fn a_claimed_document_is_no_more_than_keys_and_what_it_takes_away() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let value = mark(&server, &mut alice, "");
    publish(&server, 200, &document(&value).to_string());
    // Nobody has ever used it: its document brings it.
    assert_eq!(
        claim(&server, &mut alice, &json!({ "client_id": DOCUMENT })).status,
        200
    );
    let id = "https%3A%2F%2Fagent.dev%2Fclient.json";
    let edit = json!({ "name": "Nimbus Pro", "description": "Acts" });
    assert_eq!(alice.send(&server, call("PATCH", &path(id, ""), &edit)).status, 200);
    server.pass(25 * 3_600_000);
    let mut changed = document(&Value::Null);
    changed["client_name"] = json!("Google");
    changed["redirect_uris"] = json!(["https://agent.dev/cb", "https://elsewhere.dev/cb"]);
    changed["scope"] = json!("write:projects");
    publish(&server, 200, &changed.to_string());
    assert_eq!(connect(&server), 303);
    assert_eq!(app(&server, DOCUMENT), "draft 1 Nimbus Pro - https://agent.dev/cb");
    let scopes = server.stores.database.column("SELECT scope FROM app_scopes");
    assert!(scopes.is_empty(), "{scopes:?}");
    // Nobody reads what the account calls itself before a reviewer has.
    let shown = server
        .stores
        .database
        .column("SELECT approved_developer_name FROM apps WHERE class = 'metadata_document'");
    assert_eq!(shown, ["agent.dev"]);
}

#[test]
fn a_claimed_app_is_not_forgotten_for_want_of_users() {
    let server = portal();
    let (kept, forgotten) = (register(&server), register(&server));
    let mut alice = signed_in(&server, "alice");
    assert_eq!(claim(&server, &mut alice, &by_token(&kept)).status, 200);
    server.pass(31 * 24 * 3_600_000);
    let log = crate::log::Log::new(&server.random);
    pollster::block_on(crate::endpoints::maintenance::maintain(&server.context(&log))).unwrap();
    assert_eq!(owner(&server, kept["client_id"].as_str().unwrap()), "dev_north");
    assert_eq!(owner(&server, forgotten["client_id"].as_str().unwrap()), Value::Null);
}

#[test]
fn of_two_who_claim_at_once_one_gets_the_app() {
    for meanwhile in [
        "UPDATE apps SET developer_id = 'dev_south', version = version + 1 WHERE class = 'registered'",
        "UPDATE apps SET deleted_at = 2 WHERE class = 'registered'",
        "UPDATE apps SET status = 'suspended', version = version + 1 WHERE class = 'registered'",
        "DELETE FROM developer_members WHERE user_id = 'usr_alice'",
    ] {
        let server = portal();
        let registration = register(&server);
        let mut alice = signed_in(&server, "alice");
        server.stores.database.meanwhile(meanwhile);
        let refused = claim(&server, &mut alice, &by_token(&registration));
        assert_eq!(problem(&refused).0, 409, "{refused:?}");
        assert!(server.stores.database.has_happened());
        assert_ne!(owner(&server, registration["client_id"].as_str().unwrap()), "dev_north");
        assert!(!server.stores.database.dump("audit").contains("app.claimed"));
    }
    // The same of a document that nobody has used yet.
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let value = mark(&server, &mut alice, "");
    publish(&server, 200, &document(&value).to_string());
    server.stores.database.meanwhile(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         VALUES ('https://agent.dev/client.json', 'dev_south', 'X', '', 'spa', 'metadata_document', 'draft', 1)",
    );
    let refused = claim(&server, &mut alice, &json!({ "client_id": DOCUMENT }));
    assert_eq!(problem(&refused).0, 409, "{refused:?}");
    assert_eq!(owner(&server, DOCUMENT), "dev_south");
}

#[test]
fn an_account_that_is_full_claims_no_more() {
    let server = portal();
    server.stores.database.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
         SELECT 'app_n' || i, 'dev_north', 'N', '', 'spa', 'portal', 'draft', 1 FROM n",
    );
    let registration = register(&server);
    let refused = claim(&server, &mut signed_in(&server, "alice"), &by_token(&registration));
    assert_eq!(problem(&refused).0, 409, "{refused:?}");
    assert_eq!(
        owner(&server, registration["client_id"].as_str().unwrap()),
        "dev_unclaimed"
    );
}

#[test]
fn a_claim_takes_back_what_reviewers_took_up_and_they_decide_about_the_next() {
    let server = portal();
    server
        .stores
        .database
        .run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'reviewer')");
    let registration = register(&server);
    let id = registration["client_id"].as_str().unwrap();
    server.stores.database.run(&format!(
        "INSERT INTO app_scopes (client_id, scope) VALUES ('{id}', 'read:projects')"
    ));
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    let taken = switch(&server, &mut rita, id, "submissions", &Value::Null);
    let first = json(&taken)["id"].as_str().unwrap().to_owned();
    server.pass(1000);
    assert_eq!(claim(&server, &mut alice, &by_token(&registration)).status, 200);
    assert!(app(&server, id).starts_with("draft "));
    assert_eq!(problem(&approve(&server, &mut rita, &first)).0, 409);
    let events = audit(&server);
    assert_eq!(
        events[events.len() - 2..],
        [
            json!(format!("app.submission_withdrawn usr_alice {id}")),
            json!(format!("app.claimed usr_alice {id}"))
        ]
    );
    let edit: Value = serde_json::from_str(COMPLETE).unwrap();
    assert_eq!(alice.send(&server, call("PATCH", &path(id, ""), &edit)).status, 200);
    let second = submit(&server, &mut alice, id);
    // Whoever claimed it has a part in it, also when they have left the account.
    assert_eq!(problem(&approve(&server, &mut alice, &second)).0, 403);
    server
        .stores
        .database
        .run("DELETE FROM developer_members WHERE user_id = 'usr_alice'");
    assert_eq!(problem(&approve(&server, &mut alice, &second)).0, 403);
    assert_eq!(approve(&server, &mut rita, &second).status, 200);
}

#[test]
fn a_claimed_app_that_was_rejected_serves_nobody_until_it_is_approved() {
    let server = portal();
    let registration = register(&server);
    let id = registration["client_id"].as_str().unwrap();
    let (mut alice, mut rita) = (signed_in(&server, "alice"), signed_in(&server, "rita"));
    assert_eq!(claim(&server, &mut alice, &by_token(&registration)).status, 200);
    let edit: Value = serde_json::from_str(COMPLETE).unwrap();
    let patched = |alice: &mut Browser| {
        let reply = alice.send(&server, call("PATCH", &path(id, ""), &edit));
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    patched(&mut alice);
    let sub = submit(&server, &mut alice, id);
    assert_eq!(reject(&server, &mut rita, &sub).status, 200);
    patched(&mut alice);
    assert!(app(&server, id).starts_with("rejected "));
    let sub = submit(&server, &mut alice, id);
    assert!(app(&server, id).starts_with("rejected "));
    let queue = json(&rita.get(&server, QUEUE));
    assert_eq!(queue["items"][0]["id"], sub.as_str());
    assert_eq!(approve(&server, &mut rita, &sub).status, 200);
    assert!(app(&server, id).starts_with("approved "));
}

#[test]
fn the_keys_of_a_claimed_document_are_changed_in_the_document_alone() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let value = mark(&server, &mut alice, "");
    let mut keyed = document(&value);
    keyed["token_endpoint_auth_method"] = json!("private_key_jwt");
    keyed["jwks_uri"] = json!("https://agent.dev/jwks");
    publish(&server, 200, &keyed.to_string());
    assert_eq!(
        claim(&server, &mut alice, &json!({ "client_id": DOCUMENT })).status,
        200
    );
    let id = "https%3A%2F%2Fagent.dev%2Fclient.json";
    for body in [
        json!({ "method": "client_secret" }),
        json!({ "method": "private_key_jwt", "jwks_uri": "https://evil.dev/jwks" }),
    ] {
        let refused = alice.send(&server, call("PUT", &path(id, "/authentication"), &body));
        assert_eq!(problem(&refused).0, 409, "{refused:?}");
    }
    let secret = alice.send(&server, call("POST", &path(id, "/secrets"), &Value::Null));
    assert_eq!(problem(&secret).0, 409, "{secret:?}");
    let page = alice.get(&server, &format!("/developers/apps/{id}/credentials"));
    assert!(page.body.contains("Its document says") && !page.body.contains("/authentication\""));
}

#[test]
fn attempts_to_claim_are_counted() {
    let server = portal();
    let registration = register(&server);
    let mut alice = signed_in(&server, "alice");
    server.stores.limits.borrow_mut().insert(Limit::SignIn, 0);
    for body in [by_token(&registration), json!({ "client_id": DOCUMENT })] {
        let refused = claim(&server, &mut alice, &body);
        assert_eq!(problem(&refused).0, 429, "{refused:?}");
        assert_eq!(refused.header_value("Retry-After"), Some("60"));
    }
    assert!(server.stores.asked.take().is_empty());
}

#[test]
fn with_storage_down_a_claim_is_done_as_a_whole_or_not_at_all() {
    let mut claimed = 0;
    for calls in 0..12 {
        for fault in [Fault::Before("database"), Fault::After("database")] {
            let server = portal();
            let registration = register(&server);
            let mut alice = signed_in(&server, "alice");
            let before = everything(&server);
            server.stores.plan_after(calls, &[fault]);
            let reply = claim(&server, &mut alice, &by_token(&registration));
            assert!(matches!(reply.status, 200 | 503), "{reply:?}");
            let is_claimed = owner(&server, registration["client_id"].as_str().unwrap()) == "dev_north";
            let is_told = server.stores.database.dump("audit").contains("app.claimed");
            assert_eq!(is_claimed, is_told);
            assert!(is_claimed || everything(&server) == before);
            assert!(is_claimed || reply.status == 503);
            claimed += u32::from(is_claimed && reply.status == 503);
        }
    }
    // One reply was lost after everything was written.
    assert!(claimed > 0);
}

#[test]
fn the_page_says_what_is_wrong_beside_the_field_and_shows_no_token_again() {
    let server = portal();
    let registration = register(&server);
    let mut alice = signed_in(&server, "alice");
    let page = alice.get(&server, "/developers");
    assert!(page.body.contains(PAGE));
    let csrf = hidden(&alice.get(&server, PAGE), "csrf");
    let id = registration["client_id"].as_str().unwrap();
    let send =
        |alice: &mut Browser, fields: &str| alice.send(&server, form_request(PAGE, &format!("csrf={csrf}&{fields}")));
    let wrong = send(
        &mut alice,
        &format!("client_id={id}&registration_access_token=lkm_wrong%22%3E"),
    );
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("registration_access_token-error"), "{wrong:?}");
    assert!(!wrong.body.contains("lkm_wrong") && wrong.body.contains(id));
    assert_eq!(send(&mut alice, "").status, 400);
    // A document: what to put into it stands on the page, and nothing of what was sent is markup.
    publish(&server, 200, &document(&Value::Null).to_string());
    let asked = send(&mut alice, "client_id=https%3A%2F%2Fagent.dev%2Fclient.json");
    let value = mark(&server, &mut alice, "");
    assert_eq!(asked.status, 400);
    assert!(asked.body.contains(value.as_str().unwrap()) && asked.body.contains("client_id-error"));
    let hostile = send(&mut alice, "client_id=https%3A%2F%2Fagent.dev%2F%22%3E%3Cscript%3E");
    assert!(
        hostile.status == 400 && !hostile.body.contains("<script"),
        "{hostile:?}"
    );
    let foreign = alice.send(&server, form_request(PAGE, &format!("client_id={id}")));
    assert_eq!(foreign.status, 403);
    let token = registration["registration_access_token"].as_str().unwrap();
    let done = send(&mut alice, &format!("client_id={id}&registration_access_token={token}"));
    assert_eq!(location(&done), format!("/developers/apps/{id}/settings"));
    assert!(!server.lines.borrow().join("\n").contains(token));
    assert!(!server.stores.database.dump("audit").contains(token));
}
