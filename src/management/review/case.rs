//! An app as its review sees it, and who may decide over it.

use serde::Deserialize;

use super::catalogue::Catalogue;
use super::submissions::Submission;
use crate::management::actor::{Actor, Reviewer};
use crate::management::apps::{self, AppRecord};
use crate::management::problem::Problem;
use crate::oauth::client::sqlite_bool;
use crate::registration::UNCLAIMED;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How many times an app may be submitted within a day.
pub const MOST_A_DAY: u32 = 20;

/// An app, what of it waits for a decision, and whether whoever asks has a part in it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The app.
    pub app: AppRecord,
    /// Whether whoever asks made it or submitted it.
    has_submitted: bool,
    /// When the first of its last [`MOST_A_DAY`] submissions was made; `None`: it has had fewer.
    pub busy_since: Option<Timestamp>,
    /// When and why it was suspended.
    pub suspension: Option<Suspension>,
    /// The scopes its settings name.
    pub catalogue: Catalogue,
    /// Whether whoever asks belongs to the developer account that answers for it.
    has_part: bool,
}

/// That an app is suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Proof that the actor may suspend and reinstate one app.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    actor: &'a Actor,
    case: &'a Case,
}

/// Proof that the actor may decide the submissions of one app.
#[derive(Debug, Clone, Copy)]
pub struct ReviewerOf<'a>(Judge<'a>);

/// Who asks about which app, as SQL names them.
pub(super) struct Asks {
    /// The app.
    pub app: &'static str,
    /// The user who asks, if it is one.
    pub user: &'static str,
    /// The app that asks, if it acts for itself.
    pub own_app: &'static str,
}

const BOUND: Asks = Asks {
    app: "?1",
    user: "?2",
    own_app: "?3",
};

impl Asks {
    /// What holds unless they made or claimed the app, or submitted it since. Taking up what registered itself is part of its
    /// review.
    pub fn did_not_submit(&self) -> String {
        let Self { app, user, own_app } = self;
        format!(
            "NOT EXISTS (
               SELECT 1 FROM apps made WHERE made.client_id = {app} AND made.developer_id <> '{UNCLAIMED}' AND (
                 COALESCE(made.created_by IN ({user}, {own_app}), 0)
                 OR EXISTS (SELECT 1 FROM submissions sent
                            WHERE sent.client_id = made.client_id AND sent.submitted_by IN ({user}, {own_app})
                              AND sent.submitted_at >= COALESCE(made.claimed_at, 0))))"
        )
    }

    /// What holds unless they have a part in the app.
    pub fn has_no_part(&self) -> String {
        let Self { app, user, own_app } = self;
        format!(
            "NOT EXISTS (
               SELECT 1 FROM apps theirs WHERE theirs.client_id = {app} AND (
                 EXISTS (SELECT 1 FROM developer_members m WHERE m.developer_id = theirs.developer_id AND m.user_id = {user})
                 OR EXISTS (SELECT 1 FROM apps own WHERE own.client_id = {own_app} AND own.developer_id = theirs.developer_id)))"
        )
    }
}

impl Case {
    /// Reads the case of an app, with the scopes of one of its submissions if it is about that.
    pub async fn load(
        database: &impl Database,
        actor: &Actor,
        client_id: &str,
        submission: Option<&Submission>,
    ) -> Result<Self, Problem> {
        let app = apps::load(database, client_id).await?.ok_or(Problem::NotFound("app"))?;
        Ok(Self::of(database, actor, app, submission).await?)
    }

    /// The same for the app of a developer account the actor belongs to. To others it does not exist.
    pub async fn load_for_member(database: &impl Database, actor: &Actor, client_id: &str) -> Result<Self, Problem> {
        let app = apps::load_for_member(database, actor, client_id).await?;
        Ok(Self::of(database, actor, app, None).await?)
    }

