//! `GET|POST /oauth/consent`: the page where the user decides, and the decision.

pub mod api;
mod attempt;
mod choice;
mod decision;
mod request;

pub use decision::decision;
pub use request::{NotReady, Ready};

use super::authorize::{PendingRequest, seal_pending};
use super::browser::{login_url, other_account_url};
use super::{error_url, message, out_of_reach, page_error, page_unavailable};
use crate::consent_expiry::UnusedLifetime;
use crate::context::Context;
use crate::crypto::seal;
use crate::http::{Reply, Request, with_params};
use crate::oauth::client::ApiAccess;
use crate::oauth::error::{ErrorCode, OAuthError, PageReason};
use crate::oauth::scope::Scopes;
use crate::oauth::standing::NotServed;
use crate::pages::{self, ConsentPage, DisplayName, Emblem, NotServedPage, Permission, PermissionGroup};
use crate::router;
use crate::store::Stores;
use crate::words::Language;
use attempt::{ConsentMoved, Verdict, decide_as_remembered};
use choice::{MustAsk, Offer, OfferState, remembered};

/// Shows who asks for what.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let params = request.query_params_up_to(2 * seal::MAX_SEALED).unwrap_or_default();
    let sealed = params.one("request_id").ok().flatten().unwrap_or_default();
    let context = &speaking_of(context, request, sealed);
    match Ready::read(context, request, sealed).await {
        // Who had to sign in first is not asked again either.
        Ok(ready) => match without_a_page(context, &ready).await {
            Ok(reply) => reply,
            Err(_) if context.config.consent_page != router::CONSENT => {
                Reply::see_other(with_params(&context.config.consent_page, &[("request_id", sealed)]))
            }
            Err(_) => show(context, &ready, sealed, None),
        },
        Err(why) => not_ready(context, sealed, why),
    }
}

/// Where a request goes on, here also when the platform draws the page: who has agreed before is asked by neither.
pub fn place(sealed: &str) -> String {
    format!("{}?request_id={sealed}", router::CONSENT)
}

/// Answers a request as its user did before, where they need not be asked again. The error is what an app learns that
/// wants no page to be shown.
pub async fn without_a_page<S: Stores>(context: &Context<'_, S>, ready: &Ready) -> Result<Reply, OAuthError> {
    let request = &ready.pending.request;
    if request.prompt.consent || request.prompt.asks_to_sign_in() {
        return Err(must_ask(MustAsk::Consent));
    }
    let choice = remembered(&ready.app, request, &ready.consents).map_err(must_ask)?;
    let verdict = decide_as_remembered(context, ready.decidable(context), choice).await;
    match verdict.map_err(|ConsentMoved| must_ask(MustAsk::Consent))? {
        Verdict::To { url, error } => Ok(answered(url, error)),
        Verdict::TryAgain(_) => {
            let error = out_of_reach();
            context.log.usage().refused(&error);
            let url = error_url(context, &request.redirect_uri, &error, request.state.as_deref());
            Ok(answered(url, Some(error.code.as_str())))
        }
        Verdict::AlreadyDecided if !request.prompt.none => Ok(already_decided(context)),
        Verdict::AlreadyDecided => {
            let description = "this request was answered before: make a new one";
            Err(OAuthError::new(ErrorCode::InvalidRequest, description))
        }
        Verdict::SignedOut => Err(OAuthError::new(
            ErrorCode::LoginRequired,
            "the user has to sign in first",
        )),
        Verdict::NotServed(_) => {
            let description = "this app cannot be connected at the moment";
            Err(OAuthError::new(ErrorCode::AccessDenied, description))
        }
        Verdict::NothingChosen => Err(must_ask(MustAsk::Consent)),
    }
}

fn must_ask(why: MustAsk) -> OAuthError {
    match why {
        MustAsk::Consent => OAuthError::new(ErrorCode::ConsentRequired, "the user has to agree first"),
        MustAsk::Always => OAuthError::new(
            ErrorCode::InteractionRequired,
            "the user is asked every time: this app is not reviewed yet, or its answers stay on their own device",
        ),
    }
}

fn answered(url: String, error: Option<&'static str>) -> Reply {
    let reply = Reply::see_other(url);
    match error {
        Some(error) => reply.telling(error),
        None => reply,
    }
}

/// What is told, or done, where a request cannot be decided.
pub fn not_ready<S>(context: &Context<'_, S>, sealed: &str, why: NotReady) -> Reply {
    match why {
        NotReady::Expired => expired(context),
        NotReady::OtherBrowser => {
            let words = context.words();
            let explanation = words.consent_other_browser_explanation;
            message(context, 400, words.consent_other_browser, explanation)
        }
        NotReady::SignInFirst => Reply::see_other(login_url(&place(sealed))),
        NotReady::AppUnavailable => page_error(context, PageReason::ClientUnavailable),
        NotReady::NotServed(pending, app, why) => not_served(context, &pending, &app.name, why),
        NotReady::Unavailable => page_unavailable(context, &with_params(router::CONSENT, &[("request_id", sealed)])),
    }
}

