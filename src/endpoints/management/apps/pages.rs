//! The pages on which developers register and manage apps.

use url::form_urlencoded;

use super::logo;
use crate::context::Context;
use crate::endpoints::management::daily;
use crate::endpoints::management::pages::{self, Form};
use crate::http::{Body, Reply, Request, percent_encoded};
use crate::management::actor::Actor;
use crate::management::apps::quick_start::{Choices, QuickStart};
use crate::management::apps::registration::Registration;
use crate::management::apps::settings::{self, AppSettings};
use crate::management::apps::{self, AppRecord, catalogue, deletion, edit, registration};
use crate::management::daily::Daily;
use crate::management::problem::Problem;
use crate::oauth::client::AppType;
use crate::oauth::standing::AppClass;
use crate::pages::management::{
    AppCreatedPage, AppDeletePage, AppFrame, AppNewPage, AppPermissionsPage, AppSettingsPage, AppTab, FormState, Place,
    QuickStartPage, UriRows,
};
use crate::pages::render;
use crate::router;
use crate::router::management::apps::Apps;
use crate::store::Stores;

/// Answers a request of a browser.
pub async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request, route: Apps, id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    if route == Apps::LogoForm {
        let upload = match pages::upload(context, request, &actor, "logo", &[]) {
            Ok(upload) => upload,
            Err(reply) => return reply,
        };
        let done = logo::by_form(context, &actor, id, upload).await;
        return pages::reply(context, request, done);
    }
    let form = match pages::form_if_sent(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = match (route, form) {
        (Apps::NewPage, _) => new_page(context, &actor).await,
        (Apps::CreateForm, Some(form)) => create(context, request, &actor, form).await,
        (Apps::QuickStartPage, _) => quick_start(context, request, &actor, id).await,
        (Apps::SettingsPage, _) => settings_page(context, &actor, id).await,
        (Apps::SettingsForm, Some(form)) => save_settings(context, request, &actor, id, form).await,
        (Apps::PermissionsPage, _) => permissions_page(context, &actor, id).await,
        (Apps::PermissionsForm, Some(form)) => save_permissions(context, &actor, id, form).await,
        (Apps::RemoveLogoForm, Some(form)) => logo::remove_by_form(context, &actor, id, form.version).await,
        (Apps::DeletePage, _) => delete_page(context, &actor, id).await,
        (Apps::DeleteForm, Some(form)) => delete(context, &actor, id, form).await,
        _ => apps::load_for_member(context.stores, &actor, id)
            .await
            .map(|app| Reply::see_other(settings_path(&app.client_id))),
    };
    pages::reply(context, request, done)
}

/// Where the settings of an app are.
pub fn settings_path(client_id: &str) -> String {
    format!("/developers/apps/{}/settings", percent_encoded(client_id))
}

async fn new_page<S: Stores>(context: &Context<'_, S>, actor: &Actor) -> Result<Reply, Problem> {
    let form = FormState::default().with("app_type", "web");
    show_new(context, actor, 200, &form, UriRows::of(&form)).await
}

async fn show_new<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    status: u16,
    form: &FormState,
    uris: UriRows,
) -> Result<Reply, Problem> {
    actor.developer()?;
    let catalogue = catalogue::load(context.stores, None).await?;
    let page = AppNewPage {
        frame: pages::frame(context, actor, Place::Developers),
        form,
        uris,
        catalogue: &catalogue,
        accounts: actor.memberships(),
    };
    Ok(render(status, &page))
}

async fn create<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    form: Form,
) -> Result<Reply, Problem> {
    if let Some(uris) = changed_rows(request, form.action.as_deref()) {
        return show_new(context, actor, 200, &form.state, uris).await;
    }
    let developer = actor.developer()?;
    let catalogue = catalogue::load(context.stores, None).await?;
    let made = Registration::parse(form.input, &catalogue, false)
        .and_then(|registration| registration.make(developer, context.random, context.now));
    let app = match made {
        Ok(app) => app,
        Err(problem @ Problem::Invalid(_)) => {
            let form = form.state.refused(&problem);
            return show_new(context, actor, 400, &form, UriRows::of(&form)).await;
        }
        Err(problem) => return Err(problem),
    };
    let counted = (Daily::Registrations, app.record.developer_id.as_str());
    daily::transact(context, counted, app.statements, registration::REFUSED).await?;
    let page = AppCreatedPage {
        frame: pages::frame(context, actor, Place::Developers),
        client_id: &app.record.client_id,
        secret: app.secret.as_ref().map(|secret| secret.reveal()),
    };
    Ok(render(201, &page))
}

async fn quick_start<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    id: &str,
) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    let catalogue = catalogue::load(context.stores, Some(&app.client_id)).await?;
    let choices = Choices::new(&app, &catalogue);
    let chosen = request.query_params().ok();
    let chosen = |name| chosen.as_ref().and_then(|params| params.one(name).ok().flatten());
    let issuer = &context.config.issuer;
    let values = choices.values(issuer.as_str(), &app.client_id, (chosen("api"), chosen("redirect_uri")));
    let page = QuickStartPage {
        frame: pages::frame(context, actor, Place::Developers),
        app: AppFrame::new(&app, AppTab::QuickStart),
        quick_start: values.as_ref().and_then(|values| QuickStart::new(app.app_type, values)),
        choices,
        values,
        can_keep_a_secret: app.app_type.can_keep_a_secret(),
        metadata: issuer.url(router::METADATA),
    };
    Ok(render(200, &page))
}

