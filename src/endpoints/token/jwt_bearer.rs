//! Cross App Access: a token for somebody whose organization's identity provider vouches for them (ID-JAG), without a
//! consent page. The organization agreed in their place, and a consent that it manages stands behind the token.

use super::{TokenResponse, invalid_grant, refused, respond};
use crate::context::Context;
use crate::crypto::base64url;
use crate::endpoints::access_token::Grant;
use crate::endpoints::client_keys::{is_signed_by_keys_at, unavailable};
use crate::endpoints::client_request::{Failure, ask_ledger};
use crate::endpoints::login::provider;
use crate::endpoints::management::caller;
use crate::http::Request;
use crate::ledger::{Lifetimes, Operation, Outcome, Redeem, Redeemable, Refusal};
use crate::management::organizations::trust::{self, Asking, Trust, Vouched};
use crate::oauth::access_token::FamilyReference;
use crate::oauth::client::App;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::oauth::dpop::{self, ProvenKey};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::grant::EffectiveGrant;
use crate::oauth::id_jag::{Expected, IdJag, IdJagError, UnverifiedIdJag};
use crate::oauth::refresh_token::FamilyId;
use crate::oauth::standing::Standing;
use crate::oauth::token_request::Narrowing;
use crate::random;
use crate::store::database::Undone;
use crate::store::{SigningKeys, Stores};
use crate::usage::Issued;
use crate::web::public_address::PublicAddress;

/// What the keys of an issuer are called when they cannot be had.
const ISSUER: &str = "the assertion's issuer";

/// Exchanges an assertion for an access token. There is no refresh token: the identity provider is asked again instead,
/// and so has its say (§4.4.3 of the draft).
pub async fn exchange<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    keys: &SigningKeys<S::Key>,
    client: &AuthenticatedClient,
    assertion: &str,
    narrowing: Narrowing,
    proof: Option<ProvenKey>,
) -> Result<TokenResponse, Failure> {
    let app = client.app();
    dpop::require(app, proof.as_ref())?;
    check_client(client)?;
    let (jag, trust) = verify(context, app, assertion).await?;
    jag.check_key(proof.as_ref()).map_err(OAuthError::from)?;
    let (grant, vouched) = vouch(context, request, app, &jag, trust, &narrowing).await?;
    let family = FamilyId(random::bytes(context.random));
    let apis = app.apis.iter().filter(|api| grant.resources.contains(&api.resource));
    // Nothing refreshes it: it is gone with its access token, and makes room for others.
    let lifetime = app.access_token_lifetime(apis);
    let bound_to = proof.as_ref().map(|proof| proof.thumbprint.clone());
    let operation = Operation::Redeem(Box::new(Redeem {
        code_hash: jag.use_name.clone(),
        code_expires_at: jag.expires_at,
        attempt: base64url(random::bytes::<16>(context.random)),
        family: family.hash(),
        client_id: app.client_id.clone(),
        app_epoch: app.epoch,
        user_id: vouched.user_id.clone(),
        consent_id: vouched.consent_id.clone(),
        scopes: grant.scopes.clone(),
        resources: grant.resources.clone(),
        auth_time: jag.person.auth_time,
        dpop_key: None,
        proof: proof.map(|proof| proof.single_use),
        lifetimes: Lifetimes {
            idle: lifetime,
            absolute: lifetime,
        },
        origin: Some(caller::origin(context, request)),
        kind: Redeemable::Assertion,
        token_lifetime: Some(lifetime),
    }));
    let place = match ask_ledger(context, vouched.shard, &operation).await? {
        Outcome::Redeemed => None,
        Outcome::RedeemedListed { place } => Some(place),
        Outcome::Refused {
            reason: Refusal::CodeUsed,
        } => return Err(OAuthError::from(IdJagError::Replayed).into()),
        Outcome::Refused {
            reason: Refusal::CodeExpired,
        } => return Err(OAuthError::from(IdJagError::Expired).into()),
        Outcome::Refused {
            reason: Refusal::ConsentEnded,
        } => return Err(invalid_grant("the organization or the user has just ended this app's access").into()),
        outcome => return Err(refused(&outcome)),
    };
    let token = Grant {
        app,
        app_epoch: app.epoch,
        subject: &vouched.user_id,
        grant,
        auth_time: Some(jag.person.auth_time),
        family: Some(FamilyReference {
            shard: vouched.shard,
            family: family.hash(),
            consent: vouched.consent_id,
        }),
        place,
        bound_to,
    };
    respond(context, keys, Issued::ForAssertion, token, None).await
}

