//! `/oauth/verify`: reverse proxies and other Workers ask whether a call may go on before they pass it on.
//!
//! The proxy shows its API's introspection credential in `Latchkey-Authorization`, because `Authorization` is the call's
//! own. What the call is, it says in one of three ways: `X-Original-Method` and `X-Original-URI` (nginx),
//! `X-Forwarded-Method` and `X-Forwarded-Uri` (Traefik), or by the request line itself, the path behind `/oauth/verify`
//! (Envoy). A client can send such fields through a proxy that uses others, so where two of them speak they have to agree.

use futures_util::future::join;

use super::check::{Call, Passed, decide, look_up};
use super::told::{identity, refusal, with_headers};
use crate::context::Context;
use crate::endpoints::limits::{Endpoint, Origin, may_ask, with_retry_after};
use crate::endpoints::problem;
use crate::guard::call::preflight_for;
use crate::http::{Reply, Request};
use crate::oauth::client_authentication::PresentedClient;
use crate::router;
use crate::store::Stores;

/// Where the proxy shows its API's credential.
pub const CREDENTIAL: &str = "latchkey-authorization";
/// Says that the proxy knows of no answers but 2xx, 401 and 403, as nginx's `auth_request`.
const STATUSES: &str = "statuses=nginx";

/// The request line of a call, as its client sent it.
#[derive(Debug, PartialEq, Eq)]
struct Original {
    method: String,
    target: String,
}

/// Why a proxy is told nothing about the call. It is the proxy's or its operator's mistake.
enum Unasked {
    /// It does not say what the call is, or says two things.
    Malformed(&'static str),
    /// Its credential is not good.
    Credential,
    /// It has asked too often with a credential that is not good.
    TooMany,
    /// Storage is out of reach.
    Unavailable,
}

/// Says whether a call may go on: 200 with who calls, else the answer that the client is to get. `path`: what stands behind
/// `/oauth/verify`.
pub async fn verify<S: Stores>(context: &Context<'_, S>, request: &Request, path: Option<&str>) -> Reply {
    let reply = match answer(context, request, path).await {
        Ok(reply) => reply,
        Err(unasked) => unasked.reply(context),
    };
    // The query of a call in the request line is the client's.
    match path.is_none() && request.query == STATUSES {
        true => for_nginx(reply),
        false => reply,
    }
}

async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request, path: Option<&str>) -> Result<Reply, Unasked> {
    let presented = request.header(CREDENTIAL).and_then(PresentedClient::from_basic);
    let presented = presented.ok_or(Unasked::Credential)?;
    let original = Original::of(request, path).map_err(Unasked::Malformed)?;
    let (path, query) = original.split();
    let call = Call {
        method: &original.method,
        path,
        query,
        authorization: request.header("authorization"),
        dpop: request.header("dpop"),
        preflight_for: preflight_for(
            &original.method,
            request.header("origin"),
            request.header("access-control-request-method"),
        ),
        origin: Origin::of_address(request.header("x-real-ip")),
    };
    let known = join(prove(context, request, &presented), context.stores.guarded_apis());
    let ((resource, apis), shown) = join(known, look_up(context, &call)).await;
    let (resource, apis) = (resource?, apis.map_err(|_| Unasked::Unavailable)?);
    // The credential's own record is older or newer than the list by seconds at most.
    let api = apis.by_resource(&resource).ok_or(Unasked::Unavailable)?;
    Ok(match decide(context, api, &call, shown).await {
        Err(refused) => refusal(context, &refused),
        Ok(Passed { about, allowed }) => {
            let headers = identity(context, &about, allowed.as_ref()).await;
            let headers = headers.map_err(|_| {
                context.log.usage().not_forwarded();
                Unasked::Unavailable
            })?;
            let reply = with_headers(Reply::new(200, String::new()), &about);
            headers
                .into_iter()
                .fold(reply, |reply, (name, value)| reply.header(name, value))
        }
    })
}

