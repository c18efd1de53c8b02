//! What the endpoints that apps call by themselves have in common: token, PAR, revocation, introspection.

use std::rc::Rc;

use super::client_keys;
use super::limits::{
    Endpoint, asked_too_often, may_ask, may_read_again, proven_client_may, revoked_too_many, too_many_requests,
};
use crate::context::Context;
use crate::endpoints::{json_error, json_unavailable, out_of_reach};
use crate::http::{FormError, Params, Reply, Request};
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome, Refusal, SingleUse};
use crate::oauth::client::App;
use crate::oauth::client_assertion::{self, Audience};
use crate::oauth::client_authentication::{AssertedClient, AuthenticatedClient, Checked, PresentedClient};
use crate::oauth::dpop::{self, ProvenKey, UnverifiedProof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::router;
use crate::store::{ApiCredential, StoreError, Stores};

/// Why a request is not answered as asked.
pub enum Failure {
    /// The request is at fault.
    Refused(OAuthError),
    /// Storage is.
    Unavailable,
    /// The client has asked too often.
    TooMany,
    /// It has revoked too many access tokens one by one.
    RevokedTooMany,
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

impl Failure {
    /// The answer. It counts among the errors of the app, where that is known.
    pub fn reply<S>(self, context: &Context<'_, S>) -> Reply {
        let (error, reply) = match self {
            Self::Refused(error) => {
                let reply = json_error(&error);
                (error, reply)
            }
            Self::Unavailable => (out_of_reach(), json_unavailable()),
            Self::TooMany => (asked_too_often(), too_many_requests()),
            Self::RevokedTooMany => (asked_too_often(), revoked_too_many()),
        };
        context.log.usage().refused(&error);
        reply
    }
}

/// Counts a request to this endpoint and reads its form, in which nothing but `resource` may be repeated (OAuth 2.1
/// §3.2, RFC 8707 §2).
pub async fn read_form<S: Stores>(
    context: &Context<'_, S>,
    endpoint: Endpoint,
    request: &Request,
) -> Result<Params, Failure> {
    let form = parse_form(request);
    match may_ask(context, endpoint, request, form.as_ref().ok()).await {
        true => Ok(context.config.local_resources.in_catalogue(form?)),
        false => Err(Failure::TooMany),
    }
}

fn parse_form(request: &Request) -> Result<Params, OAuthError> {
    let invalid_request = |description: &str| OAuthError::new(ErrorCode::InvalidRequest, description);
    let form = request
        .form()
        .map_err(|error: FormError| invalid_request(&error.to_string()))?;
    match form.repeated(&["resource"]) {
        Some(_) => Err(invalid_request("a parameter was sent more than once")),
        None => Ok(form),
    }
}

/// The token a request is about.
pub fn read_token(form: &Params) -> Result<&str, OAuthError> {
    let token = form.one("token").ok().flatten();
    token.ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, "token is required"))
}

/// Finds out which app asks.
pub async fn authenticate<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    form: &Params,
) -> Result<AuthenticatedClient, Failure> {
    let presented = PresentedClient::from_request(request, form)?;
    let app = context.stores.app(&presented.client_id).await?;
    prove(context, presented, app).await
}

/// Authenticates a client whose record was read. The log learns which app it is, and one that proved itself is
/// counted.
pub async fn prove<S: Stores>(
    context: &Context<'_, S>,
    presented: PresentedClient,
    app: Option<Rc<App>>,
) -> Result<AuthenticatedClient, Failure> {
    if let Some(app) = &app {
        context.log.app(app);
    }
    let mut proven = check(context, &presented, app.as_ref()).await;
    if let (Err(Unproven::Credentials(_)), Some(app)) = (&proven, &app) {
        // The record may be some seconds old, and a secret or a key that was just registered has to work.
        if app.is_confidential() && may_read_again(context, &app.client_id).await {
            let app = context.stores.app_since(&app.client_id, context.now).await?;
            proven = check(context, &presented, app.as_ref()).await;
        }
    }
    let Proven { client, single_use } = proven?;
    if let Some(secret) = client.secret() {
        context.log.usage().secret(secret);
    }
    if client.is_confidential() {
        count_client(context, &client).await?;
    }
    if let Some(single_use) = single_use {
        let shard = Shard::of_name(&client.app().client_id);
        if !use_once(context, shard, single_use).await? {
            return Err(client_assertion::replayed().into());
        }
    }
    Ok(client)
}

/// A client that proved who it is, if what it did so with is used for the first time.
struct Proven {
    client: AuthenticatedClient,
    single_use: Option<SingleUse>,
}

/// Why a client did not prove who it is.
enum Unproven {
    /// It has other credentials, as far as its record says.
    Credentials(OAuthError),
    /// Something else, whatever the record says.
    Failed(Failure),
}

