//! What is sent about an entry of the audit trail.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::event::{Notice, ended_by_for_developers};
use crate::json;
use crate::time::Timestamp;

/// An entry of the audit trail, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Its id: the `webhook-id` of every delivery of it, so that whoever gets it twice can tell.
    pub event_id: String,
    /// What happened.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// Who did it: `user`, `app`, `operator` or `system`.
    pub actor_type: String,
    /// The app.
    pub client_id: Option<String>,
    /// The app's name today.
    pub app_name: Option<String>,
    /// The developer account.
    pub developer_id: Option<String>,
    /// Its name today.
    pub developer_name: Option<String>,
    /// The user it is about.
    pub user_id: Option<String>,
    /// What else the trail holds (JSON).
    pub detail: String,
}

impl Entry {
    /// The notice it is; `None` for a test.
    pub fn notice(&self) -> Option<Notice> {
        Notice::from_name(&self.event)
    }

    /// A member of the detail, if it may be told.
    pub fn told(&self, member: &str) -> Option<Value> {
        let notice = self.notice().filter(|notice| notice.told().contains(&member))?;
        let mut detail: Map<String, Value> = match json::parse(self.detail.as_bytes()).ok()? {
            Value::Object(members) => members,
            _ => return None,
        };
        let value = detail.remove(member).filter(|value| !value.is_null())?;
        Some(match (notice, member) {
            (Notice::ConsentEnded, "ended_by") => ended_by_for_developers(value),
            (_, "last_used_at") => value.as_i64().map_or(value, |at| Timestamp(at).to_rfc3339().into()),
            _ => value,
        })
    }

    /// The body of a webhook: `type`, `timestamp` and `data`.
    pub fn body(&self) -> String {
        let mut data = Map::new();
        data.insert("actor".into(), json!({ "type": self.actor_type }));
        let user_id = self.user_id.as_ref();
        let user_id = user_id.filter(|_| self.notice().is_some_and(Notice::is_of_a_user));
        for (name, value) in [
            ("client_id", self.client_id.as_ref()),
            ("developer_id", self.developer_id.as_ref()),
            ("user_id", user_id),
        ] {
            if let Some(value) = value {
                data.insert(name.into(), value.as_str().into());
            }
        }
        for member in self.notice().map(Notice::told).unwrap_or_default() {
            if let Some(value) = self.told(member) {
                data.insert((*member).into(), value);
            }
        }
        json!({ "type": self.event, "timestamp": self.at.to_rfc3339(), "data": data }).to_string()
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// An entry about an app.
    pub fn entry(event: &str, detail: &str) -> Entry {
        Entry {
            event_id: "evt_1".into(),
            event: event.into(),
            at: Timestamp(1_795_292_713_999),
            actor_type: "operator".into(),
            client_id: Some("app_1".into()),
            app_name: Some("Planner".into()),
            developer_id: Some("dev_1".into()),
            developer_name: Some("Partner".into()),
            user_id: Some("usr_1".into()),
            detail: detail.into(),
        }
    }

    fn body(event: &str, detail: &str) -> Value {
        serde_json::from_str(&entry(event, detail).body()).unwrap()
    }

    #[test]
    fn a_body_has_type_timestamp_and_data() {
        let detail = r#"{"reason":"No privacy policy","number":2,"submission_id":"sub_1"}"#;
        assert_eq!(
            body("app.rejected", detail),
            json!({
                "type": "app.rejected",
                "timestamp": "2026-11-21T20:25:13Z",
                "data": {
                    "actor": { "type": "operator" },
                    "client_id": "app_1",
                    "developer_id": "dev_1",
                    "reason": "No privacy policy",
                    "number": 2,
                    "submission_id": "sub_1",
                },
            })
        );
    }

    #[test]
    fn nothing_of_the_trail_leaves_that_is_not_listed() {
        let detail = r#"{"reviewer":"usr_eve","reason":"r","address":"203.0.113.9","secret_hash":"x","note":null}"#;
        for notice in Notice::ALL {
            let body = body(notice.name(), detail).to_string();
            for inside in ["usr_eve", "203.0.113.9", "secret_hash", "evt_1"] {
                assert!(!body.contains(inside), "{body}");
            }
            assert_eq!(body.contains("usr_1"), notice.is_of_a_user(), "{body}");
        }
        let of_a_test = body("webhook.tested", detail).to_string();
        assert!(
            !of_a_test.contains("reason") && !of_a_test.contains("usr_"),
            "{of_a_test}"
        );
    }

    #[test]
    fn a_developer_is_not_told_that_a_person_was_suspended_or_whose_organization_ended_it() {
        for (stored, told) in [
            ("user_suspended", "operator"),
            ("organization", "operator"),
            ("user", "user"),
            ("unused", "unused"),
        ] {
            let body = body("consent.ended", &json!({ "ended_by": stored }).to_string());
            assert_eq!(body["data"]["ended_by"], told);
        }
    }

    #[test]
    fn times_are_told_as_dates_and_broken_details_not_at_all() {
        let expiring = body(
            "consent.expiring",
            r#"{"consent_id":"cns_1","last_used_at":1795292713999}"#,
        );
        assert_eq!(expiring["data"]["last_used_at"], "2026-11-21T20:25:13Z");
        for broken in ["", "[]", "null", "{", "\"reason\""] {
            assert_eq!(body("app.rejected", broken)["data"].get("reason"), None);
        }
    }
}
