//! Logos: checked by their content, kept in KV under its hash, served from here.

use super::pages::{save, settings_path, settings_state, show_settings};
use super::view::AppView;
use crate::context::Context;
use crate::endpoints::management::pages::Upload;
use crate::endpoints::management::{api, caller};
use crate::http::{Body, Reply, Request};
use crate::looks::picture::{self, RefusedPicture};
use crate::management::actor::Actor;
use crate::management::apps::settings::AppSettings;
use crate::management::apps::{self, AppRecord};
use crate::management::problem::{FieldError, Problem};
use crate::pages::management::UriRows;
use crate::store::Stores;

/// `PUT /api/developer/apps/{client_id}/logo`: the body is the picture.
pub async fn put<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let app = apps::load_for_member(context.stores, &actor, id).await?;
    app.expect(api::expected_version(request)?)?;
    let media_type = request.header("content-type").unwrap_or_default();
    if !["image/png", "image/jpeg", "image/webp"].contains(&media_type) {
        return Err(Problem::UnsupportedMediaType(
            "the body must be image/png, image/jpeg or image/webp",
        ));
    }
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::TooLarge => return Err(Problem::TooLarge("a logo is at most 256 kB large")),
        Body::Broken => return Err(Problem::field("body", "broke off")),
    };
    let app = match store(context, &actor, app, bytes).await? {
        Ok(app) => app,
        Err(refused) => return Err(invalid(refused)),
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

/// Stores the picture first: a name without one would show nothing, and one without a name disturbs nobody.
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
    context.stores.put_logo(&name, bytes).await?;
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

fn invalid(refused: RefusedPicture) -> Problem {
    Problem::Invalid(vec![FieldError {
        field: "logo".into(),
        code: "invalid_logo",
        message: refused.to_string(),
    }])
}
