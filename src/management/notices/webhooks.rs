//! Endpoints for notices, as their owners manage them: a developer account its own, administrators those of the operator.

use serde::Deserialize;
use serde_json::{Value, json};

use super::event::{EventFilter, TESTED};
use super::outbox::Format;
use super::{EndpointUrl, SigningSecret, SigningSecrets};
use crate::config::{Config, Issuer};
use crate::management::accounts::members::still_member;
use crate::management::actor::{Actor, Administrator, Member};
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// How many endpoints an owner may have.
pub const MOST_ENDPOINTS: u32 = 20;
/// How many tests and replays an endpoint gets in an hour: nobody else's server is to be flooded by way of ours.
const MOST_BY_HAND: u32 = 60;
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// What refuses one more endpoint than [`MOST_ENDPOINTS`].
pub const TOO_MANY: Problem = Problem::Conflict("there are 20 webhooks already, which is as many as there may be");
/// What refuses tests and replays to an endpoint that is switched off.
pub const SWITCHED_OFF: Problem = Problem::Conflict("this webhook is switched off: switch it on first");
/// What refuses more tests and replays than [`MOST_BY_HAND`].
pub const TOO_OFTEN: Problem = Problem::Conflict("there were 60 tests and replays within an hour: try again later");

/// Proof that the actor may manage these endpoints: those of a developer account, or the operator's.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    actor: &'a Actor,
    developer_id: Option<&'a str>,
    member: Option<Member<'a>>,
}

impl<'a> From<Member<'a>> for Owner<'a> {
    fn from(member: Member<'a>) -> Self {
        Self {
            actor: member.actor(),
            developer_id: Some(member.developer_id()),
            member: Some(member),
        }
    }
}

impl<'a> From<Administrator<'a>> for Owner<'a> {
    fn from(administrator: Administrator<'a>) -> Self {
        Self {
            actor: administrator.actor(),
            developer_id: None,
            member: None,
        }
    }
}

impl<'a> Owner<'a> {
    /// The developer account; `None`: the operator.
    pub fn developer_id(self) -> Option<&'a str> {
        self.developer_id
    }

    /// Who acts.
    pub fn actor(self) -> &'a Actor {
        self.actor
    }

    /// Binds the owner and a webhook: `?1` and `?2` of every statement about one.
    fn bind(self, sql: &'static str, id: &str) -> Statement {
        Statement::new(sql).optional_text(self.developer_id).text(id)
    }

    /// The same statements behind one that lets them fail unless the actor still belongs to the developer account.
    fn guarded(self, mut statements: Vec<Statement>) -> Vec<Statement> {
        if let Some(member) = self.member {
            statements.insert(0, still_member(member));
        }
        statements
    }

    fn entry<'e>(&self, event: &'static str, id: &'e str) -> Entry<'e>
    where
        'a: 'e,
    {
        Entry {
            developer_id: self.developer_id,
            ..Entry::new(event, ("webhook", id))
        }
    }
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `whe_…`
    pub id: String,
    /// Where notices go.
    pub url: String,
    /// In which form.
    pub format: Format,
    /// Which.
    pub events: EventFilter,
    /// Whether they do.
    pub is_active: bool,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub version: u32,
    sealed_secret: String,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    url: String,
    format: Format,
    events: String,
    status: String,
    failing_since: Option<Timestamp>,
    created_at: Timestamp,
    version: u32,
    sealed_secret: String,
}

impl From<Row> for Webhook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            url: row.url,
            format: row.format,
            events: EventFilter::from_json(&row.events),
            is_active: row.status == "active",
            failing_since: row.failing_since,
            created_at: row.created_at,
            version: row.version,
            sealed_secret: row.sealed_secret,
        }
    }
}

impl Webhook {
    /// As JSON.
    pub fn view(&self) -> Value {
        json!({
            "id": self.id,
            "url": self.url,
            "format": self.format.name(),
            "events": self.events.names(),
            "status": self.status(),
            "failing_since": self.failing_since.map(Timestamp::to_rfc3339),
            "created_at": self.created_at.to_rfc3339(),
            "version": self.version,
        })
    }

    /// `active` or `disabled`.
    pub fn status(&self) -> &'static str {
        if self.is_active { "active" } else { "disabled" }
    }
}

/// An owner's endpoints, oldest first.
pub async fn list(database: &impl Database, owner: Owner<'_>) -> Result<Vec<Webhook>, StoreError> {
    let statement = Statement::new(
        "SELECT id, url, format, events, status, failing_since, created_at, version, sealed_secret
         FROM webhook_endpoints WHERE developer_id IS ?1 ORDER BY created_at, id",
    );
    let found = database.read(vec![statement.optional_text(owner.developer_id)]).await?;
    Ok(found.rows::<Row>(0)?.into_iter().map(Webhook::from).collect())
}

/// One of an owner's endpoints. To everybody else it does not exist.
pub async fn find(database: &impl Database, owner: Owner<'_>, id: &str) -> Result<Webhook, Problem> {
    let statement = owner.bind(
        "SELECT id, url, format, events, status, failing_since, created_at, version, sealed_secret
         FROM webhook_endpoints WHERE developer_id IS ?1 AND id = ?2",
        id,
    );
    let found = database.read(vec![statement]).await?;
    let row: Option<Row> = found.first(0)?;
    row.map(Webhook::from).ok_or(Problem::NotFound("webhook"))
}

