//! Forgetting apps that registered themselves and that nobody connected. Whoever comes back registers again: an unknown
//! client is told `invalid_client`.

use std::time::Duration;

use crate::store::database::Statement;
use crate::time::Timestamp;

/// How long such an app waits for its first user.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many one run forgets.
const AT_ONCE: u32 = 1000;

/// One transaction that forgets some of them, those that wait longest first.
pub fn forget(now: Timestamp) -> Vec<Statement> {
    let unused =
        "SELECT client_id FROM apps INDEXED BY apps_unused WHERE unused_since <= ?1 ORDER BY unused_since LIMIT ?2";
    let tables = [
        "metadata_documents",
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
