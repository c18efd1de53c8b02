//! What users see and take back.

use super::*;
use crate::words::Language;

impl ConnectedApps for Memory {
    async fn connected_apps(&self, user_id: &str, language: Language) -> Result<Vec<ConnectedApp>, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let mine = consents
                .values()
                .filter(|consent| consent.user_id == user_id && consent.status == "active");
            let scope = |scope: &str| GrantedScope {
                scope: scope.into(),
                description: format!("Use {scope}"),
                translation: (language != Language::ENGLISH).then(|| format!("{language:?}: {scope}")),
            };
            mine.map(|consent| ConnectedApp {
                consent_id: consent.active.id.clone(),
                name: consent.client_id.clone(),
                description: String::new(),
                logo: None,
                developer_name: "Northwind Labs".into(),
                scopes: consent.active.scopes.iter().map(scope).collect(),
                connected_at: consent.created_at,
                last_used_at: None,
            })
            .collect()
        })
    }

    async fn begin_revoking(
        &self,
        consent_id: &str,
        user_id: &str,
        _now: Timestamp,
    ) -> Result<Option<Revoking>, StoreError> {
        self.trip("consents", || {
            let mut consents = self.consents.borrow_mut();
            let consent = consents
                .get_mut(consent_id)
                .filter(|consent| consent.user_id == user_id)?;
            if consent.status == "active" {
                consent.status = "revoking";
            }
            Some(Revoking {
                id: consent_id.into(),
                shard: consent.active.shard,
            })
        })
    }

    async fn finish_revoking(&self, consent_id: &str) -> Result<(), StoreError> {
        self.trip("consents", || {
            if let Some(consent) = self.consents.borrow_mut().get_mut(consent_id) {
                consent.status = "revoked";
            }
        })
    }

    async fn unfinished_revocations(&self) -> Result<Vec<Revoking>, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let unfinished = consents.values().filter(|consent| consent.status == "revoking");
            unfinished
                .map(|consent| Revoking {
                    id: consent.active.id.clone(),
                    shard: consent.active.shard,
                })
                .collect()
        })
    }
}
