//! What is done with an app in its review: each a transaction with its preconditions, its changes and its entry in the
//! audit trail.

use std::time::Duration;

use serde_json::{Map, Value};

use super::case::{Case, Judge, ReviewerOf};
use super::checklist;
use super::state::{Action, Ending, NOT_PENDING, Step, SubmissionStep};
use super::steps;
use super::submissions::{Submission, SubmissionStatus};
use crate::management::accounts::members::still_member;
use crate::management::actor::{Actor, Member};
use crate::management::apps::settings::{AppSettings, RequestedScope, write_in_force};
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::{FieldError, Problem};
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a reason may be, in letters.
pub const LONGEST_REASON: usize = 2000;
/// How long the text may be that says where an app can be tried.
pub const LONGEST_TESTING: usize = 4000;

/// What a reviewer makes of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It comes into force.
    Approve,
    /// It does not.
    Reject {
        /// Why, for its developer.
        reason: String,
    },
}

/// The moment of a decision, and where its identifiers come from.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// Randomness.
    pub random: &'a dyn Random,
    /// When.
    pub now: Timestamp,
}

/// Reads why something is refused or switched off.
pub fn reason(mut input: Input) -> Result<String, Problem> {
    let reason = input.text("reason", LONGEST_REASON);
    let reason = input.required("reason", reason);
    input.finish()?;
    Ok(reason)
}

/// Reads where the app can be tried, and adds what else its submission lacks.
pub fn testing(case: &Case, mut input: Input) -> Result<String, Problem> {
    let testing = input.text("testing", LONGEST_TESTING);
    let testing = input.required("testing", testing);
    let app = &case.app;
    let items = checklist::of(app.working_copy(), app.app_type, &case.catalogue);
    for FieldError { field, code, message } in checklist::errors(&items) {
        input.error_of(code, field, message);
    }
    input.finish()?;
    Ok(testing)
}

/// Submits the settings as their developers have them now. What waits is withdrawn.
pub fn submit(
    member: Member<'_>,
    case: &Case,
    testing: String,
    at: Circumstances<'_>,
) -> Result<(Submission, Vec<Statement>), Problem> {
    if case.busy_since.is_some_and(|since| at.now - since < A_DAY) {
        return Err(Problem::Conflict(
            "this app was submitted as often as an app may be within a day",
        ));
    }
    let is_named_as_approved = case.app.approved_developer_name.as_ref() == Some(&case.app.developer_name);
    if case.app.approved_at.is_some() && *case.app.working_copy() == case.app.in_force && is_named_as_approved {
        return Err(Problem::Conflict("nothing differs from what is approved"));
    }
    let (submission, mut statements) = open(member.actor(), case, case.app.working_copy(), testing, at)?;
    // Not another edit than the one that was looked at.
    statements.insert(0, case.app.unchanged());
    statements.insert(0, still_member(member));
    Ok((submission, statements))
}

/// Takes up an app that registered itself and that nobody has claimed. If it asks for no scopes in particular, what it was
/// living on is what it asks for from now on: `granted` to it by default.
pub fn take_up(
    reviewer: ReviewerOf<'_>,
    granted: Vec<RequestedScope>,
    at: Circumstances<'_>,
) -> Result<(Submission, Vec<Statement>), Problem> {
    let (actor, case) = (reviewer.judge().actor(), reviewer.judge().case());
    if !case.app.is_unclaimed() {
        return Err(Problem::Conflict("its developer submits this app"));
    }
    if case.app.pending.is_some() || case.app.approved_at.is_some() {
        return Err(Problem::Conflict("this app has been taken up already"));
    }
    let mut content = case.app.in_force.clone();
    if content.scopes.is_empty() {
        content.scopes = granted;
    }
    if content.scopes.is_empty() {
        return Err(Problem::Conflict(
            "this app asks for no permissions, and the default permissions give it none: there is nothing to approve",
        ));
    }
    let (submission, mut statements) = open(actor, case, &content, String::new(), at)?;
    statements.insert(0, case.app.unchanged());
    statements.splice(0..0, reviewer.still_may_decide());
    Ok((submission, statements))
}

fn open(
    actor: &Actor,
    case: &Case,
    content: &AppSettings,
    testing: String,
    at: Circumstances<'_>,
) -> Result<(Submission, Vec<Statement>), Problem> {
    let step = case.app.life().step(Action::Submit)?;
    let submission = Submission {
        id: random::identifier(at.random, "sub_"),
        client_id: case.app.client_id.clone(),
        number: case.app.submissions + 1,
        status: SubmissionStatus::Pending,
        content: content.clone().in_order(),
        developer_name: case.app.developer_name.clone(),
        testing,
        submitted_by: actor.acts().to_owned(),
        submitted_at: at.now,
        decided_by: None,
        decided_at: None,
        reason: None,
    };
    let mut statements = vec![case.stands()];
    statements.extend(steps::take(&case.app, step, actor, None, at.now));
    statements.push(insert(&submission));
    statements.extend(entry(actor, &submission, step, None, at));
    Ok((submission, statements))
}

fn insert(submission: &Submission) -> Statement {
    Statement::new(
        "INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at, developer_name)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8)",
    )
    .text(&submission.id)
    .text(&submission.client_id)
    .number(submission.number)
    .text(&submission.content.to_json())
    .text(&submission.testing)
    .text(&submission.submitted_by)
    .time(submission.submitted_at)
    .text(&submission.developer_name)
}

