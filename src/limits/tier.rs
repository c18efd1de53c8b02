//! How many calls there are for whom.

use serde::Deserialize;

/// An app's rate tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Tier {
    /// How many calls it may make for one user, or for itself.
    pub requests: u32,
    /// How many it may make altogether.
    pub app_requests: u32,
    /// In how many seconds.
    pub seconds: u32,
}

impl Tier {
    /// That of an app whose tier the directory does not have: as for apps on trial.
    pub const SMALLEST: Self = Self {
        requests: 50,
        app_requests: 5_000,
        seconds: 900,
    };
}

/// So many calls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many calls.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
}

/// Who makes a call.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The app.
    pub client_id: &'a str,
    /// The user it speaks for; `None`: the app itself.
    pub user_id: Option<&'a str>,
    /// What the app may do.
    pub tier: Tier,
}

/// The key of the count of an app as a whole.
pub const APP: &str = "app";

/// One of the two counts that a call is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// What the limit is called outside (`RateLimit-Policy`).
    pub policy: &'static str,
    /// The count's name in the app's counter.
    pub key: String,
    /// How many calls there are.
    pub quota: Quota,
}

impl Caller<'_> {
    /// What a call of this caller counts for: first for the user it speaks for, or the app as its own subject, then for the
    /// app as a whole.
    pub fn counts(&self) -> [Counted; 2] {
        let (policy, key) = match self.user_id {
            Some(user_id) => ("user", format!("user/{user_id}")),
            None => ("client", "client".to_owned()),
        };
        let Tier {
            requests,
            app_requests,
            seconds,
        } = self.tier;
        let quota = |requests| Quota { requests, seconds };
        [
            Counted {
                policy,
                key,
                quota: quota(requests),
            },
            Counted {
                policy: "app",
                key: APP.to_owned(),
                quota: quota(app_requests),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: R77, B41
    #[test]
    fn a_call_counts_for_the_user_it_speaks_for_and_for_the_app_and_never_for_a_caller_without_a_name() {
        let tier = Tier {
            requests: 1000,
            app_requests: 100_000,
            seconds: 900,
        };
        let keys = |user_id| {
            let caller = Caller {
                client_id: "app_one",
                user_id,
                tier,
            };
            caller.counts().map(|counted| (counted.key, counted.quota.requests))
        };
        let app = ("app".to_owned(), 100_000);
        assert_eq!(keys(Some("usr_one")), [("user/usr_one".to_owned(), 1000), app.clone()]);
        assert_eq!(keys(Some("usr_two")), [("user/usr_two".to_owned(), 1000), app.clone()]);
        assert_eq!(keys(None), [("client".to_owned(), 1000), app.clone()]);
        // No user's name is that of the app itself.
        assert_ne!(keys(Some("client"))[0], keys(None)[0]);
        assert_ne!(keys(Some("app"))[0], app);
    }
}
