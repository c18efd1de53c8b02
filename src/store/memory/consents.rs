//! Consents and the decisions that make them.

use super::*;
use crate::ledger::EndedBy;
use crate::oauth::client::AppStatus;
use crate::oauth::scope::Scopes;

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsent {
    pub user_id: String,
    pub client_id: String,
    pub active: ActiveConsent,
    pub status: &'static str,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub noted_at: Option<Timestamp>,
    pub ended_by: Option<EndedBy>,
}

impl Memory {
    fn active_consent(&self, user_id: &str, client_id: &str) -> Option<ActiveConsent> {
        let consents = self.consents.borrow();
        let mut active = consents.values().filter(|consent| consent.status == "active");
        active
            .find(|consent| consent.user_id == user_id && consent.client_id == client_id)
            .map(|consent| consent.active.clone())
    }

    fn claim(&self, decision: &Decision, now: Timestamp) -> DecisionState {
        if let Some(decided) = self.decisions.borrow().get(&decision.request_id) {
            return DecisionState::Decided(decided.clone());
        }
        let app_allows = self.apps.borrow().get(&decision.client_id).is_some_and(|app| {
            let registered = app.redirect_uris.contains(&decision.redirect_uri.as_str().into());
            registered && app.status == AppStatus::Approved && app.epoch == decision.app_epoch
        });
        let signed_in = self
            .signed_in(&decision.session, now)
            .is_some_and(|signed| signed.user.id == decision.user_id);
        if !signed_in || !app_allows {
            return DecisionState::Refused;
        }
        if let Some(approval) = &decision.approval {
            let active = self.active_consent(&decision.user_id, &decision.client_id);
            if let Some(other) = active.filter(|active| active.id != approval.consent_id) {
                return DecisionState::ConsentChanged(other);
            }
            let mut consents = self.consents.borrow_mut();
            if consents
                .get(&approval.consent_id)
                .is_some_and(|consent| consent.status != "active")
            {
                return DecisionState::ConsentRevoked;
            }
            let consent = consents
                .entry(approval.consent_id.clone())
                .or_insert_with(|| StoredConsent {
                    user_id: decision.user_id.clone(),
                    client_id: decision.client_id.clone(),
                    active: ActiveConsent {
                        id: approval.consent_id.clone(),
                        shard: approval.shard,
                        scopes: Scopes::default(),
                    },
                    status: "active",
                    created_at: now,
                    last_used_at: None,
                    noted_at: None,
                    ended_by: None,
                });
            let union: Scopes = consent
                .active
                .scopes
                .iter()
                .chain(approval.payload.scopes.iter())
                .collect();
            consent.active.scopes = union;
            self.copies
                .borrow_mut()
                .insert(approval.code_hash.clone(), approval.payload.clone());
        }
        let decided = Decided {
            attempt: decision.attempt.clone(),
            user_id: decision.user_id.clone(),
            at: now,
            shard: decision.approval.as_ref().map(|approval| approval.shard),
        };
        self.decisions
            .borrow_mut()
            .insert(decision.request_id.clone(), decided.clone());
        DecisionState::Decided(decided)
    }
}

impl Consents for Memory {
    async fn authorization_view(
        &self,
        session: Option<&str>,
        client_id: &str,
        now: Timestamp,
    ) -> Result<AuthorizationView, StoreError> {
        self.trip("consents", || {
            session.inspect(|session| self.note_use(session, now));
            let signed_in = session.and_then(|session| self.signed_in(session, now));
            let consent = signed_in
                .as_ref()
                .and_then(|signed| self.active_consent(&signed.user.id, client_id));
            AuthorizationView {
                signed_in,
                app: self.apps.borrow().get(client_id).cloned().map(Rc::new),
                consent,
            }
        })
    }

    async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
        self.trip("consents", || self.claim(decision, now))
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.trip("consents", || {
            self.sessions.borrow_mut().retain(|_, session| session.expires_at > now);
        })
    }
}
