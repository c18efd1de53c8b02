//! `POST /oauth/consent`: Allow or Deny, decided once.

use std::time::Duration;

use futures_util::future::join;

use super::{ConsentPlace, DecidableRequest, expired};
use crate::context::Context;
use crate::crypto::keys::Purpose;
use crate::crypto::{self, base64url, seal};
use crate::endpoints::guard::{origin_is_not_foreign, session_hash};
use crate::endpoints::{authorization_error, message, page_unavailable, redirect_to_app};
use crate::http::{Reply, Request};
use crate::oauth::authorization_code::{AuthorizationCode, CODE_LIFETIME, CodePayload};
use crate::oauth::error::{AuthorizationError, ErrorCode, OAuthError};
use crate::pages::Retry;
use crate::random;
use crate::router;
use crate::store::{Approval, Decided, Decision, DecisionState, StoreError, Stores};

/// How long a second click gets the redirect of the first.
const SAME_ANSWER: Duration = Duration::from_secs(5);

/// Takes the user's decision and sends them back to the app.
pub async fn decision<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let form = request.form().unwrap_or_default();
    let one = |name| form.one(name).ok().flatten();
    let (Some(sealed), Some(approved)) = (one("request"), one("decision").and_then(parse_decision)) else {
        return message(
            context,
            400,
            context.words().consent_unreadable,
            context.words().consent_unreadable_explanation,
        );
    };
    let keys = &context.config.sealing_keys;
    let decidable: Option<DecidableRequest> = seal::open(keys, Purpose::DecidableRequest, sealed);
    let Some(decidable) = decidable.filter(|decidable| decidable.expires_at > context.now) else {
        return expired(context);
    };
    let context = &context.speaking_to(request, decidable.request.ui_locales.as_deref());
    let words = context.words();
    let same_session = session_hash(request)
        .is_some_and(|session| crypto::equal_in_constant_time(session.as_bytes(), decidable.session.as_bytes()));
    if !same_session || !origin_is_not_foreign(context, request) {
        return message(
            context,
            403,
            words.consent_not_our_page,
            words.consent_not_our_page_explanation,
        );
    }
    let mut attempt = Attempt::of(context, &decidable);
    match attempt.decide(context, &decidable, approved).await {
        Ok(DecisionState::Decided(decided)) => answer(context, &decidable, &attempt, &decided),
        Ok(_) => message(context, 400, words.consent_not_now, words.consent_not_now_explanation),
        Err(_) => try_again(context, decidable, attempt, if approved { "allow" } else { "deny" }),
    }
}

fn parse_decision(value: &str) -> Option<bool> {
    match value {
        "allow" => Some(true),
        "deny" => Some(false),
        _ => None,
    }
}

/// A click, or its repetition after its outcome remained unknown.
struct Attempt {
    id: String,
    consent: ConsentPlace,
    /// Whether it may have been written before: then KV holds the code already, or does without.
    repeated: bool,
}

impl Attempt {
    fn of<S>(context: &Context<'_, S>, decidable: &DecidableRequest) -> Self {
        let consent = decidable.consent.clone();
        match &decidable.attempt {
            Some(id) => Self {
                id: id.clone(),
                consent,
                repeated: true,
            },
            None => Self::new(context, consent),
        }
    }

    fn new<S>(context: &Context<'_, S>, consent: ConsentPlace) -> Self {
        Self {
            id: base64url(random::bytes::<16>(context.random)),
            consent,
            repeated: false,
        }
    }

    /// Decides. The consent the page was shown with may have been joined by another or revoked since. The user
    /// agreed to what the page said either way, so the decision moves to where it belongs now. Once: whoever
    /// changes consents faster than that is no person.
    async fn decide<S: Stores>(
        &mut self,
        context: &Context<'_, S>,
        decidable: &DecidableRequest,
        approved: bool,
    ) -> Result<DecisionState, StoreError> {
        let consent = match self.write(context, decidable, approved).await? {
            DecisionState::ConsentChanged(active) => ConsentPlace::of_active(&active),
            DecisionState::ConsentRevoked => ConsentPlace::new(context),
            state => return Ok(state),
        };
        *self = Self::new(context, consent);
        self.write(context, decidable, approved).await
    }

