//! `GET /logos/{name}`: the logos of the platform and of apps.

use super::{json_unavailable, not_found};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::looks::LogoName;
use crate::store::Stores;

/// A logo. Its name is the hash of its bytes, so it never changes. Only a name that could be one costs a read.
pub async fn logo<S: Stores>(context: &Context<'_, S>, request: &Request, name: &str) -> Reply {
    let Some(name) = LogoName::parse(name) else {
        return not_found(context, request);
    };
    match context.stores.logo(&name).await {
        Ok(Some(bytes)) => Reply::new(200, bytes)
            .header("Content-Type", name.content_type())
            .header("Cache-Control", "public, max-age=31536000, immutable")
            // Opened by itself it is a picture and nothing else.
            .header("Content-Security-Policy", "default-src 'none'; sandbox"),
        Ok(None) => not_found(context, request),
        Err(_) => json_unavailable(),
    }
}
