//! What becomes of the consents of suspended users.

use super::{Statement, batch};
use crate::edge::stores::EdgeStores;
use crate::store::{StoreError, Suspensions};
use crate::time::Timestamp;

impl Suspensions for EdgeStores {
    async fn take_from_suspended(&self, now: Timestamp) -> Result<(), StoreError> {
        // By the index of suspended users, and for each by that of their active consents; mostly there is none left.
        let statement = Statement::new(
            "UPDATE consents SET status = 'revoking', ended_by = 'user_suspended', revoked_at = ?1
             WHERE id IN (SELECT c.id FROM users u CROSS JOIN consents c ON c.user_id = u.id
                          WHERE u.status = 'suspended' AND c.status = 'active' LIMIT 500)",
        );
        batch(&self.database()?, vec![statement.time(now)]).await.map(|_| ())
    }
}
