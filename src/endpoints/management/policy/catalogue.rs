//! APIs, scopes, rate tiers and connections: what is done with all of them alike, and the page of each.

use super::{Call, Form, api, no_content, pages, pressed, segment};
use crate::endpoints::management::idempotency::Creation;
use crate::http::Reply;
use crate::management::cursor::PageRequest;
use crate::management::policy::{
    Kind, apis, connections, credentials, grants, own_api, protected_resources, rate_tiers, scopes,
};
use crate::management::problem::Problem;
use crate::pages::management::policy::{ApiPage, ConnectionPage, RateTierPage, ScopePage, ShownSecret};
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::sign_in::connection::Connection;
use crate::store::Stores;

pub async fn list<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    let params = api::query(call.request)?;
    let page = PageRequest::of(&params)?;
    let within = match (kind, params.one("api_id")) {
        (Kind::Scope, Ok(within)) => within,
        (Kind::Scope, Err(_)) => return Err(Problem::field("api_id", "must come once")),
        _ => None,
    };
    let page = kind.list(call.context.stores, &page, within).await?;
    Ok(api::list(&page, |item| item.value.clone()))
}

pub async fn create<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    if let Some(reply) = call.replay().await? {
        return Ok(reply);
    }
    let change = kind.create(call.context.stores, call.act, call.input()?).await?;
    let location = format!("/api/admin/{}/{}", kind.collection(), segment(&change.item.id));
    let creation = Creation {
        statements: change.statements,
        reply: api::versioned(201, &change.item.value, change.item.version).header("Location", location),
        refused: change.refused,
    };
    call.create(creation).await
}

pub async fn read<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    let item = kind.read(call.context.stores, &call.id(0)).await?;
    Ok(api::versioned(200, &item.value, item.version))
}

pub async fn edit<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    let (id, expected) = (call.id(0), call.expected_version()?);
    let change = kind
        .edit(call.context.stores, call.act, &id, expected, call.input()?)
        .await?;
    call.transact(change.statements, change.refused).await?;
    Ok(api::versioned(200, &change.item.value, change.item.version))
}

pub async fn delete<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    let (id, expected) = (call.id(0), call.expected_version()?);
    let change = kind.delete(call.context.stores, call.act, &id, expected).await?;
    call.transact(change.statements, change.refused).await?;
    Ok(no_content())
}

/// What an API tells its clients of this server.
pub async fn protected_resource<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let issuer = &call.context.config.issuer;
    let guide = protected_resources::guide(call.context.stores, issuer, &call.id(0)).await?;
    Ok(Reply::json(200, &guide))
}

/// The page of one of them.
pub async fn page<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    item_page(call, kind, 200, Shown::default()).await
}

/// The form there: it changes the thing, or deletes it.
pub async fn form<S: Stores>(call: Call<'_, '_, S>, kind: Kind, form: Form) -> Result<Reply, Problem> {
    let (id, stores) = (call.id(0), call.context.stores);
    if pressed(&form, "delete") {
        let change = kind.delete(stores, call.act, &id, form.version).await?;
        call.transact(change.statements, change.refused).await?;
        return Ok(Reply::see_other(format!("/admin/policy/{}", kind.collection())));
    }
    match kind.edit(stores, call.act, &id, form.version, form.input).await {
        Ok(change) => {
            call.transact(change.statements, change.refused).await?;
            let path = format!("/admin/policy/{}/{}", kind.collection(), segment(&id));
            Ok(Reply::see_other(&path))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let shown = Shown {
                form: Some(form.state.refused(&problem)),
                ..Shown::default()
            };
            item_page(call, kind, 400, shown).await
        }
        Err(problem) => Err(problem),
    }
}

/// What is shown on the page of a thing, beside the thing.
#[derive(Default)]
pub struct Shown {
    /// The form as it was sent.
    pub form: Option<FormState>,
    /// A credential that was made just now.
    pub secret: Option<ShownSecret>,
    /// What a check of a connection found.
    pub check: Option<Result<String, String>>,
}

/// The page of one of them, with what is to be shown beside it.
pub async fn item_page<S: Stores>(
    call: Call<'_, '_, S>,
    kind: Kind,
    status: u16,
    shown: Shown,
) -> Result<Reply, Problem> {
    let (id, stores) = (call.id(0), call.context.stores);
    let frame = pages::frame(call.context, call.actor, Place::Policy);
    let form = |item: &crate::management::policy::Item| match shown.form.clone() {
        Some(form) => form,
        None => FormState::of_value(&item.value),
    };
    Ok(match kind {
        Kind::Api => {
            let api = apis::find(stores, &id).await?;
            let page = ApiPage {
                frame,
                form: &form(&api.item()),
                is_own: api.id == own_api::ID,
                credentials: &credentials::list(stores, &id).await?,
                secret: shown.secret.as_ref(),
                protected: &protected_resources::guide(stores, &call.context.config.issuer, &id).await?,
                scopes: &scopes::of_api(stores, &id).await?,
                grants: &grants::of_api(stores, &id).await?,
                api: &api,
            };
            render(status, &page)
        }
        Kind::Scope => {
            let scope = scopes::find(stores, &id).await?;
            let form = shown.form.unwrap_or_else(|| {
                let mut form = FormState::of_value(&scope.item().value);
                for (language, title, description) in scopes::TRANSLATED {
                    form = form
                        .with(title, scope.translation(language, "title"))
                        .with(description, scope.translation(language, "description"));
                }
                form
            });
            let page = ScopePage {
                frame,
                form: &form,
                is_own: scope.api_id == own_api::ID,
                path: segment(&scope.name),
                scope: &scope,
            };
            render(status, &page)
        }
        Kind::RateTier => {
            let tier = rate_tiers::find(stores, &id).await?;
            let page = RateTierPage {
                frame,
                form: &form(&tier.item()),
                tier: &tier,
            };
            render(status, &page)
        }
        Kind::Connection => {
            let connection = connections::find(stores, &id).await?;
            let page = ConnectionPage {
                frame,
                form: &form(&connection.item()),
                callback: Connection::callback_of(&connection.id, &call.context.config.issuer),
                check: shown.check.as_ref(),
                connection: &connection,
            };
            render(status, &page)
        }
    })
}
