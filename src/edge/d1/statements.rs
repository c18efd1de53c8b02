//! Statements and batches of them, as D1 takes them: each batch is one trip and one transaction.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result};

use crate::edge::stores::{EdgeStores, store_error};
use crate::edge::surroundings::now;
use crate::json;
use crate::management::notices::outbox::any_due;
use crate::store::StoreError;
pub use crate::store::database::Statement;
use crate::store::database::{Bound, Database, Found, Undone};

fn prepare(statement: &Statement, database: &D1Database) -> Result<D1PreparedStatement, StoreError> {
    let values: Vec<JsValue> = statement.values().iter().map(bound).collect();
    database
        .prepare(statement.sql())
        .bind(&values)
        .map_err(|error| store_error("d1", error))
}

fn bound(value: &Bound) -> JsValue {
    match value {
        Bound::Null => JsValue::NULL,
        Bound::Number(number) => JsValue::from_f64(*number),
        Bound::Text(text) => JsValue::from_str(text),
    }
}

/// Runs statements in one transaction and one trip.
pub async fn batch(database: &D1Database, statements: Vec<Statement>) -> Result<Vec<D1Result>, StoreError> {
    let prepared: Result<Vec<_>, _> = statements
        .iter()
        .map(|statement| prepare(statement, database))
        .collect();
    let results = database
        .batch(prepared?)
        .await
        .map_err(|error| store_error("d1", error))?;
    match results.iter().find_map(D1Result::error) {
        Some(error) => Err(store_error("d1", error)),
        None => Ok(results),
    }
}

/// The rows of the statement at `index` of a batch.
pub fn rows<T: DeserializeOwned>(results: &[D1Result], index: usize) -> Result<Vec<T>, StoreError> {
    let result = results
        .get(index)
        .ok_or_else(|| store_error("d1", "a result is missing"))?;
    let rows: Vec<Value> = result.results().map_err(|error| store_error("d1", error))?;
    json::from_values(rows).map_err(|error| store_error("d1", error))
}

impl Database for EdgeStores {
    async fn transact(&self, mut statements: Vec<Statement>) -> Result<Found, Undone> {
        let database = self.database()?;
        // What enters the audit trail may be a notice, to be sent at once.
        let tells = statements
            .iter()
            .any(|statement| statement.sql().contains("INTO audit "));
        let asked = statements.len();
        if tells {
            statements.push(any_due(now()));
        }
        let prepared: Result<Vec<_>, _> = statements
            .iter()
            .map(|statement| prepare(statement, &database))
            .collect();
        let results = database
            .batch(prepared?)
            .await
            .map_err(|error| undone(&error.to_string()))?;
        if let Some(error) = results.iter().find_map(D1Result::error) {
            return Err(undone(&error));
        }
        if tells {
            note_due(self, &results, asked)?;
        }
        let rows: Result<Vec<Vec<Value>>, _> = results.iter().take(asked).map(D1Result::results).collect();
        Ok(Found::new(rows.map_err(|error| store_error("d1", error))?))
    }
}

/// Notes what [`any_due`] at `index` of a batch found.
pub fn note_due(stores: &EdgeStores, results: &[D1Result], index: usize) -> Result<(), StoreError> {
    let found: Vec<Due> = rows(results, index)?;
    stores.note_notices_due(found.iter().any(|row| row.due != 0));
    Ok(())
}

#[derive(Deserialize)]
struct Due {
    due: u8,
}

/// D1 says with what SQLite's error began: only what the tables themselves refuse is no fault of storage.
fn undone(message: &str) -> Undone {
    match message.contains("SQLITE_CONSTRAINT") {
        true => Undone::Refused,
        false => Undone::Store(store_error("d1", message)),
    }
}
