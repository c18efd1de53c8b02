//! `GET /oauth/revocations/{region}`: the revocation feed, for API servers that check tokens by themselves.

use std::time::Duration;

use super::client_request::{Failure, prove_api};
use super::limits::{Endpoint, may_ask};
use super::{access_token, not_found};
use crate::context::Context;
use crate::crypto::signing::SigningAlgorithm;
use crate::feed::LONGEST_WAIT;
use crate::feed::list_jwt::{ListJwt, MEDIA_TYPE};
use crate::feed::region::Region;
use crate::http::{Params, Reply, Request};
use crate::oauth::client_authentication::PresentedClient;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::router;
use crate::store::{NamedKey, Stores};

/// Seconds for which caches between here and the API server may answer in place of the feed.
const MAX_AGE: &str = "public, max-age=1";

/// What was cut off in a region, as a signed list. It tells nothing to whoever has no token in hand, so anybody may read it;
/// to wait for news is for the operator's APIs alone, because only so many can.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request, region: &str) -> Reply {
    if !may_ask(context, Endpoint::Revocations, request, None).await {
        return Failure::TooMany.reply(context);
    }
    let Some(region) = by_number(region) else {
        return not_found(context, request);
    };
    match answer(context, request, region).await {
        Ok(reply) => reply,
        Err(failure) => failure.reply(context),
    }
}

/// A region by its number as it is written, so that each has one address.
fn by_number(text: &str) -> Option<Region> {
    let region = Region::from_number(text.parse().ok()?)?;
    (region.number().to_string() == text).then_some(region)
}

async fn answer<S: Stores>(context: &Context<'_, S>, request: &Request, region: Region) -> Result<Reply, Failure> {
    let asked = Asked::parse(request)?;
    if !asked.wait.is_zero() {
        let presented = PresentedClient::from_request(request, &Params::default())?;
        if prove_api(context, &presented).await?.is_none() {
            let description = "only APIs may wait for news";
            return Err(OAuthError::new(ErrorCode::InvalidClient, description).into());
        }
    }
    signed(context, region, asked).await
}

/// What the query says.
struct Asked {
    after: u64,
    wait: Duration,
}

impl Asked {
    fn parse(request: &Request) -> Result<Self, OAuthError> {
        let invalid_request = |description: &str| OAuthError::new(ErrorCode::InvalidRequest, description);
        let params = request
            .query_params()
            .map_err(|error| invalid_request(&error.to_string()))?;
        let number = |name| match params.one(name) {
            Ok(None) => Some(0),
            Ok(Some(text)) => text.parse().ok(),
            Err(_) => None,
        };
        let after = number("after").ok_or_else(|| invalid_request("after must be a number that a list gave, once"))?;
        let wait = number("wait")
            .map(Duration::from_secs)
            .filter(|wait| *wait <= LONGEST_WAIT);
        let wait = wait.ok_or_else(|| invalid_request("wait must be a number of seconds up to 25, once"))?;
        Ok(Self { after, wait })
    }
}

async fn signed<S: Stores>(context: &Context<'_, S>, region: Region, asked: Asked) -> Result<Reply, Failure> {
    let gathered = context.stores.feed(region, asked.after, asked.wait).await?;
    let keys = context.stores.signing_keys().await?;
    let algorithm = SigningAlgorithm::Es256;
    let NamedKey { kid, key } = keys.of(algorithm);
    let address = context
        .config
        .issuer
        .url(&format!("{}/{}", router::REVOCATIONS, region.number()));
    let list = ListJwt::new(context.config.issuer.as_str(), &address, &gathered);
    let jwt = access_token::sign(context, key, list.signing_input(algorithm, kid, &gathered)).await?;
    let reply = Reply::new(200, jwt).header("Content-Type", MEDIA_TYPE);
    Ok(match asked.wait.is_zero() {
        true => reply.header("Cache-Control", MAX_AGE),
        false => reply,
    })
}
