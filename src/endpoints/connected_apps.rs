//! `GET /api/user/connected-apps` and `DELETE /api/user/connected-apps/{consent_id}`.

use serde::Serialize;

use super::client_request::ask_ledger;
use super::guard::{origin_is_ours, signed_in};
use super::json_unavailable;
use crate::config::Issuer;
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::ledger::{Operation, Outcome};
use crate::looks::LogoName;
use crate::store::{ConnectedApp, Revoking, SignedIn, StoreError, Stores};

/// A connected app, as JSON.
#[derive(Serialize)]
struct ConnectedAppBody {
    consent_id: String,
    name: String,
    description: String,
    logo_url: Option<String>,
    developer_name: String,
    scopes: Vec<String>,
    connected_at: String,
    last_used: Option<String>,
}

impl ConnectedAppBody {
    fn new(app: ConnectedApp, issuer: &Issuer) -> Self {
        let logo = app.logo.as_deref().and_then(LogoName::parse);
        Self {
            consent_id: app.consent_id,
            name: app.name,
            description: app.description,
            logo_url: logo.map(|logo| issuer.url(&logo.path())),
            developer_name: app.developer_name,
            scopes: app.scopes.into_iter().map(|scope| scope.scope).collect(),
            connected_at: app.connected_at.to_rfc3339(),
            last_used: app.last_used_at.map(|time| time.to_rfc3339()),
        }
    }
}

/// Lists the apps the user has connected, the newest first.
pub async fn list<S: Stores>(context: &Context<'_, S>, request: &Request) -> Reply {
    let user = match require_user(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    match context.stores.connected_apps(&user.user.id, context.language).await {
        Ok(apps) => {
            let issuer = &context.config.issuer;
            let apps: Vec<_> = apps.into_iter().map(|app| ConnectedAppBody::new(app, issuer)).collect();
            Reply::json(200, &apps)
        }
        Err(_) => json_unavailable(),
    }
}

/// Takes one app's access back. Once this answers, nothing issued under the consent refreshes or introspects
/// as active; doing it again is fine.
pub async fn revoke<S: Stores>(context: &Context<'_, S>, request: &Request, consent_id: &str) -> Reply {
    let user = match require_user(context, request).await {
        Ok(user) => user,
        Err(reply) => return reply,
    };
    if !origin_is_ours(context, request) {
        return error(
            403,
            "forbidden",
            "with a session, the Origin header must be this server's",
        );
    }
    match revoke_consent(context, consent_id, &user).await {
        Ok(true) => Reply::json(200, &serde_json::json!({ "message": "Access revoked successfully" })),
        Ok(false) => error(404, "not_found", "you have no connected app under this id"),
        Err(_) => json_unavailable(),
    }
}

/// Ends a consent of this user: out of use in the directory, then everything under it in the ledger, then
/// done. What breaks off in between is finished by [`super::maintain`]. `false`: no such consent of theirs.
pub async fn revoke_consent<S: Stores>(
    context: &Context<'_, S>,
    consent_id: &str,
    user: &SignedIn,
) -> Result<bool, StoreError> {
    match context
        .stores
        .begin_revoking(consent_id, &user.user.id, context.now)
        .await?
    {
        Some(revoking) => finish_revocation(context, &revoking).await.map(|()| true),
        None => Ok(false),
    }
}

/// The part of a revocation that may be repeated.
pub async fn finish_revocation<S: Stores>(context: &Context<'_, S>, revoking: &Revoking) -> Result<(), StoreError> {
    let operation = Operation::EndConsent {
        consent_id: revoking.id.clone(),
    };
    let Outcome::Ended = ask_ledger(context, revoking.shard, &operation).await? else {
        return Err(StoreError {
            part: "ledger",
            detail: "an answer to another question".into(),
        });
    };
    // The tokens are dead: that the directory could not note it is for the next cron run to mend.
    let _ = context.stores.finish_revoking(&revoking.id).await;
    Ok(())
}

async fn require_user<S: Stores>(context: &Context<'_, S>, request: &Request) -> Result<SignedIn, Reply> {
    match signed_in(context, request).await {
        Ok(Some(user)) => Ok(user),
        // RFC 9110 §15.5.2 asks for a challenge.
        Ok(None) => Err(error(401, "unauthorized", "sign in first").header("WWW-Authenticate", "Bearer")),
        Err(_) => Err(json_unavailable()),
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(
        status,
        &serde_json::json!({ "error": error, "error_description": description }),
    )
}
