//! The rotation of a client secret: a second one lives beside the first until every server of the app has it. What may
//! be done depends on the secrets that live, and on nothing else.

use crate::management::problem::Problem;

/// How many secrets live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secrets<T> {
    /// None: the app proves itself by a key, or by nothing.
    None,
    /// One, as always but in a rotation.
    One(T),
    /// A rotation is going on.
    Two {
        /// The one that ends when the rotation is completed.
        older: T,
        /// The one that ends when it is cancelled.
        newer: T,
    },
}

/// What can be done with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A second secret comes to life.
    Start,
    /// The older one ends.
    Complete,
    /// The newer one ends.
    Cancel,
    /// A new secret comes to life and all others end: somebody else knows one of them.
    Replace,
    /// The secret of this id ends.
    End(&'a str),
}

/// What a step comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The ids of the secrets that end.
    pub ends: Vec<String>,
    /// Whether a new one is drawn.
    pub draws: bool,
    /// What the audit trail calls it.
    pub event: &'static str,
}

/// A rotation began: two secrets live.
pub const STARTED: &str = "client_secret.rotation_started";
/// A secret was replaced by another.
pub const ROTATED: &str = "client_secret.rotated";
/// The newer secret ended, the older one stays.
pub const CANCELLED: &str = "client_secret.rotation_cancelled";
/// An app that had no secret got one.
pub const CREATED: &str = "client_secret.created";

const GOES_ON: Problem =
    Problem::Conflict("two secrets live already: complete the rotation or cancel it before you begin another");
const NOT_BEGUN: Problem = Problem::Conflict("no rotation is going on");
const LAST: Problem = Problem::Conflict("this is the only secret of the app: begin a rotation, or replace it at once");
const NOT_THERE: Problem = Problem::NotFound("client secret");

impl<T> Secrets<T> {
    /// Reads what lives, the oldest first. More than two there never are.
    pub fn of(rows: Vec<T>) -> Self {
        let mut rows = rows.into_iter();
        match (rows.next(), rows.next()) {
            (Some(older), Some(newer)) => Self::Two { older, newer },
            (Some(one), None) => Self::One(one),
            (None, _) => Self::None,
        }
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (older, newer) = match self {
            Self::None => (None, None),
            Self::One(one) => (Some(one), None),
            Self::Two { older, newer } => (Some(older), Some(newer)),
        };
        older.into_iter().chain(newer)
    }
}

impl<T: AsRef<str>> Secrets<T> {
    /// What a step comes to for an app that proves itself by a secret. It always keeps one, and never has three.
    pub fn change(&self, step: Step<'_>) -> Result<Change, Problem> {
        let change = |event, ends: &[&T], draws| Change {
            ends: ends
                .iter()
                .map(|secret| AsRef::<str>::as_ref(*secret).to_owned())
                .collect(),
            draws,
            event,
        };
        match (self, step) {
            (Self::None, Step::Start | Step::Replace) => Ok(change(CREATED, &[], true)),
            (Self::One(_), Step::Start) => Ok(change(STARTED, &[], true)),
            (Self::Two { .. }, Step::Start) => Err(GOES_ON),
            (_, Step::Replace) => Ok(change(ROTATED, &self.iter().collect::<Vec<_>>(), true)),
            (Self::Two { older, .. }, Step::Complete) => Ok(change(ROTATED, &[older], false)),
            (Self::Two { newer, .. }, Step::Cancel) => Ok(change(CANCELLED, &[newer], false)),
            (Self::None | Self::One(_), Step::Complete | Step::Cancel) => Err(NOT_BEGUN),
            (Self::Two { older, .. }, Step::End(id)) if older.as_ref() == id => self.change(Step::Complete),
            (Self::Two { newer, .. }, Step::End(id)) if newer.as_ref() == id => self.change(Step::Cancel),
            (Self::One(one), Step::End(id)) if one.as_ref() == id => Err(LAST),
            (_, Step::End(_)) => Err(NOT_THERE),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Secrets<&str> = Secrets::None;
    const ONE: Secrets<&str> = Secrets::One("a");
    const TWO: Secrets<&str> = Secrets::Two { older: "a", newer: "b" };

    fn changed(event: &'static str, ends: &[&str], draws: bool) -> Result<Change, Problem> {
        let ends = ends.iter().map(|id| (*id).to_owned()).collect();
        Ok(Change { ends, draws, event })
    }

    // Covers: R21
    #[test]
    fn the_table_of_steps() {
        for (secrets, step, expected) in [
            (NONE, Step::Start, changed(CREATED, &[], true)),
            (NONE, Step::Complete, Err(NOT_BEGUN)),
            (NONE, Step::Cancel, Err(NOT_BEGUN)),
            (NONE, Step::Replace, changed(CREATED, &[], true)),
            (NONE, Step::End("a"), Err(NOT_THERE)),
            (ONE, Step::Start, changed(STARTED, &[], true)),
            (ONE, Step::Complete, Err(NOT_BEGUN)),
            (ONE, Step::Cancel, Err(NOT_BEGUN)),
            (ONE, Step::Replace, changed(ROTATED, &["a"], true)),
            (ONE, Step::End("a"), Err(LAST)),
            (ONE, Step::End("b"), Err(NOT_THERE)),
            (TWO, Step::Start, Err(GOES_ON)),
            (TWO, Step::Complete, changed(ROTATED, &["a"], false)),
            (TWO, Step::Cancel, changed(CANCELLED, &["b"], false)),
            (TWO, Step::Replace, changed(ROTATED, &["a", "b"], true)),
            (TWO, Step::End("a"), changed(ROTATED, &["a"], false)),
            (TWO, Step::End("b"), changed(CANCELLED, &["b"], false)),
            (TWO, Step::End("c"), Err(NOT_THERE)),
        ] {
            assert_eq!(secrets.change(step), expected, "{secrets:?} {step:?}");
        }
    }

    fn step() -> impl Strategy<Value = (u8, usize)> {
        (0..5_u8, 0..4_usize)
    }

    proptest! {
        #[test]
        fn whatever_is_done_one_or_two_secrets_live_once_there_is_one(steps in proptest::collection::vec(step(), 0..40)) {
            let mut living = vec!["0".to_owned()];
            for (number, (step, which)) in steps.into_iter().enumerate() {
                let id = living.get(which).cloned().unwrap_or_else(|| "none".into());
                let step = [Step::Start, Step::Complete, Step::Cancel, Step::Replace, Step::End(&id)][usize::from(step)];
                let before = living.clone();
                if let Ok(change) = Secrets::of(living.clone()).change(step) {
                    prop_assert!(change.ends.iter().all(|id| living.contains(id)));
                    living.retain(|id| !change.ends.contains(id));
                    if change.draws {
                        living.push((number + 1).to_string());
                    }
                    prop_assert!(living != before, "a step that was allowed does something");
                }
                prop_assert!((1..=2).contains(&living.len()), "{living:?}");
            }
        }
    }
}
