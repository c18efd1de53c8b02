//! `POST /oauth/introspect` (RFC 7662).

use futures_util::future::join;
use serde::Serialize;

use super::access_token;
use super::client_request::{Failure, ask_ledger, prove, prove_api, read_form, read_token};
use super::limits::Endpoint;
use super::live_token::{self, current_app};
use crate::context::Context;
use crate::crypto::signing::SigningAlgorithm;
use crate::http::{Reply, Request, asks_for};
use crate::ledger::{Inspect, Operation, Outcome};
use crate::oauth::access_token::{AccessToken, Audience, Confirmation};
use crate::oauth::client::{App, SubjectType};
use crate::oauth::client_authentication::{AuthenticatedClient, PresentedClient};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::introspection_jwt::{ALGORITHMS, IntrospectionJwt, MEDIA_TYPE};
use crate::oauth::refresh_token::RefreshToken;
use crate::sign_in::auth_time::known;
use crate::store::{NamedKey, Stores};
use crate::time::Timestamp;
use crate::usage::Metric;

/// Who may look at a token, and at which.
enum Caller {
    /// An API sees the access tokens it is an audience of.
    Api { resource: String },
    /// A confidential app sees its own tokens.
    App(AuthenticatedClient),
}

/// What is told about a token (RFC 7662 §2.2). About one that is not active nothing but that is told.
#[derive(Debug, Default, Serialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<TokenState>,
}

#[derive(Debug, Serialize)]
struct TokenState {
    scope: String,
    client_id: String,
    sub: String,
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    /// Absent for refresh tokens, which no API accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// The key it is bound to (RFC 9449 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

/// Says whether a token is good at this moment, as JSON, or as a JWT to whom asks for one (RFC 9701 §4).
pub async fn introspect<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    match answer(context, request).await {
        Ok(reply) => reply,
        Err(failure) => failure.reply(context),
    }
}

async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Failure> {
    let (caller, token) = inspect(context, request).await?;
    if let Some(token) = &token {
        context.log.usage().count(&token.client_id, Metric::Introspect);
    }
    let introspection = Introspection {
        active: token.is_some(),
        token,
    };
    if !asks_for(request.header("accept"), MEDIA_TYPE, "application/json") {
        return Ok(Reply::json(200, &introspection));
    }
    let keys = context.stores.signing_keys().await?;
    let algorithm = caller.signing_algorithm();
    let NamedKey { kid, key } = keys.of(algorithm);
    let answer = IntrospectionJwt {
        iss: context.config.issuer.as_str(),
        aud: caller.name(),
        token_introspection: &introspection,
    };
    let jwt = access_token::sign(context, key, answer.signing_input(algorithm, kid, context.now)).await?;
    Ok(Reply::new(200, jwt).header("Content-Type", MEDIA_TYPE))
}

async fn inspect<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
) -> Result<(Caller, Option<TokenState>), Failure> {
    let form = read_form(context, Endpoint::Introspection, request).await?;
    let presented = PresentedClient::from_request(request, &form)?;
    let token = match read_token(&form) {
        Ok(token) => token,
        Err(error) => {
            authenticate(context, presented).await?;
            return Err(error.into());
        }
    };
    if let Some(token) = RefreshToken::parse(&context.config.sealing_keys, token) {
        let caller = authenticate(context, presented).await?;
        let state = match &caller {
            Caller::App(client) => refresh_token_state(context, token, &client.app().client_id).await?,
            Caller::Api { .. } => None,
        };
        return Ok((caller, state));
    }
    // The token's own words say which app to fetch, so both records are fetched side by side.
    let token = access_token::verify(context, token).await?;
    let app = async {
        match &token {
            Some(token) => current_app(context, &token.claims.client_id, token.claims.latchkey.app_epoch).await,
            None => Ok(None),
        }
    };
    let (caller, app) = join(authenticate(context, presented), app).await;
    let caller = caller?;
    let state = match (token, app?) {
        (Some(token), Some(app)) if caller.may_see(&token) => access_token_state(context, token, &app, &caller).await?,
        _ => None,
    };
    Ok((caller, state))
}

