//! Signing in and out, in the audit trail.

use super::actor::Origin;
use crate::store::NewSession;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// From where and when a session is begun or ended.
#[derive(Debug, Clone, Copy)]
pub struct Noted<'a> {
    /// From where.
    pub origin: &'a Origin,
    /// When.
    pub at: Timestamp,
}

/// Which sessions end. Each is a condition on `sessions` whose parameters are `?5` and `?6`.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'a> {
    /// The one of this token.
    Token(&'a str),
    /// One of a user.
    One {
        /// Whose.
        user_id: &'a str,
        /// Which.
        id: &'a str,
    },
    /// All of a user.
    All(&'a str),
}

/// A user signed in. Nothing, if they were suspended since they came back: then there is no session.
pub fn started(session: &NewSession, noted: Noted<'_>) -> Statement {
    Statement::new(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, user_id, target_type, target_id, request_id, country,
                            address_hash, detail)
         SELECT 'evt_started_' || ?1, ?2, 'session.started', 'user', ?3, ?3, 'session', ?1, ?4, ?5, ?6,
                json_object('connection_id', ?7)
         WHERE EXISTS (SELECT 1 FROM sessions WHERE token_hash = ?8)
         ON CONFLICT (id) DO NOTHING",
    )
    .text(&session.id)
    .time(noted.at)
    .text(&session.user_id)
    .text(&noted.origin.request_id)
    .optional_text(noted.origin.country.as_deref())
    .optional_text(noted.origin.address_hash.as_deref())
    .optional_text(session.connection_id.as_deref())
    .text(&session.token_hash)
}

/// Sessions end: to be written before they are deleted. One that replaces another of the browser is no end.
pub fn ended(which: Ending<'_>, noted: Noted<'_>) -> Statement {
    let (condition, first, second) = match which {
        Ending::Token(hash) => ("token_hash = ?5 AND ?6 = ''", hash, ""),
        Ending::One { user_id, id } => ("user_id = ?5 AND id = ?6", user_id, id),
        Ending::All(user_id) => ("user_id = ?5 AND ?6 = ''", user_id, ""),
    };
    Statement::new(format!(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, user_id, target_type, target_id, request_id, country,
                            address_hash)
         SELECT 'evt_ended_' || id, ?1, 'session.ended', 'user', user_id, user_id, 'session', id, ?2, ?3, ?4
         FROM sessions WHERE {condition}
         ON CONFLICT (id) DO NOTHING"
    ))
    .time(noted.at)
    .text(&noted.origin.request_id)
    .optional_text(noted.origin.country.as_deref())
    .optional_text(noted.origin.address_hash.as_deref())
    .text(first)
    .text(second)
}
