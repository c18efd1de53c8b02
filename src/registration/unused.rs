//! Forgetting apps that registered themselves and that nobody connected. Whoever comes back registers again: an unknown
//! client is told `invalid_client`.

use std::time::Duration;

use super::UNCLAIMED;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How long such an app waits for its first user.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many one run forgets.
const AT_ONCE: u32 = 1000;

/// One transaction that forgets some of them, those that wait longest first.
pub fn forget(now: Timestamp) -> Vec<Statement> {
    // What somebody here decided about an app stays, or it would come back as if nothing had been decided.
    let unused = format!(
        "SELECT client_id FROM apps INDEXED BY apps_unused
         WHERE unused_since <= ?1 AND status = 'draft' AND deleted_at IS NULL AND developer_id = '{UNCLAIMED}'
           AND NOT EXISTS (SELECT 1 FROM submissions WHERE submissions.client_id = apps.client_id)
           AND NOT EXISTS (SELECT 1 FROM review_comments WHERE review_comments.client_id = apps.client_id)
         ORDER BY unused_since LIMIT ?2"
    );
    let tables = [
        "metadata_documents",
        "client_registrations",
        "app_redirect_uris",
        "app_scopes",
        "client_secrets",
        "app_testers",
    ];
    let before = Timestamp(
        now.0
            .saturating_sub(i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX)),
    );
    // The apps go last: they say which ones they are.
    let deletes = tables.into_iter().chain(["apps"]);
    deletes
        .map(|table| Statement::new(format!("DELETE FROM {table} WHERE client_id IN ({unused})")))
        .map(|statement| statement.time(before).number(AT_ONCE))
        .collect()
}
