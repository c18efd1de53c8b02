use super::*;
use crate::oauth::client::testing::public_app;
use crate::oauth::client_security::testing::key_app;
use crate::oauth::pkce::testing::CHALLENGE;
use crate::oauth::standing::AppStatus;

/// A good request, with parameters replaced (`Some`) or left out (`None`).
fn params(changes: &[(&str, Option<&str>)]) -> Params {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "app_one"),
        ("redirect_uri", "https://app.example/callback"),
        ("scope", "read:projects"),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        pairs.retain(|(other, _)| other != name);
        pairs.extend(value.map(|value| (*name, value)));
    }
    encode(&pairs)
}

fn encode(pairs: &[(&str, &str)]) -> Params {
    let text: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Params::parse(text.as_bytes()).unwrap()
}

fn ask(params: &Params, app: Option<&App>) -> Result<AuthorizationRequest, AuthorizationError> {
    AuthorizationRequest::parse(params, app, Sent::ByBrowser)
}

fn twice(name: &str) -> Params {
    let once = params(&[]);
    let value = once.one(name).unwrap().unwrap_or("again").to_owned();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for key in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    ] {
        pairs.push((key, once.one(key).unwrap().unwrap()));
    }
    pairs.push((name, &value));
    if !pairs[..7].iter().any(|(key, _)| *key == name) {
        pairs.push((name, &value));
    }
    encode(&pairs)
}

fn page(params: &Params, app: Option<&App>) -> PageReason {
    match ask(params, app).unwrap_err() {
        AuthorizationError::Page(reason) => reason,
        AuthorizationError::Redirect { error, .. } => panic!("redirected with {error:?}"),
    }
}

fn redirected(params: &Params) -> (ErrorCode, Option<String>) {
    match ask(params, Some(&public_app())).unwrap_err() {
        AuthorizationError::Page(reason) => panic!("page: {reason:?}"),
        AuthorizationError::Redirect { to, error, state } => {
            assert_eq!(to.as_str(), "https://app.example/callback");
            (error.code, state)
        }
    }
}

fn accepted(changes: &[(&str, Option<&str>)]) -> AuthorizationRequest {
    ask(&params(changes), Some(&public_app())).unwrap()
}

// Covers: R34
#[test]
fn a_good_request_is_accepted_as_it_was_sent() {
    let request = accepted(&[]);
    assert_eq!(request.redirect_uri.as_str(), "https://app.example/callback");
    assert_eq!(request.scopes.to_string(), "read:projects");
    assert_eq!(request.resources, ["https://api.example"]);
    assert_eq!(request.state.as_deref(), Some("xyz"));
}

// Covers: B10, R35
#[test]
fn nothing_is_redirected_before_app_and_redirect_uri_are_known_to_be_good() {
    let app = public_app();
    for (changes, reason) in [
        (("client_id", None), PageReason::ClientIdMissing),
        (("client_id", Some("")), PageReason::ClientIdMissing),
        (("redirect_uri", None), PageReason::RedirectUriMissing),
        (
            ("redirect_uri", Some("https://evil.example/callback")),
            PageReason::RedirectUriMismatch,
        ),
        (
            ("redirect_uri", Some("javascript:alert(1)")),
            PageReason::RedirectUriMismatch,
        ),
        (("response_mode", Some("fragment")), PageReason::ResponseModeUnsupported),
        (
            ("response_mode", Some("form_post")),
            PageReason::ResponseModeUnsupported,
        ),
    ] {
        assert_eq!(page(&params(&[changes]), Some(&app)), reason, "{changes:?}");
    }
    assert_eq!(page(&twice("client_id"), Some(&app)), PageReason::ClientIdRepeated);
    assert_eq!(
        page(&twice("redirect_uri"), Some(&app)),
        PageReason::RedirectUriRepeated
    );
    assert_eq!(page(&params(&[]), None), PageReason::ClientUnknown);
}

// Covers: R33
#[test]
fn an_app_that_was_rejected_or_suspended_may_not_ask() {
    for status in [AppStatus::Rejected, AppStatus::Suspended] {
        let app = App { status, ..public_app() };
        assert_eq!(
            page(&params(&[]), Some(&app)),
            PageReason::ClientUnavailable,
            "{status:?}"
        );
    }
}

#[test]
fn scopes_the_app_can_do_without_are_told_apart_as_far_as_they_are_asked_for() {
    let mut app = public_app();
    app.scopes[1].is_optional = true;
    app.scopes[2].is_optional = true;
    let request = AuthorizationRequest::parse(
        &params(&[("scope", Some("read:profile read:projects"))]),
        Some(&app),
        Sent::ByBrowser,
    )
    .unwrap();
    assert_eq!(request.optional.to_string(), "read:projects");
    assert!(accepted(&[]).optional.is_empty());
}

