//! Requests added up until they are written: bounded, whatever comes.

use super::{DAY, EVERY_APP, HOUR, Metric, Noted, Request};
use crate::time::Timestamp;

/// Different counts kept until the next write: one for each app, hour and metric.
pub const MOST_COUNTS: usize = 2000;
/// Different users kept until the next write, and different apps, secrets and credentials that were used.
pub const MOST_USERS: usize = 2000;
/// Different refusals kept until the next write, of all apps and of one.
pub const MOST_ERRORS: usize = 200;
/// See [`MOST_ERRORS`].
pub const MOST_ERRORS_OF_APP: usize = 20;

/// What came since the last write.
#[derive(Debug, Default)]
pub struct Buffer {
    counts: Sorted<(String, i64, Metric), u32>,
    users: Sorted<(String, i64, String), ()>,
    used: Sorted<(Used, String), Timestamp>,
    errors: Vec<LoggedError>,
    /// What there was no room for.
    left_out: u32,
}

/// What was used last at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// An app got a token.
    App,
    /// A client secret.
    Secret,
    /// An API's credential.
    Credential,
}

/// Refusals that are alike, for the app's error log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedError {
    /// The app.
    pub client_id: String,
    /// When the first came.
    pub at: Timestamp,
    /// The name of the route.
    pub endpoint: &'static str,
    /// The code.
    pub error: &'static str,
    /// The description.
    pub description: String,
    /// The request the first was.
    pub request_id: String,
    /// How many.
    pub count: u32,
}

/// What is written at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Client id or [`EVERY_APP`], hour, metric: how many more.
    pub counts: Vec<((String, i64, Metric), u32)>,
    /// Client id, day, user.
    pub users: Vec<(String, i64, String)>,
    /// When what was used.
    pub used: Vec<((Used, String), Timestamp)>,
    /// For the error logs.
    pub errors: Vec<LoggedError>,
    /// How much there was no room for.
    pub left_out: u32,
}

impl Buffer {
    /// Adds what a request noted.
    pub fn add(&mut self, noted: Noted, request: Request<'_>) {
        let (hour, day) = (begin(request.at, HOUR), begin(request.at, DAY));
        for (client_id, metric) in noted.counts {
            if let Metric::Token(_) = metric {
                self.count((client_id.clone(), day, Metric::Tokens));
                self.used((Used::App, client_id.clone()), request.at);
            }
            self.count((client_id, hour, metric));
        }
        if let Some(id) = noted.secret {
            self.used((Used::Secret, id), request.at);
        }
        if let Some(id) = noted.credential {
            self.used((Used::Credential, id), request.at);
        }
        let Some(client_id) = noted.app else { return };
        if let Some(user) = noted.user {
            let kept = self.users.add((client_id.clone(), day, user), MOST_USERS, |()| ());
            self.left_out = self.left_out.saturating_add(u32::from(!kept));
        }
        if let Some(refusal) = noted.refusal {
            self.count((client_id.clone(), hour, Metric::Error(refusal.code)));
            if refusal.is_logged {
                self.log(LoggedError {
                    client_id,
                    at: request.at,
                    endpoint: request.route,
                    error: refusal.code,
                    description: refusal.description,
                    request_id: request.id.to_owned(),
                    count: 1,
                });
            }
        }
    }

    /// Whether nothing has come.
    pub fn is_empty(&self) -> bool {
        self.counts.0.is_empty() && self.used.0.is_empty() && self.left_out == 0
    }

    /// Empties it into a batch, with the sums over all apps.
    pub fn take(&mut self) -> Batch {
        let Self {
            mut counts,
            users,
            used,
            errors,
            left_out,
        } = std::mem::take(self);
        let of_apps = counts.0.clone();
        for ((_, hour, metric), count) in of_apps {
            if metric != Metric::Tokens {
                counts.add((EVERY_APP.to_owned(), hour, metric), usize::MAX, |sum| *sum += count);
            }
        }
        let mut users: Vec<_> = users.0.into_iter().map(|(user, ())| user).collect();
        let of_all = users
            .iter()
            .map(|(_, day, user)| (EVERY_APP.to_owned(), *day, user.clone()));
        let mut of_all: Vec<_> = of_all.collect();
        of_all.sort_unstable();
        of_all.dedup();
        users.extend(of_all);
        Batch {
            counts: counts.0,
            users,
            used: used.0,
            errors,
            left_out,
        }
    }

    fn count(&mut self, key: (String, i64, Metric)) {
        let kept = self
            .counts
            .add(key, MOST_COUNTS, |count| *count = count.saturating_add(1));
        self.left_out = self.left_out.saturating_add(u32::from(!kept));
    }

    /// Another use in the same second is nothing that must be known, so what finds no room is not missed.
    fn used(&mut self, key: (Used, String), at: Timestamp) {
        self.used.add(key, MOST_USERS, |last| *last = at.max(*last));
    }

    /// Whoever sends one bad request after another fills no log: those that are alike become one entry, and of the rest
    /// the first are kept. All of them are counted.
    fn log(&mut self, new: LoggedError) {
        let alike = |old: &&mut LoggedError| {
            (&old.client_id, old.endpoint, old.error, &old.description)
                == (&new.client_id, new.endpoint, new.error, &new.description)
        };
        if let Some(old) = self.errors.iter_mut().find(alike) {
            old.count = old.count.saturating_add(1);
            return;
        }
        let of_app = self.errors.iter().filter(|old| old.client_id == new.client_id).count();
        if self.errors.len() < MOST_ERRORS && of_app < MOST_ERRORS_OF_APP {
            self.errors.push(new);
        }
    }
}

/// When the hour or day began that this moment is in.
pub fn begin(at: Timestamp, length: i64) -> i64 {
    at.0 - at.0.rem_euclid(length)
}

/// Values in the order of their keys.
#[derive(Debug)]
struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V: Initial> Sorted<K, V> {
    /// Changes the value of a key, which may be new unless there are `most`. False: there was no room.
    fn add(&mut self, key: K, most: usize, change: impl FnOnce(&mut V)) -> bool {
        match self.0.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(at) => {
                if let Some((_, value)) = self.0.get_mut(at) {
                    change(value);
                }
            }
            Err(_) if self.0.len() >= most => return false,
            Err(at) => {
                let mut value = V::INITIAL;
                change(&mut value);
                self.0.insert(at, (key, value));
            }
        }
        true
    }
}

trait Initial {
    const INITIAL: Self;
}
impl Initial for u32 {
    const INITIAL: Self = 0;
}
impl Initial for () {
    const INITIAL: Self = ();
}
impl Initial for Timestamp {
    const INITIAL: Self = Timestamp(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Issued;

    #[test]
    fn a_request_that_comes_late_does_not_take_back_when_something_was_used_last() {
        let mut buffer = Buffer::default();
        for at in [5_000, 9_000, 7_000] {
            let mut noted = Noted::default();
            noted.token("app_one", Issued::ForRefreshToken, None);
            let request = Request {
                route: "token",
                id: "req",
                at: Timestamp(at),
            };
            buffer.add(noted, request);
        }
        let used = buffer.take().used;
        assert_eq!(used, [((Used::App, "app_one".to_owned()), Timestamp(9_000))]);
    }
}
