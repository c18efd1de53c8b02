//! Every step in the life of a key, and every step it must not take.

use std::rc::Rc;
use std::time::Duration;

use super::policy::testing::policy;
use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::crypto::rsa_key::testing::rsa_key;
use crate::random::testing::Seeded;
use crate::time::Timestamp;

const MINUTE: i64 = 60_000;
/// From the publication of a key until it signs.
const WAIT: i64 = 15 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const START: Timestamp = Timestamp(1_800_000_000_000);
use SigningAlgorithm::{Es256, Rs256};

/// The `Keyring` object in small: settle, make what is due, publish, each as the moment demands.
struct Ring {
    set: KeySet,
    policy: Policy,
    now: Timestamp,
    made: u32,
}

impl Ring {
    fn new() -> Self {
        Self {
            set: KeySet::default(),
            policy: policy(),
            now: START,
            made: 0,
        }
    }

    fn with_a_key() -> Self {
        let mut ring = Self::new();
        ring.cron();
        ring
    }

    fn fresh(&mut self) -> EcPrivateKey {
        self.made += 1;
        EcPrivateKey::generate(&Seeded::new(self.made))
    }

    /// A cron run whose mirror is not written.
    fn unpublished_run(&mut self) -> Vec<Change> {
        let mut changes = self.set.settle(&self.policy, self.now);
        for algorithm in self.set.due(&self.policy, self.now) {
            // Only P-256 keys are made here: an RSA key costs the host a second.
            if algorithm == Es256 {
                let fresh = self.fresh();
                changes.extend(self.set.add(PrivateKey::Ec(fresh), self.now));
            }
        }
        changes
    }

    fn cron(&mut self) -> Vec<Change> {
        let mut changes = self.unpublished_run();
        changes.extend(self.set.publish(self.now));
        changes
    }

    fn pass(&mut self, milliseconds: i64) -> &mut Self {
        self.now = Timestamp(self.now.0 + milliseconds);
        self
    }

    /// Lets time pass with a cron run every five minutes.
    fn run_for(&mut self, milliseconds: i64) {
        for _ in 0..milliseconds / (5 * MINUTE) {
            self.pass(5 * MINUTE).cron();
        }
    }

    fn current(&self) -> String {
        self.set.current(Es256, self.now).unwrap().kid.clone()
    }

    fn state(&self, kid: &str) -> Option<KeyState> {
        self.set.find(kid).map(|key| key.state(self.now))
    }

    fn kids(&self) -> Vec<String> {
        self.set.iter().map(|key| key.kid.clone()).collect()
    }

    fn newest(&self) -> String {
        self.kids().last().unwrap().clone()
    }

    /// Makes the key old enough to be replaced, and has its successor made.
    fn rotate(&mut self) -> (String, String) {
        let old = self.current();
        self.pass(30 * DAY).cron();
        (old, self.newest())
    }
}

#[test]
fn the_first_key_of_an_empty_ring_is_used_at_once() {
    let mut ring = Ring::new();
    assert_eq!(ring.set.due(&ring.policy, ring.now), [Es256, Rs256]);
    ring.unpublished_run();
    assert_eq!(ring.state(&ring.current()), Some(KeyState::InUse));
    assert_eq!(ring.set.due(&ring.policy, ring.now), [Rs256]);
}

#[test]
fn the_first_key_of_an_algorithm_is_used_at_once_whatever_else_there_is() {
    let mut ring = Ring::with_a_key();
    ring.pass(DAY);
    ring.set.add(PrivateKey::Rsa(rsa_key()), ring.now);
    let rsa = ring.set.current(Rs256, ring.now).unwrap();
    assert_eq!(rsa.state(ring.now), KeyState::InUse);
    assert!(ring.set.due(&ring.policy, ring.now).is_empty());
}

