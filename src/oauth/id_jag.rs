//! Identity assertions of an enterprise: the authorization grant ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant,
//! with MCP Enterprise-Managed Authorization), presented by the JWT bearer grant (RFC 7523 §2.1).

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::client::{App, SubjectType};
use super::dpop::ProvenKey;
use super::error::{ErrorCode, OAuthError};
use super::grant::{EffectiveGrant, narrow_resources};
use super::jws::{JwtError, SignedJwt};
use super::scope::Scopes;
use super::token_request::Narrowing;
use crate::crypto::{from_base64url, hash};
use crate::sign_in::auth_time;
use crate::sign_in::id_token::{Names, is_subject};
use crate::sign_in::identity::Identity;
use crate::time::Timestamp;

/// The grant that carries it (RFC 7523 §2.1).
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Its name in metadata (`authorization_grant_profiles_supported`).
pub const PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";
const TYPE: &str = "oauth-id-jag+jwt";

/// How far an issuer's clock may be ahead.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How long an assertion may live: as long its use has to be remembered.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
const MAX_JTI: usize = 256;
/// The longest value of `tenant`, in letters.
pub const MAX_TENANT: usize = 255;
/// How many resources one assertion may name.
const MAX_RESOURCES: usize = 20;

/// What an assertion must be made for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// This server's issuer identifier.
    pub issuer: &'a str,
    /// The client that presents it, and has proved who it is.
    pub client_id: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Why an assertion is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdJagError {
    /// It is no JWT, or one signed by an algorithm that is not understood: `none` or HS256, say.
    #[error("{0}")]
    Jwt(JwtError),
    /// `typ` is another (RFC 8725 §3.11).
    #[error("must have the type oauth-id-jag+jwt")]
    Type,
    /// `iss` is missing, or names this server.
    #[error("must name another server as its iss")]
    Issuer,
    /// `aud` is not this server alone.
    #[error("must have this server's issuer identifier as its only aud")]
    Audience,
    /// `client_id` is not the one that presents it.
    #[error("is for another client_id")]
    Client,
    /// `exp` is missing or past.
    #[error("has expired")]
    Expired,
    /// `exp` is too far ahead.
    #[error("lives too long: exp may be an hour ahead at most")]
    Lifetime,
    /// `iat` is missing, or it or `nbf` is ahead.
    #[error("is from the future, or does not say when it is from")]
    IssuedAt,
    /// `jti` is missing or too long.
    #[error("needs a jti of at most 256 letters")]
    Jti,
    /// `sub` is missing, or longer than 255 letters of ASCII.
    #[error("has no sub of at most 255 ASCII letters")]
    Subject,
    /// `tenant` is no text of at most 255 letters.
    #[error("has a tenant that is no text of at most 255 letters")]
    Tenant,
    /// `scope` is no list of scopes.
    #[error("has a scope that is none")]
    Scope,
    /// `resource` is neither a text nor a few of them.
    #[error("has a resource that is none")]
    Resource,
    /// `cnf` names no key by its thumbprint.
    #[error("is bound to a key in a way that is not understood: cnf must have jkt and nothing else")]
    Confirmation,
    /// Nobody here trusts who issued it.
    #[error("is from an issuer that is not trusted here")]
    Untrusted,
    /// No key of its issuer made the signature.
    #[error("is not signed by a key of its issuer")]
    Signature,
    /// It was used before.
    #[error("was used before: get a new one for each request")]
    Replayed,
    /// It is bound to a key, and the request does not prove that it has that one.
    #[error("is bound to a key: send a DPoP proof made with it")]
    Key,
    /// A resource that is none of this server's APIs.
    #[error("names a resource that is none of this server's APIs")]
    ForeignResource,
    /// The organization behind it has not allowed the client, or blocks it.
    #[error("is from an organization that does not allow this client")]
    NotAllowed,
    /// Nobody is known under its `sub`, and the organization lets nobody new in.
    #[error("names nobody who is known here")]
    UnknownPerson,
    /// It names somebody who is suspended, or whom the organization removed.
    #[error("names somebody who is suspended, or no member of the organization")]
    PersonOut,
    /// Nothing of what it asks for is to be had.
    #[error("asks for nothing that this client may have")]
    NothingLeft,
}

impl From<IdJagError> for OAuthError {
    fn from(error: IdJagError) -> Self {
        Self::new(ErrorCode::InvalidGrant, format!("the assertion {error}"))
    }
}

