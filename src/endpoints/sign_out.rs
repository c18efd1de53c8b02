//! `/logout`, and `/account/sessions/end`: signing out here, and everywhere. What apps were given stays.

use super::browser::{csrf_token, form_is_ours, require_user, session_hash, signed_in};
use super::login::not_ours;
use super::management::caller::origin;
use super::page_unavailable;
use crate::context::Context;
use crate::http::{Reply, Request, SESSION_COOKIE, clear_cookie};
use crate::management::session_events::Noted;
use crate::pages::{self, SignOutEverywherePage, SignOutPage, SignedOutPage};
use crate::router;
use crate::store::Stores;

/// What the address of the page says after signing out everywhere.
const EVERYWHERE: &str = "everywhere";

/// Asks whether to sign out, or says that nobody is signed in.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    match signed_in(context, request).await {
        Ok(Some(signed_in)) => {
            let page = SignOutPage {
                look: context.look(),
                user: &signed_in.user,
                csrf: &csrf_token(context, router::LOGOUT, &signed_in.session),
            };
            pages::render(200, &page)
        }
        Ok(None) => {
            let page = SignedOutPage {
                look: context.look(),
                everywhere: request.query.split('&').any(|part| part == EVERYWHERE),
            };
            pages::render(200, &page)
        }
        Err(_) => page_unavailable(context, router::LOGOUT),
    }
}

/// Signs out.
pub async fn sign_out<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let Some(session) = session_hash(request) else {
        return Reply::see_other(router::LOGOUT);
    };
    let form = request.form().unwrap_or_default();
    let csrf = form.one("csrf").ok().flatten();
    if !form_is_ours(context, request, router::LOGOUT, &session, csrf) {
        return not_ours(context, router::LOGOUT);
    }
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    match context.stores.end_session(&session, noted).await {
        Ok(()) => signed_out(router::LOGOUT.to_owned()),
        Err(_) => page_unavailable(context, router::LOGOUT),
    }
}

/// Asks whether to sign out everywhere, and says what stays.
pub async fn everywhere_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_SESSIONS_END).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let page = SignOutEverywherePage {
        look: context.look(),
        user: &user.user,
        csrf: &csrf_token(context, router::ACCOUNT_SESSIONS_END, &user.session),
    };
    pages::render(200, &page)
}

/// Signs out everywhere. A consent page that is still open somewhere decides nothing any more: a decision needs its
/// session.
pub async fn sign_out_everywhere<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_SESSIONS_END).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let form = request.form().unwrap_or_default();
    let csrf = form.one("csrf").ok().flatten();
    if !form_is_ours(context, request, router::ACCOUNT_SESSIONS_END, &user.session, csrf) {
        return not_ours(context, router::ACCOUNT_SESSIONS_END);
    }
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    match context.stores.end_all_sessions_of(&user.user.id, noted).await {
        Ok(()) => signed_out(format!("{}?{EVERYWHERE}", router::LOGOUT)),
        Err(_) => page_unavailable(context, router::ACCOUNT_SESSIONS_END),
    }
}

/// Goes on to the page that says so.
pub fn signed_out(location: String) -> Reply {
    Reply::see_other(location).cookie(clear_cookie(SESSION_COOKIE))
}