    /// D1 and KV side by side. D1 decides; what KV holds is under a hash nobody learns unless this attempt
    /// wins. A failed KV write is no error, because the copy in D1 serves a miss.
    async fn write<S: Stores>(
        &self,
        context: &Context<'_, S>,
        decidable: &DecidableRequest,
        approved: bool,
    ) -> Result<DecisionState, StoreError> {
        let decision = Decision {
            request_id: decidable.id.clone(),
            attempt: self.id.clone(),
            session: decidable.session.clone(),
            user_id: decidable.user_id.clone(),
            client_id: decidable.request.client_id.clone(),
            app_epoch: decidable.request.app_epoch,
            redirect_uri: decidable.request.redirect_uri.registered().to_owned(),
            approval: if approved {
                Some(self.approval(context, decidable)?)
            } else {
                None
            },
        };
        let in_kv = async {
            if let Some(approval) = decision.approval.as_ref().filter(|_| !self.repeated) {
                let _ = context.stores.put_code(&approval.code_hash, &approval.payload).await;
            }
        };
        let in_d1 = async {
            match context.stores.decide(&decision, context.now).await {
                // Nobody knows whether it was written: ask again with the same attempt.
                Err(_) => context.stores.decide(&decision, context.now).await,
                decided => decided,
            }
        };
        join(in_d1, in_kv).await.0
    }

    fn approval<S>(&self, context: &Context<'_, S>, decidable: &DecidableRequest) -> Result<Approval, StoreError> {
        let request = &decidable.request;
        let keys = &context.config.sealing_keys;
        let code =
            AuthorizationCode::derive(keys, self.consent.shard, &decidable.id, &self.id).ok_or_else(|| StoreError {
                part: "keys",
                detail: "a code cannot be derived".into(),
            })?;
        Ok(Approval {
            consent_id: self.consent.id.clone(),
            shard: self.consent.shard,
            code_hash: code.hash(),
            payload: CodePayload {
                client_id: request.client_id.clone(),
                app_epoch: request.app_epoch,
                user_id: decidable.user_id.clone(),
                consent_id: self.consent.id.clone(),
                redirect_uri: request.redirect_uri.clone(),
                scopes: request.scopes.clone(),
                resources: request.resources.clone(),
                code_challenge: request.code_challenge.clone(),
                dpop_jkt: request.dpop_jkt.clone(),
                auth_time: decidable.auth_time,
                expires_at: context.now + CODE_LIFETIME,
            },
        })
    }
}

/// The redirect of whoever decided first. Soon after, a second click gets the same; later it gets a page,
/// because the code has been used by then. A repetition of the attempt that won gets it while the code lives.
fn answer<S>(context: &Context<'_, S>, decidable: &DecidableRequest, attempt: &Attempt, decided: &Decided) -> Reply {
    let request = &decidable.request;
    let answered_within = if decided.attempt == attempt.id {
        CODE_LIFETIME
    } else {
        SAME_ANSWER
    };
    if decided.user_id != decidable.user_id || context.now - decided.at > answered_within {
        return message(
            context,
            409,
            context.words().consent_decided,
            context.words().consent_decided_explanation,
        );
    }
    let Some(shard) = decided.shard else {
        let error = OAuthError::new(ErrorCode::AccessDenied, "the user said no");
        let (to, state) = (request.redirect_uri.clone(), request.state.clone());
        return authorization_error(context, &AuthorizationError::Redirect { to, error, state });
    };
    let keys = &context.config.sealing_keys;
    let Some(code) = AuthorizationCode::derive(keys, shard, &decidable.id, &decided.attempt) else {
        return expired(context);
    };
    let mut params = vec![("code", code.reveal())];
    params.extend(request.state.as_deref().map(|state| ("state", state)));
    redirect_to_app(context, &request.redirect_uri, params)
}

/// A page whose button repeats this very attempt, so that it gets the answer of what may have been written.
fn try_again<S>(context: &Context<'_, S>, decidable: DecidableRequest, attempt: Attempt, decision: &str) -> Reply {
    let again = DecidableRequest {
        attempt: Some(attempt.id),
        consent: attempt.consent,
        ..decidable
    };
    let keys = &context.config.sealing_keys;
    let Some(sealed) = seal::seal(keys, Purpose::DecidableRequest, context.random, &again) else {
        return expired(context);
    };
    let fields = [("request", sealed.as_str()), ("decision", decision)];
    page_unavailable(
        context,
        Retry {
            method: "post",
            action: router::CONSENT,
            fields: &fields,
        },
    )
    .form_may_lead_to_an_app()
}