/// A page for those whom the app does not serve, with the way back to it.
fn not_served<S>(context: &Context<'_, S>, pending: &PendingRequest, app_name: &str, why: NotServed) -> Reply {
    let words = context.words();
    context.log.usage().refused(&not_for_them(why));
    let (heading, explanation) = match why {
        NotServed::Unavailable => return page_error(context, PageReason::ClientUnavailable),
        NotServed::NotATester => (words.consent_being_tested, words.consent_being_tested_explanation),
        NotServed::Full => (words.consent_full, words.consent_full_explanation),
        NotServed::Blocked => (words.consent_blocked, words.consent_blocked_explanation),
    };
    let sealed = seal_pending(context, pending).unwrap_or_default();
    let here = place(&sealed);
    let page = NotServedPage {
        look: context.look(),
        heading,
        explanation,
        app_name: DisplayName::new(app_name, words.app_unnamed),
        way_back: &refused_url(context, pending, why),
        destination: pending.request.redirect_uri.destination(),
        switch_account: &other_account_url(&here),
        request_id: context.log.request_id(),
    };
    pages::render(403, &page)
}

/// What the app is told of somebody it does not serve.
fn refused_url<S>(context: &Context<'_, S>, pending: &PendingRequest, why: NotServed) -> String {
    let request = &pending.request;
    error_url(
        context,
        &request.redirect_uri,
        &not_for_them(why),
        request.state.as_deref(),
    )
}

fn not_for_them(why: NotServed) -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, why.for_developers())
}

/// Shows the page; `sent` is what the user had ticked when it comes back to them.
fn show<S>(context: &Context<'_, S>, ready: &Ready, sealed_pending: &str, sent: Option<&Scopes>) -> Reply {
    let Some(sealed) = ready.decidable(context).seal(context) else {
        return page_error(context, PageReason::Unreadable);
    };
    let here = place(sealed_pending);
    let request = &ready.pending.request;
    let offer = Offer::new(&ready.app, request, &ready.consents, sent);
    let unnamed = context.words().app_unnamed;
    let app_name = DisplayName::new(&ready.app.name, unnamed);
    let page = ConsentPage {
        look: context.look(),
        emblem: Emblem::new(ready.app.logo.as_deref(), &app_name),
        app_name,
        developer_name: DisplayName::new(
            &ready.app.developer.name,
            context.words().connected_apps_unknown_developer,
        ),
        destination: request.redirect_uri.destination(),
        user: &ready.signed_in.user,
        standing: ready.app.standing(),
        asked: permissions(&offer, context.language, true),
        already: permissions(&offer, context.language, false),
        may_leave_out: !request.optional.is_empty(),
        unused_days: context.config.unused_consents.map(UnusedLifetime::days),
        nothing_chosen: sent.is_some(),
        request: &sealed,
        switch_account: &other_account_url(&here),
    };
    pages::render(if sent.is_some() { 400 } else { 200 }, &page).form_may_lead_to_an_app()
}

/// What is new to the user, or what is not.
fn permissions<'a>(offer: &Offer<'a>, language: Language, is_new: bool) -> Vec<PermissionGroup<'a>> {
    let permission = |permission: &choice::Permission<'a>| Permission {
        scope: &permission.scope.name,
        description: permission.scope.described_in(language),
        sensitive: permission.scope.sensitive,
        new: offer.state == OfferState::More && permission.is_new,
        optional: permission.is_optional,
        ticked: permission.is_ticked,
    };
    let group = |(api, permissions): &(&'a ApiAccess, Vec<choice::Permission<'a>>)| {
        let of_this_kind = permissions.iter().filter(|permission| permission.is_new == is_new);
        PermissionGroup {
            api: &api.name,
            permissions: of_this_kind.map(permission).collect(),
        }
    };
    let groups = offer.apis.iter().map(group);
    groups.filter(|group| !group.permissions.is_empty()).collect()
}

/// In the language that the app asks for, if the request can be read.
fn speaking_of<'a, S>(context: &Context<'a, S>, request: &Request, sealed: &str) -> Context<'a, S> {
    let pending = PendingRequest::open(context, sealed);
    let asked = pending
        .as_ref()
        .and_then(|pending| pending.request.ui_locales.as_deref());
    context.speaking_to(request, asked)
}

fn expired<S>(context: &Context<'_, S>) -> Reply {
    let words = context.words();
    message(context, 400, words.consent_expired, words.consent_expired_explanation)
}

fn already_decided<S>(context: &Context<'_, S>) -> Reply {
    let words = context.words();
    message(context, 409, words.consent_decided, words.consent_decided_explanation)
}
