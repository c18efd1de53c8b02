//! Suspending users and letting them in again. The tables' trigger ends the sessions and takes the consents of whoever
//! is suspended out of use; nothing of that comes back.

use serde_json::json;

use crate::management::actor::Administrator;
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// The longest reason, in letters.
pub const LONGEST_REASON: usize = 500;
/// What stands in the way of suspending somebody.
pub const NOT_ACTIVE: Problem = Problem::Conflict("this user is suspended already, or changed since you read it");
/// What stands in the way of reinstating somebody.
pub const NOT_SUSPENDED: Problem =
    Problem::Conflict("this user is not suspended, was erased, or changed since you read it");
const ONESELF: Problem = Problem::Conflict("you cannot do this to yourself: ask another administrator");

/// Why something is done; it stays in the audit trail, so it should name nobody.
pub fn reason(mut input: Input) -> Result<String, Problem> {
    let reason = input.text("reason", LONGEST_REASON);
    let reason = input.required("reason", reason);
    input.finish()?;
    Ok(reason)
}

/// The same where none need be given.
pub fn optional_reason(mut input: Input) -> Result<Option<String>, Problem> {
    let reason = input.text("reason", LONGEST_REASON);
    input.finish()?;
    Ok(reason)
}

/// Nobody locks themselves out.
pub fn not_oneself(administrator: Administrator<'_>, user_id: &str) -> Result<(), Problem> {
    match administrator.actor().user_id() == Some(user_id) {
        true => Err(ONESELF),
        false => Ok(()),
    }
}

/// Suspends an active user. `version`: the one they must still be at.
pub fn suspend(
    administrator: Administrator<'_>,
    user_id: &str,
    version: Option<u32>,
    reason: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    not_oneself(administrator, user_id)?;
    let entry = entry("user.suspended", user_id).with(json!({ "reason": reason }));
    Ok(vec![
        Statement::require(
            "EXISTS (SELECT 1 FROM users WHERE id = ?1 AND status = 'active' AND version = COALESCE(?2, version))",
        )
        .text(user_id)
        .optional_number(version),
        Statement::new("UPDATE users SET status = 'suspended', version = version + 1 WHERE id = ?1").text(user_id),
        entry.by(administrator.actor(), random, now),
    ])
}

/// Lets a suspended user sign in again. They begin with nothing connected.
pub fn reinstate(
    administrator: Administrator<'_>,
    user_id: &str,
    version: Option<u32>,
    random: &dyn Random,
    now: Timestamp,
) -> Vec<Statement> {
    vec![
        Statement::require(
            "EXISTS (SELECT 1 FROM users WHERE id = ?1 AND status = 'suspended' AND erased_at IS NULL
                     AND version = COALESCE(?2, version))",
        )
        .text(user_id)
        .optional_number(version),
        Statement::new("UPDATE users SET status = 'active', version = version + 1 WHERE id = ?1").text(user_id),
        entry("user.reinstated", user_id).by(administrator.actor(), random, now),
    ]
}

/// An entry about a user, in their own trail too.
pub fn entry<'a>(event: &'static str, user_id: &'a str) -> Entry<'a> {
    Entry {
        user_id: Some(user_id),
        ..Entry::new(event, ("user", user_id))
    }
}
