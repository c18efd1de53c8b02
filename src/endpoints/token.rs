//! `POST /oauth/token` (OAuth 2.1 §3.2).

use std::rc::Rc;

use serde::Serialize;

use super::access_token::{Grant, IssuedToken, SigningKey, effective_scopes};
use super::{json_error, json_unavailable};
use crate::context::Context;
use crate::crypto::base64url;
use crate::http::{FormError, Params, Reply, Request};
use crate::ledger::family::{EndReason, Family};
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome, Redeem, Refresh, Refusal};
use crate::oauth::access_token::FamilyReference;
use crate::oauth::authorization_code::{
    AuthorizationCode, CodePayload, CodeRedemption, RedeemableCode, narrow_resources,
};
use crate::oauth::client::{App, SubjectType};
use crate::oauth::client_authentication::{AuthenticatedClient, PresentedClient};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::refresh_token::{FamilyId, RefreshToken};
use crate::oauth::scope::Scopes;
use crate::oauth::token_request::{Narrowing, TokenRequest};
use crate::random;
use crate::store::{StoreError, Stores};

/// A token response (OAuth 2.1 §3.2.3).
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u32,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Why no token is issued.
pub enum Failure {
    /// The request is at fault.
    Refused(OAuthError),
    /// Storage is.
    Unavailable,
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => json_error(&error),
            Failure::Unavailable => json_unavailable(),
        }
    }
}

/// Issues tokens.
pub async fn token<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    match issue(context, request).await {
        Ok(response) => Reply::json(200, &response),
        Err(failure) => failure.into(),
    }
}

async fn issue<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<TokenResponse, Failure> {
    let form = read_form(request)?;
    let client = authenticate(context, request, &form).await?;
    match TokenRequest::parse(&form)? {
        TokenRequest::AuthorizationCode(redemption) => redeem(context, &client, redemption).await,
        TokenRequest::RefreshToken {
            refresh_token,
            narrowing,
        } => refresh(context, &client, &refresh_token, narrowing).await,
        TokenRequest::ClientCredentials(narrowing) => client_credentials(context, &client, narrowing).await,
    }
}

/// Reads the form of a request to the token endpoint or one of its kind.
pub fn read_form(request: &Request) -> Result<Params, OAuthError> {
    let form = request
        .form()
        .map_err(|error: FormError| OAuthError::new(ErrorCode::InvalidRequest, error.to_string()))?;
    match form.repeated(&["resource"]) {
        Some(_) => Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            "a parameter was sent more than once",
        )),
        None => Ok(form),
    }
}

/// Finds out which app asks.
pub async fn authenticate<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    form: &Params,
) -> Result<AuthenticatedClient, Failure> {
    let presented = PresentedClient::from_request(request, form)?;
    let app: Option<Rc<App>> = context.stores.app(&presented.client_id).await?;
    Ok(presented.authenticate(app)?)
}

/// Asks the ledger; when no answer comes, asks once more: every operation may be repeated.
pub async fn ask_ledger<S: Stores>(
    context: &Context<'_, S>,
    shard: Shard,
    operation: &Operation,
) -> Result<Outcome, StoreError> {
    match context.stores.ledger(shard, operation).await {
        Err(_) => context.stores.ledger(shard, operation).await,
        answer => answer,
    }
}

