//! How a call that is refused is told so: RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1.

use crate::oauth::scope::Scopes;

/// The algorithms a DPoP proof may be made with, for the challenge (RFC 9449 §7.1).
const DPOP_ALGORITHMS: &str = "ES256 EdDSA RS256 PS256";

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It shows no token.
    NoToken,
    /// It is no proper request; what to do about it.
    Malformed(&'static str),
    /// The token is not good here, or not any more.
    Token(Why),
    /// The DPoP proof is not good; what to do about it.
    Proof(String),
    /// The DPoP proof needs the newest nonce.
    Nonce,
    /// The token is good, and the route asks for more.
    Scope,
    /// No rule names the path.
    NoRoute,
    /// The path has rules for these methods only.
    Method(String),
    /// The limit is reached; when to come again, in seconds.
    TooMany(u32),
    /// What has to be asked is out of reach.
    Unavailable,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is no access token of ours, or its signature is not.
    NotOurs,
    /// It has expired.
    Expired,
    /// It is for other APIs.
    Audience,
    /// It is bound to a key and shown without one, or the other way about.
    Key,
    /// Its app is not in use, or was taken out of use since.
    App,
    /// The user or an operator took it back.
    TakenBack,
}

/// What the challenge of an API names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenged<'a> {
    /// Where the API's metadata are (RFC 9728 §5.1).
    pub resource_metadata: &'a str,
    /// What the route asks for.
    pub scopes: &'a Scopes,
    /// Whether whoever calls shows a proof of a key, or has to.
    pub by_dpop: bool,
}

impl Why {
    /// The name programs know it by, beside `invalid_token`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotOurs | Self::Expired | Self::Audience | Self::Key => "invalid_token",
            Self::App => "invalid_client",
            Self::TakenBack => "consent_revoked",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::NotOurs => "the token is not an access token of this issuer",
            Self::Expired => "the token has expired",
            Self::Audience => "the token is for another API",
            Self::Key => "a token that is bound to a key comes as DPoP with a proof, and any other as Bearer",
            Self::App => "the app is not in use",
            Self::TakenBack => "access was taken back",
        }
    }
}

impl Refusal {
    /// The status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NoToken | Self::Token(_) | Self::Proof(_) | Self::Nonce => 401,
            Self::Scope => 403,
            Self::NoRoute => 404,
            Self::Method(_) => 405,
            Self::TooMany(_) => 429,
            Self::Unavailable => 503,
        }
    }

    /// The error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "token_required",
            Self::Malformed(_) => "invalid_request",
            Self::Token(_) => "invalid_token",
            Self::Proof(_) => "invalid_dpop_proof",
            Self::Nonce => "use_dpop_nonce",
            Self::Scope => "insufficient_scope",
            Self::NoRoute => "not_found",
            Self::Method(_) => "method_not_allowed",
            Self::TooMany(_) => "rate_limit_exceeded",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// What to do about it, for developers. It repeats nothing the call brought.
    pub fn description(&self) -> &str {
        match self {
            Self::NoToken => "send an access token in the Authorization header",
            Self::Malformed(what) => what,
            Self::Token(why) => why.description(),
            Self::Proof(what) => what,
            Self::Nonce => "the DPoP proof needs the nonce that comes with this answer",
            Self::Scope => "the token lacks a scope that this needs: ask the user for it",
            Self::NoRoute => "nothing here is open to apps",
            Self::Method(_) => "apps may not use this method here",
            Self::TooMany(_) => "too many calls: come again later",
            Self::Unavailable => "the token cannot be checked now: try again",
        }
    }

    /// The value of `WWW-Authenticate`; `None`: a token would not help. A call without one is told nothing but how to get
    /// one (RFC 6750 §3.1).
    pub fn challenge(&self, challenged: Challenged<'_>) -> Option<String> {
        let error = match self {
            Self::NoToken => None,
            Self::Malformed(_) | Self::Token(_) | Self::Proof(_) | Self::Nonce | Self::Scope => Some(self.code()),
            Self::NoRoute | Self::Method(_) | Self::TooMany(_) | Self::Unavailable => return None,
        };
        let mut parameters = vec![format!("resource_metadata=\"{}\"", challenged.resource_metadata)];
        if !challenged.scopes.is_empty() {
            parameters.push(format!("scope=\"{}\"", challenged.scopes));
        }
        if let Some(error) = error {
            parameters.push(format!("error=\"{error}\""));
            parameters.push(format!("error_description=\"{}\"", self.description()));
        }
        let parameters = parameters.join(", ");
        Some(match challenged.by_dpop {
            true => format!("DPoP algs=\"{DPOP_ALGORITHMS}\", {parameters}"),
            false => format!("Bearer {parameters}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "https://auth.example/oauth/resource-metadata?resource=https%3A%2F%2Fapi.example";

    fn challenge(refusal: &Refusal, scopes: &[&str], by_dpop: bool) -> Option<String> {
        let scopes: Scopes = scopes.iter().copied().collect();
        refusal.challenge(Challenged {
            resource_metadata: METADATA,
            scopes: &scopes,
            by_dpop,
        })
    }

    // Covers: B32
    #[test]
    fn a_call_without_a_token_is_told_how_to_get_one_and_no_error() {
        assert_eq!(
            challenge(&Refusal::NoToken, &["read", "write"], false).as_deref(),
            Some(&*format!(
                "Bearer resource_metadata=\"{METADATA}\", scope=\"read write\""
            ))
        );
        assert_eq!(Refusal::NoToken.status(), 401);
    }

    // Covers: B32
    #[test]
    fn a_missing_scope_is_403_and_names_all_that_the_route_asks_for() {
        assert_eq!(Refusal::Scope.status(), 403);
        let told = challenge(&Refusal::Scope, &["read", "write"], false).unwrap();
        assert!(
            told.contains("scope=\"read write\", error=\"insufficient_scope\""),
            "{told}"
        );
    }

    #[test]
    fn who_shows_a_key_is_challenged_by_dpop() {
        let told = challenge(&Refusal::Token(Why::Key), &[], true).unwrap();
        assert!(told.starts_with("DPoP algs=\"ES256 "), "{told}");
        assert!(told.contains("error=\"invalid_token\""), "{told}");
    }

    #[test]
    fn where_a_token_would_not_help_there_is_no_challenge() {
        for refusal in [
            Refusal::NoRoute,
            Refusal::Method("GET".into()),
            Refusal::TooMany(1),
            Refusal::Unavailable,
        ] {
            assert_eq!(challenge(&refusal, &["read"], false), None, "{refusal:?}");
        }
    }

    // Covers: R67
    #[test]
    fn the_reasons_have_the_names_of_the_documents() {
        for (why, reason) in [
            (Why::NotOurs, "invalid_token"),
            (Why::Expired, "invalid_token"),
            (Why::App, "invalid_client"),
            (Why::TakenBack, "consent_revoked"),
        ] {
            assert_eq!(why.reason(), reason);
            assert_eq!(Refusal::Token(why).code(), "invalid_token");
        }
    }

    #[test]
    fn no_description_breaks_out_of_its_quotes() {
        let all = [
            Why::NotOurs,
            Why::Expired,
            Why::Audience,
            Why::Key,
            Why::App,
            Why::TakenBack,
        ];
        for why in all {
            assert!(!why.description().contains(['"', '\\']), "{why:?}");
        }
    }
}
