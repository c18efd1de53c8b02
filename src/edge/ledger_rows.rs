//! The rows of one ledger object in its SQLite database.

use std::cell::Cell;
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use worker::{SqlStorage, SqlStorageValue};

use super::sql::{Sql, number, time};
use super::stores::store_error;
use crate::feed::AppCut;
use crate::json;
use crate::ledger::event::Event;
use crate::ledger::family::Family;
use crate::ledger::status::{Listed, REVOKE_OF_APP};
use crate::ledger::{LoggedCut, RedeemedCode, Rows, SingleUse};
use crate::status_list::Place;
use crate::store::StoreError;
use crate::time::Timestamp;

/// How the tables came to be: each step brings those of the version before it up to its own. The first takes any
/// table that is there from the time before steps were counted. A step that was released is never changed.
const STEPS: [&str; 4] = [
    "
    CREATE TABLE IF NOT EXISTS codes (hash TEXT PRIMARY KEY, record TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS codes_by_expiry ON codes (expires_at);
    CREATE TABLE IF NOT EXISTS families (id TEXT PRIMARY KEY, consent_id TEXT NOT NULL, record TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS families_by_consent ON families (consent_id);
    CREATE INDEX IF NOT EXISTS families_by_expiry ON families (expires_at);
    CREATE TABLE IF NOT EXISTS ended_consents (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ended_consents_by_expiry ON ended_consents (expires_at);
    CREATE TABLE IF NOT EXISTS ended_tokens (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ended_tokens_by_expiry ON ended_tokens (expires_at);
    CREATE TABLE IF NOT EXISTS single_uses (name TEXT PRIMARY KEY, attempt TEXT NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS single_uses_by_expiry ON single_uses (expires_at);
    CREATE TABLE IF NOT EXISTS consent_use (consent_id TEXT PRIMARY KEY, used_at INTEGER NOT NULL) WITHOUT ROWID;
    ",
    "CREATE TABLE audit_outbox (id TEXT PRIMARY KEY, event TEXT NOT NULL) WITHOUT ROWID;",
    // AUTOINCREMENT: no number comes twice, also after all entries have expired.
    "
    CREATE TABLE cuts (number INTEGER PRIMARY KEY AUTOINCREMENT, cut TEXT NOT NULL, expires_at INTEGER NOT NULL);
    CREATE INDEX cuts_by_expiry ON cuts (expires_at);
    ",
    "
    ALTER TABLE families ADD COLUMN client_id TEXT;
    UPDATE families SET client_id = record ->> 'client_id';
    CREATE INDEX families_by_client ON families (client_id);
    CREATE TABLE newest_place (only INTEGER PRIMARY KEY CHECK (only = 1), place INTEGER NOT NULL);
    CREATE TABLE revoked_places (place INTEGER PRIMARY KEY, expires_at INTEGER NOT NULL);
    CREATE INDEX revoked_places_by_expiry ON revoked_places (expires_at);
    CREATE TABLE app_cuts (client_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX app_cuts_by_expiry ON app_cuts (expires_at);
    ",
];

/// One ledger object's tables.
#[derive(Clone)]
pub struct SqlRows {
    sql: Sql,
    /// Whether an event was noted through these rows that should be told at once.
    has_urgent_news: Rc<Cell<bool>>,
}

/// When a consent was last used.
#[derive(Serialize, Deserialize)]
pub struct ConsentUse {
    /// The consent.
    pub consent_id: String,
    /// When.
    pub used_at: Timestamp,
}

#[derive(Deserialize)]
struct UsedAt {
    used_at: Timestamp,
}

#[derive(Deserialize)]
struct Record {
    record: String,
}

#[derive(Deserialize)]
struct FamilyRecord {
    id: String,
    record: String,
}

#[derive(Deserialize)]
struct UsedBy {
    attempt: String,
}

#[derive(Deserialize)]
struct Newest {
    number: u64,
}

#[derive(Deserialize)]
struct Placed {
    place: Place,
}

#[derive(Deserialize)]
struct Epoch {
    epoch: u32,
}

#[derive(Deserialize)]
struct NotedEvent {
    event: String,
}

impl SqlRows {
    /// The tables behind `sql`.
    pub fn new(sql: SqlStorage) -> Self {
        Self {
            sql: Sql::new(sql, "ledger"),
            has_urgent_news: Rc::default(),
        }
    }

    /// Makes the tables, or brings those of an earlier version up to date. To be run in a transaction.
    pub fn make_tables(&self) -> Result<(), StoreError> {
        self.sql.make_tables(&STEPS)
    }

    /// Whether an event was noted that should be told at once.
    pub fn has_urgent_news(&self) -> bool {
        self.has_urgent_news.get()
    }

    /// Deletes what can no longer matter.
    pub fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM codes WHERE expires_at <= ?",
            "DELETE FROM families WHERE expires_at <= ?",
            "DELETE FROM ended_consents WHERE expires_at <= ?",
            "DELETE FROM ended_tokens WHERE expires_at <= ?",
            "DELETE FROM single_uses WHERE expires_at <= ?",
            "DELETE FROM cuts WHERE expires_at <= ?",
            "DELETE FROM revoked_places WHERE expires_at <= ?",
            "DELETE FROM app_cuts WHERE expires_at <= ?",
        ] {
            self.sql.execute(statement, vec![time(now)])?;
        }
        Ok(())
    }

    /// Uses of consents the directory has not been told of.
    pub fn untold_uses(&self) -> Result<Vec<ConsentUse>, StoreError> {
        self.sql.select(
            "SELECT consent_id, used_at FROM consent_use ORDER BY used_at LIMIT 500",
            Vec::new(),
        )
    }

    /// Forgets uses the directory knows of now, but none that came meanwhile.
    pub fn forget_uses(&self, told: &[ConsentUse]) -> Result<(), StoreError> {
        for told in told {
            let values = vec![told.consent_id.as_str().into(), time(told.used_at)];
            self.sql
                .execute("DELETE FROM consent_use WHERE consent_id = ? AND used_at <= ?", values)?;
        }
        Ok(())
    }

    /// Events the audit trail has not been told of.
    pub fn untold_events(&self) -> Result<Vec<Event>, StoreError> {
        let noted: Vec<NotedEvent> = self.sql.select(
            "SELECT event FROM audit_outbox ORDER BY event ->> 'at' LIMIT 500",
            Vec::new(),
        )?;
        let read = |noted: NotedEvent| json::from_str(&noted.event);
        let events: Result<_, _> = noted.into_iter().map(read).collect();
        events.map_err(|error| store_error("ledger", error))
    }

    /// Forgets events the audit trail has.
    pub fn forget_events(&self, told: &[Event]) -> Result<(), StoreError> {
        for told in told {
            self.sql
                .execute("DELETE FROM audit_outbox WHERE id = ?", vec![told.id.as_str().into()])?;
        }
        Ok(())
    }

    /// Whether there is anything the directory has not been told of.
    pub fn has_untold(&self) -> Result<bool, StoreError> {
        let untold = "SELECT 1 FROM consent_use UNION ALL SELECT 1 FROM audit_outbox LIMIT 1";
        self.sql.finds(untold, Vec::new())
    }

    /// Whether anything is kept that will expire.
    pub fn holds_anything(&self) -> Result<bool, StoreError> {
        // No union: the platform's SQLite takes five terms of one at most.
        let held = "SELECT 1 WHERE EXISTS (SELECT 1 FROM codes) OR EXISTS (SELECT 1 FROM families) OR EXISTS (SELECT 1 FROM ended_consents) OR EXISTS (SELECT 1 FROM ended_tokens) OR EXISTS (SELECT 1 FROM single_uses) OR EXISTS (SELECT 1 FROM cuts) OR EXISTS (SELECT 1 FROM revoked_places) OR EXISTS (SELECT 1 FROM app_cuts)";
        self.sql.finds(held, Vec::new())
    }

    fn record<T: DeserializeOwned>(&self, statement: &str, key: &str) -> Result<Option<T>, StoreError> {
        let found: Vec<Record> = self.sql.select(statement, vec![key.into()])?;
        let record = found
            .into_iter()
            .next()
            .map(|found| json::from_str(&found.record))
            .transpose();
        record.map_err(|error| store_error("ledger", error))
    }

    fn exists(&self, statement: &str, key: &str) -> Result<bool, StoreError> {
        self.sql.finds(statement, vec![key.into()])
    }
}

impl Rows for SqlRows {
    fn code(&self, hash: &str) -> Result<Option<RedeemedCode>, StoreError> {
        self.record("SELECT record FROM codes WHERE hash = ?", hash)
    }

    fn put_code(&mut self, hash: &str, code: &RedeemedCode, until: Timestamp) -> Result<(), StoreError> {
        let values = vec![hash.into(), text_of(code)?, time(until)];
        self.sql
            .execute("INSERT INTO codes (hash, record, expires_at) VALUES (?, ?, ?)", values)
    }

    fn family(&self, id: &str) -> Result<Option<Family>, StoreError> {
        self.record("SELECT record FROM families WHERE id = ?", id)
    }

    fn put_family(&mut self, id: &str, family: &Family) -> Result<(), StoreError> {
        let values = vec![
            id.into(),
            family.consent_id.as_str().into(),
            family.client_id.as_str().into(),
            text_of(family)?,
            time(family.kept_until()),
        ];
        self.sql.execute(
            "INSERT INTO families (id, consent_id, client_id, record, expires_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET record = excluded.record, expires_at = excluded.expires_at",
            values,
        )
    }

    fn remove_family(&mut self, id: &str) -> Result<(), StoreError> {
        self.sql.execute("DELETE FROM families WHERE id = ?", vec![id.into()])
    }

    fn families_of_consent(&self, consent_id: &str) -> Result<Vec<(String, Family)>, StoreError> {
        let found: Vec<FamilyRecord> = self.sql.select(
            "SELECT id, record FROM families WHERE consent_id = ?",
            vec![consent_id.into()],
        )?;
        let read = |found: FamilyRecord| {
            let family = json::from_str(&found.record).map_err(|error| store_error("ledger", error))?;
            Ok((found.id, family))
        };
        found.into_iter().map(read).collect()
    }

    fn consent_ended(&self, consent_id: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM ended_consents WHERE id = ?", consent_id)
    }

    fn end_consent(&mut self, consent_id: &str, until: Timestamp) -> Result<(), StoreError> {
        let values = vec![consent_id.into(), time(until)];
        self.sql.execute(
            "INSERT INTO ended_consents (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
            values,
        )
    }

    fn token_ended(&self, jti: &str) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM ended_tokens WHERE jti = ?", jti)
    }

    fn end_token(&mut self, jti: &str, until: Timestamp) -> Result<(), StoreError> {
        let values = vec![jti.into(), time(until)];
        self.sql.execute(
            "INSERT OR IGNORE INTO ended_tokens (jti, expires_at) VALUES (?, ?)",
            values,
        )
    }

    fn single_use(&self, name: &str) -> Result<Option<String>, StoreError> {
        let used: Vec<UsedBy> = self
            .sql
            .select("SELECT attempt FROM single_uses WHERE name = ?", vec![name.into()])?;
        Ok(used.into_iter().next().map(|used| used.attempt))
    }

    fn put_single_use(&mut self, single_use: &SingleUse) -> Result<(), StoreError> {
        let values = vec![
            single_use.name.as_str().into(),
            single_use.attempt.as_str().into(),
            time(single_use.expires_at),
        ];
        self.sql.execute(
            "INSERT OR IGNORE INTO single_uses (name, attempt, expires_at) VALUES (?, ?, ?)",
            values,
        )
    }

    fn untold_use(&self, consent_id: &str) -> Result<Option<Timestamp>, StoreError> {
        let uses: Vec<UsedAt> = self.sql.select(
            "SELECT used_at FROM consent_use WHERE consent_id = ?",
            vec![consent_id.into()],
        )?;
        Ok(uses.into_iter().next().map(|found| found.used_at))
    }

    fn touch_consent(&mut self, consent_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let values = vec![consent_id.into(), time(now)];
        self.sql.execute(
            "INSERT INTO consent_use (consent_id, used_at) VALUES (?, ?) ON CONFLICT (consent_id) DO UPDATE SET used_at = excluded.used_at",
            values,
        )
    }

    fn log_cut(&mut self, cut: &LoggedCut) -> Result<(), StoreError> {
        let values = vec![number(cut.number), cut.cut.text().into(), time(cut.expires_at)];
        self.sql
            .execute("INSERT INTO cuts (number, cut, expires_at) VALUES (?, ?, ?)", values)
    }

    fn cuts_after(&self, after: u64, at_most: u32) -> Result<Vec<LoggedCut>, StoreError> {
        self.sql.select(
            "SELECT number, cut, expires_at FROM cuts WHERE number > ? ORDER BY number LIMIT ?",
            vec![number(after), number(at_most.into())],
        )
    }

    fn newest_cut(&self) -> Result<u64, StoreError> {
        let newest: Vec<Newest> = self.sql.select(
            "SELECT seq AS number FROM sqlite_sequence WHERE name = 'cuts'",
            Vec::new(),
        )?;
        Ok(newest.first().map_or(0, |newest| newest.number))
    }

    fn newest_place(&self) -> Result<Option<Place>, StoreError> {
        let newest: Vec<Placed> = self.sql.select("SELECT place FROM newest_place", Vec::new())?;
        Ok(newest.first().map(|newest| newest.place))
    }

    fn put_newest_place(&mut self, place: Place) -> Result<(), StoreError> {
        self.sql.execute(
            "INSERT INTO newest_place (only, place) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET place = excluded.place",
            vec![number(place.number())],
        )
    }

    fn revoke_places(&mut self, listed: &[Listed]) -> Result<(), StoreError> {
        self.sql.execute(
            "INSERT INTO revoked_places (place, expires_at)
             SELECT value ->> 'place', value ->> 'expires_at' FROM json_each(?) WHERE true
             ON CONFLICT (place) DO NOTHING",
            vec![text_of(&listed)?],
        )
    }

    fn revoke_places_of_app(&mut self, app: &AppCut, now: Timestamp) -> Result<(), StoreError> {
        let values = vec![app.client_id.as_str().into(), number(app.epoch.into()), time(now)];
        self.sql.execute(REVOKE_OF_APP, values)
    }

    fn revoked_places(&self, period: u64, now: Timestamp) -> Result<Vec<Place>, StoreError> {
        let (first, end) = Place::all_of(period);
        let revoked: Vec<Placed> = self.sql.select(
            "SELECT place FROM revoked_places WHERE place >= ? AND place < ? AND expires_at > ?",
            vec![number(first.number()), number(end.number()), time(now)],
        )?;
        Ok(revoked.into_iter().map(|revoked| revoked.place).collect())
    }

    fn app_cut(&self, client_id: &str) -> Result<Option<u32>, StoreError> {
        let cut: Vec<Epoch> = self
            .sql
            .select("SELECT epoch FROM app_cuts WHERE client_id = ?", vec![client_id.into()])?;
        Ok(cut.first().map(|cut| cut.epoch))
    }

    fn put_app_cut(&mut self, app: &AppCut, until: Timestamp) -> Result<(), StoreError> {
        let values = vec![app.client_id.as_str().into(), number(app.epoch.into()), time(until)];
        self.sql.execute(
            "INSERT INTO app_cuts (client_id, epoch, expires_at) VALUES (?, ?, ?)
             ON CONFLICT (client_id) DO UPDATE SET epoch = excluded.epoch, expires_at = excluded.expires_at",
            values,
        )
    }

    fn note(&mut self, event: &Event) -> Result<(), StoreError> {
        self.has_urgent_news
            .set(self.has_urgent_news.get() || event.kind.is_urgent());
        let values = vec![event.id.as_str().into(), text_of(event)?];
        self.sql
            .execute("INSERT OR IGNORE INTO audit_outbox (id, event) VALUES (?, ?)", values)
    }
}

fn text_of(value: &impl Serialize) -> Result<SqlStorageValue, StoreError> {
    serde_json::to_string(value)
        .map(SqlStorageValue::String)
        .map_err(|error| store_error("ledger", error))
}
