//! `POST /oauth/register` (RFC 7591) and `GET|PUT|DELETE /oauth/register/{client_id}` (RFC 7592).

use serde_json::{Map, Value, json};

use super::limits::{may_ask_about_registration, may_register, too_many_requests};
use super::management::caller::origin;
use super::{json_error, json_unavailable};
use crate::config::DynamicRegistration;
use crate::context::Context;
use crate::http::{Body, Reply, Request};
use crate::json;
use crate::oauth::client_metadata::{Channel, ClientMetadata};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::secret::Secret;
use crate::registration::dynamic::{Circumstances, Registered, Registration};
use crate::router;
use crate::store::database::Undone;
use crate::store::{StoreError, Stores};

/// Why a request is not answered as asked.
enum Failure {
    /// The metadata is at fault (RFC 7591 §3.2.2).
    Metadata(OAuthError),
    /// There is no token, where one must be (RFC 6750 §3).
    NoToken,
    /// The token is not good here (RFC 6750 §3.1).
    Token,
    /// The token is good, and what is asked is not to be done.
    Forbidden(&'static str),
    /// This address has registered too often.
    TooMany,
    /// Storage is out of reach.
    Unavailable,
    /// The app was changed while this request was at it.
    Meanwhile,
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::Metadata(error)
    }
}

impl Failure {
    fn reply(self) -> Reply {
        match self {
            Self::Metadata(error) => json_error(&error),
            Self::NoToken => unauthorized("Bearer", "a token is required: Authorization: Bearer ..."),
            Self::Token => unauthorized(
                "Bearer error=\"invalid_token\"",
                "the token is not one that is good here",
            ),
            Self::Forbidden(description) => {
                let error = OAuthError::new(ErrorCode::AccessDenied, description);
                Reply::json(403, &error.body()).telling(error.code.as_str())
            }
            Self::TooMany => too_many_requests(),
            Self::Unavailable => json_unavailable(),
            Self::Meanwhile => {
                let description = "the app was changed meanwhile: try again";
                json_error(&OAuthError::new(ErrorCode::TemporarilyUnavailable, description))
            }
        }
    }
}

fn unauthorized(challenge: &'static str, description: &str) -> Reply {
    let error = json!({ "error": "invalid_token", "error_description": description });
    Reply::json(401, &error)
        .header("WWW-Authenticate", challenge)
        .telling("invalid_token")
}

/// Registers an app (RFC 7591 §3).
pub async fn create<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    register(context, request).await.unwrap_or_else(Failure::reply)
}

/// Shows an app its registration (RFC 7592 §2.1).
pub async fn read<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    show(context, request, client_id).await.unwrap_or_else(Failure::reply)
}

/// Replaces the metadata of an app (RFC 7592 §2.2).
pub async fn replace<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    change(context, request, client_id).await.unwrap_or_else(Failure::reply)
}

/// Deletes an app (RFC 7592 §2.3).
pub async fn delete<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Reply {
    end(context, request, client_id).await.unwrap_or_else(Failure::reply)
}

async fn register<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Reply, Failure> {
    match &context.config.dynamic_registration {
        DynamicRegistration::Off => return Err(Failure::Forbidden("this server takes no registrations")),
        DynamicRegistration::Protected(expected) => {
            let token = bearer(request).ok_or(Failure::NoToken)?;
            if !token.matches(expected) {
                return Err(Failure::Token);
            }
        }
        DynamicRegistration::Open => {}
    }
    if !may_register(context, request).await {
        return Err(Failure::TooMany);
    }
    let members = members(request)?;
    let metadata = accepted(context, &members)?;
    let origin = &origin(context, request);
    let registered = Registered::new(&metadata, circumstances(context, origin));
    let Registered {
        client_id,
        secret,
        token,
        statements,
    } = registered;
    match context.stores.transact(statements).await {
        Ok(_) => {}
        Err(Undone::Store(_)) => return Err(Failure::Unavailable),
        Err(Undone::Refused) => {
            return Err(Failure::Forbidden(
                "this server takes no registrations: third-party apps have no default permissions here",
            ));
        }
    }
    let issued_at = context.now.as_seconds();
    let mut view = view(context, &client_id, issued_at, token.reveal(), metadata.registered());
    if let Some(secret) = &secret {
        give(&mut view, secret.reveal());
    }
    Ok(Reply::json(201, &Value::Object(view)))
}

async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Failure> {
    let (registration, token) = find(context, request, client_id).await?;
    let issued_at = registration.created_at.as_seconds();
    let view = view(context, client_id, issued_at, token.reveal(), registration.metadata);
    Ok(Reply::json(200, &Value::Object(view)))
}

