//! Issuing and reading access tokens (RFC 9068), for the endpoints that do.

use std::time::Duration;

use crate::context::Context;
use crate::crypto::base64url;
use crate::crypto::signing::SigningAlgorithm;
use crate::oauth::access_token::{
    AccessToken, AccessTokenClaims, Audience, Confirmation, FamilyReference, GrantReference, Status, StatusReference,
    UnverifiedAccessToken,
};
use crate::oauth::client::{ApiAccess, App};
use crate::oauth::grant::EffectiveGrant;
use crate::oauth::jws::Algorithm;
use crate::oauth::signed_jwt::assemble;
use crate::random;
use crate::sign_in::auth_time::known;
use crate::status_list::{ListName, Place};
use crate::store::{NamedKey, SigningKeys, StoreError, Stores};
use crate::time::Timestamp;

/// What an access token is issued for.
pub struct Grant<'a> {
    /// The app.
    pub app: &'a App,
    /// The app's epoch when the grant began. The app's record may be seconds old, so the later one counts.
    pub app_epoch: u32,
    /// Whom it speaks for.
    pub subject: &'a str,
    /// What it allows.
    pub grant: EffectiveGrant,
    /// When the user signed in; not named in the token if it is [unknown](crate::sign_in::auth_time::UNKNOWN).
    pub auth_time: Option<Timestamp>,
    /// The family it belongs to.
    pub family: Option<FamilyReference>,
    /// Where it is on a status list of its family's ledger object.
    pub place: Option<Place>,
    /// The thumbprint of the key it is bound to.
    pub bound_to: Option<String>,
}

/// An access token and how long it lives, in seconds.
pub struct IssuedToken {
    /// The JWT.
    pub token: String,
    /// `token_type`
    pub token_type: &'static str,
    /// `expires_in`
    pub expires_in: u32,
}

/// Issues an access token, with keys that were fetched before anything was consumed: a server that cannot sign must
/// not redeem.
pub async fn issue<S: Stores>(
    context: &Context<'_, S>,
    keys: &SigningKeys<S::Key>,
    Grant {
        app,
        app_epoch,
        subject,
        grant,
        auth_time,
        family,
        place,
        bound_to,
    }: Grant<'_>,
) -> Result<IssuedToken, StoreError> {
    let apis = app.apis.iter().filter(|api| grant.resources.contains(&api.resource));
    let algorithm = signing_algorithm(app, apis.clone());
    let expires_in = app.access_token_lifetime(apis);
    let token = AccessToken {
        claims: AccessTokenClaims {
            iss: context.config.issuer.as_str().to_owned(),
            sub: subject.to_owned(),
            aud: Audience::new(context.config.local_resources.audiences(grant.resources)),
            client_id: app.client_id.clone(),
            jti: base64url(random::bytes::<16>(context.random)),
            scope: grant.scopes,
            auth_time: auth_time.and_then(known).map(Timestamp::as_seconds),
            cnf: bound_to.map(|jkt| Confirmation { jkt }),
            app_type: "third_party".into(),
            developer_id: app.developer.id.clone(),
            status: family
                .as_ref()
                .zip(place)
                .map(|(family, place)| status(context, family, place)),
            latchkey: GrantReference {
                app_epoch: app.epoch.max(app_epoch),
                family,
            },
        },
        issued_at: context.now,
        expires_at: context.now + Duration::from_secs(expires_in.into()),
    };
    let NamedKey { kid, key } = keys.of(algorithm);
    Ok(IssuedToken {
        token: sign(context, key, token.signing_input(algorithm, kid)).await?,
        token_type: token.claims.token_type(),
        expires_in,
    })
}

fn status<S>(context: &Context<'_, S>, family: &FamilyReference, place: Place) -> Status {
    let list = ListName {
        shard: family.shard,
        period: place.period(),
    };
    Status {
        status_list: StatusReference {
            idx: place.index(),
            uri: context.config.issuer.url(&list.path()),
        },
    }
}

/// The one algorithm that every API of a token verifies: each must know RS256 (RFC 9068 §4), so one that asks for
/// it gets it. But not from an app whose profile has no RS256 (FAPI 2.0 §5.4).
fn signing_algorithm<'a>(app: &App, mut apis: impl Iterator<Item = &'a ApiAccess>) -> SigningAlgorithm {
    let wanted = apis.any(|api| api.signing_algorithm == SigningAlgorithm::Rs256);
    match wanted && app.security.allows(Algorithm::Rs256) {
        true => SigningAlgorithm::Rs256,
        false => SigningAlgorithm::Es256,
    }
}

/// Signs a JWT; `signing_input` is `None` when its claims could not be written.
pub async fn sign<S: Stores>(
    context: &Context<'_, S>,
    key: &S::Key,
    signing_input: Option<String>,
) -> Result<String, StoreError> {
    let signing_input = signing_input.ok_or_else(|| StoreError {
        part: "keys",
        detail: "the claims cannot be written".into(),
    })?;
    let signature = context.stores.sign(key, signing_input.as_bytes()).await?;
    Ok(assemble(&signing_input, &signature))
}

/// Reads an access token of ours: type, algorithm, signature, issuer and expiry are good. Whether it was
/// revoked, the ledger knows.
pub async fn verify<S: Stores>(context: &Context<'_, S>, text: &str) -> Result<Option<AccessToken>, StoreError> {
    let token = read(context, text).await?;
    Ok(token.filter(|token| token.expires_at > context.now))
}

/// The same for whoever tells an expired token from one that is none.
pub async fn read<S: Stores>(context: &Context<'_, S>, text: &str) -> Result<Option<AccessToken>, StoreError> {
    let Some(unverified) = UnverifiedAccessToken::parse(text) else {
        return Ok(None);
    };
    let signing_input = unverified.signing_input.as_bytes();
    let good = context
        .stores
        .verify(
            &unverified.kid,
            unverified.algorithm,
            signing_input,
            &unverified.signature,
        )
        .await?;
    Ok(if good {
        unverified.accept_expired(context.config.issuer.as_str())
    } else {
        None
    })
}
