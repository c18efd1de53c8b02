//! `GET /login/callback/{connection}`: somebody comes back from where they signed in.

use super::pages::{provider_unavailable, refused, too_many_attempts};
use super::provider::{self, Failure};
use super::session::{self, Proven};
use super::{Arriving, unavailable_here};
use crate::context::Context;
use crate::crypto::seal;
use crate::endpoints::browser::BrowserNonce;
use crate::endpoints::client_request::use_once;
use crate::endpoints::limits::may_sign_in;
use crate::endpoints::management::caller::origin;
use crate::endpoints::not_found;
use crate::http::{CONNECTION_COOKIE, Params, Reply, Request, set_cookie};
use crate::ledger::SingleUse;
use crate::ledger::shard::Shard;
use crate::management::session_events::{self, Noted};
use crate::random;
use crate::router;
use crate::sign_in::attempt::{Attempt, OpenAttempt};
use crate::sign_in::connection::{Connection, HandOff, Method};
use crate::sign_in::hand_off::{self, AssertionError, UnverifiedAssertion};
use crate::sign_in::identity::Identity;
use crate::sign_in::refusal::SignInRefusal;
use crate::store::{Arrival, Arrived, StoreError, Stores};

/// The longest answer that is read, in letters: `state` with a waiting request in it, and an assertion or a code.
const MAX_ANSWER: usize = 3 * seal::MAX_SEALED;
/// How long a browser remembers the connection it used: a year, in seconds.
const REMEMBERED: u64 = 365 * 24 * 3600;

/// Signs somebody in if the answer is believed, and goes on.
pub async fn callback<S: Stores>(context: &Context<'_, S>, request: &Request, connection_id: &str) -> Reply {
    let params = request.query_params_up_to(MAX_ANSWER).unwrap_or_default();
    let opened = open(context, request, connection_id, &params);
    // Known before anything is asked of storage: whatever goes wrong from here on, the way to the app is not lost.
    let target = match &opened {
        Ok(open) => open.target.clone(),
        Err(_) => router::ACCOUNT_APPS.to_owned(),
    };
    if !may_sign_in(context, request).await {
        return too_many_attempts(context, &target);
    }
    let Ok(connections) = context.stores.connections().await else {
        return unavailable_here(context, &target);
    };
    let Some(connection) = connections.iter().find(|one| one.id == connection_id) else {
        return not_found(context, request);
    };
    context.log.connection(&connection.id);
    let open = match opened.and_then(|open| still_serves(connection, open)) {
        Ok(open) => open,
        Err(refusal) => {
            note(context, request, connection, refusal).await;
            return refused(context, refusal, router::ACCOUNT_APPS);
        }
    };
    let context = &Arriving::at(context, request, open.target.clone()).spoken_to(context);
    match finish(context, request, connection, &params, &open).await {
        Ok(reply) => reply,
        Err(Ended::Refused(refusal)) => {
            note(context, request, connection, refusal).await;
            refused(context, refusal, &open.target)
        }
        Err(Ended::Provider) => provider_unavailable(context, &open.target),
        Err(Ended::Storage) => unavailable_here(context, &open.target),
    }
}

/// Enters a refusal in the audit trail, where it is one for it. Nothing is changed by a refusal, so that it could not be
/// entered changes nothing either: the log has it.
async fn note<S: Stores>(context: &Context<'_, S>, request: &Request, connection: &Connection, refusal: SignInRefusal) {
    let origin = origin(context, request);
    let noted = Noted {
        origin: &origin,
        at: context.now,
    };
    if let Some(entry) = session_events::refused_at(&connection.id, refusal, noted) {
        let _ = context.stores.transact(vec![entry]).await;
    }
}

/// Why it ended before anybody was signed in.
enum Ended {
    Refused(SignInRefusal),
    Provider,
    Storage,
}

impl<T: Into<SignInRefusal>> From<T> for Ended {
    fn from(refusal: T) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Provider => Self::Provider,
        }
    }
}

impl From<StoreError> for Ended {
    fn from(_: StoreError) -> Self {
        Self::Storage
    }
}

