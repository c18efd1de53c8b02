//! Storage in memory, for tests: the same promises as the real thing, and it fails when told to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::*;
use crate::crypto::ec_key::{EcPrivateKey, EcPublicKey};
use crate::keyring::KeySet;
use crate::ledger::event::Event;
use crate::ledger::family::Family;
use crate::ledger::{self, RedeemedCode, Rows, SingleUse};
use crate::oauth::client::AppStatus;
use crate::random::testing::Seeded;

/// Everything in memory.
pub struct Memory {
    /// The clock of the ledger.
    pub now: Cell<Timestamp>,
    /// Apps by client id.
    pub apps: RefCell<BTreeMap<String, App>>,
    /// API credentials by id.
    pub credentials: BTreeMap<String, ApiCredential>,
    /// Users.
    pub users: Vec<User>,
    /// Sessions by hash.
    pub sessions: RefCell<BTreeMap<String, NewSession>>,
    /// Consents by id: user, client, state.
    pub consents: RefCell<BTreeMap<String, StoredConsent>>,
    /// Decisions by request.
    pub decisions: RefCell<BTreeMap<String, Decided>>,
    /// KV.
    pub kv: RefCell<BTreeMap<String, CodePayload>>,
    /// The copies in D1.
    pub copies: RefCell<BTreeMap<String, CodePayload>>,
    /// The ledger objects.
    pub ledgers: RefCell<BTreeMap<Shard, MemoryRows>>,
    /// How many requests each limit allows; none: any number.
    pub limits: RefCell<BTreeMap<Limit, u32>>,
    /// The requests counted, by limit and key.
    pub counts: RefCell<BTreeMap<(Limit, String), u32>>,
    /// The trips made, by part.
    pub trips: RefCell<Vec<&'static str>>,
    keys: BTreeMap<SigningAlgorithm, EcPrivateKey>,
    faults: RefCell<Vec<Fault>>,
}

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsent {
    pub user_id: String,
    pub client_id: String,
    pub active: ActiveConsent,
    pub status: &'static str,
    pub created_at: Timestamp,
}

