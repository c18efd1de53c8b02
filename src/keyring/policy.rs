//! What the operator says about the signing keys.

use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;

use crate::crypto::from_base64url;
use crate::crypto::signing::{PrivateKey, PrivateKeyError};
use crate::time::Timestamp;

const DEFAULT_DAYS: u64 = 30;
const MOST_DAYS: u64 = 3650;

/// When keys are replaced, and by which.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How old a key in use may get; `None`: any age.
    pub rotate_every: Option<Duration>,
    /// Keys in use that were made before this moment are replaced, once it has come.
    pub rotate_before: Option<Timestamp>,
    /// Names of keys that are neither published nor used nor accepted any more.
    pub revoked: Vec<String>,
    /// The operator's own key.
    pub own: Option<Rc<PrivateKey>>,
}

/// The raw values, as bound by wrangler.
#[derive(Debug, Default)]
pub struct PolicyVariables {
    /// `SIGNING_KEY_DAYS`
    pub days: Option<String>,
    /// `ROTATE_SIGNING_KEYS_BEFORE`
    pub rotate_before: Option<String>,
    /// `REVOKED_SIGNING_KEYS`
    pub revoked: Option<String>,
    /// `SIGNING_KEY`
    pub own: Option<String>,
}

/// Why the variables about signing keys cannot be followed. The text is for the operator and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// `SIGNING_KEY_DAYS`
    #[error("SIGNING_KEY_DAYS must be a number of days from 0 (never) to 3650")]
    Days,
    /// `ROTATE_SIGNING_KEYS_BEFORE`
    #[error("ROTATE_SIGNING_KEYS_BEFORE must be a time such as 2026-11-21T20:00:00Z")]
    RotateBefore,
    /// `REVOKED_SIGNING_KEYS`. A name with a letter missing would leave a leaked key in use.
    #[error("REVOKED_SIGNING_KEYS must be names of keys (the kid in the key set) separated by commas")]
    Revoked,
    /// `SIGNING_KEY`
    #[error("SIGNING_KEY cannot be used: {0}")]
    Own(#[from] PrivateKeyError),
}

impl Policy {
    /// Reads the variables. One that is empty counts as absent.
    pub fn parse(variables: &PolicyVariables) -> Result<Self, PolicyError> {
        let present = |variable: &'_ Option<String>| -> Option<String> {
            let text = variable.as_deref().unwrap_or_default().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let days = match present(&variables.days) {
            None => DEFAULT_DAYS,
            Some(days) => days
                .parse()
                .ok()
                .filter(|days| *days <= MOST_DAYS)
                .ok_or(PolicyError::Days)?,
        };
        let rotate_before = present(&variables.rotate_before)
            .map(|time| Timestamp::from_rfc3339(&time).ok_or(PolicyError::RotateBefore))
            .transpose()?;
        let own = present(&variables.own)
            .map(|jwk| PrivateKey::from_jwk(&jwk))
            .transpose()?;
        Ok(Self {
            rotate_every: (days > 0).then(|| Duration::from_secs(days * 86_400)),
            rotate_before,
            revoked: kids(&present(&variables.revoked).unwrap_or_default())?,
            own: own.map(Rc::new),
        })
    }

    /// The operator's own key, unless it was revoked.
    pub fn own(&self) -> Option<&Rc<PrivateKey>> {
        self.own
            .as_ref()
            .filter(|own| !self.revoked.contains(&own.thumbprint()))
    }
}

fn kids(text: &str) -> Result<Vec<String>, PolicyError> {
    let is_thumbprint = |kid: &str| from_base64url(kid).is_some_and(|bytes| bytes.len() == 32);
    text.split([',', ' ', '\n'])
        .filter(|kid| !kid.is_empty())
        .map(|kid| is_thumbprint(kid).then(|| kid.to_owned()).ok_or(PolicyError::Revoked))
        .collect()
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::crypto::rsa_key::testing::rsa_jwk;

    /// What applies where no variable is set.
    pub fn policy() -> Policy {
        Policy::parse(&PolicyVariables::default()).unwrap()
    }

    fn parse(name: &str, value: &str) -> Result<Policy, PolicyError> {
        let mut variables = PolicyVariables::default();
        let variable = match name {
            "days" => &mut variables.days,
            "rotate_before" => &mut variables.rotate_before,
            "revoked" => &mut variables.revoked,
            _ => &mut variables.own,
        };
        *variable = Some(value.into());
        Policy::parse(&variables)
    }

    #[test]
    fn without_variables_keys_are_replaced_every_thirty_days() {
        for policy in [policy(), parse("days", " ").unwrap(), parse("own", "").unwrap()] {
            assert_eq!(policy.rotate_every, Some(Duration::from_secs(30 * 86_400)));
            assert!(policy.rotate_before.is_none() && policy.revoked.is_empty() && policy.own.is_none());
        }
    }

    #[test]
    fn days_are_counted_and_zero_means_never() {
        assert_eq!(parse("days", "0").unwrap().rotate_every, None);
        assert_eq!(
            parse("days", "7").unwrap().rotate_every,
            Some(Duration::from_secs(7 * 86_400))
        );
        for bad in ["-1", "1.5", "thirty", "3651", "99999999999999999999"] {
            assert_eq!(parse("days", bad).unwrap_err(), PolicyError::Days, "{bad}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_read_is_refused_rather_than_ignored() {
        let policy = parse("rotate_before", "2026-11-21T20:25:13Z").unwrap();
        assert_eq!(policy.rotate_before, Some(Timestamp(1_795_292_713_000)));
        for bad in ["yesterday", "2026-11-21", "1795292713"] {
            assert_eq!(
                parse("rotate_before", bad).unwrap_err(),
                PolicyError::RotateBefore,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_revoked_key_must_be_named_in_full() {
        let (one, two) = (crate::crypto::hash("one"), crate::crypto::hash("two"));
        let policy = parse("revoked", &format!("{one}, {two}")).unwrap();
        assert_eq!(policy.revoked, [one.clone(), two]);
        for bad in ["kid", &one[1..], &format!("{one};{one}")] {
            assert_eq!(parse("revoked", bad).unwrap_err(), PolicyError::Revoked, "{bad}");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_with_the_reason_and_without_the_key() {
        assert!(parse("own", &rsa_jwk().to_string()).unwrap().own().is_some());
        let mut public = rsa_jwk();
        public.as_object_mut().unwrap().remove("d");
        let error = parse("own", &public.to_string()).unwrap_err().to_string();
        assert!(
            error.starts_with("SIGNING_KEY cannot be used: it has no private part"),
            "{error}"
        );
        assert!(!error.contains(rsa_jwk()["p"].as_str().unwrap()));
    }

    #[test]
    fn an_own_key_that_was_revoked_does_not_count() {
        let own = parse("own", &rsa_jwk().to_string()).unwrap();
        let revoked = vec![own.own().unwrap().thumbprint()];
        assert!(Policy { revoked, ..own }.own().is_none());
    }
}