/// The organization agrees in place of its people, not of the reviewers; and whoever holds an assertion has to prove that
/// it is the client it was made for (§9.1 of the draft).
fn check_client(client: &AuthenticatedClient) -> Result<(), OAuthError> {
    match client.is_confidential() && client.app().standing() == Standing::Reviewed {
        true => Ok(()),
        false => Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "this grant is for reviewed clients that authenticate",
        )),
    }
}

/// What the assertion says, if a trusted issuer signed it, and what there is behind it.
async fn verify<S: Stores>(context: &Context<'_, S>, app: &App, assertion: &str) -> Result<(IdJag, Trust), Failure> {
    let expected = Expected {
        issuer: context.config.issuer.as_str(),
        client_id: &app.client_id,
        now: context.now,
    };
    let unverified = UnverifiedIdJag::check(assertion, expected).map_err(OAuthError::from)?;
    let trust = find(context, &unverified, app).await?;
    let address = keys_of(context, &trust, unverified.issuer()).await?;
    let signature_is_good = is_signed_by_keys_at(context, address.address(), ISSUER, unverified.jwt()).await?;
    let jag = unverified.accept(signature_is_good).map_err(OAuthError::from)?;
    Ok((jag, trust))
}

async fn find<S: Stores>(
    context: &Context<'_, S>,
    assertion: &UnverifiedIdJag<'_>,
    app: &App,
) -> Result<Trust, Failure> {
    let trust = trust::find(context.stores, assertion.named(), &app.client_id).await?;
    Ok(trust.ok_or_else(|| OAuthError::from(IdJagError::Untrusted))?)
}

/// Where the keys of a trusted issuer are: where the operator says, or the issuer itself. An issuer is trusted to say who
/// its people are, not to have anything asked that is not on the public internet.
async fn keys_of<S: Stores>(context: &Context<'_, S>, trust: &Trust, issuer: &str) -> Result<PublicAddress, Failure> {
    let public = |what: &str, address: &str| {
        PublicAddress::parse(address, &context.config.issuer)
            .map_err(|error| unavailable(ISSUER, &format!("its {what} {error}")))
    };
    if let Some(uri) = &trust.jwks_uri {
        return public("jwks_uri", uri);
    }
    public("address", issuer)?;
    match provider::metadata(context, issuer).await {
        Ok(provider) => public("jwks_uri", provider.jwks_uri.as_str()),
        Err(_) => Err(unavailable(ISSUER, "its metadata cannot be had")),
    }
}

/// What the token may allow, and the consent behind it, written if need be. When somebody else wrote meanwhile, all of it
/// is judged once more.
async fn vouch<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    app: &App,
    jag: &IdJag,
    mut trust: Trust,
    narrowing: &Narrowing,
) -> Result<(EffectiveGrant, Vouched), Failure> {
    let asking = Asking {
        app,
        origin: &caller::origin(context, request),
        random: context.random,
        now: context.now,
    };
    for _ in 0..3 {
        let allowed = trust.allowed().map_err(OAuthError::from)?;
        let grant = jag.grant(app, allowed, narrowing)?;
        let (vouched, statements) = trust.vouch(jag, &grant.scopes, asking).map_err(OAuthError::from)?;
        if statements.is_empty() {
            return Ok((grant, vouched));
        }
        match context.stores.transact(statements).await {
            Ok(_) => return Ok((grant, vouched)),
            Err(Undone::Store(_)) => return Err(Failure::Unavailable),
            Err(Undone::Refused) => {}
        }
        let found = trust::find(context.stores, jag.named(), &app.client_id).await?;
        trust = found.ok_or_else(|| OAuthError::from(IdJagError::Untrusted))?;
    }
    Err(Failure::Unavailable)
}