    async fn of(
        database: &impl Database,
        actor: &Actor,
        app: AppRecord,
        submission: Option<&Submission>,
    ) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Standing {
            suspended_at: Option<Timestamp>,
            suspension_reason: Option<String>,
            #[serde(deserialize_with = "sqlite_bool")]
            has_no_part: bool,
            #[serde(deserialize_with = "sqlite_bool")]
            did_not_submit: bool,
        }
        #[derive(Deserialize)]
        struct Earlier {
            submitted_at: Timestamp,
        }
        let earlier = Statement::new(
            "SELECT submitted_at FROM submissions WHERE client_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2",
        );
        let standing = Statement::new(format!(
            "SELECT suspended_at, suspension_reason, {} AS has_no_part, {} AS did_not_submit
             FROM apps WHERE client_id = ?1",
            BOUND.has_no_part(),
            BOUND.did_not_submit()
        ));
        let found = database
            .read(vec![
                bound_to(standing, actor, &app.client_id),
                Catalogue::statement(&app.client_id, submission.map(|submission| submission.id.as_str())),
                earlier.text(&app.client_id).number(MOST_A_DAY - 1),
            ])
            .await?;
        let standing: Option<Standing> = found.first(0)?;
        let earlier: Option<Earlier> = found.first(2)?;
        Ok(Self {
            app,
            has_submitted: standing.as_ref().is_none_or(|standing| !standing.did_not_submit),
            busy_since: earlier.map(|earlier| earlier.submitted_at),
            has_part: standing.as_ref().is_none_or(|standing| !standing.has_no_part),
            suspension: standing.and_then(|standing| {
                Some(Suspension {
                    at: standing.suspended_at?,
                    reason: standing.suspension_reason.unwrap_or_default(),
                })
            }),
            catalogue: found.rows(1)?.into_iter().collect(),
        })
    }

    /// Lets a transaction fail unless things still stand so. Edits meanwhile are no matter.
    pub(super) fn stands(&self) -> Statement {
        let (app, life) = (&self.app, self.app.life());
        Statement::require(
            "EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND status = ?2 AND (approved_at IS NOT NULL) = ?3
                     AND deleted_at IS NULL)
             AND (SELECT id FROM submissions WHERE client_id = ?1 AND status = 'pending') IS ?4
             AND (SELECT COALESCE(max(number), 0) FROM submissions WHERE client_id = ?1) = ?5",
        )
        .text(&app.client_id)
        .text(life.status.name())
        .number(life.was_approved)
        .optional_text(app.pending.as_deref())
        .number(app.submissions)
    }

    /// Whether somebody else than whoever asks must decide its submissions.
    pub fn is_own(&self) -> bool {
        self.has_part || self.has_submitted
    }

    /// Who may suspend and reinstate: reviewers and administrators who have no part in the app.
    pub fn judge<'a>(&'a self, actor: &'a Actor) -> Result<Judge<'a>, Problem> {
        if actor.reviewer().is_err() {
            actor.administrator()?;
        }
        match self.has_part {
            false => Ok(Judge { actor, case: self }),
            true => Err(Problem::Forbidden(
                "you belong to the developer account of this app: somebody else decides over it",
            )),
        }
    }

    /// Who may decide its submissions: reviewers in person who have no part in the app and did not submit it.
    pub fn reviewer<'a>(&'a self, reviewer: Reviewer<'a>) -> Result<ReviewerOf<'a>, Problem> {
        let judge = self.judge(reviewer.actor())?;
        match self.has_submitted {
            false => Ok(ReviewerOf(judge)),
            true => Err(Problem::Forbidden(
                "you made or submitted this app: somebody else decides over it",
            )),
        }
    }
}

impl<'a> Judge<'a> {
    /// Who.
    pub fn actor(self) -> &'a Actor {
        self.actor
    }

    /// Over what.
    pub fn case(self) -> &'a Case {
        self.case
    }

    /// Lets a transaction fail if they have come to have a part in the app meanwhile.
    pub(super) fn still_has_no_part(self) -> Statement {
        bound_to(
            Statement::require(&BOUND.has_no_part()),
            self.actor,
            &self.case.app.client_id,
        )
    }
}

impl<'a> ReviewerOf<'a> {
    /// The same person, who may also suspend and reinstate.
    pub fn judge(self) -> Judge<'a> {
        self.0
    }

    /// Lets a transaction fail if they have come to have a part in the app meanwhile, or to have submitted it.
    pub(super) fn still_may_decide(self) -> [Statement; 2] {
        let Judge { actor, case } = self.0;
        let submitted = bound_to(Statement::require(&BOUND.did_not_submit()), actor, &case.app.client_id);
        [self.0.still_has_no_part(), submitted]
    }
}

fn bound_to(statement: Statement, actor: &Actor, client_id: &str) -> Statement {
    statement
        .text(client_id)
        .optional_text(actor.user_id())
        .optional_text(actor.own_app())
}