async fn redeem<S: Stores>(
    context: &Context<'_, S>,
    client: &AuthenticatedClient,
    redemption: CodeRedemption,
) -> Result<TokenResponse, Failure> {
    let code = AuthorizationCode::parse(&context.config.sealing_keys, &redemption.code)
        .ok_or_else(|| invalid_grant("the code is not one of this server"))?;
    let payload = find_payload(context, &code)
        .await?
        .ok_or_else(|| invalid_grant("the code is unknown or has expired"))?;
    let RedeemableCode { payload, resources, .. } = payload.check(&redemption, client, context.now)?;
    let scopes = effective_scopes(client.app(), SubjectType::User, &payload.scopes, &resources);
    if scopes.is_empty() {
        return Err(invalid_grant("nothing that was agreed to is available to this app any more").into());
    }
    let key = SigningKey::fetch(context).await?;
    let family = FamilyId(random::bytes(context.random));
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
    }));
    let generation = match ask_ledger(context, code.shard(), &operation).await? {
        Outcome::Redeemed { generation } => generation,
        outcome => return Err(refused(&outcome)),
    };
    let reference = FamilyReference {
        shard: code.shard(),
        family: family.hash(),
        consent: payload.consent_id,
    };
    let grant = Grant {
        app: client.app(),
        subject: &payload.user_id,
        scopes: &scopes,
        resources,
        auth_time: Some(payload.auth_time),
        family: Some(reference),
    };
    let issued = key.issue(context, grant).await?;
    let refresh_token = RefreshToken {
        shard: code.shard(),
        family,
        generation,
    };
    respond(context, issued, &scopes, Some(refresh_token))
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
    client: &AuthenticatedClient,
    refresh_token: &str,
    narrowing: Narrowing,
) -> Result<TokenResponse, Failure> {
    let token = RefreshToken::parse(&context.config.sealing_keys, refresh_token)
        .ok_or_else(|| invalid_grant("the refresh token is not one of this server"))?;
    let key = SigningKey::fetch(context).await?;
    let operation = Operation::Refresh(Refresh {
        family: token.family.hash(),
        generation: token.generation,
        client_id: client.app().client_id.clone(),
        app_epoch: client.app().epoch,
        authenticated: client.is_confidential(),
        scopes: narrowing.scopes.clone(),
        resources: registered_resources(client.app(), &narrowing.resources)?,
    });
    let family: Family = match ask_ledger(context, token.shard, &operation).await? {
        Outcome::Refreshed(family) => *family,
        outcome => return Err(refused(&outcome)),
    };
    let resources = narrow_resources(client.app(), &family.resources, &narrowing.resources)?;
    let granted = narrowing
        .scopes
        .as_ref()
        .map_or_else(|| family.scopes.clone(), |scopes| family.scopes.intersection(scopes));
    let scopes = effective_scopes(client.app(), SubjectType::User, &granted, &resources);
    if scopes.is_empty() {
        return Err(invalid_grant("nothing that was agreed to is available to this app any more").into());
    }
    let reference = FamilyReference {
        shard: token.shard,
        family: token.family.hash(),
        consent: family.consent_id,
    };
    let grant = Grant {
        app: client.app(),
        subject: &family.user_id,
        scopes: &scopes,
        resources,
        auth_time: Some(family.auth_time),
        family: Some(reference),
    };
    let issued = key.issue(context, grant).await?;
    respond(
        context,
        issued,
        &scopes,
        Some(RefreshToken {
            generation: family.generation,
            ..token
        }),
    )
}

fn registered_resources(app: &App, requested: &[String]) -> Result<Vec<String>, OAuthError> {
    let all: Vec<String> = app.apis.iter().map(|api| api.resource.clone()).collect();
    if requested.is_empty() {
        Ok(Vec::new())
    } else {
        narrow_resources(app, &all, requested)
    }
}

async fn client_credentials<S: Stores>(
    context: &Context<'_, S>,
    client: &AuthenticatedClient,
    narrowing: Narrowing,
) -> Result<TokenResponse, Failure> {
    let app = client.app();
    let grantable = app.grantable_scopes(SubjectType::Client);
    if !client.is_confidential() || grantable.is_empty() {
        return Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "this client may not use client_credentials",
        )
        .into());
    }
    let requested = narrowing.scopes.unwrap_or_else(|| grantable.clone());
    let refused = requested.difference(&grantable);
    if !refused.is_empty() {
        return Err(OAuthError::new(ErrorCode::InvalidScope, format!("this client may not have: {refused}")).into());
    }
    let all: Vec<String> = app.apis_of(&requested).map(|api| api.resource.clone()).collect();
    let resources = narrow_resources(app, &all, &narrowing.resources)?;
    let scopes = effective_scopes(app, SubjectType::Client, &requested, &resources);
    let key = SigningKey::fetch(context).await?;
    let grant = Grant {
        app,
        subject: &app.client_id,
        scopes: &scopes,
        resources,
        auth_time: None,
        family: None,
    };
    let issued = key.issue(context, grant).await?;
    respond(context, issued, &scopes, None)
}

fn respond<S>(
    context: &Context<'_, S>,
    issued: IssuedToken,
    scopes: &Scopes,
    refresh_token: Option<RefreshToken>,
) -> Result<TokenResponse, Failure> {
    let encode = |token: RefreshToken| token.encode(&context.config.sealing_keys).ok_or(Failure::Unavailable);
    Ok(TokenResponse {
        access_token: issued.token,
        token_type: "Bearer",
        expires_in: issued.expires_in,
        scope: scopes.to_string(),
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
        Refusal::OtherClient => invalid_grant("the refresh token was issued to another client"),
        Refusal::AppEpoch => invalid_grant("the grant is from before this app was suspended or changed"),
        Refusal::TokenReused => invalid_grant("an old refresh token was used again; the grant has been revoked"),
        Refusal::TokenSuperseded => invalid_grant("the refresh token was replaced by a newer one"),
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
