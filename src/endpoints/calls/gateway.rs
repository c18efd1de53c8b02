//! The gateway: a route of this Worker in front of a platform's API. What may go on is passed to the API's servers with who
//! calls; its body and the answer's stream through.
//!
//! Nothing that lets anybody in at Latchkey or at the API reaches the API's servers: not the token, nor the proof, nor a
//! cookie. A header field that such servers take for another address, method or caller than the one that was judged does
//! not either. A browser's question before a call comes without a token, so of it only what the API needs to say which sites
//! may call reaches them: method, path, and the fields that ask. No query, no body, and no body back.

use serde_json::Value;

use super::check::{About, Call, Passed, decide, look_up};
use super::told::{identity, refusal};
use crate::config::Issuer;
use crate::context::Context;
use crate::endpoints::limits::Origin;
use crate::endpoints::{finished, problem};
use crate::guard::apis::At;
use crate::guard::call::preflight_for;
use crate::guard::judge::Allowed;
use crate::http::{Reply, Request};
use crate::store::Stores;
use futures_util::future::join;

/// What a request to an address that is not this server's own comes to.
#[derive(Debug)]
pub enum Admission {
    /// The gateway stands in front of no API there.
    Elsewhere,
    /// It is answered here.
    Answered(Reply),
    /// The API is asked.
    PassOn(Box<PassOn>),
}

/// A call that goes on.
#[derive(Debug)]
pub struct PassOn {
    /// What it is about.
    pub about: About,
    /// For whom.
    pub allowed: Option<Allowed>,
    /// The address: the path and the query are those that were judged, without the query where a browser asks before.
    pub url: String,
    /// Its header fields, in place of those it came with.
    pub headers: Vec<(String, String)>,
}

/// Why an API's servers gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// They cannot be reached.
    Unreachable,
    /// They took too long.
    TooLate,
}

/// Whether a request cannot be for an API behind the gateway, because it is for this server itself.
pub fn is_own(authority: &str, issuer: &Issuer) -> bool {
    issuer
        .as_str()
        .split_once("://")
        .is_some_and(|(_, own)| own == authority)
}

/// Decides about a request, of which the body is not looked at. `authority`: host and port it was sent to.
pub async fn admit<S: Stores>(context: &Context<'_, S>, request: &Request, authority: &str) -> Admission {
    let call = Call {
        method: &request.method,
        path: &request.path,
        query: Some(request.query.as_str()).filter(|query| !query.is_empty()),
        authorization: request.header("authorization"),
        dpop: request.header("dpop"),
        preflight_for: preflight_for(
            &request.method,
            request.header("origin"),
            request.header("access-control-request-method"),
        ),
        origin: Origin::of(request),
    };
    let (apis, shown) = join(context.stores.guarded_apis(), look_up(context, &call)).await;
    let Ok(apis) = apis else {
        return Admission::Answered(unavailable(context));
    };
    let api = match apis.at(authority, &request.path) {
        At::Elsewhere => return Admission::Elsewhere,
        At::NoApi => return refused(context, 404, "not_found", "nothing here is open to apps"),
        At::Api(api) => api,
    };
    if request.in_the_clear && context.config.issuer.is_https() {
        return refused(context, 400, "invalid_request", "requests must come over https");
    }
    // It would outlive the token, and whatever takes that back.
    if request
        .header("upgrade")
        .is_some_and(|to| to.to_ascii_lowercase().contains("websocket"))
    {
        return refused(context, 400, "invalid_request", "WebSockets do not pass the gateway");
    }
    let Passed { about, allowed } = match decide(context, api, &call, shown).await {
        Ok(passed) => passed,
        Err(refused) => {
            let mut reply = refusal(context, &refused);
            for (name, value) in &refused.about.headers {
                reply = reply.header(name, value.clone());
            }
            return Admission::Answered(whole(context, reply));
        }
    };
    let Some(upstream) = about.api.upstream.clone().filter(|upstream| !apis.is_circle(upstream)) else {
        context.log.fault("upstream", "calls would come back to the gateway");
        context.log.usage().not_forwarded();
        return Admission::Answered(no_answer(context, NoAnswer::Unreachable));
    };
    let Ok(identity) = identity(context, &about, allowed.as_ref()).await else {
        context.log.usage().not_forwarded();
        return Admission::Answered(unavailable(context));
    };
    // What sites may call does not hang on a query, and nobody has shown a token for what it says.
    let query = call.query.filter(|_| !about.is_preflight);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Admission::PassOn(Box::new(PassOn {
        url: format!("{}{}{query}", upstream.as_str(), request.path),
        headers: passed_on(request, authority, about.is_preflight, identity),
        about,
        allowed,
    }))
}