/// An assertion whose claims are good and whose signature nobody has checked yet.
#[derive(Debug)]
pub struct UnverifiedIdJag<'a> {
    jwt: SignedJwt<'a>,
    claims: IdJag,
}

/// What a trusted issuer says: proof that one of its keys made the signature. Whether it was used before, the ledger
/// knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdJag {
    /// Who it is about, and what they are called. Issuer, tenant and subject tell people apart; nothing else does.
    pub person: Identity,
    /// Which of the issuer's customers they belong to; empty: it does not say.
    pub tenant: String,
    /// `exp`
    pub expires_at: Timestamp,
    /// What its one use is remembered by.
    pub use_name: String,
    /// `None`: it leaves that to this server.
    scopes: Option<Scopes>,
    /// Empty: it leaves that to this server.
    resources: Vec<String>,
    /// The thumbprint of the key it is bound to.
    key: Option<String>,
}

/// By what people are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `tenant`; empty: there is none.
    pub tenant: &'a str,
    /// `sub`
    pub subject: &'a str,
}

impl<'a> UnverifiedIdJag<'a> {
    /// Checks everything but the signature, and whether the issuer is trusted.
    pub fn check(assertion: &'a str, expected: Expected<'_>) -> Result<Self, IdJagError> {
        let jwt = SignedJwt::parse(assertion).map_err(IdJagError::Jwt)?;
        if !jwt.is_of_type(TYPE) {
            return Err(IdJagError::Type);
        }
        // Only across domains: what this server says of its own people is no assertion here (§9.3 of the draft).
        let issuer = jwt.text("iss").filter(|issuer| *issuer != expected.issuer);
        let issuer = issuer.ok_or(IdJagError::Issuer)?.to_owned();
        if !is_only_audience(&jwt, expected.issuer) {
            return Err(IdJagError::Audience);
        }
        if jwt.text("client_id") != Some(expected.client_id) {
            return Err(IdJagError::Client);
        }
        let expires_at = check_times(&jwt, expected.now)?;
        let jti = jwt.text("jti").filter(|jti| jti.len() <= MAX_JTI);
        let jti = jti.ok_or(IdJagError::Jti)?;
        let subject = jwt.text("sub").filter(|subject| is_subject(subject));
        let subject = subject.ok_or(IdJagError::Subject)?.to_owned();
        let told = jwt.moment("auth_time").map_err(IdJagError::Jwt)?;
        let names = Names::of(|name| jwt.claim(name));
        let claims = IdJag {
            tenant: tenant(&jwt)?,
            expires_at,
            use_name: hash(&format!("id-jag {issuer} {jti}")),
            scopes: scopes(&jwt)?,
            resources: resources(&jwt)?,
            key: confirmed_key(&jwt)?,
            person: Identity {
                issuer,
                subject,
                name: names.name,
                account_name: names.account_name,
                auth_time: told.map_or(auth_time::UNKNOWN, |told| told.min(expected.now)),
            },
        };
        Ok(Self { jwt, claims })
    }

    /// Whose keys must have made the signature.
    pub fn issuer(&self) -> &str {
        &self.claims.person.issuer
    }

    /// Whom it names, before anything of that is believed.
    pub fn named(&self) -> Named<'_> {
        self.claims.named()
    }

    /// The JWT, for its signature to be checked. Keys it brings itself or points to count for nothing (RFC 8725 §3.10).
    pub fn jwt(&self) -> &SignedJwt<'a> {
        &self.jwt
    }

    /// What it says, if its signature was found good.
    pub fn accept(self, signature_is_good: bool) -> Result<IdJag, IdJagError> {
        match signature_is_good {
            true => Ok(self.claims),
            false => Err(IdJagError::Signature),
        }
    }
}

