//! The request a user decides: read, checked against who asks it and what is registered now, and sealed for them.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::{self, base64url, seal};
use crate::endpoints::authorize::PendingRequest;
use crate::endpoints::browser::{BrowserNonce, session_hash};
use crate::http::Request;
use crate::ledger::shard::Shard;
use crate::oauth::authorization_request::AuthorizationRequest;
use crate::oauth::client::App;
use crate::oauth::redirect_uri::VerifiedRedirect;
use crate::oauth::standing::{NotServed, Standing};
use crate::random;
use crate::store::{ActiveConsent, AuthorizationView, SignedIn, Stores};
use crate::time::Timestamp;

/// A request with everything that has to be known before its user may decide it.
pub struct Ready {
    pub pending: PendingRequest,
    pub app: Rc<App>,
    pub signed_in: SignedIn,
    /// The user's active consents for the app: one for each install.
    pub consents: Vec<ActiveConsent>,
}

/// Why a request cannot be decided here and now.
pub enum NotReady {
    /// It is none of ours, or its time is over.
    Expired,
    /// It began in another browser.
    OtherBrowser,
    /// Nobody is signed in, or not as the request wants it.
    SignInFirst,
    /// The app may not be used any more, or not with this redirect URI.
    AppUnavailable,
    /// The app does not serve this user.
    NotServed(Box<PendingRequest>, Rc<App>, NotServed),
    /// Storage did not answer.
    Unavailable,
}

/// A request that one user in one session may decide: the pending request, sealed anew after sign-in. Only
/// the page that was shown to them holds it, which protects the decision against forged requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidableRequest {
    pub pending: PendingRequest,
    pub session: String,
    pub user_id: String,
    pub auth_time: Timestamp,
    pub consent: ConsentPlace,
    /// The attempt to repeat, on a page that asks to try again.
    pub attempt: Option<String>,
}

/// The consent a yes adds to: the active one, or a new one with its shard chosen for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentPlace {
    pub id: String,
    pub shard: Shard,
    /// The install it is for. A site on the web has one connection only. A program on the user's own device is one
    /// install for each key it has; one without a key cannot be told from any other, so it is a new one every time.
    pub instance: String,
}

impl Ready {
    /// Reads a request and checks that whoever sends it may decide it.
    pub async fn read<S: Stores>(context: &Context<'_, S>, request: &Request, sealed: &str) -> Result<Self, NotReady> {
        let pending = PendingRequest::open(context, sealed).ok_or(NotReady::Expired)?;
        if BrowserNonce::existing(request) != Some(pending.browser.as_str()) {
            return Err(NotReady::OtherBrowser);
        }
        let session = session_hash(request);
        let view = context
            .stores
            .authorization_view(session.as_deref(), &pending.request.client_id, context.now)
            .await;
        let view = view.map_err(|_| NotReady::Unavailable)?;
        if let Some(app) = &view.app {
            context.log.app(app);
        }
        Self::check(pending, view, context.config.unverified_app_users)
    }

    /// Checks what was read about the app and the user.
    pub fn check(
        pending: PendingRequest,
        view: AuthorizationView,
        unverified_app_users: u32,
    ) -> Result<Self, NotReady> {
        let app = view.app.filter(|app| is_current(app, &pending.request));
        let app = app.ok_or(NotReady::AppUnavailable)?;
        let signed_in = view
            .signed_in
            .filter(|signed_in| pending.may_be_decided_by(Some(signed_in)))
            .ok_or(NotReady::SignInFirst)?;
        match app.standing().serves(view.acquaintance, unverified_app_users) {
            Ok(()) => Ok(Self {
                pending,
                app,
                signed_in,
                consents: view.consents,
            }),
            Err(why) => Err(NotReady::NotServed(Box::new(pending), app, why)),
        }
    }

    /// The same as the one thing its user can decide.
    pub fn decidable<S>(&self, context: &Context<'_, S>) -> DecidableRequest {
        DecidableRequest {
            pending: self.pending.clone(),
            session: self.signed_in.session.clone(),
            user_id: self.signed_in.user.id.clone(),
            auth_time: self.signed_in.auth_time,
            consent: ConsentPlace::find(context, &self.pending.request, &self.consents),
            attempt: None,
        }
    }
}

fn is_current(app: &App, request: &AuthorizationRequest) -> bool {
    let registered = VerifiedRedirect::find(request.redirect_uri.as_str(), &app.redirect_uris).is_some();
    registered && app.standing() != Standing::Unavailable && app.epoch == request.app_epoch
}

impl DecidableRequest {
    /// Seals it for the page.
    pub fn seal<S>(&self, context: &Context<'_, S>) -> Option<String> {
        let keys = &context.config.sealing_keys;
        seal::seal(keys, Purpose::DecidableRequest, context.random, self)
    }

    /// Reads what a page sent back. `None`: not one of ours, or too late.
    pub fn open<S>(context: &Context<'_, S>, sealed: &str) -> Option<Self> {
        let keys = &context.config.sealing_keys;
        let decidable: Option<Self> = seal::open(keys, Purpose::DecidableRequest, sealed);
        decidable.filter(|decidable| decidable.pending.expires_at > context.now)
    }

    /// Whether it comes from the browser and the session it was shown in.
    pub fn is_shown_to(&self, request: &Request) -> bool {
        let same_session = session_hash(request)
            .is_some_and(|session| crypto::equal_in_constant_time(session.as_bytes(), self.session.as_bytes()));
        same_session && BrowserNonce::existing(request) == Some(self.pending.browser.as_str())
    }
}

impl ConsentPlace {
    fn find<S>(context: &Context<'_, S>, request: &AuthorizationRequest, consents: &[ActiveConsent]) -> Self {
        let instance = match (request.redirect_uri.leads_to_a_site(), &request.dpop_jkt) {
            (true, _) => String::new(),
            (false, Some(thumbprint)) => thumbprint.clone(),
            (false, None) => base64url(random::bytes::<16>(context.random)),
        };
        let mut consents = consents.iter();
        match consents.find(|consent| consent.instance == instance) {
            Some(active) => Self::of_active(active),
            None => Self::new(context, instance),
        }
    }

    /// The place of a consent in force.
    pub fn of_active(consent: &ActiveConsent) -> Self {
        Self {
            id: consent.id.clone(),
            shard: consent.shard,
            instance: consent.instance.clone(),
        }
    }

    /// A new place for this install.
    pub fn new<S>(context: &Context<'_, S>, instance: String) -> Self {
        Self {
            id: random::identifier(context.random, "cns_"),
            shard: Shard::near(context.continent, context.random),
            instance,
        }
    }
}
