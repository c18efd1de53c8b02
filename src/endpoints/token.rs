//! `POST /oauth/token` (OAuth 2.1 §3.2).

mod jwt_bearer;

use futures_util::future::{join, join3};
use serde::Serialize;

use super::access_token::{self, Grant};
use super::client_request::{Failure, ask_ledger, authenticate, prove, read_form, read_proof, use_proof, with_nonce};
use super::limits::Endpoint;
use super::management::caller::origin;
use crate::context::Context;
use crate::crypto::base64url;
use crate::http::{Params, Reply, Request};
use crate::ledger::family::EndReason;
use crate::ledger::{Operation, Outcome, Redeem, Redeemable, Refresh, Refusal};
use crate::oauth::access_token::{Audience, FamilyReference};
use crate::oauth::authorization_code::{AuthorizationCode, CodePayload, CodeRedemption, RedeemableCode};
use crate::oauth::authorization_request::MAX_SCOPE;
use crate::oauth::client::SubjectType;
use crate::oauth::client_authentication::{AuthenticatedClient, PresentedClient};
use crate::oauth::dpop::{self, ProvenKey};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::grant::narrow_resources;
use crate::oauth::refresh_token::{FamilyId, RefreshToken};
use crate::oauth::standing::{AppClass, Standing};
use crate::oauth::token_request::{Narrowing, TokenRequest};
use crate::random;
use crate::router;
use crate::store::{SigningKeys, StoreError, Stores};
use crate::usage::Issued;

/// A token response (OAuth 2.1 §3.2.3).
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    scope: String,
    /// For which APIs, where the client cannot know (ID-JAG §4.4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Audience>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Issues tokens.
pub async fn token<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let reply = match issue(context, request).await {
        Ok(response) => Reply::json(200, &response),
        Err(failure) => failure.reply(context),
    };
    with_nonce(context, request, reply)
}

async fn issue<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<TokenResponse, Failure> {
    let form = read_form(context, Endpoint::Token, request).await?;
    let proof = read_proof(context, request, router::TOKEN).await?;
    // Who asks is answered before what is asked, so the errors of the latter wait.
    match TokenRequest::parse(&form) {
        Ok(TokenRequest::AuthorizationCode(redemption)) => redeem(context, request, &form, redemption, proof).await,
        Ok(TokenRequest::RefreshToken {
            refresh_token,
            narrowing,
        }) => {
            let Some(token) = RefreshToken::parse(&context.config.sealing_keys, &refresh_token) else {
                authenticate(context, request, &form).await?;
                return Err(invalid_grant("the refresh token is not one of this server").into());
            };
            let (client, keys) = authenticate_and_fetch_keys(context, request, &form).await?;
            refresh(context, request, (&client, &keys), token, narrowing, proof).await
        }
        Ok(TokenRequest::ClientCredentials(narrowing)) => {
            let (client, keys) = authenticate_and_fetch_keys(context, request, &form).await?;
            client_credentials(context, &keys, &client, narrowing, proof).await
        }
        Ok(TokenRequest::JwtBearer { assertion, narrowing }) => {
            let (client, keys) = authenticate_and_fetch_keys(context, request, &form).await?;
            jwt_bearer::exchange(context, request, &keys, &client, &assertion, narrowing, proof).await
        }
        Err(error) => {
            authenticate(context, request, &form).await?;
            Err(error.into())
        }
    }
}

/// Side by side, and the keys before the authentication is finished, because that may consume an assertion.
async fn authenticate_and_fetch_keys<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    form: &Params,
) -> Result<(AuthenticatedClient, SigningKeys<S::Key>), Failure> {
    let presented = PresentedClient::from_request(request, form)?;
    let (app, keys) = join(context.stores.app(&presented.client_id), context.stores.signing_keys()).await;
    let (app, keys) = (app?, keys?);
    Ok((prove(context, presented, app).await?, keys))
}

