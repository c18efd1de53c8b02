//! What one request adds to the usage of an app.

use std::time::Duration;

use super::{Call, Issued, Metric};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::time::Timestamp;

/// What a request was, for the error log.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The name of its route.
    pub route: &'static str,
    /// Its id.
    pub id: &'a str,
    /// When it came.
    pub at: Timestamp,
}

/// The notes taken while one request is answered. All ids are of records that were read, none is a request's own word.
#[derive(Debug, Default)]
pub struct Noted {
    pub(super) app: Option<String>,
    pub(super) counts: Vec<(String, Metric)>,
    pub(super) user: Option<String>,
    pub(super) refusal: Option<Refusal>,
    pub(super) secret: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) call: Option<Call>,
}

/// Why the request was refused.
#[derive(Debug)]
pub struct Refusal {
    pub(super) code: &'static str,
    pub(super) description: String,
    /// Whether its developer can do something about it.
    pub(super) is_logged: bool,
}

/// Longer descriptions are cut.
const MAX_DESCRIPTION: usize = 300;

impl Noted {
    /// The app the request speaks of.
    pub fn app(&mut self, client_id: &str) {
        self.app = Some(client_id.to_owned());
    }

    /// Something happened to this app.
    pub fn count(&mut self, client_id: &str, metric: Metric) {
        self.counts.push((client_id.to_owned(), metric));
    }

    /// The app got a token; `user`: for whom.
    pub fn token(&mut self, client_id: &str, issued: Issued, user: Option<&str>) {
        self.app(client_id);
        self.count(client_id, Metric::Token(issued));
        self.user = user.map(str::to_owned);
    }

    /// The app proved who it is with this secret.
    pub fn secret(&mut self, id: &str) {
        self.secret = Some(id.to_owned());
    }

    /// An API proved who it is with this credential.
    pub fn credential(&mut self, id: &str) {
        self.credential = Some(id.to_owned());
    }

    /// The request was a call to an API.
    pub fn call(&mut self, call: Call) {
        self.call = Some(call);
    }

    /// What the API answered to it; `None`: nothing. `latency`: until the head of the answer.
    pub fn answered(&mut self, status: Option<u16>, latency: Duration) {
        if let Some(call) = &mut self.call {
            call.answered(status, latency);
        }
    }

    /// The call was let through, and its API was not asked after all.
    pub fn not_forwarded(&mut self) {
        if let Some(call) = &mut self.call {
            call.not_forwarded();
        }
    }

    /// The call that it was.
    pub fn noted_call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    /// The app is told an error, or its user is in its stead.
    pub fn refused(&mut self, error: &OAuthError) {
        self.refusal = Some(Refusal {
            code: error.code.as_str(),
            description: without_tokens(error.description()),
            is_logged: !is_an_ordinary_answer(error.code),
        });
    }

    /// Takes the notes.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Whether there is anything to add.
    pub fn is_empty(&self) -> bool {
        let refused = self.app.is_some() && self.refusal.is_some();
        let proved = self.secret.is_some() || self.credential.is_some();
        self.counts.is_empty() && !refused && !proved && self.call.is_none()
    }
}

/// Errors that say how things stand and not that a request was wrong: a look whether somebody is signed in, the first
/// half of a DPoP exchange, our own outage. They count, and nobody has to look into them.
fn is_an_ordinary_answer(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::LoginRequired
            | ErrorCode::ConsentRequired
            | ErrorCode::InteractionRequired
            | ErrorCode::UseDpopNonce
            | ErrorCode::TemporarilyUnavailable
    )
}

/// A description may quote the scopes of a request. Should somebody have put a token there, it stays out of the log.
fn without_tokens(description: &str) -> String {
    let is_token = |word: &str| {
        ["lkc_", "lkr_", "lks_", "lka_", "eyJ"]
            .iter()
            .any(|prefix| word.contains(prefix))
            || word
                .split(|letter: char| !letter.is_ascii_alphanumeric())
                .any(|run| run.len() >= 24)
    };
    let words = description
        .split(' ')
        .map(|word| if is_token(word) { "***" } else { word });
    let clean: Vec<&str> = words.collect();
    clean.join(" ").chars().take(MAX_DESCRIPTION).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode, description: &str) -> Refusal {
        let mut noted = Noted::default();
        noted.refused(&OAuthError::new(code, description));
        noted.refusal.unwrap()
    }

    #[test]
    fn a_token_that_came_as_a_scope_is_not_written_down() {
        for (said, kept) in [
            (
                "this app may not ask for: read:all",
                "this app may not ask for: read:all",
            ),
            ("may not ask for: lkr_k1abc read:all", "may not ask for: *** read:all"),
            ("may not ask for: x:eyJhbGciOi", "may not ask for: ***"),
            ("may not ask for: 0123456789abcdef0123456789", "may not ask for: ***"),
            (
                "client_assertion and client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer go together",
                "client_assertion and client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer go together",
            ),
        ] {
            assert_eq!(refused(ErrorCode::InvalidScope, said).description, kept);
        }
        assert!(refused(ErrorCode::InvalidScope, &"a ".repeat(900)).description.len() <= MAX_DESCRIPTION);
    }

    #[test]
    fn how_things_stand_is_no_fault_of_the_developer() {
        for ordinary in [
            ErrorCode::LoginRequired,
            ErrorCode::UseDpopNonce,
            ErrorCode::TemporarilyUnavailable,
        ] {
            assert!(!refused(ordinary, "x").is_logged, "{ordinary:?}");
        }
        for wrong in [
            ErrorCode::InvalidGrant,
            ErrorCode::InvalidClient,
            ErrorCode::InvalidScope,
        ] {
            assert!(refused(wrong, "x").is_logged, "{wrong:?}");
        }
    }

    #[test]
    fn a_refusal_of_an_app_nobody_knows_is_nothing_to_add() {
        let mut noted = Noted::default();
        assert!(noted.is_empty());
        noted.refused(&OAuthError::new(ErrorCode::InvalidClient, "unknown client"));
        assert!(noted.is_empty());
        noted.app("app_one");
        assert!(!noted.is_empty());
    }
}
