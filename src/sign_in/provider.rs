//! What an OpenID provider says about itself (OpenID Connect Discovery 1.0).

use serde_json::Value;
use thiserror::Error;

use crate::config::Issuer;
use crate::json;
use crate::web::WebAddress;

/// What is known of an OpenID provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// `issuer`, letter by letter as its connection has it.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: WebAddress,
    /// Where codes are redeemed.
    pub token_endpoint: WebAddress,
    /// Where its keys are.
    pub jwks_uri: WebAddress,
    /// Where more is said about people.
    pub userinfo_endpoint: Option<WebAddress>,
    /// Whether its answers always name it by `iss` (RFC 9207 §3).
    pub names_itself: bool,
}

/// Why metadata cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// No JSON object.
    #[error("its metadata are no JSON object")]
    Unreadable,
    /// It says it is somebody else (Discovery §4.3).
    #[error("its metadata name another issuer")]
    OtherIssuer,
    /// An endpoint is missing, or is none that may be asked.
    #[error("its metadata lack an https address of an endpoint")]
    Endpoint,
}

impl Provider {
    /// Where the provider of this issuer describes itself (Discovery §4.1).
    pub fn metadata_address(issuer: &str, own: &Issuer) -> Option<WebAddress> {
        let base = WebAddress::parse(issuer, own).filter(|_| !issuer.contains('?'))?;
        let base = base.as_str().trim_end_matches('/');
        WebAddress::parse(&format!("{base}/.well-known/openid-configuration"), own)
    }

    /// Reads its metadata (Discovery §4.3).
    pub fn parse(body: &[u8], issuer: &str, own: &Issuer) -> Result<Self, ProviderError> {
        let metadata = json::parse(body)
            .ok()
            .filter(Value::is_object)
            .ok_or(ProviderError::Unreadable)?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            return Err(ProviderError::OtherIssuer);
        }
        let address = |name: &str| text(name).and_then(|text| WebAddress::parse(text, own));
        let required = |name: &str| address(name).ok_or(ProviderError::Endpoint);
        let names_itself = metadata.get("authorization_response_iss_parameter_supported");
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            userinfo_endpoint: address("userinfo_endpoint"),
            names_itself: names_itself == Some(&Value::Bool(true)),
        })
    }
}

#[cfg(test)]
pub mod testing {
    use serde_json::json;

    use super::*;

    pub const ISSUER: &str = "https://id.example";

    pub fn metadata() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/auth?tenant=1",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/jwks",
            "userinfo_endpoint": "https://id.example/me",
            "authorization_response_iss_parameter_supported": true
        })
    }

    fn own() -> Issuer {
        Issuer::parse("https://auth.example").unwrap()
    }

    pub fn provider() -> Provider {
        Provider::parse(metadata().to_string().as_bytes(), ISSUER, &own()).unwrap()
    }

    fn parse(name: &str, value: Value) -> Result<Provider, ProviderError> {
        let mut metadata = metadata();
        metadata[name] = value;
        Provider::parse(metadata.to_string().as_bytes(), ISSUER, &own())
    }

    #[test]
    fn metadata_are_found_under_the_issuer() {
        let address =
            |issuer: &str| Provider::metadata_address(issuer, &own()).map(|address| address.as_str().to_owned());
        let found = Some("https://id.example/.well-known/openid-configuration".to_owned());
        assert_eq!(address("https://id.example"), found);
        assert_eq!(address("https://id.example/"), found);
        assert_eq!(
            address("https://id.example/a/b").unwrap(),
            "https://id.example/a/b/.well-known/openid-configuration"
        );
        for bad in [
            "",
            "id.example",
            "http://id.example",
            "https://id.example?x=1",
            "https://id.example#x",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    // Rule: UI 10
    #[test]
    fn metadata_of_another_issuer_are_not_believed() {
        for other in [
            json!("https://id.example/"),
            json!("https://ID.example"),
            json!("https://evil.example"),
            json!(["https://id.example"]),
            Value::Null,
        ] {
            assert_eq!(
                parse("issuer", other.clone()),
                Err(ProviderError::OtherIssuer),
                "{other}"
            );
        }
    }

    #[test]
    fn every_endpoint_must_be_there_and_https() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for bad in [
                json!("http://id.example/x"),
                json!("http://localhost/x"),
                json!("/x"),
                json!("javascript:alert(1)"),
                json!(7),
                Value::Null,
            ] {
                assert_eq!(parse(name, bad.clone()), Err(ProviderError::Endpoint), "{name} {bad}");
            }
        }
        let without = parse("userinfo_endpoint", json!("http://id.example/me")).unwrap();
        assert_eq!(without.userinfo_endpoint, None);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for body in ["", "[]", "7", "null", "<html>", "{\"issuer\":"] {
            let parsed = Provider::parse(body.as_bytes(), ISSUER, &own());
            assert_eq!(parsed, Err(ProviderError::Unreadable), "{body}");
        }
    }

    #[test]
    fn only_true_announces_that_answers_name_the_issuer() {
        assert!(provider().names_itself);
        for other in [json!(false), json!("true"), json!(1), Value::Null] {
            assert!(
                !parse("authorization_response_iss_parameter_supported", other)
                    .unwrap()
                    .names_itself
            );
        }
    }
}
