//! The life of an app: what may be done with it as things stand, and what becomes of it. The one place that says so.

use crate::management::problem::Problem;
use crate::oauth::standing::AppStatus;

/// How things stand with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Its status.
    pub status: AppStatus,
    /// Whether a reviewer ever approved a version of it: then that version is in force, and edits wait for theirs.
    pub was_approved: bool,
    /// Whether a submission waits for its decision.
    pub is_pending: bool,
    /// What its last rejection still comes to.
    pub refusal: Refusal,
}

/// What a rejection of an app that was never approved comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was not rejected.
    None,
    /// Its developer may mend it and submit it again.
    UntilMended,
    /// It registered itself and served everybody: an edit does not undo that, and it serves nobody until a reviewer approves
    /// it.
    UntilApproved,
}

/// What is done with an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its developer changes its settings.
    Edit,
    /// Its developer asks for a review, perhaps again.
    Submit,
    /// Its developer takes that back.
    Withdraw,
    /// A reviewer approves what was submitted.
    Approve,
    /// A reviewer refuses it.
    Reject,
    /// An operator switches the app off.
    Suspend,
    /// An operator switches it on again.
    Reinstate,
    /// Its developer or an operator deletes it.
    Delete,
}

/// What becomes of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its status from now on. A deleted app keeps the one it had.
    pub status: AppStatus,
    /// Whether its epoch rises, so that every token it has is dead for good.
    pub ends_tokens: bool,
    /// What becomes of what was submitted.
    pub submission: SubmissionStep,
    /// What the audit trail calls it. Edits have events of their own.
    pub event: Option<&'static str>,
}

/// What becomes of what was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionStep {
    /// Nothing.
    Stays,
    /// A new one is made. One that waits is withdrawn.
    Opens,
    /// The one that waits is decided, or taken back.
    Ends(Ending),
}

/// How a submission ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A reviewer approved it: its content is in force.
    Approved,
    /// A reviewer refused it.
    Rejected,
    /// Its developer took it back, replaced it, or deleted the app.
    Withdrawn,
}

impl Ending {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What stands in the way of a decision.
pub const NOT_PENDING: Problem = Problem::Conflict("this submission has been decided, replaced or withdrawn");

impl Life {
    /// How things stand with a new app.
    pub const NEW: Self = Self {
        status: AppStatus::Draft,
        was_approved: false,
        is_pending: false,
        refusal: Refusal::None,
    };

    /// How things stand after a step that leaves the app there.
    pub fn after(self, step: Step) -> Self {
        let was_approved = self.was_approved || step.submission == SubmissionStep::Ends(Ending::Approved);
        Self {
            status: step.status,
            was_approved,
            is_pending: match step.submission {
                SubmissionStep::Stays => self.is_pending,
                SubmissionStep::Opens => true,
                SubmissionStep::Ends(_) => false,
            },
            refusal: match (step.submission, self.refusal) {
                _ if was_approved => Refusal::None,
                (SubmissionStep::Ends(Ending::Rejected), Refusal::None) => Refusal::UntilMended,
                (_, Refusal::None) if step.status == AppStatus::Rejected => Refusal::UntilMended,
                (SubmissionStep::Opens, Refusal::UntilMended) => Refusal::None,
                (_, refusal) => refusal,
            },
        }
    }

    /// What becomes of an app of this status when the last who answered for it is gone: it serves nobody any more, and
    /// what no reviewer ever approved is refused, and what waits is withdrawn. Nothing but its status matters, so all apps of
    /// somebody can take the step at once.
    pub fn abandoned(status: AppStatus) -> Step {
        let (after, event) = match status {
            AppStatus::Approved => (AppStatus::Suspended, Some("app.suspended")),
            AppStatus::Draft | AppStatus::PendingReview => (AppStatus::Rejected, Some("app.rejected")),
            AppStatus::Rejected | AppStatus::Suspended => (status, None),
        };
        Step {
            status: after,
            ends_tokens: after != status,
            submission: SubmissionStep::Ends(Ending::Withdrawn),
            event,
        }
    }

