//! Storage in memory, for tests: the same promises as the real thing, and it fails when told to.

mod connected_apps;
mod consents;
mod database;
mod identities;
mod ledger;
mod people;
mod session_list;
mod web;

pub use consents::StoredConsent;
pub use database::Sqlite;
pub use ledger::MemoryRows;
pub use web::{Asked, Told};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::database::Statement;
use super::*;
use crate::config::Issuer;
use crate::crypto::ec_key::{EcPrivateKey, EcPublicKey};
use crate::feed::AppCut;
use crate::feed::gather::tests::MemoryFeed;
use crate::feed::gather::{gather, list, take_apps};
use crate::guard::apis::APIS;
use crate::keyring::KeySet;
use crate::limits::lease::{Part, grant};
use crate::limits::window::Window;
use crate::limits::{Answer, Ask, Leases};
use crate::looks::LogoName;
use crate::random::testing::Seeded;
use crate::sign_in::connection::Connection;
use crate::sign_in::known::KnownProviders;
use crate::time::Timestamp;

/// Everything in memory.
pub struct Memory {
    /// The clock of the ledger.
    pub now: Cell<Timestamp>,
    /// Apps by client id.
    pub apps: RefCell<BTreeMap<String, App>>,
    /// Apps as they were some seconds ago, by client id: what a cache has of them.
    pub cached_apps: RefCell<BTreeMap<String, Rc<App>>>,
    /// What is known of the keys of apps.
    pub known_client_keys: Rc<KnownClientKeys>,
    /// API credentials by id.
    pub credentials: BTreeMap<String, ApiCredential>,
    /// Users.
    pub users: RefCell<Vec<User>>,
    /// The ids of users who are suspended.
    pub suspended: RefCell<Vec<String>>,
    /// The active connections.
    pub connections: RefCell<Vec<Connection>>,
    /// The user of each issuer and subject.
    pub identities: RefCell<BTreeMap<(String, String), String>>,
    /// Worker secrets.
    pub secrets: RefCell<BTreeMap<String, String>>,
    /// What is known of providers.
    pub known_providers: Rc<KnownProviders>,
    /// What other servers answer, by address: status and body.
    pub web: RefCell<BTreeMap<String, (u16, String)>>,
    /// What was asked of them: the address, the `Authorization` header, the form.
    pub asked: RefCell<Vec<Asked>>,
    /// What they were told.
    pub notified: RefCell<Vec<Told>>,
    /// Sessions by hash.
    pub sessions: RefCell<BTreeMap<String, NewSession>>,
    /// When sessions were last used, by hash, unless that is when they began.
    pub last_seen: RefCell<BTreeMap<String, Timestamp>>,
    /// Consents by id: user, client, state.
    pub consents: RefCell<BTreeMap<String, StoredConsent>>,
    /// Testers of apps: client id, user id.
    pub testers: RefCell<BTreeSet<(String, String)>>,
    /// Members of developer accounts: developer id, user id.
    pub members: RefCell<BTreeSet<(String, String)>>,
    /// Decisions by request.
    pub decisions: RefCell<BTreeMap<String, Decided>>,
    /// KV.
    pub kv: RefCell<BTreeMap<String, CodePayload>>,
    /// Logos in KV, by name.
    pub logos: RefCell<BTreeMap<LogoName, Vec<u8>>>,
    /// The copies in D1.
    pub copies: RefCell<BTreeMap<String, CodePayload>>,
    /// The ledger objects.
    pub ledgers: RefCell<BTreeMap<Shard, MemoryRows>>,
    /// The feed objects.
    pub feeds: RefCell<BTreeMap<Region, MemoryFeed>>,
    /// Apps that were cut off.
    pub apps_cut_off: RefCell<Vec<AppCut>>,
    /// How long each who asked the feed would have waited.
    pub waited: RefCell<Vec<Duration>>,
    /// The ledger objects that do not answer.
    pub unreachable: RefCell<Vec<Shard>>,
    /// Those that never do, and never say so.
    pub hanging: RefCell<Vec<Shard>>,
    /// How many requests each limit allows; none: any number.
    pub limits: RefCell<BTreeMap<Limit, u32>>,
    /// The requests counted, by limit and key.
    pub counts: RefCell<BTreeMap<(Limit, String), u32>>,
    /// The guard's copies of the feed.
    pub feed_copies: Rc<Copies>,
    /// The identities that the guard signed.
    pub known_identities: Rc<KnownIdentities>,
    /// The counters of calls, by app and count.
    pub call_counters: RefCell<BTreeMap<(String, String), Window>>,
    /// The leases that this isolate holds of them.
    pub leases: RefCell<Rc<Leases>>,
    /// The directory as a database, apart from what stands above.
    pub database: Sqlite,
    /// The trips made, by part.
    pub trips: RefCell<Vec<&'static str>>,
    keys: BTreeMap<SigningAlgorithm, EcPrivateKey>,
    faults: RefCell<Vec<Fault>>,
    spared: Cell<u32>,
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
            cached_apps: RefCell::default(),
            known_client_keys: Rc::default(),
            credentials: BTreeMap::new(),
            users: RefCell::new(vec![user("usr_alice", "alice"), user("usr_ben", "ben")]),
            suspended: RefCell::default(),
            connections: RefCell::default(),
            identities: RefCell::default(),
            secrets: RefCell::default(),
            known_providers: Rc::default(),
            web: RefCell::default(),
            asked: RefCell::default(),
            notified: RefCell::default(),
            sessions: RefCell::default(),
            last_seen: RefCell::default(),
            consents: RefCell::default(),
            testers: RefCell::default(),
            members: RefCell::default(),
            decisions: RefCell::default(),
            kv: RefCell::default(),
            logos: RefCell::default(),
            copies: RefCell::default(),
            ledgers: RefCell::default(),
            feeds: RefCell::default(),
            apps_cut_off: RefCell::default(),
            feed_copies: Rc::default(),
            known_identities: Rc::default(),
            waited: RefCell::default(),
            unreachable: RefCell::default(),
            hanging: RefCell::default(),
            limits: RefCell::default(),
            counts: RefCell::default(),
            call_counters: RefCell::default(),
            leases: RefCell::default(),
            database: Sqlite::default(),
            trips: RefCell::default(),
            keys: SigningAlgorithm::ALL
                .map(|algorithm| (algorithm, EcPrivateKey::generate(&Seeded::new(9 + algorithm as u32))))
                .into(),
            faults: RefCell::default(),
            spared: Cell::default(),
        }
    }
}

