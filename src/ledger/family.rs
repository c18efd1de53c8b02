//! A token family: everything issued from one code, and the rule by which its refresh tokens rotate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::status::Listed;
use super::{Lifetimes, Redeem, Refusal};
use crate::oauth::scope::Scopes;
use crate::time::Timestamp;

/// How long after a rotation its predecessor still gets the same successor: long enough for a lost reply, two
/// tabs and a laptop that wakes up.
const RETRY_WINDOW: Duration = Duration::from_secs(60);
/// How many rotations are remembered; more within [`RETRY_WINDOW`] than any honest client makes.
const REMEMBERED_ROTATIONS: usize = 8;

/// A token family. Ended or expired, it stays ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The app.
    pub client_id: String,
    /// The app's epoch when the family began.
    pub app_epoch: u32,
    /// The user.
    pub user_id: String,
    /// The consent it stands under.
    pub consent_id: String,
    /// What was granted.
    pub scopes: Scopes,
    /// For which APIs.
    pub resources: Vec<String>,
    /// When the user signed in, or [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Timestamp,
    /// The key its refresh tokens are bound to (RFC 9449 §5): its thumbprint.
    pub dpop_key: Option<String>,
    /// The current generation: how often it was rotated.
    pub generation: u32,
    /// The newest rotations: which generation was superseded when.
    rotations: Vec<Rotation>,
    /// The last generation that was re-sent after [`RETRY_WINDOW`].
    resent_late: Option<u32>,
    /// The attempt that re-sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resent_late_by: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// How long it lives from one use to the next.
    #[serde(default)]
    lifetimes: Lifetimes,
    /// When it dies unless it is used before.
    pub idle_expires_at: Timestamp,
    /// When it dies in any case.
    pub expires_at: Timestamp,
    /// Since when and why it is ended.
    pub ended: Option<End>,
    /// Where its access tokens are on the status lists, those that have expired aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Listed>,
}

/// A generation and when it was superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Rotation {
    generation: u32,
    at: Timestamp,
}

/// The end of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: EndReason,
}

/// Why a family was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its code was redeemed a second time (OAuth 2.1 §4.1.3).
    CodeReused,
    /// An old refresh token came back (OAuth 2.1 §4.3.1).
    RefreshTokenReused,
    /// The app revoked it (RFC 7009).
    RevokedByClient,
    /// Its consent was revoked.
    ConsentRevoked,
}

/// What becomes of a refresh token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presented {
    /// The current one: the family moves on. Also one from the future, whose MAC is good: storage was rolled
    /// back, and the family catches up.
    Rotates,
    /// The predecessor, within the window or of an app that proved who it is: the same successor again.
    SameSuccessor,
    /// The predecessor, late: the same successor, but only this once.
    SameSuccessorLate,
    /// Too old, but superseded so recently that a race explains it.
    Superseded,
    /// Too old, or late once too often: somebody else has it.
    Reused,
}

impl Family {
    /// Begins a family from a redeemed code.
    pub fn begin(redeem: &Redeem, now: Timestamp) -> Self {
        Self {
            client_id: redeem.client_id.clone(),
            app_epoch: redeem.app_epoch,
            user_id: redeem.user_id.clone(),
            consent_id: redeem.consent_id.clone(),
            scopes: redeem.scopes.clone(),
            resources: redeem.resources.clone(),
            auth_time: redeem.auth_time,
            dpop_key: redeem.dpop_key.clone(),
            generation: 0,
            rotations: Vec::new(),
            resent_late: None,
            resent_late_by: None,
            created_at: now,
            lifetimes: redeem.lifetimes,
            idle_expires_at: now + redeem.lifetimes.idle(),
            expires_at: now + redeem.lifetimes.absolute(),
            ended: None,
            listed: Vec::new(),
        }
    }

    /// When it was last used to get a token.
    pub fn last_used_at(&self) -> Timestamp {
        Timestamp(self.idle_expires_at.0 - i64::from(self.lifetimes.idle) * 1000)
    }

