//! `GET|POST /api/oauth/consent/{request_id}`: what the consent page shows and does, as JSON, for platforms that draw
//! the page themselves. The same checks, the same session, the same browser; docs/consent-api.md describes it.

use serde::Serialize;
use serde_json::Value;

use super::attempt::{self, Said, Verdict};
use super::choice::Offer;
use super::request::{DecidableRequest, NotReady, Ready};
use super::{place, refused_url, speaking_of};
use crate::context::Context;
use crate::endpoints::authorize::PendingRequest;
use crate::endpoints::browser::{login_url, origin_is_ours};
use crate::endpoints::problem::{described, unavailable};
use crate::http::{Body, Reply, Request};
use crate::json;
use crate::looks::LogoName;
use crate::oauth::redirect_uri::Destination;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::{NotServed, Standing};
use crate::pages::{DisplayName, readable_description};
use crate::store::Stores;

/// Who asks whom for what.
#[derive(Serialize)]
struct Shown<'a> {
    request: ShownRequest<'a>,
    app: ShownApp<'a>,
    user: ShownUser<'a>,
    /// The sealed request, which only this user in this session can send back.
    csrf_token: String,
}

#[derive(Serialize)]
struct ShownRequest<'a> {
    client_id: &'a str,
    redirect_uri: &'a str,
    /// The host the user will be sent to; absent where that is a program on their own device.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_host: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    permissions: Vec<ShownPermission<'a>>,
    expires_at: String,
}

#[derive(Serialize)]
struct ShownPermission<'a> {
    api: &'a str,
    scope: &'a str,
    title: &'a str,
    description: &'a str,
    sensitive: bool,
    new: bool,
    optional: bool,
    selected: bool,
}

#[derive(Serialize)]
struct ShownApp<'a> {
    client_id: &'a str,
    name: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_url: Option<String>,
    developer_name: String,
    /// Whether a reviewer approved it. The user has to be told if not.
    verified: bool,
    /// Whether only its testers may connect it for now.
    test_mode: bool,
}

#[derive(Serialize)]
struct ShownUser<'a> {
    id: &'a str,
    name: &'a str,
    username: &'a str,
}

/// A decision.
struct Sent {
    said: Said,
    csrf_token: String,
}

/// Tells who asks for what.
pub async fn show<S: Stores>(context: &Context<'_, S>, request: &Request, request_id: &str) -> Reply {
    let context = &speaking_of(context, request, request_id);
    let ready = match Ready::read(context, request, request_id).await {
        Ok(ready) => ready,
        Err(why) => return not_ready(context, request_id, why),
    };
    let Some(csrf_token) = ready.decidable(context).seal(context) else {
        return invalid_request(context, "the request is too long");
    };
    let asked = &ready.pending.request;
    let offer = Offer::new(&ready.app, asked, &ready.consents, None);
    let logo = ready.app.logo.as_deref().and_then(LogoName::parse);
    let unnamed = context.words().app_unnamed;
    let permissions = offer.apis.iter().flat_map(|(api, permissions)| {
        permissions.iter().map(|permission| ShownPermission {
            api: &api.name,
            scope: &permission.scope.name,
            title: &permission.scope.title,
            description: permission.scope.described_in(context.language).text(),
            sensitive: permission.scope.sensitive,
            new: permission.is_new,
            optional: permission.is_optional,
            selected: permission.is_ticked,
        })
    });
    let shown = Shown {
        request: ShownRequest {
            client_id: &asked.client_id,
            redirect_uri: asked.redirect_uri.as_str(),
            redirect_host: match asked.redirect_uri.destination() {
                Destination::Host(host) => Some(host),
                Destination::Scheme(_) | Destination::ThisDevice => None,
            },
            scope: asked.scopes.to_string(),
            state: asked.state.as_deref(),
            permissions: permissions.collect(),
            expires_at: ready.pending.expires_at.to_rfc3339(),
        },
        app: ShownApp {
            client_id: &ready.app.client_id,
            name: DisplayName::new(&ready.app.name, unnamed).to_string(),
            description: readable_description(&ready.app.description),
            logo_url: logo.map(|logo| context.config.issuer.url(&logo.path())),
            developer_name: DisplayName::new(
                &ready.app.developer.name,
                context.words().connected_apps_unknown_developer,
            )
            .to_string(),
            verified: ready.app.standing() == Standing::Reviewed,
            test_mode: ready.app.standing() == Standing::Testing,
        },
        user: ShownUser {
            id: &ready.signed_in.user.id,
            name: &ready.signed_in.user.name,
            username: &ready.signed_in.user.username,
        },
        csrf_token,
    };
    Reply::json(200, &shown)
}

