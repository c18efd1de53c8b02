//! `GET` and `DELETE /api/user/sessions`, and `DELETE /api/user/sessions/{session_id}`.

use serde::Serialize;

use super::management::caller::origin;
use super::problem::unavailable;
use super::user_api::{error, require_user, require_user_here};
use crate::context::Context;
use crate::http::{Device, Reply, Request, SESSION_COOKIE, clear_cookie};
use crate::management::session_events::Noted;
use crate::store::{EndedSession, ListedSession, Stores};

/// A session, as JSON.
#[derive(Serialize)]
struct SessionBody {
    session_id: String,
    browser: Option<&'static str>,
    system: Option<&'static str>,
    connection: Option<String>,
    signed_in_at: String,
    last_active_at: String,
    is_this_session: bool,
}

impl From<ListedSession> for SessionBody {
    fn from(session: ListedSession) -> Self {
        let device = session.device.as_deref().and_then(Device::from_code);
        Self {
            session_id: session.id,
            browser: device.and_then(Device::browser_name),
            system: device.and_then(Device::system_name),
            connection: session.connection,
            signed_in_at: session.created_at.to_rfc3339(),
            last_active_at: session.last_seen_at.to_rfc3339(),
            is_this_session: session.is_this,
        }
    }
}

/// Lists where the user is signed in: this session first, then by last activity.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let sessions = context.stores.sessions_of(&user.user.id, &user.session, context.now);
    match sessions.await {
        Ok(sessions) => Reply::json(200, &sessions.into_iter().map(SessionBody::from).collect::<Vec<_>>()),
        Err(_) => unavailable(context),
    }
}

/// Ends one of the user's sessions. Apps stay connected.
pub async fn end<S: Stores>(context: &Context<'_, S>, request: &Request, id: &str) -> Reply {
    let user = match require_user_here(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    let ended_one = context.stores.end_session_of(&user.user.id, id, &user.session, noted);
    match ended_one.await {
        Ok(Some(EndedSession { was_this })) => ended("Session ended", was_this),
        Ok(None) => error(context, 404, "not_found", "you have no session under this id"),
        Err(_) => unavailable(context),
    }
}

/// Ends all of the user's sessions, the one that asks among them. Apps stay connected.
pub async fn end_all<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user_here(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    match context.stores.end_all_sessions_of(&user.user.id, noted).await {
        Ok(()) => ended("Signed out everywhere", true),
        Err(_) => unavailable(context),
    }
}

fn ended(message: &str, was_this: bool) -> Reply {
    let reply = Reply::json(200, &serde_json::json!({ "message": message }));
    match was_this {
        true => reply.cookie(clear_cookie(SESSION_COOKIE)),
        false => reply,
    }
}
