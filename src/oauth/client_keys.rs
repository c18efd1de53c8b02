//! What is known for a while of the keys that apps keep at an address of their own (`jwks_uri`), so that not every
//! request of theirs asks for them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::jwk::ClientKeys;
use crate::time::Timestamp;

/// How long keys are used.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long they are used at most while their address does not answer.
const STALE_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// An address is asked again after this time at the earliest, also when an assertion names a key that is not there:
/// anyone may make that up.
const PAUSE: Duration = Duration::from_secs(10);
/// Whoever asks has its answer, or none, within this time.
const ANSWER: Duration = Duration::from_secs(6);
/// How many addresses are remembered. Developers register them, so they cost something.
const CAPACITY: usize = 256;

/// The keys of apps, by address.
#[derive(Default)]
pub struct KnownClientKeys(RefCell<Vec<Known>>);

struct Known {
    address: String,
    /// When it was asked last.
    asked_at: Timestamp,
    /// Whether that was answered, or given up.
    is_settled: bool,
    /// What it answered last, and when it was asked for that.
    keys: Option<(Timestamp, Rc<ClientKeys>)>,
}

/// What to do for the keys at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Use these.
    Use(Rc<ClientKeys>),
    /// Ask; these are good while nobody answers.
    Ask(Option<Rc<ClientKeys>>),
    /// It could not be had a moment ago, and there is nothing older.
    Unavailable,
}

/// Whether an address may be asked for a key that is not among those known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It may.
    Ask,
    /// Another request is asking.
    BeingAsked,
    /// It was asked a moment ago.
    No,
}

impl KnownClientKeys {
    /// What to do for the keys at an address.
    pub fn plan(&self, address: &str, now: Timestamp) -> Plan {
        let all = self.0.borrow();
        let Some(known) = all.iter().find(|known| known.address == address) else {
            return Plan::Ask(None);
        };
        let keys_younger_than = |lifetime| match &known.keys {
            Some((at, keys)) if at.is_within(lifetime, now) => Some(Rc::clone(keys)),
            _ => None,
        };
        if let Some(keys) = keys_younger_than(LIFETIME) {
            return Plan::Use(keys);
        }
        match (keys_younger_than(STALE_LIFETIME), known.again(now)) {
            (Some(stale), Again::Ask) => Plan::Ask(Some(stale)),
            (Some(stale), _) => Plan::Use(stale),
            // Whoever comes while the first answer is awaited asks too, rather than fail.
            (None, Again::Ask | Again::BeingAsked) => Plan::Ask(None),
            (None, Again::No) => Plan::Unavailable,
        }
    }

    /// Whether to ask for a key that is not among those known.
    pub fn again(&self, address: &str, now: Timestamp) -> Again {
        let all = self.0.borrow();
        let known = all.iter().find(|known| known.address == address);
        known.map_or(Again::Ask, |known| known.again(now))
    }

    /// Notes that an address is asked at `now`.
    pub fn ask(&self, address: &str, now: Timestamp) {
        let mut all = self.0.borrow_mut();
        if let Some(known) = all.iter_mut().find(|known| known.address == address) {
            (known.asked_at, known.is_settled) = (now, false);
            return;
        }
        if all.len() >= CAPACITY {
            let oldest = all.iter().enumerate().min_by_key(|(_, known)| known.asked_at);
            if let Some(at) = oldest.map(|(at, _)| at) {
                all.swap_remove(at);
            }
        }
        all.push(Known {
            address: address.to_owned(),
            asked_at: now,
            is_settled: false,
            keys: None,
        });
    }

    /// Notes what came of asking at `now`. Without an answer, the keys that are known stay.
    pub fn settle(&self, address: &str, keys: Option<Rc<ClientKeys>>, now: Timestamp) {
        let mut all = self.0.borrow_mut();
        if let Some(known) = all.iter_mut().find(|known| known.address == address) {
            known.is_settled = true;
            let is_newest = known
                .keys
                .as_ref()
                .is_none_or(|(at, _)| *at <= now || !at.is_within(LIFETIME, now));
            if let Some(keys) = keys.filter(|_| is_newest) {
                known.keys = Some((now, keys));
            }
        }
    }
}

