//! What an access token is good for at this moment: its app, its family and what both may still ask for.

use std::rc::Rc;

use super::client_request::{Failure, ask_ledger};
use crate::context::Context;
use crate::ledger::shard::Shard;
use crate::ledger::{Inspect, Operation, Outcome};
use crate::oauth::access_token::AccessTokenClaims;
use crate::oauth::client::{App, SubjectType};
use crate::oauth::grant::EffectiveGrant;
use crate::oauth::standing::Standing;
use crate::store::Stores;

/// The app behind a token, if it is in use and the token is not from before it was suspended.
pub async fn current_app<S: Stores>(
    context: &Context<'_, S>,
    client_id: &str,
    app_epoch: u32,
) -> Result<Option<Rc<App>>, Failure> {
    let app = context.stores.app(client_id).await?;
    Ok(app.filter(|app| app.standing() != Standing::Unavailable && app.epoch <= app_epoch))
}

/// What a token with a good signature is still good for at these APIs; `None`: for nothing.
pub async fn effective_grant<S: Stores>(
    context: &Context<'_, S>,
    claims: &AccessTokenClaims,
    app: &App,
    resources: &[String],
) -> Result<Option<EffectiveGrant>, Failure> {
    let family = claims.latchkey.family.as_ref();
    let shard = family.map_or_else(|| Shard::of_name(&claims.client_id), |family| family.shard);
    let inspect = Inspect {
        family: family.map(|family| family.family.clone()),
        generation: None,
        jti: Some(claims.jti.clone()),
    };
    let Outcome::Active { .. } = ask_ledger(context, shard, &Operation::Inspect(inspect)).await? else {
        return Ok(None);
    };
    let subject = if family.is_some() {
        SubjectType::User
    } else {
        SubjectType::Client
    };
    Ok(app.available_scopes(subject).effective(&claims.scope, resources))
}
