//! What was delivered, and what there was to deliver: the log of an endpoint, and the notices of a developer account.

use serde::Deserialize;
use serde_json::{Value, json};

use super::event::Notice;
use super::payload::Entry;
use super::webhooks::Webhook;
use crate::json;
use crate::management::actor::Member;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::problem::Problem;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `whd_…`
    pub id: String,
    /// `pending`, `delivered` or `failed`.
    pub status: String,
    /// When it was entered.
    pub created_at: Timestamp,
    /// When it is attempted next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it arrived, or was given up.
    pub finished_at: Option<Timestamp>,
    /// What it tells.
    pub entry: Entry,
    /// What was tried, first to last.
    pub attempts: Vec<Attempt>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it ended.
    pub at: Timestamp,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What was wrong.
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u32,
}

impl Delivery {
    /// As JSON.
    pub fn view(&self) -> Value {
        let attempts: Vec<Value> = self.attempts.iter().map(Attempt::view).collect();
        json!({
            "id": self.id,
            "event": self.entry.event,
            "event_id": self.entry.event_id,
            "status": self.status,
            "created_at": self.created_at.to_rfc3339(),
            "next_attempt_at": self.next_attempt_at.map(Timestamp::to_rfc3339),
            "finished_at": self.finished_at.map(Timestamp::to_rfc3339),
            "attempts": attempts,
        })
    }

    /// As JSON, with what is sent.
    pub fn view_with_payload(&self) -> Value {
        let mut view = self.view();
        let payload: Option<Value> = json::parse(self.entry.body().as_bytes()).ok();
        if let Some(members) = view.as_object_mut() {
            members.insert("payload".into(), payload.into());
        }
        view
    }
}

impl Attempt {
    fn view(&self) -> Value {
        json!({
            "number": self.number,
            "at": self.at.to_rfc3339(),
            "status": self.status,
            "error": self.error,
            "duration_ms": self.duration_ms,
        })
    }
}

#[derive(Deserialize)]
struct DeliveryRow {
    id: String,
    status: String,
    created_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    attempts: String,
    event_id: String,
    event: String,
    at: Timestamp,
    actor_type: String,
    client_id: Option<String>,
    app_name: Option<String>,
    developer_id: Option<String>,
    user_id: Option<String>,
    detail: String,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let attempts = json::from_str(&row.attempts).map_err(|error| StoreError {
            part: "d1",
            detail: error.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            status: row.status,
            created_at: row.created_at,
            next_attempt_at: row.next_attempt_at,
            finished_at: row.finished_at,
            attempts,
            entry: Entry {
                event_id: row.event_id,
                event: row.event,
                at: row.at,
                actor_type: row.actor_type,
                client_id: row.client_id,
                app_name: row.app_name,
                developer_id: row.developer_id,
                developer_name: None,
                user_id: row.user_id,
                detail: row.detail,
            },
        })
    }
}

macro_rules! deliveries {
    ($where:literal) => {
        concat!(
            "SELECT d.id, d.status, d.created_at, d.next_attempt_at, d.finished_at,
                    (SELECT json_group_array(json_object('number', number, 'at', at, 'status', status, 'error', error,
                                                         'duration_ms', duration_ms))
                     FROM (SELECT * FROM webhook_attempts WHERE delivery_id = d.id ORDER BY number)) AS attempts,
                    a.id AS event_id, a.event, a.at, a.actor_type, a.client_id, p.name AS app_name,
                    COALESCE(a.developer_id, p.developer_id) AS developer_id, a.user_id, a.detail
             FROM webhook_deliveries d JOIN audit a ON a.seq = d.audit_seq LEFT JOIN apps p ON p.client_id = a.client_id
             WHERE d.endpoint_id = ?1 AND ",
            $where
        )
    };
}

/// A page of an endpoint's deliveries, newest first.
pub async fn deliveries(
    database: &impl Database,
    webhook: &Webhook,
    page: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    let statement = Statement::new(deliveries!(
        "(d.created_at, d.id) < (?2, ?3) ORDER BY d.created_at DESC, d.id DESC LIMIT ?4"
    ))
    .text(&webhook.id)
    .time(Timestamp(page.before()))
    .text(page.before_id())
    .number(page.size + 1);
    let found = database.read(vec![statement]).await?;
    let rows: Result<Vec<Delivery>, _> = found
        .rows::<DeliveryRow>(0)?
        .into_iter()
        .map(Delivery::try_from)
        .collect();
    Ok(page.page(rows?, |delivery| Cursor {
        order: delivery.created_at.0,
        id: delivery.id.clone(),
    }))
}

/// One delivery of an endpoint.
pub async fn delivery(database: &impl Database, webhook: &Webhook, id: &str) -> Result<Delivery, Problem> {
    let statement = Statement::new(deliveries!("d.id = ?2")).text(&webhook.id).text(id);
    let found = database.read(vec![statement]).await?;
    let row: Option<DeliveryRow> = found.first(0)?;
    let delivery = row.map(Delivery::try_from).transpose()?;
    delivery.ok_or(Problem::NotFound("delivery"))
}

/// An entry of the trail that a developer account may see as a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    seq: i64,
    /// What it tells.
    pub entry: Entry,
}

#[derive(Deserialize)]
struct ToldRow {
    seq: i64,
    event_id: String,
    event: String,
    at: Timestamp,
    actor_type: String,
    client_id: Option<String>,
    app_name: Option<String>,
    developer_id: Option<String>,
    user_id: Option<String>,
    detail: String,
}

impl Told {
    /// As JSON: the body of a webhook, with its id.
    pub fn view(&self) -> Value {
        let mut view: Value = json::parse(self.entry.body().as_bytes()).unwrap_or_default();
        if let Some(members) = view.as_object_mut() {
            members.insert("id".into(), self.entry.event_id.as_str().into());
        }
        view
    }
}

/// A page of a developer account's notices, newest first.
pub async fn notices(
    database: &impl Database,
    member: Member<'_>,
    page: &PageRequest,
) -> Result<Page<Told>, StoreError> {
    let names: Vec<&str> = Notice::ALL.into_iter().map(Notice::name).collect();
    let statement = Statement::new(
        "SELECT a.seq, a.id AS event_id, a.event, a.at, a.actor_type, a.client_id, p.name AS app_name, a.developer_id,
                a.user_id, a.detail
         FROM audit a LEFT JOIN apps p ON p.client_id = a.client_id
         WHERE a.developer_id = ?1 AND a.seq < ?2 AND a.event IN (SELECT value FROM json_each(?3))
         ORDER BY a.seq DESC LIMIT ?4",
    )
    .text(member.developer_id())
    .time(Timestamp(page.before()))
    .text(&json!(names).to_string())
    .number(page.size + 1);
    let found = database.read(vec![statement]).await?;
    let rows: Vec<Told> = found.rows::<ToldRow>(0)?.into_iter().map(Told::from).collect();
    Ok(page.page(rows, |told| Cursor {
        order: told.seq,
        id: String::new(),
    }))
}

impl From<ToldRow> for Told {
    fn from(row: ToldRow) -> Self {
        Self {
            seq: row.seq,
            entry: Entry {
                event_id: row.event_id,
                event: row.event,
                at: row.at,
                actor_type: row.actor_type,
                client_id: row.client_id,
                app_name: row.app_name,
                developer_id: row.developer_id,
                developer_name: None,
                user_id: row.user_id,
                detail: row.detail,
            },
        }
    }
}
