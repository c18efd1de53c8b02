//! The pages that list APIs, scopes, rate tiers or connections, each with the form that makes another.

use super::{Call, Form, api, pages, segment};
use crate::http::Reply;
use crate::management::policy::{Kind, apis, connections, rate_tiers, scopes};
use crate::management::problem::Problem;
use crate::pages::management::policy::{ApisPage, ConnectionsPage, RateTiersPage, ScopesPage};
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::store::Stores;

pub async fn page<S: Stores>(call: Call<'_, '_, S>, kind: Kind) -> Result<Reply, Problem> {
    list_page(call, kind, 200, fresh(kind)).await
}

pub async fn create<S: Stores>(call: Call<'_, '_, S>, kind: Kind, form: Form) -> Result<Reply, Problem> {
    match kind.create(call.context.stores, call.act, form.input).await {
        Ok(change) => {
            call.transact(change.statements, change.refused).await?;
            let path = match kind {
                Kind::RateTier => "/admin/policy/rate-tiers".to_owned(),
                _ => format!("/admin/policy/{}/{}", kind.collection(), segment(&change.item.id)),
            };
            Ok(Reply::see_other(&path))
        }
        Err(problem @ Problem::Invalid(_)) => list_page(call, kind, 400, form.state.refused(&problem)).await,
        Err(problem) => Err(problem),
    }
}

/// What the form of a new thing begins with.
fn fresh(kind: Kind) -> FormState {
    let form = FormState::default();
    match kind {
        Kind::Api => form
            .with("signing_algorithm", "ES256")
            .with("access_token_lifetime", "3600")
            .with("is_public", "true"),
        Kind::Scope => form.with("position", "0"),
        Kind::RateTier => form.with("seconds", "900").with("position", "10"),
        Kind::Connection => form
            .with("for_developers", "true")
            .with("scopes", "openid profile email")
            .with("position", "0"),
    }
}

async fn list_page<S: Stores>(
    call: Call<'_, '_, S>,
    kind: Kind,
    status: u16,
    form: FormState,
) -> Result<Reply, Problem> {
    let stores = call.context.stores;
    let (frame, form) = (pages::frame(call.context, call.actor, Place::Policy), &form);
    Ok(match kind {
        Kind::Api => {
            let apis = &apis::all(stores).await?;
            render(status, &ApisPage { frame, form, apis })
        }
        Kind::Scope => {
            let (apis, scopes) = (&apis::all(stores).await?, &scopes::all(stores).await?);
            render(
                status,
                &ScopesPage {
                    frame,
                    form,
                    apis,
                    scopes,
                },
            )
        }
        Kind::RateTier => {
            let tiers = &rate_tiers::all(stores).await?;
            render(status, &RateTiersPage { frame, form, tiers })
        }
        Kind::Connection => {
            let connections = &connections::all(stores).await?;
            let asked = api::query(call.request)?;
            let asked = asked.one("kind").ok().flatten().unwrap_or_default();
            let page = ConnectionsPage {
                frame,
                is_hand_off: form.value("kind") == "hand_off" || asked == "hand_off",
                form,
                connections,
            };
            render(status, &page)
        }
    })
}
