//! What a call's token is good for.

use super::*;
use crate::ledger::shard::Shard;
use crate::oauth::client::{App, testing::app_json};
use crate::oauth::standing::AppStatus;
use crate::store::Signer;
use crate::store::memory::Fault;

const METADATA: &str =
    "resource_metadata=\"http://localhost:8787/oauth/resource-metadata?resource=https%3A%2F%2Fapi.example\"";

fn change_app(server: &Server, change: impl FnOnce(&mut App)) {
    change(server.stores.apps.borrow_mut().get_mut("app_one").unwrap());
}

// Covers: R64
#[test]
fn a_good_call_goes_on_with_its_context_and_the_same_signed() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let reply = call("GET", "/v1/projects?limit=5").bearer(&token).ask(&server);
    assert_eq!(reply.status, 200, "{reply:?}");
    let of_token = claims(&token);
    for (header, expected) in [
        ("Latchkey-User-Id", "usr_alice"),
        ("Latchkey-Client-Id", "app_one"),
        ("Latchkey-Scopes", "read:projects"),
        ("Latchkey-Token-Type", "Bearer"),
        ("Latchkey-Consent-Id", of_token["latchkey"]["consent"].as_str().unwrap()),
        ("Latchkey-Issued-At", "1000"),
        ("Latchkey-Expires-At", "4600"),
    ] {
        assert_eq!(told(&reply, header), expected, "{header}");
    }
    let identity = claims(told(&reply, "Latchkey-Identity"));
    assert_eq!(identity["aud"], API);
    assert_eq!(
        (&identity["sub"], &identity["subject_type"]),
        (&value!("usr_alice"), &value!("user"))
    );
    assert_eq!((&identity["iat"], &identity["exp"]), (&value!(1000), &value!(1060)));
    assert_eq!(told(&reply, "Cache-Control"), "no-store");
}

// Covers: R64, R67, B32
#[test]
fn without_a_token_a_call_is_told_how_to_get_one_and_no_error() {
    let server = guard();
    for header in [None, Some("Basic YTpi"), Some("Digest x")] {
        let asked = call("GET", "/v1/projects");
        let asked = header.map_or(call("GET", "/v1/projects"), |header| {
            asked.with("authorization", header)
        });
        let reply = asked.ask(&server);
        assert_eq!(refused(&reply), no(401, "token_required", ""), "{header:?}");
        assert_eq!(
            told(&reply, "WWW-Authenticate"),
            format!("Bearer {METADATA}, scope=\"read:projects\"")
        );
    }
}

// Covers: R65, B32, B35
#[test]
fn a_route_asks_for_all_of_its_scopes_and_for_no_other_routes() {
    let server = guard();
    let (reads, _) = connect(&server, "read:projects");
    let (writes, _) = connect(&server, "read:projects%20write:projects");
    let status = |method: &str, target: &str, token: &str| call(method, target).bearer(token).ask(&server).status;
    assert_eq!(status("POST", "/v1/projects", &writes), 200);
    assert_eq!(status("GET", "/v1/projects", &reads), 200);
    assert_eq!(status("GET", "/v1/me", &reads), 200);
    let reply = call("POST", "/v1/projects").bearer(&reads).ask(&server);
    assert_eq!(refused(&reply), no(403, "insufficient_scope", ""));
    let challenge = told(&reply, "WWW-Authenticate");
    assert!(
        challenge.starts_with(&format!(
            "Bearer {METADATA}, scope=\"read:projects write:projects\", error=\"insufficient_scope\""
        )),
        "{challenge}"
    );
}

#[test]
fn what_no_rule_names_is_closed_and_what_a_rule_opens_takes_no_token() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let reply = call("GET", "/v1/admin").bearer(&token).ask(&server);
    assert_eq!(refused(&reply), no(404, "not_found", ""));
    let reply = call("DELETE", "/v1/projects").bearer(&token).ask(&server);
    assert_eq!(refused(&reply), no(405, "method_not_allowed", ""));
    assert_eq!(told(&reply, "Allow"), "GET, POST");
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405)] {
        let reply = call(method, "/v1/status").ask(&server);
        assert_eq!(
            (reply.status, reply.has_header("Latchkey-Identity")),
            (status, false),
            "{method}"
        );
    }
}

