//! What each app uses: counted in memory while requests are answered, and added to the directory about once a second,
//! so that no token and no call costs a write. `noted` is what one request adds, `call` what a call to an API is,
//! `buffer` adds requests up, `writer` says when what is written, and `statements` how. `docs/monitoring.md` says what each
//! number means.

pub mod breakdown;
mod buffer;
pub mod call;
pub mod call_statements;
pub mod chart;
pub mod data_point;
pub mod hints;
mod noted;
pub mod period;
mod sorted;
pub mod statements;
pub mod tally;
pub mod writer;

pub use buffer::{Batch, Buffer};
pub use call::Call;
pub use noted::{Noted, Request};

use std::borrow::Cow;

/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;
/// Milliseconds of a day, which begins at midnight in UTC.
pub const DAY: i64 = 24 * HOUR;
/// In place of a client id: all apps together.
pub const EVERY_APP: &str = "*";

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// An authorization request that was in order.
    Authorize,
    /// A user said yes.
    ConsentGranted,
    /// A user said no.
    ConsentDenied,
    /// A user was not asked, because they had agreed before.
    ConsentRemembered,
    /// A token response.
    Token(Issued),
    /// A token that the app itself revoked.
    Revoke,
    /// A token of the app that was introspected and found active.
    Introspect,
    /// A refusal, by its error code.
    Error(&'static str),
    /// A call to an API behind the guard.
    Call(call::Kind),
    /// Token responses of any kind on a day, by which apps are ranked. Kept under the day's first hour.
    Tokens,
    /// Calls of any kind on a day, kept likewise.
    Calls,
}

/// What a token response was given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Issued {
    /// A code.
    ForCode,
    /// A refresh token.
    ForRefreshToken,
    /// The app's own credentials.
    ForCredentials,
    /// What an enterprise's identity provider says of a user.
    ForAssertion,
}

/// The name of [`Metric::Tokens`] in the directory.
pub const TOKENS: &str = "tokens";
/// The name of [`Metric::Calls`] in the directory.
pub const CALLS: &str = "calls";
/// Different users on a day. Only the directory can count them, because an isolate sees but a part of the requests.
pub const ACTIVE_USERS: &str = "active_users";
/// What the names of token responses begin with; a grant type follows.
pub const TOKEN_PREFIX: &str = "token.";
/// What the names of calls begin with; their kind follows.
pub const CALL_PREFIX: &str = "call.";
/// What the names of refusals begin with; an error code follows.
pub const ERROR_PREFIX: &str = "error.";

impl Metric {
    /// Its name in the directory.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Authorize => "authorize",
            Self::ConsentGranted => "consent.granted",
            Self::ConsentDenied => "consent.denied",
            Self::ConsentRemembered => "consent.remembered",
            Self::Token(Issued::ForCode) => "token.authorization_code",
            Self::Token(Issued::ForRefreshToken) => "token.refresh_token",
            Self::Token(Issued::ForCredentials) => "token.client_credentials",
            Self::Token(Issued::ForAssertion) => "token.jwt_bearer",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::Error(code) => return Cow::Owned(format!("{ERROR_PREFIX}{code}")),
            Self::Call(call::Kind::Through) => "call.through",
            Self::Call(call::Kind::Refused) => "call.refused",
            Self::Call(call::Kind::Failed) => "call.failed",
            Self::Tokens => TOKENS,
            Self::Calls => CALLS,
        })
    }
}
