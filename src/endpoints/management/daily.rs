//! What is limited by the day, where limits are on.

use super::idempotency::{self, Creation};
use crate::context::Context;
use crate::http::{Reply, Request};
use crate::management::actor::Actor;
use crate::management::daily::Daily;
use crate::management::problem::Problem;
use crate::store::Stores;
use crate::store::database::{Database, Statement, Undone};

/// What is counted, and of which developer account.
pub type Counted<'a> = (Daily, &'a str);

/// Carries out what is counted. `refused`: why it could not be, if the day's limit is not what stood in the way.
pub async fn transact<S: Database>(
    context: &Context<'_, S>,
    counted: Counted<'_>,
    mut statements: Vec<Statement>,
    refused: Problem,
) -> Result<(), Problem> {
    require(context, counted, &mut statements);
    match context.stores.transact(statements).await {
        Ok(_) => Ok(()),
        Err(Undone::Refused) => Err(explain(context, counted, refused).await),
        Err(Undone::Store(_)) => Err(Problem::Unavailable),
    }
}

/// The same for a creation that may be sent again.
pub async fn create<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    counted: Counted<'_>,
    mut creation: Creation,
) -> Result<Reply, Problem> {
    require(context, counted, &mut creation.statements);
    let refused = creation.refused.clone();
    match idempotency::create(context, request, actor, creation).await {
        Err(problem) if problem == refused => Err(explain(context, counted, refused).await),
        done => done,
    }
}

fn require<S>(context: &Context<'_, S>, (daily, developer_id): Counted<'_>, statements: &mut Vec<Statement>) {
    if context.config.rate_limits {
        statements.insert(0, daily.require(developer_id, context.now));
    }
}

/// Asked afterwards only, so that whoever may do it waits for nothing.
async fn explain<S: Database>(
    context: &Context<'_, S>,
    (daily, developer_id): Counted<'_>,
    otherwise: Problem,
) -> Problem {
    if !context.config.rate_limits {
        return otherwise;
    }
    match daily.used_up(context.stores, developer_id, context.now).await {
        Ok(Some(too_many)) => {
            context.log.limited_by(daily.name());
            too_many
        }
        Ok(None) => otherwise,
        Err(_) => Problem::Unavailable,
    }
}
