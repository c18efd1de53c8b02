//! An app's secrets and keys: `/developers/apps/{client_id}/credentials`, and the same as JSON.

use futures_util::future::join;
use serde_json::Value;

use super::idempotency::{self, Creation};
use super::{api, caller, pages, testers};
use crate::context::Context;
use crate::http::{Body, Reply, Request, percent_encoded};
use crate::management::actor::{Actor, Member};
use crate::management::apps::{self, AppRecord};
use crate::management::credentials::method::Method;
use crate::management::credentials::rotation::Step;
use crate::management::credentials::{self, Changed, Credentials, GivenSecret, MEANWHILE};
use crate::management::problem::Problem;
use crate::pages::management::{CredentialsPage, Done, FormState, Place};
use crate::pages::render;
use crate::router::management::Managed;
use crate::router::management::credentials::Credentials as Asked;
use crate::store::Stores;

/// Answers a request about credentials or testers.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Asked,
) -> Reply {
    let (client_id, id) = (&managed.id(0), &managed.id(1));
    match route {
        Asked::Page => page(context, request, client_id).await,
        Asked::SecretsForm => secrets_form(context, request, client_id).await,
        Asked::AuthenticationForm => authentication_form(context, request, client_id).await,
        Asked::TestingPage => testers::page(context, request, client_id).await,
        Asked::AddTesterForm => testers::add_by_form(context, request, client_id).await,
        Asked::RemoveTesterForm => testers::remove_by_form(context, request, client_id, id).await,
        Asked::Get => api::reply(context, get(context, request, client_id).await),
        Asked::StartRotation => api::reply(context, draw(context, request, client_id, Step::Start).await),
        Asked::Replace => api::reply(context, draw(context, request, client_id, Step::Replace).await),
        Asked::CompleteRotation => api::reply(context, end(context, request, client_id, Step::Complete).await),
        Asked::EndSecret => api::reply(context, end(context, request, client_id, Step::End(id)).await),
        Asked::SetAuthentication => api::reply(context, set_authentication(context, request, client_id).await),
        Asked::Testers => api::reply(context, testers::list(context, request, client_id).await),
        Asked::AddTester => api::reply(context, testers::add(context, request, client_id).await),
        Asked::RemoveTester => api::reply(context, testers::remove(context, request, client_id, id).await),
    }
}

async fn load<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
) -> Result<(AppRecord, Credentials), Problem> {
    let (app, credentials) = join(
        apps::load_for_member(context.stores, actor, client_id),
        credentials::load(context.stores, client_id),
    )
    .await;
    // Whether they may see it comes before whether it is there.
    Ok((app?, credentials?.ok_or(Problem::NotFound("app"))?))
}

async fn get<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let (_, credentials) = load(context, &actor, client_id).await?;
    Ok(api::versioned(200, &credentials.to_json(), credentials.version))
}

/// A step that draws a secret.
async fn draw<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    step: Step<'_>,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let (app, credentials) = load(context, &actor, client_id).await?;
    if let Some(reply) = idempotency::replay(context, request, &actor).await? {
        return Ok(reply);
    }
    no_members(request)?;
    let changed = credentials.step(apps::member(&actor, &app)?, step, context.random, context.now)?;
    let given = changed.given.map(|given| given.to_json(client_id, context.now));
    let creation = Creation {
        statements: changed.statements,
        reply: Reply::json(201, &given),
        refused: MEANWHILE,
    };
    idempotency::create(context, request, &actor, creation).await
}

/// A step that draws none.
async fn end<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
    step: Step<'_>,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let (app, credentials) = load(context, &actor, client_id).await?;
    let changed = credentials.step(apps::member(&actor, &app)?, step, context.random, context.now)?;
    write(context, changed).await?;
    let (_, credentials) = load(context, &actor, client_id).await?;
    Ok(api::versioned(200, &credentials.to_json(), credentials.version))
}

/// A body may be left out, or be an empty object.
fn no_members(request: &Request) -> Result<(), Problem> {
    match &request.body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok(()),
        _ => api::input(request)?.finish(),
    }
}

