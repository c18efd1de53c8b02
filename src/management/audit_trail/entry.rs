//! An entry as it was found, and what each reader is told of it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::events;
use crate::json;
use crate::management::notices::event::ended_by_for_developers;
use crate::time::Timestamp;

/// An entry of the audit trail. The names are today's, and hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditEntry {
    /// In which order it was entered.
    pub seq: i64,
    /// `evt_…`
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// `user`, `app`, `operator`, `system`
    pub actor_type: String,
    /// Who.
    pub actor_id: Option<String>,
    /// In which app's trail it belongs.
    pub client_id: Option<String>,
    /// In which developer account's trail.
    pub developer_id: Option<String>,
    /// In which user's trail.
    pub user_id: Option<String>,
    /// On what: the type.
    pub target_type: String,
    /// On what.
    pub target_id: String,
    /// The request that brought it about.
    pub request_id: Option<String>,
    /// Where that came from.
    pub country: Option<String>,
    /// A keyed hash of its address.
    pub address_hash: Option<String>,
    detail: String,
    /// What the app is called today.
    pub app_name: Option<String>,
    /// What the user who did it is called today.
    pub actor_name: Option<String>,
}

impl AuditEntry {
    /// What happened, in words.
    pub fn what(&self) -> &str {
        events::what(&self.event)
    }

    /// What else there is to know.
    pub fn detail(&self) -> Value {
        json::from_str(&self.detail).unwrap_or_default()
    }

    /// The same for a page: name and value of each.
    pub fn details(&self) -> Vec<(String, String)> {
        written(self.detail())
    }

    /// The same of what the app's developers are told.
    pub fn details_for_developers(&self, member_ids: &[String]) -> Vec<(String, String)> {
        written(self.detail_for_developers(member_ids))
    }

    /// What else the app's developers are told: not what the operator did about a person, nor which consent of a
    /// stranger's it was.
    fn detail_for_developers(&self, member_ids: &[String]) -> Value {
        let mut detail = self.detail();
        if let Value::Object(members) = &mut detail {
            if let Some(value) = members.get_mut("ended_by") {
                *value = ended_by_for_developers(value.take());
            }
            if !self.is_about_one_of(member_ids) {
                members.remove("consent_id");
            }
        }
        detail
    }

    fn is_about_one_of(&self, member_ids: &[String]) -> bool {
        self.user_id.as_ref().is_some_and(|id| member_ids.contains(id))
    }

    /// All of it, for administrators.
    pub fn json(&self) -> Value {
        json!({
            "seq": self.seq,
            "id": self.id,
            "at": self.at.to_rfc3339(),
            "event": self.event,
            "actor": { "type": self.actor_type, "id": self.actor_id },
            "client_id": self.client_id,
            "developer_id": self.developer_id,
            "user_id": self.user_id,
            "target": { "type": self.target_type, "id": self.target_id },
            "request_id": self.request_id,
            "country": self.country,
            "address_hash": self.address_hash,
            "detail": self.detail(),
        })
    }

    /// What the app's developers are told. Of people only who among themselves acted: not which user it was about, nor
    /// where that user was, nor who of the operator's people decided.
    pub fn json_for_developers(&self, member_ids: &[String]) -> Value {
        let is_member = |id: &str| member_ids.iter().any(|member| member == id);
        let is_ours = |id: &str| self.actor_type == "app" || is_member(id);
        let actor_id = self.actor_id.as_deref().filter(|id| is_ours(id));
        let target_id = match self.target_type.as_str() {
            "user" => Some(self.target_id.as_str()).filter(|id| is_member(id)),
            "consent" => Some(self.target_id.as_str()).filter(|_| self.is_about_one_of(member_ids)),
            _ => Some(self.target_id.as_str()),
        };
        json!({
            "seq": self.seq,
            "id": self.id,
            "at": self.at.to_rfc3339(),
            "event": self.event,
            "actor": { "type": self.actor_type, "id": actor_id },
            "client_id": self.client_id,
            "target": { "type": self.target_type, "id": target_id },
            "request_id": actor_id.and(self.request_id.as_ref()),
            "detail": self.detail_for_developers(member_ids),
        })
    }
}

/// Name and value of each member that is not null.
fn written(detail: Value) -> Vec<(String, String)> {
    let Value::Object(members) = detail else {
        return Vec::new();
    };
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let written = members.map(|(name, value)| match value {
        Value::String(text) => (name, text),
        value => (name, value.to_string()),
    });
    written.collect()
}
