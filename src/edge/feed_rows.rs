//! The rows of one feed object in its SQLite database.

use serde::Deserialize;
use worker::SqlStorage;

use super::sql::{Sql, number, time};
use crate::feed::gather::{AppEpoch, Entry, FeedRows, Position};
use crate::ledger::LoggedCut;
use crate::store::StoreError;
use crate::time::Timestamp;

/// See [`Sql::make_tables`].
const STEPS: [&str; 1] = ["
    CREATE TABLE positions (shard INTEGER PRIMARY KEY, number INTEGER NOT NULL);
    CREATE TABLE entries (
      number INTEGER PRIMARY KEY AUTOINCREMENT, cut TEXT NOT NULL UNIQUE, epoch INTEGER, expires_at INTEGER NOT NULL
    );
    CREATE INDEX apps ON entries (cut, epoch) WHERE epoch IS NOT NULL;
    CREATE INDEX entries_by_expiry ON entries (expires_at);
    "];

/// How many entries are deleted at a time.
const DELETED_AT_ONCE: u32 = 5_000;

/// One feed object's tables.
#[derive(Clone)]
pub struct SqlFeed(Sql);

#[derive(Deserialize)]
struct Newest {
    number: u64,
}

impl SqlFeed {
    /// The tables behind `sql`.
    pub fn new(sql: SqlStorage) -> Self {
        Self(Sql::new(sql, "feed"))
    }

    /// Makes the tables, or brings those of an earlier version up to date. To be run in a transaction.
    pub fn make_tables(&self) -> Result<(), StoreError> {
        self.0.make_tables(&STEPS)
    }

    /// Deletes entries whose tokens have all expired, so many at most. Whether there are more.
    pub fn delete_expired(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.0.execute(
            "DELETE FROM entries WHERE number IN (SELECT number FROM entries WHERE expires_at <= ? LIMIT ?)",
            vec![time(now), number(DELETED_AT_ONCE.into())],
        )?;
        let more = "SELECT 1 FROM entries WHERE expires_at <= ? LIMIT 1";
        self.0.finds(more, vec![time(now)])
    }
}

impl FeedRows for SqlFeed {
    fn positions(&self) -> Result<Vec<Position>, StoreError> {
        self.0.select("SELECT shard, number FROM positions", Vec::new())
    }

    fn take(&mut self, position: Position, cuts: &[LoggedCut], first: u64) -> Result<(), StoreError> {
        // Without waiting in between, so that the platform writes all of it or nothing.
        for (cut, entry) in cuts.iter().zip(first..) {
            let values = vec![number(entry), cut.cut.text().into(), time(cut.expires_at)];
            self.0.execute(
                "INSERT INTO entries (number, cut, expires_at) VALUES (?, ?, ?) ON CONFLICT (cut) DO NOTHING",
                values,
            )?;
        }
        let values = vec![number(position.shard.number().into()), number(position.number)];
        self.0.execute(
            "INSERT INTO positions (shard, number) VALUES (?, ?) ON CONFLICT (shard) DO UPDATE SET number = excluded.number",
            values,
        )
    }

    fn apps(&self) -> Result<Vec<AppEpoch>, StoreError> {
        let apps = "SELECT cut, epoch FROM entries WHERE epoch IS NOT NULL";
        self.0.select(apps, Vec::new())
    }

    fn take_app(&mut self, app: AppEpoch, until: Timestamp, entry: u64) -> Result<(), StoreError> {
        let known = vec![app.cut.text().into()];
        self.0.execute("DELETE FROM entries WHERE cut = ?", known)?;
        let values = vec![
            number(entry),
            app.cut.text().into(),
            number(app.epoch.into()),
            time(until),
        ];
        self.0.execute(
            "INSERT INTO entries (number, cut, epoch, expires_at) VALUES (?, ?, ?, ?)",
            values,
        )
    }

    fn after(&self, after: u64, at_most: u32) -> Result<Vec<Entry>, StoreError> {
        self.0.select(
            "SELECT number, cut, epoch FROM entries WHERE number > ? ORDER BY number LIMIT ?",
            vec![number(after), number(at_most.into())],
        )
    }

    fn newest(&self) -> Result<u64, StoreError> {
        let newest: Vec<Newest> = self.0.select(
            "SELECT seq AS number FROM sqlite_sequence WHERE name = 'entries'",
            Vec::new(),
        )?;
        Ok(newest.first().map_or(0, |newest| newest.number))
    }
}
