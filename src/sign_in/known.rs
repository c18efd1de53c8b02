//! What is known of providers for a while, so that not every sign-in asks for it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::provider::Provider;
use crate::oauth::jwk::ClientKeys;
use crate::time::Timestamp;

/// How long metadata are used.
const METADATA_LIFETIME: Duration = Duration::from_secs(3600);
/// How long keys are used.
const KEYS_LIFETIME: Duration = Duration::from_secs(600);
/// Keys are asked for at most once in this time, also when an ID token names one that is not among them: anyone may
/// make that up.
const KEYS_PAUSE: Duration = Duration::from_secs(10);

/// After metadata could not be had they are not asked for again in this time: anyone may begin to sign in, as often as
/// they like.
const METADATA_PAUSE: Duration = Duration::from_secs(10);

/// Metadata and keys of providers. There are as many as the operator has set up connections.
#[derive(Default)]
pub struct KnownProviders {
    metadata: Kept<Provider>,
    /// Whose metadata could not be had, and when that was.
    unanswered: Kept<()>,
    keys: Kept<ClientKeys>,
}

/// Values, never futures: a request must not wait for another's.
struct Kept<T>(RefCell<Vec<(String, Timestamp, Rc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Kept<T> {
    fn get(&self, name: &str) -> Option<(Timestamp, Rc<T>)> {
        let kept = self.0.borrow();
        let (_, at, value) = kept.iter().find(|(own, ..)| own == name)?;
        Some((*at, Rc::clone(value)))
    }

    fn put(&self, name: &str, value: T, at: Timestamp) -> Rc<T> {
        let value = Rc::new(value);
        let mut kept = self.0.borrow_mut();
        kept.retain(|(own, ..)| own != name);
        kept.push((name.to_owned(), at, Rc::clone(&value)));
        value
    }
}

impl KnownProviders {
    /// The metadata of an issuer, if they are known and not too old.
    pub fn metadata(&self, issuer: &str, now: Timestamp) -> Option<Rc<Provider>> {
        let (at, provider) = self.metadata.get(issuer)?;
        at.is_within(METADATA_LIFETIME, now).then_some(provider)
    }

    /// Keeps metadata that were asked for at `now`.
    pub fn keep_metadata(&self, provider: Provider, now: Timestamp) -> Rc<Provider> {
        let issuer = provider.issuer.clone();
        self.metadata.put(&issuer, provider, now)
    }

    /// Whether metadata that are not known may be asked for.
    pub fn may_ask_for_metadata(&self, issuer: &str, now: Timestamp) -> bool {
        let failed = self.unanswered.get(issuer);
        !failed.is_some_and(|(at, _)| at.is_within(METADATA_PAUSE, now))
    }

    /// Notes that metadata were asked for at `now` and could not be had.
    pub fn note_failure(&self, issuer: &str, now: Timestamp) {
        self.unanswered.put(issuer, (), now);
    }

    /// The keys of a provider, if they are known and not too old.
    pub fn keys(&self, provider: &Provider, now: Timestamp) -> Option<Rc<ClientKeys>> {
        let (at, keys) = self.keys.get(provider.jwks_uri.as_str())?;
        at.is_within(KEYS_LIFETIME, now).then_some(keys)
    }

    /// Whether the keys may be asked for again before their time.
    pub fn may_ask_again(&self, provider: &Provider, now: Timestamp) -> bool {
        let kept = self.keys.get(provider.jwks_uri.as_str());
        !kept.is_some_and(|(at, _)| at.is_within(KEYS_PAUSE, now))
    }

    /// Keeps keys that were asked for at `now`.
    pub fn keep_keys(&self, provider: &Provider, keys: ClientKeys, now: Timestamp) -> Rc<ClientKeys> {
        self.keys.put(provider.jwks_uri.as_str(), keys, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::provider::testing::{ISSUER, provider};

    #[test]
    fn metadata_are_used_for_an_hour_and_keys_for_ten_minutes() {
        let known = KnownProviders::default();
        known.keep_metadata(provider(), Timestamp(0));
        known.keep_keys(&provider(), ClientKeys::default(), Timestamp(0));
        assert!(known.metadata(ISSUER, Timestamp(3_599_999)).is_some());
        assert!(known.metadata(ISSUER, Timestamp(3_600_000)).is_none());
        assert!(known.metadata("https://other.example", Timestamp(0)).is_none());
        assert!(known.keys(&provider(), Timestamp(599_999)).is_some());
        assert!(known.keys(&provider(), Timestamp(600_000)).is_none());
        // Another request began before the one that asked; a clock that stepped back.
        assert!(known.keys(&provider(), Timestamp(-1)).is_some());
        assert!(known.keys(&provider(), Timestamp(-30_000)).is_none());
    }

    #[test]
    fn metadata_that_could_not_be_had_are_asked_for_once_in_ten_seconds_only() {
        let known = KnownProviders::default();
        assert!(known.may_ask_for_metadata(ISSUER, Timestamp(0)));
        known.note_failure(ISSUER, Timestamp(0));
        assert!(!known.may_ask_for_metadata(ISSUER, Timestamp(9_999)));
        assert!(known.may_ask_for_metadata(ISSUER, Timestamp(10_000)));
        assert!(known.may_ask_for_metadata("https://other.example", Timestamp(0)));
        known.note_failure(ISSUER, Timestamp(10_000));
        assert!(!known.may_ask_for_metadata(ISSUER, Timestamp(19_999)));
    }

    #[test]
    fn invented_key_names_make_the_keys_be_asked_for_once_in_ten_seconds_only() {
        let known = KnownProviders::default();
        assert!(known.may_ask_again(&provider(), Timestamp(0)));
        known.keep_keys(&provider(), ClientKeys::default(), Timestamp(0));
        assert!(!known.may_ask_again(&provider(), Timestamp(9_999)));
        assert!(known.may_ask_again(&provider(), Timestamp(10_000)));
    }
}
