//! Ending consents: at once, for good, and for everything under them.

use serde::{Deserialize, Serialize};

use super::family::{EndReason, Family};
use super::{ABSOLUTE_LIFETIME, Event, Outcome, Rows, cuts, end};
use crate::feed::MEMORY;
use crate::management::actor::Origin;
use crate::store::StoreError;
use crate::time::Timestamp;

/// A consent that is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndingConsent {
    /// The consent.
    pub id: String,
    /// Who or what ends it.
    pub by: EndedBy,
}

/// Who asks that consents end. Among them may be some that somebody else ended before, whose end did not get here: whoever
/// comes later has not ended those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What ended the consents that the request is about.
    pub ends: Vec<EndedBy>,
    /// From where it came.
    pub origin: Origin,
}

/// Who or what ends a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Its user took it back.
    User,
    /// Nobody used it for too long.
    Unused,
    /// Another consent for the same app took its place.
    Displaced,
    /// Its user was suspended.
    UserSuspended,
    /// Its user may not try out the app any more, which waits for its review.
    TesterRemoved,
    /// The operator revoked it.
    Operator,
    /// Its app was deleted.
    AppDeleted,
    /// The organization that manages it took away what it stood on. The directory says `operator` and whose it is.
    Organization,
}

/// A consent that was to end because it is unused, though it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillUsed {
    /// The consent.
    pub consent_id: String,
    /// When it was last used.
    pub used_at: Timestamp,
}

/// Marks each consent ended, so that no code still on its way starts a family under it, and ends the families
/// there are. Ending it again changes nothing. Uses are written down here first and told to the directory later, so
/// whether a consent is unused is judged here, in the transaction that would end it.
pub fn end_all(
    rows: &mut impl Rows,
    consents: &[EndingConsent],
    unused_since: Timestamp,
    asked: Option<&Asked>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let mut still_used = Vec::new();
    for consent in consents {
        let is_news = !rows.consent_ended(&consent.id)?;
        let families = rows.families_of_consent(&consent.id)?;
        if is_news
            && consent.by == EndedBy::Unused
            && let Some(used_at) = last_use(rows, &consent.id, &families)?
            && used_at > unused_since
        {
            still_used.push(StillUsed {
                consent_id: consent.id.clone(),
                used_at,
            });
            continue;
        }
        rows.end_consent(&consent.id, now + ABSOLUTE_LIFETIME)?;
        // Nobody has a token under one that has been unused for longer than any token lives.
        let may_have_tokens = consent.by != EndedBy::Unused || unused_since + MEMORY > now;
        if is_news && may_have_tokens {
            cuts::log_consent(rows, &consent.id, now)?;
        }
        for (id, mut family) in families {
            end(rows, &id, &mut family, EndReason::ConsentRevoked, now)?;
        }
        if is_news {
            let asked = asked.filter(|asked| asked.ends.contains(&consent.by));
            let event = Event::consent_ended(&consent.id, consent.by, now);
            rows.note(&event.asked_from(asked.map(|asked| &asked.origin)))?;
        }
    }
    Ok(Outcome::ConsentsEnded { still_used })
}

/// When the consent was last used, as far as this ledger still knows: what the directory was told is forgotten here,
/// but its families tell too.
fn last_use(
    rows: &impl Rows,
    consent_id: &str,
    families: &[(String, Family)],
) -> Result<Option<Timestamp>, StoreError> {
    let untold = rows.untold_use(consent_id)?;
    let told = families.iter().map(|(_, family)| family.last_used_at()).max();
    Ok(untold.max(told))
}
