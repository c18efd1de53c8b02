//! An app's testers: `/developers/apps/{client_id}/testing`, and the same as JSON.

use futures_util::future::join;
use serde_json::{Value, json};

use super::idempotency::{self, Creation};
use super::{api, caller, pages};
use crate::context::Context;
use crate::endpoints::revocation::{self, Asked};
use crate::http::{Reply, Request, percent_encoded};
use crate::management::actor::Actor;
use crate::management::apps::{self, AppRecord};
use crate::management::problem::Problem;
use crate::management::testers::{self, NOT_ADDED, Tester};
use crate::pages::management::{FormState, Place, TestingPage};
use crate::pages::render;
use crate::store::Stores;

async fn load<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
) -> Result<(AppRecord, Vec<Tester>), Problem> {
    let (app, testers) = join(
        apps::load_for_member(context.stores, actor, client_id),
        testers::list(context.stores, client_id),
    )
    .await;
    Ok((app?, testers?))
}

/// All of them: there are a hundred at most.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let (_, testers) = load(context, &actor, client_id).await?;
    let items: Vec<Value> = testers.iter().map(Tester::to_json).collect();
    Ok(Reply::json(200, &json!({ "items": items, "next_cursor": null })))
}

/// Puts a name on the list.
pub async fn add<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, client_id).await?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let name = testers::parse(api::input(request)?)?;
    let member = apps::member(&actor, &app)?;
    let (tester, statements) = testers::add(member, client_id, &name, context.random, context.now);
    let creation = Creation {
        statements,
        reply: Reply::json(201, &tester.to_json()),
        refused: NOT_ADDED,
    };
    idempotency::create(context, request, &actor, creation).await
}

/// Takes a tester off the list. 202: what they had ends within minutes, because a ledger does not answer now.
pub async fn remove<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    tester_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let all_ended = end(context, &actor, client_id, tester_id).await?;
    Ok(Reply::new(if all_ended { 204 } else { 202 }, String::new()))
}

/// Whether the ledger ended everything they had.
async fn end<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    tester_id: &str,
) -> Result<bool, Problem> {
    let app = apps::load_for_member(context.stores, actor, client_id).await?;
    let member = apps::member(actor, &app)?;
    let revoking = testers::remove(
        context.stores,
        member,
        client_id,
        tester_id,
        context.random,
        context.now,
    )
    .await?;
    if revoking.is_empty() {
        return Ok(true);
    }
    let asked = Asked::by_management(&actor.origin);
    Ok(revocation::end(context, revoking, Some(asked)).await.fault.is_none())
}

/// The tab Testing.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let shown = show(context, &actor, client_id, 200, &FormState::default()).await;
    pages::reply(context, request, shown)
}

async fn show<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    status: u16,
    form: &FormState,
) -> Result<Reply, Problem> {
    let (app, testers) = load(context, actor, client_id).await?;
    let frame = pages::frame(context, actor, Place::Developers);
    Ok(render(status, &TestingPage::new(frame, &app, &testers, form)))
}

/// The form that adds one.
pub async fn add_by_form<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let state = form.state;
    let done = async {
        let app = apps::load_for_member(context.stores, &actor, client_id).await?;
        let name = testers::parse(form.input)?;
        let member = apps::member(&actor, &app)?;
        let (_, statements) = testers::add(member, client_id, &name, context.random, context.now);
        let done = context.stores.transact(statements).await;
        done.map_err(|undone| undone.or(Problem::field("name", NOT_ADDED.to_string())))?;
        Ok(Reply::see_other(testing(client_id)))
    };
    let done = match done.await {
        Err(problem @ Problem::Invalid(_)) => show(context, &actor, client_id, 400, &state.refused(&problem)).await,
        done => done,
    };
    pages::reply(context, request, done)
}

/// The form that removes one.
pub async fn remove_by_form<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    tester_id: &str,
) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    if let Err(reply) = pages::form(context, request, &actor) {
        return reply;
    }
    // What a ledger could not end now, the cron run ends.
    let removed = end(context, &actor, client_id, tester_id).await;
    pages::reply(context, request, removed.map(|_| Reply::see_other(testing(client_id))))
}

fn testing(client_id: &str) -> String {
    format!("/developers/apps/{}/testing", percent_encoded(client_id))
}
