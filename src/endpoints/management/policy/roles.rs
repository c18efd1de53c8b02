//! Reviewers and administrators.

use super::{Call, Form, api, no_content, pages, pressed};
use crate::endpoints::management::idempotency::Creation;
use crate::http::Reply;
use crate::management::cursor::Page;
use crate::management::policy::roles;
use crate::management::problem::Problem;
use crate::pages::management::policy::RolesPage;
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::store::Stores;

pub async fn list<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let items = roles::list(call.context.stores).await?;
    Ok(api::list(&Page { items, next: None }, Clone::clone))
}

pub async fn appoint<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    if let Some(reply) = call.replay().await? {
        return Ok(reply);
    }
    let made = roles::appoint(call.context.stores, call.act, call.input()?).await?;
    let creation = Creation {
        statements: made.statements,
        reply: Reply::json(201, &made.appointment),
        refused: roles::ALREADY,
    };
    call.create(creation).await
}

pub async fn remove<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    remove_one(call, &call.id(0), &call.id(1)).await?;
    Ok(no_content())
}

async fn remove_one<S: Stores>(call: Call<'_, '_, S>, user_id: &str, role: &str) -> Result<(), Problem> {
    let first = call.context.config.first_administrator.as_ref();
    let (statements, refused) = roles::remove(call.context.stores, call.act, user_id, role, first).await?;
    call.transact(statements, refused).await
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    roles_page(call, 200, &FormState::default().with("role", "reviewer")).await
}

async fn roles_page<S: Stores>(call: Call<'_, '_, S>, status: u16, form: &FormState) -> Result<Reply, Problem> {
    let page = RolesPage {
        frame: pages::frame(call.context, call.actor, Place::Policy),
        appointments: &roles::list(call.context.stores).await?,
        has_first: call.context.config.first_administrator.is_some(),
        form,
    };
    Ok(render(status, &page))
}

pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let done = Reply::see_other("/admin/policy/roles");
    if pressed(&form, "remove") {
        remove_one(call, form.state.value("user"), form.state.value("role")).await?;
        return Ok(done);
    }
    match roles::appoint(call.context.stores, call.act, form.input).await {
        Ok(made) => {
            call.transact(made.statements, roles::ALREADY).await?;
            Ok(done)
        }
        Err(problem @ Problem::Invalid(_)) => roles_page(call, 400, &form.state.refused(&problem)).await,
        Err(problem) => Err(problem),
    }
}
