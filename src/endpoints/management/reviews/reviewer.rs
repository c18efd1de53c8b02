//! What reviewers ask: the queue, a submission, decisions, suspension; `/admin/reviews`, and the same as JSON.

use serde_json::{Value, json};

use super::super::idempotency::{self, Creation};
use super::super::{api, caller};
use super::{by_form, now, preview, without_fields};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::apps::catalogue;
use crate::management::apps::settings::AppSettings;
use crate::management::cursor::{Page, PageRequest};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::case::Case;
use crate::management::review::checklist;
use crate::management::review::comments::{self, Comment, Side};
use crate::management::review::decisions::{self, Verdict};
use crate::management::review::diff::Diff;
use crate::management::review::observations::{self, Observation, OtherApp, Surroundings};
use crate::management::review::queue;
use crate::management::review::submissions::{Reader, Submission};
use crate::router::management::Managed;
use crate::router::management::reviews::ReviewerReviews;
use crate::store::Stores;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// Answers a request of a reviewer.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: ReviewerReviews,
) -> Reply {
    let id = managed.id(0);
    match route {
        ReviewerReviews::QueuePage => by_form::queue_page(context, request).await,
        ReviewerReviews::Page => by_form::review_page(context, request, &id).await,
        ReviewerReviews::ApproveForm
        | ReviewerReviews::RejectForm
        | ReviewerReviews::CommentForm
        | ReviewerReviews::SuspendForm
        | ReviewerReviews::ReinstateForm => by_form::reviewer_form(context, request, &id, route).await,
        ReviewerReviews::TakeUpForm => by_form::take_up_form(context, request).await,
        ReviewerReviews::PreviewPage => preview::page(context, request).await,
        ReviewerReviews::PreviewForm => preview::by_form(context, request).await,
        ReviewerReviews::Preview => api::reply(context, preview::answer(context, request).await),
        ReviewerReviews::Queue => api::reply(context, list(context, request).await),
        ReviewerReviews::Show => api::reply(context, show(context, request, &id).await),
        ReviewerReviews::Approve => api::reply(context, approve(context, request, &id).await),
        ReviewerReviews::Reject => api::reply(context, reject(context, request, &id).await),
        ReviewerReviews::Suspend => api::reply(context, suspend(context, request, &id).await),
        ReviewerReviews::Reinstate => api::reply(context, reinstate(context, request, &id).await),
        ReviewerReviews::TakeUp => api::reply(context, take_up(context, request, &id).await),
        ReviewerReviews::ListComments => api::reply(context, list_comments(context, request, &id).await),
        ReviewerReviews::Comment => api::reply(context, comment(context, request, &id).await),
    }
}

/// Who may look at reviews: reviewers, and administrators by token.
pub(super) fn may_look(actor: &Actor) -> Result<(), Problem> {
    match actor.reviewer() {
        Ok(_) => Ok(()),
        Err(refused) => actor.administrator().map(drop).map_err(|_| refused),
    }
}

async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    let page = PageRequest::of(&api::query(request)?)?;
    let waiting = queue::list(context.stores, &actor, &page).await?;
    Ok(api::list(&waiting, |waiting| waiting.to_json(context.now)))
}

/// Everything a reviewer looks at.
pub(super) struct Review {
    pub case: Case,
    pub submission: Submission,
    pub diff: Diff,
    /// Whether there is an approved version that it was compared with.
    pub is_compared: bool,
    pub observations: Vec<Observation>,
    pub missing: Vec<String>,
    pub history: Page<Submission>,
    pub comments: Page<Comment>,
    /// How many people have ever connected an app that registered itself.
    pub users: Option<u32>,
}

