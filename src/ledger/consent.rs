//! Ending a consent: at once, for good, and for everything under it.

use super::family::EndReason;
use super::{ABSOLUTE_LIFETIME, Event, EventKind, Outcome, Rows, end};
use crate::store::StoreError;
use crate::time::Timestamp;

/// Marks the consent ended, so that no code still on its way starts a family under it, and ends the families
/// there are. Ending it again changes nothing.
pub fn end_all(rows: &mut impl Rows, consent_id: &str, now: Timestamp) -> Result<Outcome, StoreError> {
    let is_news = !rows.consent_ended(consent_id)?;
    rows.end_consent(consent_id, now + ABSOLUTE_LIFETIME)?;
    for (id, mut family) in rows.families_of_consent(consent_id)? {
        end(rows, &id, &mut family, EndReason::ConsentRevoked, now)?;
    }
    if is_news {
        rows.note(&Event::of_consent(EventKind::ConsentEnded, consent_id, now))?;
    }
    Ok(Outcome::Ended)
}
