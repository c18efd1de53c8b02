//! Entries of the audit trail, written in the transaction of what they tell of.

use serde_json::Value;

use super::actor::Actor;
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// Something that was done: `app.approved` on app `app_one`. Names people and apps by id only, and holds no secret.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// What: the thing and what was done with it, `client_secret.rotated`.
    pub event: &'static str,
    /// On what: its type and its id.
    pub target: (&'static str, &'a str),
    /// In which app's trail it belongs.
    pub client_id: Option<&'a str>,
    /// In which developer account's trail it belongs; `None`: that of the app's.
    pub developer_id: Option<&'a str>,
    /// In which user's trail it belongs.
    pub user_id: Option<&'a str>,
    /// What else there is to know: an object.
    pub detail: Value,
}

impl<'a> Entry<'a> {
    /// An entry about a thing that is in nobody's trail but the operator's.
    pub fn new(event: &'static str, target: (&'static str, &'a str)) -> Self {
        Self {
            event,
            target,
            client_id: None,
            developer_id: None,
            user_id: None,
            detail: Value::Object(serde_json::Map::new()),
        }
    }

    /// An entry about an app.
    pub fn of_app(event: &'static str, client_id: &'a str) -> Self {
        Self {
            client_id: Some(client_id),
            ..Self::new(event, ("app", client_id))
        }
    }

    /// With more to know.
    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    /// The statement that writes it, as done by `actor`.
    pub fn by(&self, actor: &Actor, random: &dyn Random, now: Timestamp) -> Statement {
        let (actor_type, actor_id) = actor.named();
        Statement::new(
            "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type,
                                target_id, request_id, country, address_hash, detail)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, COALESCE(?7, (SELECT developer_id FROM apps WHERE client_id = ?6)), ?8, ?9,
                    ?10, ?11, ?12, ?13, ?14",
        )
        .text(&random::identifier(random, "evt_"))
        .time(now)
        .text(self.event)
        .text(actor_type)
        .text(actor_id)
        .optional_text(self.client_id)
        .optional_text(self.developer_id)
        .optional_text(self.user_id)
        .text(self.target.0)
        .text(self.target.1)
        .text(&actor.origin.request_id)
        .optional_text(actor.origin.country.as_deref())
        .optional_text(actor.origin.address_hash.as_deref())
        .text(&self.detail.to_string())
    }
}
