//! Apps: `/developers/apps…`, `/api/developer/apps…`, `/api/developer/scopes`.

mod claims;
mod json;
mod logo;
mod pages;
pub mod view;

use super::api;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::router::management::Managed;
use crate::router::management::apps::Apps;
use crate::store::Stores;

/// Answers a request about apps.
pub async fn answer<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    managed: Managed<'_>,
    route: Apps,
) -> Reply {
    let id = &managed.id(0);
    match route {
        Apps::List => api::reply(context, json::list(context, request).await),
        Apps::Create => api::reply(context, json::create(context, request).await),
        Apps::ClaimProof => api::reply(context, claims::proof(context, request).await),
        Apps::Claim => api::reply(context, claims::claim(context, request).await),
        Apps::ClaimPage => claims::page(context, request).await,
        Apps::ClaimForm => claims::by_form(context, request).await,
        Apps::Show => api::reply(context, json::show(context, request, id).await),
        Apps::Patch => api::reply(context, json::patch(context, request, id).await),
        Apps::Delete => api::reply(context, json::delete(context, request, id).await),
        Apps::PutLogo => api::reply(context, logo::put(context, request, id).await),
        Apps::DeleteLogo => api::reply(context, logo::delete(context, request, id).await),
        Apps::Scopes => api::reply(context, json::scopes(context, request).await),
        Apps::NewPage
        | Apps::CreateForm
        | Apps::Page
        | Apps::QuickStartPage
        | Apps::SettingsPage
        | Apps::SettingsForm
        | Apps::PermissionsPage
        | Apps::PermissionsForm
        | Apps::LogoForm
        | Apps::RemoveLogoForm
        | Apps::DeletePage
        | Apps::DeleteForm => pages::answer(context, request, route, id).await,
    }
}
