//! `/admin/apps…`, `/api/admin/apps…`

use serde_json::json;

use super::{ending, next_page};
use crate::context::Context;
use crate::endpoints::management::reviews::{Switch, switch};
use crate::endpoints::management::{api, caller, pages};
use crate::http::{Reply, Request};
use crate::management::actor::{Actor, Administrator};
use crate::management::cursor::PageRequest;
use crate::management::input::Input;
use crate::management::people::apps::{self, AppFilter};
use crate::management::people::revoking::{self, Whose};
use crate::management::people::standing;
use crate::management::problem::Problem;
use crate::pages::management::{AdminAppPage, AdminAppsPage, Forms, Place};
use crate::pages::render;
use crate::router::management::people::AppAction;
use crate::store::Stores;

/// Apps, as JSON.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let administrator = actor.administrator()?;
    let params = api::query(request)?;
    let filter = AppFilter::parse(&params)?;
    let page = apps::list(context.stores, administrator, &filter, &PageRequest::of(&params)?).await?;
    Ok(api::list(&page, apps::AppRow::json))
}

/// One app, as JSON.
pub async fn get<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::read(context.stores, actor.administrator()?, id).await?;
    Ok(api::versioned(200, &app.json(), app.detail.version))
}

/// Takes back what an app was given. 202: its tokens are dead, but some of its consents are left to the cron runs.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let left = take_back(
        context,
        actor.administrator()?,
        Whose::App(id),
        api::input_or_none(request)?,
    )
    .await?;
    Ok(Reply::json(
        if left == 0 { 200 } else { 202 },
        &json!({ "consents_left": left }),
    ))
}

/// Takes back what apps were given.
pub async fn take_back<S: Stores>(
    context: &Context<'_, S>,
    administrator: Administrator<'_>,
    whose: Whose<'_>,
    input: Input,
) -> Result<u32, Problem> {
    let reason = standing::optional_reason(input)?;
    let statements = revoking::begin(administrator, whose, reason.as_deref(), context.random, context.now);
    let unknown = match whose {
        Whose::User(_) => "user",
        Whose::App(_) => "app",
        Whose::Developer(_) => "developer account",
    };
    ending::transact(context, administrator, statements, whose, Problem::NotFound(unknown)).await
}

/// The page that lists apps.
pub async fn list_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    pages::show(context, request, async |actor| {
        let administrator = actor.administrator()?;
        let params = api::query(request)?;
        let filter = AppFilter::parse(&params)?;
        let page = apps::list(context.stores, administrator, &filter, &PageRequest::of(&params)?).await?;
        Ok(render(
            200,
            &AdminAppsPage {
                frame: pages::frame(context, actor, Place::Apps),
                filter: &filter,
                next: next_page(request, &params, &page),
                apps: &page.items,
            },
        ))
    })
    .await
}

/// The page of one app.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    pages::show(context, request, async |actor| {
        let is_revoked = request.query.split('&').any(|part| part == "done=revoked");
        shown(context, actor, id, 200, is_revoked, &Forms::default()).await
    })
    .await
}

async fn shown<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    status: u16,
    is_revoked: bool,
    forms: &Forms,
) -> Result<Reply, Problem> {
    let app = apps::read(context.stores, actor.administrator()?, id).await?;
    let page = AdminAppPage {
        frame: pages::frame(context, actor, Place::Apps),
        view: &app,
        is_revoked,
        sent: forms,
    };
    Ok(render(status, &page))
}

/// Does something to an app, by a form of its page.
pub async fn by_form<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str, action: AppAction) -> Reply {
    pages::by_form(
        context,
        request,
        async |actor, input, version| {
            let administrator = actor.administrator()?;
            let here = format!("/admin/apps/{id}");
            match action {
                AppAction::Revoke => {
                    take_back(context, administrator, Whose::App(id), input).await?;
                    return Ok(format!("{here}?done=revoked"));
                }
                AppAction::Suspend => switch(context, actor, id, version, Switch::off(input)?).await?,
                AppAction::Reinstate => switch(context, actor, id, version, Switch::on(input)?).await?,
            }
            Ok(here)
        },
        async |actor, state| {
            let name = match action {
                AppAction::Revoke => "revoke",
                AppAction::Suspend | AppAction::Reinstate => "suspend",
            };
            shown(context, actor, id, 400, false, &Forms::refused(name, state)).await
        },
    )
    .await
}