impl Memory {
    /// Plans failures, each for the next call to its part.
    pub fn plan(&self, faults: &[Fault]) {
        self.faults.borrow_mut().extend(faults);
    }

    /// Plans failures for when so many calls, to whatever part, have gone well.
    pub fn plan_after(&self, calls: u32, faults: &[Fault]) {
        self.spared.set(calls);
        self.plan(faults);
    }

    fn trip<T>(&self, part: &'static str, action: impl FnOnce() -> T) -> Result<T, StoreError> {
        self.trips.borrow_mut().push(part);
        let error = || StoreError {
            part,
            detail: "planned".into(),
        };
        if let Some(left) = self.spared.get().checked_sub(1) {
            self.spared.set(left);
            return Ok(action());
        }
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
}

impl Apps for Memory {
    async fn app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError> {
        if let Some(app) = self.cached_apps.borrow().get(client_id) {
            return Ok(Some(Rc::clone(app)));
        }
        self.trip("apps", || self.stored_app(client_id))
    }

    async fn app_since(&self, client_id: &str, _since: Timestamp) -> Result<Option<Rc<App>>, StoreError> {
        self.trip("apps", || self.stored_app(client_id))
    }

    fn known_client_keys(&self) -> Rc<KnownClientKeys> {
        Rc::clone(&self.known_client_keys)
    }

