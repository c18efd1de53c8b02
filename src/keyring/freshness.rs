//! When an isolate reads the keys again: a set grows old, and a token may name a key nobody here knows yet.

use std::time::Duration;

use super::LIFETIME;
use crate::time::Timestamp;

/// How long nothing is asked again, whatever came of the last time: an invented `kid` must cost nothing, nor
/// must a keyring that is down be asked at every request.
const PAUSE: Duration = Duration::from_secs(10);
/// How long a request waits for another one's question before it gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last time this isolate asked the keyring itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Whether an answer came; `None` while it is awaited.
    pub answered: Option<bool>,
}

/// What to do about a key this isolate does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Ask the keyring.
    Ask,
    /// Another request is asking: look again shortly.
    Wait,
    /// The keyring was asked and does not have it.
    DoesNotExist,
    /// The keyring was asked and did not answer, so nobody can say.
    CannotBeKnown,
}

/// A set that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When it was asked for.
    pub read_at: Timestamp,
    /// Its version.
    pub version: u64,
    /// Whether the keyring itself gave it; else the mirror did, which may be behind.
    pub from_object: bool,
}

impl Reading {
    /// Whether it takes the place of what an isolate holds. Requests read side by side, so the answers may come in
    /// another order than the questions. A lower version from the keyring itself counts: then its storage was put
    /// back.
    pub fn replaces(&self, held: &Self) -> bool {
        let is_behind = self.version < held.version && !self.from_object;
        let is_late = self.read_at < held.read_at && self.version <= held.version;
        !is_behind && !is_late
    }
}

/// Whether a set is to be read again. `tried_at`: when that was last begun, also if nothing came of it.
pub fn is_due_for_a_read(read_at: Timestamp, tried_at: Option<Timestamp>, now: Timestamp) -> bool {
    let is_old = now - read_at >= LIFETIME;
    is_old && tried_at.is_none_or(|tried_at| now - tried_at >= PAUSE)
}

/// What to do about a key that is missing, given the last question.
pub fn on_unknown_key(last: Option<Asked>, now: Timestamp) -> Unknown {
    let Some(last) = last.filter(|last| now - last.at < PAUSE) else {
        return Unknown::Ask;
    };
    match last.answered {
        Some(true) => Unknown::DoesNotExist,
        None if now - last.at < PATIENCE => Unknown::Wait,
        // A question whose request was given up by its client stays without an answer.
        Some(false) | None => Unknown::CannotBeKnown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answered: Option<bool>) -> Option<Asked> {
        Some(Asked {
            at: Timestamp(100_000),
            answered,
        })
    }

    #[test]
    fn a_set_is_used_for_a_minute_and_read_again_at_most_every_ten_seconds() {
        let due = |tried_at: Option<i64>, now| is_due_for_a_read(Timestamp(0), tried_at.map(Timestamp), Timestamp(now));
        assert!(!due(None, 59_999));
        assert!(due(None, 60_000));
        assert!(
            !due(Some(60_000), 69_999),
            "a read that failed is not tried again at once"
        );
        assert!(due(Some(60_000), 70_000));
        assert!(!due(Some(0), 59_999));
    }

    #[test]
    fn a_newer_set_is_kept_whatever_order_the_answers_come_in() {
        let reading = |read_at, version, from_object| Reading {
            read_at: Timestamp(read_at),
            version,
            from_object,
        };
        // The keyring was asked first, and meanwhile the mirror, which is behind.
        let (asked, mirrored) = (reading(0, 8, true), reading(1, 7, false));
        assert!(asked.replaces(&mirrored) && !mirrored.replaces(&asked));
        // Of the same set, the one that was asked for later.
        let (early, late) = (reading(0, 7, true), reading(1, 7, false));
        assert!(late.replaces(&early) && !early.replaces(&late));
        assert!(
            reading(1, 6, true).replaces(&late),
            "the keyring's storage was put back"
        );
        assert!(
            !reading(0, 6, true).replaces(&late),
            "an answer from before the one that is held"
        );
    }

    #[test]
    fn an_unknown_key_is_asked_about_once_in_ten_seconds_also_when_that_failed() {
        assert_eq!(on_unknown_key(None, Timestamp(0)), Unknown::Ask);
        for answered in [Some(true), Some(false), None] {
            assert_ne!(on_unknown_key(asked(answered), Timestamp(109_999)), Unknown::Ask);
            assert_eq!(on_unknown_key(asked(answered), Timestamp(110_000)), Unknown::Ask);
        }
    }

    #[test]
    fn a_key_does_not_exist_only_if_the_keyring_said_so() {
        assert_eq!(
            on_unknown_key(asked(Some(true)), Timestamp(100_001)),
            Unknown::DoesNotExist
        );
        assert_eq!(
            on_unknown_key(asked(Some(false)), Timestamp(100_001)),
            Unknown::CannotBeKnown
        );
    }

    #[test]
    fn a_question_under_way_is_waited_for_but_not_for_ever() {
        assert_eq!(on_unknown_key(asked(None), Timestamp(101_999)), Unknown::Wait);
        assert_eq!(on_unknown_key(asked(None), Timestamp(102_000)), Unknown::CannotBeKnown);
    }
}