async fn set_authentication<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<Reply, Problem> {
    let actor = caller::of_api(context, request).await?;
    let (app, credentials) = load(context, &actor, client_id).await?;
    app.expect(api::expected_version(request)?)?;
    let method = Method::parse(api::input(request)?, &credentials, &context.config.issuer)?;
    let given = set(context, apps::member(&actor, &app)?, &credentials, &method).await?;
    let (_, credentials) = load(context, &actor, client_id).await?;
    let mut body = credentials.to_json();
    if let (Some(members), Some(given)) = (body.as_object_mut(), given) {
        members.insert("client_secret".into(), Value::String(given.secret.reveal().to_owned()));
    }
    Ok(api::versioned(200, &body, credentials.version))
}

async fn set<S: Stores>(
    context: &Context<'_, S>,
    member: Member<'_>,
    credentials: &Credentials,
    method: &Method,
) -> Result<Option<GivenSecret>, Problem> {
    let changed = credentials.set_method(member, method, context.random, context.now);
    let done = context.stores.transact(changed.statements).await;
    done.map_err(|undone| undone.or(Problem::Changed))?;
    Ok(changed.given)
}

async fn write<S: Stores>(context: &Context<'_, S>, changed: Changed) -> Result<Option<GivenSecret>, Problem> {
    let done = context.stores.transact(changed.statements).await;
    done.map_err(|undone| undone.or(MEANWHILE))?;
    Ok(changed.given)
}

async fn page<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let done = match request.query.as_str() {
        "done=rotated" => Some(Done::Rotated),
        "done=cancelled" => Some(Done::Cancelled),
        "done=keys" => Some(Done::KeysRegistered),
        _ => None,
    };
    let shown = show(context, &actor, client_id, 200, done, None, None).await;
    pages::reply(context, request, shown)
}

async fn show<S: Stores>(
    context: &Context<'_, S>,
    actor: &Actor,
    client_id: &str,
    status: u16,
    done: Option<Done>,
    given: Option<GivenSecret>,
    form: Option<FormState>,
) -> Result<Reply, Problem> {
    let (app, credentials) = load(context, actor, client_id).await?;
    let frame = pages::frame(context, actor, Place::Developers);
    let page = CredentialsPage::new(frame, &app, &credentials, done, given.as_ref(), form);
    Ok(render(status, &page))
}

/// The forms of a rotation: which, the button says.
async fn secrets_form<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let done = async {
        let (app, credentials) = load(context, &actor, client_id).await?;
        let step = match form.action.as_deref() {
            Some("start") => Step::Start,
            Some("complete") => Step::Complete,
            Some("cancel") => Step::Cancel,
            Some("replace") => Step::Replace,
            _ => return Err(Problem::field("action", "must be that of a button")),
        };
        let member = apps::member(&actor, &app)?;
        let changed = credentials.step(member, step, context.random, context.now)?;
        let given = write(context, changed).await?;
        let page = format!("/developers/apps/{}/credentials", percent_encoded(client_id));
        match (given, step) {
            // Not sent elsewhere: it is shown in this answer or never.
            (Some(given), _) => show(context, &actor, client_id, 200, None, Some(given), None).await,
            (None, Step::Cancel) => Ok(Reply::see_other(format!("{page}?done=cancelled"))),
            (None, _) => Ok(Reply::see_other(format!("{page}?done=rotated"))),
        }
    };
    pages::reply(context, request, done.await)
}

async fn authentication_form<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
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
        let (app, credentials) = load(context, &actor, client_id).await?;
        app.expect(form.version)?;
        let method = Method::parse(form.input, &credentials, &context.config.issuer)?;
        match set(context, apps::member(&actor, &app)?, &credentials, &method).await? {
            None => Ok(Reply::see_other(format!(
                "/developers/apps/{}/credentials?done=keys",
                percent_encoded(client_id)
            ))),
            given => show(context, &actor, client_id, 200, None, given, None).await,
        }
    };
    let done = match done.await {
        Err(problem @ Problem::Invalid(_)) => {
            show(
                context,
                &actor,
                client_id,
                400,
                None,
                None,
                Some(state.refused(&problem)),
            )
            .await
        }
        done => done,
    };
    pages::reply(context, request, done)
}
