//! What users see and take back.

use super::*;
use crate::consent_expiry::{UnusedLifetime, Use};
use crate::ledger::{EndedBy, StillUsed};
use crate::words::Language;

impl StoredConsent {
    fn is(&self, what: Revocable<'_>) -> bool {
        match what {
            Revocable::Consent(id) => self.active.id == id,
            Revocable::App(client_id) => self.client_id == client_id,
            Revocable::Everything => true,
        }
    }

    pub(super) fn last_use(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.created_at)
    }

    pub(super) fn revoking(&self) -> Revoking {
        Revoking {
            id: self.active.id.clone(),
            shard: self.active.shard,
            ended_by: self.ended_by.unwrap_or(EndedBy::User),
        }
    }

    fn listed(&self, language: Language) -> ConnectedApp {
        let scope = |scope: &str| GrantedScope {
            scope: scope.into(),
            description: format!("Use {scope}"),
            translation: (language != Language::ENGLISH).then(|| format!("{language:?}: {scope}")),
        };
        ConnectedApp {
            consent_id: self.active.id.clone(),
            client_id: self.client_id.clone(),
            app: Some(face(&self.client_id)),
            device: self.device.clone(),
            organization: self.organization.clone(),
            scopes: self.active.scopes.iter().map(scope).collect(),
            usage: Use {
                connected_at: self.created_at,
                last_used_at: self.last_used_at,
                noted_at: self.noted_at,
            },
            is_ending: self.status == "revoking",
        }
    }
}

fn face(client_id: &str) -> AppFace {
    AppFace {
        name: client_id.into(),
        description: String::new(),
        logo: None,
        developer_name: Some("Northwind Labs".into()),
    }
}

impl ConnectedApps for Memory {
    async fn connected_apps(&self, user_id: &str, page: &ListPage, language: Language) -> Result<Listed, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let mut mine: Vec<_> = consents
                .values()
                .filter(|consent| consent.user_id == user_id && consent.status != "revoked")
                .map(|consent| (consent.created_at, consent.active.id.as_str(), consent.listed(language)))
                .collect();
            mine.sort_by(|one, other| (other.0, other.1).cmp(&(one.0, one.1)));
            if let Some(after) = &page.after {
                mine.retain(|(at, id, _)| (*at, *id) < (after.connected_at, after.consent_id.as_str()));
            }
            let found = mine.into_iter().map(|(_, _, app)| app);
            Listed::of(found.take(usize::from(page.size) + 1).collect(), page.size)
        })
    }

    async fn at_stake(&self, user_id: &str, what: Revocable<'_>) -> Result<Option<AtStake>, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let mine = || consents.values().filter(|one| one.user_id == user_id && one.is(what));
            let any = mine().next();
            if any.is_none() && what != Revocable::Everything {
                return None;
            }
            Some(AtStake {
                connections: mine().filter(|one| one.status != "revoked").count() as u32,
                app: any
                    .filter(|_| what != Revocable::Everything)
                    .map(|one| face(&one.client_id)),
                device: None,
            })
        })
    }

    async fn begin_revoking(
        &self,
        user_id: &str,
        what: Revocable<'_>,
        _now: Timestamp,
    ) -> Result<Option<Unfinished>, StoreError> {
        self.trip("consents", || {
            let mut consents = self.consents.borrow_mut();
            let mut is_known = what == Revocable::Everything;
            let mut unfinished = Unfinished::default();
            for consent in consents.values_mut() {
                if consent.user_id != user_id || !consent.is(what) {
                    continue;
                }
                is_known = true;
                if consent.status == "active" || consent.ended_by == Some(EndedBy::Unused) {
                    consent.ended_by = Some(EndedBy::User);
                }
                if consent.status == "active" {
                    consent.status = "revoking";
                }
                if consent.status == "revoking" {
                    unfinished.revoking.push(consent.revoking());
                    unfinished.count += 1;
                }
            }
            is_known.then_some(unfinished)
        })
    }

    async fn finish_revoking(&self, consent_ids: &[&str]) -> Result<(), StoreError> {
        self.trip("consents", || {
            let mut consents = self.consents.borrow_mut();
            for id in consent_ids {
                let consent = consents.get_mut(*id);
                if let Some(consent) = consent.filter(|consent| consent.status == "revoking") {
                    consent.status = "revoked";
                }
            }
        })
    }

    async fn keep_used(&self, still_used: &[StillUsed]) -> Result<(), StoreError> {
        self.trip("consents", || {
            let mut consents = self.consents.borrow_mut();
            for used in still_used {
                let consent = consents.get_mut(&used.consent_id);
                let is_expiring =
                    |one: &&mut StoredConsent| one.status == "revoking" && one.ended_by == Some(EndedBy::Unused);
                if let Some(consent) = consent.filter(is_expiring) {
                    consent.status = "active";
                    consent.ended_by = None;
                    consent.noted_at = None;
                    consent.last_used_at = Some(used.used_at);
                }
            }
        })
    }

    async fn expire_unused(&self, lifetime: UnusedLifetime, now: Timestamp) -> Result<(), StoreError> {
        self.trip("consents", || {
            let mut consents = self.consents.borrow_mut();
            for consent in consents.values_mut().filter(|consent| consent.status == "active") {
                if consent.last_use() <= lifetime.to_be_noted_since(now) {
                    consent.noted_at = consent.noted_at.or(Some(now));
                }
                let was_noted = consent.noted_at.is_some_and(|at| at <= lifetime.noted_since(now));
                if was_noted && consent.last_use() <= lifetime.unused_since(now) {
                    consent.status = "revoking";
                    consent.ended_by = Some(EndedBy::Unused);
                }
            }
        })
    }

    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let unfinished = consents.values().filter(|consent| consent.status == "revoking");
            unfinished.map(StoredConsent::revoking).collect()
        })
    }
}
