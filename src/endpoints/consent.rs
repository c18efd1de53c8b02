//! `GET|POST /oauth/consent`: the page where the user decides, and the decision.

mod decision;

pub use decision::decision;

use serde::{Deserialize, Serialize};

use super::authorize::PendingRequest;
use super::guard::{BrowserNonce, login_url, other_account_url, session_hash};
use super::{message, page_error, page_unavailable};
use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::seal;
use crate::http::{Reply, Request};
use crate::ledger::shard::Shard;
use crate::oauth::authorization_request::AuthorizationRequest;
use crate::oauth::client::{App, AppStatus};
use crate::oauth::error::PageReason;
use crate::oauth::redirect_uri::VerifiedRedirect;
use crate::pages::{self, ConsentPage, DisplayName, Emblem, Permission, PermissionGroup, Retry};
use crate::random;
use crate::router;
use crate::store::{ActiveConsent, SignedIn, Stores};
use crate::time::Timestamp;
use crate::words::Language;

/// A request that one user in one session may decide: the pending request, sealed anew after sign-in. Only
/// the page that was shown to them holds it, which protects the decision against forged requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DecidableRequest {
    id: String,
    request: AuthorizationRequest,
    session: String,
    user_id: String,
    auth_time: Timestamp,
    consent: ConsentPlace,
    /// The attempt to repeat, on a page that asks to try again.
    attempt: Option<String>,
    expires_at: Timestamp,
}

/// The consent a yes adds to: the active one, or a new one with its shard chosen for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ConsentPlace {
    id: String,
    shard: Shard,
}

impl ConsentPlace {
    fn of_active(consent: &ActiveConsent) -> Self {
        Self {
            id: consent.id.clone(),
            shard: consent.shard,
        }
    }

    fn new<S>(context: &Context<'_, S>) -> Self {
        Self {
            id: random::identifier(context.random, "cns_"),
            shard: Shard::near(context.continent, context.random),
        }
    }
}

/// Shows who asks for what.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let Some((sealed, pending)) = open_pending(context, request) else {
        return expired(context);
    };
    let context = &context.speaking_to(request, pending.request.ui_locales.as_deref());
    if BrowserNonce::existing(request) != Some(pending.browser.as_str()) {
        return message(
            context,
            400,
            context.words().consent_other_browser,
            context.words().consent_other_browser_explanation,
        );
    }
    let here = format!("{}?request_id={sealed}", router::CONSENT);
    let session = session_hash(request);
    let view = context
        .stores
        .authorization_view(session.as_deref(), &pending.request.client_id, context.now)
        .await;
    let Ok(view) = view else {
        let retry = Retry {
            method: "get",
            action: router::CONSENT,
            fields: &[("request_id", &sealed)],
        };
        return page_unavailable(context, retry);
    };
    let Some(app) = view.app.filter(|app| is_current(app, &pending.request)) else {
        return page_error(context, PageReason::ClientNotApproved);
    };
    context.log.app(&app);
    match view.signed_in {
        Some(signed_in) if pending.may_be_decided_by(Some(&signed_in)) => show(
            context,
            &app,
            &pending,
            &signed_in,
            view.consent.as_ref(),
            &other_account_url(&here),
        ),
        _ => Reply::see_other(login_url(&here)),
    }
}

fn open_pending<S>(context: &Context<'_, S>, request: &Request) -> Option<(String, PendingRequest)> {
    let params = request.query_params_up_to(2 * seal::MAX_SEALED).ok()?;
    let sealed = params.one("request_id").ok()??;
    let pending: PendingRequest = seal::open(&context.config.sealing_keys, Purpose::PendingRequest, sealed)?;
    (pending.expires_at > context.now).then(|| (sealed.to_owned(), pending))
}

fn is_current(app: &App, request: &AuthorizationRequest) -> bool {
    let registered = VerifiedRedirect::find(request.redirect_uri.as_str(), &app.redirect_uris).is_some();
    registered && app.status == AppStatus::Approved && app.epoch == request.app_epoch
}

fn show<S>(
    context: &Context<'_, S>,
    app: &App,
    pending: &PendingRequest,
    signed_in: &SignedIn,
    consent: Option<&ActiveConsent>,
    switch_account: &str,
) -> Reply {
    let decidable = DecidableRequest {
        id: pending.id.clone(),
        request: pending.request.clone(),
        session: signed_in.session.clone(),
        user_id: signed_in.user.id.clone(),
        auth_time: signed_in.auth_time,
        consent: consent.map_or_else(|| ConsentPlace::new(context), ConsentPlace::of_active),
        attempt: None,
        expires_at: pending.expires_at,
    };
    let keys = &context.config.sealing_keys;
    let Some(sealed) = seal::seal(keys, Purpose::DecidableRequest, context.random, &decidable) else {
        return page_error(context, PageReason::Unreadable);
    };
    let redirect = &pending.request.redirect_uri;
    let unnamed = context.words().app_unnamed;
    let app_name = DisplayName::new(&app.name, unnamed);
    let page = ConsentPage {
        look: context.look(),
        emblem: Emblem::new(app.logo.as_deref(), &app_name),
        app_name,
        developer_name: DisplayName::new(&app.developer.name, unnamed),
        destination: redirect.destination(),
        user: &signed_in.user,
        permissions: permissions(app, &pending.request, consent, context.language),
        request: &sealed,
        switch_account,
    };
    pages::render(200, &page).form_may_lead_to_an_app()
}

fn permissions<'a>(
    app: &'a App,
    request: &'a AuthorizationRequest,
    consent: Option<&ActiveConsent>,
    language: Language,
) -> Vec<PermissionGroup<'a>> {
    let groups = app.apis_of(&request.scopes).map(|api| PermissionGroup {
        api: &api.name,
        permissions: api
            .scopes
            .iter()
            .filter(|scope| request.scopes.contains(&scope.name))
            .map(|scope| Permission {
                description: scope.described_in(language),
                sensitive: scope.sensitive,
                new: consent.is_some_and(|consent| !consent.scopes.contains(&scope.name)),
            })
            .collect(),
    });
    groups.collect()
}

fn expired<S>(context: &Context<'_, S>) -> Reply {
    message(
        context,
        400,
        context.words().consent_expired,
        context.words().consent_expired_explanation,
    )
}
