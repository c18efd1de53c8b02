use serde_json::json;

use super::*;

fn own() -> Issuer {
    Issuer::parse("https://auth.acme.dev").unwrap()
}

fn parse(metadata: &Value, channel: Channel) -> Result<ClientMetadata, BadMetadata> {
    ClientMetadata::parse(metadata.as_object().unwrap(), channel, &own())
}

/// What an agent sends, changed in one member.
fn with(name: &str, value: Value) -> Value {
    let mut metadata = json!({ "client_name": "Agent", "redirect_uris": ["https://agent.dev/callback"] });
    metadata[name] = value;
    metadata
}

fn key() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })
}

#[test]
fn an_app_that_can_keep_nothing_is_told_from_one_with_a_secret_and_one_with_a_key() {
    use Authentication::*;
    let of = |method: &str, channel| {
        let mut metadata = with("token_endpoint_auth_method", json!(method));
        metadata["jwks"] = json!({ "keys": [key()] });
        parse(&metadata, channel).map(|metadata| (metadata.authentication, metadata.app_type))
    };
    assert_eq!(of("none", Channel::Document), Ok((None, AppType::Spa)));
    assert_eq!(
        of("private_key_jwt", Channel::Document),
        Ok((PrivateKeyJwt, AppType::Web))
    );
    for method in ["client_secret_basic", "client_secret_post"] {
        assert_eq!(of(method, Channel::Registration), Ok((ClientSecret, AppType::Web)));
    }
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "tls_client_auth",
        "",
    ] {
        assert!(
            matches!(of(method, Channel::Document), Err(BadMetadata::Metadata(_))),
            "{method}"
        );
    }
    // RFC 7591 §2: client_secret_basic is meant where nothing is said; in a document it could not be.
    let silent = with("client_name", json!("x"));
    assert_eq!(
        parse(&silent, Channel::Registration).unwrap().authentication,
        ClientSecret
    );
    assert_eq!(parse(&silent, Channel::Document).unwrap().authentication, None);
    for loopback in [
        "http://localhost/cb",
        "http://127.0.0.1:33418/",
        "com.example.app:/cb",
        "cursor://a/cb",
    ] {
        let metadata = parse(&with("redirect_uris", json!([loopback])), Channel::Document).unwrap();
        assert_eq!(metadata.app_type, AppType::Mobile, "{loopback}");
    }
    let native = parse(&with("application_type", json!("native")), Channel::Document).unwrap();
    assert_eq!(native.app_type, AppType::Mobile);
}

#[test]
fn what_clients_name_beyond_what_there_is_is_passed_over() {
    let mut metadata = with(
        "grant_types",
        json!([
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "x"
        ]),
    );
    metadata["response_types"] = json!(["code", "code id_token"]);
    metadata["unknown"] = json!({ "deep": [1, 2, 3] });
    metadata["client_name#ja"] = json!("エージェント");
    metadata["scope"] = json!("read:projects offline_access");
    metadata["contacts"] = json!("nobody");
    metadata["jwks"] = Value::Null;
    metadata["client_uri"] = json!("http://10.0.0.1/");
    metadata["tos_uri"] = json!("https://agent.dev/terms");
    let metadata = parse(&metadata, Channel::Registration).unwrap();
    assert_eq!(metadata.client_uri, None);
    assert_eq!(metadata.tos_uri.as_deref(), Some("https://agent.dev/terms"));
    // offline_access is no scope of an API: it is accepted everywhere and asks for nothing.
    assert_eq!(metadata.scope.unwrap().to_string(), "read:projects");
    let twice = parse(
        &with("redirect_uris", json!(["https://a.dev/c", "https://a.dev/c"])),
        Channel::Registration,
    );
    assert_eq!(twice.unwrap().redirect_uris.len(), 1);
}

#[test]
fn without_a_code_there_is_no_registration() {
    for (name, value) in [
        ("grant_types", json!([])),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!(["refresh_token"])),
        ("grant_types", json!(["implicit"])),
        ("response_types", json!([])),
        ("response_types", json!(["token"])),
        ("response_types", json!(["id_token token"])),
    ] {
        let refused = parse(&with(name, value.clone()), Channel::Registration).unwrap_err();
        assert!(refused.to_string().starts_with(name), "{value}: {refused}");
        assert_eq!(OAuthError::from(refused).code, ErrorCode::InvalidClientMetadata);
    }
}