/// The API whose credential the proxy shows.
async fn prove<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    presented: &PresentedClient,
) -> Result<String, Unasked> {
    let credential = context.stores.api_credential(&presented.client_id).await;
    let credential = credential.map_err(|_| Unasked::Unavailable)?;
    match credential.filter(|credential| presented.proves(&credential.secret_hash)) {
        Some(credential) => {
            context.log.api(&presented.client_id);
            Ok(credential.resource.clone())
        }
        // Good ones are not counted here: every call to the API asks.
        None if may_ask(context, Endpoint::Verification, request, None).await => Err(Unasked::Credential),
        None => Err(Unasked::TooMany),
    }
}

impl Unasked {
    fn reply<S>(self, context: &Context<'_, S>) -> Reply {
        let (status, code, detail) = match self {
            Self::Malformed(detail) => (400, "invalid_request", detail),
            // Not 401: that would ask the client of the call for what the proxy lacks.
            Self::Credential => (
                403,
                "invalid_client",
                "the proxy must show the introspection credential of its API in Latchkey-Authorization",
            ),
            Self::Unavailable => (503, "temporarily_unavailable", "storage is out of reach: try again"),
            Self::TooMany => (
                429,
                "rate_limit_exceeded",
                "too many attempts with a credential that is not good",
            ),
        };
        let reply = problem::document(context.config, context.log, status, code, detail, Vec::new());
        match status {
            429 => with_retry_after(reply),
            _ => reply,
        }
    }
}

/// The same for a proxy that takes any other status than 2xx, 401 and 403 for a failure of its own.
fn for_nginx(mut reply: Reply) -> Reply {
    let status = reply.status;
    if !matches!(status, 200 | 401 | 403) {
        reply.status = 403;
    }
    reply.header("Latchkey-Status", status.to_string())
}

impl Original {
    fn of(request: &Request, path: Option<&str>) -> Result<Self, &'static str> {
        if path.is_some() && request.has_other_path {
            return Err("the path has a segment that servers read in different ways");
        }
        let line = path.map(|path| Self {
            method: request.method.clone(),
            target: match request.query.as_str() {
                "" => path.to_owned(),
                query => format!("{path}?{query}"),
            },
        });
        let fields = [
            Self::in_fields(request, "x-original-method", "x-original-uri")?,
            Self::in_fields(request, "x-forwarded-method", "x-forwarded-uri")?,
        ];
        let mut said = line.into_iter().chain(fields.into_iter().flatten());
        let first = said
            .next()
            .ok_or("say which call it is: X-Original-Method and X-Original-URI")?;
        if said.any(|other| other != first) {
            return Err("the call's method and address are named twice, and not the same");
        }
        // Methods are told apart by case here and by few servers (RFC 9110 §9.1): what is no method for all of them is none.
        let is_method = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if first.method.is_empty() || !first.method.bytes().all(is_method) {
            return Err("the method of the call is none");
        }
        // A field that came twice is one with a comma and a space.
        if !first.target.starts_with('/') || !first.target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the address of the call must be its path and query, as they were sent");
        }
        Ok(first)
    }

    fn in_fields(request: &Request, method: &str, target: &str) -> Result<Option<Self>, &'static str> {
        match (request.header(method), request.header(target)) {
            (Some(method), Some(target)) => Ok(Some(Self {
                method: method.to_owned(),
                target: target.to_owned(),
            })),
            (None, None) => Ok(None),
            _ => Err("the method and the address of the call go together"),
        }
    }

    fn split(&self) -> (&str, Option<&str>) {
        match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&self.target, None),
        }
    }
}

/// Whether a request shows a proxy's credential somewhere else than here. A call whose path climbs out of the place behind
/// `/oauth/verify` would otherwise be answered by another endpoint, whose 200 its proxy would take for a yes.
pub fn is_astray(request: &Request) -> bool {
    let here = request
        .path
        .strip_prefix(router::VERIFY)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    request.header(CREDENTIAL).is_some() && !here
}

/// What a request that [`is_astray`] is told.
pub fn astray<S>(context: &Context<'_, S>) -> Reply {
    let detail = "the path of the call leads out of /oauth/verify";
    problem::document(context.config, context.log, 403, "forbidden", detail, Vec::new())
}
