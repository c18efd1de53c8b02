//! The ledger's part of the Token Status Lists: it gives each access token its place, keeps with a family where its tokens
//! are, and marks them in the transaction that takes them back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::family::Family;
use super::{Outcome, Rows};
use crate::feed::{AppCut, CLOCKS, MEMORY};
use crate::status_list::{Place, StatusList, encode};
use crate::store::StoreError;
use crate::time::Timestamp;

/// Of how many unexpired access tokens a family keeps the places: more than any honest client gets. What comes beyond is on
/// no list, because it could not be marked.
pub const MOST_LISTED: usize = 64;

/// Marks everything of an app that was issued before an epoch, `?1` and `?2`, and has not expired at `?3`. In one statement,
/// because an app may have more families than fit into memory. A family that an earlier version of this server began has its
/// app in its record alone.
pub const REVOKE_OF_APP: &str = "
    INSERT INTO revoked_places (place, expires_at)
    SELECT listed.value ->> 'place', listed.value ->> 'expires_at'
    FROM families, json_each(families.record, '$.listed') AS listed
    WHERE (families.client_id = ?1 OR families.client_id IS NULL AND families.record ->> 'client_id' = ?1)
      AND families.record ->> 'app_epoch' < ?2 AND listed.value ->> 'expires_at' > ?3
    ON CONFLICT (place) DO NOTHING";

/// Where an access token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// On which list, and where on it.
    pub place: Place,
    /// When it has expired, by any clock.
    pub expires_at: Timestamp,
}

/// Gives an access token of a family a place, and has the family keep it; the family is to be written after it. `None`: the
/// token is on no list, because none is wanted, or there is no place that no other token has.
pub fn hand_out(
    rows: &mut impl Rows,
    family: &mut Family,
    token_lifetime: Option<u32>,
    now: Timestamp,
) -> Result<Option<Place>, StoreError> {
    let Some(lifetime) = token_lifetime else {
        return Ok(None);
    };
    family.listed.retain(|listed| listed.expires_at > now);
    if family.listed.len() >= MOST_LISTED {
        return Ok(None);
    }
    let Some(place) = Place::next(rows.newest_place()?, now) else {
        return Ok(None);
    };
    rows.put_newest_place(place)?;
    let expires_at = now + Duration::from_secs(lifetime.into()) + CLOCKS;
    family.listed.push(Listed { place, expires_at });
    Ok(Some(place))
}

/// Marks every access token of a family.
pub fn revoke_family(rows: &mut impl Rows, family: &Family, now: Timestamp) -> Result<(), StoreError> {
    let alive = family.listed.iter().filter(|listed| listed.expires_at > now);
    let alive: Vec<Listed> = alive.copied().collect();
    match alive.is_empty() {
        true => Ok(()),
        false => rows.revoke_places(&alive),
    }
}

/// Marks one access token.
pub fn revoke_token(rows: &mut impl Rows, place: Place, expires_at: Timestamp) -> Result<(), StoreError> {
    let expires_at = expires_at + CLOCKS;
    rows.revoke_places(&[Listed { place, expires_at }])
}

/// Marks what is older than the epoch of each of these apps, and remembers it, so that nothing older is issued any more.
pub fn cut_apps(rows: &mut impl Rows, apps: &[AppCut], now: Timestamp) -> Result<Outcome, StoreError> {
    for app in apps {
        if !is_known(rows, app)? {
            rows.revoke_places_of_app(app, now)?;
            rows.put_app_cut(app, now + MEMORY)?;
        }
    }
    Ok(Outcome::Ended)
}

/// Whether an app is known to have been cut off after this epoch.
pub fn is_cut_off(rows: &impl Rows, client_id: &str, epoch: u32) -> Result<bool, StoreError> {
    Ok(rows.app_cut(client_id)?.is_some_and(|first_good| epoch < first_good))
}

/// Those of these apps that are not known to be cut off.
pub fn news(rows: &impl Rows, mut apps: Vec<AppCut>) -> Result<Vec<AppCut>, StoreError> {
    let mut known = Ok(());
    apps.retain(|app| match is_known(rows, app) {
        Ok(is_known) => !is_known,
        Err(error) => {
            known = Err(error);
            false
        }
    });
    known.map(|()| apps)
}

fn is_known(rows: &impl Rows, app: &AppCut) -> Result<bool, StoreError> {
    Ok(rows.app_cut(&app.client_id)? >= Some(app.epoch))
}

/// The list of a period.
pub fn list(rows: &impl Rows, period: u64, now: Timestamp) -> Result<StatusList, StoreError> {
    let lst = encode(rows.revoked_places(period, now)?);
    Ok(StatusList { as_of: now, lst })
}