impl Known {
    fn again(&self, now: Timestamp) -> Again {
        match self.is_settled {
            _ if !self.asked_at.is_within(PAUSE, now) => Again::Ask,
            false if self.asked_at.is_within(ANSWER, now) => Again::BeingAsked,
            _ => Again::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://partner.dev/jwks";
    const MINUTE: i64 = 60_000;

    fn asked(at: i64, keys: Option<&Rc<ClientKeys>>) -> KnownClientKeys {
        let known = KnownClientKeys::default();
        known.ask(HERE, Timestamp(at));
        known.settle(HERE, keys.cloned(), Timestamp(at));
        known
    }

    #[test]
    fn keys_are_used_for_ten_minutes_and_while_nobody_answers_for_a_day() {
        let keys = Rc::new(ClientKeys::default());
        let known = asked(0, Some(&keys));
        let plan = |now| known.plan(HERE, Timestamp(now));
        assert_eq!(plan(10 * MINUTE - 1), Plan::Use(Rc::clone(&keys)));
        assert_eq!(plan(10 * MINUTE), Plan::Ask(Some(Rc::clone(&keys))));
        assert_eq!(known.plan("https://other.dev/jwks", Timestamp(0)), Plan::Ask(None));
        // Asked in vain: what is known serves, and the address has ten seconds of peace.
        known.ask(HERE, Timestamp(11 * MINUTE));
        assert_eq!(plan(11 * MINUTE), Plan::Use(Rc::clone(&keys)));
        known.settle(HERE, None, Timestamp(11 * MINUTE));
        assert_eq!(plan(11 * MINUTE + 9_999), Plan::Use(Rc::clone(&keys)));
        assert_eq!(plan(11 * MINUTE + 10_000), Plan::Ask(Some(Rc::clone(&keys))));
        assert_eq!(plan(24 * 60 * MINUTE - 1), Plan::Ask(Some(keys)));
        assert_eq!(plan(24 * 60 * MINUTE), Plan::Ask(None));
    }

    #[test]
    fn an_address_that_fails_is_left_alone_for_ten_seconds() {
        let known = asked(0, None);
        let plan = |now| known.plan(HERE, Timestamp(now));
        assert_eq!(plan(0), Plan::Unavailable);
        assert_eq!(plan(9_999), Plan::Unavailable);
        assert_eq!(plan(10_000), Plan::Ask(None));
        // Another request began before the one that asked; a clock that stepped back.
        assert_eq!(plan(-1), Plan::Unavailable);
        assert_eq!(plan(-30_000), Plan::Ask(None));
    }

    #[test]
    fn an_invented_key_name_asks_once_in_ten_seconds_and_never_twice_at_once() {
        let known = asked(0, Some(&Rc::default()));
        let again = |now| known.again(HERE, Timestamp(now));
        assert_eq!(again(9_999), Again::No);
        assert_eq!(again(10_000), Again::Ask);
        known.ask(HERE, Timestamp(10_000));
        assert_eq!(again(15_999), Again::BeingAsked);
        // Whoever asked is gone.
        assert_eq!(again(16_000), Again::No);
        assert_eq!(again(20_000), Again::Ask);
    }

    #[test]
    fn whoever_comes_while_the_first_answer_is_awaited_asks_too() {
        let known = KnownClientKeys::default();
        known.ask(HERE, Timestamp(0));
        assert_eq!(known.plan(HERE, Timestamp(5_999)), Plan::Ask(None));
        assert_eq!(known.plan(HERE, Timestamp(6_000)), Plan::Unavailable);
    }

    #[test]
    fn keys_that_came_for_a_later_request_serve_one_that_began_earlier() {
        let known = KnownClientKeys::default();
        let keys = Rc::new(ClientKeys::default());
        known.ask(HERE, Timestamp(105));
        known.ask(HERE, Timestamp(103));
        known.settle(HERE, Some(Rc::clone(&keys)), Timestamp(105));
        assert_eq!(known.plan(HERE, Timestamp(104)), Plan::Use(Rc::clone(&keys)));
        // Nor does the older of two answers make the newer one older.
        known.settle(HERE, Some(Rc::clone(&keys)), Timestamp(103));
        assert_eq!(known.plan(HERE, Timestamp(600_104)), Plan::Use(keys));
    }

    #[test]
    fn memory_is_bounded_and_the_address_asked_longest_ago_makes_room() {
        let known = KnownClientKeys::default();
        for number in 0..1_000 {
            let address = format!("https://partner{number}.dev/jwks");
            known.ask(&address, Timestamp(number));
            known.settle(&address, Some(Rc::default()), Timestamp(number));
        }
        assert_eq!(known.0.borrow().len(), CAPACITY);
        assert_eq!(
            known.plan("https://partner0.dev/jwks", Timestamp(1_000)),
            Plan::Ask(None)
        );
        assert!(matches!(
            known.plan("https://partner999.dev/jwks", Timestamp(1_000)),
            Plan::Use(_)
        ));
    }
}
