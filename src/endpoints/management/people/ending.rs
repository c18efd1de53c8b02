//! Ending in the ledgers, at once, what a transaction has taken out of use in the directory.

use crate::context::Context;
use crate::endpoints::revocation::{self, Asked};
use crate::management::actor::{Administrator, Origin};
use crate::management::people::revoking::{self, Whose};
use crate::management::problem::Problem;
use crate::store::Stores;
use crate::store::database::{Found, Statement, Undone};

/// Carries out a transaction and has the ledgers end what it took out of use: when this answers, nothing of that
/// refreshes or introspects as active any more, except for so many consents. They are left to the cron runs, because there
/// are too many for one request or their ledger is out of reach.
pub async fn transact<S: Stores>(
    context: &Context<'_, S>,
    administrator: Administrator<'_>,
    statements: Vec<Statement>,
    whose: Whose<'_>,
    refused: Problem,
) -> Result<u32, Problem> {
    let origin = &administrator.actor().origin;
    transact_and_end(context, origin, statements, revoking::unfinished(whose), refused).await
}

/// The same for whoever asks from `origin`, where `unfinished` finds the consents that the ledgers have to end, and how many
/// there are.
pub async fn transact_and_end<S: Stores>(
    context: &Context<'_, S>,
    origin: &Origin,
    statements: Vec<Statement>,
    unfinished: [Statement; 2],
    refused: Problem,
) -> Result<u32, Problem> {
    let step = step(context, origin, statements, unfinished, refused).await?;
    Ok(step.left)
}

/// What came of a transaction.
pub struct Step {
    /// What its statements found.
    pub found: Found,
    /// How many consents are left to be ended.
    pub left: u32,
}

/// The same, for whoever has to know what the statements found.
pub async fn step<S: Stores>(
    context: &Context<'_, S>,
    origin: &Origin,
    mut statements: Vec<Statement>,
    unfinished: [Statement; 2],
    refused: Problem,
) -> Result<Step, Problem> {
    let unfinished_at = statements.len();
    statements.extend(unfinished);
    let found = match context.stores.transact(statements).await {
        Ok(found) => found,
        Err(Undone::Refused) => return Err(refused),
        Err(Undone::Store(_)) => return Err(Problem::Unavailable),
    };
    let (unfinished, count) = revoking::read_unfinished(&found, unfinished_at)?;
    let asked = Asked::by_management(origin);
    let ended = revocation::end_in_ledgers(context, unfinished, Some(asked)).await.ended;
    if !ended.is_empty() {
        // The tokens are dead: that the directory could not note it is for the next cron run to mend.
        let _ = context.stores.transact(vec![revoking::note_ended(&ended)]).await;
    }
    Ok(Step {
        found,
        left: count.saturating_sub(u32::try_from(ended.len()).unwrap_or(u32::MAX)),
    })
}
