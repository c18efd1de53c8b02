//! `GET /oauth/status-lists/{shard}/{period}` and `GET /oauth/status-lists`: Token Status Lists
//! (draft-ietf-oauth-status-list-21), for API servers that have a client for them.

use serde::Serialize;

use super::client_request::Failure;
use super::limits::{Endpoint, may_ask};
use super::{access_token, not_found, problem};
use crate::context::Context;
use crate::crypto::signing::SigningAlgorithm;
use crate::http::{Reply, Request, accepts};
use crate::router::STATUS_LISTS;
use crate::status_list::ListName;
use crate::status_list::list_jwt::{MEDIA_TYPE, list_signing_input};
use crate::store::{NamedKey, Stores};

/// Seconds for which caches between here and the API server may answer in its place.
const MAX_AGE: &str = "public, max-age=1";
/// The same for the addresses of all lists: a new one is begun every hour, and tokens name it anyway.
const ALL_MAX_AGE: &str = "public, max-age=300";

/// A list, signed (§8.1 of the draft). It tells nothing to whoever has no token in hand, so anybody may read it.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request, shard: &str, period: &str) -> Reply {
    if !may_ask(context, Endpoint::StatusLists, request, None).await {
        return Failure::TooMany.reply(context);
    }
    let name = ListName::parse(shard, period).filter(|name| name.is_served(context.now));
    let Some(name) = name else {
        return not_found(context, request);
    };
    // What a list said earlier is not kept (§8.4 of the draft).
    if request
        .query_params()
        .is_ok_and(|params| !params.all("time").is_empty())
    {
        return refused(
            context,
            501,
            "not_implemented",
            "a list is there as it is now: leave out `time`",
        );
    }
    if !accepts(request.header("accept"), MEDIA_TYPE) {
        let detail = "a list is there as application/statuslist+jwt alone";
        return refused(context, 406, "not_acceptable", detail);
    }
    match signed(context, name).await {
        Ok(reply) => reply,
        Err(failure) => failure.reply(context),
    }
}

/// The addresses of all lists that a token may name (§9.3 of the draft).
#[derive(Serialize)]
struct Aggregation {
    status_lists: Vec<String>,
}

/// Where all lists are.
pub async fn all<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    if !may_ask(context, Endpoint::StatusLists, request, None).await {
        return Failure::TooMany.reply(context);
    }
    let address = |name: ListName| context.config.issuer.url(&name.path());
    let status_lists = ListName::all(context.now).map(address).collect();
    Reply::json(200, &Aggregation { status_lists }).header("Cache-Control", ALL_MAX_AGE)
}

async fn signed<S: Stores>(context: &Context<'_, S>, name: ListName) -> Result<Reply, Failure> {
    let list = context.stores.status_list(name).await?;
    let keys = context.stores.signing_keys().await?;
    let algorithm = SigningAlgorithm::Es256;
    let NamedKey { kid, key } = keys.of(algorithm);
    let issuer = &context.config.issuer;
    let (address, all) = (issuer.url(&name.path()), issuer.url(STATUS_LISTS));
    let input = list_signing_input(&list, (issuer.as_str(), &address, &all), (algorithm, kid));
    let jwt = access_token::sign(context, key, input).await?;
    Ok(Reply::new(200, jwt)
        .header("Content-Type", MEDIA_TYPE)
        .header("Cache-Control", MAX_AGE))
}

fn refused<S>(context: &Context<'_, S>, status: u16, code: &'static str, detail: &str) -> Reply {
    problem::document(context.config, context.log, status, code, detail, Vec::new())
}
