//! `/account/apps`: the page where people see and take back what they granted.

use super::connected_apps::PAGE_SIZE;
use super::guard::{csrf_token, form_is_ours, login_url, signed_in};
use super::revocation::{self, Revocation};
use super::{message, page_unavailable};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::pages::{self, AppCard, ConnectedAppsPage, Retry};
use crate::router;
use crate::store::{ListPage, Revocable, Stores};

/// Lists the connected apps.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match signed_in(context, request).await {
        Ok(Some(user)) => user,
        Ok(None) => return Reply::see_other(login_url(router::ACCOUNT_APPS)),
        Err(_) => return unavailable(context),
    };
    let page = ListPage {
        after: None,
        size: PAGE_SIZE,
    };
    let found = context
        .stores
        .connected_apps(&user.user.id, &page, context.language)
        .await;
    let Ok(listed) = found else {
        return unavailable(context);
    };
    let page = ConnectedAppsPage {
        look: context.look(),
        user: &user.user,
        csrf: &csrf_token(context, router::ACCOUNT_APPS, &user.session),
        apps: listed
            .apps
            .iter()
            .map(|app| AppCard::new(app, context.language))
            .collect(),
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
    match revocation::revoke(context, &user.user.id, Revocable::Consent(consent_id)).await {
        Ok(Revocation::Done) => Reply::see_other(format!("{}?revoked", router::ACCOUNT_APPS)),
        Ok(Revocation::Unknown) => message(
            context,
            404,
            context.words().connected_apps_unknown,
            context.words().connected_apps_unknown_explanation,
        ),
        Ok(Revocation::Left(_)) | Err(_) => unavailable(context),
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
