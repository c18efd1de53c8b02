//! What becomes of the consents of suspended users.

use super::*;
use crate::ledger::EndedBy;

impl Suspensions for Memory {
    async fn take_from_suspended(&self, _now: Timestamp) -> Result<(), StoreError> {
        self.trip("consents", || {
            let suspended = self.suspended.borrow();
            for consent in self.consents.borrow_mut().values_mut() {
                if consent.status == "active" && suspended.contains(&consent.user_id) {
                    consent.status = "revoking";
                    consent.ended_by = Some(EndedBy::UserSuspended);
                }
            }
        })
    }
}
