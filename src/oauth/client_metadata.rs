//! Client metadata (RFC 7591 §2): what an app says of itself when it registers by itself or by a document on the web.
//! All of it is hostile, and none of it is verified.

use serde_json::{Map, Value};
use thiserror::Error;

use super::client::AppType;
use super::client_security::Authentication;
use super::error::{ErrorCode, OAuthError};
use super::jwk::ClientKeys;
use super::redirect_uri::registration;
use super::redirect_uri::{RedirectUri, VerifiedRedirect};
use super::scope::Scopes;
use crate::config::Issuer;
use crate::web::public_address::PublicAddress;

/// How many redirect URIs an app may have.
const MAX_REDIRECT_URIS: usize = 20;
/// The longest name, in letters.
const MAX_NAME: usize = 200;
/// The longest text of a value that is no name, in letters.
const MAX_TEXT: usize = 2048;
/// How many grants or response types an app may name.
const MAX_NAMED: usize = 50;
/// The longest name of such a thing, in letters.
const MAX_WORD: usize = 200;
/// The one grant that gives a user's tokens, and the one that keeps them; apps nobody reviewed have no other.
const GRANTS: [&str; 2] = ["authorization_code", "refresh_token"];

/// How the metadata got here. It decides how the app may prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The registration endpoint, which can answer with a secret (RFC 7591).
    Registration,
    /// A document that everybody can read, so that it holds no secret (OAuth Client ID Metadata Document §4.1, §8.2).
    Document,
}

/// Metadata that was accepted, as far as this server keeps it; the rest is ignored (RFC 7591 §2).
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMetadata {
    /// `client_name`, if it has one.
    pub name: Option<String>,
    /// What kind of app it seems to be: one that can keep a secret, one in a browser, or one on a device.
    pub app_type: AppType,
    /// `token_endpoint_auth_method`: how it proves who it is.
    pub authentication: Authentication,
    /// `redirect_uris`, one at least.
    pub redirect_uris: Vec<RedirectUri>,
    /// `scope`: what it says it needs; `None`: whatever it may have.
    pub scope: Option<Scopes>,
    /// `jwks`, as it was sent.
    pub jwks: Option<Value>,
    /// `jwks_uri`
    pub jwks_uri: Option<PublicAddress>,
    /// `client_uri`, a page about the app.
    pub client_uri: Option<String>,
    /// `policy_uri`, what becomes of its users' data.
    pub policy_uri: Option<String>,
    /// `tos_uri`, its terms.
    pub tos_uri: Option<String>,
    /// `dpop_bound_access_tokens` (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// `token_endpoint_auth_method`, by its name.
    method: &'static str,
    /// `grant_types`: those of the two it may have that it named.
    grants: Vec<&'static str>,
    /// `application_type`, if it said.
    application_type: Option<&'static str>,
}

/// Why metadata was refused (RFC 7591 §3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadMetadata {
    /// `invalid_redirect_uri`
    #[error("{0}")]
    RedirectUri(String),
    /// `invalid_client_metadata`
    #[error("{0}")]
    Metadata(String),
}

impl From<BadMetadata> for OAuthError {
    fn from(bad: BadMetadata) -> Self {
        let code = match bad {
            BadMetadata::RedirectUri(_) => ErrorCode::InvalidRedirectUri,
            BadMetadata::Metadata(_) => ErrorCode::InvalidClientMetadata,
        };
        Self::new(code, bad.to_string())
    }
}

fn bad(text: impl Into<String>) -> BadMetadata {
    BadMetadata::Metadata(text.into())
}

impl ClientMetadata {
    /// Reads metadata that was sent to the server `own`. Members it does not know are ignored (RFC 7591 §2), and so are
    /// grants it does not offer: clients name all they know.
    pub fn parse(members: &Map<String, Value>, channel: Channel, own: &Issuer) -> Result<Self, BadMetadata> {
        let (authentication, method) = authentication(members, channel)?;
        let grants = grants(members)?;
        let redirect_uris = redirect_uris(members)?;
        let (jwks, jwks_uri) = keys(members, authentication, own)?;
        // Never linked, but fetched one day: an address inside somebody's network is not even kept.
        address(members, "logo_uri", own)?;
        let scope = text(members, "scope", MAX_TEXT)?.map(Scopes::parse_requested);
        let scope = scope.transpose().map_err(|_| bad("scope is malformed"))?.flatten();
        Ok(Self {
            name: text(members, "client_name", MAX_NAME)?
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            app_type: app_type(members, authentication, &redirect_uris)?,
            authentication,
            redirect_uris,
            scope,
            jwks,
            jwks_uri,
            client_uri: page(members, "client_uri", own)?,
            policy_uri: page(members, "policy_uri", own)?,
            tos_uri: page(members, "tos_uri", own)?,
            dpop_bound_access_tokens: flag(members, "dpop_bound_access_tokens")?,
            method,
            grants,
            application_type: application_type(members)?,
        })
    }

