use std::rc::Rc;

use super::*;
use crate::crypto::keys::testing::sealing_keys;
use crate::http::{Params, Request};
use crate::oauth::client::App;
use crate::oauth::client::testing::public_app;
use crate::oauth::client_authentication::{Checked, PresentedClient};
use crate::oauth::pkce::testing::{CHALLENGE, VERIFIER};
use crate::oauth::redirect_uri::RedirectUri;

const REDIRECT_URI: &str = "https://app.example/callback";

pub fn payload() -> CodePayload {
    CodePayload {
        client_id: "app_one".into(),
        app_epoch: 1,
        user_id: "usr_one".into(),
        consent_id: "cns_one".into(),
        redirect_uri: VerifiedRedirect::find(REDIRECT_URI, &[RedirectUri::from(REDIRECT_URI)]).unwrap(),
        scopes: Scopes::parse("read:projects").unwrap(),
        resources: vec!["https://api.example".into()],
        code_challenge: CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap(),
        dpop_jkt: None,
        auth_time: Timestamp(900_000),
        expires_at: Timestamp(1_060_000),
    }
}

fn redemption() -> CodeRedemption {
    CodeRedemption {
        code: String::new(),
        redirect_uri: Some(REDIRECT_URI.into()),
        code_verifier: CodeVerifier::parse(Some(VERIFIER)).unwrap(),
        resources: Vec::new(),
    }
}

fn authenticated(app: App) -> AuthenticatedClient {
    let form = Params::parse(format!("client_id={}", app.client_id).as_bytes()).unwrap();
    let presented = PresentedClient::from_request(&Request::default(), &form).unwrap();
    match presented.check(Some(Rc::new(app))).unwrap() {
        Checked::Authenticated(client) => client,
        Checked::Asserted(_) => panic!("no assertion was sent"),
    }
}

fn check(payload: CodePayload, redemption: &CodeRedemption, app: App) -> Result<RedeemableCode, ErrorCode> {
    payload
        .check(redemption, &authenticated(app), None, Timestamp(1_000_000))
        .map_err(|error| error.code)
}

// Covers: R43
// Rule: AUTHZ 21, AUTHZ 22
#[test]
fn a_code_is_bound_to_client_redirect_uri_challenge_resource_and_time() {
    assert!(check(payload(), &redemption(), public_app()).is_ok());
    let refused = |payload, redemption: CodeRedemption, app| check(payload, &redemption, app).unwrap_err();
    let other_client = App {
        client_id: "app_other".into(),
        ..public_app()
    };
    assert_eq!(refused(payload(), redemption(), other_client), ErrorCode::InvalidGrant);
    let other_uri = CodeRedemption {
        redirect_uri: Some(format!("{REDIRECT_URI}/")),
        ..redemption()
    };
    assert_eq!(refused(payload(), other_uri, public_app()), ErrorCode::InvalidGrant);
    let wrong = CodeVerifier::parse(Some(&"a".repeat(43))).unwrap();
    let other_verifier = CodeRedemption {
        code_verifier: wrong,
        ..redemption()
    };
    assert_eq!(
        refused(payload(), other_verifier, public_app()),
        ErrorCode::InvalidGrant
    );
    for resource in ["https://billing.example/v1", "https://unknown.example", "nonsense"] {
        let other = CodeRedemption {
            resources: vec![resource.into()],
            ..redemption()
        };
        assert_eq!(
            refused(payload(), other, public_app()),
            ErrorCode::InvalidTarget,
            "{resource}"
        );
    }
    let expired = CodePayload {
        expires_at: Timestamp(1_000_000),
        ..payload()
    };
    assert_eq!(refused(expired, redemption(), public_app()), ErrorCode::InvalidGrant);
}

#[test]
fn a_code_from_before_the_apps_suspension_is_worth_nothing() {
    let app = App {
        epoch: 2,
        ..public_app()
    };
    assert_eq!(
        check(payload(), &redemption(), app).unwrap_err(),
        ErrorCode::InvalidGrant
    );
}

// Rule: AUTHZ 25
#[test]
fn the_redirect_uri_may_be_left_out_as_oauth_2_1_does() {
    let without = CodeRedemption {
        redirect_uri: None,
        ..redemption()
    };
    assert!(check(payload(), &without, public_app()).is_ok());
}

#[test]
fn a_code_is_derived_from_its_request_and_attempt_and_reads_back() {
    let keys = sealing_keys();
    let shard = Shard::of_name("x");
    let derive = |request: &str, attempt: &str| AuthorizationCode::derive(&keys, shard, request, attempt).unwrap();
    let code = derive("request", "one");
    assert_eq!(code.reveal(), derive("request", "one").reveal());
    assert_ne!(code.reveal(), derive("request", "two").reveal());
    assert_ne!(code.reveal(), derive("another", "one").reveal());
    let read = AuthorizationCode::parse(&keys, code.reveal()).unwrap();
    assert_eq!((read.shard(), read.hash()), (shard, code.hash()));
    assert!(!format!("{code:?}").contains(code.reveal()));
}

// Rule: AUTHZ 21
#[test]
fn a_code_changed_in_any_letter_is_garbage() {
    let keys = sealing_keys();
    let code = AuthorizationCode::derive(&keys, Shard::of_name("x"), "request", "one").unwrap();
    for at in 0..code.reveal().len() {
        let mut changed = code.reveal().as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(
            AuthorizationCode::parse(&keys, &String::from_utf8(changed).unwrap()).is_none(),
            "{at}"
        );
    }
    for garbage in ["", "lkc_", "code", "lkc_AAAA", &"lkc_A".repeat(1000)] {
        assert!(AuthorizationCode::parse(&keys, garbage).is_none());
    }
}

#[test]
fn the_stored_form_of_a_code_is_unchanged() {
    let json = r#"{"client_id":"app_one","app_epoch":1,"user_id":"usr_one","consent_id":"cns_one","redirect_uri":{"uri":"https://app.example/callback","registered":"https://app.example/callback"},"scopes":["read:projects"],"resources":["https://api.example"],"code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","auth_time":900000,"expires_at":1060000}"#;
    assert_eq!(serde_json::to_string(&payload()).unwrap(), json);
    assert_eq!(serde_json::from_str::<CodePayload>(json).unwrap(), payload());
}