/// Reads everything a reviewer looks at.
pub(super) async fn review<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    submission_id: &str,
) -> Result<Review, Problem> {
    let submission = Submission::load(context.stores, submission_id).await?;
    let submission = submission.ok_or(Problem::NotFound("submission"))?;
    let case = Case::load(context.stores, actor, &submission.client_id, Some(&submission)).await?;
    let approved: Option<(AppSettings, Option<String>)> = match (submission.is_pending(), case.app.approved_at) {
        (true, Some(_)) => Some((case.app.in_force.clone(), case.app.approved_developer_name.clone())),
        (true, None) => None,
        (false, _) => {
            let before = submission.approved_before(context.stores).await?;
            before.map(|before| (before.content, Some(before.developer_name)))
        }
    };
    let settings = approved.as_ref().map(|(settings, _)| settings);
    let developer = approved.as_ref().and_then(|(_, developer)| developer.as_deref());
    let diff = Diff::between(settings, &submission.content, &case.catalogue)
        .with_developer(developer, &submission.developer_name);
    let around = context
        .stores
        .read(vec![
            observations::others(&submission.client_id, &submission.content.name),
            Statement::new("SELECT count(*) AS users FROM app_users WHERE client_id = ?1").text(&submission.client_id),
        ])
        .await?;
    let others: Vec<OtherApp> = around.rows(0)?;
    let users = around.raw(1).first().and_then(|row| row.get("users")?.as_u64());
    let is_self_registered = case.app.class.is_self_registered();
    let surroundings = Surroundings {
        platform: &context.looks.platform_name,
        developer: &submission.developer_name,
        others: &others,
    };
    let first_page = PageRequest { after: None, size: 20 };
    let items = checklist::of(&submission.content, case.app.app_type, &case.catalogue);
    let mut seen = observations::of(&submission.content, surroundings);
    if submission.is_pending() && case.app.is_unclaimed() && case.app.in_force.scopes.is_empty() {
        seen.push(observations::default_permissions());
    }
    Ok(Review {
        observations: seen,
        missing: checklist::errors(&items)
            .into_iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect(),
        history: Submission::list(context.stores, &submission.client_id, &first_page).await?,
        comments: comments::list(context.stores, &submission.client_id, &first_page).await?,
        users: users
            .and_then(|users| u32::try_from(users).ok())
            .filter(|_| is_self_registered),
        is_compared: approved.is_some(),
        case,
        diff,
        submission,
    })
}

async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    let review = review(context, &actor, id).await?;
    let (app, submission) = (&review.case.app, &review.submission);
    let suspension = review.case.suspension.as_ref();
    let mut body = submission.to_json(Reader::Reviewer);
    if let Some(members) = body.as_object_mut() {
        let app = json!({
            "client_id": app.client_id,
            "name": app.in_force.name,
            "developer": { "id": app.developer_id, "name": app.developer_name },
            "app_type": app.app_type,
            "class": app.class,
            "status": app.status.name(),
            "created_at": app.created_at.to_rfc3339(),
            "approved_at": app.approved_at.map(Timestamp::to_rfc3339),
            "suspended_at": suspension.map(|suspension| suspension.at.to_rfc3339()),
            "suspension_reason": suspension.map(|suspension| &suspension.reason),
            "users": review.users,
            "most_users_before_review": review.users.map(|_| context.config.unverified_app_users),
        });
        members.insert("app".into(), app);
        members.insert("is_own".into(), review.case.is_own().into());
        members.insert("diff".into(), diff(&review.diff));
        let observations: Vec<_> = review.observations.iter().map(Observation::to_json).collect();
        members.insert("observations".into(), observations.into());
        members.insert("missing".into(), review.missing.into());
        let history = review.history.items.iter();
        let history: Vec<_> = history.map(|submission| submission.to_json(Reader::Reviewer)).collect();
        members.insert("history".into(), history.into());
        let comments = review.comments.items.iter();
        let comments: Vec<_> = comments.map(|comment| comment.to_json(Reader::Reviewer)).collect();
        members.insert("comments".into(), comments.into());
    }
    Ok(api::versioned(200, &body, submission.version()))
}

fn diff(diff: &Diff) -> Value {
    let fields = diff.fields.iter().map(|field| {
        json!({ "field": field.name, "change": field.change.name(), "before": field.before, "after": field.after })
    });
    let uris = diff
        .redirect_uris
        .iter()
        .map(|line| json!({ "redirect_uri": line.uri, "change": line.change.name() }));
    let scopes = diff.scopes.iter().map(|line| {
        json!({
            "scope": line.name,
            "change": line.change.name(),
            "title": line.facts.as_ref().map(|facts| &facts.title),
            "sensitive": line.is_sensitive(),
            "before": line.before,
            "after": line.after,
        })
    });
    json!({
        "fields": fields.collect::<Vec<_>>(),
        "redirect_uris": uris.collect::<Vec<_>>(),
        "scopes": scopes.collect::<Vec<_>>(),
    })
}

async fn approve<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.reviewer()?;
    without_fields(request)?;
    let version = api::expected_version(request)?;
    decided(decide(context, &actor, id, version, &Verdict::Approve).await?)
}

async fn reject<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.reviewer()?;
    let reason = decisions::reason(api::input(request)?)?;
    let version = api::expected_version(request)?;
    decided(decide(context, &actor, id, version, &Verdict::Reject { reason }).await?)
}

