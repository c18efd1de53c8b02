//! A new session.

use std::time::Duration;

use crate::context::Context;
use crate::crypto::base64url;
use crate::endpoints::browser::session_hash;
use crate::endpoints::management::caller::origin;
use crate::http::{Device, Reply, Request, SESSION_COOKIE, set_cookie};
use crate::management::session_events::Noted;
use crate::oauth::secret::Secret;
use crate::random;
use crate::store::{NewSession, StoreError, Stores, User};
use crate::time::Timestamp;

/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Who has signed in, and how.
#[derive(Debug, Clone, Copy)]
pub struct Proven<'a> {
    /// Who.
    pub user: &'a User,
    /// By which connection; `None`: the development sign-in.
    pub connection_id: Option<&'a str>,
    /// When they proved who they are.
    pub auth_time: Timestamp,
}

/// Writes a session with a new token in place of the browser's old one, so that nobody can plant one, and goes on.
pub async fn begin<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    proven: Proven<'_>,
    target: &str,
) -> Result<Reply, StoreError> {
    let token = Secret::new(base64url(random::bytes::<32>(context.random)));
    let session = NewSession {
        token_hash: token.hash(),
        id: random::identifier(context.random, "ses_"),
        user_id: proven.user.id.clone(),
        connection_id: proven.connection_id.map(str::to_owned),
        device: request.device().map(Device::code),
        auth_time: proven.auth_time,
        created_at: context.now,
        expires_at: context.now + LIFETIME,
    };
    let replaces = session_hash(request);
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    context
        .stores
        .begin_session(&session, replaces.as_deref(), noted)
        .await?;
    let cookie = set_cookie(SESSION_COOKIE, token.reveal(), Some(LIFETIME.as_secs()));
    Ok(Reply::see_other(target).cookie(cookie))
}
