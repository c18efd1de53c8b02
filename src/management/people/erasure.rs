//! Erasing users: all that tells who they are goes, and their id stays, to which the audit trail points.

use super::standing::{entry, not_oneself};
use crate::management::actor::Administrator;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::steps;
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// What stands in the way.
pub const NOT_ALONE: Problem = Problem::Conflict(
    "this user was erased already, or owns a developer account that others belong to: have them hand ownership over first",
);

/// The accounts a user owns, all of which have no other member.
const THEIR_ACCOUNTS: &str = "SELECT developer_id FROM developer_members WHERE user_id = ?1 AND role = 'owner'";

/// Checks that whoever asks has typed the id of the user, and so means them.
pub fn confirmed(mut input: Input, user_id: &str) -> Result<(), Problem> {
    let typed = input.line("confirm", 100);
    if typed.as_deref() != Some(user_id) {
        input.error("confirm", "must be the id of the user who is to be erased");
    }
    input.finish()
}

/// Erases a user. Developer accounts that were theirs alone keep nothing that names them, and their apps go out of use.
pub fn erase(
    administrator: Administrator<'_>,
    user_id: &str,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    not_oneself(administrator, user_id)?;
    let actor = administrator.actor();
    let is_there = Statement::require(
        "EXISTS (SELECT 1 FROM users WHERE id = ?1 AND erased_at IS NULL)
         AND NOT EXISTS (SELECT 1 FROM developer_members mine JOIN developer_members other
                           ON other.developer_id = mine.developer_id AND other.user_id <> mine.user_id
                         WHERE mine.user_id = ?1 AND mine.role = 'owner')",
    );
    let of_user = |sql: &'static str| Statement::new(sql).text(user_id);
    let mut statements = vec![is_there.text(user_id)];
    statements.extend(close_accounts(user_id, now));
    statements.extend([
        // Ends the sessions and takes the consents out of use, by the tables' trigger.
        of_user("UPDATE users SET status = 'suspended' WHERE id = ?1"),
        of_user("DELETE FROM user_identities WHERE user_id = ?1"),
        of_user("DELETE FROM user_roles WHERE user_id = ?1"),
        of_user("DELETE FROM vouched_people WHERE user_id = ?1"),
        of_user("DELETE FROM organization_members WHERE user_id = ?1"),
        of_user("DELETE FROM app_testers WHERE user_id = ?1"),
        // Who was named before there was such a user.
        of_user(
            "DELETE FROM app_testers WHERE user_id IS NULL AND name IN (
               SELECT username FROM users WHERE id = ?1
               UNION ALL SELECT account_name FROM users WHERE id = ?1 AND account_name IS NOT NULL)",
        ),
        // Of two days at most: the table keeps no more.
        of_user("DELETE FROM app_active_users WHERE user_id = ?1"),
        of_user("DELETE FROM developer_members WHERE user_id = ?1"),
        of_user("DELETE FROM developer_invitations WHERE created_by = ?1"),
        of_user("UPDATE consents SET device = NULL WHERE user_id = ?1 AND device IS NOT NULL"),
        of_user(
            "UPDATE users SET username = id, name = '', account_name = NULL, erased_at = ?2, version = version + 1
             WHERE id = ?1",
        )
        .time(now),
        entry("user.erased", user_id).by(actor, random, now),
    ]);
    Ok(statements)
}

/// What becomes of the accounts of which they were the only member: before the membership goes.
fn close_accounts(user_id: &str, now: Timestamp) -> Vec<Statement> {
    let apps = format!("developer_id IN ({THEIR_ACCOUNTS}) AND deleted_at IS NULL");
    let mut statements = vec![
        // First: what follows is told to nobody on their behalf.
        Statement::new(format!(
            "DELETE FROM webhook_endpoints WHERE developer_id IN ({THEIR_ACCOUNTS})"
        ))
        .text(user_id),
    ];
    let reason = "the only member of its developer account was erased";
    statements.extend(steps::abandon(&apps, user_id, reason, now));
    statements.extend([
        Statement::new(format!(
            "DELETE FROM developer_invitations WHERE developer_id IN ({THEIR_ACCOUNTS})"
        ))
        .text(user_id),
        // Approvals keep what an account was called.
        Statement::new(format!(
            "UPDATE apps SET approved_developer_name = NULL WHERE developer_id IN ({THEIR_ACCOUNTS})"
        ))
        .text(user_id),
        Statement::new(format!(
            "UPDATE submissions SET developer_name = 'Erased developer'
             WHERE client_id IN (SELECT client_id FROM apps WHERE developer_id IN ({THEIR_ACCOUNTS}))"
        ))
        .text(user_id),
        Statement::new(format!(
            "UPDATE developers SET name = 'Erased developer', contact = NULL, version = version + 1
             WHERE id IN ({THEIR_ACCOUNTS})"
        ))
        .text(user_id),
    ]);
    statements
}
