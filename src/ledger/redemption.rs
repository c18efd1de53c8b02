//! Redeeming a code: exactly once, whatever the concurrency.

use super::family::{EndReason, Family};
use super::{
    CODE_MEMORY, Event, EventKind, MAX_FAMILIES, Outcome, Redeem, Redeemable, RedeemedCode, Refusal, Rows, cuts, end,
    once, status,
};
use crate::status_list::Place;
use crate::store::StoreError;
use crate::time::Timestamp;

/// The first redemption starts a family. The same attempt again, because its reply was lost, gets the same
/// answer. Any other is refused, and ends the family of the first if it is that of a code (OAuth 2.1 §4.1.3).
pub fn redeem(rows: &mut impl Rows, redeem: &Redeem, now: Timestamp) -> Result<Outcome, StoreError> {
    // First, so that a request recorded on its way and sent again ends nobody's family.
    if once::was_used(rows, redeem.proof.as_ref(), now)? {
        return Ok(Refusal::Replayed.into());
    }
    if let Some(first) = rows.code(&redeem.code_hash)? {
        return repeat(rows, redeem, &first, now);
    }
    if redeem.code_expires_at <= now {
        return Ok(Refusal::CodeExpired.into());
    }
    if rows.consent_ended(&redeem.consent_id)? {
        return Ok(Refusal::ConsentEnded.into());
    }
    if status::is_cut_off(rows, &redeem.client_id, redeem.app_epoch)? {
        return Ok(Refusal::AppEpoch.into());
    }
    let code = RedeemedCode {
        attempt: redeem.attempt.clone(),
        family: redeem.family.clone(),
    };
    let mut family = Family::begin(redeem, now);
    rows.put_code(&redeem.code_hash, &code, redeem.code_expires_at + CODE_MEMORY)?;
    make_room(rows, redeem, now)?;
    let place = status::hand_out(rows, &mut family, redeem.token_lifetime, now)?;
    rows.put_family(&redeem.family, &family)?;
    once::remember(rows, redeem.proof.as_ref())?;
    rows.touch_consent(&redeem.consent_id, now)?;
    Ok(redeemed(place))
}

fn redeemed(place: Option<Place>) -> Outcome {
    place.map_or(Outcome::Redeemed, |place| Outcome::RedeemedListed { place })
}

/// Forgets the families that were not used for longest, until there is room for one more.
fn make_room(rows: &mut impl Rows, redeem: &Redeem, now: Timestamp) -> Result<(), StoreError> {
    let mut alive = rows.families_of_consent(&redeem.consent_id)?;
    alive.retain(|(_, family)| family.check_alive(now).is_ok());
    while alive.len() >= MAX_FAMILIES {
        let oldest = (0..alive.len()).min_by_key(|at| alive.get(*at).map(|(_, family)| family.last_used_at()));
        let (id, family) = alive.swap_remove(oldest.unwrap_or_default());
        rows.remove_family(&id)?;
        cuts::log_family(rows, &id, now)?;
        status::revoke_family(rows, &family, now)?;
        let event = Event::of_family(EventKind::FamilyDisplaced, &id, &family, None, now);
        rows.note(&event.asked_from(redeem.origin.as_ref()))?;
    }
    Ok(())
}

fn repeat(rows: &mut impl Rows, redeem: &Redeem, first: &RedeemedCode, now: Timestamp) -> Result<Outcome, StoreError> {
    let family = rows.family(&first.family)?;
    if first.attempt == redeem.attempt {
        if rows.consent_ended(&redeem.consent_id)? {
            return Ok(Refusal::ConsentEnded.into());
        }
        let Some(mut family) = family else {
            return Ok(Refusal::UnknownFamily.into());
        };
        if let Err(refusal) = family.check_alive(now) {
            return Ok(refusal.into());
        }
        if status::is_cut_off(rows, &family.client_id, family.app_epoch)? {
            return Ok(Refusal::AppEpoch.into());
        }
        // A token of its own: the one that was lost on its way may not be.
        let place = status::hand_out(rows, &mut family, redeem.token_lifetime, now)?;
        if place.is_some() {
            rows.put_family(&first.family, &family)?;
        }
        return Ok(redeemed(place));
    }
    if redeem.kind == Redeemable::Code
        && let Some(mut family) = family
        && end(rows, &first.family, &mut family, EndReason::CodeReused, now)?
    {
        let event = Event::of_family(EventKind::CodeReused, &first.family, &family, None, now);
        rows.note(&event.asked_from(redeem.origin.as_ref()))?;
    }
    Ok(Refusal::CodeUsed.into())
}