async fn authenticate<S: Stores>(context: &Context<'_, S>, presented: PresentedClient) -> Result<Caller, Failure> {
    if let Some(credential) = prove_api(context, &presented).await? {
        return Ok(Caller::Api {
            resource: credential.resource.clone(),
        });
    }
    let app = context.stores.app(&presented.client_id).await?;
    let client = prove(context, presented, app).await?;
    if !client.is_confidential() {
        let description = "introspection takes credentials: a public client has none";
        return Err(OAuthError::new(ErrorCode::InvalidClient, description).into());
    }
    Ok(Caller::App(client))
}

impl Caller {
    /// What it is called as an audience.
    fn name(&self) -> &str {
        match self {
            Self::Api { resource } => resource,
            Self::App(client) => &client.app().client_id,
        }
    }

    fn may_see(&self, token: &AccessToken) -> bool {
        match self {
            Self::Api { resource } => token.claims.aud.contains(resource),
            Self::App(client) => token.claims.client_id == client.app().client_id,
        }
    }

    /// What an answer as a JWT is signed with. The profile of an app may have no RS256 (FAPI 2.0 §5.4).
    fn signing_algorithm(&self) -> SigningAlgorithm {
        let may_have = |algorithm: &SigningAlgorithm| match self {
            Self::Api { .. } => true,
            Self::App(client) => client.app().security.allows((*algorithm).into()),
        };
        ALGORITHMS.into_iter().find(may_have).unwrap_or_default()
    }

    /// An API is told of its own scopes only.
    fn resources_shown(&self, aud: &Audience) -> Vec<String> {
        match (self, aud) {
            (Self::Api { resource }, _) => vec![resource.clone()],
            (Self::App(_), Audience::One(one)) => vec![one.clone()],
            (Self::App(_), Audience::Many(many)) => many.clone(),
        }
    }
}

async fn access_token_state<S: Stores>(
    context: &Context<'_, S>,
    token: AccessToken,
    app: &App,
    caller: &Caller,
) -> Result<Option<TokenState>, Failure> {
    let claims = &token.claims;
    let grant = live_token::effective_grant(context, claims, app, &caller.resources_shown(&claims.aud)).await?;
    Ok(grant.map(|grant| TokenState {
        scope: grant.scopes.to_string(),
        client_id: claims.client_id.clone(),
        sub: claims.sub.clone(),
        iss: claims.iss.clone(),
        aud: claims.aud.clone(),
        exp: token.expires_at.as_seconds(),
        iat: Some(token.issued_at.as_seconds()),
        jti: Some(claims.jti.clone()),
        auth_time: claims.auth_time,
        token_type: Some(claims.token_type()),
        cnf: claims.cnf.clone(),
    }))
}

async fn refresh_token_state<S: Stores>(
    context: &Context<'_, S>,
    token: RefreshToken,
    client_id: &str,
) -> Result<Option<TokenState>, Failure> {
    let inspect = Inspect {
        family: Some(token.family.hash()),
        generation: Some(token.generation),
        jti: None,
    };
    let Outcome::Active { family: Some(family) } =
        ask_ledger(context, token.shard, &Operation::Inspect(inspect)).await?
    else {
        return Ok(None);
    };
    if family.client_id != client_id {
        return Ok(None);
    }
    let Some(app) = current_app(context, client_id, family.app_epoch).await? else {
        return Ok(None);
    };
    let grant = app
        .available_scopes(SubjectType::User)
        .effective(&family.scopes, &family.resources);
    let expires_at: Timestamp = family.expires_at.min(family.idle_expires_at);
    Ok(grant.map(|grant| TokenState {
        scope: grant.scopes.to_string(),
        client_id: family.client_id.clone(),
        sub: family.user_id.clone(),
        iss: context.config.issuer.as_str().to_owned(),
        aud: Audience::new(grant.resources),
        exp: expires_at.as_seconds(),
        iat: None,
        jti: None,
        auth_time: known(family.auth_time).map(Timestamp::as_seconds),
        token_type: None,
        cnf: family.dpop_key.clone().map(|jkt| Confirmation { jkt }),
    }))
}
