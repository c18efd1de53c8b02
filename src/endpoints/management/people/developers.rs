//! `/admin/developers…`, `/api/admin/developers…`

use serde_json::json;

use super::apps::take_back;
use super::next_page;
use crate::context::Context;
use crate::endpoints::management::{api, caller, pages};
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::cursor::PageRequest;
use crate::management::people::apps::{self, AppFilter, one};
use crate::management::people::developers;
use crate::management::people::revoking::Whose;
use crate::management::problem::Problem;
use crate::pages::management::{AdminDeveloperPage, AdminDevelopersPage, FormState, Place};
use crate::pages::render;
use crate::store::Stores;

/// Developer accounts, as JSON.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let administrator = actor.administrator()?;
    let params = api::query(request)?;
    let search = one(&params, "search")?;
    let page = developers::list(
        context.stores,
        administrator,
        search.as_deref(),
        &PageRequest::of(&params)?,
    )
    .await?;
    Ok(api::list(&page, developers::DeveloperRow::json))
}

/// One developer account, as JSON.
pub async fn get<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = developers::read(context.stores, actor.administrator()?, id).await?;
    Ok(Reply::json(200, &developer.json()))
}

/// Takes back what the apps of an account were given. 202: see the same for one app.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let input = api::input_or_none(request)?;
    let left = take_back(context, actor.administrator()?, Whose::Developer(id), input).await?;
    Ok(Reply::json(
        if left == 0 { 200 } else { 202 },
        &json!({ "consents_left": left }),
    ))
}

/// The page that lists developer accounts.
pub async fn list_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| {
        let administrator = actor.administrator()?;
        let params = api::query(request)?;
        let search = one(&params, "search")?;
        let asked = PageRequest::of(&params)?;
        let page = developers::list(context.stores, administrator, search.as_deref(), &asked).await?;
        Ok(render(
            200,
            &AdminDevelopersPage {
                frame: pages::frame(context, actor, Place::Apps),
                search: search.as_deref().unwrap_or_default(),
                next: next_page(request, &params, &page),
                developers: &page.items,
            },
        ))
    })
    .await
}

/// The page of one developer account.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    pages::show(context, request, async |actor| {
        let is_revoked = request.query.split('&').any(|part| part == "done=revoked");
        shown(context, request, actor, id, 200, is_revoked, &FormState::default()).await
    })
    .await
}

async fn shown<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    id: &str,
    status: u16,
    is_revoked: bool,
    form: &FormState,
) -> Result<Reply, Problem> {
    let administrator = actor.administrator()?;
    let developer = developers::read(context.stores, administrator, id).await?;
    let filter = AppFilter {
        developer_id: Some(id.to_owned()),
        ..AppFilter::default()
    };
    let params = api::query(request)?;
    let page = apps::list(context.stores, administrator, &filter, &PageRequest::of(&params)?).await?;
    let page = AdminDeveloperPage {
        frame: pages::frame(context, actor, Place::Apps),
        view: &developer,
        next: next_page(request, &params, &page),
        apps: &page.items,
        is_revoked,
        form,
    };
    Ok(render(status, &page))
}

/// Takes back what the apps of an account were given, by the form of its page.
pub async fn revoke_by_form<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, input, _| {
            take_back(context, actor.administrator()?, Whose::Developer(id), input).await?;
            Ok(format!("/admin/developers/{id}?done=revoked"))
        },
        async |actor, state| shown(context, request, actor, id, 400, false, &state).await,
    )
    .await
}
