//! Client grants: `/api/admin/apis/{api_id}/grants/{client_id}/{subject_type}`.

use super::{Call, Form, api, no_content, pages, pressed};
use crate::http::{Reply, percent_encoded};
use crate::management::cursor::PageRequest;
use crate::management::policy::grants::{self, GrantKey};
use crate::management::policy::{apis, own_api, scopes};
use crate::management::problem::Problem;
use crate::pages::management::policy::GrantPage;
use crate::pages::management::{FormState, Place};
use crate::pages::{DisplayName, render};
use crate::store::Stores;

impl<S: Stores> Call<'_, '_, S> {
    fn grant(self) -> Result<GrantKey, Problem> {
        GrantKey::parse(&self.id(0), &self.id(1), &self.id(2))
    }
}

pub async fn list<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (api_id, stores) = (call.id(0), call.context.stores);
    let page = PageRequest::of(&api::query(call.request)?)?;
    apis::find(stores, &api_id).await?;
    let page = grants::page_of_api(stores, &api_id, &page).await?;
    Ok(api::list(&page, Clone::clone))
}

pub async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (grant, _) = grants::find(call.context.stores, &call.grant()?).await?;
    let grant = grant.ok_or(Problem::NotFound("grant"))?;
    Ok(api::versioned(200, &grant, grant.version))
}

pub async fn set<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (key, expected) = (call.grant()?, call.expected_version()?);
    ensure(call, &key).await?;
    let change = grants::set(call.context.stores, call.act, &key, expected, call.input()?).await?;
    call.transact(change.statements, Problem::Changed).await?;
    let status = if change.is_new { 201 } else { 200 };
    Ok(api::versioned(status, &change.grant, change.grant.version))
}

/// The management API may not be in the catalogue yet when it is granted first.
async fn ensure<S: Stores>(call: Call<'_, '_, S>, key: &GrantKey) -> Result<(), Problem> {
    if key.api_id() == own_api::ID {
        own_api::ensure(call.context.stores, call.act.issuer, call.context.now).await?;
    }
    Ok(())
}

pub async fn remove<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (key, expected) = (call.grant()?, call.expected_version()?);
    let statements = grants::remove(call.context.stores, call.act, &key, expected).await?;
    call.transact(statements, Problem::Changed).await?;
    Ok(no_content())
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    grant_page(call, &call.grant()?, 200, None).await
}

async fn grant_page<S: Stores>(
    call: Call<'_, '_, S>,
    key: &GrantKey,
    status: u16,
    sent: Option<FormState>,
) -> Result<Reply, Problem> {
    let stores = call.context.stores;
    let (grant, grantee) = grants::find(stores, key).await?;
    let form = sent.unwrap_or_else(|| match &grant {
        Some(grant) => {
            let form = FormState::default().with("access", &*grant.access);
            grant
                .chosen()
                .into_iter()
                .fold(form, |form, scope| form.with("scopes", scope))
        }
        None => FormState::default().with("access", "none"),
    });
    let page = GrantPage {
        frame: pages::frame(call.context, call.actor, Place::Policy),
        api: &apis::find(stores, key.api_id()).await?,
        scopes: &scopes::of_api(stores, key.api_id()).await?,
        app: grantee.map(|app| DisplayName::new(&app.name, "Unnamed app")),
        is_for_users: key.subject_type() == "user",
        grant: grant.as_ref(),
        key,
        form: &form,
    };
    Ok(render(status, &page))
}

pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let (key, stores) = (call.grant()?, call.context.stores);
    let back = match key.client_id() {
        Some(client_id) => format!("/admin/apps/{}/policy", percent_encoded(client_id)),
        None => format!("/admin/policy/apis/{}", key.api_id()),
    };
    // A form without a version was made when there was no grant.
    let expected = Some(form.version.unwrap_or(0));
    if pressed(&form, "remove") {
        let statements = grants::remove(stores, call.act, &key, expected).await?;
        call.transact(statements, Problem::Changed).await?;
        return Ok(Reply::see_other(&back));
    }
    match grants::set(stores, call.act, &key, expected, form.input).await {
        Ok(change) => {
            call.transact(change.statements, Problem::Changed).await?;
            Ok(Reply::see_other(&back))
        }
        Err(problem @ Problem::Invalid(_)) => grant_page(call, &key, 400, Some(form.state.refused(&problem))).await,
        Err(problem) => Err(problem),
    }
}