async fn redeem<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    form: &Params,
    redemption: CodeRedemption,
    proof: Option<ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let Some(code) = AuthorizationCode::parse(&context.config.sealing_keys, &redemption.code) else {
        authenticate(context, request, form).await?;
        return Err(invalid_grant("the code is not one of this server").into());
    };
    let presented = PresentedClient::from_request(request, form)?;
    // Side by side: a cold isolate has all three to fetch. Nothing is consumed by any of them.
    let (app, payload, keys) = join3(
        context.stores.app(&presented.client_id),
        find_payload(context, &code),
        context.stores.signing_keys(),
    )
    .await;
    let (app, payload, keys) = (app?, payload?, keys?);
    let client = prove(context, presented, app).await?;
    dpop::require(client.app(), proof.as_ref())?;
    let payload = payload.ok_or_else(|| invalid_grant("the code is unknown or has expired"))?;
    let RedeemableCode { payload, grant, .. } = payload.check(&redemption, &client, proof.as_ref(), context.now)?;
    let family = FamilyId(random::bytes(context.random));
    let bound_to = proof.as_ref().map(|proof| proof.thumbprint.clone());
    let operation = Operation::Redeem(Box::new(Redeem {
        code_hash: code.hash(),
        code_expires_at: payload.expires_at,
        attempt: base64url(random::bytes::<16>(context.random)),
        family: family.hash(),
        client_id: payload.client_id,
        app_epoch: payload.app_epoch,
        user_id: payload.user_id.clone(),
        consent_id: payload.consent_id.clone(),
        scopes: payload.scopes,
        resources: payload.resources,
        auth_time: payload.auth_time,
        // Only a public client's: another one proves who it is whenever it refreshes (RFC 9449 §5).
        dpop_key: bound_to.clone().filter(|_| !client.is_confidential()),
        proof: proof.map(|proof| proof.single_use),
        lifetimes: client.app().refresh_token_lifetimes(),
        origin: Some(origin(context, request)),
        kind: Redeemable::Code,
        token_lifetime: Some(client.app().longest_access_token_lifetime()),
    }));
    let place = match ask_ledger(context, code.shard(), &operation).await? {
        Outcome::Redeemed => None,
        Outcome::RedeemedListed { place } => Some(place),
        outcome => return Err(refused(&outcome)),
    };
    let token = Grant {
        app: client.app(),
        app_epoch: payload.app_epoch,
        subject: &payload.user_id,
        grant,
        auth_time: Some(payload.auth_time),
        family: Some(FamilyReference {
            shard: code.shard(),
            family: family.hash(),
            consent: payload.consent_id,
        }),
        place,
        bound_to,
    };
    let refresh_token = RefreshToken {
        shard: code.shard(),
        family,
        generation: 0,
    };
    respond(context, &keys, Issued::ForCode, token, Some(refresh_token)).await
}

/// KV first; the copy in D1 serves a miss, so that a slow or empty KV never loses a code.
async fn find_payload<S: Stores>(
    context: &Context<'_, S>,
    code: &AuthorizationCode,
) -> Result<Option<CodePayload>, StoreError> {
    match context.stores.code(&code.hash()).await {
        Ok(Some(payload)) => Ok(Some(payload)),
        Ok(None) | Err(_) => context.stores.code_copy(&code.hash()).await,
    }
}

async fn refresh<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    (client, keys): (&AuthenticatedClient, &SigningKeys<S::Key>),
    token: RefreshToken,
    narrowing: Narrowing,
    proof: Option<ProvenKey>,
) -> Result<TokenResponse, Failure> {
    dpop::require(client.app(), proof.as_ref())?;
    let bound_to = proof.as_ref().map(|proof| proof.thumbprint.clone());
    let operation = Operation::Refresh(Refresh {
        family: token.family.hash(),
        generation: token.generation,
        attempt: base64url(random::bytes::<16>(context.random)),
        client_id: client.app().client_id.clone(),
        app_epoch: client.app().epoch,
        authenticated: client.is_confidential(),
        rotates: client.app().security.rotates_refresh_tokens(),
        dpop_key: bound_to.clone(),
        proof: proof.map(|proof| proof.single_use),
        scopes: narrowing.scopes,
        resources: narrowing.resources,
        available: client.app().available_scopes(SubjectType::User),
        origin: Some(origin(context, request)),
        token_lifetime: Some(client.app().longest_access_token_lifetime()),
    });
    let (family, grant, place) = match ask_ledger(context, token.shard, &operation).await? {
        Outcome::Refreshed { family, grant, place } => (family, grant, place),
        outcome => return Err(refused(&outcome)),
    };
    let successor = RefreshToken {
        generation: family.generation,
        ..token
    };
    let token = Grant {
        app: client.app(),
        app_epoch: family.app_epoch,
        subject: &family.user_id,
        grant,
        auth_time: Some(family.auth_time),
        family: Some(FamilyReference {
            shard: token.shard,
            family: token.family.hash(),
            consent: family.consent_id.clone(),
        }),
        place,
        bound_to,
    };
    respond(context, keys, Issued::ForRefreshToken, token, Some(successor)).await
}

