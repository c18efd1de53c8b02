//! Signing in and out, in the audit trail.
//!
//! Of sign-ins that are refused only those are entered that are about somebody: a user who proved who they are, or a
//! connection that should not have let it come to this. An hour has one entry at most of each, for each reason: whoever
//! tries again and again, or knows how to bring one about, fills no trail. All the others are a line of the log each, and
//! so are these.

use serde_json::json;

use super::actor::Origin;
use crate::sign_in::identity::Identity;
use crate::sign_in::refusal::SignInRefusal;
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

/// So often a refusal is entered again: milliseconds.
const AGAIN_AFTER: i64 = 3_600_000;

/// A user who is suspended proved who they are. To be run in the transaction that looks for them; nothing for anybody
/// else.
pub fn refused_as_suspended(identity: &Identity, connection_id: &str, noted: Noted<'_>) -> Statement {
    let refusal = SignInRefusal::Suspended;
    Statement::new(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, user_id, target_type, target_id, request_id, country,
                            address_hash, detail)
         SELECT ?1 || u.id, ?2, 'sign_in.refused', 'user', u.id, u.id, 'user', u.id, ?3, ?4, ?5, ?6
         FROM user_identities i JOIN users u ON u.id = i.user_id
         WHERE i.issuer = ?7 AND i.subject = ?8 AND u.status = 'suspended'
         ON CONFLICT (id) DO NOTHING",
    )
    .text(&once_an_hour(refusal, noted))
    .time(noted.at)
    .text(&noted.origin.request_id)
    .optional_text(noted.origin.country.as_deref())
    .optional_text(noted.origin.address_hash.as_deref())
    .text(&detail(refusal, connection_id))
    .text(&identity.issuer)
    .text(&identity.subject)
}

/// A connection brought an answer that is not believed, or that nobody can be signed in by. `None`: that is no news about
/// the connection.
pub fn refused_at(connection_id: &str, refusal: SignInRefusal, noted: Noted<'_>) -> Option<Statement> {
    let statement = Statement::new(
        "INSERT INTO audit (id, at, event, actor_type, target_type, target_id, request_id, country, address_hash, detail)
         VALUES (?1 || ?6, ?2, 'sign_in.refused', 'user', 'connection', ?6, ?3, ?4, ?5, ?7)
         ON CONFLICT (id) DO NOTHING",
    )
    .text(&once_an_hour(refusal, noted))
    .time(noted.at)
    .text(&noted.origin.request_id)
    .optional_text(noted.origin.country.as_deref())
    .optional_text(noted.origin.address_hash.as_deref())
    .text(connection_id)
    .text(&detail(refusal, connection_id));
    refusal.is_about_the_connection().then_some(statement)
}

/// How an entry's id begins: the same for an hour. Whom or what it is about follows.
fn once_an_hour(refusal: SignInRefusal, noted: Noted<'_>) -> String {
    format!("evt_refused_{}_{}_", noted.at.0.div_euclid(AGAIN_AFTER), refusal.code())
}

fn detail(refusal: SignInRefusal, connection_id: &str) -> String {
    json!({ "reason": refusal.code(), "connection_id": connection_id }).to_string()
}
