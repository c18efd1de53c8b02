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
    let platform = &context.config.platform_name;
    let form = request.form().unwrap_or_default();
    let one = |name| form.one(name).ok().flatten();
    let (Some(sealed), Some(approved)) = (one("request"), one("decision").and_then(parse_decision)) else {
        return message(
            platform,
            400,
            "We could not read your decision",
            "Go back to the app and connect again.",
        );
    };
    let keys = &context.config.sealing_keys;
    let decidable: Option<DecidableRequest> = seal::open(keys, Purpose::DecidableRequest, sealed);
    let Some(decidable) = decidable.filter(|decidable| decidable.expires_at > context.now) else {
        return expired(platform);
    };
    let same_session = session_hash(request)
        .is_some_and(|session| crypto::equal_in_constant_time(session.as_bytes(), decidable.session.as_bytes()));
    if !same_session || !origin_is_not_foreign(context, request) {
        return message(
            platform,
            403,
            "This decision was not made on our page",
            "You may have signed in as somebody else meanwhile. Nothing was shared. Go back to the app and connect again.",
        );
    }
    match decide(context, &decidable, approved).await {
        Ok(DecisionState::Decided(decided)) => answer(context, &decidable, &decided),
        Ok(_) => message(
            platform,
            400,
            "This app cannot be connected now",
            "It was changed or switched off, or you were signed out, while the page was open. Nothing was shared.",
        ),
        Err(_) => {
            let decision = if approved { "allow" } else { "deny" };
            let fields = [("request", sealed), ("decision", decision)];
            let source = decidable.request.redirect_uri.csp_source();
            page_unavailable(
                platform,
                Retry {
                    method: "post",
                    action: router::CONSENT,
                    fields: &fields,
                },
            )
            .allow_form_redirect_to(source.as_deref())
        }
    }
}

fn parse_decision(value: &str) -> Option<bool> {
    match value {
        "allow" => Some(true),
        "deny" => Some(false),
        _ => None,
    }
}

async fn decide<S: Stores>(
    context: &Context<'_, S>,
    decidable: &DecidableRequest,
    approved: bool,
) -> Result<DecisionState, StoreError> {
    let mut place = decidable.consent.clone();
    let mut state = attempt(context, decidable, &place, approved).await?;
    // The consent the page was shown with may have been joined by another or revoked since. The user agreed
    // to what the page said either way, so the decision moves to where it belongs now. Once: whoever changes
    // consents faster than that is no person.
    if let DecisionState::ConsentChanged(active) = &state {
        place = ConsentPlace::of_active(active);
        state = attempt(context, decidable, &place, approved).await?;
    } else if state == DecisionState::ConsentRevoked {
        place = ConsentPlace::new(context);
        state = attempt(context, decidable, &place, approved).await?;
    }
    Ok(state)
}

/// D1 and KV side by side. D1 decides; what KV holds is worth nothing unless D1 agreed, and a failed KV write
/// is no error, because the copy in D1 serves a miss.
async fn attempt<S: Stores>(
    context: &Context<'_, S>,
    decidable: &DecidableRequest,
    place: &ConsentPlace,
    approved: bool,
) -> Result<DecisionState, StoreError> {
    let approval = if approved {
        Some(approval(context, decidable, place)?)
    } else {
        None
    };
    let decision = Decision {
        request_id: decidable.id.clone(),
        attempt: base64url(random::bytes::<16>(context.random)),
        session: decidable.session.clone(),
        user_id: decidable.user_id.clone(),
        client_id: decidable.request.client_id.clone(),
        app_epoch: decidable.request.app_epoch,
        approval,
    };
    let in_kv = async {
        if let Some(approval) = &decision.approval {
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

fn approval<S>(
    context: &Context<'_, S>,
    decidable: &DecidableRequest,
    place: &ConsentPlace,
) -> Result<Approval, StoreError> {
    let request = &decidable.request;
    let code = derive_code(context, decidable, place).ok_or_else(|| StoreError {
        part: "keys",
        detail: "a code cannot be derived".into(),
    })?;
    Ok(Approval {
        consent_id: place.id.clone(),
        shard: place.shard,
        code_hash: code.hash(),
        payload: CodePayload {
            client_id: request.client_id.clone(),
            app_epoch: request.app_epoch,
            user_id: decidable.user_id.clone(),
            consent_id: place.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            scopes: request.scopes.clone(),
            resources: request.resources.clone(),
            code_challenge: request.code_challenge.clone(),
            auth_time: decidable.auth_time,
            expires_at: context.now + CODE_LIFETIME,
        },
    })
}

fn derive_code<S>(
    context: &Context<'_, S>,
    decidable: &DecidableRequest,
    place: &ConsentPlace,
) -> Option<AuthorizationCode> {
    AuthorizationCode::derive(&context.config.sealing_keys, place.shard, &decidable.id, &place.id)
}

/// The redirect of whoever decided first. Soon after, a second click gets the same; later it gets a page,
/// because the code has been used by then.
fn answer<S>(context: &Context<'_, S>, decidable: &DecidableRequest, decided: &Decided) -> Reply {
    let request = &decidable.request;
    if context.now - decided.at > SAME_ANSWER {
        return message(
            &context.config.platform_name,
            409,
            "You have already decided",
            "Go back to the app: it has your answer. If it does not, connect again from there.",
        );
    }
    if !decided.approved {
        let error = OAuthError::new(ErrorCode::AccessDenied, "the user said no");
        let (to, state) = (request.redirect_uri.clone(), request.state.clone());
        return authorization_error(context, &AuthorizationError::Redirect { to, error, state });
    }
    let place = decided.consent.as_ref().map(ConsentPlace::of_active);
    let Some(code) = place.and_then(|place| derive_code(context, decidable, &place)) else {
        return expired(&context.config.platform_name);
    };
    let mut params = vec![("code", code.reveal())];
    params.extend(request.state.as_deref().map(|state| ("state", state)));
    redirect_to_app(context, &request.redirect_uri, params)
}