// Covers: B9
#[test]
fn a_repeated_parameter_is_refused() {
    for name in [
        "response_type",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "nonce",
    ] {
        let (code, state) = redirected(&twice(name));
        assert_eq!(
            (code, state.as_deref()),
            (ErrorCode::InvalidRequest, Some("xyz")),
            "{name}"
        );
    }
    assert_eq!(redirected(&twice("state")), (ErrorCode::InvalidRequest, None));
}

// Covers: B9
#[test]
fn the_response_type_must_be_code() {
    for (value, code) in [
        (None, ErrorCode::InvalidRequest),
        (Some("token"), ErrorCode::UnsupportedResponseType),
        (Some("id_token"), ErrorCode::UnsupportedResponseType),
        (Some("code id_token"), ErrorCode::UnsupportedResponseType),
        (Some("CODE"), ErrorCode::UnsupportedResponseType),
    ] {
        assert_eq!(redirected(&params(&[("response_type", value)])).0, code, "{value:?}");
    }
}

// Covers: B9, B22, R55
#[test]
fn a_request_without_s256_pkce_is_refused() {
    for changes in [
        [("code_challenge", None), ("code_challenge_method", None)],
        [("code_challenge", None), ("code_challenge_method", Some("S256"))],
        [("code_challenge", Some(CHALLENGE)), ("code_challenge_method", None)],
        [
            ("code_challenge", Some(CHALLENGE)),
            ("code_challenge_method", Some("plain")),
        ],
        [
            ("code_challenge", Some("[object Promise]")),
            ("code_challenge_method", Some("S256")),
        ],
    ] {
        assert_eq!(
            redirected(&params(&changes)).0,
            ErrorCode::InvalidRequest,
            "{changes:?}"
        );
    }
}

// Covers: R36
#[test]
fn a_scope_the_app_may_not_have_is_refused_by_name() {
    for scope in [
        "read:team",
        "read:projects admin",
        "READ:PROJECTS",
        "read:projects\tx",
        " ",
    ] {
        assert_eq!(
            redirected(&params(&[("scope", Some(scope))])).0,
            ErrorCode::InvalidScope,
            "{scope:?}"
        );
    }
    let error = ask(
        &params(&[("scope", Some("read:projects read:team"))]),
        Some(&public_app()),
    );
    let Err(AuthorizationError::Redirect { error, .. }) = error else {
        panic!("accepted")
    };
    assert!(error.description().ends_with(": read:team"), "{}", error.description());
}

// Covers: B11
#[test]
fn a_request_without_scope_gets_the_apps_default_scopes_and_never_none() {
    assert_eq!(
        accepted(&[("scope", None)]).scopes.to_string(),
        "read:profile read:projects"
    );
    assert_eq!(
        accepted(&[("scope", Some("read:projects  read:projects"))])
            .scopes
            .to_string(),
        "read:projects"
    );
    let mut app = public_app();
    app.scopes.clear();
    let nothing = ask(&params(&[("scope", None)]), Some(&app));
    assert!(
        matches!(nothing, Err(AuthorizationError::Redirect { error, .. }) if error.code == ErrorCode::InvalidScope)
    );
}

#[test]
fn offline_access_is_accepted_and_means_nothing() {
    let with = |scope| accepted(&[("scope", Some(scope))]).scopes.to_string();
    assert_eq!(with("read:projects offline_access"), "read:projects");
    assert_eq!(with("offline_access"), "read:profile read:projects");
}

#[test]
fn a_resource_of_which_no_scope_is_asked_for_is_refused() {
    let resources = |pairs: &str| {
        let base: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", "app_one"),
                ("redirect_uri", "https://app.example/callback"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
                ("state", "xyz"),
            ])
            .finish();
        Params::parse(format!("{base}&{pairs}").as_bytes()).unwrap()
    };
    let both = "resource=https://api.example&resource=https://billing.example/v1";
    for scope in ["read:projects", "read:projects read:profile"] {
        let params = resources(&format!("{both}&scope={}", scope.replace(' ', "+")));
        assert_eq!(redirected(&params).0, ErrorCode::InvalidTarget, "{scope}");
    }
    let params = resources(&format!("{both}&scope=read:projects+read:billing"));
    let request = ask(&params, Some(&public_app())).unwrap();
    assert_eq!(request.resources, ["https://api.example", "https://billing.example/v1"]);
    let mut app = public_app();
    app.apis[1].user = crate::oauth::client::ClientGrant::None;
    let params = resources("resource=https://billing.example/v1");
    assert!(ask(&params, Some(&app)).is_err());
}

#[test]
fn a_state_or_scope_too_long_to_travel_is_refused() {
    let long = "!".repeat(1400);
    assert_eq!(
        redirected(&params(&[("state", Some(&long))])),
        (ErrorCode::InvalidRequest, None)
    );
    assert!(accepted(&[("state", Some(&"x".repeat(4096)))]).state.is_some());
}