/// A failure to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next call to this part fails and nothing happened.
    Before(&'static str),
    /// The next call to this part happens, but its reply is lost.
    After(&'static str),
}

impl Default for Memory {
    fn default() -> Self {
        let user = |id: &str, name: &str| User {
            id: id.into(),
            username: name.into(),
            name: name.to_uppercase(),
        };
        Self {
            now: Cell::new(Timestamp(1_000_000)),
            apps: RefCell::default(),
            credentials: BTreeMap::new(),
            users: vec![user("usr_alice", "alice"), user("usr_ben", "ben")],
            sessions: RefCell::default(),
            consents: RefCell::default(),
            decisions: RefCell::default(),
            kv: RefCell::default(),
            copies: RefCell::default(),
            ledgers: RefCell::default(),
            limits: RefCell::default(),
            counts: RefCell::default(),
            trips: RefCell::default(),
            keys: SigningAlgorithm::ALL
                .map(|algorithm| (algorithm, EcPrivateKey::generate(&Seeded::new(9 + algorithm as u32))))
                .into(),
            faults: RefCell::default(),
        }
    }
}

impl Memory {
    /// Plans failures, each for the next call to its part.
    pub fn plan(&self, faults: &[Fault]) {
        self.faults.borrow_mut().extend(faults);
    }

    fn trip<T>(&self, part: &'static str, action: impl FnOnce() -> T) -> Result<T, StoreError> {
        self.trips.borrow_mut().push(part);
        let error = || StoreError {
            part,
            detail: "planned".into(),
        };
        if self.take(Fault::Before(part)) {
            return Err(error());
        }
        let done = action();
        if self.take(Fault::After(part)) {
            Err(error())
        } else {
            Ok(done)
        }
    }

    fn take(&self, fault: Fault) -> bool {
        let mut faults = self.faults.borrow_mut();
        let at = faults.iter().position(|planned| *planned == fault);
        at.map(|at| faults.remove(at)).is_some()
    }

    fn signed_in(&self, token_hash: &str, now: Timestamp) -> Option<SignedIn> {
        let sessions = self.sessions.borrow();
        let session = sessions.get(token_hash).filter(|session| session.expires_at > now)?;
        let user = self.users.iter().find(|user| user.id == session.user_id)?;
        Some(SignedIn {
            session: token_hash.into(),
            user: user.clone(),
            auth_time: session.created_at,
        })
    }

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

impl Apps for Memory {
    async fn app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError> {
        self.trip("apps", || self.apps.borrow().get(client_id).cloned().map(Rc::new))
    }

    async fn api_credential(&self, id: &str) -> Result<Option<Rc<ApiCredential>>, StoreError> {
        self.trip("apps", || self.credentials.get(id).cloned().map(Rc::new))
    }
}

impl Probe for Memory {
    async fn health(&self, _shard: Shard) -> Health {
        let answers = |part| !self.take(Fault::Before(part));
        Health {
            d1: answers("d1"),
            kv: answers("kv"),
            ledger: answers("ledger"),
            keyring: answers("keyring"),
        }
    }
}

impl Limits for Memory {
    async fn within(&self, limit: Limit, key: &str) -> Result<bool, StoreError> {
        if self.take(Fault::Before("limits")) {
            return Err(StoreError {
                part: "limits",
                detail: "planned".into(),
            });
        }
        let Some(allowed) = self.limits.borrow().get(&limit).copied() else {
            return Ok(true);
        };
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry((limit, key.to_owned())).or_default();
        let within = *count < allowed;
        *count += u32::from(within);
        Ok(within)
    }
}

impl Sessions for Memory {
    async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        self.trip("sessions", || self.signed_in(token_hash, now))
    }

    async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError> {
        self.trip("sessions", || {
            self.users.iter().find(|user| user.username == username).cloned()
        })
    }

    async fn begin_session(&self, session: &NewSession, replaces: Option<&str>) -> Result<(), StoreError> {
        self.trip("sessions", || {
            let mut sessions = self.sessions.borrow_mut();
            replaces.map(|old| sessions.remove(old));
            sessions.insert(session.token_hash.clone(), session.clone());
        })
    }

    async fn end_session(&self, token_hash: &str) -> Result<(), StoreError> {
        self.trip("sessions", || {
            self.sessions.borrow_mut().remove(token_hash);
        })
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

    async fn connected_apps(&self, user_id: &str) -> Result<Vec<ConnectedApp>, StoreError> {
        self.trip("consents", || {
            let consents = self.consents.borrow();
            let mine = consents
                .values()
                .filter(|consent| consent.user_id == user_id && consent.status == "active");
            let scope = |scope: &str| GrantedScope {
                scope: scope.into(),
                description: format!("Use {scope}"),
            };
            mine.map(|consent| ConnectedApp {
                consent_id: consent.active.id.clone(),
                name: consent.client_id.clone(),
                description: String::new(),
                logo_url: None,
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

    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.trip("consents", || {
            self.sessions.borrow_mut().retain(|_, session| session.expires_at > now);
        })
    }
}

impl Codes for Memory {
    async fn put_code(&self, hash: &str, payload: &CodePayload) -> Result<(), StoreError> {
        self.trip("kv", || {
            self.kv.borrow_mut().insert(hash.into(), payload.clone());
        })
    }

    async fn code(&self, hash: &str) -> Result<Option<CodePayload>, StoreError> {
        self.trip("kv", || self.kv.borrow().get(hash).cloned())
    }

    async fn code_copy(&self, hash: &str) -> Result<Option<CodePayload>, StoreError> {
        self.trip("copies", || self.copies.borrow().get(hash).cloned())
    }
}

impl Ledger for Memory {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> Result<Outcome, StoreError> {
        let outcome = self.trip("ledger", || {
            let mut ledgers = self.ledgers.borrow_mut();
            ledger::apply(ledgers.entry(shard).or_default(), operation, self.now.get())
        })?;
        // What crosses the wire is what comes back.
        outcome.map(|outcome| serde_json::from_str(&serde_json::to_string(&outcome).unwrap()).unwrap())
    }
}

impl Signer for Memory {
    /// No RSA crate fits the versions in use here, so an RS256 signature is a P-256 one by another name; real ones
    /// are made and verified on workerd.
    type Key = EcPrivateKey;

    async fn signing_keys(&self) -> Result<SigningKeys<EcPrivateKey>, StoreError> {
        let key = |algorithm: SigningAlgorithm| NamedKey {
            kid: algorithm.name().into(),
            key: EcPrivateKey::from_d(&self.keys[&algorithm].d()).unwrap(),
        };
        self.trip("keys", || SigningKeys {
            es256: key(SigningAlgorithm::Es256),
            rs256: key(SigningAlgorithm::Rs256),
        })
    }

    async fn sign(&self, key: &EcPrivateKey, message: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(key.sign(message))
    }

    async fn verify(
        &self,
        kid: &str,
        algorithm: SigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, StoreError> {
        let key = &self.keys[&algorithm];
        Ok(kid == algorithm.name() && key.public_key().verify(message, signature))
    }

    async fn public_keys(&self) -> Result<PublicKeys, StoreError> {
        self.trip("keys", || KeySet::default().public_keys())
    }

    async fn maintain_keys(&self) -> Result<(), StoreError> {
        self.trip("keys", || ())
    }
}

impl ClientSignatures for Memory {
    async fn is_signed_by(&self, key: &PublicKey, jwt: &SignedJwt<'_>) -> bool {
        let PublicKey::Ec { x, y } = key else { return false };
        let (x, y) = (x.clone(), y.clone());
        EcPublicKey { x, y }.verify(jwt.signing_input.as_bytes(), &jwt.signature)
    }
}

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
    /// When codes are forgotten.
    until: BTreeMap<String, Timestamp>,
}

impl MemoryRows {
    /// What the alarm does: deletes what can no longer matter.
    pub fn delete_expired(&mut self, now: Timestamp) {
        let until = &self.until;
        self.codes.retain(|hash, _| until[hash] > now);
        self.families
            .retain(|_, family| family.expires_at.min(family.idle_expires_at) > now);
        self.ended_consents.retain(|_, until| *until > now);
        self.ended_tokens.retain(|_, until| *until > now);
        self.single_uses.retain(|_, single_use| single_use.expires_at > now);
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

    fn touch_consent(&mut self, consent_id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.used.insert(consent_id.into(), now);
        Ok(())
    }

    fn note(&mut self, event: &Event) -> Result<(), StoreError> {
        self.events.push(event.clone());
        Ok(())
    }
}
