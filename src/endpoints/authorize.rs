//! `GET|POST /oauth/authorize` (OAuth 2.1 §4.1.1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::browser::{BrowserNonce, login_url, other_account_url, session_hash};
use super::consent::{self, NotReady, Ready};
use super::metadata_documents::{self, Looked};
use super::{authorization_error, page_error, page_of, page_unavailable};
use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::seal;
use crate::http::{Body, MAX_QUERY, Params, Reply, Request, with_params};
use crate::oauth::authorization_request::{self, AuthorizationRequest, Sent};
use crate::oauth::client::App;
use crate::oauth::error::{AuthorizationError, ErrorCode, OAuthError, PageReason};
use crate::oauth::pushed_request::{self, PushedRequest};
use crate::random;
use crate::router;
use crate::sign_in::auth_time::is_recent_enough;
use crate::store::{AuthorizationView, SignedIn, Stores};
use crate::time::Timestamp;
use crate::usage::Metric;

/// How long a user may take to sign in and decide.
pub const REQUEST_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A request that waits for its user, sealed into the `request_id` itself: nothing is written before the
/// user decides, so nobody can fill a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Tells this request from every other; the decision claims it.
    pub id: String,
    /// What is asked.
    pub request: AuthorizationRequest,
    /// The nonce of the browser it began in.
    pub browser: String,
    /// When the user must have signed in at the earliest (`prompt=login`, `max_age`).
    pub signed_in_since: Option<Timestamp>,
    /// Until when it may be decided.
    pub expires_at: Timestamp,
}

/// Checks the request, then sends the user to the consent page, or to the sign-in page before that. A POST is
/// turned into a GET first: coming from another site it brings no cookies, so the user would seem a stranger.
pub async fn authorize<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    if request.method == "POST" {
        return match posted_query(request) {
            Some(query) => Reply::see_other(format!("{}?{query}", router::AUTHORIZE)),
            None => page_error(context, PageReason::Unreadable),
        };
    }
    let asked = match Asked::read(context, request) {
        Ok(asked) => asked,
        Err(reason) => return page_error(context, reason),
    };
    let client_id = match authorization_request::client_id(&asked.params) {
        Ok(client_id) => client_id,
        Err(reason) => return page_error(context, reason),
    };
    let session = session_hash(request);
    let view = context
        .stores
        .authorization_view(session.as_deref(), client_id, context.now)
        .await;
    let Ok(mut view) = view else {
        return unavailable(context, request, &asked, client_id).await;
    };
    match metadata_documents::look(context, request, client_id, view.app.as_deref()).await {
        Ok(Looked::AsItIs) => {}
        Ok(Looked::Changed) => match context
            .stores
            .authorization_view(session.as_deref(), client_id, context.now)
            .await
        {
            Ok(anew) => view = anew,
            Err(_) => return unavailable(context, request, &asked, client_id).await,
        },
        Ok(Looked::Refused(error)) => return page_of(context, &error),
        Err(_) => return unavailable(context, request, &asked, client_id).await,
    }
    if let Some(app) = &view.app {
        context.log.app(app);
    }
    match asked.parse(view.app.as_deref()) {
        Ok(authorization) => accept(context, request, asked.id, authorization, view).await,
        Err(error) => authorization_error(context, &error),
    }
}

/// What is asked: by the parameters of the link, or by those that were pushed before.
struct Asked {
    /// Tells this request from every other. A pushed one keeps its own, so that it is decided once.
    id: String,
    params: Params,
    sent: Sent,
}

impl Asked {
    fn read<S>(context: &Context<'_, S>, request: &Request) -> Result<Self, PageReason> {
        let params = request.query_params_up_to(MAX_QUERY + seal::MAX_SEALED);
        let params = params.map_err(|_| PageReason::Unreadable)?;
        let request_uri = params.one("request_uri").ok().flatten();
        if let Some(request_uri) = request_uri.filter(|uri| pushed_request::is_pushed(uri)) {
            // Whatever else the link says counts for nothing (RFC 9126 §4, RFC 9101 §6.3).
            let client_id = authorization_request::client_id(&params)?;
            let keys = &context.config.sealing_keys;
            let pushed = PushedRequest::open(keys, request_uri, client_id, context.now);
            let pushed = pushed.ok_or(PageReason::PushedRequestUnknown)?;
            return Ok(Self {
                params: pushed.params(),
                id: pushed.id,
                sent: Sent::Pushed,
            });
        }
        if request.query.len() > MAX_QUERY {
            return Err(PageReason::Unreadable);
        }
        Ok(Self {
            id: random::identifier(context.random, "req_"),
            params: context.config.local_resources.in_catalogue(params),
            sent: Sent::ByBrowser,
        })
    }

    fn parse(&self, app: Option<&App>) -> Result<AuthorizationRequest, AuthorizationError> {
        AuthorizationRequest::parse(&self.params, app, self.sent)
    }
}

/// A form is written like a query, so it needs no change; but it has to fit into a URL.
fn posted_query(request: &Request) -> Option<&str> {
    let limit = match request.form().ok()?.all("request_uri") {
        [] => MAX_QUERY,
        _ => MAX_QUERY + seal::MAX_SEALED,
    };
    let Body::Bytes(bytes) = &request.body else { return None };
    let fits = bytes.len() <= limit && bytes.iter().all(|byte| byte.is_ascii_graphic());
    str::from_utf8(bytes).ok().filter(|_| fits)
}

