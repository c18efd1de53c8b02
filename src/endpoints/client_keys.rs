//! Whether a key of an app, or of an identity provider, made a signature, wherever it keeps its keys.

use std::rc::Rc;

use super::client_request::Failure;
use crate::context::Context;
use crate::json;
use crate::oauth::client_assertion::UnverifiedAssertion;
use crate::oauth::client_keys::{Again, Plan};
use crate::oauth::client_security::ClientSecurity;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::jwk::ClientKeys;
use crate::oauth::jws::SignedJwt;
use crate::store::Stores;
use crate::web::WebAddress;
use crate::web::public_address::PublicAddress;

/// Whether a key of the app made the signature of an assertion whose claims are good. Keys at an address of the app's are
/// asked for when they are not known, or when none of those known made it: the app may have changed them. When they
/// cannot be had, nobody knows.
pub async fn is_signed<S: Stores>(
    context: &Context<'_, S>,
    security: &ClientSecurity,
    assertion: &UnverifiedAssertion<'_>,
) -> Result<bool, Failure> {
    let Some(uri) = &security.jwks_uri else {
        return Ok(is_signed_by_one_of(context, &security.jwks, assertion.jwt()).await);
    };
    // It was good when it was registered; what may be asked does not depend on that.
    let address = PublicAddress::parse(uri, &context.config.issuer)
        .map_err(|error| unavailable(CLIENT, &format!("its address {error}")))?;
    is_signed_by_keys_at(context, address.address(), CLIENT, assertion.jwt()).await
}

/// What the keys of an app are called when they cannot be had.
const CLIENT: &str = "this client";

/// Whether a key at this address made the signature. `whose` they are, for the error.
pub async fn is_signed_by_keys_at<S: Stores>(
    context: &Context<'_, S>,
    address: &WebAddress,
    whose: &str,
    jwt: &SignedJwt<'_>,
) -> Result<bool, Failure> {
    let known = context.stores.known_client_keys();
    let (keys, just_asked) = match known.plan(address.as_str(), context.now) {
        Plan::Use(keys) => (keys, false),
        Plan::Ask(stale) => match (ask(context, address, whose).await, stale) {
            (Ok(keys), _) | (Err(_), Some(keys)) => (keys, true),
            (Err(failure), None) => return Err(failure),
        },
        Plan::Unavailable => return Err(unavailable(whose, "they could not be had a moment ago")),
    };
    let is_signed = is_signed_by_one_of(context, &keys, jwt).await;
    if is_signed || just_asked {
        return Ok(is_signed);
    }
    match known.again(address.as_str(), context.now) {
        Again::Ask => {
            let keys = ask(context, address, whose).await?;
            Ok(is_signed_by_one_of(context, &keys, jwt).await)
        }
        Again::BeingAsked => Err(unavailable(whose, "they are being asked for")),
        Again::No => Ok(false),
    }
}

async fn ask<S: Stores>(
    context: &Context<'_, S>,
    address: &WebAddress,
    whose: &str,
) -> Result<Rc<ClientKeys>, Failure> {
    let known = context.stores.known_client_keys();
    known.ask(address.as_str(), context.now);
    let answer = context.stores.get(address, None).await;
    let keys = match answer {
        Ok(answer) if answer.status == 200 => read(&answer.body),
        Ok(answer) => Err(format!("its jwks_uri answers with status {}", answer.status)),
        Err(error) => Err(format!("its jwks_uri {error}")),
    };
    let keys = keys.map(Rc::new);
    known.settle(address.as_str(), keys.as_ref().ok().cloned(), context.now);
    keys.map_err(|reason| unavailable(whose, &reason))
}

fn read(body: &[u8]) -> Result<ClientKeys, String> {
    let jwks = json::parse(body).map_err(|_| "its jwks_uri answers with something that is not JSON".to_owned())?;
    ClientKeys::parse(&jwks).map_err(|error| format!("its jwks_uri answers with a key set that {error}"))
}

/// 503, for the app's developer: nothing was consumed.
pub fn unavailable(whose: &str, reason: &str) -> Failure {
    Failure::Refused(OAuthError::new(
        ErrorCode::TemporarilyUnavailable,
        format!("the keys of {whose} cannot be had: {reason}"),
    ))
}

async fn is_signed_by_one_of<S: Stores>(context: &Context<'_, S>, keys: &ClientKeys, jwt: &SignedJwt<'_>) -> bool {
    for key in keys.candidates_for(jwt) {
        if context.stores.is_signed_by(key, jwt).await {
            return true;
        }
    }
    false
}