impl From<Unproven> for Failure {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::Credentials(error) => Self::Refused(error),
            Unproven::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for Unproven {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Consumes nothing.
async fn check<S: Stores>(
    context: &Context<'_, S>,
    presented: &PresentedClient,
    app: Option<&Rc<App>>,
) -> Result<Proven, Unproven> {
    match presented.clone().check(app.cloned()).map_err(Unproven::Credentials)? {
        Checked::Authenticated(client) => Ok(Proven {
            client,
            single_use: None,
        }),
        Checked::Asserted(asserted) => verify_assertion(context, asserted).await,
    }
}

async fn count_client<S: Stores>(context: &Context<'_, S>, client: &AuthenticatedClient) -> Result<(), Failure> {
    match proven_client_may(context, &client.app().client_id).await {
        true => Ok(()),
        false => Err(Failure::TooMany),
    }
}

/// Authenticates an API by its credential, and logs and counts it. `None`: no API has this one.
pub async fn prove_api<S: Stores>(
    context: &Context<'_, S>,
    presented: &PresentedClient,
) -> Result<Option<Rc<ApiCredential>>, Failure> {
    let Some(credential) = context.stores.api_credential(&presented.client_id).await? else {
        return Ok(None);
    };
    if !presented.proves(&credential.secret_hash) {
        return Err(OAuthError::new(ErrorCode::InvalidClient, "unknown client or wrong client secret").into());
    }
    context.log.api(&presented.client_id);
    match proven_client_may(context, &presented.client_id).await {
        true => Ok(Some(credential)),
        false => Err(Failure::TooMany),
    }
}

/// Verifies a client's assertion. Whether it was used before, one ledger object knows (RFC 7523 §3); a request that is
/// one too many is told so before its assertion is used.
async fn verify_assertion<S: Stores>(context: &Context<'_, S>, asserted: AssertedClient) -> Result<Proven, Unproven> {
    let issuer = &context.config.issuer;
    let audience = Audience {
        issuer: issuer.as_str(),
        token_endpoint: &issuer.url(router::TOKEN),
    };
    let assertion = asserted
        .check(audience, context.random, context.now)
        .map_err(Failure::Refused)?;
    let signature_is_good = client_keys::is_signed(context, &asserted.app().security, &assertion).await?;
    let assertion = assertion.accept(signature_is_good).map_err(Unproven::Credentials)?;
    let client = asserted.authenticated(&assertion).map_err(Failure::Refused)?;
    Ok(Proven {
        client,
        single_use: Some(assertion.single_use),
    })
}

/// Reads the DPoP proof of a request to this endpoint, if it brings one (RFC 9449 §5). Whether it was used
/// before, whoever judges the request has to ask.
pub async fn read_proof<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    endpoint: &str,
) -> Result<Option<ProvenKey>, Failure> {
    let Some(header) = request.header("dpop") else {
        return Ok(None);
    };
    let expected = dpop::Expected {
        method: &request.method,
        url: &context.config.issuer.url(endpoint),
        now: context.now,
    };
    let proof = UnverifiedProof::check(header, expected, &context.config.sealing_keys, context.random)?;
    let (jwt, key) = proof.signature();
    let signature_is_good = context.stores.is_signed_by(key, jwt).await;
    Ok(Some(proof.accept(signature_is_good)?))
}

/// Uses a proof where no family is involved: the object is fixed by the key, so that once means once.
pub async fn use_proof<S: Stores>(context: &Context<'_, S>, proof: &ProvenKey) -> Result<(), Failure> {
    let shard = Shard::of_name(&proof.thumbprint);
    match use_once(context, shard, proof.single_use.clone()).await? {
        true => Ok(()),
        false => Err(dpop::replayed().into()),
    }
}

/// Uses what may be used once. False: it was used before.
pub async fn use_once<S: Stores>(
    context: &Context<'_, S>,
    shard: Shard,
    single_use: SingleUse,
) -> Result<bool, StoreError> {
    match ask_ledger(context, shard, &Operation::UseOnce(single_use)).await? {
        Outcome::FirstUse => Ok(true),
        Outcome::Refused {
            reason: Refusal::Replayed,
        } => Ok(false),
        _ => Err(StoreError {
            part: "ledger",
            detail: "an outcome of another operation".into(),
        }),
    }
}

/// Hands the client the newest nonce for its next proof (RFC 9449 §8.2).
pub fn with_nonce<S>(context: &Context<'_, S>, request: &Request, reply: Reply) -> Reply {
    match request.header("dpop") {
        Some(_) => reply.header("DPoP-Nonce", dpop::nonce(&context.config.sealing_keys, context.now)),
        None => reply,
    }
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
