//! The directory in SQLite, in memory: D1 is SQLite too, so the statements that run there are tried here.

use std::cell::{OnceCell, RefCell};

use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};
use serde_json::Value;

use super::{Memory, StoreError};
use crate::store::database::{Bound, Database, Found, Statement, Undone};

/// The tables of `migrations/`, in order.
const MIGRATIONS: [&str; 13] = [
    include_str!("../../../migrations/0001_init.sql"),
    include_str!("../../../migrations/0002_client_security.sql"),
    include_str!("../../../migrations/0003_api_signing_algorithm.sql"),
    include_str!("../../../migrations/0004_audit.sql"),
    include_str!("../../../migrations/0005_people.sql"),
    include_str!("../../../migrations/0006_developers.sql"),
    include_str!("../../../migrations/0007_upkeep.sql"),
    include_str!("../../../migrations/0008_metadata_documents.sql"),
    include_str!("../../../migrations/0009_organizations.sql"),
    include_str!("../../../migrations/0011_revocation_feed.sql"),
    include_str!("../../../migrations/0012_route_rules.sql"),
    include_str!("../../../migrations/0013_calls.sql"),
    include_str!("../../../migrations/0014_app_rate_limits.sql"),
];

/// A database that is made when it is first asked.
#[derive(Default)]
pub struct Sqlite {
    made: OnceCell<Connection>,
    meanwhile: RefCell<Option<String>>,
}

impl Sqlite {
    fn connection(&self) -> &Connection {
        self.made.get_or_init(|| {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
            for migration in MIGRATIONS {
                connection.execute_batch(migration).unwrap();
            }
            connection
        })
    }

    /// Runs SQL that a test prepares its tables with.
    pub fn run(&self, sql: &str) {
        self.connection()
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Runs SQL just before the next transaction that has a precondition: after whatever was read to decide on it.
    pub fn meanwhile(&self, sql: &str) {
        self.meanwhile.replace(Some(sql.to_owned()));
    }

    /// Whether what was to happen meanwhile has happened.
    pub fn has_happened(&self) -> bool {
        self.meanwhile.borrow().is_none()
    }

    /// The first column of what a query finds, as JSON.
    pub fn column(&self, sql: &str) -> Vec<Value> {
        let found = self.transact(&[Statement::new(sql.to_owned())]).unwrap();
        let rows = found.raw(0).iter().filter_map(Value::as_object);
        rows.filter_map(|row| row.values().next().cloned()).collect()
    }

    /// All rows of a table, as text.
    pub fn dump(&self, table: &str) -> String {
        let found = self
            .transact(&[Statement::new(format!("SELECT * FROM \"{table}\""))])
            .unwrap();
        format!("{table}: {:?}", found.raw(0))
    }

    /// The same, or nothing where no test has asked anything of the tables yet.
    pub fn column_if_made(&self, sql: &str) -> Vec<Value> {
        match self.made.get() {
            Some(_) => self.column(sql),
            None => Vec::new(),
        }
    }

    pub(super) fn transact(&self, statements: &[Statement]) -> Result<Found, Undone> {
        let has_precondition = |statement: &Statement| statement.sql().starts_with("INSERT INTO required");
        if statements.iter().any(has_precondition)
            && let Some(sql) = self.meanwhile.take()
        {
            self.run(&sql);
        }
        let connection = self.connection();
        let transaction = connection.unchecked_transaction().map_err(undone)?;
        let rows: Result<Vec<_>, _> = statements
            .iter()
            .map(|statement| run(&transaction, statement))
            .collect();
        let rows = rows.map_err(undone)?;
        transaction.commit().map_err(undone)?;
        Ok(Found::new(rows))
    }
}

fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Value>> {
    let mut prepared = connection.prepare(statement.sql())?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.query(params_from_iter(statement.values()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = names
            .iter()
            .enumerate()
            .map(|(at, name)| Ok((name.clone(), json(row.get_ref(at)?))));
        found.push(Value::Object(columns.collect::<rusqlite::Result<_>>()?));
    }
    Ok(found)
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(_) => panic!("D1 would give a blob"),
    }
}

impl ToSql for Bound {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "as D1 does it"
    )]
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(SqlValue::Null),
            Self::Number(number) if (*number as i64) as f64 == *number => {
                ToSqlOutput::Owned(SqlValue::Integer(*number as i64))
            }
            Self::Number(number) => ToSqlOutput::Owned(SqlValue::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn undone(error: rusqlite::Error) -> Undone {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Undone::Refused,
        _ => Undone::Store(StoreError {
            part: "d1",
            detail: error.to_string(),
        }),
    }
}

