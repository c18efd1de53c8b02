//! How the outcome of a check is told: to whoever called, and to the API behind.

use serde_json::Value;

use super::check::{About, Refused};
use crate::context::Context;
use crate::endpoints::{access_token, problem};
use crate::guard::identity::Identity;
use crate::guard::judge::Allowed;
use crate::guard::refusal::{Challenged, Refusal};
use crate::http::Reply;
use crate::oauth::resource_metadata;
use crate::store::{NamedKey, StoreError, Stores};

/// The answer to a call that may not go on: a problem document and a challenge (RFC 6750 §3).
pub fn refusal<S>(context: &Context<'_, S>, refused: &Refused) -> Reply {
    let Refused {
        about,
        refusal,
        by_dpop,
        ..
    } = refused;
    let more: Vec<(&str, Value)> = match refusal {
        Refusal::Token(why) => vec![("reason", why.reason().into())],
        Refusal::Scope => vec![("scope", about.needed.to_string().into())],
        _ => Vec::new(),
    };
    let (status, code) = (refusal.status(), refusal.code());
    let mut reply = problem::document(context.config, context.log, status, code, refusal.description(), more);
    let metadata = resource_metadata::address(&context.config.issuer, &about.api.resource);
    let challenge = refusal.challenge(Challenged {
        resource_metadata: &metadata,
        scopes: &about.needed,
        by_dpop: *by_dpop,
    });
    if let Some(challenge) = challenge {
        reply = reply.header("WWW-Authenticate", challenge);
    }
    reply = match refusal {
        Refusal::Method(allow) => reply.header("Allow", allow),
        Refusal::TooMany(seconds) => reply.header("Retry-After", seconds.to_string()),
        _ => reply,
    };
    with_headers(reply, about)
}

/// Adds the header fields that any answer to this call has.
pub fn with_headers(reply: Reply, about: &About) -> Reply {
    let headers = about.headers.iter();
    headers.fold(reply, |reply, (name, value)| reply.header(name, value.clone()))
}

/// For whom a call is, as header fields for the API. Times are in seconds. Of a call that anybody may make there are none.
pub async fn identity<S: Stores>(
    context: &Context<'_, S>,
    about: &About,
    allowed: Option<&Allowed>,
) -> Result<Vec<(&'static str, String)>, StoreError> {
    let Some(allowed) = allowed else {
        return Ok(Vec::new());
    };
    let jwt = signed(context, about, allowed).await?;
    let always = [
        ("Latchkey-Client-Id", allowed.client_id.clone()),
        ("Latchkey-Scopes", allowed.scopes.to_string()),
        ("Latchkey-Token-Type", allowed.token_type.to_owned()),
        ("Latchkey-Issued-At", allowed.issued_at.as_seconds().to_string()),
        ("Latchkey-Expires-At", allowed.expires_at.as_seconds().to_string()),
        ("Latchkey-Identity", jwt),
    ];
    let of_user = [
        ("Latchkey-User-Id", &allowed.user_id),
        ("Latchkey-Consent-Id", &allowed.consent_id),
    ];
    let of_user = of_user
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)));
    Ok(always.into_iter().chain(of_user).collect())
}

async fn signed<S: Stores>(context: &Context<'_, S>, about: &About, allowed: &Allowed) -> Result<String, StoreError> {
    let identity = Identity::of(allowed, context.config.issuer.as_str(), &about.api.resource);
    let known = context.stores.known_identities();
    if let Some(jwt) = known.get(&identity, context.now) {
        return Ok(jwt);
    }
    let keys = context.stores.signing_keys().await?;
    let NamedKey { kid, key } = &keys.es256;
    let jwt = access_token::sign(context, key, identity.signing_input(kid, context.now)).await?;
    known.put(identity, jwt.clone(), context.now);
    Ok(jwt)
}
