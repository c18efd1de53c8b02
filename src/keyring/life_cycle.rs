//! The life of a key: made → published → in use → superseded → removed.
//!
//! The `Keyring` object alone moves keys on. Every moment at which something changes is written into the set
//! beforehand, so that all isolates turn to a new key at the same time without asking anybody.

use std::rc::Rc;
use std::time::Duration;

use super::{CRON_PERIOD, JWKS_MAX_AGE, KV_LAG, KeyPair, KeySet, LIFETIME, LONGEST_TOKEN, Policy};
use crate::crypto::signing::{PrivateKey, SigningAlgorithm};
use crate::time::Timestamp;

/// Until everyone knows a key that has just been published: an older set may be written over it once more and stand
/// until the cron trigger repairs that, KV may answer with what was there before, isolates use what they have read,
/// and whoever verifies tokens may keep the key set. The last two minutes are for clocks.
const PROPAGATION: Duration = JWKS_MAX_AGE
    .saturating_add(CRON_PERIOD)
    .saturating_add(KV_LAG)
    .saturating_add(LIFETIME)
    .saturating_add(Duration::from_secs(120));
/// How long a key is accepted after another one took over: as long as a token can live that was signed by the
/// last isolate to hear of it, and an hour for whatever went wrong.
const RETIREMENT: Duration = LONGEST_TOKEN
    .saturating_add(KV_LAG)
    .saturating_add(LIFETIME)
    .saturating_add(Duration::from_secs(3600));

/// How far a key has come in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// There is such a key; who knows it, nobody knows.
    Made,
    /// Published, and to be used when everyone can have heard of it.
    Published,
    /// Signs.
    InUse,
    /// Another key signs; this one is accepted still.
    Superseded,
}

/// A step in the life of a key, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key came into the set.
    Added(SigningAlgorithm, String),
    /// The operator's key signs again.
    BroughtBack(String),
    /// A key will sign from this moment.
    Scheduled(String, Timestamp),
    /// It is published when this key is superseded.
    EndPublished(String),
    /// A key is gone because its time was over.
    Removed(String),
    /// A key is gone because the operator said so.
    Revoked(String),
}

impl KeyPair {
    /// Where it stands.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.use_from, self.superseded_from) {
            (_, Some(superseded_from)) if superseded_from <= now => KeyState::Superseded,
            (None, _) => KeyState::Made,
            (Some(use_from), _) if use_from > now => KeyState::Published,
            (Some(_), _) => KeyState::InUse,
        }
    }

    fn end_at(&mut self, superseded_from: Option<Timestamp>) {
        if self.superseded_from != superseded_from {
            self.superseded_from = superseded_from;
            self.end_known_since = None;
        }
    }

    /// Whether no token it signed can still be good.
    fn is_retired(&self, now: Timestamp) -> bool {
        match (self.superseded_from, self.end_known_since) {
            (Some(superseded_from), Some(since)) => superseded_from.max(since) + RETIREMENT <= now,
            _ => false,
        }
    }
}

impl KeySet {
    /// Does what time and operator demand, but for making keys: removes what is revoked or retired, brings the
    /// operator's key in, lets the next key take over where none signs.
    pub fn settle(&mut self, policy: &Policy, now: Timestamp) -> Vec<Change> {
        let mut changes = self.weed(policy, now);
        if let Some(own) = policy.own() {
            changes.extend(self.prefer(own, now));
        }
        for algorithm in SigningAlgorithm::ALL {
            changes.extend(self.line_up(algorithm, now));
        }
        changes
    }

    /// The algorithms a key has to be made for: those that have none, and those whose key has grown old. The
    /// operator's own key is replaced by the operator.
    pub fn due(&self, policy: &Policy, now: Timestamp) -> Vec<SigningAlgorithm> {
        let own = policy.own().map(|own| own.thumbprint());
        let is_due = |algorithm: &SigningAlgorithm| {
            let successor_is_there = self
                .live(*algorithm, now)
                .any(|key| key.state(now) != KeyState::InUse || own.as_ref() == Some(&key.kid));
            let newest = self.live(*algorithm, now).max_by_key(|key| key.created_at);
            match newest {
                None => true,
                Some(_) if successor_is_there => false,
                Some(newest) => {
                    let too_old = policy.rotate_every.is_some_and(|age| now - newest.created_at >= age);
                    let on_command = policy
                        .rotate_before
                        .is_some_and(|moment| moment <= now && newest.created_at < moment);
                    too_old || on_command
                }
            }
        };
        SigningAlgorithm::ALL.into_iter().filter(is_due).collect()
    }

