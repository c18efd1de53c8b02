//! Where a user is signed in, as they see it and end it.

use super::{Statement, batch, rows};
use crate::edge::stores::EdgeStores;
use crate::management::session_events::{self, Ending, Noted};
use crate::store::{EndedSession, LAST_SEEN_PRECISION, ListedSession, MOST_LISTED_SESSIONS, SessionList, StoreError};
use crate::time::Timestamp;

/// Notes that a session is in use; most times it was noted a little while ago and no row is written. Goes into the
/// batch that reads the session.
pub fn note_use(token_hash: &str, now: Timestamp) -> Statement {
    Statement::new(
        "UPDATE sessions SET last_seen_at = ?2 WHERE token_hash = ?1 AND last_seen_at <= ?2 - ?3 AND expires_at > ?2",
    )
    .text(token_hash)
    .time(now)
    .number(LAST_SEEN_PRECISION.as_secs_f64() * 1000.0)
}

impl SessionList for EdgeStores {
    async fn sessions_of(
        &self,
        user_id: &str,
        this_session: &str,
        now: Timestamp,
    ) -> Result<Vec<ListedSession>, StoreError> {
        // What answers nobody, because its connection was switched off, is not listed either.
        let statement = Statement::new(
            "SELECT s.id, s.device, c.name AS connection, s.created_at, s.last_seen_at, s.token_hash = ?2 AS is_this
             FROM sessions s LEFT JOIN connections c ON c.id = s.connection_id
             WHERE s.user_id = ?1 AND s.expires_at > ?3 AND COALESCE(c.status, 'active') = 'active'
             ORDER BY is_this DESC, s.last_seen_at DESC, s.id LIMIT ?4",
        )
        .text(user_id)
        .text(this_session)
        .time(now)
        .number(MOST_LISTED_SESSIONS);
        rows(&batch(&self.database()?, vec![statement]).await?, 0)
    }

    async fn end_session_of(
        &self,
        user_id: &str,
        id: &str,
        this_session: &str,
        noted: Noted<'_>,
    ) -> Result<Option<EndedSession>, StoreError> {
        let statement =
            Statement::new("DELETE FROM sessions WHERE id = ?2 AND user_id = ?1 RETURNING token_hash = ?3 AS was_this")
                .text(user_id)
                .text(id)
                .text(this_session);
        let noted = session_events::ended(Ending::One { user_id, id }, noted);
        let ended: Vec<EndedSession> = rows(&batch(&self.database()?, vec![noted, statement]).await?, 1)?;
        Ok(ended.into_iter().next())
    }

    async fn end_all_sessions_of(&self, user_id: &str, noted: Noted<'_>) -> Result<(), StoreError> {
        let noted = session_events::ended(Ending::All(user_id), noted);
        let statement = Statement::new("DELETE FROM sessions WHERE user_id = ?1").text(user_id);
        batch(&self.database()?, vec![noted, statement]).await.map(|_| ())
    }
}
