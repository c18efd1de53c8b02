//! Statements with their values, and batches of them: each batch is one trip and one transaction.

use serde::de::DeserializeOwned;
use serde_json::Value;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result};

use crate::edge::stores::store_error;
use crate::json;
use crate::store::StoreError;
use crate::time::Timestamp;

/// A statement and what is bound to its numbered parameters.
pub struct Statement {
    sql: &'static str,
    values: Vec<JsValue>,
}

impl Statement {
    /// A statement without values yet.
    pub fn new(sql: &'static str) -> Self {
        Self {
            sql,
            values: Vec::new(),
        }
    }

    /// Binds text to the next parameter.
    pub fn text(mut self, value: &str) -> Self {
        self.values.push(JsValue::from_str(value));
        self
    }

    /// Binds text or NULL to the next parameter.
    pub fn optional_text(mut self, value: Option<&str>) -> Self {
        self.values.push(value.map_or(JsValue::NULL, JsValue::from_str));
        self
    }

    /// Binds a number to the next parameter. JavaScript has doubles only: exact up to 2^53.
    pub fn number(mut self, value: impl Into<f64>) -> Self {
        self.values.push(JsValue::from_f64(value.into()));
        self
    }

    /// Binds a time to the next parameter.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay under 2^53 for 280,000 years"
    )]
    pub fn time(self, value: Timestamp) -> Self {
        self.number(value.0 as f64)
    }

    fn prepare(self, database: &D1Database) -> Result<D1PreparedStatement, StoreError> {
        database
            .prepare(self.sql)
            .bind(&self.values)
            .map_err(|error| store_error("d1", error))
    }
}

/// Runs statements in one transaction and one trip.
pub async fn batch(database: &D1Database, statements: Vec<Statement>) -> Result<Vec<D1Result>, StoreError> {
    let prepared: Result<Vec<_>, _> = statements
        .into_iter()
        .map(|statement| statement.prepare(database))
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
    let rows: Result<Vec<T>, _> = rows.into_iter().map(json::from_value).collect();
    rows.map_err(|error| store_error("d1", error))
}
