//! `/account/apps`: the page where people see and take back what they granted.

use super::connected_apps::revoke_consent;
use super::guard::{csrf_token, form_is_ours, login_url, signed_in};
use super::{message, page_unavailable};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::pages::{self, AppCard, ConnectedAppsPage, Retry};
use crate::router;
use crate::store::Stores;

/// Lists the connected apps.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match signed_in(context, request).await {
        Ok(Some(user)) => user,
        Ok(None) => return Reply::see_other(login_url(router::ACCOUNT_APPS)),
        Err(_) => return unavailable(context),
    };
    let Ok(apps) = context.stores.connected_apps(&user.user.id, context.language).await else {
        return unavailable(context);
    };
    let page = ConnectedAppsPage {
        look: context.look(),
        user: &user.user,
        csrf: &csrf_token(context, router::ACCOUNT_APPS, &user.session),
        apps: apps.iter().map(|app| AppCard::new(app, context.language)).collect(),
        revoked: request.query.split('&').any(|part| part == "revoked"),
    };
    pages::render(200, &page)
}

/// Takes one app's access back and shows the list again.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, consent_id: &str) -> Reply {
    let user = match signed_in(context, request).await {
        Ok(Some(user)) => user,
        Ok(None) => return Reply::see_other(login_url(router::ACCOUNT_APPS)),
        Err(_) => return unavailable(context),
    };
    let form = request.form().unwrap_or_default();
    if !form_is_ours(
        context,
        request,
        router::ACCOUNT_APPS,
        &user.session,
        form.one("csrf").ok().flatten(),
    ) {
        return message(
            context,
            403,
            context.words().connected_apps_revoke_again,
            context.words().connected_apps_revoke_again_explanation,
        );
    }
    match revoke_consent(context, consent_id, &user).await {
        Ok(true) => Reply::see_other(format!("{}?revoked", router::ACCOUNT_APPS)),
        Ok(false) => message(
            context,
            404,
            context.words().connected_apps_unknown,
            context.words().connected_apps_unknown_explanation,
        ),
        Err(_) => unavailable(context),
    }
}

fn unavailable<S>(context: &Context<'_, S>) -> Reply {
    page_unavailable(
        context,
        Retry {
            method: "get",
            action: router::ACCOUNT_APPS,
            fields: &[],
        },
    )
}
