//! Which key signs what.

use super::*;
use crate::crypto::from_base64url;
use crate::crypto::signing::SigningAlgorithm;
use crate::oauth::client::SubjectType;
use crate::store::Signer;
use crate::store::memory::Fault;

const JWT: &str = "application/token-introspection+jwt";

fn part(jwt: &str, at: usize) -> serde_json::Value {
    serde_json::from_slice(&from_base64url(jwt.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

/// A token of `app_one` with these scopes.
fn access_token(server: &Server, scope: &str) -> String {
    let mut browser = Browser::default();
    let link = authorize_link("app_one", "&prompt=consent").replace("scope=read:projects", &format!("scope={scope}"));
    let page = browser.consent_page(server, &link);
    let code = returned(&browser.decide(server, &page, "allow"))["code"].clone();
    let reply = server.post("/oauth/token", &redemption(&code));
    json(&reply)["access_token"].as_str().unwrap().to_owned()
}

fn introspect(server: &Server, caller: &str, token: &str, accept: &str) -> Reply {
    let mut request = form_request("/oauth/introspect", &format!("{caller}&token={token}"));
    request.headers.insert("accept".into(), accept.into());
    server.send(&request)
}

const API: &str = "client_id=apc_one&client_secret=lka_one";

#[test]
fn a_token_is_signed_with_rs256_if_one_of_its_apis_asks_for_that() {
    let server = Server::new();
    let app = server.stores.apps.borrow()["app_one"].clone();
    let asks = |at: usize| app.apis[at].signing_algorithm;
    assert_eq!((asks(0), asks(1)), (SigningAlgorithm::Es256, SigningAlgorithm::Rs256));
    assert!(!app.available_scopes(SubjectType::User).all().is_empty());
    for (scope, algorithm) in [
        ("read:projects", "ES256"),
        ("read:billing", "RS256"),
        ("read:projects%20read:billing", "RS256"),
    ] {
        let header = part(&access_token(&server, scope), 0);
        assert_eq!(
            (&header["alg"], &header["typ"]),
            (&algorithm.into(), &"at+jwt".into()),
            "{scope}"
        );
        assert_eq!(header["kid"], algorithm, "{scope}");
    }
}

// Covers: B29
#[test]
fn a_token_under_the_other_algorithm_of_ours_is_inactive() {
    let server = server_with_api();
    let token = access_token(&server, "read:projects");
    assert_eq!(json(&introspect(&server, API, &token, ""))["active"], true);
    let (_, rest) = token.split_once('.').unwrap();
    let claims = rest.split('.').next().unwrap();
    let header = crate::crypto::base64url(r#"{"alg":"RS256","typ":"at+jwt","kid":"ES256"}"#);
    let input = format!("{header}.{claims}");
    let keys = pollster::block_on(server.stores.signing_keys()).unwrap();
    // Signed by us, under a name that is not that of the key's algorithm.
    let signature = crate::crypto::base64url(keys.es256.key.sign(input.as_bytes()));
    let confused = format!("{input}.{signature}");
    assert_eq!(json(&introspect(&server, API, &confused, ""))["active"], false);
}

#[test]
fn introspection_answers_with_a_jwt_to_whom_asks_for_one() {
    let server = server_with_api();
    let token = access_token(&server, "read:projects");
    let reply = introspect(&server, API, &token, JWT);
    assert_eq!((reply.status, reply.header_value("Content-Type")), (200, Some(JWT)));
    assert_eq!(reply.header_value("Cache-Control"), Some("no-store"));
    assert_eq!(part(&reply.body, 0)["alg"], "RS256");
    assert_eq!(part(&reply.body, 0)["typ"], "token-introspection+jwt");
    let answer = part(&reply.body, 1);
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["aud", "iat", "iss", "token_introspection"]);
    assert_eq!(
        (&answer["iss"], &answer["aud"]),
        (&ISSUER.into(), &"https://api.example".into())
    );
    assert_eq!(answer["iat"], server.now.get().as_seconds());
    let told = json(&introspect(&server, API, &token, "application/json"));
    assert_eq!(answer["token_introspection"], told);
    assert_eq!(told["active"], true);
}

#[test]
fn the_jwt_is_addressed_to_the_app_that_asks() {
    let server = Server::new();
    let caller = "client_id=app_two&client_secret=lks_right";
    let answer = part(&introspect(&server, caller, "x", JWT).body, 1);
    assert_eq!(answer["aud"], "app_two");
}

#[test]
fn of_an_inactive_token_the_jwt_tells_nothing_but_that() {
    let server = server_with_api();
    for token in ["garbage", access_token(&server, "read:billing").as_str()] {
        let answer = part(&introspect(&server, API, token, JWT).body, 1);
        assert_eq!(answer["token_introspection"], serde_json::json!({ "active": false }));
    }
}

#[test]
fn the_jwt_does_not_introspect_as_a_token() {
    let server = server_with_api();
    let token = access_token(&server, "read:projects");
    let answer = introspect(&server, API, &token, JWT).body;
    assert_eq!(json(&introspect(&server, API, &answer, ""))["active"], false);
}

#[test]
fn errors_of_introspection_are_json_whatever_was_asked_for() {
    let server = server_with_api();
    let wrong = introspect(&server, "client_id=apc_one&client_secret=wrong", "x", JWT);
    assert_eq!(
        (wrong.status, json(&wrong)["error"].as_str()),
        (401, Some("invalid_client"))
    );
    let none = introspect(&server, API, "", JWT);
    assert_eq!(
        (none.status, json(&none)["error"].as_str()),
        (400, Some("invalid_request"))
    );
    server.stores.plan(&[Fault::Before("keys")]);
    let down = introspect(&server, API, "x", JWT);
    assert_eq!(
        (down.status, json(&down)["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
}

#[test]
fn the_cron_trigger_moves_the_keys_on_even_when_other_work_fails() {
    let server = Server::new();
    let log = Log::new(&server.random);
    let context = Context {
        config: &server.config,
        now: server.now.get(),
        random: &server.random,
        continent: None,
        country: None,
        language: Language::ENGLISH,
        log: &log,
        looks: &server.config.looks,
        stores: &server.stores,
    };
    server.stores.plan(&[Fault::Before("consents")]);
    assert!(pollster::block_on(maintain(&context)).is_err());
    assert!(server.trips().contains(&"keys"));
}
