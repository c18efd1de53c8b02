//! Why a sign-in fails. People see one of a few pages; the log has the reason by name.

use thiserror::Error;

use super::hand_off::AssertionError;
use super::id_token::IdTokenError;

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignInRefusal {
    /// `state` is missing, repeated, or none of ours.
    #[error("state is not one of ours")]
    State,
    /// The sign-in took too long.
    #[error("state has expired")]
    Expired,
    /// The sign-in began in another browser, or nobody's browser: somebody may have sent this person a link.
    #[error("state belongs to another browser")]
    OtherBrowser,
    /// The sign-in began at another connection (mix-up, RFC 9700 §4.4).
    #[error("state belongs to another connection")]
    OtherConnection,
    /// `iss` names another provider (RFC 9207 §2.4).
    #[error("iss names another provider")]
    OtherIssuer,
    /// The provider announces `iss` and its answer has none (RFC 9207 §2.4).
    #[error("iss is missing")]
    NoIssuer,
    /// The person, or the provider, said no.
    #[error("access_denied at the provider")]
    Denied,
    /// The provider reports another error.
    #[error("the provider reports an error")]
    ProviderError,
    /// Neither code nor error, or one of them twice.
    #[error("the answer holds no code")]
    NoAnswer,
    /// The provider refuses the code: it was used before, say, or the client secret is wrong.
    #[error("the provider refuses the code")]
    CodeRefused,
    /// The answer of the token endpoint cannot be read.
    #[error("the token response holds no ID token")]
    NoIdToken,
    /// The ID token is not believed.
    #[error("the ID token {0}")]
    IdToken(#[from] IdTokenError),
    /// The assertion of the platform's own page is not believed.
    #[error("the assertion {0}")]
    Assertion(#[from] AssertionError),
    /// The UserInfo response is about somebody else (Core §5.3.2).
    #[error("UserInfo is about another subject")]
    OtherSubject,
    /// The answer was used before.
    #[error("the answer was used before")]
    Replayed,
    /// The person signed in longer ago than the app allows, though the provider was asked to have them do it again.
    #[error("auth_time is too old")]
    NotFresh,
    /// The user is suspended.
    #[error("the user is suspended")]
    Suspended,
    /// A user of this id exists who is not this person.
    #[error("the subject is the id of a user who is not linked to it")]
    IdTaken,
    /// The connection is not one for users of third-party apps.
    #[error("the connection does not serve third-party apps")]
    NotForApps,
}

impl SignInRefusal {
    /// Whether it says something about the connection: its provider is at fault, or somebody forges its answers, or sends
    /// them again. What anybody can bring about by waiting, going back or opening a link is none of that.
    pub fn is_about_the_connection(self) -> bool {
        match self {
            Self::OtherConnection
            | Self::OtherIssuer
            | Self::NoIssuer
            | Self::ProviderError
            | Self::NoIdToken
            | Self::IdToken(_)
            | Self::Assertion(_)
            | Self::OtherSubject
            | Self::Replayed
            | Self::IdTaken
            | Self::NotForApps => true,
            Self::State
            | Self::Expired
            | Self::OtherBrowser
            | Self::Denied
            | Self::NoAnswer
            | Self::CodeRefused
            | Self::NotFresh
            | Self::Suspended => false,
        }
    }

    /// The name in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::State => "sign_in_state",
            Self::Expired => "sign_in_expired",
            Self::OtherBrowser => "sign_in_other_browser",
            Self::OtherConnection => "sign_in_other_connection",
            Self::OtherIssuer => "sign_in_other_issuer",
            Self::NoIssuer => "sign_in_no_issuer",
            Self::Denied => "sign_in_denied",
            Self::ProviderError => "sign_in_provider_error",
            Self::NoAnswer => "sign_in_no_answer",
            Self::CodeRefused => "sign_in_code_refused",
            Self::NoIdToken => "sign_in_no_id_token",
            Self::IdToken(error) => error.code(),
            Self::Assertion(error) => error.code(),
            Self::OtherSubject => "sign_in_other_subject",
            Self::Replayed => "sign_in_replayed",
            Self::NotFresh => "sign_in_not_fresh",
            Self::Suspended => "sign_in_suspended",
            Self::IdTaken => "sign_in_id_taken",
            Self::NotForApps => "sign_in_not_for_apps",
        }
    }
}
