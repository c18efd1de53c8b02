//! When people proved who they are (`auth_time`, OpenID Connect Core §2), and whether that is recent enough.

use crate::time::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

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