/// What an endpoint is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    url: String,
    format: Format,
    events: EventFilter,
    is_active: bool,
}

impl Settings {
    /// Checks what was sent about a new endpoint. Mails are for the operator alone.
    pub fn parse(mut input: Input, owner: Owner<'_>, own: &Issuer) -> Result<Self, Problem> {
        let url = url(&mut input, own);
        let url = input.required("url", url);
        let format = match owner.developer_id {
            None => input.choice("format", &FORMATS).unwrap_or(Format::Standard),
            Some(_) => Format::Standard,
        };
        let events = events(&mut input, format);
        let events = input.required("events", events.map(Some)).unwrap_or(EventFilter::Every);
        input.finish()?;
        Ok(Self {
            url,
            format,
            events,
            is_active: true,
        })
    }

    /// Checks what was sent to change an endpoint: what is not mentioned stays.
    pub fn change(mut input: Input, webhook: &Webhook, own: &Issuer) -> Result<Self, Problem> {
        let mut settings = Self {
            url: webhook.url.clone(),
            format: webhook.format,
            events: webhook.events.clone(),
            is_active: webhook.is_active,
        };
        if input.mentions("url") {
            let url = url(&mut input, own);
            settings.url = input.required("url", url);
        }
        if input.mentions("events") {
            let events = events(&mut input, webhook.format);
            let events = input.required("events", events.map(Some));
            settings.events = events.unwrap_or(settings.events);
        }
        if input.mentions("status") {
            let status = input.choice("status", &[("active", true), ("disabled", false)]);
            settings.is_active = input.required("status", status);
        }
        input.finish()?;
        Ok(settings)
    }
}

const FORMATS: [(&str, Format); 2] = [("standard", Format::Standard), ("mail", Format::Mail)];

fn url(input: &mut Input, own: &Issuer) -> Option<String> {
    let text = input.line("url", super::address::MAX_URL)?;
    match EndpointUrl::parse(&text, own) {
        Ok(url) => Some(url.as_str().to_owned()),
        Err(error) => {
            input.error("url", error.to_string());
            None
        }
    }
}

fn events(input: &mut Input, format: Format) -> Option<EventFilter> {
    let names = input.list("events", 32, 64)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let filter = EventFilter::parse(&names).and_then(|filter| match format {
        Format::Standard => Ok(filter),
        Format::Mail => filter.of_mail(),
    });
    match filter {
        Ok(filter) => Some(filter),
        Err(error) => {
            input.error("events", error.to_string());
            None
        }
    }
}

/// A new endpoint, and its secret, which is shown this once.
pub fn create(
    owner: Owner<'_>,
    settings: Settings,
    config: &Config,
    random: &dyn Random,
    now: Timestamp,
) -> Option<(Webhook, SigningSecret, Vec<Statement>)> {
    let secret = SigningSecret::draw(random);
    let secrets = SigningSecrets::of(SigningSecret::parse(&secret.reveal())?);
    let webhook = Webhook {
        id: random::identifier(random, "whe_"),
        url: settings.url,
        format: settings.format,
        events: settings.events,
        is_active: true,
        failing_since: None,
        created_at: now,
        version: 1,
        sealed_secret: secrets.seal(&config.sealing_keys, random)?,
    };
    let statements = owner.guarded(vec![
        Statement::require("(SELECT count(*) FROM webhook_endpoints WHERE developer_id IS ?1) < ?2")
            .optional_text(owner.developer_id)
            .number(MOST_ENDPOINTS),
        owner
            .bind(
                "INSERT INTO webhook_endpoints (developer_id, id, url, format, events, sealed_secret, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                &webhook.id,
            )
            .text(&webhook.url)
            .text(webhook.format.name())
            .text(&webhook.events.to_json())
            .text(&webhook.sealed_secret)
            .time(now),
        owner
            .entry("webhook.created", &webhook.id)
            .with(json!({ "format": webhook.format.name(), "events": webhook.events.names() }))
            .by(owner.actor, random, now),
    ]);
    Some((webhook, secret, statements))
}

/// Changes an endpoint. Switched on again, it has a new chance.
pub fn change(
    owner: Owner<'_>,
    webhook: &Webhook,
    settings: Settings,
    random: &dyn Random,
    now: Timestamp,
) -> (Webhook, Vec<Statement>) {
    let moved = settings.url != webhook.url || (settings.is_active && !webhook.is_active);
    let changed = Webhook {
        url: settings.url,
        events: settings.events,
        is_active: settings.is_active,
        failing_since: webhook.failing_since.filter(|_| !moved),
        version: webhook.version + 1,
        ..webhook.clone()
    };
    let statements = owner.guarded(vec![
        unchanged(owner, webhook),
        owner
            .bind(
                "UPDATE webhook_endpoints SET url = ?3, events = ?4, status = ?5, failing_since = ?6, version = version + 1
                 WHERE developer_id IS ?1 AND id = ?2",
                &webhook.id,
            )
            .text(&changed.url)
            .text(&changed.events.to_json())
            .text(changed.status())
            .optional_time(changed.failing_since),
        // Not where it goes: a host may tell who somebody is, and the trail stays when they are erased.
        owner
            .entry("webhook.updated", &webhook.id)
            .with(json!({ "moved": changed.url != webhook.url, "events": changed.events.names(), "status": changed.status() }))
            .by(owner.actor, random, now),
    ]);
    (changed, statements)
}