/// Takes back what waits.
pub fn withdraw(
    member: Member<'_>,
    case: &Case,
    pending: &Submission,
    at: Circumstances<'_>,
) -> Result<Vec<Statement>, Problem> {
    let step = case.app.life().step(Action::Withdraw)?;
    let actor = member.actor();
    let mut statements = vec![still_member(member), case.stands()];
    statements.extend(steps::take(&case.app, step, actor, None, at.now));
    statements.extend(entry(actor, pending, step, None, at));
    Ok(statements)
}

/// Decides a submission, unless it has been decided, replaced or withdrawn. An approval puts into force what was
/// submitted, and nothing else; what its developers have changed since waits for the next one.
pub fn decide(
    reviewer: ReviewerOf<'_>,
    submission: &Submission,
    verdict: &Verdict,
    at: Circumstances<'_>,
) -> Result<(Submission, Vec<Statement>), Problem> {
    let (actor, case) = (reviewer.judge().actor(), reviewer.judge().case());
    if case.app.pending.as_ref() != Some(&submission.id) {
        return Err(NOT_PENDING);
    }
    let (action, reason) = match verdict {
        Verdict::Approve => (Action::Approve, None),
        Verdict::Reject { reason } => (Action::Reject, Some(reason.as_str())),
    };
    let step = case.app.life().step(action)?;
    let SubmissionStep::Ends(ending) = step.submission else {
        return Err(NOT_PENDING);
    };
    let mut statements = Vec::from(reviewer.still_may_decide());
    statements.push(case.stands());
    if ending == Ending::Approved {
        if submission.content.scopes.is_empty() {
            return Err(Problem::Conflict("it asks for no permission: it can only be rejected"));
        }
        let mut scopes = submission.content.scopes.iter();
        if !scopes.all(|scope| case.catalogue.get(&scope.scope).is_some()) {
            return Err(Problem::Conflict(
                "it asks for a scope that is no more in the catalogue: it can only be rejected",
            ));
        }
        statements.extend(write_in_force(&case.app.client_id, &submission.content));
        statements.push(
            Statement::new(
                "UPDATE apps SET approved_at = ?2, approved_by = ?3, draft = CASE draft WHEN ?4 THEN NULL ELSE draft END,
                                 approved_developer_name = ?5
                 WHERE client_id = ?1",
            )
            .text(&case.app.client_id)
            .time(at.now)
            .text(actor.acts())
            .text(&submission.content.to_json())
            .text(&submission.developer_name),
        );
    }
    statements.extend(steps::take(&case.app, step, actor, reason, at.now));
    statements.extend(entry(actor, submission, step, reason, at));
    let decided = Submission {
        status: match ending {
            Ending::Approved => SubmissionStatus::Approved,
            Ending::Rejected => SubmissionStatus::Rejected,
            Ending::Withdrawn => SubmissionStatus::Withdrawn,
        },
        decided_by: Some(actor.acts().to_owned()),
        decided_at: Some(at.now),
        reason: reason.map(str::to_owned),
        ..submission.clone()
    };
    Ok((decided, statements))
}

/// Switches an app off: every token of it is dead for good.
pub fn suspend(judge: Judge<'_>, reason: &str, at: Circumstances<'_>) -> Result<Vec<Statement>, Problem> {
    let case = judge.case();
    let step = case.app.life().step(Action::Suspend)?;
    let since = Statement::new("UPDATE apps SET suspended_at = ?2, suspension_reason = ?3 WHERE client_id = ?1");
    let mut statements = stepped(judge, step, at);
    statements.push(since.text(&case.app.client_id).time(at.now).text(reason));
    statements.extend(entry_of_app(judge, step, Some(reason), at));
    Ok(statements)
}

/// Switches it on again. Nothing it had before revives.
pub fn reinstate(judge: Judge<'_>, at: Circumstances<'_>) -> Result<Vec<Statement>, Problem> {
    let case = judge.case();
    let step = case.app.life().step(Action::Reinstate)?;
    let since = Statement::new("UPDATE apps SET suspended_at = NULL, suspension_reason = NULL WHERE client_id = ?1");
    let mut statements = stepped(judge, step, at);
    statements.push(since.text(&case.app.client_id));
    statements.extend(entry_of_app(judge, step, None, at));
    Ok(statements)
}

fn stepped(judge: Judge<'_>, step: Step, at: Circumstances<'_>) -> Vec<Statement> {
    let mut statements = vec![judge.still_has_no_part(), judge.case().stands()];
    statements.extend(steps::take(&judge.case().app, step, judge.actor(), None, at.now));
    statements
}

fn described<'a>(event: &'static str, submission: &'a Submission, reason: Option<&str>) -> Entry<'a> {
    let mut detail = Map::new();
    detail.insert("submission_id".into(), submission.id.as_str().into());
    detail.insert("number".into(), submission.number.into());
    detail.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
    Entry::of_app(event, &submission.client_id).with(Value::Object(detail))
}

fn entry(
    actor: &Actor,
    submission: &Submission,
    step: Step,
    reason: Option<&str>,
    at: Circumstances<'_>,
) -> Option<Statement> {
    let event = step.event?;
    Some(described(event, submission, reason).by(actor, at.random, at.now))
}

fn entry_of_app(judge: Judge<'_>, step: Step, reason: Option<&str>, at: Circumstances<'_>) -> Option<Statement> {
    let event = step.event?;
    let detail: Map<String, Value> = reason
        .map(|reason| ("reason".to_owned(), reason.into()))
        .into_iter()
        .collect();
    let entry = Entry::of_app(event, &judge.case().app.client_id).with(Value::Object(detail));
    Some(entry.by(judge.actor(), at.random, at.now))
}