#[test]
fn each_bad_redirect_uri_is_named_with_its_reason() {
    let many: Vec<String> = (0..21).map(|n| format!("https://agent.dev/{n}")).collect();
    for value in [
        Value::Null,
        json!([]),
        json!("https://agent.dev/callback"),
        json!([7]),
        json!([["https://agent.dev/callback"]]),
        json!(many),
        json!([""]),
        json!(["http://agent.dev/callback"]),
        json!(["http://localhost.evil.dev/callback"]),
        json!(["https://agent.dev/callback#x"]),
        json!(["https://*.agent.dev/callback"]),
        json!(["https://user@agent.dev/callback"]),
        json!(["https://agent.dev/a/../callback"]),
        json!(["javascript:alert(1)"]),
        json!(["data:text/html,x"]),
        json!(["myapp://callback"]),
        json!(["https://agent.dev/callback", "file:///etc/passwd"]),
        json!([format!("https://agent.dev/{}", "a".repeat(3000))]),
    ] {
        for channel in [Channel::Registration, Channel::Document] {
            let refused = parse(&with("redirect_uris", value.clone()), channel).unwrap_err();
            assert!(matches!(refused, BadMetadata::RedirectUri(_)), "{value}: {refused}");
            assert!(refused.to_string().contains("redirect_uris"), "{refused}");
            assert!(refused.to_string().len() < 200, "{refused}");
        }
    }
}

#[test]
fn keys_are_public_and_in_one_place_and_there_where_they_are_needed() {
    let refused = |name: &str, value: Value| {
        let mut metadata = with(name, value);
        metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
        parse(&metadata, Channel::Document).unwrap_err().to_string()
    };
    let mut private = key();
    private["d"] = json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    assert_eq!(
        refused("jwks", json!({ "keys": [private] })),
        "a key of jwks holds a private key"
    );
    assert_eq!(
        refused("jwks", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        "a key of jwks holds a private key"
    );
    for none in [json!({ "keys": [] }), Value::Null] {
        assert!(refused("jwks", none).starts_with("private_key_jwt needs a public key"));
    }
    assert_eq!(refused("jwks", json!([])), "a key of jwks is malformed");
    let mut both = with("jwks", json!({ "keys": [key()] }));
    both["jwks_uri"] = json!("https://agent.dev/keys");
    assert_eq!(
        parse(&both, Channel::Registration).unwrap_err().to_string(),
        "jwks and jwks_uri must not both be there"
    );
}

// Rule: CIMD 7
#[test]
fn nothing_that_leads_inside_is_kept_to_be_asked() {
    for name in ["jwks_uri", "logo_uri"] {
        for inside in [
            "http://agent.dev/x",
            "https://localhost/x",
            "https://printer.local/x",
            "https://metadata.google.internal/x",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://0177.0.0.1/x",
            "https://10.0.0.1/x",
            "https://169.254.169.254/latest",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[fd00::1]/x",
            "https://user@agent.dev/x",
            "https://auth.acme.dev/x",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
        ] {
            for channel in [Channel::Registration, Channel::Document] {
                let refused = parse(&with(name, json!(inside)), channel).unwrap_err().to_string();
                assert!(refused.starts_with(&format!("{name} must ")), "{inside}: {refused}");
            }
        }
    }
}

#[test]
fn a_member_of_another_kind_or_of_any_length_is_refused_by_its_name() {
    for (name, value) in [
        ("client_name", json!(7)),
        ("client_name", json!("a".repeat(201))),
        ("token_endpoint_auth_method", json!(["none"])),
        ("grant_types", json!("authorization_code")),
        ("response_types", json!({ "code": true })),
        ("scope", json!(["read"])),
        ("scope", json!("read\"write")),
        ("jwks_uri", json!({})),
        ("logo_uri", json!("a".repeat(3000))),
        ("dpop_bound_access_tokens", json!("true")),
        ("application_type", json!(1)),
    ] {
        let refused = parse(&with(name, value.clone()), Channel::Registration).unwrap_err();
        assert!(refused.to_string().starts_with(name), "{name} {value}: {refused}");
    }
    // Secrets have no place in a document.
    for name in ["client_secret", "client_secret_expires_at"] {
        assert!(
            parse(&with(name, json!("x")), Channel::Document)
                .unwrap_err()
                .to_string()
                .starts_with(name)
        );
    }
}

#[test]
fn no_metadata_whatever_brings_the_reader_down() {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("https://agent.dev/callback")),
        Just(json!("none")),
        Just(json!("authorization_code")),
    ];
    let value = leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("keys|kty|x", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let name = "client_name|redirect_uris|token_endpoint_auth_method|grant_types|response_types|scope|jwks|jwks_uri|logo_uri|client_uri|dpop_bound_access_tokens|application_type";
    proptest!(|(members in prop::collection::hash_map(name, value, 0..8))| {
        let members: Map<String, Value> = members.into_iter().collect();
        for channel in [Channel::Registration, Channel::Document] {
            if let Ok(accepted) = ClientMetadata::parse(&members, channel, &own()) {
                prop_assert!(!accepted.redirect_uris.is_empty());
            }
        }
    });
}
