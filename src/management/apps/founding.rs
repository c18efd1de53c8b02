//! A new app, whoever makes it: its row, its settings, its secret and, where it is submitted at once, its submission.

use serde_json::json;

use super::AppRecord;
use super::settings::{AppSettings, write_in_force};
use crate::management::actor::Actor;
use crate::management::audit::Entry;
use crate::management::credentials::secret::{Kind, NewSecret};
use crate::management::problem::Problem;
use crate::management::review::state::{Action, Life};
use crate::oauth::client::AppType;
use crate::oauth::standing::AppClass;
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// What an app is to be.
#[derive(Debug)]
pub struct Founding<'a> {
    /// The developer account that answers for it.
    pub developer_id: &'a str,
    /// What that is called, as far as it is known.
    pub developer_name: &'a str,
    /// How it comes to be registered.
    pub class: AppClass,
    /// What kind of app it is.
    pub app_type: AppType,
    /// Its settings, as they were sent.
    pub settings: AppSettings,
    /// Whether it keeps to FAPI 2.0, and so authenticates with a key.
    pub fapi: bool,
    /// What happens to it at once, one after the other; the audit trail tells of the last.
    pub actions: &'a [Action],
}

/// An app that is about to be.
#[derive(Debug)]
pub struct NewApp {
    /// The app.
    pub record: AppRecord,
    /// Its secret, if it authenticates with one.
    pub secret: Option<NewSecret>,
    /// What writes it.
    pub statements: Vec<Statement>,
}

impl Founding<'_> {
    /// Makes the app.
    pub fn make(self, actor: &Actor, random: &dyn Random, now: Timestamp) -> Result<NewApp, Problem> {
        let client_id = random::identifier(random, "app_");
        let stored = self.settings.clone().in_order();
        let mut life = Life::NEW;
        let detail = json!({ "class": self.class });
        let mut entries = vec![Entry::of_app("app.created", &client_id).with(detail)];
        let mut event = None;
        for action in self.actions {
            let step = life.step(*action)?;
            (life, event) = (life.after(step), step.event);
        }
        entries.extend(event.map(|event| Entry::of_app(event, &client_id)));
        let approved_at = life.was_approved.then_some(now);
        let mut statements = vec![self.insert(&client_id, life, &stored, actor, now)];
        statements.extend(write_in_force(&client_id, &stored));
        let secret = (self.app_type.can_keep_a_secret() && !self.fapi).then(|| NewSecret::draw(Kind::Client, random));
        statements.extend(secret.as_ref().map(|secret| {
            Statement::new(
                "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .text(&random::identifier(random, "lsc_"))
            .text(&client_id)
            .text(&secret.hash())
            .text(secret.hint())
            .time(now)
            .text(actor.acts())
        }));
        let pending = life.is_pending.then(|| random::identifier(random, "sub_"));
        statements.extend(
            pending
                .as_deref()
                .map(|id| submission(id, &client_id, &stored, actor, now)),
        );
        statements.extend(entries.iter().map(|entry| entry.by(actor, random, now)));
        let record = AppRecord {
            client_id,
            developer_id: self.developer_id.to_owned(),
            approved_developer_name: approved_at.map(|_| self.developer_name.to_owned()),
            developer_name: self.developer_name.to_owned(),
            app_type: self.app_type,
            class: self.class,
            status: life.status,
            epoch: 1,
            version: 1,
            created_at: now,
            approved_at,
            in_force: self.settings,
            draft: None,
            submissions: pending.is_some().into(),
            pending,
            last_was_rejected: false,
            was_rejected: false,
        };
        Ok(NewApp {
            record,
            secret,
            statements,
        })
    }

    fn insert(&self, client_id: &str, life: Life, stored: &AppSettings, actor: &Actor, now: Timestamp) -> Statement {
        let (profile, authentication) = match self.fapi {
            true => ("fapi_2", "private_key_jwt"),
            false => ("standard", "client_secret"),
        };
        let draft = (!life.was_approved).then(|| stored.to_json());
        Statement::new(
            "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, created_by,
                               security_profile, authentication, draft, approved_at, approved_by,
                               approved_developer_name)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, iif(?13 IS NULL, NULL, ?9),
                     (SELECT name FROM developers WHERE id = ?2 AND ?13 IS NOT NULL))",
        )
        .text(client_id)
        .text(self.developer_id)
        .text(&stored.name)
        .text(&stored.description)
        .text(self.app_type.name())
        .text(self.class.name())
        .text(life.status.name())
        .time(now)
        .text(actor.acts())
        .text(profile)
        .text(authentication)
        .optional_text(draft.as_deref())
        .optional_time(life.was_approved.then_some(now))
    }
}

/// What a reviewer looks at. Where it can be tried, nobody has said yet.
fn submission(id: &str, client_id: &str, content: &AppSettings, actor: &Actor, now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at,
                                  developer_name)
         VALUES (?1, ?2, 1, 'pending', ?3, '', ?4, ?5,
                 (SELECT d.name FROM apps a JOIN developers d ON d.id = a.developer_id WHERE a.client_id = ?2))",
    )
    .text(id)
    .text(client_id)
    .text(&content.to_json())
    .text(actor.acts())
    .time(now)
}
