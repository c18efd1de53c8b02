//! Logos: checked by their content, kept in KV under its hash, served from here.

use super::pages::{save, settings_path, settings_state, show_settings};
use super::view::AppView;
use crate::context::Context;
use crate::endpoints::management::pages::Upload;
use crate::endpoints::management::{api, caller, picture};
use crate::http::{Reply, Request};
use crate::looks::picture::RefusedPicture;
use crate::management::actor::Actor;
use crate::management::apps::settings::AppSettings;
use crate::management::apps::{self, AppRecord};
use crate::management::audit::Entry;
use crate::management::problem::Problem;
use crate::pages::management::UriRows;
use crate::store::Stores;

/// `PUT /api/developer/apps/{client_id}/logo`: the body is the picture.
pub async fn put<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    app.expect(api::expected_version(request)?)?;
    let app = match store(context, &actor, app, picture::body(request)?).await? {
        Ok(app) => app,
        Err(refused) => return Err(picture::invalid(&refused)),
    };
    Ok(api::versioned(200, &AppView::of(&app), app.version))
}

/// `DELETE /api/developer/apps/{client_id}/logo`
pub async fn delete<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    app.expect(api::expected_version(request)?)?;
    save(context, &actor, &app, with_logo(&app, None)).await?;
    Ok(Reply::new(204, String::new()))
}

/// The form of the settings page.
pub async fn by_form<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    upload: Upload,
) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    app.expect(upload.version)?;
    match store(context, actor, app.clone(), &upload.file).await? {
        Ok(_) => Ok(Reply::see_other(settings_path(id))),
        Err(refused) => {
            let form = settings_state(app.working_copy());
            let message = refused.to_string();
            let parts = (&form, UriRows::of(&form), Some(message.as_str()));
            Ok(show_settings(context, actor, &app, 400, parts))
        }
    }
}

/// The button that removes it.
pub async fn remove_by_form<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    version: Option<u32>,
) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    app.expect(version)?;
    save(context, actor, &app, with_logo(&app, None)).await?;
    Ok(Reply::see_other(settings_path(id)))
}

/// Keeps the picture, and makes it the app's logo.
async fn store<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    app: AppRecord,
    bytes: &[u8],
) -> Result<Result<AppRecord, RefusedPicture>, Problem> {
    let name = match picture::check(bytes) {
        Ok(name) => name,
        Err(refused) => return Ok(Err(refused)),
    };
    let entry = Entry::of_app("app.logo_uploaded", &app.client_id);
    let first = vec![entry.by(actor, context.random, context.now)];
    picture::keep(context, &name, bytes, first, Some(&app.developer_id)).await?;
    save(context, actor, &app, with_logo(&app, Some(name.as_str()))).await?;
    let saved = apps::load_for_member(context.stores, actor, &app.client_id).await?;
    Ok(Ok(saved))
}

fn with_logo(app: &AppRecord, logo: Option<&str>) -> AppSettings {
    AppSettings {
        logo: logo.map(str::to_owned),
        ..app.working_copy().clone()
    }
}