impl Database for Memory {
    async fn transact(&self, statements: Vec<Statement>) -> Result<Found, Undone> {
        self.trip("database", || self.database.transact(&statements))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(database: &Sqlite) -> Vec<Value> {
        database.column("SELECT count(*) FROM settings")
    }

    fn insert(name: &str) -> Statement {
        Statement::new("INSERT INTO settings (name, value, updated_at) VALUES (?1, '{}', ?2)")
            .text(name)
            .number(1)
    }

    #[test]
    fn a_transaction_whose_precondition_does_not_hold_writes_nothing() {
        let database = Sqlite::default();
        let holds = |condition| Statement::require(condition).number(1);
        let refused = database.transact(&[insert("a"), holds("?1 = 2"), insert("b")]);
        assert!(matches!(refused, Err(Undone::Refused)));
        assert!(matches!(
            database.transact(&[holds("NULL AND ?1")]),
            Err(Undone::Refused)
        ));
        assert_eq!(count(&database), [0]);
        database.transact(&[insert("a"), holds("?1 = 1"), insert("b")]).unwrap();
        assert_eq!(count(&database), [2]);
        assert_eq!(database.column("SELECT holds FROM required"), [1]);
    }

    #[test]
    fn what_the_tables_refuse_is_no_fault_of_storage_and_bad_sql_is_one() {
        let database = Sqlite::default();
        let twice = database.transact(&[insert("a"), insert("a")]);
        assert!(matches!(twice, Err(Undone::Refused)));
        assert_eq!(count(&database), [0]);
        let nonsense = database.transact(&[Statement::new("SELECT nonsense FROM nowhere")]);
        assert!(matches!(nonsense, Err(Undone::Store(_))));
    }

    #[test]
    fn what_older_entries_said_of_hosts_is_gone_and_the_trail_is_closed_again() {
        let connection = Connection::open_in_memory().unwrap();
        let (before, after) = MIGRATIONS.split_at(6);
        before
            .iter()
            .for_each(|migration| connection.execute_batch(migration).unwrap());
        let entries = r#"INSERT INTO audit (id, at, event, actor_type, target_type, target_id, detail) VALUES
            ('evt_1', 1, 'webhook.created', 'user', 'webhook', 'whe_1', '{"host":"diaz.example","events":["*"]}'),
            ('evt_2', 2, 'webhook.updated', 'user', 'webhook', 'whe_1', '{"host":"diaz.example"}'),
            ('evt_3', 3, 'api.created', 'user', 'api', 'api_1', '{"host":"api.example"}')"#;
        connection.execute_batch(entries).unwrap();
        after
            .iter()
            .for_each(|migration| connection.execute_batch(migration).unwrap());
        let database = Sqlite {
            made: OnceCell::from(connection),
            meanwhile: RefCell::default(),
        };
        let details = database.column("SELECT detail FROM audit ORDER BY seq");
        assert_eq!(details, [r#"{"events":["*"]}"#, "{}", r#"{"host":"api.example"}"#]);
        let change = Statement::new("UPDATE audit SET detail = '{}'");
        assert!(matches!(database.transact(&[change]), Err(Undone::Refused)));
    }

    #[test]
    fn times_survive_and_text_stays_text() {
        let database = Sqlite::default();
        let statement = Statement::new("SELECT ?1 AS at, ?2 AS number, ?3 AS missing");
        let statement = statement
            .time(crate::time::Timestamp(1_763_800_000_123))
            .text("007")
            .optional_text(None);
        let found = database.transact(&[statement]).unwrap();
        let row: Value = found.first(0).unwrap().unwrap();
        assert_eq!(
            row,
            serde_json::json!({ "at": 1_763_800_000_123_i64, "number": "007", "missing": null })
        );
    }
}
