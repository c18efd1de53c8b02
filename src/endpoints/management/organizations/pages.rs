//! The pages: one that lists organizations, for the operator, and one of each, for its administrators too.

use super::{Call, carry_out, set_app, text, view};
use crate::context::Context;
use crate::endpoints::management::api;
use crate::endpoints::management::pages::{self, Form};
use crate::endpoints::management::people::next_page;
use crate::http::{Reply, Request};
use crate::management::cursor::PageRequest;
use crate::management::organizations::{self, Change, issuers, members};
use crate::management::problem::Problem;
use crate::pages::management::{FormState, Frame, OrganizationPage, OrganizationsPage, Place};
use crate::pages::render;
use crate::router::management::Managed;
use crate::router::management::organizations::Organizations;
use crate::store::Stores;

pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Organizations,
) -> Reply {
    let actor = match pages::visitor(context, request).await {
        Ok(actor) => actor,
        Err(reply) => return reply,
    };
    let form = match pages::form_if_sent(context, request, &actor) {
        Ok(form) => form,
        Err(reply) => return reply,
    };
    let call = Call {
        context,
        request,
        managed,
        actor: &actor,
    };
    let done = match (route, form) {
        (Organizations::ListPage, None) => list(call, 200, &FormState::default()).await,
        (Organizations::CreateForm, Some(form)) => create(call, form).await,
        (Organizations::Page, None) => page(call, 200, &FormState::default()).await,
        (Organizations::Form, Some(form)) => by_form(call, form).await,
        _ => Err(Problem::NotFound("page")),
    };
    pages::reply(context, request, done)
}

fn frame<'a, S>(call: Call<'a, 'a, S>) -> Frame<'a> {
    let place = match call.actor.administrator() {
        Ok(_) => Place::Policy,
        Err(_) => Place::Organizations,
    };
    pages::frame(call.context, call.actor, place)
}

async fn list<S: Stores>(call: Call<'_, '_, S>, status: u16, form: &FormState) -> Result<Reply, Problem> {
    let params = api::query(call.request)?;
    let page = organizations::list(call.context.stores, call.actor, &PageRequest::of(&params)?).await?;
    let page = OrganizationsPage {
        frame: frame(call),
        is_operator: call.actor.administrator().is_ok(),
        next: next_page(call.request, &params, &page),
        organizations: &page.items,
        form,
    };
    Ok(render(status, &page))
}

async fn create<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    match organizations::create(call.act(), form.input) {
        Ok(made) => {
            let done = call.context.stores.transact(made.statements).await;
            done.map_err(|undone| undone.or(made.refused))?;
            Ok(Reply::see_other(format!(
                "/admin/organizations/{}",
                text(&made.value, "id")
            )))
        }
        Err(problem @ Problem::Invalid(_)) => list(call, 400, &form.state.refused(&problem)).await,
        Err(problem) => Err(problem),
    }
}

async fn page<S: Stores>(call: Call<'_, '_, S>, status: u16, form: &FormState) -> Result<Reply, Problem> {
    let id = call.id(0);
    let manager = call.manager(&id).await?;
    let view = view(call.context, &id).await?;
    let params = api::query(call.request)?;
    let members = members::list(call.context.stores, &id, &PageRequest::of(&params)?).await?;
    let page = OrganizationPage {
        frame: frame(call),
        is_operator: manager.is_operator(),
        organization: &view.organization,
        issuers: &view.issuers,
        apps: &view.apps,
        next: next_page(call.request, &params, &members),
        members: &members.items,
        form,
    };
    Ok(render(status, &page))
}

async fn by_form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let id = call.id(0);
    let state = form.state.clone();
    let done = match make(call, &id, form).await {
        Ok(change) => carry_out(call, &id, change).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Ok(Reply::see_other(format!("/admin/organizations/{id}"))),
        Err(problem @ Problem::Invalid(_)) => page(call, 400, &state.refused(&problem)).await,
        Err(problem) => Err(problem),
    }
}

/// What the button that was pressed says. Each form has the fields of the same operation as JSON, and in its path's place
/// `member`, `issuer_id`, `client_id`.
async fn make<S: Stores>(call: Call<'_, '_, S>, id: &str, form: Form) -> Result<Change, Problem> {
    let (stores, act) = (call.context.stores, call.act());
    let (own, version) = (&call.context.config.issuer, form.version);
    let mut input = form.input;
    let mut named = |name: &'static str| {
        let value = input.line(name, 300);
        input.required(name, value)
    };
    match form.action.as_deref() {
        Some("edit") => organizations::edit(stores, act, id, version, input).await,
        Some("trust") => issuers::create(act, id, own, input),
        Some("issuer") => {
            let issuer_id = named("issuer_id");
            issuers::edit(stores, act, (id, &issuer_id), own, version, input).await
        }
        Some("link") => {
            let issuer_id = named("issuer_id");
            issuers::link(stores, act, (id, &issuer_id), input).await
        }
        Some("unlink") => {
            let (issuer_id, subject) = (named("issuer_id"), named("subject"));
            issuers::unlink(stores, act, (id, &issuer_id), &subject).await
        }
        Some("member") => {
            let user_id = named("member");
            members::set(stores, act, (id, &user_id), input).await
        }
        Some("remove-member") => {
            let user_id = named("member");
            members::remove(stores, act, (id, &user_id)).await
        }
        Some("app") => {
            let manager = call.manager(id).await?;
            let client_id = named("client_id");
            set_app(call, manager, (id, &client_id), version, input).await
        }
        _ => Err(Problem::field("action", "is none of this page")),
    }
}
