//! The token request (OAuth 2.1 §3.2.2).

use super::authorization_code::CodeRedemption;
use super::error::{ErrorCode, OAuthError};
use super::id_jag;
use super::pkce::CodeVerifier;
use super::scope::Scopes;
use crate::http::Params;

/// A token request by its grant.
pub enum TokenRequest {
    /// Redeems an authorization code (OAuth 2.1 §4.1.3).
    AuthorizationCode(CodeRedemption),
    /// Renews an access token (OAuth 2.1 §4.3).
    RefreshToken {
        /// The refresh token.
        refresh_token: String,
        /// Narrows the access token.
        narrowing: Narrowing,
    },
    /// Asks for a token in the app's own name (OAuth 2.1 §4.2).
    ClientCredentials(Narrowing),
    /// Asks for a token for somebody whose identity provider vouches for them (RFC 7523 §2.1).
    JwtBearer {
        /// The assertion.
        assertion: String,
        /// Narrows the access token.
        narrowing: Narrowing,
    },
}

/// What a token request asks for, out of what it may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// `scope`; `None`: all of it.
    pub scopes: Option<Scopes>,
    /// `resource` (RFC 8707); empty: all of them.
    pub resources: Vec<String>,
}

impl TokenRequest {
    /// The grants served here, as `grant_type` names them.
    pub const GRANT_TYPES: [&str; 4] = [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        id_jag::GRANT_TYPE,
    ];

    /// Reads the form of a token request, in which nothing but `resource` is repeated.
    pub fn parse(form: &Params) -> Result<Self, OAuthError> {
        let one = |name: &str| form.one(name).ok().flatten();
        let required = |name: &str| {
            one(name)
                .map(str::to_owned)
                .ok_or_else(|| invalid_request(format!("{name} is required")))
        };
        match one("grant_type") {
            Some("authorization_code") => Ok(Self::AuthorizationCode(CodeRedemption {
                code: required("code")?,
                redirect_uri: one("redirect_uri").map(str::to_owned),
                code_verifier: CodeVerifier::parse(one("code_verifier"))?,
                resources: form.all("resource").to_vec(),
            })),
            Some("refresh_token") => Ok(Self::RefreshToken {
                refresh_token: required("refresh_token")?,
                narrowing: Narrowing::parse(form)?,
            }),
            Some("client_credentials") => Ok(Self::ClientCredentials(Narrowing::parse(form)?)),
            Some(id_jag::GRANT_TYPE) => Ok(Self::JwtBearer {
                assertion: required("assertion")?,
                narrowing: Narrowing::parse(form)?,
            }),
            Some(_) => Err(OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                format!("grant_type must be one of: {}", Self::GRANT_TYPES.join(", ")),
            )),
            None => Err(invalid_request("grant_type is required")),
        }
    }
}

impl Narrowing {
    fn parse(form: &Params) -> Result<Self, OAuthError> {
        let scopes = form
            .one("scope")
            .ok()
            .flatten()
            .map(Scopes::parse_requested)
            .transpose();
        let scopes = scopes
            .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))?
            .flatten();
        Ok(Self {
            scopes,
            resources: form.all("resource").to_vec(),
        })
    }
}

fn invalid_request(description: impl AsRef<str>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::pkce::testing::VERIFIER;

    fn parse(form: &str) -> Result<TokenRequest, ErrorCode> {
        TokenRequest::parse(&Params::parse(form.as_bytes()).unwrap()).map_err(|error| error.code)
    }

    // Covers: R6
    #[test]
    fn the_three_grants_of_oauth_2_1_and_assertions_are_understood_and_no_other() {
        let code = format!("grant_type=authorization_code&code=x&code_verifier={VERIFIER}");
        assert!(matches!(parse(&code), Ok(TokenRequest::AuthorizationCode(_))));
        assert!(matches!(
            parse("grant_type=refresh_token&refresh_token=x"),
            Ok(TokenRequest::RefreshToken { .. })
        ));
        assert!(matches!(
            parse("grant_type=client_credentials"),
            Ok(TokenRequest::ClientCredentials(_))
        ));
        assert!(matches!(
            parse("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x"),
            Ok(TokenRequest::JwtBearer { .. })
        ));
        for other in [
            "urn:ietf:params:oauth:grant-type:saml2-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "password",
            "implicit",
            "AUTHORIZATION_CODE",
            "urn:ietf:params:oauth:grant-type:device_code",
        ] {
            let form = format!("grant_type={other}&username=a&password=b");
            assert_eq!(parse(&form).err(), Some(ErrorCode::UnsupportedGrantType), "{other}");
        }
    }

    #[test]
    fn a_request_with_a_parameter_missing_is_refused() {
        for form in [
            String::new(),
            "grant_type=".into(),
            "grant_type=authorization_code".into(),
            format!("grant_type=authorization_code&code_verifier={VERIFIER}"),
            "grant_type=authorization_code&code=x".into(),
            "grant_type=refresh_token".into(),
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer".into(),
        ] {
            assert_eq!(parse(&form).err(), Some(ErrorCode::InvalidRequest), "{form}");
        }
    }

    #[test]
    fn resources_may_repeat_and_a_malformed_scope_is_named() {
        let Ok(TokenRequest::ClientCredentials(narrowing)) =
            parse("grant_type=client_credentials&resource=a&resource=b")
        else {
            panic!("refused")
        };
        assert_eq!(narrowing.resources, ["a", "b"]);
        assert_eq!(
            parse("grant_type=client_credentials&scope=%22").err(),
            Some(ErrorCode::InvalidScope)
        );
    }
}