impl IdJag {
    /// Whom it names.
    pub fn named(&self) -> Named<'_> {
        Named {
            issuer: &self.person.issuer,
            tenant: &self.tenant,
            subject: &self.person.subject,
        }
    }

    /// Checks that whoever presents it holds the key it is bound to.
    pub fn check_key(&self, proof: Option<&ProvenKey>) -> Result<(), IdJagError> {
        match &self.key {
            Some(key) if proof.is_none_or(|proof| proof.thumbprint != *key) => Err(IdJagError::Key),
            _ => Ok(()),
        }
    }

    /// What a token for it may allow: what it says ∩ what the app may have ∩ what the organization allows the app, and of
    /// that what the request asks for.
    pub fn grant(&self, app: &App, allowed: &Scopes, asked: &Narrowing) -> Result<EffectiveGrant, OAuthError> {
        let resources = self.resources.iter().map(|resource| app.api_by_resource(resource));
        let named: Option<Vec<String>> = resources.map(|api| api.map(|api| api.resource.clone())).collect();
        let mut resources = named.ok_or(IdJagError::ForeignResource)?;
        if resources.is_empty() {
            resources = app.apis.iter().map(|api| api.resource.clone()).collect();
        }
        let resources = narrow_resources(&resources, &asked.resources).ok_or_else(|| {
            let description = "resource is not one that the assertion is for";
            OAuthError::new(ErrorCode::InvalidTarget, description)
        })?;
        let mut scopes = match &self.scopes {
            Some(scopes) => scopes.clone(),
            None => app.default_scopes(SubjectType::User),
        };
        if let Some(asked) = &asked.scopes {
            let beyond = asked.difference(&scopes);
            if !beyond.is_empty() {
                let description = format!("the assertion does not have: {beyond}");
                return Err(OAuthError::new(ErrorCode::InvalidScope, description));
            }
            scopes.clone_from(asked);
        }
        let available = app.available_scopes(SubjectType::User);
        let grant = available.effective(&scopes.intersection(allowed), &resources);
        Ok(grant.ok_or(IdJagError::NothingLeft)?)
    }
}

/// Whether this server and nobody else is meant: as a string, or as the one element of an array.
fn is_only_audience(jwt: &SignedJwt<'_>, issuer: &str) -> bool {
    match jwt.claim("aud") {
        Some(Value::String(only)) => only == issuer,
        Some(Value::Array(several)) => matches!(several.as_slice(), [Value::String(only)] if only == issuer),
        _ => false,
    }
}

fn check_times(jwt: &SignedJwt<'_>, now: Timestamp) -> Result<Timestamp, IdJagError> {
    let moment = |name| jwt.moment(name).map_err(IdJagError::Jwt);
    let expires_at = moment("exp")?.filter(|at| *at > now).ok_or(IdJagError::Expired)?;
    if expires_at > now + MAX_LIFETIME + CLOCK_SKEW {
        return Err(IdJagError::Lifetime);
    }
    let ahead = |at: Timestamp| at > now + CLOCK_SKEW;
    if moment("iat")?.is_none_or(ahead) || moment("nbf")?.is_some_and(ahead) {
        return Err(IdJagError::IssuedAt);
    }
    Ok(expires_at)
}

fn tenant(jwt: &SignedJwt<'_>) -> Result<String, IdJagError> {
    match jwt.claim("tenant") {
        None => Ok(String::new()),
        Some(Value::String(tenant)) if !tenant.is_empty() && tenant.len() <= MAX_TENANT => Ok(tenant.clone()),
        Some(_) => Err(IdJagError::Tenant),
    }
}

fn scopes(jwt: &SignedJwt<'_>) -> Result<Option<Scopes>, IdJagError> {
    match jwt.claim("scope") {
        None => Ok(None),
        // One with nothing but `offline_access` names no scope, and is not one that leaves it to this server.
        Some(Value::String(text)) => {
            let scopes = Scopes::parse_requested(text).map_err(|_| IdJagError::Scope)?;
            Ok(Some(scopes.unwrap_or_default()))
        }
        Some(_) => Err(IdJagError::Scope),
    }
}

fn resources(jwt: &SignedJwt<'_>) -> Result<Vec<String>, IdJagError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match jwt.claim("resource") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(several)) if (1..=MAX_RESOURCES).contains(&several.len()) => {
            let texts: Option<Vec<String>> = several.iter().map(text).collect();
            texts.ok_or(IdJagError::Resource)
        }
        Some(_) => Err(IdJagError::Resource),
    }
}

fn confirmed_key(jwt: &SignedJwt<'_>) -> Result<Option<String>, IdJagError> {
    let Some(cnf) = jwt.claim("cnf") else { return Ok(None) };
    let members = cnf.as_object().filter(|members| members.len() == 1);
    let thumbprint = members.and_then(|members| members.get("jkt")).and_then(Value::as_str);
    let fits = |text: &&str| from_base64url(text).is_some_and(|bytes| bytes.len() == 32);
    let thumbprint = thumbprint.filter(fits).ok_or(IdJagError::Confirmation)?;
    Ok(Some(thumbprint.to_owned()))
}

#[cfg(test)]
#[path = "id_jag_tests.rs"]
pub mod tests;
