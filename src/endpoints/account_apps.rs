//! `/account/apps`: the pages where people see and take back what they granted.

use super::browser::{csrf_token, form_is_ours, require_user};
use super::connected_apps::PAGE_SIZE;
use super::management::caller::origin;
use super::revocation::{self, Revocation};
use super::{message, page_unavailable, unavailable_until};
use crate::context::Context;
use crate::http::{Params, Reply, Request, percent_encoded};
use crate::pages::{self, AppCard, ConnectedAppsPage, Retry, RevokePage, RevokeSubject, Revoked};
use crate::router::{self, RevokeTarget};
use crate::store::{AtStake, Cursor, ListPage, Revocable, SignedIn, Stores};

/// Lists the connected apps.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_APPS).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let params = request.query_params().unwrap_or_default();
    // A cursor that is none leads to the first page: it was typed.
    let after = params.one("cursor").ok().flatten().and_then(Cursor::parse);
    let is_first = after.is_none();
    let page = ListPage { after, size: PAGE_SIZE };
    let found = context
        .stores
        .connected_apps(&user.user.id, &page, context.language)
        .await;
    let Ok(listed) = found else {
        return page_unavailable(context, router::ACCOUNT_APPS);
    };
    let link = |cursor: Cursor| {
        format!(
            "{}?cursor={}",
            router::ACCOUNT_APPS,
            percent_encoded(&cursor.to_string())
        )
    };
    let page = ConnectedAppsPage {
        look: context.look(),
        user: &user,
        apps: AppCard::group(
            &listed.apps,
            context.language,
            context.config.unused_consents,
            context.now,
        ),
        revoked: match params.one("revoked") {
            Ok(Some("app")) => Some(Revoked::App),
            Ok(Some("everything")) => Some(Revoked::Everything),
            _ => None,
        },
        is_first,
        next: listed.next.map(link),
    };
    pages::render(200, &page)
}

/// Asks whether to take something back, and says what will happen.
pub async fn confirm<S: Stores>(context: &Context<'_, S>, request: &Request, target: RevokeTarget<'_>) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_APPS).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let params = request.query_params().unwrap_or_default();
    let Some(what) = revocable(target, &params) else {
        return unknown(context);
    };
    match context.stores.at_stake(&user.user.id, what).await {
        Ok(None) => unknown(context),
        // Ended meanwhile, in another tab perhaps.
        Ok(Some(at_stake)) if at_stake.connections == 0 => Reply::see_other(router::ACCOUNT_APPS),
        Ok(Some(at_stake)) => ask(context, &user, request, what, &at_stake, false),
        Err(_) => page_unavailable(context, router::ACCOUNT_APPS),
    }
}

/// Takes it back and shows the list again.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, target: RevokeTarget<'_>) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_APPS).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let form = request.form().unwrap_or_default();
    let csrf = form.one("csrf").ok().flatten();
    if !form_is_ours(context, request, router::ACCOUNT_APPS, &user.session, csrf) {
        return message(
            context,
            403,
            context.words().connected_apps_revoke_again,
            context.words().connected_apps_revoke_again_explanation,
        );
    }
    let Some(what) = revocable(target, &form) else {
        return unknown(context);
    };
    let revoked = match what {
        Revocable::Consent(_) | Revocable::App(_) => "app",
        Revocable::Everything => "everything",
    };
    match revocation::revoke(context, &user.user.id, what, &origin(context, request)).await {
        Ok(Revocation::Done) => Reply::see_other(format!("{}?revoked={revoked}", router::ACCOUNT_APPS)),
        Ok(Revocation::Unknown) => unknown(context),
        Ok(Revocation::Left(left)) => {
            let rest = AtStake {
                connections: left,
                app: None,
                device: None,
            };
            ask(context, &user, request, what, &rest, true)
        }
        Err(_) => {
            let mut fields = vec![("csrf", csrf.unwrap_or_default())];
            if let Revocable::App(client_id) = what {
                fields.push(("client_id", client_id));
            }
            let retry = Retry::Send {
                action: &request.path,
                fields: &fields,
            };
            unavailable_until(context, retry)
        }
    }
}

fn revocable<'a>(target: RevokeTarget<'a>, params: &'a Params) -> Option<Revocable<'a>> {
    match target {
        RevokeTarget::Consent(id) => Some(Revocable::Consent(id)),
        RevokeTarget::App => params.one("client_id").ok().flatten().map(Revocable::App),
        RevokeTarget::Everything => Some(Revocable::Everything),
    }
}

/// The page with the button. `goes_on`: it was pressed before, and something is left.
fn ask<S>(
    context: &Context<'_, S>,
    user: &SignedIn,
    request: &Request,
    what: Revocable<'_>,
    at_stake: &AtStake,
    goes_on: bool,
) -> Reply {
    let page = RevokePage {
        look: context.look(),
        user,
        csrf: &csrf_token(context, router::ACCOUNT_APPS, &user.session),
        action: &request.path,
        client_id: match what {
            Revocable::App(client_id) => Some(client_id),
            Revocable::Consent(_) | Revocable::Everything => None,
        },
        subject: RevokeSubject::new(what, at_stake, context.words()),
        count: at_stake.connections,
        goes_on,
    };
    pages::render(200, &page)
}

fn unknown<S>(context: &Context<'_, S>) -> Reply {
    message(
        context,
        404,
        context.words().connected_apps_unknown,
        context.words().connected_apps_unknown_explanation,
    )
}
