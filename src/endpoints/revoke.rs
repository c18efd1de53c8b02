//! `POST /oauth/revoke` (RFC 7009).

use super::access_token;
use super::client_request::{Failure, ask_ledger, authenticate, read_form, read_token};
use super::limits::{Endpoint, may_end_token};
use super::management::caller::origin;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::ledger::shard::Shard;
use crate::ledger::{Operation, Outcome, Refusal};
use crate::oauth::access_token::Status;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::refresh_token::RefreshToken;
use crate::store::Stores;
use crate::usage::Metric;

/// Revokes a token: a refresh token with everything of its grant, an access token alone. The answer is JSON,
/// which RFC 7009 does not ask for but client libraries parse.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    match end(context, request).await {
        Ok(()) => Reply::json(200, &serde_json::json!({})),
        Err(failure) => failure.reply(context),
    }
}

async fn end<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<(), Failure> {
    let form = read_form(context, Endpoint::Revocation, request).await?;
    let client = authenticate(context, request, &form).await?;
    let client_id = &client.app().client_id;
    // The hint may be wrong and then all kinds are searched (RFC 7009 §2.1); ours tell themselves apart.
    let token = read_token(&form)?;
    if let Some(token) = RefreshToken::parse(&context.config.sealing_keys, token) {
        let operation = Operation::EndFamily {
            family: token.family.hash(),
            client_id: client_id.clone(),
            origin: Some(origin(context, request)),
        };
        return match ask_ledger(context, token.shard, &operation).await? {
            Outcome::Refused {
                reason: Refusal::OtherClient,
            } => Err(not_yours()),
            Outcome::Ended => {
                context.log.usage().count(client_id, Metric::Revoke);
                Ok(())
            }
            _ => Err(Failure::Unavailable),
        };
    }
    let Some(token) = access_token::verify(context, token).await? else {
        // Unknown, malformed or expired: as good as revoked (RFC 7009 §2.2).
        return Ok(());
    };
    if token.claims.client_id != *client_id {
        return Err(not_yours());
    }
    if !may_end_token(context, client_id).await {
        return Err(Failure::RevokedTooMany);
    }
    let place = token.claims.status.as_ref().and_then(Status::place);
    let shard = token
        .claims
        .latchkey
        .family
        .map_or_else(|| Shard::of_name(client_id), |family| family.shard);
    let operation = Operation::EndToken {
        jti: token.claims.jti,
        expires_at: token.expires_at,
        place,
    };
    match ask_ledger(context, shard, &operation).await? {
        Outcome::Ended => {
            context.log.usage().count(client_id, Metric::Revoke);
            Ok(())
        }
        _ => Err(Failure::Unavailable),
    }
}

fn not_yours() -> Failure {
    OAuthError::new(
        ErrorCode::InvalidGrant,
        "the token was issued to another client and stays as it is",
    )
    .into()
}