/// Stands in for an answer that an API's servers did not give.
pub fn no_answer<S>(context: &Context<'_, S>, why: NoAnswer) -> Reply {
    let (status, code, detail) = match why {
        NoAnswer::Unreachable => (502, "bad_gateway", "the API's servers cannot be reached"),
        NoAnswer::TooLate => (504, "gateway_timeout", "the API's servers do not answer"),
    };
    whole(
        context,
        problem::document(context.config, context.log, status, code, detail, Vec::new()),
    )
}

/// What becomes of the header fields of an API's answer: those to take out, and those to put in.
pub fn answer_headers<S>(
    context: &Context<'_, S>,
    about: &About,
    headers: &[(String, String)],
) -> (Vec<String>, Vec<(&'static str, String)>) {
    let connection = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let connection: String = connection.map(|(_, value)| format!("{value},")).collect();
    let goes = |name: &String| {
        let folded = folded(name);
        let is_of_body = ["content-length", "content-encoding"].contains(&folded.as_str());
        is_hop_by_hop(name, &connection)
            || is_ours(name)
            || folded == "set-cookie"
            || (about.is_preflight && is_of_body)
    };
    let out = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .filter(goes)
        .collect();
    let mut put = about.headers.clone();
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("x-request-id"))
    {
        put.push(("X-Request-Id", context.log.request_id().to_owned()));
    }
    (out, put)
}

fn refused<S>(context: &Context<'_, S>, status: u16, code: &'static str, detail: &str) -> Admission {
    let reply = problem::document(
        context.config,
        context.log,
        status,
        code,
        detail,
        Vec::<(&str, Value)>::new(),
    );
    Admission::Answered(whole(context, reply))
}

fn unavailable<S>(context: &Context<'_, S>) -> Reply {
    let detail = "storage is out of reach: try again";
    whole(
        context,
        problem::document(
            context.config,
            context.log,
            503,
            "temporarily_unavailable",
            detail,
            Vec::new(),
        ),
    )
}

/// Scripts of any site may read what is refused: they learn nothing that the call did not bring.
fn whole<S>(context: &Context<'_, S>, reply: Reply) -> Reply {
    finished(
        reply.readable_across_origins(),
        context.log,
        context.config.issuer.is_https(),
    )
}

/// Fields that are about one connection (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that let somebody in, and fields that some servers take for another address, method or caller of the request.
const NOT_PASSED_ON: [&str; 16] = [
    "authorization",
    "cookie",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "true-client-ip",
    "x-client-ip",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// What a proxy says of the caller: an API that believes its own proxy would believe the client.
const PROXIES_WORDS: [&str; 4] = ["x-forwarded-", "x-remote-", "x-auth-request-", "remote-"];

/// The fields of a question before a call (Fetch §3.2.2); more of them begin with `access-control-request-`.
const OF_PREFLIGHTS: [&str; 2] = ["origin", "user-agent"];

fn passed_on(
    request: &Request,
    authority: &str,
    is_preflight: bool,
    identity: Vec<(&'static str, String)>,
) -> Vec<(String, String)> {
    let connection = request.header("connection").unwrap_or_default();
    let goes = |name: &str| {
        let folded = folded(name);
        let is_address = folded == "x-real-ip" || folded.starts_with("cf-");
        let asks = OF_PREFLIGHTS.contains(&folded.as_str()) || folded.starts_with("access-control-request-");
        (asks || !is_preflight)
            && !is_hop_by_hop(name, connection)
            && !is_ours(name)
            && !is_address
            && !NOT_PASSED_ON.contains(&folded.as_str())
            && !PROXIES_WORDS.iter().any(|prefix| folded.starts_with(prefix))
    };
    let client = request.headers.iter().filter(|(name, _)| goes(name));
    let mut headers: Vec<(String, String)> = client.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    add("X-Forwarded-Host", authority);
    add("X-Forwarded-Proto", if request.in_the_clear { "http" } else { "https" });
    if let Some(address) = request.header("cf-connecting-ip") {
        add("X-Forwarded-For", address);
    }
    for (name, value) in &identity {
        add(name, value);
    }
    headers
}

/// Servers of some kinds read `_` and `-` in names alike.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn is_ours(name: &str) -> bool {
    folded(name).starts_with("latchkey-")
}

/// `connection`: the value of that field, which names others of its kind.
fn is_hop_by_hop(name: &str, connection: &str) -> bool {
    let named = |other: &str| other.trim().eq_ignore_ascii_case(name);
    HOP_BY_HOP.contains(&folded(name).as_str()) || connection.split(',').any(named)
}