// Covers: R67, B29, B30
#[test]
fn what_is_no_access_token_for_this_api_is_refused() {
    let server = guard();
    let (token, refresh) = connect(&server, "read:projects");
    let (billing, _) = connect(&server, "read:billing");
    let identity = call("GET", "/v1/me").bearer(&token).ask(&server);
    let region = claims(&token)["latchkey"]["shard"].as_u64().unwrap() / 256;
    let list = server.send(&get_request(&format!("/oauth/revocations/{region}")));
    let (head, rest) = token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let forged = |member: &str, text: &str| {
        let mut forged = claims(&token);
        forged[member] = text.into();
        format!("{head}.{}.{signature}", crate::crypto::base64url(forged.to_string()))
    };
    let none = crate::crypto::base64url(r#"{"alg":"none","typ":"at+jwt","kid":"ES256"}"#);
    let keys = pollster::block_on(server.stores.signing_keys()).unwrap();
    let other_type = crate::crypto::base64url(r#"{"alg":"ES256","typ":"JWT","kid":"ES256"}"#);
    let signed = format!("{other_type}.{body}");
    let signature_of_ours = crate::crypto::base64url(keys.es256.key.sign(signed.as_bytes()));
    for (what, bad) in [
        (
            "a JWT of another type, which our key signed with all that an access token says",
            format!("{signed}.{signature_of_ours}"),
        ),
        ("a refresh token", refresh.clone()),
        ("garbage", "abc".into()),
        (
            "an identity, which our key signed too",
            told(&identity, "Latchkey-Identity").to_owned(),
        ),
        ("a list of the feed, which our key signed too", list.body.to_string()),
        ("no algorithm", format!("{none}.{body}.")),
        ("no signature", format!("{head}.{body}.")),
        ("another user's", forged("sub", "usr_ben")),
        ("a bare host as audience", forged("aud", "api.example")),
        ("one for another API", billing),
    ] {
        let reply = call("GET", "/v1/projects").bearer(&bad).ask(&server);
        assert_eq!(refused(&reply), no(401, "invalid_token", "invalid_token"), "{what}");
        assert!(
            told(&reply, "WWW-Authenticate").contains("error=\"invalid_token\""),
            "{what}"
        );
    }
}

// Covers: R64, R67
#[test]
fn an_expired_token_is_told_to_be_one() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    server.pass(3_599_000);
    assert_eq!(call("GET", "/v1/me").bearer(&token).ask(&server).status, 200);
    server.pass(1_000);
    let reply = call("GET", "/v1/me").bearer(&token).ask(&server);
    assert_eq!(refused(&reply), no(401, "invalid_token", "invalid_token"));
    assert_eq!(json(&reply)["detail"], "the token has expired");
}

// Covers: B32
#[test]
fn a_header_that_holds_anything_but_one_token_is_refused_and_its_scheme_may_be_in_any_case() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    for scheme in ["bearer", "BEARER", "Bearer"] {
        let header = format!("{scheme} {token}");
        assert_eq!(
            call("GET", "/v1/me").with("authorization", &header).ask(&server).status,
            200,
            "{scheme}"
        );
    }
    for header in [
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer \"{token}\""),
        "Bearer".into(),
    ] {
        let reply = call("GET", "/v1/me").with("authorization", &header).ask(&server);
        assert_eq!(refused(&reply), no(400, "invalid_request", ""), "{header:.20}");
    }
    let in_query = format!("/v1/me?access_token={token}");
    assert_eq!(refused(&call("GET", &in_query).ask(&server)).0, 400);
    assert_eq!(refused(&call("GET", &in_query).bearer(&token).ask(&server)).0, 400);
}

// Covers: B31
#[test]
fn an_app_that_calls_for_itself_is_nobody_s_user() {
    let server = guard();
    let form = "grant_type=client_credentials&client_id=app_two&client_secret=lks_right&scope=read:billing";
    let token = json(&server.post("/oauth/token", form))["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = call("GET", "/v1/invoices").of_billing().bearer(&token).ask(&server);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.has_header("Latchkey-User-Id") && !reply.has_header("Latchkey-Consent-Id"));
    assert_eq!(told(&reply, "Latchkey-Client-Id"), "app_two");
    let identity = claims(told(&reply, "Latchkey-Identity"));
    assert_eq!(
        (&identity["sub"], &identity["subject_type"]),
        (&value!("app_two"), &value!("client"))
    );
}

// Covers: B33
#[test]
fn what_an_app_may_not_have_today_its_token_does_not_give() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects%20write:projects");
    assert_eq!(call("POST", "/v1/projects").bearer(&token).ask(&server).status, 200);
    let mut narrowed = app_json();
    narrowed["apis"][0]["user"]["scopes"] = value!(["read:projects"]);
    change_app(&server, |app| *app = serde_json::from_value(narrowed).unwrap());
    assert_eq!(
        refused(&call("POST", "/v1/projects").bearer(&token).ask(&server)).0,
        403
    );
    let reply = call("GET", "/v1/projects").bearer(&token).ask(&server);
    assert_eq!((reply.status, told(&reply, "Latchkey-Scopes")), (200, "read:projects"));
}

