//! What an app's developers ask of its review: `/developers/apps/{client_id}/review`, and the same as JSON.

use serde_json::{Value, json};

use super::super::idempotency::{self, Creation};
use super::super::{api, caller};
use super::by_form;
use super::now;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::apps;
use crate::management::cursor::PageRequest;
use crate::management::problem::Problem;
use crate::management::review::case::Case;
use crate::management::review::checklist::{self, Item};
use crate::management::review::comments::{self, Side};
use crate::management::review::decisions;
use crate::management::review::submissions::{Reader, Submission};
use crate::router::management::Managed;
use crate::router::management::reviews::DeveloperReviews;
use crate::store::Stores;
use crate::time::Timestamp;

/// Answers a request of an app's developers.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: DeveloperReviews,
) -> Reply {
    let client_id = managed.id(0);
    match route {
        DeveloperReviews::Page => by_form::developer_page(context, request, &client_id).await,
        DeveloperReviews::SubmitForm | DeveloperReviews::WithdrawForm | DeveloperReviews::CommentForm => {
            by_form::developer_form(context, request, &client_id, route).await
        }
        DeveloperReviews::Show => api::reply(context, show(context, request, &client_id).await),
        DeveloperReviews::List => api::reply(context, list(context, request, &client_id).await),
        DeveloperReviews::Submit => api::reply(context, submit(context, request, &client_id).await),
        DeveloperReviews::Withdraw => api::reply(context, withdraw(context, request, &client_id).await),
        DeveloperReviews::ListComments => api::reply(context, list_comments(context, request, &client_id).await),
        DeveloperReviews::Comment => api::reply(context, comment(context, request, &client_id).await),
    }
}

async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let case = Case::load_for_member(context.stores, &actor, client_id).await?;
    let pending = pending(context, &case).await?;
    let items = checklist::of(case.app.working_copy(), case.app.app_type, &case.catalogue);
    let suspension = case.suspension.as_ref();
    let body = json!({
        "client_id": case.app.client_id,
        "status": case.app.status.name(),
        "approved_at": case.app.approved_at.map(Timestamp::to_rfc3339),
        "suspended_at": suspension.map(|suspension| suspension.at.to_rfc3339()),
        "suspension_reason": suspension.map(|suspension| &suspension.reason),
        "has_unreviewed_edits": case.app.has_unreviewed_edits(),
        "pending": pending.map(|pending| pending.to_json(Reader::Developer)),
        "checklist": items.iter().map(item).collect::<Vec<_>>(),
    });
    Ok(api::versioned(200, &body, case.app.version))
}

fn item(item: &Item) -> Value {
    json!({ "field": item.field, "title": item.title, "done": item.is_done(), "missing": item.missing })
}

/// The submission that waits.
pub(super) async fn pending<S: Stores>(context: &Context<'_, S>, case: &Case) -> Result<Option<Submission>, Problem> {
    match &case.app.pending {
        Some(id) => Ok(Submission::load(context.stores, id).await?),
        None => Ok(None),
    }
}

async fn list<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let page = PageRequest::of(&api::query(request)?)?;
    let app = apps::load_for_member(context.stores, &actor, client_id).await?;
    let submissions = Submission::list(context.stores, &app.client_id, &page).await?;
    Ok(api::list(&submissions, |submission| {
        submission.to_json(Reader::Developer)
    }))
}

async fn submit<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let version = api::expected_version(request)?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let case = Case::load_for_member(context.stores, &actor, client_id).await?;
    case.app.expect(version)?;
    let testing = decisions::testing(&case, api::input(request)?)?;
    let member = apps::member(&actor, &case.app)?;
    let (submission, statements) = decisions::submit(member, &case, testing, now(context))?;
    let creation = Creation {
        statements,
        reply: Reply::json(201, &submission.to_json(Reader::Developer)),
        refused: Problem::Changed,
    };
    idempotency::create(context, request, &actor, creation).await
}

async fn withdraw<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    withdraw_as(context, &actor, client_id).await?;
    Ok(Reply::new(204, String::new()))
}

/// Takes back what waits.
pub(super) async fn withdraw_as<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
) -> Result<(), Problem> {
    let case = Case::load_for_member(context.stores, actor, client_id).await?;
    let member = apps::member(actor, &case.app)?;
    let pending = pending(context, &case).await?;
    let pending = pending.ok_or(Problem::NotFound("submission that waits"))?;
    let statements = decisions::withdraw(member, &case, &pending, now(context))?;
    context.stores.transact(statements).await?;
    Ok(())
}

async fn list_comments<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let page = PageRequest::of(&api::query(request)?)?;
    let app = apps::load_for_member(context.stores, &actor, client_id).await?;
    let comments = comments::list(context.stores, &app.client_id, &page).await?;
    Ok(api::list(&comments, |comment| comment.to_json(Reader::Developer)))
}

async fn comment<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let app = apps::load_for_member(context.stores, &actor, client_id).await?;
    let body = comments::body(api::input(request)?)?;
    let (comment, statements) = comments::add(
        &actor,
        Side::Developer,
        &app.client_id,
        body,
        context.random,
        context.now,
    );
    let creation = Creation {
        statements,
        reply: Reply::json(201, &comment.to_json(Reader::Developer)),
        refused: comments::TOO_MANY,
    };
    idempotency::create(context, request, &actor, creation).await
}