    /// What an action makes of the app, or what stands in its way.
    ///
    /// Suspension stands beside the review: a suspended app can be mended, submitted and even approved, and stays
    /// suspended until an operator reinstates it. Any app can be suspended, for one that nobody reviewed yet also serves
    /// people: its testers, and those who connected it although it told them that nobody had reviewed it.
    pub fn step(self, action: Action) -> Result<Step, Problem> {
        let Self {
            status,
            was_approved,
            is_pending,
            refusal,
        } = self;
        let stays = Step {
            status,
            ends_tokens: false,
            submission: SubmissionStep::Stays,
            event: None,
        };
        match action {
            Action::Edit => Ok(Step {
                status: if status == AppStatus::Rejected && refusal != Refusal::UntilApproved {
                    AppStatus::Draft
                } else {
                    status
                },
                ..stays
            }),
            Action::Submit => Ok(Step {
                status: self.reviewed_status(true),
                submission: SubmissionStep::Opens,
                event: Some("app.submitted"),
                ..stays
            }),
            Action::Withdraw if is_pending => Ok(Step {
                status: self.reviewed_status(false),
                submission: SubmissionStep::Ends(Ending::Withdrawn),
                event: Some("app.submission_withdrawn"),
                ..stays
            }),
            Action::Withdraw => Err(Problem::Conflict("nothing waits for a review")),
            Action::Approve if is_pending => Ok(Step {
                status: if status == AppStatus::Suspended {
                    status
                } else {
                    AppStatus::Approved
                },
                submission: SubmissionStep::Ends(Ending::Approved),
                event: Some("app.approved"),
                ..stays
            }),
            Action::Reject if is_pending => Ok(Step {
                status: if status == AppStatus::PendingReview {
                    AppStatus::Rejected
                } else {
                    status
                },
                ends_tokens: !was_approved,
                submission: SubmissionStep::Ends(Ending::Rejected),
                event: Some("app.rejected"),
            }),
            Action::Approve | Action::Reject => Err(NOT_PENDING),
            Action::Suspend if status != AppStatus::Suspended => Ok(Step {
                status: AppStatus::Suspended,
                ends_tokens: true,
                event: Some("app.suspended"),
                ..stays
            }),
            Action::Suspend => Err(Problem::Conflict("the app is suspended already")),
            Action::Reinstate if status == AppStatus::Suspended => Ok(Step {
                status: match (was_approved, is_pending, refusal) {
                    (true, ..) => AppStatus::Approved,
                    (false, _, Refusal::UntilApproved) | (false, false, Refusal::UntilMended) => AppStatus::Rejected,
                    (false, true, _) => AppStatus::PendingReview,
                    (false, false, Refusal::None) => AppStatus::Draft,
                },
                event: Some("app.reinstated"),
                ..stays
            }),
            Action::Reinstate => Err(Problem::Conflict("the app is not suspended")),
            Action::Delete => Ok(Step {
                ends_tokens: true,
                submission: if is_pending {
                    SubmissionStep::Ends(Ending::Withdrawn)
                } else {
                    SubmissionStep::Stays
                },
                event: Some("app.deleted"),
                ..stays
            }),
        }
    }

    /// The status once a submission waits or has been taken back. What was approved once stays so; what is suspended too,
    /// and what registered itself and was rejected.
    fn reviewed_status(self, pending: bool) -> AppStatus {
        match (self.status, pending) {
            (AppStatus::Approved | AppStatus::Suspended, _) => self.status,
            _ if self.refusal == Refusal::UntilApproved => AppStatus::Rejected,
            (_, true) => AppStatus::PendingReview,
            (_, false) => AppStatus::Draft,
        }
    }
}

#[cfg(test)]
mod tests {
    use Action::{Approve, Delete, Edit, Reinstate, Reject, Submit, Suspend, Withdraw};
    use AppStatus::{Approved, Draft, PendingReview, Rejected, Suspended};

    use super::*;

    const ACTIONS: [Action; 8] = [Edit, Submit, Withdraw, Approve, Reject, Suspend, Reinstate, Delete];

    /// Every way things can stand with an app: no draft was ever approved, only what waits is pending, and a refusal
    /// matters before the first approval only.
    const LIVES: [Life; 15] = [
        Life::NEW,
        life(PendingReview, false, true),
        refused(Rejected, false, Refusal::UntilMended),
        life(Approved, true, false),
        life(Approved, true, true),
        life(Suspended, false, false),
        life(Suspended, false, true),
        life(Suspended, true, false),
        life(Suspended, true, true),
        refused(Draft, false, Refusal::UntilMended),
        refused(Suspended, false, Refusal::UntilMended),
        refused(Rejected, false, Refusal::UntilApproved),
        refused(Rejected, true, Refusal::UntilApproved),
        refused(Suspended, false, Refusal::UntilApproved),
        refused(Suspended, true, Refusal::UntilApproved),
    ];

    const fn refused(status: AppStatus, is_pending: bool, refusal: Refusal) -> Life {
        Life {
            status,
            was_approved: false,
            is_pending,
            refusal,
        }
    }

    const fn life(status: AppStatus, was_approved: bool, is_pending: bool) -> Life {
        Life {
            status,
            was_approved,
            is_pending,
            refusal: Refusal::None,
        }
    }

    /// One letter per action, in the order of [`ACTIONS`]: the status that follows, `-` where it is refused, and `!`
    /// behind it where tokens end.
    fn row(life: Life) -> String {
        let cells = ACTIONS.map(|action| match life.step(action) {
            Err(_) => "-".to_owned(),
            Ok(step) => {
                let status = match step.status {
                    Draft => 'd',
                    PendingReview => 'p',
                    Approved => 'a',
                    Rejected => 'r',
                    Suspended => 's',
                };
                format!("{status}{}", if step.ends_tokens { "!" } else { "" })
            }
        });
        cells.join(" ")
    }