// Covers: B9, B30
#[test]
fn a_resource_must_be_a_registered_api_and_the_scopes_must_be_its_own() {
    let request = accepted(&[("resource", Some("https://API.example/"))]);
    assert_eq!(request.resources, ["https://api.example"]);
    for (resource, scope, code) in [
        ("https://other.example", "read:projects", ErrorCode::InvalidTarget),
        ("api.example", "read:projects", ErrorCode::InvalidTarget),
        ("https://api.example#x", "read:projects", ErrorCode::InvalidTarget),
        ("https://billing.example/v1", "read:projects", ErrorCode::InvalidScope),
    ] {
        let changes = [("resource", Some(resource)), ("scope", Some(scope))];
        assert_eq!(redirected(&params(&changes)).0, code, "{resource}");
    }
}

#[test]
fn several_resources_may_be_named_and_only_their_default_scopes_are_asked_for() {
    let mut app = public_app();
    app.scopes[3].is_default = true;
    let one = ask(
        &params(&[("scope", None), ("resource", Some("https://billing.example/v1"))]),
        Some(&app),
    );
    assert_eq!(one.unwrap().scopes.to_string(), "read:billing");
    let both = accepted(&[("scope", Some("read:billing read:projects"))]);
    assert_eq!(both.resources, ["https://api.example", "https://billing.example/v1"]);
}

// Covers: B9
#[test]
fn prompt_and_max_age_are_understood_or_refused_but_not_ignored() {
    let prompt = |text| accepted(&[("prompt", Some(text))]).prompt;
    assert!(prompt("none").none);
    let both = prompt("login consent");
    assert!(both.login && both.consent && !both.select_account && both.asks_to_sign_in());
    let account = prompt("select_account");
    assert!(account.select_account && !account.login && account.asks_to_sign_in());
    assert!(prompt("consent").consent && !prompt("consent").asks_to_sign_in());
    assert_eq!(accepted(&[("max_age", Some("60"))]).max_age, Some(60));
    for changes in [
        ("prompt", Some("none login")),
        ("prompt", Some("shout")),
        ("prompt", Some("NONE")),
        ("max_age", Some("-1")),
        ("max_age", Some("1.5")),
        ("max_age", Some("soon")),
    ] {
        assert_eq!(
            redirected(&params(&[changes])).0,
            ErrorCode::InvalidRequest,
            "{changes:?}"
        );
    }
}

#[test]
fn ways_to_ask_that_are_not_supported_are_named() {
    for (name, code) in [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        assert_eq!(redirected(&params(&[(name, Some("x"))])).0, code);
    }
}

#[test]
fn unknown_parameters_are_ignored() {
    assert!(
        !accepted(&[("utm_source", Some("x")), ("display", Some("popup"))])
            .scopes
            .is_empty()
    );
}

// Covers: B18
#[test]
fn a_request_without_state_gets_none_back() {
    let (_, state) = redirected(&params(&[("state", None), ("response_type", None)]));
    assert_eq!(state, None);
}

fn refused_with(params: &Params, app: &App, sent: Sent) -> ErrorCode {
    match AuthorizationRequest::parse(params, Some(app), sent).unwrap_err() {
        AuthorizationError::Redirect { error, .. } => error.code,
        page => panic!("{page:?}"),
    }
}

#[test]
fn an_app_that_must_push_its_requests_may_not_send_them_by_link() {
    let app = key_app("fapi_2", serde_json::json!({ "keys": [] }));
    let pushed = AuthorizationRequest::parse(&params(&[]), Some(&app), Sent::Pushed);
    assert!(pushed.is_ok());
    assert_eq!(
        refused_with(&params(&[]), &app, Sent::ByBrowser),
        ErrorCode::InvalidRequest
    );
}

#[test]
fn a_key_for_the_code_is_a_thumbprint_or_refused() {
    let thumbprint = crate::crypto::hash("key");
    let bound = ask(&params(&[("dpop_jkt", Some(&thumbprint))]), Some(&public_app())).unwrap();
    assert_eq!(bound.dpop_jkt, Some(thumbprint));
    let bad = params(&[("dpop_jkt", Some("short"))]);
    assert_eq!(
        refused_with(&bad, &public_app(), Sent::ByBrowser),
        ErrorCode::InvalidRequest
    );
}

#[test]
fn an_authentication_context_nobody_can_vouch_for_is_refused_instead_of_ignored() {
    let asked = params(&[("acr_values", Some("urn:mace:incommon:iap:silver"))]);
    let code = refused_with(&asked, &public_app(), Sent::ByBrowser);
    assert_eq!(code, ErrorCode::UnmetAuthenticationRequirements);
}