// Covers: R64, R67, B33
#[test]
fn an_app_that_is_not_in_use_is_an_invalid_client() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let ask = || refused(&call("GET", "/v1/me").bearer(&token).ask(&server));
    change_app(&server, |app| app.status = AppStatus::Suspended);
    assert_eq!(ask(), no(401, "invalid_token", "invalid_client"));
    // Reinstatement revives nothing.
    change_app(&server, |app| {
        app.status = AppStatus::Approved;
        app.epoch += 1;
    });
    assert_eq!(ask(), no(401, "invalid_token", "invalid_client"));
    server.stores.apps.borrow_mut().remove("app_one");
    assert_eq!(ask(), no(401, "invalid_token", "invalid_client"));
}

// Covers: R64, R67, B29, B33
#[test]
fn what_was_taken_back_is_refused_as_soon_as_the_copy_of_the_feed_is_five_seconds_old() {
    let server = guard();
    let (token, refresh) = connect(&server, "read:projects");
    let (other, _) = connect(&server, "read:projects");
    let ask = |token: &str| call("GET", "/v1/me").bearer(token).ask(&server);
    assert_eq!(ask(&token).status, 200);
    revoke(&server, &refresh);
    server.pass(4_999);
    server.trips();
    assert_eq!(ask(&token).status, 200);
    assert!(!server.trips().contains(&"feed"));
    server.pass(1);
    assert_eq!(refused(&ask(&token)), no(401, "invalid_token", "consent_revoked"));
    assert_eq!(ask(&other).status, 200);
}

#[test]
fn with_the_feed_out_of_reach_the_ledger_is_asked_and_without_both_nobody_is_let_through() {
    let server = guard();
    let (token, refresh) = connect(&server, "read:projects");
    let (other, _) = connect(&server, "read:projects");
    let ask = |token: &str| call("GET", "/v1/me").bearer(token).ask(&server);
    revoke(&server, &refresh);
    server.stores.plan(&[Fault::Before("feed"), Fault::Before("feed")]);
    assert_eq!(refused(&ask(&token)), no(401, "invalid_token", "consent_revoked"));
    assert_eq!(ask(&other).status, 200);
    let shard = claims(&other)["latchkey"]["shard"].as_u64().unwrap();
    let shard = Shard::from_number(u16::try_from(shard).unwrap()).unwrap();
    server.stores.unreachable.borrow_mut().push(shard);
    let reply = ask(&other);
    assert_eq!(refused(&reply), no(503, "temporarily_unavailable", ""));
    assert!(reply.has_header("Retry-After") && !reply.has_header("WWW-Authenticate"));
}

#[test]
fn a_ledger_that_hangs_keeps_no_call_waiting_and_after_it_nobody_waits_for_the_feed() {
    let server = guard();
    let (token, refresh) = connect(&server, "read:projects");
    let ask = |token: &str| call("GET", "/v1/me").bearer(token).ask(&server);
    let shard = claims(&token)["latchkey"]["shard"].as_u64().unwrap();
    let shard = Shard::from_number(u16::try_from(shard).unwrap()).unwrap();
    server.pass(6_000);
    server.stores.hanging.borrow_mut().push(shard);
    assert_eq!(refused(&ask(&token)), no(503, "temporarily_unavailable", ""));
    server.trips();
    assert_eq!(refused(&ask(&token)), no(503, "temporarily_unavailable", ""));
    // The ledger alone was asked, once: no other one of the region for the feed.
    let asked: Vec<_> = server.trips().into_iter().filter(|part| *part == "ledger").collect();
    assert_eq!(asked, ["ledger"]);
    server.stores.hanging.borrow_mut().clear();
    assert_eq!(ask(&token).status, 200);
    revoke(&server, &refresh);
    server.pass(6_000);
    assert_eq!(refused(&ask(&token)), no(401, "invalid_token", "consent_revoked"));
}

#[test]
fn storage_that_fails_lets_nobody_through() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    for calls in 0..3 {
        server
            .stores
            .plan_after(calls, &[Fault::Before("apps"), Fault::Before("apis")]);
        let reply = call("GET", "/v1/me").bearer(&token).ask(&server);
        assert_eq!(refused(&reply), no(503, "temporarily_unavailable", ""), "{calls}");
        server.stores.plan_after(0, &[]);
        while call("GET", "/v1/me").bearer(&token).ask(&server).status != 200 {}
    }
    server.pass(31_000);
    server.stores.plan(&[Fault::Before("keys")]);
    assert_eq!(call("GET", "/v1/me").bearer(&token).ask(&server).status, 503);
}

#[test]
fn an_identity_is_signed_once_in_half_a_minute() {
    let server = guard();
    let (token, _) = connect(&server, "read:projects");
    let ask = || call("GET", "/v1/me").bearer(&token).ask(&server);
    let first = told(&ask(), "Latchkey-Identity").to_owned();
    server.pass(29_999);
    server.trips();
    assert_eq!(told(&ask(), "Latchkey-Identity"), first);
    assert!(!server.trips().contains(&"keys"));
    server.pass(1);
    assert_ne!(told(&ask(), "Latchkey-Identity"), first);
}