    /// The metadata as they were registered (RFC 7591 §3.2.1): what was passed over is not there.
    pub fn registered(&self) -> Value {
        let uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let mut registered = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            registered.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("client_name", self.name.as_deref().map(Value::from));
        set("redirect_uris", Some(uris.into()));
        set("token_endpoint_auth_method", Some(self.method.into()));
        set("grant_types", Some(self.grants.clone().into()));
        set("response_types", Some(vec!["code"].into()));
        set("application_type", self.application_type.map(Value::from));
        set("scope", self.scope.as_ref().map(|scope| scope.to_string().into()));
        set("jwks", self.jwks.clone());
        set(
            "jwks_uri",
            self.jwks_uri.as_ref().map(|address| address.as_str().into()),
        );
        set("client_uri", self.client_uri.as_deref().map(Value::from));
        set("policy_uri", self.policy_uri.as_deref().map(Value::from));
        set("tos_uri", self.tos_uri.as_deref().map(Value::from));
        set(
            "dpop_bound_access_tokens",
            self.dpop_bound_access_tokens.then_some(Value::Bool(true)),
        );
        Value::Object(registered)
    }
}

type Method = (Authentication, &'static str);

fn authentication(members: &Map<String, Value>, channel: Channel) -> Result<Method, BadMetadata> {
    let method = text(members, "token_endpoint_auth_method", MAX_WORD)?;
    if channel == Channel::Document {
        for secret in ["client_secret", "client_secret_expires_at"] {
            if members.contains_key(secret) {
                return Err(bad(format!(
                    "{secret} must not be in a document that everybody can read"
                )));
            }
        }
    }
    match (method, channel) {
        (Some("private_key_jwt"), _) => Ok((Authentication::PrivateKeyJwt, "private_key_jwt")),
        (Some("none"), _) | (None, Channel::Document) => Ok((Authentication::None, "none")),
        (Some("client_secret_post"), Channel::Registration) => Ok((Authentication::ClientSecret, "client_secret_post")),
        (Some("client_secret_basic") | None, Channel::Registration) => {
            Ok((Authentication::ClientSecret, "client_secret_basic"))
        }
        (Some("client_secret_basic" | "client_secret_post" | "client_secret_jwt"), Channel::Document) => Err(bad(
            "token_endpoint_auth_method must be none or private_key_jwt: a document that everybody can read has no secret",
        )),
        (Some(_), Channel::Registration) => Err(bad(
            "token_endpoint_auth_method must be none, client_secret_basic, client_secret_post or private_key_jwt",
        )),
        (Some(_), Channel::Document) => Err(bad("token_endpoint_auth_method must be none or private_key_jwt")),
    }
}

/// Unknown grants and response types are passed over, but a code must be among what is left of each (RFC 7591 §2.1).
fn grants(members: &Map<String, Value>) -> Result<Vec<&'static str>, BadMetadata> {
    let named = words(members, "grant_types")?;
    let of_ours = |grant: &&'static str| named.as_ref().is_none_or(|named| named.contains(grant));
    let grants: Vec<&'static str> = GRANTS.into_iter().filter(of_ours).collect();
    if !grants.contains(&"authorization_code") {
        return Err(bad(
            "grant_types must hold authorization_code: an app that registers itself acts for users only",
        ));
    }
    let responses = words(members, "response_types")?;
    if responses.is_some_and(|responses| !responses.contains(&"code")) {
        return Err(bad(
            "response_types must hold code, which the grant authorization_code needs",
        ));
    }
    Ok(grants)
}

fn application_type(members: &Map<String, Value>) -> Result<Option<&'static str>, BadMetadata> {
    let said = text(members, "application_type", MAX_WORD)?;
    Ok(["web", "native"].into_iter().find(|kind| Some(*kind) == said))
}

