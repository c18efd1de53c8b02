//! Protected resource metadata (RFC 9728): `GET /oauth/resource-metadata?resource=…` for any API of the catalogue, for its
//! operator to serve or to name in challenges, and this server's own.

use crate::context::Context;
use crate::endpoints::problem;
use crate::http::{Reply, Request};
use crate::management::policy::protected_resources;
use crate::oauth::resource::is_resource;
use crate::store::Stores;

/// As long as the metadata of this server.
const CACHED: &str = "public, max-age=300";

/// The document of the API that the query names, and called as the query calls it: a client compares the two (§3.3).
pub async fn of_any<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let Some(requested) = requested(request) else {
        let detail = "name one API by its address, and nothing else: ?resource=https://api.example.com";
        return refused(context, 400, "invalid_request", detail);
    };
    match protected_resources::find(context.stores, context.config, &requested).await {
        Ok(Some(metadata)) => Reply::json(200, &metadata).header("Cache-Control", CACHED),
        Ok(None) => refused(
            context,
            404,
            "not_found",
            "this server gives out no tokens for such an API",
        ),
        Err(_) => refused(
            context,
            503,
            "temporarily_unavailable",
            "storage is out of reach: try again",
        ),
    }
}

/// The document of this server's own API.
pub fn of_own_api<S>(context: &Context<'_, S>) -> Reply {
    let metadata = protected_resources::own(&context.config.issuer);
    Reply::json(200, &metadata).header("Cache-Control", CACHED)
}

/// The one parameter. Others would only make more addresses for one document, each cached by itself.
fn requested(request: &Request) -> Option<String> {
    let params = request.query_params().ok()?;
    let mut params = params.iter();
    match (params.next(), params.next()) {
        (Some(("resource", requested)), None) if is_resource(requested) => Some(requested.to_owned()),
        _ => None,
    }
}

fn refused<S>(context: &Context<'_, S>, status: u16, code: &'static str, detail: &str) -> Reply {
    problem::document(context.config, context.log, status, code, detail, Vec::new())
}
