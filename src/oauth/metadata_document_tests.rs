use serde_json::json;

use super::*;

const ID: &str = "https://agent.dev/oauth/client.json";

fn own() -> Issuer {
    Issuer::parse("https://auth.acme.dev").unwrap()
}

fn local() -> Issuer {
    Issuer::parse("http://localhost:8787").unwrap()
}

fn document() -> Value {
    json!({ "client_id": ID, "client_name": "Agent", "redirect_uris": ["http://127.0.0.1/callback"] })
}

fn answer(status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        status,
        content_type: Some(content_type.into()),
        cache_control: None,
        body: body.into(),
    }
}

fn read(answer: Result<Answer, WebError>) -> Result<MetadataDocument, DocumentError> {
    MetadataDocument::read(&DocumentUrl::parse(ID, &own()).unwrap(), answer, &own())
}

fn read_json(document: &Value) -> Result<MetadataDocument, DocumentError> {
    read(Ok(answer(200, "application/json", &document.to_string())))
}

// Rule: CIMD 1
#[test]
fn an_address_with_two_spellings_or_without_a_path_is_no_client_id() {
    use BadDocumentUrl::*;
    for good in [
        ID,
        "https://agent.dev/",
        "https://agent.dev:8443/a?b=c",
        "https://xn--mnchen-3ya.dev/a",
    ] {
        assert_eq!(DocumentUrl::parse(good, &own()).unwrap().as_str(), good);
    }
    let long = format!("https://agent.dev/{}", "a".repeat(512));
    for (bad, reason) in [
        (long.as_str(), Length),
        ("https://agent.dev", NoPath),
        ("https://agent.dev?a=/b", NotNormal),
        ("https://agent.dev/a/../b", NotNormal),
        ("https://agent.dev/./b", NotNormal),
        ("https://agent.dev/%2e%2e/b", NotNormal),
        ("https://agent.dev/a/..", NotNormal),
        ("https://Agent.dev/b", NotNormal),
        ("HTTPS://agent.dev/b", NotNormal),
        ("https://agent.dev:443/b", NotNormal),
        ("https://agent.dev\\b", NoPath),
        ("https:/agent.dev/b", NoPath),
        ("https://agent.dev/a#b", Address(BadAddress::Fragment)),
        ("https://user@agent.dev/b", Address(BadAddress::NamesAUser)),
        ("https://user:pw@agent.dev/b", Address(BadAddress::NamesAUser)),
        ("http://agent.dev/b", Address(BadAddress::NotHttps)),
        ("https://agent/b", Address(BadAddress::SpecialUse)),
        ("https://auth.acme.dev/b", Address(BadAddress::Own)),
        ("https://agent.dev/\u{e4}", Address(BadAddress::NotAUrl)),
        ("https://agent.dev/a b", Address(BadAddress::NotAUrl)),
    ] {
        assert_eq!(DocumentUrl::parse(bad, &own()).unwrap_err(), reason, "{bad}");
    }
}

// Rule: CIMD 7
#[test]
fn nothing_inside_is_asked_except_on_this_machine_by_a_server_on_this_machine() {
    for inside in [
        "https://localhost/c",
        "https://a.localhost/c",
        "https://127.0.0.1/c",
        "https://127.1/c",
        "https://2130706433/c",
        "https://017700000001/c",
        "https://0x7f000001/c",
        "https://10.0.0.1/c",
        "https://172.16.0.1/c",
        "https://192.168.0.1/c",
        "https://169.254.169.254/c",
        "https://100.64.0.1/c",
        "https://0.0.0.0/c",
        "https://[::1]/c",
        "https://[::]/c",
        "https://[fe80::1]/c",
        "https://[fc00::1]/c",
        "https://[::ffff:127.0.0.1]/c",
        "https://[::127.0.0.1]/c",
        "https://[64:ff9b::7f00:1]/c",
        "https://printer.local/c",
        "https://db.internal/c",
        "https://router.lan/c",
        "https://8.8.8.8/c",
    ] {
        assert!(
            matches!(DocumentUrl::parse(inside, &own()), Err(BadDocumentUrl::Address(_))),
            "{inside}"
        );
    }
    assert!(DocumentUrl::parse("http://localhost:9000/c", &own()).is_err());
    assert!(DocumentUrl::parse("http://localhost:9000/c", &local()).is_ok());
    assert!(DocumentUrl::parse("http://192.168.0.1:9000/c", &local()).is_err());
    assert!(
        DocumentUrl::is_meant("http://192.168.0.1/") && DocumentUrl::is_meant(ID) && !DocumentUrl::is_meant("app_1")
    );
}