#[test]
fn a_key_is_replaced_when_it_is_thirty_days_old_and_not_before() {
    let mut ring = Ring::with_a_key();
    ring.pass(30 * DAY - 1).cron();
    assert_eq!(ring.kids().len(), 1);
    ring.pass(1).cron();
    assert_eq!(ring.kids().len(), 2);
    ring.policy.rotate_every = None;
    ring.pass(1000 * DAY).unpublished_run();
    assert_eq!(ring.kids().len(), 2, "0 days: never");
}

#[test]
fn a_new_key_waits_fifteen_minutes_after_its_publication() {
    let mut ring = Ring::with_a_key();
    let (old, new) = ring.rotate();
    assert_eq!(ring.state(&new), Some(KeyState::Published));
    ring.pass(WAIT - 1);
    assert_eq!(
        (ring.current(), ring.state(&new)),
        (old.clone(), Some(KeyState::Published))
    );
    ring.pass(1);
    assert_eq!((ring.current(), ring.state(&new)), (new, Some(KeyState::InUse)));
    assert_eq!(ring.state(&old), Some(KeyState::Superseded));
}

#[test]
fn the_wait_covers_every_copy_of_the_set_there_may_be() {
    let mut ring = Ring::with_a_key();
    let (_, new) = ring.rotate();
    let wait = ring.set.find(&new).unwrap().use_from.unwrap() - ring.now;
    assert!(wait >= JWKS_MAX_AGE + CRON_PERIOD + KV_LAG + LIFETIME);
}

#[test]
fn a_key_that_could_not_be_published_is_not_used_however_long_that_takes() {
    let mut ring = Ring::with_a_key();
    let old = ring.current();
    ring.pass(30 * DAY);
    for _ in 0..100 {
        ring.pass(5 * MINUTE).unpublished_run();
    }
    assert_eq!(ring.kids().len(), 2, "one successor is enough");
    let new = ring.newest();
    assert_eq!((ring.current(), ring.state(&new)), (old, Some(KeyState::Made)));
    ring.cron();
    assert_eq!(ring.state(&new), Some(KeyState::Published));
    ring.pass(WAIT);
    assert_eq!(ring.current(), new);
}

#[test]
fn a_superseded_key_stays_until_the_last_token_it_signed_has_expired() {
    let mut ring = Ring::with_a_key();
    let (old, new) = ring.rotate();
    ring.run_for(WAIT);
    assert_eq!(ring.current(), new);
    ring.run_for(DAY);
    assert!(ring.set.find(&old).is_some(), "a token may live for a day");
    ring.run_for(2 * HOUR);
    assert_eq!(ring.kids(), [new]);
}

#[test]
fn a_superseded_key_stays_as_long_as_isolates_may_not_have_heard_of_its_successor() {
    let mut ring = Ring::with_a_key();
    let (old, _) = ring.rotate();
    // The moment of use is fixed, but the mirror that says so is not written.
    ring.pass(5 * DAY).unpublished_run();
    assert_eq!(ring.state(&old), Some(KeyState::Superseded));
    ring.cron();
    ring.run_for(DAY);
    assert!(ring.set.find(&old).is_some());
    ring.run_for(2 * HOUR);
    assert!(ring.set.find(&old).is_none());
}

#[test]
fn a_key_in_use_is_never_removed() {
    let mut ring = Ring::with_a_key();
    ring.policy.rotate_every = None;
    ring.run_for(2 * DAY);
    ring.pass(3650 * DAY).cron();
    assert_eq!(ring.state(&ring.current()), Some(KeyState::InUse));
}

#[test]
fn nothing_changes_where_nothing_is_due() {
    let mut ring = Ring::with_a_key();
    ring.cron();
    assert_eq!(ring.pass(DAY).cron(), []);
    ring.rotate();
    let news = ring.pass(MINUTE).cron();
    assert!(matches!(news.as_slice(), [Change::EndPublished(_)]), "{news:?}");
    assert_eq!(ring.pass(MINUTE).cron(), [], "one successor at a time");
}

#[test]
fn on_command_keys_made_before_the_moment_are_replaced_once() {
    let mut ring = Ring::with_a_key();
    let old = ring.current();
    ring.pass(DAY);
    ring.policy.rotate_before = Some(ring.now);
    ring.cron();
    assert_eq!(ring.kids().len(), 2);
    ring.run_for(HOUR);
    let new = ring.current();
    assert_ne!(new, old);
    ring.run_for(2 * DAY);
    assert_eq!(ring.kids(), [new]);
}

