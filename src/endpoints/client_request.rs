//! What the endpoints that apps call by themselves have in common: token, revocation, introspection.

use crate::context::Context;
use crate::endpoints::{json_error, json_unavailable};
use crate::http::{FormError, Params, Reply, Request};
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome};
use crate::oauth::client_authentication::{AuthenticatedClient, PresentedClient};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::store::{StoreError, Stores};

/// Why a request is not answered as asked.
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

/// Reads the form. Nothing but `resource` may be repeated (OAuth 2.1 §3.2, RFC 8707 §2).
pub fn read_form(request: &Request) -> Result<Params, OAuthError> {
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
