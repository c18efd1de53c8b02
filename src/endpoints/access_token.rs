//! Issuing and reading access tokens (RFC 9068), for the endpoints that do.

use std::time::Duration;

use crate::context::Context;
use crate::crypto::base64url;
use crate::oauth::access_token::{
    AccessToken, AccessTokenClaims, Audience, FamilyReference, GrantReference, UnverifiedAccessToken,
};
use crate::oauth::client::{App, SubjectType};
use crate::oauth::scope::Scopes;
use crate::random;
use crate::store::{StoreError, Stores};
use crate::time::Timestamp;

/// What an access token is issued for.
pub struct Grant<'a> {
    /// The app.
    pub app: &'a App,
    /// Whom it speaks for.
    pub subject: &'a str,
    /// What it allows; not empty.
    pub scopes: &'a Scopes,
    /// The APIs it is for, by registered resource indicator.
    pub resources: Vec<String>,
    /// When the user signed in.
    pub auth_time: Option<Timestamp>,
    /// The family it belongs to.
    pub family: Option<FamilyReference>,
}

/// An access token and how long it lives, in seconds.
pub struct IssuedToken {
    /// The JWT.
    pub token: String,
    /// `expires_in`
    pub expires_in: u32,
}

/// The key to sign with, fetched before anything is consumed: a server that cannot sign must not redeem.
pub struct SigningKey(String);

impl SigningKey {
    /// Makes sure that there is a key.
    pub async fn fetch<S: Stores>(context: &Context<'_, S>) -> Result<Self, StoreError> {
        context.stores.signing_kid().await.map(Self)
    }

    /// Issues an access token.
    pub async fn issue<S: Stores>(
        &self,
        context: &Context<'_, S>,
        grant: Grant<'_>,
    ) -> Result<IssuedToken, StoreError> {
        let apis = grant
            .app
            .apis
            .iter()
            .filter(|api| grant.resources.contains(&api.resource));
        let expires_in = grant.app.access_token_lifetime(apis);
        let token = AccessToken {
            claims: AccessTokenClaims {
                iss: context.config.issuer.as_str().to_owned(),
                sub: grant.subject.to_owned(),
                aud: Audience::new(grant.resources),
                client_id: grant.app.client_id.clone(),
                jti: base64url(random::bytes::<16>(context.random)),
                scope: grant.scopes.to_string(),
                auth_time: grant.auth_time.map(Timestamp::as_seconds),
                app_type: "third_party".into(),
                developer_id: grant.app.developer.id.clone(),
                latchkey: GrantReference {
                    app_epoch: grant.app.epoch,
                    family: grant.family,
                },
            },
            issued_at: context.now,
            expires_at: context.now + Duration::from_secs(expires_in.into()),
        };
        let signing_input = token.signing_input(&self.0).ok_or_else(|| StoreError {
            part: "keys",
            detail: "the claims cannot be written".into(),
        })?;
        let signature = context.stores.sign(&self.0, signing_input.as_bytes()).await?;
        Ok(IssuedToken {
            token: AccessToken::assemble(&signing_input, &signature),
            expires_in,
        })
    }
}

/// Reads an access token of ours: type, algorithm, signature, issuer and expiry are good. Whether it was
/// revoked, the ledger knows.
pub async fn verify<S: Stores>(context: &Context<'_, S>, text: &str) -> Result<Option<AccessToken>, StoreError> {
    let Some(unverified) = UnverifiedAccessToken::parse(text) else {
        return Ok(None);
    };
    let signing_input = unverified.signing_input.as_bytes();
    let good = context
        .stores
        .verify(&unverified.kid, signing_input, &unverified.signature)
        .await?;
    Ok(if good {
        unverified.accept(context.config.issuer.as_str(), context.now)
    } else {
        None
    })
}

/// The scopes that count today: those granted, as far as the app still registers them and the operator still
/// grants them, and as far as they belong to these APIs.
pub fn effective_scopes(app: &App, subject: SubjectType, granted: &Scopes, resources: &[String]) -> Scopes {
    let apis = app.apis.iter().filter(|api| resources.contains(&api.resource));
    let of_apis: Scopes = apis
        .flat_map(|api| api.scopes.iter().map(|scope| scope.name.as_str()))
        .collect();
    granted
        .intersection(&app.grantable_scopes(subject))
        .intersection(&of_apis)
}