#[test]
fn a_command_for_a_moment_to_come_waits_for_it() {
    let mut ring = Ring::with_a_key();
    ring.policy.rotate_before = Some(Timestamp(START.0 + DAY));
    ring.run_for(DAY - 5 * MINUTE);
    assert_eq!(ring.kids().len(), 1);
    ring.run_for(HOUR);
    assert_eq!(ring.kids().len(), 2);
    ring.run_for(HOUR);
    assert_eq!(ring.kids().len(), 2, "the new key is younger than the command");
}

#[test]
fn a_revoked_key_is_gone_and_a_fresh_one_signs_at_once() {
    let mut ring = Ring::with_a_key();
    let leaked = ring.current();
    ring.pass(DAY);
    ring.policy.revoked = vec![leaked.clone()];
    let changes = ring.unpublished_run();
    assert!(changes.contains(&Change::Revoked(leaked.clone())));
    assert!(ring.set.find(&leaked).is_none());
    assert_eq!(ring.state(&ring.current()), Some(KeyState::InUse));
    assert_eq!(ring.cron(), [], "once");
}

#[test]
fn a_superseded_key_never_signs_again_because_its_successor_was_revoked() {
    let mut ring = Ring::with_a_key();
    let (old, leaked) = ring.rotate();
    ring.run_for(HOUR);
    assert_eq!(ring.current(), leaked);
    ring.policy.revoked = vec![leaked.clone()];
    // An isolate that has not heard of a fresh key yet.
    ring.set.remove(&ring.policy.revoked);
    assert!(ring.set.current(Es256, ring.now).is_none());
    ring.cron();
    assert!(ring.current() != old && ring.current() != leaked);
    assert_eq!(ring.state(&old), Some(KeyState::Superseded));
}

#[test]
fn the_key_in_use_goes_on_when_its_successor_is_revoked_before_its_time() {
    let mut ring = Ring::with_a_key();
    let (old, leaked) = ring.rotate();
    ring.policy.revoked = vec![leaked.clone()];
    ring.pass(MINUTE).cron();
    let next = ring.newest();
    assert!(next != leaked, "it is still due to be replaced");
    assert_eq!(ring.current(), old);
    ring.pass(WAIT);
    assert_eq!(ring.current(), next);
}

#[test]
fn a_successor_that_waits_takes_over_at_once_when_the_key_in_use_is_revoked() {
    let mut ring = Ring::with_a_key();
    let (leaked, next) = ring.rotate();
    ring.policy.revoked = vec![leaked.clone()];
    // An isolate without the news lets it sign already; the object fixes the moment.
    ring.set.remove(&ring.policy.revoked);
    assert_eq!(ring.current(), next);
    ring.pass(MINUTE).cron();
    assert_eq!(ring.kids(), std::slice::from_ref(&next));
    assert_eq!(ring.state(&next), Some(KeyState::InUse));
}

#[test]
fn an_operators_key_is_published_before_it_is_used_like_any_other() {
    let mut ring = Ring::with_a_key();
    let old = ring.current();
    let own = ring.fresh();
    let kid = own.public_key().thumbprint();
    ring.pass(DAY);
    ring.policy.own = Some(Rc::new(PrivateKey::Ec(own)));
    ring.cron();
    assert_eq!(
        (ring.current(), ring.state(&kid)),
        (old.clone(), Some(KeyState::Published))
    );
    ring.run_for(WAIT);
    assert_eq!(
        (ring.current(), ring.state(&old)),
        (kid.clone(), Some(KeyState::Superseded))
    );
    ring.pass(400 * DAY).cron();
    ring.pass(2 * DAY).cron();
    assert_eq!(ring.kids(), [kid], "it is the operator who replaces it");
}

