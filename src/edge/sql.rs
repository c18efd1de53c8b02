//! The SQLite database of a Durable Object.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::{SqlStorage, SqlStorageValue};

use super::stores::store_error;
use crate::json;
use crate::store::StoreError;
use crate::time::Timestamp;

/// A database, and what its faults are called in the log.
#[derive(Clone)]
pub struct Sql {
    storage: SqlStorage,
    part: &'static str,
}

#[derive(Deserialize)]
struct Version {
    version: usize,
}

#[derive(Deserialize)]
struct Found {}

impl Sql {
    /// The database behind `storage`.
    pub fn new(storage: SqlStorage, part: &'static str) -> Self {
        Self { storage, part }
    }

    /// Brings the tables up to date by the steps that were not taken yet. A step that was released is never changed. To be run
    /// in a transaction.
    pub fn make_tables(&self, steps: &[&str]) -> Result<(), StoreError> {
        self.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)",
            Vec::new(),
        )?;
        let found: Vec<Version> = self.select("SELECT version FROM schema_version", Vec::new())?;
        let version = found.first().map_or(0, |found| found.version);
        for step in steps.iter().skip(version) {
            self.execute(step, Vec::new())?;
        }
        if version < steps.len() {
            self.execute("DELETE FROM schema_version", Vec::new())?;
            let latest = i32::try_from(steps.len()).unwrap_or(i32::MAX);
            self.execute("INSERT INTO schema_version (version) VALUES (?)", vec![latest.into()])?;
        }
        Ok(())
    }

    /// Carries out a statement.
    pub fn execute(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<(), StoreError> {
        self.storage
            .exec(statement, values)
            .map(|_| ())
            .map_err(|error| store_error(self.part, error))
    }

    /// Reads rows.
    pub fn select<T: DeserializeOwned>(
        &self,
        statement: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Vec<T>, StoreError> {
        let cursor = self
            .storage
            .exec(statement, values)
            .map_err(|error| store_error(self.part, error))?;
        let rows: Vec<Value> = cursor.to_array().map_err(|error| store_error(self.part, error))?;
        json::from_values(rows).map_err(|error| store_error(self.part, error))
    }

    /// Whether a statement finds anything.
    pub fn finds(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<bool, StoreError> {
        Ok(!self.select::<Found>(statement, values)?.is_empty())
    }
}

/// A time, as it is stored.
pub fn time(at: Timestamp) -> SqlStorageValue {
    SqlStorageValue::Integer(at.0)
}

/// A number, as it is stored.
pub fn number(number: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
