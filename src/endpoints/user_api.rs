//! What the JSON endpoints under `/api/user` have in common: a session's cookie, and our own Origin to change anything.

use super::guard::{origin_is_ours, signed_in};
use super::json_unavailable;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::store::{SignedIn, Stores};

/// Who asks. `Err`: the answer for everybody else.
pub async fn require_user<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<SignedIn, Reply> {
    match signed_in(context, request).await {
        Ok(Some(user)) => Ok(user),
        // RFC 9110 §15.5.2 asks for a challenge.
        Ok(None) => Err(error(401, "unauthorized", "sign in first").header("WWW-Authenticate", "Bearer")),
        Err(_) => Err(json_unavailable()),
    }
}

/// Who asks to change something, and does so from a page of ours.
pub async fn require_user_here<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<SignedIn, Reply> {
    let user = require_user(context, request).await?;
    match origin_is_ours(context, request) {
        true => Ok(user),
        false => Err(error(
            403,
            "forbidden",
            "with a session, the Origin header must be this server's",
        )),
    }
}

/// An error of these endpoints.
pub fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(
        status,
        &serde_json::json!({ "error": error, "error_description": description }),
    )
}
