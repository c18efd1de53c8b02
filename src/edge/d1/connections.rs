//! Connections, and the users behind identities.

use std::rc::Rc;

use serde::Deserialize;

use super::{Statement, batch, rows};
use crate::edge::cache::Cache;
use crate::edge::stores::{EdgeStores, store_error};
use crate::edge::surroundings::now;
use crate::json;
use crate::management::session_events;
use crate::oauth::secret::Secret;
use crate::sign_in::connection::Connection;
use crate::sign_in::known::KnownProviders;
use crate::store::{Arrival, Arrived, Connections, Identities, StoreError, User};

/// The active connections, each as the JSON of [`Connection`].
const CONNECTIONS: &str = include_str!("connections.sql");

thread_local! {
    static ACTIVE: Cache<Vec<Connection>> = const { Cache::new() };
    static KNOWN: Rc<KnownProviders> = Rc::default();
}

#[derive(Deserialize)]
struct ConnectionRow {
    record: String,
}

#[derive(Deserialize)]
struct UserRow {
    id: String,
    username: String,
    name: String,
    status: String,
}

impl Connections for EdgeStores {
    async fn connections(&self) -> Result<Rc<Vec<Connection>>, StoreError> {
        let read_at = now();
        // There is one list, so it needs no name.
        if let Some(active) = ACTIVE.with(|cache| cache.get("", read_at)) {
            return Ok(active);
        }
        let results = batch(&self.database()?, vec![Statement::new(CONNECTIONS)]).await?;
        // One that cannot be read is left out and in the log; the others go on working.
        let read = |row: ConnectionRow| json::from_str(&row.record).map_err(|error| store_error("connections", error));
        let active: Vec<Connection> = rows(&results, 0)?
            .into_iter()
            .filter_map(|row| read(row).ok())
            .collect();
        let active = Rc::new(active);
        ACTIVE.with(|cache| cache.put("", &active, read_at));
        Ok(active)
    }

    fn connection_secret(&self, name: &str) -> Option<Secret> {
        let secret = self.env().secret(name).ok()?.to_string();
        Some(Secret::new(secret))
    }

    fn known_providers(&self) -> Rc<KnownProviders> {
        KNOWN.with(Rc::clone)
    }
}

impl Identities for EdgeStores {
    async fn arrive(&self, arrival: &Arrival<'_>) -> Result<Arrived, StoreError> {
        let statements = vec![
            make_user(arrival),
            link_user(arrival),
            rename_user(arrival),
            find_user(arrival),
            session_events::refused_as_suspended(arrival.identity, arrival.connection_id, arrival.noted),
        ];
        let results = batch(&self.database()?, statements).await?;
        Ok(match rows::<UserRow>(&results, 3)?.into_iter().next() {
            None => Arrived::IdTaken,
            Some(row) if row.status != "active" => Arrived::Suspended,
            Some(row) => Arrived::User(User {
                id: row.id,
                username: row.username,
                name: row.name,
            }),
        })
    }
}

fn by_identity(sql: &'static str, arrival: &Arrival<'_>) -> Statement {
    Statement::new(sql)
        .text(&arrival.identity.issuer)
        .text(&arrival.identity.subject)
}

fn make_user(arrival: &Arrival<'_>) -> Statement {
    let sql = "INSERT INTO users (id, username, name, account_name, created_at)
         SELECT ?3, ?4, ?5, ?6, ?7
         WHERE NOT EXISTS (SELECT 1 FROM user_identities WHERE issuer = ?1 AND subject = ?2)
           AND NOT EXISTS (SELECT 1 FROM users WHERE id = ?3)";
    by_identity(sql, arrival)
        .text(arrival.new_id)
        .text(arrival.new_username)
        .text(arrival.profile.first_name())
        .optional_text(arrival.profile.account_name.as_deref())
        .time(arrival.noted.at)
}

/// Links the user made just now, and no other: the user name, drawn for this arrival, tells.
fn link_user(arrival: &Arrival<'_>) -> Statement {
    let sql = "INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at)
         SELECT ?1, ?2, id, ?5, ?6 FROM users WHERE id = ?3 AND username = ?4
           AND NOT EXISTS (SELECT 1 FROM user_identities WHERE issuer = ?1 AND subject = ?2)";
    by_identity(sql, arrival)
        .text(arrival.new_id)
        .text(arrival.new_username)
        .text(arrival.connection_id)
        .time(arrival.noted.at)
}

fn rename_user(arrival: &Arrival<'_>) -> Statement {
    let sql = "UPDATE users SET name = COALESCE(?3, name), account_name = COALESCE(?4, account_name)
         WHERE id = (SELECT user_id FROM user_identities WHERE issuer = ?1 AND subject = ?2)
           AND (name IS NOT COALESCE(?3, name) OR account_name IS NOT COALESCE(?4, account_name))";
    by_identity(sql, arrival)
        .optional_text(arrival.profile.name.as_deref())
        .optional_text(arrival.profile.account_name.as_deref())
}

fn find_user(arrival: &Arrival<'_>) -> Statement {
    let sql = "SELECT u.id, COALESCE(u.account_name, u.username) AS username, u.name, u.status
         FROM user_identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = ?1 AND i.subject = ?2";
    by_identity(sql, arrival)
}
