//! Consents and the decisions that make them.

use super::*;
use crate::ledger::EndedBy;
use crate::oauth::scope::Scopes;
use crate::oauth::standing::{Acquaintance, NotServed, Standing};

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
    pub device: Option<String>,
    pub organization: Option<String>,
    pub ended_by: Option<EndedBy>,
}

impl Memory {
    fn active_consents(&self, user_id: &str, client_id: &str) -> Vec<ActiveConsent> {
        let consents = self.consents.borrow();
        let active = consents.values().filter(|consent| {
            consent.status == "active" && consent.user_id == user_id && consent.client_id == client_id
        });
        active.map(|consent| consent.active.clone()).collect()
    }

    fn acquaintance(&self, user_id: &str, app: &App) -> Acquaintance {
        let consents = self.consents.borrow();
        let connected = consents.values().filter(|consent| consent.client_id == app.client_id);
        let mut users: Vec<&str> = connected.map(|consent| consent.user_id.as_str()).collect();
        users.sort_unstable();
        users.dedup();
        let tester = (app.client_id.clone(), user_id.to_owned());
        let member = (app.developer.id.clone(), user_id.to_owned());
        Acquaintance {
            is_tester: self.testers.borrow().contains(&tester) || self.members.borrow().contains(&member),
            is_blocked: self.is_blocked(user_id, &app.client_id),
            has_connected: users.contains(&user_id),
            users: u32::try_from(users.len()).unwrap(),
        }
    }

    fn is_blocked(&self, user_id: &str, client_id: &str) -> bool {
        let blocked = self.database.column_if_made(&format!(
            "SELECT 1 FROM organization_members m JOIN organization_apps d ON d.organization_id = m.organization_id
             WHERE m.user_id = '{user_id}' AND d.client_id = '{client_id}' AND d.decision = 'blocked'"
        ));
        !blocked.is_empty()
    }

    fn claim(&self, decision: &Decision, now: Timestamp) -> DecisionState {
        if let Some(decided) = self.decisions.borrow().get(&decision.request_id) {
            return DecisionState::Decided(decided.clone());
        }
        if let Some(reason) = self.reason_against(decision, now) {
            return reason;
        }
        if let Some(approval) = &decision.approval {
            self.follow(decision, approval, now);
        }
        let decided = Decided {
            attempt: decision.attempt.clone(),
            user_id: decision.user_id.clone(),
            at: now,
            shard: decision.approval.as_ref().map(|approval| approval.shard),
            displaced: Vec::new(),
        };
        self.decisions
            .borrow_mut()
            .insert(decision.request_id.clone(), decided.clone());
        DecisionState::Decided(decided)
    }

    fn reason_against(&self, decision: &Decision, now: Timestamp) -> Option<DecisionState> {
        let signed_in = self.signed_in(&decision.session, now);
        if !signed_in.is_some_and(|signed| signed.user.id == decision.user_id && signed.may_connect_apps) {
            return Some(DecisionState::SignedOut);
        }
        let apps = self.apps.borrow();
        let found = apps.get(&decision.client_id).filter(|app| {
            let registered = app.redirect_uris.contains(&decision.redirect_uri.as_str().into());
            registered && app.epoch == decision.app_epoch && app.standing() != Standing::Unavailable
        });
        let Some(app) = found else {
            return Some(DecisionState::NotServed(NotServed::Unavailable));
        };
        let approval = decision.approval.as_ref()?;
        let user = self.acquaintance(&decision.user_id, app);
        if let Err(reason) = app.standing().serves(user, decision.unverified_app_users) {
            return Some(DecisionState::NotServed(reason));
        }
        let mut active = self.active_consents(&decision.user_id, &decision.client_id).into_iter();
        let other = active.find(|active| active.instance == approval.instance && active.id != approval.consent_id);
        if let Some(other) = other {
            return Some(DecisionState::ConsentChanged(other));
        }
        let consents = self.consents.borrow();
        let covers = match consents.get(&approval.consent_id) {
            Some(consent) => {
                let asked_again = !approval.remembered || approval.payload.scopes.is_subset(&consent.active.scopes);
                consent.status == "active" && asked_again
            }
            None => !approval.remembered,
        };
        (!covers).then_some(DecisionState::ConsentRevoked)
    }

    fn follow(&self, decision: &Decision, approval: &Approval, now: Timestamp) {
        let mut consents = self.consents.borrow_mut();
        let consent = consents
            .entry(approval.consent_id.clone())
            .or_insert_with(|| StoredConsent {
                user_id: decision.user_id.clone(),
                client_id: decision.client_id.clone(),
                active: ActiveConsent {
                    id: approval.consent_id.clone(),
                    shard: approval.shard,
                    instance: approval.instance.clone(),
                    scopes: Scopes::default(),
                    declined: Scopes::default(),
                },
                status: "active",
                created_at: now,
                last_used_at: None,
                noted_at: None,
                device: approval.device.clone(),
                organization: None,
                ended_by: None,
            });
        let chosen = &approval.payload.scopes;
        let union = |one: &Scopes, other: &Scopes| one.iter().chain(other.iter()).collect::<Scopes>();
        consent.active.scopes = union(&consent.active.scopes, chosen);
        consent.active.declined = union(&consent.active.declined, &approval.declined).difference(chosen);
        self.copies
            .borrow_mut()
            .insert(approval.code_hash.clone(), approval.payload.clone());
        if !approval.instance.is_empty() {
            let mut installs: Vec<_> = consents
                .values_mut()
                .filter(|consent| {
                    consent.status == "active"
                        && consent.user_id == decision.user_id
                        && consent.client_id == decision.client_id
                        && !consent.active.instance.is_empty()
                        && consent.active.id != approval.consent_id
                })
                .collect();
            installs.sort_by_key(|consent| std::cmp::Reverse(consent.last_use()));
            for consent in installs.into_iter().skip(MOST_INSTALLS as usize - 1) {
                (consent.status, consent.ended_by) = ("revoking", Some(EndedBy::Displaced));
            }
        }
    }

    fn displaced(&self, decision: &Decision) -> Vec<Revoking> {
        let consents = self.consents.borrow();
        let displaced = consents.values().filter(|consent| {
            consent.status == "revoking"
                && consent.ended_by == Some(EndedBy::Displaced)
                && consent.user_id == decision.user_id
                && consent.client_id == decision.client_id
        });
        displaced.map(StoredConsent::revoking).collect()
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
            let app = self.stored_app(client_id);
            let Some(signed_in) = session.and_then(|session| self.signed_in(session, now)) else {
                return AuthorizationView {
                    app,
                    ..AuthorizationView::default()
                };
            };
            let user_id = &signed_in.user.id;
            AuthorizationView {
                consents: self.active_consents(user_id, client_id),
                acquaintance: app
                    .as_ref()
                    .map(|app| self.acquaintance(user_id, app))
                    .unwrap_or_default(),
                signed_in: Some(signed_in),
                app,
            }
        })
    }

    async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<DecisionState, StoreError> {
        self.trip("consents", || match self.claim(decision, now) {
            DecisionState::Decided(decided) => DecisionState::Decided(Decided {
                displaced: self.displaced(decision),
                ..decided
            }),
            state => state,
        })
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.trip("consents", || {
            self.sessions.borrow_mut().retain(|_, session| session.expires_at > now);
        })
    }
}