    /// How long it is to be known: it may be over before its last access token is, which then can still be taken back.
    pub fn kept_until(&self) -> Timestamp {
        let over = self.expires_at.min(self.idle_expires_at);
        let tokens = self.listed.iter().map(|listed| listed.expires_at).max();
        tokens.map_or(over, |tokens| tokens.max(over))
    }

    /// Uses the current token without replacing it.
    pub fn keep(&mut self, now: Timestamp) {
        self.idle_expires_at = now + self.lifetimes.idle();
    }

    /// Whether its tokens are good at all.
    pub fn check_alive(&self, now: Timestamp) -> Result<(), Refusal> {
        if let Some(end) = self.ended {
            Err(Refusal::FamilyEnded { cause: end.reason })
        } else if self.idle_expires_at <= now || self.expires_at <= now {
            Err(Refusal::FamilyExpired)
        } else {
            Ok(())
        }
    }

    /// Presents the refresh token of a generation. `Ok`: the family's current generation is the successor to
    /// hand out. `Err`: nothing to hand out, and the family may have been ended. `proven`: with the token came a
    /// proof, of a secret or of a key, that a thief of the token alone has not.
    pub fn present(&mut self, generation: u32, proven: bool, now: Timestamp) -> Result<(), Refusal> {
        match self.judge(generation, proven, now) {
            Presented::Rotates => {
                self.rotate(generation, now);
                Ok(())
            }
            Presented::SameSuccessor => Ok(()),
            Presented::SameSuccessorLate => {
                self.resent_late = Some(generation);
                Ok(())
            }
            Presented::Superseded => Err(Refusal::TokenSuperseded),
            Presented::Reused => {
                self.end(EndReason::RefreshTokenReused, now);
                Err(Refusal::TokenReused)
            }
        }
    }

    /// As [`Self::present`], for an attempt that is made again when its reply was lost: a late re-send that was
    /// taken is not taken for a second one.
    pub fn present_for(&mut self, attempt: &str, generation: u32, proven: bool, now: Timestamp) -> Result<(), Refusal> {
        let is_predecessor = generation.checked_add(1) == Some(self.generation);
        if is_predecessor && self.was_resent_late(generation) && self.resent_late_by.as_deref() == Some(attempt) {
            return Ok(());
        }
        let before = self.resent_late;
        self.present(generation, proven, now)?;
        if self.resent_late != before {
            self.resent_late_by = Some(attempt.to_owned());
        }
        Ok(())
    }

    /// Whether this generation's token would be answered with a successor.
    pub fn is_current(&self, generation: u32) -> bool {
        generation >= self.generation
    }

    /// Ends the family.
    pub fn end(&mut self, reason: EndReason, now: Timestamp) {
        self.ended = Some(End { at: now, reason });
    }

    fn judge(&self, generation: u32, proven: bool, now: Timestamp) -> Presented {
        if generation >= self.generation {
            return Presented::Rotates;
        }
        let superseded = self.rotations.iter().find(|rotation| rotation.generation == generation);
        let recent = superseded.is_some_and(|rotation| now - rotation.at <= RETRY_WINDOW);
        let is_predecessor = generation + 1 == self.generation;
        match (is_predecessor, recent) {
            (true, true) => Presented::SameSuccessor,
            (true, false) if proven => Presented::SameSuccessor,
            (true, false) if self.was_resent_late(generation) => Presented::Reused,
            (true, false) => Presented::SameSuccessorLate,
            (false, true) => Presented::Superseded,
            (false, false) => Presented::Reused,
        }
    }

    /// Late once is a lost reply. Late again, for this generation or for the one before it, is a thief who
    /// follows along.
    fn was_resent_late(&self, generation: u32) -> bool {
        self.resent_late
            .is_some_and(|late| late == generation || late + 1 == generation)
    }

    fn rotate(&mut self, generation: u32, now: Timestamp) {
        if self.rotations.len() >= REMEMBERED_ROTATIONS {
            self.rotations.remove(0);
        }
        self.rotations.push(Rotation { generation, at: now });
        self.generation = generation.saturating_add(1);
        self.keep(now);
    }
}

#[cfg(test)]
#[path = "family_tests.rs"]
pub mod tests;