fn decided(submission: Submission) -> Result<Reply, Problem> {
    let body = submission.to_json(Reader::Reviewer);
    Ok(api::versioned(200, &body, submission.version()))
}

/// Decides a submission.
pub(super) async fn decide<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    version: Option<u32>,
    verdict: &Verdict,
) -> Result<Submission, Problem> {
    let reviewer = actor.reviewer()?;
    let submission = Submission::load(context.stores, id).await?;
    let submission = submission.ok_or(Problem::NotFound("submission"))?;
    let case = Case::load(context.stores, actor, &submission.client_id, Some(&submission)).await?;
    let reviewer = case.reviewer(reviewer)?;
    if version.is_some_and(|version| version != submission.version()) {
        return Err(Problem::Changed);
    }
    let (decided, statements) = decisions::decide(reviewer, &submission, verdict, now(context))?;
    context.stores.transact(statements).await?;
    Ok(decided)
}

async fn suspend<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    let off = Switch::off(api::input(request)?)?;
    let version = api::expected_version(request)?;
    switch(context, &actor, id, version, off).await?;
    standing(context, &actor, id).await
}

async fn reinstate<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    without_fields(request)?;
    let version = api::expected_version(request)?;
    switch(context, &actor, id, version, Switch::On).await?;
    standing(context, &actor, id).await
}

/// What an app is switched.
pub enum Switch {
    /// It is reinstated.
    On,
    /// It is suspended, for this reason.
    Off(String),
}

impl Switch {
    /// Reads what is sent to reinstate an app: nothing.
    pub fn on(input: Input) -> Result<Self, Problem> {
        input.finish().map(|()| Self::On)
    }

    /// Reads what is sent to suspend one.
    pub fn off(input: Input) -> Result<Self, Problem> {
        decisions::reason(input).map(Self::Off)
    }
}

/// Suspends an app or reinstates it.
pub async fn switch<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    version: Option<u32>,
    how: Switch,
) -> Result<(), Problem> {
    may_look(actor)?;
    let case = Case::load(context.stores, actor, client_id, None).await?;
    let judge = case.judge(actor)?;
    case.app.expect(version)?;
    let statements = match how {
        Switch::Off(reason) => decisions::suspend(judge, &reason, now(context))?,
        Switch::On => decisions::reinstate(judge, now(context))?,
    };
    context.stores.transact(statements).await?;
    Ok(())
}

async fn standing<S: Stores>(context: &Context<'_, S>, actor: &Actor, client_id: &str) -> Result<Reply, Problem> {
    let case = Case::load(context.stores, actor, client_id, None).await?;
    let suspension = case.suspension.as_ref();
    let body = json!({
        "client_id": case.app.client_id,
        "status": case.app.status.name(),
        "suspended_at": suspension.map(|suspension| suspension.at.to_rfc3339()),
        "suspension_reason": suspension.map(|suspension| &suspension.reason),
    });
    Ok(api::versioned(200, &body, case.app.version))
}

async fn take_up<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.reviewer()?;
    without_fields(request)?;
    let submission = take_up_as(context, &actor, client_id).await?;
    Ok(Reply::json(201, &submission.to_json(Reader::Reviewer)))
}

/// Takes up an app that registered itself.
pub(super) async fn take_up_as<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
) -> Result<Submission, Problem> {
    let reviewer = actor.reviewer()?;
    let case = Case::load(context.stores, actor, client_id, None).await?;
    let granted = catalogue::load_granted(context.stores, client_id).await?;
    let (submission, statements) = decisions::take_up(case.reviewer(reviewer)?, granted, now(context))?;
    context.stores.transact(statements).await?;
    Ok(submission)
}

async fn list_comments<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    may_look(&actor)?;
    let page = PageRequest::of(&api::query(request)?)?;
    let comments = comments::list(context.stores, client_id, &page).await?;
    Ok(api::list(&comments, |comment| comment.to_json(Reader::Reviewer)))
}

async fn comment<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.reviewer()?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let case = Case::load(context.stores, &actor, client_id, None).await?;
    case.judge(&actor)?;
    let body = comments::body(api::input(request)?)?;
    let side = Side::Reviewer;
    let (comment, statements) = comments::add(&actor, side, &case.app.client_id, body, context.random, context.now);
    let creation = Creation {
        statements,
        reply: Reply::json(201, &comment.to_json(Reader::Reviewer)),
        refused: comments::TOO_MANY,
    };
    idempotency::create(context, request, &actor, creation).await
}
