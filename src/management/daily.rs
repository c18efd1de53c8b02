//! How much of what costs the most a developer account may do in a day. Its entries in the audit trail are counted, so what
//! was deleted or taken back since counts too. Bursts of anything at all are stopped elsewhere, by limits that need no table.

use std::time::Duration;

use serde::Deserialize;

use super::problem::Problem;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The entries that an index has by account, event and time: as its condition stands in the migration.
const COUNTED: &str = "event IN ('app.created', 'app.logo_uploaded', 'developer.member_invited') \
                       AND developer_id = ?1 AND event = ?2 AND at > ?3";

/// What is counted by the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daily {
    /// Apps that are registered.
    Registrations,
    /// Logos that are uploaded.
    Logos,
    /// People who are invited.
    Invitations,
}

impl Daily {
    /// The event whose entries are counted.
    fn event(self) -> &'static str {
        match self {
            Self::Registrations => "app.created",
            Self::Logos => "app.logo_uploaded",
            Self::Invitations => "developer.member_invited",
        }
    }

    /// How many there may be in a day: as many apps as an account may have, and as many people.
    pub fn most(self) -> u32 {
        match self {
            Self::Registrations => 100,
            Self::Logos | Self::Invitations => 50,
        }
    }

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registrations => "daily_registrations",
            Self::Logos => "daily_logos",
            Self::Invitations => "daily_invitations",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Registrations => {
                "the developer account registered 100 apps within a day, which is as many as one may"
            }
            Self::Logos => "the developer account uploaded 50 logos within a day, which is as many as one may",
            Self::Invitations => "the developer account invited 50 people within a day, which is as many as one may",
        }
    }

    /// Lets a transaction fail unless there is room for one more.
    pub fn require(self, developer_id: &str, now: Timestamp) -> Statement {
        let room = Statement::require(&format!("(SELECT count(*) FROM audit WHERE {COUNTED}) < ?4"));
        self.bind(room, developer_id, now).number(self.most())
    }

    /// Whether it is for want of room that a transaction failed, and when there is some again.
    pub async fn used_up(
        self,
        database: &impl Database,
        developer_id: &str,
        now: Timestamp,
    ) -> Result<Option<Problem>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            at: Timestamp,
        }
        // The oldest of as many as there may be: when it is a day old, one more may come.
        let statement = Statement::new(format!(
            "SELECT at FROM audit WHERE {COUNTED} ORDER BY at DESC LIMIT 1 OFFSET ?4"
        ));
        let statement = self.bind(statement, developer_id, now).number(self.most() - 1);
        let found = database.read(vec![statement]).await?;
        let oldest: Option<Row> = found.first(0)?;
        Ok(oldest.map(|row| Problem::TooMany {
            what: self.what(),
            retry_after: (row.at + DAY) - now,
        }))
    }

    fn bind(self, statement: Statement, developer_id: &str, now: Timestamp) -> Statement {
        statement.text(developer_id).text(self.event()).time(now - DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    #[test]
    fn a_day_is_counted_by_an_index_however_much_else_the_account_did() {
        let memory = Memory::default();
        for daily in [Daily::Registrations, Daily::Logos, Daily::Invitations] {
            let counts = format!("EXPLAIN QUERY PLAN SELECT count(*) FROM audit WHERE {COUNTED}");
            let statement = daily.bind(Statement::new(counts), "dev_1", Timestamp(1_000_000_000));
            let found = pollster::block_on(memory.read(vec![statement])).unwrap();
            let plan = format!("{:?}", found.raw(0));
            assert!(
                plan.contains("audit_of_day (developer_id=? AND event=? AND at>?)"),
                "{plan}"
            );
            assert!(COUNTED.contains(daily.event()));
        }
    }
}
