//! Who sends a request: a user in their session, or an app by its access token.

use crate::context::Context;
use crate::crypto::base64url;
use crate::crypto::keys::Purpose;
use crate::endpoints::access_token;
use crate::endpoints::browser::{origin_is_ours, signed_in};
use crate::endpoints::client_request::Failure;
use crate::endpoints::limits;
use crate::endpoints::live_token::{current_app, effective_grant};
use crate::http::Request;
use crate::management::actor::{Actor, Origin, UserInSession, Who};
use crate::management::problem::Problem;
use crate::store::{SignedIn, Stores};

const NOT_GOOD: Problem = Problem::Unauthorized("the access token is not good, or not for this API");

/// The resource indicator of the management API (RFC 8707), which access tokens for it have as audience.
pub fn resource<S>(context: &Context<'_, S>) -> String {
    context.config.issuer.url("/api")
}

/// Whoever sends a JSON request. With a session, what changes something must come from a page of ours.
pub async fn of_api<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<Actor, Problem> {
    if let Some(authorization) = request.header("authorization") {
        let who = by_token(context, authorization).await?;
        return load(context, request, who).await;
    }
    let signed_in = signed_in(context, request).await?;
    let signed_in = signed_in.ok_or(Problem::Unauthorized("sign in first, or send an access token"))?;
    if !only_reads(request) && !origin_is_ours(context, request) {
        return Err(Problem::Forbidden(
            "with a session, the Origin header must be this server's",
        ));
    }
    load(context, request, user(signed_in)).await
}

/// What somebody signed in is to the portal and the console.
pub async fn of_session<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    signed_in: SignedIn,
) -> Result<Actor, Problem> {
    load(context, request, user(signed_in)).await
}

fn user(signed_in: SignedIn) -> Who {
    Who::User(UserInSession {
        id: signed_in.user.id,
        name: signed_in.user.name,
        session: signed_in.session,
        may_develop: signed_in.may_develop,
    })
}

/// RFC 6750 §2.1.
async fn by_token<S: Stores>(context: &Context<'_, S>, authorization: &str) -> Result<Who, Problem> {
    let bearer = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer.ok_or(Problem::Unauthorized(
        "the Authorization header must be: Bearer <access token>",
    ))?;
    let resource = resource(context);
    let Some(token) = access_token::verify(context, token.trim()).await? else {
        return Err(NOT_GOOD);
    };
    let claims = &token.claims;
    if !claims.aud.contains(&resource) {
        return Err(NOT_GOOD);
    }
    // Its key would have to be proved (RFC 9449 §7.2).
    if claims.cnf.is_some() {
        return Err(Problem::Unauthorized(
            "this API takes no access tokens that are bound to a key",
        ));
    }
    let app = current_app(context, &claims.client_id, claims.latchkey.app_epoch).await;
    let app = app.map_err(unavailable)?.ok_or(NOT_GOOD)?;
    let grant = effective_grant(context, claims, &app, &[resource]).await;
    let grant = grant.map_err(unavailable)?.ok_or(NOT_GOOD)?;
    Ok(Who::App {
        client_id: claims.client_id.clone(),
        user_id: (claims.sub != claims.client_id).then(|| claims.sub.clone()),
        scopes: grant.scopes,
    })
}

fn unavailable(_: Failure) -> Problem {
    Problem::Unavailable
}

/// The one place that every request to the portal, the console and their APIs comes through, as soon as it is known whose
/// it is: so this is where they are counted.
async fn load<S: Stores>(context: &Context<'_, S>, request: &Request, who: Who) -> Result<Actor, Problem> {
    limits::may_manage(context, &who, only_reads(request)).await?;
    let first = context.config.first_administrator.as_ref();
    let actor = Actor::load(
        context.stores,
        who,
        only_reads(request),
        origin(context, request),
        first,
    )
    .await?;
    Ok(actor)
}

fn only_reads(request: &Request) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD")
}

/// From where a request came, as the audit trail keeps it.
pub fn origin<S>(context: &Context<'_, S>, request: &Request) -> Origin {
    let keys = &context.config.sealing_keys;
    let address = match limits::Origin::of(request) {
        limits::Origin::Unknown => None,
        known => keys.mac(
            keys.current_id(),
            Purpose::AuditAddress,
            &[known.to_string().as_bytes()],
        ),
    };
    Origin {
        request_id: context.log.request_id().to_owned(),
        country: context.country.map(str::to_owned),
        // Enough to tell addresses apart.
        address_hash: address
            .map(|[a, b, c, d, e, f, g, h, i, j, k, l, ..]| base64url([a, b, c, d, e, f, g, h, i, j, k, l])),
    }
}
