//! Who may send what to the portal and the console.

use serde_json::json;

use super::*;

const ACCOUNTS: &str = "/api/developer/accounts";

#[test]
fn nobody_who_is_not_signed_in_gets_anything() {
    let server = portal();
    let refused = server.send(&get_request(ACCOUNTS));
    assert_eq!(problem(&refused).1, "unauthorized");
    assert_eq!(
        refused.header_value("WWW-Authenticate"),
        Some("Bearer resource_metadata=\"http://localhost:8787/.well-known/oauth-protected-resource/api\"")
    );
    let page = server.send(&get_request("/developers"));
    assert_eq!(location(&page), "/login?continue=%2Fdevelopers");
}

#[test]
fn a_session_alone_changes_nothing_from_another_site() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    for origin in [None, Some("https://evil.example"), Some("null")] {
        let mut request = call("POST", ACCOUNTS, &json!({ "name": "Mine" }));
        request.headers.remove("origin");
        request
            .headers
            .extend(origin.map(|origin| ("origin".to_owned(), origin.to_owned())));
        assert_eq!(problem(&alice.send(&server, request)).1, "forbidden", "{origin:?}");
    }
    let page = alice.get(&server, "/developers");
    let csrf = hidden(&page, "csrf");
    let form = |csrf: &str| form_request("/developers/accounts", &format!("csrf={csrf}&name=Mine"));
    for request in [
        form(""),
        form("x"),
        with_header(form(&csrf), "origin", "https://evil.example"),
    ] {
        assert_eq!(alice.send(&server, request).status, 403);
    }
    // The token of another session is no good either.
    let mut ben = signed_in(&server, "ben");
    assert_eq!(ben.send(&server, form(&csrf)).status, 403);
    assert!(audit(&server).is_empty());
}

#[test]
fn tokens_that_are_none_or_not_for_this_api_are_refused() {
    let server = portal();
    let code = code(&server, "app_one");
    let tokens = json(&server.post("/oauth/token", &redemption(&code)));
    let foreign = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    for authorization in ["Bearer x", "Basic eDp5", "Bearer", foreign.as_str()] {
        let refused = server.send(&with_header(get_request(ACCOUNTS), "authorization", authorization));
        assert_eq!(problem(&refused).1, "unauthorized", "{authorization}");
    }
}

#[test]
fn bodies_that_are_not_json_objects_are_refused() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let with_body = |body: &str| {
        let mut request = call("POST", ACCOUNTS, &json!({}));
        request.body = Body::Bytes(body.as_bytes().to_vec());
        request
    };
    for body in ["", "[]", "7", "{", "\u{0}"] {
        assert_eq!(problem(&alice.send(&server, with_body(body))).0, 400, "{body}");
    }
    let form = with_header(with_body("{}"), "content-type", "text/plain");
    assert_eq!(problem(&alice.send(&server, form)).1, "unsupported_media_type");
    let mut large = with_body("");
    large.body = Body::TooLarge;
    assert_eq!(problem(&alice.send(&server, large)).0, 413);
}

#[test]
fn a_route_of_the_tables_has_its_methods_and_names_them_to_others() {
    let server = portal();
    let mut alice = signed_in(&server, "alice");
    let refused = alice.send(&server, call("PUT", ACCOUNTS, &json!({})));
    assert_eq!(
        (refused.status, refused.header_value("Allow")),
        (405, Some("GET, HEAD, POST"))
    );
    assert_eq!(alice.get(&server, "/api/developer/nothing").status, 404);
}

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let server = || {
        let server = portal();
        server.stores.apps.borrow_mut().get_mut("app_one").unwrap().apis[0].resource = format!("{ISSUER}/api");
        server
    };
    let sent = |server: &Server, tokens: &Reply| {
        let bearer = format!("Bearer {}", json(tokens)["access_token"].as_str().unwrap());
        server.send(&with_header(get_request(ACCOUNTS), "authorization", &bearer))
    };
    let one = server();
    let plain = one.post("/oauth/token", &redemption(&code(&one, "app_one")));
    // It is known, though it may not do this.
    assert_eq!(problem(&sent(&one, &plain)).1, "forbidden");
    let other = server();
    let request = form_request("/oauth/token", &redemption(&code(&other, "app_one")));
    let proof = crate::endpoints::tests::proofs::proof_for_token(&other);
    let bound = other.send(&with_header(request, "dpop", &proof));
    assert_eq!(json(&bound)["token_type"], "DPoP");
    let refused = sent(&other, &bound);
    assert_eq!(problem(&refused).1, "unauthorized");
    assert!(refused.body.contains("bound to a key"), "{refused:?}");
}