fn redirect_uris(members: &Map<String, Value>) -> Result<Vec<RedirectUri>, BadMetadata> {
    let sent = texts(members, "redirect_uris").map_err(|error| BadMetadata::RedirectUri(error.to_string()))?;
    let sent = sent.unwrap_or_default();
    if sent.is_empty() || sent.len() > MAX_REDIRECT_URIS {
        let message = format!("redirect_uris must hold at least one and at most {MAX_REDIRECT_URIS} addresses");
        return Err(BadMetadata::RedirectUri(message));
    }
    let mut uris: Vec<RedirectUri> = Vec::new();
    for (at, text) in sent.into_iter().enumerate() {
        // As lenient as to an app on a device in its tests: whose programs listen at loopback addresses is not known.
        let uri = registration::check(AppType::Mobile, text, true)
            .map_err(|reason| BadMetadata::RedirectUri(format!("redirect_uris[{at}] {reason}")))?;
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    Ok(uris)
}

type Keys = (Option<Value>, Option<PublicAddress>);

fn keys(members: &Map<String, Value>, authentication: Authentication, own: &Issuer) -> Result<Keys, BadMetadata> {
    let jwks = members.get("jwks").filter(|jwks| !jwks.is_null());
    let jwks_uri = address(members, "jwks_uri", own)?;
    if jwks.is_some() && jwks_uri.is_some() {
        return Err(bad("jwks and jwks_uri must not both be there"));
    }
    let keys = jwks.map(ClientKeys::parse).transpose();
    let keys = keys.map_err(|error| bad(format!("a key of jwks {error}")))?;
    let has_keys = jwks_uri.is_some() || keys.is_some_and(|keys| !keys.is_empty());
    if authentication == Authentication::PrivateKeyJwt && !has_keys {
        return Err(bad(
            "private_key_jwt needs a public key in jwks, or the address of such a set in jwks_uri",
        ));
    }
    Ok((jwks.cloned(), jwks_uri))
}

fn app_type(
    members: &Map<String, Value>,
    authentication: Authentication,
    redirect_uris: &[RedirectUri],
) -> Result<AppType, BadMetadata> {
    let said = text(members, "application_type", MAX_WORD)?;
    let on_the_web = |uri: &RedirectUri| {
        VerifiedRedirect::find(uri.as_str(), std::slice::from_ref(uri)).is_some_and(|uri| uri.leads_to_a_site())
    };
    Ok(match (authentication, said) {
        (Authentication::ClientSecret | Authentication::PrivateKeyJwt, _) => AppType::Web,
        (Authentication::None, Some("native")) => AppType::Mobile,
        (Authentication::None, _) if redirect_uris.iter().all(on_the_web) => AppType::Spa,
        (Authentication::None, _) => AppType::Mobile,
    })
}

/// An address that this server will ask one day: refused where it leads inside.
fn address(members: &Map<String, Value>, name: &str, own: &Issuer) -> Result<Option<PublicAddress>, BadMetadata> {
    let Some(text) = text(members, name, MAX_TEXT)? else {
        return Ok(None);
    };
    let address = PublicAddress::parse(text, own);
    address.map(Some).map_err(|reason| bad(format!("{name} {reason}")))
}

/// A page for people: left out where it is none they could open.
fn page(members: &Map<String, Value>, name: &str, own: &Issuer) -> Result<Option<String>, BadMetadata> {
    let text = text(members, name, MAX_TEXT)?;
    let page = text.and_then(|text| PublicAddress::parse(text, own).ok());
    Ok(page.map(|page| page.as_str().to_owned()))
}

/// A text of at most so many letters. `null` counts as left out.
fn text<'a>(members: &'a Map<String, Value>, name: &str, max: usize) -> Result<Option<&'a str>, BadMetadata> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().nth(max).is_none() => Ok(Some(text)),
        Some(Value::String(_)) => Err(bad(format!("{name} must have at most {max} letters"))),
        Some(_) => Err(bad(format!("{name} must be a text"))),
    }
}

fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, BadMetadata> {
    let list = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(_) => None,
    };
    list.map(Some)
        .ok_or_else(|| bad(format!("{name} must be a list of texts")))
}

fn words<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, BadMetadata> {
    let list = texts(members, name)?;
    let is_long =
        |list: &[&str]| list.len() > MAX_NAMED || list.iter().any(|word| word.chars().nth(MAX_WORD).is_some());
    match list.as_deref().is_some_and(is_long) {
        true => Err(bad(format!(
            "{name} must hold at most {MAX_NAMED} names of at most {MAX_WORD} letters"
        ))),
        false => Ok(list),
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, BadMetadata> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(bad(format!("{name} must be true or false"))),
    }
}

#[cfg(test)]
#[path = "client_metadata_tests.rs"]
mod tests;
