//! `/login`. Latchkey keeps no passwords: people sign in elsewhere, by one of the connections the operator
//! has set up, and the development sign-in believes any known name.

mod callback;
mod pages;
pub mod provider;
mod session;
mod start;
mod ways;

pub use callback::callback;
pub use pages::not_ours;

use super::browser::{BrowserNonce, csrf_token, form_is_ours, login_url, other_account_url, safe_continuation};
use super::limits::may_sign_in;
use super::page_unavailable;
use crate::context::Context;
use crate::crypto::seal;
use crate::endpoints::authorize::PendingRequest;
use crate::http::{Reply, Request, percent_encoded};
use crate::pages::{DisplayName, LoginPage, Way, render};
use crate::router;
use crate::sign_in::attempt::waiting_request;
use crate::sign_in::connection::Connection;
use crate::sign_in::exchange::Asking;
use crate::store::{StoreError, Stores, User};
use crate::words::Language;
use pages::{no_connection, too_many_attempts};
use session::Proven;
use ways::{Ways, development_sign_in, last_used};

/// Somebody who wants to sign in, and then go on.
pub struct Arriving {
    /// The path to go on at.
    target: String,
    /// The request that this browser is on the way to decide.
    pending: Option<PendingRequest>,
    /// Whether they want to be somebody else.
    choose_account: bool,
    /// The connection they chose.
    connection: Option<String>,
    /// The language they are spoken to: the app may have asked for one.
    language: Language,
}

impl Arriving {
    fn read<S>(context: &Context<'_, S>, request: &Request) -> Self {
        let params = request.query_params_up_to(seal::MAX_SEALED * 2).unwrap_or_default();
        let one = |name| params.one(name).ok().flatten();
        let target = one("continue").and_then(|target| safe_continuation(context, target));
        Self {
            choose_account: one("choose") == Some("account"),
            connection: one("connection").map(str::to_owned),
            ..Self::at(context, request, target.unwrap_or(router::ACCOUNT_APPS).to_owned())
        }
    }

    fn at<S>(context: &Context<'_, S>, request: &Request, target: String) -> Self {
        let pending = waiting_request(&target).and_then(|(_, sealed)| PendingRequest::open(context, sealed));
        let browser = BrowserNonce::existing(request);
        let pending = pending.filter(|pending| browser == Some(pending.browser.as_str()));
        let app_asks = pending
            .as_ref()
            .and_then(|pending| pending.request.ui_locales.as_deref());
        Self {
            language: Language::of_page(request, app_asks),
            pending,
            target,
            choose_account: false,
            connection: None,
        }
    }

    /// The same context, in their language.
    fn spoken_to<'c, S>(&self, context: &Context<'c, S>) -> Context<'c, S> {
        Context {
            language: self.language,
            ..*context
        }
    }

    /// Whether an app waits: then only connections of the whole domain count.
    fn is_for_an_app(&self) -> bool {
        waiting_request(&self.target).is_some()
    }

    fn asking(&self) -> Asking<'_> {
        let asked = self.pending.as_ref().map(|pending| &pending.request);
        Asking {
            choose_account: self.choose_account,
            anew: asked.is_some_and(|asked| asked.prompt.login),
            login_hint: asked.and_then(|asked| asked.login_hint.as_deref()),
            ui_locales: Some(self.language.tag()),
        }
    }

    /// This page once more; by a connection, if one is named.
    fn link(&self, connection: Option<&str>) -> String {
        let link = match self.choose_account {
            true => other_account_url(&self.target),
            false => login_url(&self.target),
        };
        match connection {
            Some(connection) => format!("{link}&connection={}", percent_encoded(connection)),
            None => link,
        }
    }
}

/// The sign-in page; or straight on, where there is one way only or they chose theirs.
pub async fn page<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let arriving = Arriving::read(context, request);
    let context = &arriving.spoken_to(context);
    let Ok(ways) = Ways::offered(context, request, &arriving).await else {
        return unavailable_here(context, &arriving.target);
    };
    let chosen = arriving.connection.as_deref().and_then(|id| ways.named(id));
    match chosen.or_else(|| ways.only()) {
        Some(connection) => start::start(context, request, connection, &arriving).await,
        None if ways.is_empty() => no_connection(context),
        None => choice(context, request, &arriving, &ways, None),
    }
}

/// Signs in under a user name and goes on.
pub async fn sign_in<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    if !development_sign_in(context, request) {
        return no_connection(context);
    }
    let arriving = Arriving::read(context, request);
    let context = &arriving.spoken_to(context);
    let target = arriving.target.as_str();
    if !may_sign_in(context, request).await {
        return too_many_attempts(context, target);
    }
    let fields = request.form().unwrap_or_default();
    let one = |name| fields.one(name).ok().flatten();
    let ours = BrowserNonce::existing(request)
        .is_some_and(|nonce| form_is_ours(context, request, router::LOGIN, nonce, one("csrf")));
    if !ours {
        return not_ours(context, &login_url(target));
    }
    let username = one("username").unwrap_or_default().trim();
    match believed(context, request, username, target).await {
        Ok(Some(reply)) => reply,
        Ok(None) => match Ways::offered(context, request, &arriving).await {
            Ok(ways) => choice(context, request, &arriving, &ways, Some(username)),
            Err(_) => unavailable_here(context, target),
        },
        Err(_) => unavailable_here(context, target),
    }
}

/// The development sign-in. `None`: nobody has this name.
async fn believed<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    username: &str,
    target: &str,
) -> Result<Option<Reply>, StoreError> {
    if username.is_empty() || username.len() > 64 {
        return Ok(None);
    }
    let Some(user): Option<User> = context.stores.user_by_username(username).await? else {
        return Ok(None);
    };
    let proven = Proven {
        user: &user,
        connection_id: None,
        auth_time: context.now,
    };
    session::begin(context, request, proven, target).await.map(Some)
}

/// Lets people choose a way to sign in. `unknown`: the user name that nobody has.
fn choice<S>(
    context: &Context<'_, S>,
    request: &Request,
    arriving: &Arriving,
    ways: &Ways,
    unknown: Option<&str>,
) -> Reply {
    let browser = BrowserNonce::of(context, request);
    let last = last_used(request);
    let way = |connection: &Connection| Way {
        name: DisplayName::new(&connection.name, context.words().app_unnamed),
        link: arriving.link(Some(&connection.id)),
        was_last: Some(connection.id.as_str()) == last,
    };
    let expected = arriving
        .pending
        .as_ref()
        .and_then(|pending| pending.request.login_hint.as_deref());
    let page = LoginPage {
        look: context.look(),
        ways: ways.connections(last).into_iter().map(way).collect(),
        development: ways.development,
        csrf: &csrf_token(context, router::LOGIN, browser.as_str()),
        action: &arriving.link(None),
        username: unknown.or(expected).unwrap_or_default(),
        unknown_user: unknown.is_some(),
    };
    let status = if unknown.is_some() { 400 } else { 200 };
    // Somebody who agreed before goes from here straight to the app.
    browser.set_on(render(status, &page).form_may_lead_to_an_app())
}

/// Storage is out of reach: signing in may be tried once more.
fn unavailable_here<S>(context: &Context<'_, S>, target: &str) -> Reply {
    page_unavailable(context, &login_url(target))
}