#[test]
fn an_operators_key_is_the_first_key_of_a_new_server() {
    let mut ring = Ring::new();
    let own = ring.fresh();
    let kid = own.public_key().thumbprint();
    ring.policy.own = Some(Rc::new(PrivateKey::Ec(own)));
    ring.cron();
    assert_eq!((ring.current(), ring.kids()), (kid.clone(), vec![kid]));
}

#[test]
fn an_operators_key_that_was_brought_before_signs_again_at_once() {
    let mut ring = Ring::with_a_key();
    let own: Vec<Rc<PrivateKey>> = (0..2).map(|_| Rc::new(PrivateKey::Ec(ring.fresh()))).collect();
    for own in own.iter().chain([&own[0]]) {
        ring.policy.own = Some(Rc::clone(own));
        ring.pass(DAY).cron();
        ring.run_for(WAIT);
        assert_eq!(ring.current(), own.thumbprint());
    }
    assert_eq!(ring.state(&own[1].thumbprint()), Some(KeyState::Superseded));
    assert_eq!(ring.cron(), []);
}

#[test]
fn an_operators_key_goes_on_until_it_is_old_once_the_variable_is_gone() {
    let mut ring = Ring::new();
    let own = Rc::new(PrivateKey::Ec(ring.fresh()));
    ring.policy.own = Some(Rc::clone(&own));
    ring.cron();
    ring.policy.own = None;
    ring.pass(29 * DAY).cron();
    assert_eq!(ring.current(), own.thumbprint());
    ring.pass(DAY).cron();
    ring.run_for(WAIT);
    assert_ne!(ring.current(), own.thumbprint());
}

#[test]
fn a_successor_made_before_the_operators_key_came_back_does_not_take_over() {
    let mut ring = Ring::new();
    let own = Rc::new(PrivateKey::Ec(ring.fresh()));
    ring.policy.own = Some(Rc::clone(&own));
    ring.cron();
    ring.policy.own = None;
    let (_, made) = ring.rotate();
    ring.policy.own = Some(Rc::clone(&own));
    ring.pass(MINUTE).cron();
    for _ in 0..10 {
        assert_eq!(ring.current(), own.thumbprint());
        ring.pass(5 * MINUTE).cron();
    }
    assert_eq!(
        ring.state(&made),
        Some(KeyState::Superseded),
        "some isolate may use it: accepted for a day"
    );
}

#[test]
fn a_revoked_key_of_the_operator_stays_out() {
    let mut ring = Ring::with_a_key();
    let own = ring.fresh();
    ring.policy.revoked = vec![own.public_key().thumbprint()];
    ring.policy.own = Some(Rc::new(PrivateKey::Ec(own)));
    assert_eq!(ring.pass(DAY).cron(), []);
}

#[test]
fn an_isolate_whose_clock_is_behind_signs_all_the_same() {
    let ring = Ring::with_a_key();
    let kid = &ring.set.current(Es256, Timestamp(START.0 - MINUTE)).unwrap().kid;
    assert_eq!(*kid, ring.current());
}

#[test]
fn at_every_moment_of_three_weeks_one_key_signs_and_every_token_still_good_is_accepted() {
    let mut ring = Ring::new();
    ring.policy.rotate_every = Some(Duration::from_secs(86_400));
    let mut signed: Vec<(Timestamp, String)> = Vec::new();
    for run in 0..6_000 {
        // One run in seven finds KV out of order.
        if run % 7 == 3 {
            ring.unpublished_run();
        } else {
            ring.cron();
        }
        let in_use = ring.set.iter().filter(|key| key.state(ring.now) == KeyState::InUse);
        assert_eq!(in_use.count(), 1, "run {run}");
        if run % 12 == 0 {
            signed.push((ring.now, ring.current()));
        }
        signed.retain(|(at, _)| ring.now - *at <= LONGEST_TOKEN);
        assert!(signed.iter().all(|(_, kid)| ring.set.find(kid).is_some()), "run {run}");
        assert!(ring.kids().len() <= 5, "run {run}: keys pile up");
        ring.pass(5 * MINUTE);
    }
}