/// Deletes an endpoint with everything on its way to it and its log.
pub fn delete(owner: Owner<'_>, webhook: &Webhook, random: &dyn Random, now: Timestamp) -> Vec<Statement> {
    owner.guarded(vec![
        unchanged(owner, webhook),
        owner.bind(
            "DELETE FROM webhook_endpoints WHERE developer_id IS ?1 AND id = ?2",
            &webhook.id,
        ),
        owner.entry("webhook.deleted", &webhook.id).by(owner.actor, random, now),
    ])
}

/// Puts a new secret in the place of the one there is, which signs beside it for a day.
pub fn rotate(
    owner: Owner<'_>,
    webhook: &Webhook,
    config: &Config,
    random: &dyn Random,
    now: Timestamp,
) -> Option<(Webhook, SigningSecret, Vec<Statement>)> {
    let secret = SigningSecret::draw(random);
    let new = SigningSecret::parse(&secret.reveal())?;
    let secrets = match SigningSecrets::open(&config.sealing_keys, &webhook.sealed_secret) {
        Some(secrets) => secrets.replaced_by(new, now),
        // The key that sealed it is gone.
        None => SigningSecrets::of(new),
    };
    let rotated = Webhook {
        sealed_secret: secrets.seal(&config.sealing_keys, random)?,
        version: webhook.version + 1,
        ..webhook.clone()
    };
    let statements = owner.guarded(vec![
        unchanged(owner, webhook),
        owner
            .bind(
                "UPDATE webhook_endpoints SET sealed_secret = ?3, version = version + 1
                 WHERE developer_id IS ?1 AND id = ?2",
                &webhook.id,
            )
            .text(&rotated.sealed_secret),
        owner
            .entry("webhook.secret_rotated", &webhook.id)
            .by(owner.actor, random, now),
    ]);
    Some((rotated, secret, statements))
}

/// Sends a test to an endpoint, and to no other. The id of the delivery.
pub fn test(owner: Owner<'_>, webhook: &Webhook, random: &dyn Random, now: Timestamp) -> (String, Vec<Statement>) {
    let id = random::identifier(random, "whd_");
    let statements = owner.guarded(vec![
        not_too_often(webhook, now),
        owner.entry(TESTED, &webhook.id).by(owner.actor, random, now),
        Statement::new(
            "INSERT INTO webhook_deliveries (id, endpoint_id, audit_seq, next_attempt_at, created_at)
             SELECT ?1, ?2, max(seq), ?4, ?4 FROM audit WHERE target_id = ?2 AND event = ?3",
        )
        .text(&id)
        .text(&webhook.id)
        .text(TESTED)
        .time(now),
    ]);
    (id, statements)
}

/// Sends what was sent once more, under the same `webhook-id`. The id of the new delivery.
pub fn replay(
    owner: Owner<'_>,
    webhook: &Webhook,
    delivery_id: &str,
    random: &dyn Random,
    now: Timestamp,
) -> (String, Vec<Statement>) {
    let id = random::identifier(random, "whd_");
    let statements = owner.guarded(vec![
        not_too_often(webhook, now),
        Statement::new(
            "INSERT INTO webhook_deliveries (id, endpoint_id, audit_seq, next_attempt_at, created_at)
             SELECT ?1, endpoint_id, audit_seq, ?4, ?4 FROM webhook_deliveries WHERE endpoint_id = ?2 AND id = ?3",
        )
        .text(&id)
        .text(&webhook.id)
        .text(delivery_id)
        .time(now),
        owner
            .entry("webhook.replayed", &webhook.id)
            .with(json!({ "delivery_id": delivery_id }))
            .by(owner.actor, random, now),
    ]);
    (id, statements)
}

fn unchanged(owner: Owner<'_>, webhook: &Webhook) -> Statement {
    Statement::require("EXISTS (SELECT 1 FROM webhook_endpoints WHERE developer_id IS ?1 AND id = ?2 AND version = ?3)")
        .optional_text(owner.developer_id)
        .text(&webhook.id)
        .number(webhook.version)
}

fn not_too_often(webhook: &Webhook, now: Timestamp) -> Statement {
    Statement::require(
        "EXISTS (SELECT 1 FROM webhook_endpoints WHERE id = ?1 AND status = 'active')
         AND (SELECT count(*) FROM audit WHERE target_id = ?1 AND at > ?2
              AND event IN ('webhook.tested', 'webhook.replayed')) < ?3",
    )
    .text(&webhook.id)
    .time(now - HOUR)
    .number(MOST_BY_HAND)
}
