//! What the JSON endpoints under `/api/user` have in common: a session's cookie, and our own Origin to change anything.

use super::browser::{origin_is_ours, signed_in};
use super::problem::{described, unavailable};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::store::{SignedIn, Stores};

/// Who asks. `Err`: the answer for everybody else.
pub async fn require_user<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<SignedIn, Reply> {
    match signed_in(context, request).await {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(error(context, 401, "unauthorized", "sign in first")),
        Err(_) => Err(unavailable(context)),
    }
}

/// Who asks to change something, and does so from a page of ours.
pub async fn require_user_here<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<SignedIn, Reply> {
    let user = require_user(context, request).await?;
    match origin_is_ours(context, request) {
        true => Ok(user),
        false => Err(error(
            context,
            403,
            "forbidden",
            "with a session, the Origin header must be this server's",
        )),
    }
}

/// An error of these endpoints.
pub fn error<S>(context: &Context<'_, S>, status: u16, code: &'static str, description: &str) -> Reply {
    described(context, status, code, description, Vec::new())
}
