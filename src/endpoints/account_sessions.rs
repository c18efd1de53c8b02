//! `/account/sessions`: the page where people see where they are signed in, and sign out there.

use super::browser::{csrf_token, form_is_ours, require_user};
use super::login::not_ours;
use super::management::caller::origin;
use super::page_unavailable;
use super::sign_out::signed_out;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::session_events::Noted;
use crate::pages::{self, SessionCard, SessionsPage};
use crate::router;
use crate::store::{EndedSession, Stores};

/// What the address of the list says after a session was ended.
const ENDED: &str = "ended";

/// Lists the sessions: this one first, then by last activity.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_SESSIONS).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let sessions = context.stores.sessions_of(&user.user.id, &user.session, context.now);
    let Ok(sessions) = sessions.await else {
        return page_unavailable(context, router::ACCOUNT_SESSIONS);
    };
    let card = |session| SessionCard::new(session, context.language);
    let page = SessionsPage {
        look: context.look(),
        user: &user,
        csrf: &csrf_token(context, router::ACCOUNT_SESSIONS, &user.session),
        sessions: sessions.iter().map(card).collect(),
        ended: request.query.split('&').any(|part| part == ENDED),
    };
    pages::render(200, &page)
}

/// Ends one session and shows the list again.
pub async fn end<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    let user = match require_user(context, request, router::ACCOUNT_SESSIONS).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let form = request.form().unwrap_or_default();
    let csrf = form.one("csrf").ok().flatten();
    if !form_is_ours(context, request, router::ACCOUNT_SESSIONS, &user.session, csrf) {
        return not_ours(context, router::ACCOUNT_SESSIONS);
    }
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    let ended_one = context.stores.end_session_of(&user.user.id, id, &user.session, noted);
    match ended_one.await {
        Ok(Some(EndedSession { was_this: true })) => signed_out(router::LOGOUT.to_owned()),
        // One that is gone already is over just the same.
        Ok(_) => Reply::see_other(format!("{}?{ENDED}", router::ACCOUNT_SESSIONS)),
        Err(_) => page_unavailable(context, router::ACCOUNT_SESSIONS),
    }
}
