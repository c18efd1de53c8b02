//! `/login` and `/logout`. Latchkey keeps no passwords; the development sign-in believes any known name.

use std::time::Duration;

use super::guard::{BrowserNonce, csrf_token, form_is_ours, login_url, safe_continuation, session_hash, signed_in};
use super::limits::{may_sign_in, wait_on_page};
use super::{message, page_unavailable};
use crate::config::is_loopback_host;
use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::{base64url, seal};
use crate::endpoints::authorize::PendingRequest;
use crate::http::{Device, Reply, Request, SESSION_COOKIE, clear_cookie, set_cookie};
use crate::oauth::secret::Secret;
use crate::pages::{self, LoginPage, LogoutPage, MessagePage, Retry};
use crate::random;
use crate::router;
use crate::store::{NewSession, StoreError, Stores};

/// How long a session lives.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The sign-in page.
pub fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    if !development_sign_in(context, request) {
        return no_connection(context);
    }
    let target = continuation(context, request);
    let pending = pending(context, request, &target);
    let context = &in_language_of(context, request, pending.as_ref());
    let expected_user = pending.and_then(|pending| pending.request.login_hint);
    form(context, request, &target, &expected_user.unwrap_or_default(), false)
}

/// Signs in under a user name and goes on.
pub async fn sign_in<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    if !development_sign_in(context, request) {
        return no_connection(context);
    }
    let target = continuation(context, request);
    let context = &in_language_of(context, request, pending(context, request, &target).as_ref());
    if !may_sign_in(context, request).await {
        return too_many_attempts(context, &target);
    }
    let fields = request.form().unwrap_or_default();
    let one = |name| fields.one(name).ok().flatten();
    let ours = BrowserNonce::existing(request)
        .is_some_and(|nonce| form_is_ours(context, request, router::LOGIN, nonce, one("csrf")));
    if !ours {
        return not_ours(context, router::LOGIN, &[("continue", &target)]);
    }
    let username = one("username").unwrap_or_default().trim();
    match begin_session(context, request, username).await {
        Ok(Some(token)) => Reply::see_other(target).cookie(set_cookie(
            SESSION_COOKIE,
            token.reveal(),
            Some(SESSION_LIFETIME.as_secs()),
        )),
        Ok(None) => form(context, request, &target, username, true),
        Err(_) => {
            let retry = Retry {
                method: "get",
                action: router::LOGIN,
                fields: &[("continue", &target)],
            };
            page_unavailable(context, retry)
        }
    }
}

/// Asks whether to sign out.
pub async fn sign_out_page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    match signed_in(context, request).await {
        Ok(Some(signed_in)) => {
            let csrf = csrf_token(context, router::LOGOUT, &signed_in.session);
            pages::render(
                200,
                &LogoutPage {
                    look: context.look(),
                    user: &signed_in.user,
                    csrf: &csrf,
                },
            )
        }
        Ok(None) => Reply::see_other(router::LOGIN),
        Err(_) => unavailable(context),
    }
}

/// Signs out. What apps were given stays.
pub async fn sign_out<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let Some(session) = session_hash(request) else {
        return Reply::see_other(router::LOGIN);
    };
    let fields = request.form().unwrap_or_default();
    if !form_is_ours(
        context,
        request,
        router::LOGOUT,
        &session,
        fields.one("csrf").ok().flatten(),
    ) {
        return not_ours(context, router::LOGOUT, &[]);
    }
    match context.stores.end_session(&session).await {
        Ok(()) => Reply::see_other(router::LOGIN).cookie(clear_cookie(SESSION_COOKIE)),
        Err(_) => unavailable(context),
    }
}

/// Only on this machine, whatever the configuration says of the issuer.
fn development_sign_in<S>(context: &Context<'_, S>, request: &Request) -> bool {
    context.config.development_sign_in && is_loopback_host(&request.host)
}