async fn settings_page<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    let form = settings_state(app.working_copy());
    Ok(show_settings(
        context,
        actor,
        &app,
        200,
        (&form, UriRows::of(&form), None),
    ))
}

/// What the form of the settings has before anybody changed it.
pub fn settings_state(settings: &AppSettings) -> FormState {
    let form = FormState::default()
        .with("name", settings.name.as_str())
        .with("description", settings.description.as_str())
        .with_optional("homepage_url", settings.homepage_url.as_deref())
        .with_optional("privacy_policy_url", settings.privacy_policy_url.as_deref())
        .with_optional("terms_of_service_url", settings.terms_of_service_url.as_deref());
    let uris = settings.redirect_uris.iter();
    uris.fold(form, |form, uri| form.with("redirect_uris", uri.as_str()))
}

/// The tab, with what is in the form, its redirect URIs, and what is wrong with a logo that was sent.
pub fn show_settings<S>(
    context: &Context<'_, S>,
    actor: &Actor,
    app: &AppRecord,
    status: u16,
    (form, uris, logo_error): (&FormState, UriRows, Option<&str>),
) -> Reply {
    let page = AppSettingsPage {
        frame: pages::frame(context, actor, Place::Developers),
        app: AppFrame::new(app, AppTab::Settings),
        form,
        uris,
        logo_error,
        version: app.version,
        follows_document: app.class == AppClass::MetadataDocument,
        app_type: type_in_words(app.app_type),
    };
    render(status, &page)
}

fn type_in_words(app_type: AppType) -> &'static str {
    match app_type {
        AppType::Web => "web application",
        AppType::Server => "server or script",
        AppType::Spa => "single page application",
        AppType::Mobile => "mobile or desktop application",
    }
}

async fn save_settings<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    id: &str,
    form: Form,
) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    if let Some(uris) = changed_rows(request, form.action.as_deref()) {
        let parts = (&form.state, uris, None);
        return Ok(show_settings(context, actor, &app, 200, parts));
    }
    app.expect(form.version)?;
    let edited = match edit::settings_form(form.input, &app) {
        Ok(edited) => edited,
        Err(problem) => {
            let form = form.state.refused(&problem);
            let parts = (&form, UriRows::of(&form), None);
            return Ok(show_settings(context, actor, &app, 400, parts));
        }
    };
    save(context, actor, &app, edited).await?;
    Ok(Reply::see_other(settings_path(id)))
}

/// Saves the working copy.
pub async fn save<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    app: &AppRecord,
    edited: AppSettings,
) -> Result<(), Problem> {
    let statements = settings::save(app, edited, apps::member(actor, app)?, context.random, context.now)?;
    context.stores.transact(statements).await?;
    Ok(())
}

/// The rows of redirect URIs, if one of their own buttons was pressed: nothing is saved then. Read from the body, because
/// rows that are empty count too.
fn changed_rows(request: &Request, action: Option<&str>) -> Option<UriRows> {
    let Body::Bytes(bytes) = &request.body else {
        return None;
    };
    let values = form_urlencoded::parse(bytes).filter(|(name, _)| name == "redirect_uris");
    UriRows::after(action?, values.map(|(_, value)| value.into_owned()).collect())
}

async fn permissions_page<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    let scopes = app.working_copy().scopes.iter();
    let form = scopes.fold(FormState::default(), |mut form, scope| {
        let name = scope.scope.as_str();
        form = form.with("scopes", name);
        if scope.is_default {
            form = form.with("defaults", name);
        }
        if scope.is_optional {
            form = form.with("optional", name);
        }
        form.with_optional(&format!("reason/{name}"), scope.reason.as_deref())
    });
    show_permissions(context, actor, &app, 200, &form).await
}

async fn show_permissions<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    app: &AppRecord,
    status: u16,
    form: &FormState,
) -> Result<Reply, Problem> {
    let catalogue = catalogue::load(context.stores, Some(&app.client_id)).await?;
    let page = AppPermissionsPage {
        frame: pages::frame(context, actor, Place::Developers),
        app: AppFrame::new(app, AppTab::Permissions),
        form,
        catalogue: &catalogue,
        version: app.version,
    };
    Ok(render(status, &page))
}

async fn save_permissions<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    id: &str,
    form: Form,
) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    app.expect(form.version)?;
    let catalogue = catalogue::load(context.stores, Some(id)).await?;
    match edit::permissions_form(form.input, &app, &catalogue) {
        Ok(edited) => {
            save(context, actor, &app, edited).await?;
            Ok(Reply::see_other(format!("/developers/apps/{id}/permissions")))
        }
        Err(problem) => {
            let form = form.state.refused(&problem);
            show_permissions(context, actor, &app, 400, &form).await
        }
    }
}

async fn delete_page<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    let page = AppDeletePage {
        frame: pages::frame(context, actor, Place::Developers),
        app: AppFrame::new(&app, AppTab::Settings),
        version: app.version,
    };
    Ok(render(200, &page))
}

async fn delete<S: Stores>(context: &Context<'_, S>, actor: &Actor, id: &str, form: Form) -> Result<Reply, Problem> {
    let app = apps::load_for_member(context.stores, actor, id).await?;
    app.expect(form.version)?;
    form.input.finish()?;
    let statements = deletion::delete(&app, apps::member(actor, &app)?, context.random, context.now)?;
    context.stores.transact(statements).await?;
    Ok(Reply::see_other("/developers"))
}