async fn accept<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    id: String,
    authorization: AuthorizationRequest,
    view: AuthorizationView,
) -> Reply {
    let browser = BrowserNonce::of(context, request);
    let pending = PendingRequest {
        id,
        signed_in_since: signed_in_since(&authorization, context.now),
        request: authorization,
        browser: browser.as_str().to_owned(),
        expires_at: context.now + REQUEST_LIFETIME,
    };
    let Some(sealed) = seal_pending(context, &pending) else {
        let error = OAuthError::new(ErrorCode::InvalidRequest, "the request is too long");
        return refuse(context, &pending, error);
    };
    let client_id = &pending.request.client_id;
    context.log.usage().count(client_id, Metric::Authorize);
    let context = &context.speaking_to(request, pending.request.ui_locales.as_deref());
    let consent = consent::place(&sealed);
    let prompt = pending.request.prompt;
    let ready = Ready::check(pending.clone(), view, context.config.unverified_app_users);
    let reply = match ready {
        Ok(ready) => match consent::without_a_page(context, &ready).await {
            Ok(reply) => reply,
            Err(error) if prompt.none => refuse(context, &pending, error),
            Err(_) => Reply::see_other(with_params(&context.config.consent_page, &[("request_id", &sealed)])),
        },
        Err(NotReady::SignInFirst) if prompt.none => {
            let error = OAuthError::new(ErrorCode::LoginRequired, "the user has to sign in first");
            refuse(context, &pending, error)
        }
        Err(NotReady::SignInFirst) if prompt.select_account => Reply::see_other(other_account_url(&consent)),
        Err(NotReady::SignInFirst) => Reply::see_other(login_url(&consent)),
        Err(NotReady::NotServed(_, _, why)) if prompt.none => {
            let error = OAuthError::new(ErrorCode::AccessDenied, why.for_developers());
            refuse(context, &pending, error)
        }
        Err(not_ready) => consent::not_ready(context, &sealed, not_ready),
    };
    browser.set_on(reply)
}

/// Seals a request that waits. `None`: it would not fit into a link all the way.
pub fn seal_pending<S>(context: &Context<'_, S>, pending: &PendingRequest) -> Option<String> {
    let keys = &context.config.sealing_keys;
    let sealed = seal::seal(keys, Purpose::PendingRequest, context.random, pending)?;
    // Sealed anew with user and session it grows, and has to fit still.
    (sealed.len() <= seal::MAX_SEALED - 1024).then_some(sealed)
}

/// Whether a request will fit into a link while its user signs in and decides.
pub fn fits<S>(context: &Context<'_, S>, request: AuthorizationRequest) -> bool {
    let pending = PendingRequest {
        id: random::identifier(context.random, "req_"),
        request,
        browser: BrowserNonce::PLACEHOLDER.to_owned(),
        signed_in_since: Some(context.now),
        expires_at: context.now,
    };
    seal_pending(context, &pending).is_some()
}

fn refuse<S>(context: &Context<'_, S>, pending: &PendingRequest, error: OAuthError) -> Reply {
    let (to, state) = (pending.request.redirect_uri.clone(), pending.request.state.clone());
    authorization_error(context, &AuthorizationError::Redirect { to, error, state })
}

/// Storage is down. An app whose record is still at hand is told, if the redirect is good; else the user is,
/// and may try again.
async fn unavailable<S: Stores>(context: &Context<'_, S>, request: &Request, asked: &Asked, client_id: &str) -> Reply {
    if let Ok(Some(app)) = context.stores.app(client_id).await {
        context.log.app(&app);
        let error = match asked.parse(Some(&app)) {
            Err(error) => error,
            Ok(request) => AuthorizationError::Redirect {
                to: request.redirect_uri,
                error: OAuthError::new(ErrorCode::TemporarilyUnavailable, "storage is out of reach: try again"),
                state: request.state,
            },
        };
        return authorization_error(context, &error);
    }
    let sent = request
        .query_params_up_to(MAX_QUERY + seal::MAX_SEALED)
        .unwrap_or_default();
    let sent: Vec<(&str, &str)> = sent.iter().collect();
    page_unavailable(context, &with_params(router::AUTHORIZE, &sent))
}

fn signed_in_since(request: &AuthorizationRequest, now: Timestamp) -> Option<Timestamp> {
    match (request.prompt.asks_to_sign_in(), request.max_age) {
        (true, _) => Some(now),
        (false, Some(seconds)) => Some(Timestamp(now.0.saturating_sub(i64::from(seconds) * 1000))),
        (false, None) => None,
    }
}

impl PendingRequest {
    /// Reads a request that waits. `None`: none of ours, or its time is over.
    pub fn open<S>(context: &Context<'_, S>, sealed: &str) -> Option<Self> {
        let pending: Option<Self> = seal::open(&context.config.sealing_keys, Purpose::PendingRequest, sealed);
        pending.filter(|pending| pending.expires_at > context.now)
    }

    /// Whether whoever is signed in may decide, or has to sign in first.
    pub fn may_be_decided_by(&self, signed_in: Option<&SignedIn>) -> bool {
        signed_in.is_some_and(|signed_in| {
            signed_in.may_connect_apps && is_recent_enough(signed_in.auth_time, self.signed_in_since)
        })
    }
}
