//! Developer accounts: `/developers`, `/api/developer/accounts…`.

use serde_json::json;

use super::idempotency::{self, Creation};
use super::{api, caller, pages};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::accounts::{self, AccountInput};
use crate::management::actor::Actor;
use crate::management::problem::Problem;
use crate::pages::management::{DeveloperHomePage, FormState, Place};
use crate::pages::render;
use crate::router::management::Managed;
use crate::router::management::accounts::Accounts;
use crate::store::Stores;

/// Answers a request about developer accounts.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    _managed: Managed<'_>,
    route: Accounts,
) -> Reply {
    match route {
        Accounts::HomePage => home(context, request).await,
        Accounts::CreateForm => create_by_form(context, request).await,
        Accounts::List => api::reply(context, list(context, request).await),
        Accounts::Create => api::reply(context, create(context, request).await),
    }
}

async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let memberships = actor.developer()?.actor().memberships().iter();
    let accounts = memberships
        .map(|account| json!({ "id": account.developer_id, "name": account.name, "role": account.role.name() }));
    Ok(Reply::json(
        200,
        &json!({ "items": accounts.collect::<Vec<_>>(), "next_cursor": null }),
    ))
}

async fn create<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let input = AccountInput::parse(api::input(request)?)?;
    let (account, statements) = accounts::create(developer, input, context.random, context.now);
    let creation = Creation {
        statements,
        reply: api::versioned(201, &account, account.version)
            .header("Location", format!("/api/developer/accounts/{}", account.id)),
        refused: accounts::TOO_MANY,
    };
    idempotency::create(context, request, &actor, creation).await
}

async fn home<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let shown = actor
        .developer()
        .map(|_| home_page(context, &actor, 200, &FormState::default()));
    pages::reply(context, request, shown)
}

fn home_page<S>(context: &Context<'_, S>, actor: &Actor, status: u16, form: &FormState) -> Reply {
    let page = DeveloperHomePage {
        frame: pages::frame(context, actor, Place::Developers),
        accounts: actor.memberships(),
        form,
    };
    render(status, &page)
}

async fn create_by_form<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = async {
        let developer = actor.developer()?;
        let input = AccountInput::parse(form.input)?;
        let (_, statements) = accounts::create(developer, input, context.random, context.now);
        let transacted = context.stores.transact(statements).await;
        transacted.map_err(|undone| undone.or(accounts::TOO_MANY))?;
        Ok(Reply::see_other("/developers"))
    };
    match done.await {
        Err(problem @ Problem::Invalid(_)) => home_page(context, &actor, 400, &form.state.refused(&problem)),
        done => pages::reply(context, request, done),
    }
}