async fn change<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Failure> {
    let (registration, token) = find(context, request, client_id).await?;
    let registration = own(registration)?;
    if !may_register(context, request).await {
        return Err(Failure::TooMany);
    }
    let members = members(request)?;
    let wrong = |description: &str| OAuthError::new(ErrorCode::InvalidClientMetadata, description);
    // RFC 7592 §2.2.
    if members.get("client_id").and_then(Value::as_str) != Some(client_id) {
        return Err(wrong("client_id must be there, and that of the registration").into());
    }
    let given_out = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if let Some(name) = given_out.into_iter().find(|name| members.contains_key(*name)) {
        return Err(wrong(&format!("{name} is not the client's to set")).into());
    }
    match members.get("client_secret") {
        None | Some(Value::Null) => {}
        Some(Value::String(secret)) if registration.has_secret(&Secret::new(secret.as_str())) => {}
        Some(_) => return Err(wrong("client_secret is not the one the app has, and clients do not choose it").into()),
    }
    let metadata = accepted(context, &members)?;
    let origin = &origin(context, request);
    let (secret, statements) = registration.replace(&metadata, circumstances(context, origin));
    write(context, statements).await?;
    let issued_at = registration.created_at.as_seconds();
    let mut view = view(context, client_id, issued_at, token.reveal(), metadata.registered());
    if let Some(secret) = &secret {
        give(&mut view, secret.reveal());
    }
    Ok(Reply::json(200, &Value::Object(view)))
}

async fn end<S: Stores>(context: &Context<'_, S>, request: &Request, client_id: &str) -> Result<Reply, Failure> {
    let (registration, _) = find(context, request, client_id).await?;
    let registration = own(registration)?;
    let origin = &origin(context, request);
    write(context, registration.delete(circumstances(context, origin))).await?;
    Ok(Reply::new(204, String::new()))
}

/// The registration whose token the request shows, and that token. One that is gone, or another's token, is no different
/// from a bad token (RFC 7592 §2.1).
async fn find<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    client_id: &str,
) -> Result<(Registration, Secret), Failure> {
    if !may_ask_about_registration(context, request).await {
        return Err(Failure::TooMany);
    }
    let token = bearer(request).ok_or(Failure::NoToken)?;
    let found = Registration::find(context.stores, client_id, &token).await?;
    let registration = found.ok_or(Failure::Token)?;
    Ok((registration, token))
}

fn own(registration: Registration) -> Result<Registration, Failure> {
    match registration.is_own {
        true => Ok(registration),
        false => Err(Failure::Forbidden(
            "somebody took this app up or decided about it: it is changed in the portal",
        )),
    }
}

async fn write<S: Stores>(
    context: &Context<'_, S>,
    statements: Vec<crate::store::database::Statement>,
) -> Result<(), Failure> {
    match context.stores.transact(statements).await {
        Ok(_) => Ok(()),
        Err(Undone::Store(_)) => Err(Failure::Unavailable),
        Err(Undone::Refused) => Err(Failure::Meanwhile),
    }
}

fn circumstances<'a, S>(
    context: &'a Context<'_, S>,
    origin: &'a crate::management::actor::Origin,
) -> Circumstances<'a> {
    Circumstances {
        random: context.random,
        now: context.now,
        origin,
    }
}

fn bearer(request: &Request) -> Option<Secret> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

fn members(request: &Request) -> Result<Map<String, Value>, OAuthError> {
    let wrong = |description: &str| OAuthError::new(ErrorCode::InvalidClientMetadata, description);
    let media_type = request.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(wrong("the body must be application/json"));
    }
    let bytes = match &request.body {
        Body::Bytes(bytes) => bytes,
        Body::TooLarge => return Err(wrong("the body is larger than 64 kB")),
        Body::Broken => return Err(wrong("the body broke off")),
    };
    match json::parse(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(wrong("the body must be a JSON object")),
    }
}

fn accepted<S>(context: &Context<'_, S>, members: &Map<String, Value>) -> Result<ClientMetadata, OAuthError> {
    if members
        .get("software_statement")
        .is_some_and(|statement| !statement.is_null())
    {
        let description = "this server trusts nobody's software statements";
        return Err(OAuthError::new(ErrorCode::UnapprovedSoftwareStatement, description));
    }
    let metadata = ClientMetadata::parse(members, Channel::Registration, &context.config.issuer);
    metadata.map_err(OAuthError::from)
}

/// A registration as its app sees it (RFC 7591 §3.2.1, RFC 7592 §3). The token is kept as a hash: whoever reads or changes a
/// registration gets back the one they showed.
fn view<S>(
    context: &Context<'_, S>,
    client_id: &str,
    issued_at: i64,
    token: &str,
    metadata: Value,
) -> Map<String, Value> {
    let mut view = match metadata {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let uri = context.config.issuer.url(&format!("{}/{client_id}", router::REGISTER));
    view.insert("client_id".into(), client_id.into());
    view.insert("client_id_issued_at".into(), issued_at.into());
    view.insert("registration_client_uri".into(), uri.into());
    view.insert("registration_access_token".into(), token.into());
    view
}

fn give(view: &mut Map<String, Value>, secret: &str) {
    view.insert("client_secret".into(), secret.into());
    // Never.
    view.insert("client_secret_expires_at".into(), 0.into());
}
