//! Who is asking, and from where: sessions, the browser's nonce, and protection against cross-site requests.

use url::Url;

use super::page_unavailable;
use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::{self, base64url};
use crate::http::{BROWSER_COOKIE, Reply, Request, SESSION_COOKIE, cookie, percent_encoded, set_cookie};
use crate::pages::{self, MessagePage, Retry};
use crate::random;
use crate::router;
use crate::store::{SignedIn, StoreError, Stores};

/// The hash of the session token a browser sent.
pub fn session_hash(request: &Request) -> Option<String> {
    cookie(request, SESSION_COOKIE).map(crypto::hash)
}

/// Who is signed in.
pub async fn signed_in<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Option<SignedIn>, StoreError> {
    match session_hash(request) {
        Some(hash) => context.stores.session(&hash, context.now).await,
        None => Ok(None),
    }
}

/// Who is signed in, on the pages of one's account. `Err`: the answer for everybody else, who come back to `here` once
/// they have signed in.
pub async fn require_user<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    here: &str,
) -> Result<SignedIn, Reply> {
    match signed_in(context, request).await {
        Ok(Some(user)) => Ok(user),
        // A form must not be sent on: where people sign in may be elsewhere, and `form-action` would stop it silently.
        Ok(None) if request.method == "POST" => Err(signed_out_meanwhile(context, here)),
        Ok(None) => Err(Reply::see_other(login_url(here))),
        Err(_) => Err(page_unavailable(context, here)),
    }
}

fn signed_out_meanwhile<S>(context: &Context<'_, S>, here: &str) -> Reply {
    let words = context.words();
    let page = MessagePage {
        look: context.look(),
        heading: words.sign_out_done,
        explanation: words.sign_out_meanwhile,
        for_developers: None,
        retry: Some(Retry::SignIn(&login_url(here))),
        request_id: context.log.request_id(),
    };
    pages::render(403, &page)
}

/// The nonce that ties what a browser does before sign-in to that browser. New ones are set by `set_on`.
pub struct BrowserNonce {
    value: String,
    new: bool,
}

impl BrowserNonce {
    /// As long as any nonce, and none.
    pub const PLACEHOLDER: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    /// The browser's nonce, or a new one.
    pub fn of<S>(context: &Context<'_, S>, request: &Request) -> Self {
        match Self::existing(request) {
            Some(value) => Self {
                value: value.to_owned(),
                new: false,
            },
            None => Self {
                value: base64url(random::bytes::<16>(context.random)),
                new: true,
            },
        }
    }

    /// The nonce the browser sent.
    pub fn existing(request: &Request) -> Option<&str> {
        cookie(request, BROWSER_COOKIE).filter(|value| value.len() == 22)
    }

    /// Its value.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// Hands a new nonce to the browser.
    pub fn set_on(&self, reply: Reply) -> Reply {
        if self.new {
            reply.cookie(set_cookie(BROWSER_COOKIE, &self.value, None))
        } else {
            reply
        }
    }
}

/// A token that only a page of ours can hold: bound to a purpose and to the browser's nonce or session.
pub fn csrf_token<S>(context: &Context<'_, S>, form: &str, bound_to: &str) -> String {
    let keys = &context.config.sealing_keys;
    let id = keys.current_id();
    let mac = keys
        .mac(id, Purpose::Csrf, &[form.as_bytes(), bound_to.as_bytes()])
        .unwrap_or_default();
    base64url([&[id], mac.as_slice()].concat())
}

/// Whether a form came from a page of ours: its token fits, and the browser names no other origin.
pub fn form_is_ours<S>(
    context: &Context<'_, S>,
    request: &Request,
    form: &str,
    bound_to: &str,
    token: Option<&str>,
) -> bool {
    let keys = &context.config.sealing_keys;
    let token_fits = token.and_then(crypto::from_base64url).is_some_and(|bytes| {
        bytes
            .split_first()
            .is_some_and(|(id, tag)| keys.mac_matches(*id, Purpose::Csrf, &[form.as_bytes(), bound_to.as_bytes()], tag))
    });
    token_fits && origin_is_not_foreign(context, request)
}

/// Browsers name the origin of every POST; other programs need not.
pub fn origin_is_not_foreign<S>(context: &Context<'_, S>, request: &Request) -> bool {
    request
        .header("origin")
        .is_none_or(|origin| origin == context.config.issuer.as_str())
}

/// Whether a script of our own pages sent this: required of JSON calls with a session.
pub fn origin_is_ours<S>(context: &Context<'_, S>, request: &Request) -> bool {
    request.header("origin") == Some(context.config.issuer.as_str())
}

/// A path on this server to go on at, in the letters it came in. Anything that leads elsewhere is `None` (no open
/// redirect): a path that begins with two slashes, or would once its dot segments are resolved, is a host to browsers.
pub fn safe_continuation<'t, S>(context: &Context<'_, S>, target: &'t str) -> Option<&'t str> {
    let issuer = Url::parse(context.config.issuer.as_str()).ok()?;
    let url = issuer.join(target).ok()?;
    let stays = url.path() == "/" || url.path_segments()?.all(|segment| !segment.is_empty());
    // Whatever the parser would read in another way than it is written is not worth the risk.
    let as_written = url.as_str().strip_prefix(issuer.as_str().trim_end_matches('/')) == Some(target);
    (stays && as_written && url.fragment().is_none()).then_some(target)
}

/// The sign-in page, and then on to `target`.
pub fn login_url(target: &str) -> String {
    format!("{}?continue={}", router::LOGIN, percent_encoded(target))
}

/// The same for somebody who wants to be another: they choose the account, also where there is one way in only.
pub fn other_account_url(target: &str) -> String {
    format!("{}&choose=account", login_url(target))
}
