//! The JSON API of apps.

use serde_json::json;

use super::view::{AppView, ListedAppView};
use crate::context::Context;
use crate::endpoints::management::idempotency::{self, Creation};
use crate::endpoints::management::{api, caller, daily};
use crate::http::{Reply, Request};
use crate::management::apps::registration::{self, Registration};
use crate::management::apps::{self, catalogue, deletion, edit, list as apps_list, settings};
use crate::management::cursor::PageRequest;
use crate::management::daily::Daily;
use crate::management::problem::Problem;
use crate::store::Stores;

/// `GET /api/developer/apps`
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    let query = api::query(request)?;
    let page = PageRequest::of(&query)?;
    let developer_id = query
        .one("developer_id")
        .map_err(|_| Problem::field("developer_id", "must come once"))?;
    let page = apps_list::page(context.stores, developer, developer_id, &page).await?;
    Ok(api::list(&page, |app| json!(ListedAppView::of(app))))
}

/// `POST /api/developer/apps`: registers an app and, unless told otherwise, submits it at once.
pub async fn create<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let developer = actor.developer()?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    let input = api::input(request)?;
    let catalogue = catalogue::load(context.stores, None).await?;
    let registration = Registration::parse(input, &catalogue, true)?;
    let app = registration.make(developer, context.random, context.now)?;
    let view = AppView::of(&app.record).with_secret(app.secret.as_ref().map(|secret| secret.reveal()));
    let creation = Creation {
        reply: api::versioned(201, &view, app.record.version)
            .header("Location", format!("/api/developer/apps/{}", app.record.client_id)),
        statements: app.statements,
        refused: registration::REFUSED,
    };
    let counted = (Daily::Registrations, app.record.developer_id.as_str());
    daily::create(context, request, &actor, counted, creation).await
}

/// `GET /api/developer/apps/{client_id}`
pub async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    Ok(api::versioned(200, &AppView::of(&app), app.version))
}

/// `PATCH /api/developer/apps/{client_id}`
pub async fn patch<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    app.expect(api::expected_version(request)?)?;
    let input = api::input(request)?;
    let catalogue = catalogue::load(context.stores, Some(id)).await?;
    let edited = edit::patch(input, &app, &catalogue)?;
    let statements = settings::save(&app, edited, apps::member(&actor, &app)?, context.random, context.now)?;
    context.stores.transact(statements).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    Ok(api::versioned(200, &AppView::of(&app), app.version))
}

/// `DELETE /api/developer/apps/{client_id}`
pub async fn delete<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    app.expect(api::expected_version(request)?)?;
    let statements = deletion::delete(&app, apps::member(&actor, &app)?, context.random, context.now)?;
    context.stores.transact(statements).await?;
    Ok(Reply::new(204, String::new()))
}

/// `GET /api/developer/scopes`
pub async fn scopes<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    actor.developer()?;
    let catalogue = catalogue::load(context.stores, None).await?;
    Ok(Reply::json(200, &json!({ "items": catalogue.apis })))
}