/// Writes a session with a new token in place of the browser's old one, so that nobody can plant one.
async fn begin_session<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    username: &str,
) -> Result<Option<Secret>, StoreError> {
    if username.is_empty() || username.len() > 64 {
        return Ok(None);
    }
    let Some(user) = context.stores.user_by_username(username).await? else {
        return Ok(None);
    };
    let token = Secret::new(base64url(random::bytes::<32>(context.random)));
    let session = NewSession {
        token_hash: token.hash(),
        id: random::identifier(context.random, "ses_"),
        user_id: user.id,
        connection_id: None,
        device: request.device().map(Device::code),
        auth_time: context.now,
        created_at: context.now,
        expires_at: context.now + SESSION_LIFETIME,
    };
    context
        .stores
        .begin_session(&session, session_hash(request).as_deref())
        .await?;
    Ok(Some(token))
}

fn form<S>(context: &Context<'_, S>, request: &Request, target: &str, username: &str, unknown_user: bool) -> Reply {
    let browser = BrowserNonce::of(context, request);
    let page = LoginPage {
        look: context.look(),
        csrf: &csrf_token(context, router::LOGIN, browser.as_str()),
        action: &login_url(target),
        username,
        unknown_user,
    };
    // After sign-in the browser is redirected within this server only.
    browser.set_on(pages::render(if unknown_user { 400 } else { 200 }, &page))
}

fn continuation<S>(context: &Context<'_, S>, request: &Request) -> String {
    let params = request.query_params_up_to(seal::MAX_SEALED * 2).unwrap_or_default();
    let target = params.one("continue").ok().flatten();
    target
        .and_then(|target| safe_continuation(context, target))
        .unwrap_or(router::ACCOUNT_APPS)
        .to_owned()
}

/// The request that this browser is on the way to decide.
fn pending<S>(context: &Context<'_, S>, request: &Request, target: &str) -> Option<PendingRequest> {
    let sealed = target
        .strip_prefix(router::CONSENT)
        .and_then(|rest| rest.strip_prefix("?request_id="));
    let pending: Option<PendingRequest> =
        sealed.and_then(|sealed| seal::open(&context.config.sealing_keys, Purpose::PendingRequest, sealed));
    let mine = |pending: &PendingRequest| {
        pending.expires_at > context.now && BrowserNonce::existing(request) == Some(pending.browser.as_str())
    };
    pending.filter(mine)
}

/// The language the app asked for.
fn in_language_of<'c, S>(
    context: &Context<'c, S>,
    request: &Request,
    pending: Option<&PendingRequest>,
) -> Context<'c, S> {
    context.speaking_to(
        request,
        pending.and_then(|pending| pending.request.ui_locales.as_deref()),
    )
}

fn not_ours<S>(context: &Context<'_, S>, action: &str, fields: &[(&str, &str)]) -> Reply {
    let page = MessagePage {
        look: context.look(),
        heading: context.words().sign_in_expired,
        explanation: context.words().sign_in_expired_explanation,
        for_developers: None,
        retry: Some(Retry {
            method: "get",
            action,
            fields,
        }),
        request_id: context.log.request_id(),
    };
    pages::render(403, &page)
}

fn too_many_attempts<S>(context: &Context<'_, S>, target: &str) -> Reply {
    let page = MessagePage {
        look: context.look(),
        heading: context.words().sign_in_too_many,
        explanation: context.words().sign_in_too_many_explanation,
        for_developers: None,
        retry: Some(Retry {
            method: "get",
            action: router::LOGIN,
            fields: &[("continue", target)],
        }),
        request_id: context.log.request_id(),
    };
    wait_on_page(pages::render(429, &page))
}

fn no_connection<S>(context: &Context<'_, S>) -> Reply {
    message(
        context,
        503,
        context.words().sign_in_nobody,
        context.words().sign_in_nobody_explanation,
    )
}

fn unavailable<S>(context: &Context<'_, S>) -> Reply {
    page_unavailable(
        context,
        Retry {
            method: "get",
            action: router::LOGOUT,
            fields: &[],
        },
    )
}