// Rule: CIMD 2, CIMD 5
#[test]
fn only_a_plain_answer_counts_and_what_may_pass_is_told_from_what_is_final() {
    assert!(read_json(&document()).is_ok());
    for status in [201, 204, 206, 301, 302, 303, 307, 308, 400, 401, 404, 410] {
        let error = read(Ok(answer(status, "application/json", &document().to_string()))).unwrap_err();
        assert_eq!(error, DocumentError::Status(status));
        assert!(!error.may_pass());
    }
    for status in [403, 429, 500, 502, 503, 530] {
        assert!(
            read(Ok(answer(status, "application/json", "{}")))
                .unwrap_err()
                .may_pass(),
            "{status}"
        );
    }
    assert!(read(Err(WebError::OutOfReach)).unwrap_err().may_pass());
    assert_eq!(read(Err(WebError::TooLarge)).unwrap_err(), DocumentError::TooLarge);
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/oauth-client+json",
    ] {
        assert!(read(Ok(answer(200, good, &document().to_string()))).is_ok(), "{good}");
    }
    for bad in [
        "",
        "text/html",
        "text/plain",
        "text/json",
        "application/jsonp",
        "image/svg+json",
    ] {
        assert_eq!(
            read(Ok(answer(200, bad, &document().to_string()))).unwrap_err(),
            DocumentError::Type,
            "{bad}"
        );
    }
}

// Rule: CIMD 3, CIMD 8
#[test]
fn a_hostile_document_is_refused_with_its_reason() {
    let changed = |name: &str, value: Value| {
        let mut document = document();
        document[name] = value;
        read_json(&document).unwrap_err().to_string()
    };
    assert_eq!(
        changed("padding", json!("a".repeat(6000))),
        "the document has more than 5 kB"
    );
    for other in [
        json!("https://agent.dev/oauth/client.json/"),
        json!("https://AGENT.dev/oauth/client.json"),
        json!(7),
        Value::Null,
    ] {
        assert_eq!(
            changed("client_id", other),
            "the document's client_id must be its own address, letter by letter"
        );
    }
    for (name, value, reason) in [
        (
            "client_secret",
            json!("x"),
            "client_secret must not be in a document that everybody can read",
        ),
        (
            "token_endpoint_auth_method",
            json!("client_secret_post"),
            "token_endpoint_auth_method must be none or private_key_jwt: a document that everybody can read has no secret",
        ),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            "private_key_jwt needs a public key in jwks, or the address of such a set in jwks_uri",
        ),
        (
            "jwks",
            json!({ "keys": [{ "kty": "EC", "d": "x" }] }),
            "a key of jwks holds a private key",
        ),
        (
            "jwks_uri",
            json!("https://169.254.169.254/keys"),
            "jwks_uri must name the host, not an IP address",
        ),
        (
            "logo_uri",
            json!("https://localhost/logo.png"),
            "logo_uri must name a host that can be reached from the internet",
        ),
        (
            "redirect_uris",
            json!([]),
            "redirect_uris must hold at least one and at most 20 addresses",
        ),
    ] {
        assert_eq!(changed(name, value), format!("the document: {reason}"));
    }
    for body in ["", "null", "[]", "\"text\"", "{", "<html>"] {
        assert_eq!(
            read(Ok(answer(200, "application/json", body))).unwrap_err(),
            DocumentError::NotJson,
            "{body}"
        );
    }
}

// Rule: CIMD 6
#[test]
fn a_document_is_fresh_for_as_long_as_it_says_within_bounds() {
    let fresh = |cache_control: Option<&str>| {
        let mut answer = answer(200, "application/json", &document().to_string());
        answer.cache_control = cache_control.map(str::to_owned);
        read(Ok(answer)).unwrap().fresh_for.as_secs()
    };
    for (cache_control, seconds) in [
        (None, 3600),
        (Some("max-age=600"), 600),
        (Some("public, Max-Age=\"7200\""), 7200),
        (Some("max-age=0"), 300),
        (Some("no-store"), 300),
        (Some("max-age=7200, no-cache"), 300),
        (Some("max-age=99999999"), 86400),
        (Some("max-age=x"), 300),
        (Some("public"), 3600),
    ] {
        assert_eq!(fresh(cache_control), seconds, "{cache_control:?}");
    }
}