    async fn api_credential(&self, id: &str) -> Result<Option<Rc<ApiCredential>>, StoreError> {
        self.trip("apps", || self.credentials.get(id).cloned().map(Rc::new))
    }
}

impl Memory {
    /// An app of the tests, or one of the tables: those that register themselves are written there.
    fn stored_app(&self, client_id: &str) -> Option<Rc<App>> {
        let own = self.apps.borrow().get(client_id).cloned();
        let app = own.or_else(|| {
            let record = Statement::new(include_str!("../../edge/d1/app.sql")).text(client_id);
            let found = self.database.transact(&[record]).unwrap();
            let record = found.raw(0).first()?.get("record")?.as_str()?.to_owned();
            Some(crate::json::from_str(&record).unwrap())
        });
        app.map(Rc::new)
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

impl CallCounters for Memory {
    fn leases(&self) -> Rc<Leases> {
        Rc::clone(&self.leases.borrow())
    }

    fn clock(&self) -> Timestamp {
        self.now.get()
    }

    async fn ask_counter(&self, client_id: &str, ask: &Ask) -> Result<Answer, StoreError> {
        self.trip("counter", || {
            let mut counters = self.call_counters.borrow_mut();
            let lease = |part: &Part| {
                let window = counters.entry((client_id.to_owned(), part.key.clone()));
                grant(
                    window.or_insert_with(|| Window::new(part.seconds)),
                    part,
                    self.now.get(),
                )
            };
            Answer {
                leases: ask.parts.iter().map(lease).collect(),
            }
        })
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

impl Logos for Memory {
    async fn logo(&self, name: &LogoName) -> Result<Option<Vec<u8>>, StoreError> {
        self.trip("logos", || self.logos.borrow().get(name).cloned())
    }

    async fn put_logo(&self, name: &LogoName, bytes: &[u8]) -> Result<(), StoreError> {
        self.trip("logos", || {
            self.logos.borrow_mut().insert(name.clone(), bytes.to_vec());
        })
    }

    async fn delete_logo(&self, name: &LogoName) -> Result<(), StoreError> {
        self.trip("logos", || {
            self.logos.borrow_mut().remove(name);
        })
    }
}

impl Ledger for Memory {
    async fn ledger(&self, shard: Shard, operation: &Operation) -> Result<Outcome, StoreError> {
        if self.unreachable.borrow().contains(&shard) {
            self.trips.borrow_mut().push("ledger");
            return Err(StoreError {
                part: "ledger",
                detail: "out of reach".into(),
            });
        }
        if self.hanging.borrow().contains(&shard) {
            self.trips.borrow_mut().push("ledger");
            return pending().await;
        }
        let outcome = self.trip("ledger", || {
            let mut ledgers = self.ledgers.borrow_mut();
            crate::ledger::apply(ledgers.entry(shard).or_default(), operation, self.now.get())
        })?;
        // What crosses the wire is what comes back.
        outcome.map(|outcome| serde_json::from_str(&serde_json::to_string(&outcome).unwrap()).unwrap())
    }
}

impl Feed for Memory {
    /// Waits no time.
    async fn feed(&self, region: Region, after: u64, wait: Duration) -> Result<Gathered, StoreError> {
        let mut feed = self.feeds.borrow().get(&region).cloned().unwrap_or_default();
        let as_of = self.now.get();
        let gathered = self.at_most(Duration::ZERO, "feed", gather(region, self, &mut feed, as_of));
        let gathered = gathered.await;
        self.feeds.borrow_mut().insert(region, feed.clone());
        gathered?;
        take_apps(&mut feed, &self.apps_cut_off.borrow(), as_of)?;
        self.waited.borrow_mut().push(wait);
        let gathered = self.trip("feed", || list(&feed, after, as_of));
        self.feeds.borrow_mut().insert(region, feed);
        gathered?
    }
}

impl Patience for Memory {
    /// Whatever is not there at once hangs.
    async fn at_most<T>(
        &self,
        _time: Duration,
        part: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut work = pin!(work);
        let hangs = || StoreError {
            part,
            detail: "no answer in time".into(),
        };
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Pending => Poll::Ready(Err(hangs())),
            ready => ready,
        })
        .await
    }
}

impl StatusLists for Memory {
    /// As the object does: first what the directory says of apps.
    async fn status_list(&self, name: ListName) -> Result<StatusList, StoreError> {
        let apps = self.apps_cut_off.borrow().clone();
        self.ledger(name.shard, &Operation::CutApps { apps }).await?;
        let operation = Operation::StatusList { period: name.period };
        match self.ledger(name.shard, &operation).await? {
            Outcome::StatusList { list } => Ok(list),
            other => panic!("{other:?}"),
        }
    }
}

impl Guarding for Memory {
    async fn guarded_apis(&self) -> Result<Rc<GuardedApis>, StoreError> {
        let found = self.trip("apis", || self.database.transact(&[Statement::new(APIS)]).unwrap())?;
        let issuer = Issuer::parse("http://localhost:8787").unwrap();
        let apis = GuardedApis::read(found.rows(0)?, &issuer, None, |_| {});
        Ok(Rc::new(apis))
    }

    fn feed_copies(&self) -> Rc<Copies> {
        Rc::clone(&self.feed_copies)
    }

    fn known_identities(&self) -> Rc<KnownIdentities> {
        Rc::clone(&self.known_identities)
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

impl Countries for Memory {
    fn country_name(&self, code: &str, language: Language) -> Option<String> {
        (code != "T1").then(|| format!("{code} in {}", language.tag()))
    }
}
