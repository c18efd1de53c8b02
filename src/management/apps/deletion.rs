//! Deleting an app. Its tokens are dead at once, because nobody finds the app any more and its epoch has risen. It
//! may have a million consents: some thousand go out of use with the request, the rest with the cron runs, which also tell
//! the ledgers.

use super::AppRecord;
use crate::management::accounts::members::still_member;
use crate::management::actor::Member;
use crate::management::audit::Entry;
use crate::management::people::revoking;
use crate::management::problem::Problem;
use crate::management::review::state::Action;
use crate::management::review::steps;
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// Deletes an app that is still as it was read. Its row stays, without what it proved itself with: consents and the audit
/// trail point to it.
pub fn delete(
    app: &AppRecord,
    member: Member<'_>,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let step = app.life().step(Action::Delete)?;
    let actor = member.actor();
    let id = app.client_id.as_str();
    let mut statements = vec![still_member(member), app.unchanged()];
    statements.extend(steps::take(app, step, actor, None, now));
    statements.extend(of_what_is_left(id, now));
    let entry = step.event.map(|event| Entry::of_app(event, id));
    statements.extend(entry.map(|entry| entry.by(actor, random, now)));
    Ok(statements)
}

/// Takes away what belongs to an app that is deleted, and what users gave it. Its epoch has to rise beside that.
pub fn of_what_is_left(id: &str, now: Timestamp) -> Vec<Statement> {
    let of_app = |sql: &'static str| Statement::new(sql).text(id);
    let mut statements = vec![
        of_app(
            "UPDATE apps SET deleted_at = ?2, revoked_before = ?2, draft = NULL, jwks = NULL, jwks_uri = NULL
             WHERE client_id = ?1",
        )
        .time(now),
        // What was going to end unused ends now whether it is used or not.
        of_app(
            "UPDATE consents SET ended_by = 'app_deleted' WHERE rowid IN (
               SELECT rowid FROM consents INDEXED BY consents_of_app
               WHERE client_id = ?1 AND status IN ('active', 'revoking') AND status = 'revoking' AND ended_by = 'unused')",
        ),
    ];
    // Before its testers go: a trigger would end what they had, and call it something else.
    statements.extend(revoking::some_of_app(id, now));
    statements.extend([
        of_app("DELETE FROM client_secrets WHERE client_id = ?1"),
        of_app("DELETE FROM app_redirect_uris WHERE client_id = ?1"),
        of_app("DELETE FROM app_scopes WHERE client_id = ?1"),
        of_app("DELETE FROM app_testers WHERE client_id = ?1"),
        of_app("DELETE FROM client_grants WHERE client_id = ?1"),
    ]);
    statements
}