    /// Adds a new key: used at once if its algorithm has no other, else once it is published everywhere.
    pub fn add(&mut self, private: PrivateKey, now: Timestamp) -> Vec<Change> {
        let algorithm = private.algorithm();
        let mut changes = vec![self.insert(Rc::new(private), now)];
        changes.extend(self.line_up(algorithm, now));
        changes
    }

    /// Notes that the set has just been published as it is: made keys are published keys from now on, and nobody
    /// can miss for long which key is superseded when.
    pub fn publish(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for key in &mut self.keys {
            if key.superseded_from.is_some() && key.end_known_since.is_none() {
                key.end_known_since = Some(now);
                changes.push(Change::EndPublished(key.kid.clone()));
            }
        }
        for key in self.keys.iter_mut().filter(|key| key.state(now) == KeyState::Made) {
            let use_from = now + PROPAGATION;
            key.use_from = Some(use_from);
            changes.push(Change::Scheduled(key.kid.clone(), use_from));
        }
        for algorithm in SigningAlgorithm::ALL {
            changes.extend(self.line_up(algorithm, now));
        }
        changes
    }

    fn weed(&mut self, policy: &Policy, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        self.keys.retain(|key| {
            let change = if policy.revoked.contains(&key.kid) {
                Change::Revoked(key.kid.clone())
            } else if key.is_retired(now) {
                Change::Removed(key.kid.clone())
            } else {
                return true;
            };
            changes.push(change);
            false
        });
        changes
    }

    /// Makes the operator's key the one that signs, or will.
    fn prefer(&mut self, own: &Rc<PrivateKey>, now: Timestamp) -> Option<Change> {
        let kid = own.thumbprint();
        let Some(place) = self.keys.iter().position(|key| key.kid == kid) else {
            return Some(self.insert(Rc::clone(own), now));
        };
        let others_wait = self
            .live(own.algorithm(), now)
            .any(|key| key.kid != kid && key.state(now) != KeyState::InUse);
        let state = self.keys.get(place)?.state(now);
        match state {
            KeyState::Made | KeyState::Published => return None,
            KeyState::InUse if !others_wait => return None,
            // It is known everywhere already, so it needs no time to become so.
            KeyState::InUse | KeyState::Superseded => {}
        }
        for key in self.keys.iter_mut().filter(|key| key.algorithm() == own.algorithm()) {
            if key.kid == kid {
                key.use_from = Some(now);
                key.end_at(None);
            } else if key.state(now) != KeyState::Superseded {
                key.end_at(Some(now));
            }
        }
        Some(Change::BroughtBack(kid))
    }

    fn insert(&mut self, private: Rc<PrivateKey>, now: Timestamp) -> Change {
        let kid = private.thumbprint();
        let change = Change::Added(private.algorithm(), kid.clone());
        self.keys.push(KeyPair {
            kid,
            private,
            created_at: now,
            use_from: None,
            superseded_from: None,
            end_known_since: None,
        });
        change
    }

    /// Lets the live keys of an algorithm follow each other without a gap: if none signs, the first of those
    /// that wait does so now, and each signs until the next one does.
    fn line_up(&mut self, algorithm: SigningAlgorithm, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut line: Vec<&mut KeyPair> = self
            .keys
            .iter_mut()
            .filter(|key| key.algorithm() == algorithm && key.state(now) != KeyState::Superseded)
            .collect();
        line.sort_by_key(|key| (key.use_from.is_none(), key.use_from, key.created_at));
        if let Some(first) = line.first_mut()
            && first.state(now) != KeyState::InUse
        {
            first.use_from = Some(now);
            changes.push(Change::Scheduled(first.kid.clone(), now));
        }
        let mut next = None;
        for key in line.into_iter().rev() {
            key.end_at(next);
            next = key.use_from.or(next);
        }
        changes
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Added(algorithm, kid) => write!(f, "key {kid} for {} added", algorithm.name()),
            Self::BroughtBack(kid) => write!(f, "key {kid} of the operator signs again"),
            Self::Scheduled(kid, from) => write!(f, "key {kid} signs from {}", from.to_rfc3339()),
            Self::EndPublished(kid) => write!(f, "the successor of key {kid} is published"),
            Self::Removed(kid) => write!(f, "key {kid} removed: no token it signed can still be good"),
            Self::Revoked(kid) => write!(f, "key {kid} removed: revoked by the operator"),
        }
    }
}