fn open<S>(
    context: &Context<'_, S>,
    request: &Request,
    connection_id: &str,
    params: &Params,
) -> Result<OpenAttempt, SignInRefusal> {
    let state = params.one("state").ok().flatten().ok_or(SignInRefusal::State)?;
    let browser = BrowserNonce::existing(request);
    let keys = &context.config.sealing_keys;
    Attempt::open(state, connection_id, browser, keys, context.now)
}

/// The connection may have ceased to serve apps while they were away.
fn still_serves(connection: &Connection, open: OpenAttempt) -> Result<OpenAttempt, SignInRefusal> {
    match open.attempt.is_for_an_app() && !connection.domain_level {
        true => Err(SignInRefusal::NotForApps),
        false => Ok(open),
    }
}

async fn finish<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    connection: &Connection,
    params: &Params,
    open: &OpenAttempt,
) -> Result<Reply, Ended> {
    let attempt = &open.attempt;
    let (identity, single_use, subject_is_user_id) = match &connection.method {
        Method::Oidc(oidc) => {
            let identity = provider::identity(context, connection, oidc, attempt, params).await?;
            (identity, attempt.single_use(context.random), false)
        }
        Method::HandOff(hand_off) => {
            let (identity, single_use) = asserted(context, connection, hand_off, attempt, params).await?;
            (identity, single_use, hand_off.subject_is_user_id)
        }
    };
    // A code is good for one use at its provider; that its provider sees to it is not relied on.
    if !use_once(context, Shard::of_name(&connection.id), single_use).await? {
        return Err(SignInRefusal::Replayed.into());
    }
    let new_username = random::identifier(context.random, "usr_");
    let origin = origin(context, request);
    let arrival = Arrival {
        identity: &identity,
        profile: &identity.profile(),
        connection_id: &connection.id,
        new_id: if subject_is_user_id {
            &identity.subject
        } else {
            &new_username
        },
        new_username: &new_username,
        noted: Noted {
            origin: &origin,
            at: context.now,
        },
    };
    let user = match context.stores.arrive(&arrival).await? {
        Arrived::User(user) => user,
        Arrived::Suspended => return Err(SignInRefusal::Suspended.into()),
        Arrived::IdTaken => return Err(SignInRefusal::IdTaken.into()),
    };
    let proven = Proven {
        user: &user,
        connection_id: Some(&connection.id),
        auth_time: identity.auth_time,
    };
    let reply = session::begin(context, request, proven, &open.target).await?;
    Ok(reply.cookie(set_cookie(CONNECTION_COOKIE, &connection.id, Some(REMEMBERED))))
}

/// Who has signed in, as the platform's own page says.
async fn asserted<S: Stores>(
    context: &Context<'_, S>,
    connection: &Connection,
    hand_off: &HandOff,
    attempt: &Attempt,
    params: &Params,
) -> Result<(Identity, SingleUse), SignInRefusal> {
    let one = |name| params.one(name).map_err(|_| SignInRefusal::NoAnswer);
    let assertion = match (one("error")?, one("assertion")?) {
        (Some("access_denied"), _) => return Err(SignInRefusal::Denied),
        (Some(_), _) => return Err(SignInRefusal::ProviderError),
        (None, Some(assertion)) => assertion,
        (None, None) => return Err(SignInRefusal::NoAnswer),
    };
    let expected = hand_off::Expected {
        issuer: &connection.issuer,
        audience: context.config.issuer.as_str(),
        nonce: &attempt.nonce,
        since: attempt.since,
    };
    let assertion = UnverifiedAssertion::check(assertion, expected, context.random, context.now);
    let assertion = assertion.map_err(|error| match error {
        AssertionError::NotFresh => SignInRefusal::NotFresh,
        error => error.into(),
    })?;
    let mut signature_is_good = false;
    for key in assertion.candidate_keys(hand_off) {
        signature_is_good = signature_is_good || context.stores.is_signed_by(key, assertion.jwt()).await;
    }
    Ok(assertion.accept(signature_is_good)?)
}