    // Covers: B40
    #[test]
    fn the_table_of_every_state_and_every_action() {
        //                       edit submit withdraw approve reject suspend reinstate delete
        let (none, mended, approved) = (Refusal::None, Refusal::UntilMended, Refusal::UntilApproved);
        let table = [
            (Draft, false, false, none, "d p - - - s! - d!"),
            (PendingReview, false, true, none, "p p d a r! s! - p!"),
            (Rejected, false, false, mended, "d p - - - s! - r!"),
            (Approved, true, false, none, "a a - - - s! - a!"),
            (Approved, true, true, none, "a a a a a s! - a!"),
            (Suspended, false, false, none, "s s - - - - d s!"),
            (Suspended, false, true, none, "s s s s s! - p s!"),
            (Suspended, true, false, none, "s s - - - - a s!"),
            (Suspended, true, true, none, "s s s s s - a s!"),
            (Draft, false, false, mended, "d p - - - s! - d!"),
            (Suspended, false, false, mended, "s s - - - - r s!"),
            (Rejected, false, false, approved, "r r - - - s! - r!"),
            (Rejected, false, true, approved, "r r r a r! s! - r!"),
            (Suspended, false, false, approved, "s s - - - - r s!"),
            (Suspended, false, true, approved, "s s s s s! - r s!"),
        ];
        for ((status, was_approved, is_pending, refusal, expected), of_all) in table.into_iter().zip(LIVES) {
            let life = Life {
                refusal,
                ..life(status, was_approved, is_pending)
            };
            assert_eq!(life, of_all);
            assert_eq!(row(life), expected, "{life:?}");
        }
    }

    #[test]
    fn what_registered_itself_and_was_rejected_serves_nobody_before_an_approval() {
        use crate::oauth::standing::{AppClass, Standing};

        for class in [AppClass::Registered, AppClass::MetadataDocument] {
            for before in LIVES.into_iter().filter(|life| life.refusal == Refusal::UntilApproved) {
                for action in ACTIONS.into_iter().filter(|action| *action != Approve) {
                    let Ok(step) = before.step(action) else { continue };
                    assert_eq!(
                        Standing::of(class, step.status),
                        Standing::Unavailable,
                        "{before:?} {action:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_action_leads_to_a_state_that_is_not_in_the_table() {
        for (before, action) in LIVES.into_iter().flat_map(|life| ACTIONS.map(|action| (life, action))) {
            let Ok(step) = before.step(action) else { continue };
            let after = before.after(step);
            // A deleted app is gone.
            assert!(
                action == Delete || LIVES.contains(&after),
                "{before:?} {action:?} {after:?}"
            );
        }
    }

    #[test]
    fn an_abandoned_app_serves_nobody_waits_for_nothing_and_is_in_the_table() {
        use crate::oauth::standing::{AppClass, Standing};

        for before in LIVES {
            let step = Life::abandoned(before.status);
            let after = before.after(step);
            assert!(LIVES.contains(&after), "{before:?} {after:?}");
            assert!(!after.is_pending);
            for class in [AppClass::Portal, AppClass::Registered] {
                assert_eq!(Standing::of(class, after.status), Standing::Unavailable);
            }
            assert_eq!(step.ends_tokens, !matches!(before.status, Rejected | Suspended));
        }
    }

    // Covers: B40
    #[test]
    fn only_an_approval_or_a_reinstatement_of_what_was_approved_makes_an_app_approved() {
        for (before, action) in LIVES.into_iter().flat_map(|life| ACTIONS.map(|action| (life, action))) {
            let Ok(step) = before.step(action) else { continue };
            if step.status == Approved && before.status != Approved {
                assert!(
                    action == Approve || (action == Reinstate && before.was_approved),
                    "{before:?} {action:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_but_a_reinstatement_ends_a_suspension() {
        for before in LIVES.into_iter().filter(|life| life.status == Suspended) {
            for action in ACTIONS.into_iter().filter(|action| *action != Reinstate) {
                if let Ok(step) = before.step(action) {
                    assert_eq!(step.status, Suspended, "{before:?} {action:?}");
                }
            }
        }
    }

    #[test]
    fn tokens_end_when_a_first_submission_is_rejected_and_when_an_app_is_suspended_or_deleted() {
        for (before, action) in LIVES.into_iter().flat_map(|life| ACTIONS.map(|action| (life, action))) {
            let Ok(step) = before.step(action) else { continue };
            let expected = match action {
                Suspend | Delete => true,
                Reject => !before.was_approved,
                _ => false,
            };
            assert_eq!(step.ends_tokens, expected, "{before:?} {action:?}");
        }
    }

    #[test]
    fn a_submission_is_opened_and_ended_by_these_alone() {
        for (before, action) in LIVES.into_iter().flat_map(|life| ACTIONS.map(|action| (life, action))) {
            let Ok(step) = before.step(action) else { continue };
            let expected = match action {
                Submit => SubmissionStep::Opens,
                Withdraw => SubmissionStep::Ends(Ending::Withdrawn),
                Approve => SubmissionStep::Ends(Ending::Approved),
                Reject => SubmissionStep::Ends(Ending::Rejected),
                Delete if before.is_pending => SubmissionStep::Ends(Ending::Withdrawn),
                Edit | Suspend | Reinstate | Delete => SubmissionStep::Stays,
            };
            assert_eq!(step.submission, expected, "{before:?} {action:?}");
            assert_eq!(step.event.is_none(), action == Edit);
        }
    }
}