/// Takes the user's decision and tells where the browser has to go with it.
pub async fn decide<S: Stores>(context: &Context<'_, S>, request: &Request, request_id: &str) -> Reply {
    let sent = match Sent::read(context, request) {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    if !origin_is_ours(context, request) {
        return error(context, 403, "forbidden", "the Origin header must be this server's");
    }
    let pending = PendingRequest::open(context, request_id);
    let decidable = DecidableRequest::open(context, &sent.csrf_token);
    let (Some(pending), Some(decidable)) = (pending, decidable) else {
        return expired(context);
    };
    if pending.id != decidable.pending.id {
        return invalid_request(context, "csrf_token is another request's");
    }
    if !decidable.is_shown_to(request) {
        return error(
            context,
            403,
            "forbidden",
            "the request was shown in another session or browser",
        );
    }
    match attempt::decide(context, request, decidable, &sent.said).await {
        Verdict::To { url, .. } => Reply::json(200, &serde_json::json!({ "redirect_to": url })),
        Verdict::AlreadyDecided => error(context, 409, "already_decided", "this request was decided before"),
        Verdict::NothingChosen => invalid_request(context, "choose at least one permission, or send approved: false"),
        Verdict::NotServed(why) => not_served(context, &pending, why),
        Verdict::SignedOut => sign_in_first(context, request_id),
        Verdict::TryAgain(again) => try_again(context, again.seal(context)),
    }
}

impl Sent {
    fn read<S>(context: &Context<'_, S>, request: &Request) -> Result<Self, Reply> {
        let media_type = request.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(invalid_request(context, "the body must be application/json"));
        }
        let bytes = match &request.body {
            Body::Bytes(bytes) => bytes,
            Body::TooLarge => return Err(error(context, 413, "invalid_request", "the body is larger than 64 kB")),
            Body::Broken => return Err(invalid_request(context, "the body broke off")),
        };
        let Ok(Value::Object(mut members)) = json::parse(bytes) else {
            return Err(invalid_request(context, "the body must be a JSON object"));
        };
        let said = match (members.remove("approved"), members.remove("scopes")) {
            (Some(Value::Bool(false)), None) => Said::No,
            (Some(Value::Bool(true)), None) => Said::Whole,
            (Some(Value::Bool(approved)), Some(Value::Array(scopes))) => {
                let named: Option<Scopes> = scopes.iter().map(Value::as_str).collect();
                let named = named.ok_or_else(|| invalid_request(context, "scopes must be names"))?;
                if approved { Said::Yes(named) } else { Said::No }
            }
            _ => {
                return Err(invalid_request(
                    context,
                    "approved must be true or false, and scopes a list of names",
                ));
            }
        };
        let Some(Value::String(csrf_token)) = members.remove("csrf_token") else {
            return Err(invalid_request(context, "csrf_token is required"));
        };
        // A member nobody reads may be a permission somebody thought they had taken away.
        if !members.is_empty() {
            return Err(invalid_request(
                context,
                "only approved, scopes and csrf_token are understood",
            ));
        }
        Ok(Self { said, csrf_token })
    }
}

fn not_ready<S>(context: &Context<'_, S>, request_id: &str, why: NotReady) -> Reply {
    match why {
        NotReady::Expired => expired(context),
        NotReady::OtherBrowser => error(context, 403, "forbidden", "the request began in another browser"),
        NotReady::SignInFirst => sign_in_first(context, request_id),
        NotReady::AppUnavailable => invalid_request(context, "this app cannot be connected at the moment"),
        NotReady::NotServed(pending, _, why) => not_served(context, &pending, why),
        NotReady::Unavailable => unavailable(context),
    }
}

fn sign_in_first<S>(context: &Context<'_, S>, request_id: &str) -> Reply {
    let detail = "the user has to sign in, and comes back to the consent page";
    let way = login_url(&place(request_id));
    described(context, 401, "unauthorized", detail, vec![("login_url", way.into())])
}

/// The page says so and offers the way back.
fn not_served<S>(context: &Context<'_, S>, pending: &PendingRequest, why: NotServed) -> Reply {
    if why == NotServed::Unavailable {
        return invalid_request(context, "this app cannot be connected at the moment");
    }
    let way = refused_url(context, pending, why);
    let more = vec![("redirect_to", way.into())];
    described(context, 403, "access_denied", why.for_developers(), more)
}

/// Nobody knows whether it was written: with this token the same attempt is made once more, and gets the answer of what
/// was.
fn try_again<S>(context: &Context<'_, S>, csrf_token: Option<String>) -> Reply {
    let detail = "storage is out of reach: send the same again with this csrf_token";
    let more = vec![("csrf_token", csrf_token.into())];
    described(context, 503, "temporarily_unavailable", detail, more)
}

fn expired<S>(context: &Context<'_, S>) -> Reply {
    invalid_request(context, "the request is unknown or has expired")
}

fn invalid_request<S>(context: &Context<'_, S>, description: &str) -> Reply {
    error(context, 400, "invalid_request", description)
}

fn error<S>(context: &Context<'_, S>, status: u16, code: &'static str, description: &str) -> Reply {
    described(context, status, code, description, Vec::new())
}
