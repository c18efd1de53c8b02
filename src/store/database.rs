//! The directory as a database: statements with their values, run together in one transaction. D1 carries them out at
//! the edge; tests run the very same statements in SQLite, with the tables of `migrations/`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::StoreError;
use crate::json;
use crate::time::Timestamp;

/// A statement and what is bound to its numbered parameters, `?1` first.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Bound>,
}

/// A value bound to a parameter. JavaScript has doubles only: numbers are exact up to 2^53.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// NULL
    Null,
    /// A whole number, or another.
    Number(f64),
    /// Text
    Text(String),
}

/// What the statements of a transaction found, in their order: each row an object of its columns.
#[derive(Debug, Default)]
pub struct Found(Vec<Vec<Value>>);

/// Why a transaction was not carried out.
#[derive(Debug, Error)]
pub enum Undone {
    /// A [`Statement::require`] did not hold, or a constraint did not: nothing was written.
    #[error("a precondition of the transaction does not hold")]
    Refused,
    /// Storage failed; whether anything was written is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The directory (D1).
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Database {
    /// Runs statements in one transaction and one trip.
    async fn transact(&self, statements: Vec<Statement>) -> Result<Found, Undone>;

    /// The same for statements that only read.
    async fn read(&self, statements: Vec<Statement>) -> Result<Found, StoreError> {
        self.transact(statements).await.map_err(|undone| match undone {
            Undone::Store(error) => error,
            Undone::Refused => StoreError {
                part: "d1",
                detail: "a statement that reads was refused".into(),
            },
        })
    }
}

impl Statement {
    /// A statement without values yet.
    pub fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    /// Lets the whole transaction fail with [`Undone::Refused`] unless `condition`, an SQL expression over the
    /// parameters, holds when its turn comes: `EXISTS (SELECT 1 FROM apps WHERE client_id = ?1 AND version = ?2)`.
    pub fn require(condition: &str) -> Self {
        Self::new(format!("INSERT INTO required (holds) SELECT {condition}"))
    }

    /// Binds text to the next parameter.
    pub fn text(mut self, value: &str) -> Self {
        self.values.push(Bound::Text(value.to_owned()));
        self
    }

    /// Binds text or NULL to the next parameter.
    pub fn optional_text(mut self, value: Option<&str>) -> Self {
        let bound = value.map_or(Bound::Null, |value| Bound::Text(value.to_owned()));
        self.values.push(bound);
        self
    }

    /// Binds a number to the next parameter.
    pub fn number(mut self, value: impl Into<f64>) -> Self {
        self.values.push(Bound::Number(value.into()));
        self
    }

    /// Binds a number or NULL to the next parameter.
    pub fn optional_number(mut self, value: Option<impl Into<f64>>) -> Self {
        let bound = value.map_or(Bound::Null, |value| Bound::Number(value.into()));
        self.values.push(bound);
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

    /// Binds a time or NULL to the next parameter.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay under 2^53 for 280,000 years"
    )]
    pub fn optional_time(self, value: Option<Timestamp>) -> Self {
        self.optional_number(value.map(|value| value.0 as f64))
    }

    /// Binds a value to the next parameter.
    #[cfg(test)]
    pub fn bound(mut self, value: Bound) -> Self {
        self.values.push(value);
        self
    }

    /// The SQL.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What is bound to its parameters.
    pub fn values(&self) -> &[Bound] {
        &self.values
    }
}

impl Found {
    /// What each statement found.
    pub fn new(rows: Vec<Vec<Value>>) -> Self {
        Self(rows)
    }

    /// The rows of the statement at `index` as they are.
    pub fn raw(&self, index: usize) -> &[Value] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }

    /// The rows of the statement at `index`.
    pub fn rows<T: DeserializeOwned>(&self, index: usize) -> Result<Vec<T>, StoreError> {
        json::from_values(self.raw(index).to_vec()).map_err(unreadable)
    }

    /// The first row of the statement at `index`.
    pub fn first<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, StoreError> {
        match self.raw(index).first() {
            Some(row) => json::from_value(row.clone()).map(Some).map_err(unreadable),
            None => Ok(None),
        }
    }
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError {
        part: "d1",
        detail: error.to_string(),
    }
}
