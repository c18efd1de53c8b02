//! The error codes of the standards, and the two places they may be sent to.

use serde::Serialize;

use super::redirect_uri::VerifiedRedirect;

/// An error code as it goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The user or the operator said no (OAuth 2.1 §4.1.2.1).
    AccessDenied,
    /// `prompt=none`, but the user has to agree first (OpenID Connect Core §3.1.2.6).
    ConsentRequired,
    /// `prompt=none`, but a page has to be shown (OpenID Connect Core §3.1.2.6).
    InteractionRequired,
    /// What a client says of itself cannot be accepted (RFC 7591 §3.2.2).
    InvalidClientMetadata,
    /// Client authentication failed (OAuth 2.1 §3.2.4).
    InvalidClient,
    /// A DPoP proof is missing, malformed, for something else or used before (RFC 9449 §5).
    InvalidDpopProof,
    /// A code or refresh token that is unknown, used, expired, revoked or another client's (OAuth 2.1 §3.2.4).
    InvalidGrant,
    /// A redirect URI cannot be registered (RFC 7591 §3.2.2).
    InvalidRedirectUri,
    /// A parameter is missing, repeated or malformed (OAuth 2.1 §3.2.4, §4.1.2.1).
    InvalidRequest,
    /// A scope is unknown, malformed or more than the client may have (OAuth 2.1 §3.2.4, §4.1.2.1).
    InvalidScope,
    /// A resource is unknown, malformed or not in the grant (RFC 8707 §2).
    InvalidTarget,
    /// `prompt=none`, but nobody is signed in (OpenID Connect Core §3.1.2.6).
    LoginRequired,
    /// `registration` is not supported (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported,
    /// `invalid_request`, because it is longer than can be kept (RFC 9126 §2.3: status 413).
    RequestTooLarge,
    /// `request` is not supported (OpenID Connect Core §3.1.2.6).
    RequestNotSupported,
    /// `request_uri` is not supported (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported,
    /// Storage cannot answer now (OAuth 2.1 §4.1.2.1).
    TemporarilyUnavailable,
    /// The client may not use this grant (OAuth 2.1 §3.2.4, §4.1.2.1).
    UnauthorizedClient,
    /// The user cannot be authenticated as the request demands (RFC 9470 §5).
    UnmetAuthenticationRequirements,
    /// No such grant here (OAuth 2.1 §3.2.4).
    UnsupportedGrantType,
    /// Only `code` is supported (OAuth 2.1 §4.1.2.1).
    UnsupportedResponseType,
    /// A software statement that nobody here trusts (RFC 7591 §3.2.2).
    UnapprovedSoftwareStatement,
    /// The DPoP proof needs a nonce, which comes with this error (RFC 9449 §8).
    UseDpopNonce,
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest | Self::RequestTooLarge => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The HTTP status where the error is the reply itself (OAuth 2.1 §3.2.4). `invalid_client` is always
    /// 401, also without an `Authorization` header: clients register again on it.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::RequestTooLarge => 413,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

/// An error of the standards with words a developer can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    /// The code.
    pub code: ErrorCode,
    description: String,
}

/// The JSON form of an error (OAuth 2.1 §3.2.4).
#[derive(Serialize)]
pub struct ErrorBody<'a> {
    /// The code.
    pub error: &'a str,
    /// What happened, for the developer.
    pub error_description: &'a str,
}

impl OAuthError {
    /// An error; letters outside the allowed set (OAuth 2.1 §4.1.2.1: %x20-21, %x23-5B, %x5D-7E) become `'`
    /// or `?`, so a description may quote a validated value.
    pub fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        let allowed = |letter| match letter {
            '"' | '\\' => '\'',
            ' '..='~' => letter,
            _ => '?',
        };
        Self {
            code,
            description: description.as_ref().chars().take(300).map(allowed).collect(),
        }
    }

    /// What happened, for the developer.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The JSON form.
    pub fn body(&self) -> ErrorBody<'_> {
        ErrorBody {
            error: self.code.as_str(),
            error_description: &self.description,
        }
    }
}

/// Why an authorization request goes no further. Before the redirect URI is verified there is only a page;
/// a redirect cannot be written down without a [`VerifiedRedirect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizationError {
    /// Told to the user, on a page with status 400; nothing is redirected (OAuth 2.1 §4.1.2.1).
    Page(PageReason),
    /// Sent back to the app.
    Redirect {
        /// Where to.
        to: VerifiedRedirect,
        /// What.
        error: OAuthError,
        /// The app's `state`, when it sent exactly one.
        state: Option<String>,
    },
}

/// Why the user sees a page instead of being sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageReason {
    /// Not readable as parameters, or too long.
    Unreadable,
    /// No `client_id`.
    ClientIdMissing,
    /// More than one `client_id`.
    ClientIdRepeated,
    /// No app with this `client_id`.
    ClientUnknown,
    /// The app may not be used by anybody: it was rejected or suspended.
    ClientUnavailable,
    /// No `redirect_uri`.
    RedirectUriMissing,
    /// More than one `redirect_uri`.
    RedirectUriRepeated,
    /// The `redirect_uri` is not registered for the app.
    RedirectUriMismatch,
    /// A `response_mode` other than `query`.
    ResponseModeUnsupported,
    /// A pushed request that is unknown here, another client's or expired.
    PushedRequestUnknown,
}

impl PageReason {
    /// The code an app would be told, could it be told anything.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::ClientUnknown => ErrorCode::InvalidClient,
            Self::ClientUnavailable => ErrorCode::UnauthorizedClient,
            _ => ErrorCode::InvalidRequest,
        }
    }

    /// One sentence for the developer who tries the link.
    pub fn for_developers(self) -> &'static str {
        match self {
            Self::Unreadable => "The request could not be read: it is too long, or its parameters are not UTF-8 text.",
            Self::ClientIdMissing => "The parameter client_id is missing.",
            Self::ClientIdRepeated => "The parameter client_id was sent more than once.",
            Self::ClientUnknown => "No app is registered under this client_id.",
            Self::ClientUnavailable => "The app with this client_id was rejected or suspended.",
            Self::RedirectUriMissing => "The parameter redirect_uri is missing.",
            Self::RedirectUriRepeated => "The parameter redirect_uri was sent more than once.",
            Self::RedirectUriMismatch => {
                "The redirect_uri is not one of those registered for this app. They are compared letter by letter."
            }
            Self::ResponseModeUnsupported => "Only response_mode=query is supported.",
            Self::PushedRequestUnknown => {
                "The request_uri is not one this client pushed, or it has expired: they live five minutes."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule: AUTHZ 31
    #[test]
    fn a_description_holds_only_the_letters_the_standard_allows() {
        let error = OAuthError::new(ErrorCode::InvalidScope, "no \"scope\\ \r\n\u{202e}ü<b>");
        assert_eq!(error.description(), "no 'scope' ????<b>");
        assert!(
            OAuthError::new(ErrorCode::InvalidScope, "x".repeat(9999))
                .description()
                .len()
                <= 300
        );
    }
}
