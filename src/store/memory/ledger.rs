//! The rows of a ledger object.

use std::collections::BTreeMap;

use super::*;
use crate::feed::AppCut;
use crate::ledger::event::Event;
use crate::ledger::family::Family;
use crate::ledger::status::Listed;
use crate::ledger::{LoggedCut, RedeemedCode, Rows, SingleUse};
use crate::status_list::Place;

/// The rows of one ledger object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryRows {
    pub codes: BTreeMap<String, RedeemedCode>,
    pub families: BTreeMap<String, Family>,
    pub ended_consents: BTreeMap<String, Timestamp>,
    pub ended_tokens: BTreeMap<String, Timestamp>,
    pub single_uses: BTreeMap<String, SingleUse>,
    pub used: BTreeMap<String, Timestamp>,
    /// For the audit trail, in the order in which they were noted.
    pub events: Vec<Event>,
    /// For the revocation feed.
    pub cuts: Vec<LoggedCut>,
    newest_cut: u64,
    newest_place: Option<Place>,
    /// Tokens that are marked on the status lists, and until when.
    pub revoked_places: BTreeMap<Place, Timestamp>,
    /// Apps that were cut off, and until when that is remembered.
    pub app_cuts: BTreeMap<String, (u32, Timestamp)>,
    /// When codes are forgotten.
    until: BTreeMap<String, Timestamp>,
}

impl MemoryRows {
    /// What the alarm does: deletes what can no longer matter.
    pub fn delete_expired(&mut self, now: Timestamp) {
        let until = &self.until;
        self.codes.retain(|hash, _| until[hash] > now);
        self.families.retain(|_, family| family.kept_until() > now);
        self.ended_consents.retain(|_, until| *until > now);
        self.ended_tokens.retain(|_, until| *until > now);
        self.single_uses.retain(|_, single_use| single_use.expires_at > now);
        self.cuts.retain(|cut| cut.expires_at > now);
        self.revoked_places.retain(|_, until| *until > now);
        self.app_cuts.retain(|_, (_, until)| *until > now);
    }
}

impl Rows for MemoryRows {
    fn code(&self, hash: &str) -> Result<Option<RedeemedCode>, StoreError> {
        Ok(self.codes.get(hash).cloned())
    }

    fn put_code(&mut self, hash: &str, code: &RedeemedCode, until: Timestamp) -> Result<(), StoreError> {
        self.until.insert(hash.into(), until);
        self.codes.insert(hash.into(), code.clone());
        Ok(())
    }

    fn family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        Ok(self.families.get(id).cloned())
    }

    fn put_family(&mut self, id: &str, family: &Family) -> Result<(), StoreError> {
        self.families.insert(id.into(), family.clone());
        Ok(())
    }

    fn remove_family(&mut self, id: &str) -> Result<(), StoreError> {
        self.families.remove(id);
        Ok(())
    }

    fn families_of_consent(&self, consent_id: &str) -> Result<Vec<(String, Family)>, StoreError> {
        let all = self
            .families
            .iter()
            .filter(|(_, family)| family.consent_id == consent_id);
        Ok(all.map(|(id, family)| (id.clone(), family.clone())).collect())
    }

    fn consent_ended(&self, consent_id: &str) -> Result<bool, StoreError> {
        Ok(self.ended_consents.contains_key(consent_id))
    }

    fn end_consent(&mut self, consent_id: &str, until: Timestamp) -> Result<(), StoreError> {
        self.ended_consents.insert(consent_id.into(), until);
        Ok(())
    }

    fn token_ended(&self, jti: &str) -> Result<bool, StoreError> {
        Ok(self.ended_tokens.contains_key(jti))
    }

    fn end_token(&mut self, jti: &str, until: Timestamp) -> Result<(), StoreError> {
        self.ended_tokens.insert(jti.into(), until);
        Ok(())
    }

    fn single_use(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.single_uses.get(name).map(|single_use| single_use.attempt.clone()))
    }

    fn put_single_use(&mut self, single_use: &SingleUse) -> Result<(), StoreError> {
        self.single_uses.insert(single_use.name.clone(), single_use.clone());
        Ok(())
    }

    fn untold_use(&self, consent_id: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.used.get(consent_id).copied())
    }

    fn touch_consent(&mut self, consent_id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.used.insert(consent_id.into(), now);
        Ok(())
    }

    fn log_cut(&mut self, cut: &LoggedCut) -> Result<(), StoreError> {
        self.newest_cut = cut.number;
        self.cuts.push(*cut);
        Ok(())
    }

    fn cuts_after(&self, number: u64, at_most: u32) -> Result<Vec<LoggedCut>, StoreError> {
        let later = self.cuts.iter().filter(|cut| cut.number > number);
        Ok(later.take(at_most as usize).copied().collect())
    }

    fn newest_cut(&self) -> Result<u64, StoreError> {
        Ok(self.newest_cut)
    }

    fn newest_place(&self) -> Result<Option<Place>, StoreError> {
        Ok(self.newest_place)
    }

    fn put_newest_place(&mut self, place: Place) -> Result<(), StoreError> {
        self.newest_place = Some(place);
        Ok(())
    }

    fn revoke_places(&mut self, listed: &[Listed]) -> Result<(), StoreError> {
        for one in listed {
            self.revoked_places.entry(one.place).or_insert(one.expires_at);
        }
        Ok(())
    }

    fn revoke_places_of_app(&mut self, app: &AppCut, now: Timestamp) -> Result<(), StoreError> {
        let older = |family: &&Family| family.client_id == app.client_id && family.app_epoch < app.epoch;
        let listed = self.families.values().filter(older).flat_map(|family| &family.listed);
        let alive: Vec<Listed> = listed.filter(|listed| listed.expires_at > now).copied().collect();
        self.revoke_places(&alive)
    }

    fn revoked_places(&self, period: u64, now: Timestamp) -> Result<Vec<Place>, StoreError> {
        let marked = self.revoked_places.iter();
        let alive = marked.filter(|(place, until)| place.period() == period && **until > now);
        Ok(alive.map(|(place, _)| *place).collect())
    }

    fn app_cut(&self, client_id: &str) -> Result<Option<u32>, StoreError> {
        Ok(self.app_cuts.get(client_id).map(|(epoch, _)| *epoch))
    }

    fn put_app_cut(&mut self, app: &AppCut, until: Timestamp) -> Result<(), StoreError> {
        self.app_cuts.insert(app.client_id.clone(), (app.epoch, until));
        Ok(())
    }

    fn note(&mut self, event: &Event) -> Result<(), StoreError> {
        self.events.push(event.clone());
        Ok(())
    }
}
