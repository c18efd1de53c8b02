//! Ending a consent: at once, for good, and for everything under it.

use super::family::EndReason;
use super::{ABSOLUTE_LIFETIME, Outcome, Rows, end};
use crate::store::StoreError;
use crate::time::Timestamp;

/// Marks the consent ended, so that no code still on its way starts a family under it, and ends the families
/// there are. Ending it again changes nothing.
pub fn end_all(rows: &mut impl Rows, consent_id: &str, now: Timestamp) -> Result<Outcome, StoreError> {
    rows.end_consent(consent_id, now + ABSOLUTE_LIFETIME)?;
    for (id, family) in rows.families_of_consent(consent_id)? {
        end(rows, &id, family, EndReason::ConsentRevoked, now)?;
    }
    Ok(Outcome::Ended)
}
