//! Users and sessions.

use serde::Deserialize;
use worker::D1Result;

use super::session_list::note_use;
use super::{Statement, batch, rows};
use crate::edge::stores::EdgeStores;
use crate::management::session_events::{self, Ending, Noted};
use crate::store::{NewSession, Sessions, SignedIn, StoreError, User};
use crate::time::Timestamp;

#[derive(Deserialize)]
struct SessionRow {
    id: String,
    username: String,
    name: String,
    auth_time: Timestamp,
    may_connect_apps: u8,
    may_develop: u8,
    administers: u8,
}

/// Finds a live session of an active user.
pub fn select_session(token_hash: &str, now: Timestamp) -> Statement {
    Statement::new(
        "SELECT u.id, COALESCE(u.account_name, u.username) AS username, u.name, s.auth_time,
                COALESCE(c.domain_level, 1) AS may_connect_apps, COALESCE(c.for_developers, 1) AS may_develop,
                EXISTS (SELECT 1 FROM organization_members m JOIN organizations o ON o.id = m.organization_id
                        WHERE m.user_id = u.id AND m.role = 'administrator' AND o.status = 'active') AS administers
         FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN connections c ON c.id = s.connection_id
         WHERE s.token_hash = ?1 AND s.expires_at > ?2 AND u.status = 'active' AND COALESCE(c.status, 'active') = 'active'",
    )
    .text(token_hash)
    .time(now)
}

/// Reads what [`select_session`] found.
pub fn read_session(results: &[D1Result], index: usize, token_hash: &str) -> Result<Option<SignedIn>, StoreError> {
    let found = rows::<SessionRow>(results, index)?.into_iter().next();
    Ok(found.map(|row| SignedIn {
        session: token_hash.to_owned(),
        user: User {
            id: row.id,
            username: row.username,
            name: row.name,
        },
        auth_time: row.auth_time,
        may_connect_apps: row.may_connect_apps != 0,
        may_develop: row.may_develop != 0,
        administers: row.administers != 0,
    }))
}

impl Sessions for EdgeStores {
    async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        let statements = vec![select_session(token_hash, now), note_use(token_hash, now)];
        let results = batch(&self.database()?, statements).await?;
        read_session(&results, 0, token_hash)
    }

    async fn user_by_username(&self, username: &str) -> Result<Option<User>, StoreError> {
        let statement = Statement::new(
            "SELECT id, COALESCE(account_name, username) AS username, name FROM users WHERE username = ?1 AND status = 'active'",
        );
        let results = batch(&self.database()?, vec![statement.text(username)]).await?;
        Ok(rows(&results, 0)?.into_iter().next())
    }

    async fn begin_session(
        &self,
        session: &NewSession,
        replaces: Option<&str>,
        noted: Noted<'_>,
    ) -> Result<(), StoreError> {
        // None for whoever was suspended since they came back: their sessions ended then.
        let insert = Statement::new(
            "INSERT INTO sessions (token_hash, id, user_id, connection_id, device, auth_time, created_at, last_seen_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8
             WHERE EXISTS (SELECT 1 FROM users WHERE id = ?3 AND status = 'active')
               AND NOT EXISTS (SELECT 1 FROM connections WHERE id = ?4 AND status <> 'active')",
        )
        .text(&session.token_hash)
        .text(&session.id)
        .text(&session.user_id)
        .optional_text(session.connection_id.as_deref())
        .optional_text(session.device.as_deref())
        .time(session.auth_time)
        .time(session.created_at)
        .time(session.expires_at);
        let mut statements = vec![insert, session_events::started(session, noted)];
        statements.extend(replaces.map(delete_session));
        batch(&self.database()?, statements).await.map(|_| ())
    }

    async fn end_session(&self, token_hash: &str, noted: Noted<'_>) -> Result<(), StoreError> {
        let ended = session_events::ended(Ending::Token(token_hash), noted);
        batch(&self.database()?, vec![ended, delete_session(token_hash)])
            .await
            .map(|_| ())
    }
}

fn delete_session(token_hash: &str) -> Statement {
    Statement::new("DELETE FROM sessions WHERE token_hash = ?1").text(token_hash)
}