async fn client_credentials<S: Stores>(
    context: &Context<'_, S>,
    keys: &SigningKeys<S::Key>,
    client: &AuthenticatedClient,
    narrowing: Narrowing,
    proof: Option<ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let app = client.app();
    dpop::require(app, proof.as_ref())?;
    let available = app.available_scopes(SubjectType::Client);
    // No user stands behind these tokens who could be warned or listed as a tester, so the review is not optional;
    // and an app that registered itself is known to nobody at all.
    let known = matches!(app.class, AppClass::Portal | AppClass::Operator) && app.standing() == Standing::Reviewed;
    let all = available
        .effective_anywhere(&available.all())
        .filter(|_| known && client.is_confidential());
    let all = all.ok_or_else(|| {
        OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "this client may not use client_credentials",
        )
    })?;
    let requested = narrowing.scopes.unwrap_or_else(|| all.scopes.clone());
    let invalid_scope = |description: &str| OAuthError::new(ErrorCode::InvalidScope, description);
    let refused = requested.difference(&all.scopes);
    if !refused.is_empty() {
        return Err(invalid_scope(&format!("this client may not have: {refused}")).into());
    }
    if requested.to_string().len() > MAX_SCOPE {
        return Err(invalid_scope("too many scopes at once").into());
    }
    let resources = narrow_resources(&all.resources, &narrowing.resources)
        .ok_or_else(|| OAuthError::new(ErrorCode::InvalidTarget, "resource is not one this client may use"))?;
    let grant = available
        .effective(&requested, &resources)
        .ok_or_else(|| invalid_scope("none of the scopes belongs to the named resource"))?;
    if let Some(proof) = &proof {
        use_proof(context, proof).await?;
    }
    let token = Grant {
        app,
        app_epoch: app.epoch,
        subject: &app.client_id,
        grant,
        auth_time: None,
        family: None,
        place: None,
        bound_to: proof.map(|proof| proof.thumbprint),
    };
    respond(context, keys, Issued::ForCredentials, token, None).await
}

async fn respond<S: Stores>(
    context: &Context<'_, S>,
    keys: &SigningKeys<S::Key>,
    issued_for: Issued,
    token: Grant<'_>,
    refresh_token: Option<RefreshToken>,
) -> Result<TokenResponse, Failure> {
    let scope = token.grant.scopes.to_string();
    let resource = (issued_for == Issued::ForAssertion).then(|| Audience::new(token.grant.resources.clone()));
    let (client_id, subject) = (&token.app.client_id, token.subject);
    let issued = access_token::issue(context, keys, token).await?;
    let user = (issued_for != Issued::ForCredentials).then_some(subject);
    context.log.usage().token(client_id, issued_for, user);
    let encode = |token: RefreshToken| token.encode(&context.config.sealing_keys).ok_or(Failure::Unavailable);
    Ok(TokenResponse {
        access_token: issued.token,
        token_type: issued.token_type,
        expires_in: issued.expires_in,
        scope,
        resource,
        refresh_token: refresh_token.map(encode).transpose()?,
    })
}

fn invalid_grant(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, description)
}

/// The wire form of a refusal: few codes, and words that tell the app's developer what to do.
fn refused(outcome: &Outcome) -> Failure {
    let Outcome::Refused { reason } = outcome else {
        // An answer to another question than the one asked: storage is out of order.
        return Failure::Unavailable;
    };
    Failure::Refused(match reason {
        Refusal::CodeUsed => invalid_grant("the code was used before; the tokens issued for it have been revoked"),
        Refusal::CodeExpired => invalid_grant("the code has expired: codes live 60 seconds"),
        Refusal::ConsentEnded => invalid_grant("the user has revoked this app's access"),
        Refusal::FamilyEnded { cause } => invalid_grant(ended_because(*cause)),
        Refusal::UnknownFamily | Refusal::TokenEnded => invalid_grant("the grant has been revoked"),
        Refusal::FamilyExpired => invalid_grant("the refresh token has expired"),
        Refusal::OtherKey => invalid_grant("the refresh token is bound to another DPoP key"),
        Refusal::Replayed => dpop::replayed(),
        Refusal::OtherClient => invalid_grant("the refresh token was issued to another client"),
        Refusal::AppEpoch => invalid_grant("the grant is from before this app was suspended or changed"),
        Refusal::TokenReused => invalid_grant("an old refresh token was used again; the grant has been revoked"),
        Refusal::TokenSuperseded => invalid_grant("the refresh token was replaced by a newer one"),
        Refusal::NothingLeft => invalid_grant("nothing that was agreed to is available to this app any more"),
        Refusal::NothingNamed => OAuthError::new(
            ErrorCode::InvalidScope,
            "none of the scopes belongs to the named resource",
        ),
        Refusal::ScopeExceeded => OAuthError::new(ErrorCode::InvalidScope, "scope goes beyond what was granted"),
        Refusal::ResourceExceeded => OAuthError::new(ErrorCode::InvalidTarget, "resource is not part of this grant"),
    })
}

fn ended_because(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CodeReused => "the grant has been revoked because its code was used again",
        EndReason::RefreshTokenReused => "the grant has been revoked because an old refresh token was presented",
        EndReason::RevokedByClient => "the grant has been revoked by the app",
        EndReason::ConsentRevoked => "the user has revoked this app's access",
    }
}
