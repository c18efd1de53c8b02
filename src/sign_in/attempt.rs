//! One attempt to sign in, carried by the `state` parameter: nothing is stored before somebody is signed in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::refusal::SignInRefusal;
use crate::crypto::keys::{Purpose, SealingKeys};
use crate::crypto::{base64url, equal_in_constant_time, hash, seal};
use crate::ledger::SingleUse;
use crate::oauth::pkce::CodeChallenge;
use crate::random::{self, Random};
use crate::time::Timestamp;

/// How long somebody may take to sign in.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What has to hold when the answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The connection asked.
    pub connection: String,
    /// The nonce of the browser it began in.
    browser: String,
    /// Ties the ID token or assertion to this attempt (Core §3.1.2.1).
    pub nonce: String,
    /// The PKCE verifier (RFC 7636).
    verifier: String,
    /// When the person must have proved who they are at the earliest.
    pub since: Option<Timestamp>,
    goes_on: GoesOn,
    expires_at: Timestamp,
}

/// Where it goes on. A waiting request is sealed itself and long, so it travels beside the attempt, which holds its
/// hash: sealed once more, the URL would grow by a third.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GoesOn {
    Path(String),
    Request { page: String, hash: String },
}

/// An attempt whose answer has come, in time and to the browser it began in.
#[derive(Debug)]
pub struct OpenAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// The path to go on at.
    pub target: String,
}

/// The page where an app's request is decided, and the sealed request, if a path leads there.
pub fn waiting_request(target: &str) -> Option<(&str, &str)> {
    target.split_once("?request_id=")
}

impl Attempt {
    /// Begins one that goes on at `target`.
    pub fn new(
        connection: &str,
        browser: &str,
        since: Option<Timestamp>,
        target: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Self {
        Self {
            connection: connection.to_owned(),
            browser: browser.to_owned(),
            nonce: base64url(random::bytes::<16>(random)),
            verifier: base64url(random::bytes::<32>(random)),
            since,
            goes_on: match waiting_request(target) {
                Some((page, request)) => GoesOn::Request {
                    page: page.to_owned(),
                    hash: hash(request),
                },
                None => GoesOn::Path(target.to_owned()),
            },
            expires_at: now + LIFETIME,
        }
    }

    /// The `state` parameter. `None` if it is too long for a URL.
    pub fn state(&self, target: &str, keys: &SealingKeys, random: &dyn Random) -> Option<String> {
        let sealed = seal::seal(keys, Purpose::SignIn, random, self)?;
        Some(match waiting_request(target) {
            Some((_, request)) => format!("{sealed}.{request}"),
            None => sealed,
        })
    }

    /// Opens a `state` that came back to `connection` with the nonce of the browser.
    pub fn open(
        state: &str,
        connection: &str,
        browser: Option<&str>,
        keys: &SealingKeys,
        now: Timestamp,
    ) -> Result<OpenAttempt, SignInRefusal> {
        let (sealed, request) = match state.split_once('.') {
            Some((sealed, request)) => (sealed, Some(request)),
            None => (state, None),
        };
        let attempt: Self = seal::open(keys, Purpose::SignIn, sealed).ok_or(SignInRefusal::State)?;
        let target = match (&attempt.goes_on, request) {
            (GoesOn::Path(path), None) => path.clone(),
            (GoesOn::Request { page, hash: bound }, Some(request)) if *bound == hash(request) => {
                format!("{page}?request_id={request}")
            }
            _ => return Err(SignInRefusal::State),
        };
        if attempt.expires_at <= now {
            return Err(SignInRefusal::Expired);
        }
        let same_browser =
            browser.is_some_and(|browser| equal_in_constant_time(browser.as_bytes(), attempt.browser.as_bytes()));
        if !same_browser {
            return Err(SignInRefusal::OtherBrowser);
        }
        if attempt.connection != connection {
            return Err(SignInRefusal::OtherConnection);
        }
        Ok(OpenAttempt { attempt, target })
    }

    /// The PKCE verifier, for the token request.
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// Its challenge, for the authorization request.
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge::of(&self.verifier)
    }

    /// One attempt signs in once.
    pub fn single_use(&self, random: &dyn Random) -> SingleUse {
        SingleUse {
            name: hash(&format!("sign-in {}", self.nonce)),
            attempt: base64url(random::bytes::<16>(random)),
            expires_at: self.expires_at,
        }
    }

