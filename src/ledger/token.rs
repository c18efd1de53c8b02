//! Exchanging, inspecting and ending tokens.

use super::family::{EndReason, Family};
use super::{Event, EventKind, Inspect, Outcome, Refresh, Refusal, Rows, cuts, end, once, status};
use crate::management::actor::Origin;
use crate::oauth::grant::{EffectiveGrant, narrow_resources};
use crate::status_list::Place;
use crate::store::StoreError;
use crate::time::Timestamp;

/// Exchanges a refresh token. Everything is judged before the family moves on, so a request that is refused
/// for its scope, its client or its resource costs nothing.
pub fn refresh(rows: &mut impl Rows, refresh: &Refresh, now: Timestamp) -> Result<Outcome, StoreError> {
    let Some(mut family) = rows.family(&refresh.family)? else {
        return Ok(Refusal::UnknownFamily.into());
    };
    if once::was_used(rows, refresh.proof.as_ref(), now)? {
        return Ok(Refusal::Replayed.into());
    }
    let consent_ended = rows.consent_ended(&family.consent_id)?;
    let grant = match judge(&family, consent_ended, refresh, now) {
        Ok(grant) => grant,
        Err(refusal) => return Ok(refusal.into()),
    };
    if status::is_cut_off(rows, &family.client_id, family.app_epoch)? {
        return Ok(Refusal::AppEpoch.into());
    }
    let before = family.clone();
    let presented = if refresh.rotates || refresh.generation != family.generation {
        // A key proves as much as a secret does.
        let proven = refresh.authenticated || family.dpop_key.is_some();
        family.present_for(&refresh.attempt, refresh.generation, proven, now)
    } else {
        family.keep(now);
        Ok(())
    };
    if presented.is_ok() && !refresh.authenticated && family.dpop_key.is_none() {
        // A public client that proves a key has its refresh tokens bound to it from now on (RFC 9449 §5).
        family.dpop_key.clone_from(&refresh.dpop_key);
    }
    let place = match presented {
        Ok(()) => status::hand_out(rows, &mut family, refresh.token_lifetime, now)?,
        Err(_) => None,
    };
    if family != before {
        rows.put_family(&refresh.family, &family)?;
    }
    if family.ended != before.ended {
        cuts::log_family(rows, &refresh.family, now)?;
        status::revoke_family(rows, &family, now)?;
    }
    if let Some(kind) = worth_noting(&before, refresh.generation, presented) {
        let presented = Some(refresh.generation);
        let event = Event::of_family(kind, &refresh.family, &before, presented, now);
        rows.note(&event.asked_from(refresh.origin.as_ref()))?;
    }
    if let Err(refusal) = presented {
        return Ok(refusal.into());
    }
    once::remember(rows, refresh.proof.as_ref())?;
    rows.touch_consent(&family.consent_id, now)?;
    Ok(Outcome::Refreshed {
        family: Box::new(family),
        grant,
        place,
    })
}

/// What the audit trail should know of a refresh token that was presented to this family.
fn worth_noting(before: &Family, generation: u32, presented: Result<(), Refusal>) -> Option<EventKind> {
    match presented {
        Err(Refusal::TokenReused) => Some(EventKind::RefreshTokenReused),
        Ok(()) if generation > before.generation => Some(EventKind::RolledBack),
        _ => None,
    }
}

fn judge(family: &Family, consent_ended: bool, refresh: &Refresh, now: Timestamp) -> Result<EffectiveGrant, Refusal> {
    if family.client_id != refresh.client_id {
        return Err(Refusal::OtherClient);
    }
    family.check_alive(now)?;
    if family.dpop_key.is_some() && family.dpop_key != refresh.dpop_key {
        return Err(Refusal::OtherKey);
    }
    if family.app_epoch < refresh.app_epoch {
        return Err(Refusal::AppEpoch);
    }
    if consent_ended {
        return Err(Refusal::ConsentEnded);
    }
    let scopes = refresh.scopes.as_ref().unwrap_or(&family.scopes);
    if !scopes.is_subset(&family.scopes) {
        return Err(Refusal::ScopeExceeded);
    }
    let resources = narrow_resources(&family.resources, &refresh.resources).ok_or(Refusal::ResourceExceeded)?;
    refresh.available.effective(scopes, &resources).ok_or_else(|| {
        match refresh.available.effective(&family.scopes, &resources) {
            Some(_) => Refusal::NothingNamed,
            None => Refusal::NothingLeft,
        }
    })
}

/// Whether a token is still good, as far as the ledger knows.
pub fn inspect(rows: &impl Rows, inspect: &Inspect, now: Timestamp) -> Result<Outcome, StoreError> {
    if let Some(jti) = &inspect.jti
        && rows.token_ended(jti)?
    {
        return Ok(Refusal::TokenEnded.into());
    }
    let Some(id) = &inspect.family else {
        return Ok(Outcome::Active { family: None });
    };
    let Some(family) = rows.family(id)? else {
        return Ok(Refusal::UnknownFamily.into());
    };
    if let Err(refusal) = family.check_alive(now) {
        return Ok(refusal.into());
    }
    if rows.consent_ended(&family.consent_id)? {
        return Ok(Refusal::ConsentEnded.into());
    }
    if inspect
        .generation
        .is_some_and(|generation| !family.is_current(generation))
    {
        return Ok(Refusal::TokenSuperseded.into());
    }
    Ok(Outcome::Active {
        family: Some(Box::new(family)),
    })
}

/// Ends a family for the app it belongs to. One that is unknown or ended already counts as ended
/// (RFC 7009 §2.2); another app's is refused and lives on (RFC 7009 §2.1).
pub fn end_family(
    rows: &mut impl Rows,
    id: &str,
    client_id: &str,
    origin: Option<&Origin>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let Some(mut family) = rows.family(id)? else {
        return Ok(Outcome::Ended);
    };
    if family.client_id != client_id {
        return Ok(Refusal::OtherClient.into());
    }
    if end(rows, id, &mut family, EndReason::RevokedByClient, now)? {
        let event = Event::of_family(EventKind::FamilyRevoked, id, &family, None, now);
        rows.note(&event.asked_from(origin))?;
    }
    Ok(Outcome::Ended)
}

/// Ends one access token. Ending it again changes nothing.
pub fn end_token(
    rows: &mut impl Rows,
    jti: &str,
    expires_at: Timestamp,
    place: Option<Place>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    if !rows.token_ended(jti)? {
        rows.end_token(jti, expires_at)?;
        cuts::log_token(rows, jti, expires_at, now)?;
        if let Some(place) = place {
            status::revoke_token(rows, place, expires_at)?;
        }
    }
    Ok(Outcome::Ended)
}
