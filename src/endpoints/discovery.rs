//! `GET /.well-known/oauth-authorization-server` (RFC 8414) and `GET /.well-known/jwks.json` (RFC 7517).

use super::json_unavailable;
use crate::context::Context;
use crate::http::Reply;
use crate::keyring::JWKS_MAX_AGE;
use crate::oauth::metadata::Metadata;
use crate::store::Stores;

/// The metadata document.
pub fn metadata<S>(context: &Context<'_, S>) -> Reply {
    Reply::json(200, &Metadata::new(context.config)).header("Cache-Control", "public, max-age=300")
}

/// The public keys.
pub async fn jwks<S: Stores>(context: &Context<'_, S>) -> Reply {
    match context.stores.public_keys().await {
        Ok(keys) => {
            Reply::json(200, &keys).header("Cache-Control", format!("public, max-age={}", JWKS_MAX_AGE.as_secs()))
        }
        Err(_) => json_unavailable(),
    }
}