    /// Whether it began for a third-party app.
    pub fn is_for_an_app(&self) -> bool {
        matches!(self.goes_on, GoesOn::Request { .. })
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::crypto::keys::testing::sealing_keys;
    use crate::random::testing::Seeded;

    pub const NOW: Timestamp = Timestamp(1_000_000_000);
    const BROWSER: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const CONSENT: &str = "/oauth/consent?request_id=abc";

    pub fn attempt(target: &str) -> Attempt {
        Attempt::new("con_one", BROWSER, None, target, &Seeded::default(), NOW)
    }

    fn state(target: &str) -> String {
        attempt(target).state(target, &sealing_keys(), &Seeded::new(7)).unwrap()
    }

    fn open(state: &str) -> Result<OpenAttempt, SignInRefusal> {
        Attempt::open(state, "con_one", Some(BROWSER), &sealing_keys(), NOW)
    }

    #[test]
    fn an_attempt_comes_back_and_goes_on_where_it_was_going() {
        for target in ["/account/apps", "/account/apps?x=a.b", CONSENT, "/connect?request_id=a"] {
            let open = open(&state(target)).unwrap();
            assert_eq!(open.target, target);
            assert_eq!(open.attempt, attempt(target));
        }
        assert!(attempt(CONSENT).is_for_an_app() && !attempt("/account/apps").is_for_an_app());
    }

    // Rule: UI 10, ATTACK 12
    #[test]
    fn an_answer_to_another_browser_is_refused() {
        for browser in [None, Some(""), Some("BAAAAAAAAAAAAAAAAAAAAA"), Some("AAAA")] {
            let opened = Attempt::open(&state(CONSENT), "con_one", browser, &sealing_keys(), NOW);
            assert_eq!(opened.unwrap_err(), SignInRefusal::OtherBrowser, "{browser:?}");
        }
    }

    // Rule: UI 10, ATTACK 11
    #[test]
    fn an_answer_to_another_connection_is_refused() {
        let opened = Attempt::open(&state(CONSENT), "con_two", Some(BROWSER), &sealing_keys(), NOW);
        assert_eq!(opened.unwrap_err(), SignInRefusal::OtherConnection);
    }

    #[test]
    fn an_answer_that_comes_too_late_is_refused() {
        let at = |now| Attempt::open(&state(CONSENT), "con_one", Some(BROWSER), &sealing_keys(), now);
        assert!(at(Timestamp(NOW.0 + 599_999)).is_ok());
        assert_eq!(at(NOW + LIFETIME).unwrap_err(), SignInRefusal::Expired);
    }

    // Rule: ATTACK 3, ATTACK 9
    #[test]
    fn an_attempt_goes_on_nowhere_else_than_it_began() {
        let (to_page, to_app) = (state("/account/apps"), state(CONSENT));
        let sealed = to_app.split('.').next().unwrap();
        for forged in [
            String::new(),
            ".".into(),
            "garbage".into(),
            sealed.into(),
            format!("{sealed}."),
            format!("{sealed}.abd"),
            format!("{sealed}.abc.abc"),
            format!("{sealed}.abc&x"),
            format!("{to_page}.abc"),
            format!("A{to_page}"),
        ] {
            assert_eq!(open(&forged).unwrap_err(), SignInRefusal::State, "{forged}");
        }
    }

    #[test]
    fn what_is_sealed_for_anything_else_is_no_state() {
        let other = seal::seal(
            &sealing_keys(),
            Purpose::PendingRequest,
            &Seeded::default(),
            &attempt("/account/apps"),
        );
        assert_eq!(open(&other.unwrap()).unwrap_err(), SignInRefusal::State);
    }

    #[test]
    fn no_two_attempts_share_a_nonce_or_a_verifier() {
        let random = Seeded::default();
        let new = || Attempt::new("con_one", BROWSER, None, "/", &random, NOW);
        let (one, two) = (new(), new());
        assert_ne!(one.nonce, two.nonce);
        assert_ne!(one.verifier, two.verifier);
        assert_eq!(one.verifier.len(), 43);
        assert_ne!(one.single_use(&random).name, two.single_use(&random).name);
    }
}
