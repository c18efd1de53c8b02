//! When people proved who they are (`auth_time`, OpenID Connect Core §2), and whether that is recent enough.

use std::time::Duration;

use crate::time::Timestamp;

/// How far the clock of a provider, or of the platform's own page, may be off.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How much earlier than asked somebody may have signed in: `auth_time` counts whole seconds, by another clock.
const AUTH_TIME_SKEW: Duration = Duration::from_secs(10);

/// The `auth_time` of somebody whose provider does not tell it. No request that asks for a recent sign-in is content
/// with it, and no token names it.
pub const UNKNOWN: Timestamp = Timestamp(0);

/// The moment, if it is known.
pub fn known(auth_time: Timestamp) -> Option<Timestamp> {
    Some(auth_time).filter(|auth_time| *auth_time != UNKNOWN)
}

/// Whether somebody who proved who they are at `auth_time` needs not do so again. `since`: not earlier than this;
/// `None`: whenever it was.
pub fn is_recent_enough(auth_time: Timestamp, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| known(auth_time).is_some_and(|auth_time| auth_time >= since))
}

/// When somebody counts as having proved who they are, by what was `said`. `since`: whoever was asked to do so anew must
/// have done it then or later. `None`: too early, or not told.
pub fn accept(said: Option<Timestamp>, since: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    // A clock that is ahead must not make a session look younger than it is.
    let said = said.and_then(known).map(|said| said.min(now));
    let Some(since) = since else {
        return Some(said.unwrap_or(UNKNOWN));
    };
    // What is accepted as fresh counts as such from here on, or its user would be sent round in circles.
    said.filter(|said| *said + AUTH_TIME_SKEW >= since)
        .map(|said| said.max(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule: STEPUP 1
    #[test]
    fn a_sign_in_asked_for_anew_is_accepted_ten_seconds_early_and_never_without_a_time() {
        let (since, now) = (Timestamp(100_000), Timestamp(105_000));
        let anew = |said| accept(said, Some(since), now);
        assert_eq!(anew(Some(Timestamp(89_999))), None);
        assert_eq!(anew(Some(Timestamp(90_000))), Some(since));
        assert_eq!(anew(Some(Timestamp(103_000))), Some(Timestamp(103_000)));
        assert_eq!(anew(Some(Timestamp(130_000))), Some(now));
        for since in [since, Timestamp(0), Timestamp(-1)] {
            assert_eq!(accept(None, Some(since), now), None);
            assert_eq!(accept(Some(UNKNOWN), Some(since), now), None);
        }
        assert_eq!(accept(None, None, now), Some(UNKNOWN));
        assert_eq!(accept(Some(Timestamp(5)), None, now), Some(Timestamp(5)));
        assert_eq!(accept(Some(Timestamp(130_000)), None, now), Some(now));
    }

    // Rule: STEPUP 1
    #[test]
    fn a_sign_in_of_unknown_time_is_never_recent_enough() {
        // What is older than 1970 is asked for by a max_age of 136 years.
        for since in [Timestamp(i64::MIN), Timestamp(-1), Timestamp(0), Timestamp(1)] {
            assert!(!is_recent_enough(UNKNOWN, Some(since)), "{since:?}");
        }
        assert!(is_recent_enough(UNKNOWN, None));
        assert!(is_recent_enough(Timestamp(5), Some(Timestamp(5))));
        assert!(!is_recent_enough(Timestamp(4), Some(Timestamp(5))));
    }
}
