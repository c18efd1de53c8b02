//! `POST /oauth/par`: pushed authorization requests (RFC 9126).

use serde::Serialize;

use super::authorize;
use super::client_request::{Failure, prove, read_form, read_proof, use_proof, with_nonce};
use super::limits::Endpoint;
use super::metadata_documents;
use crate::context::Context;
use crate::http::{Body, Reply, Request};
use crate::oauth::authorization_request::{AuthorizationRequest, Sent};
use crate::oauth::client_authentication::PresentedClient;
use crate::oauth::error::{AuthorizationError, ErrorCode, OAuthError};
use crate::oauth::pushed_request::{LIFETIME, PushedRequest, too_long};
use crate::router;
use crate::store::Stores;

/// The answer (RFC 9126 §2.2).
#[derive(Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// Checks a request as the authorization endpoint will, and hands out a `request_uri` for it. The request is stored
/// nowhere.
pub async fn push<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let reply = match seal(context, request).await {
        Ok(request_uri) => {
            let expires_in = LIFETIME.as_secs();
            Reply::json(
                201,
                &Pushed {
                    request_uri,
                    expires_in,
                },
            )
        }
        Err(failure) => failure.reply(context),
    };
    with_nonce(context, request, reply)
}

async fn seal<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<String, Failure> {
    let form = match (
        read_form(context, Endpoint::PushedRequest, request).await,
        &request.body,
    ) {
        (Err(Failure::Refused(_)), Body::TooLarge) => return Err(too_long().into()),
        (form, _) => form?,
    };
    let proof = read_proof(context, request, router::PAR).await?;
    let presented = PresentedClient::from_request(request, &form)?;
    let app = metadata_documents::known(context, request, &presented.client_id).await??;
    let client = prove(context, presented, app).await?;
    if form.one("request_uri").ok().flatten().is_some() {
        let description = "request_uri is what this endpoint answers with; it takes none";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, description).into());
    }
    let mut pushed = PushedRequest::new(&client.app().client_id, &form, context.random, context.now);
    if let Some(proof) = &proof {
        proof.is_enough_for(client.app())?;
        pushed.bind(proof)?;
    }
    let authorization = AuthorizationRequest::parse(&pushed.params(), Some(client.app()), Sent::Pushed);
    let authorization = authorization.map_err(into_json)?;
    // What comes of it has to fit into a link later on.
    if !authorize::fits(context, authorization) {
        return Err(too_long().into());
    }
    let keys = &context.config.sealing_keys;
    let request_uri = pushed.request_uri(keys, context.random).ok_or_else(too_long)?;
    // Anyone can be a public client, and a proof sent again only binds a code to its maker's own key: no reason to
    // write a row for it.
    if let Some(proof) = proof.filter(|_| client.is_confidential()) {
        use_proof(context, &proof).await?;
    }
    Ok(request_uri)
}

/// Nothing is redirected from here: what would be a page or a redirect is told to the app (RFC 9126 §2.3).
fn into_json(error: AuthorizationError) -> OAuthError {
    match error {
        AuthorizationError::Page(reason) => OAuthError::new(ErrorCode::InvalidRequest, reason.for_developers()),
        AuthorizationError::Redirect { error, .. } => error,
    }
}
