//! Apps that the operator makes for a developer account.

use serde::Deserialize;
use serde_json::json;

use super::{Act, Entry, Input, Problem};
use crate::management::actor::Who;
use crate::management::apps::AppRecord;
use crate::management::apps::catalogue::Catalogue;
use crate::management::apps::edit::{self, UriRules};
use crate::management::apps::registration::TYPES;
use crate::management::apps::settings::{AppSettings, write_in_force};
use crate::management::credentials::secret::{Kind, NewSecret};
use crate::oauth::client::{AppType, sqlite_bool};
use crate::oauth::standing::{AppClass, AppStatus};
use crate::random;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// What is sent to make an app.
#[derive(Debug)]
struct NewAppInput {
    settings: AppSettings,
    app_type: AppType,
    status: AppStatus,
    fapi: bool,
    developer_id: String,
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

/// What refuses an app whose developer account is gone.
pub const REFUSED: Problem =
    Problem::Conflict("the developer account or a scope is gone, or you have come to belong to it: look again");

/// A developer account to choose.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// `dev_…`
    pub id: String,
    /// Its public name. Hostile until escaped.
    pub name: String,
}

/// What holds unless the user `?2` belongs to the developer account `?1`, or the app `?3` does.
const HAS_NO_PART: &str = "NOT EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2)
  AND NOT EXISTS (SELECT 1 FROM apps WHERE client_id = ?3 AND developer_id = ?1)";

#[derive(Deserialize)]
struct Standing {
    #[serde(deserialize_with = "sqlite_bool")]
    has_no_part: bool,
}

impl NewAppInput {
    fn parse(mut input: Input, catalogue: &Catalogue) -> Result<Self, Problem> {
        let app_type = input.choice("app_type", &TYPES);
        if app_type.is_none() {
            // Redirect URIs are judged by it.
            input.required::<String>("app_type", None);
        }
        let statuses = [("approved", AppStatus::Approved), ("draft", AppStatus::Draft)];
        let status = input.choice("status", &statuses).unwrap_or(AppStatus::Draft);
        let profiles = [("standard", false), ("fapi_2", true)];
        let fapi = input.choice("security_profile", &profiles).unwrap_or(false);
        let rules = UriRules {
            app_type: app_type.unwrap_or(AppType::Mobile),
            test_mode: status == AppStatus::Draft,
        };
        let settings = edit::new_app(&mut input, rules, catalogue);
        let developer_id = input.line("developer_id", 100);
        let developer_id = input.required("developer_id", developer_id);
        input.finish()?;
        Ok(Self {
            settings,
            app_type: rules.app_type,
            status,
            fapi,
            developer_id,
        })
    }
}

/// The first developer accounts by name, for a form.
pub async fn accounts(database: &impl Database) -> Result<Vec<Account>, StoreError> {
    let select = Statement::new("SELECT id, name FROM developers ORDER BY name COLLATE NOCASE, id LIMIT 200");
    database.read(vec![select]).await?.rows(0)
}

/// Makes an app. Whoever has a part in its developer account does not approve it too.
pub async fn create(
    database: &impl Database,
    act: Act<'_>,
    catalogue: &Catalogue,
    input: Input,
) -> Result<NewApp, Problem> {
    let input = NewAppInput::parse(input, catalogue)?;
    let actor = act.by.actor();
    let own_app = match &actor.who {
        Who::App { client_id, .. } => Some(client_id.as_str()),
        Who::User(_) => None,
    };
    let about_actor = |statement: Statement| {
        let statement = statement.text(&input.developer_id);
        statement.optional_text(actor.user_id()).optional_text(own_app)
    };
    let found = database
        .read(vec![
            Statement::new("SELECT id, name FROM developers WHERE id = ?1").text(&input.developer_id),
            about_actor(Statement::new(format!("SELECT {HAS_NO_PART} AS has_no_part"))),
        ])
        .await?;
    let account: Option<Account> = found.first(0)?;
    let account = account.ok_or_else(|| Problem::field("developer_id", "names no developer account"))?;
    let standing: Option<Standing> = found.first(1)?;
    let is_approved = input.status == AppStatus::Approved;
    if is_approved && standing.is_none_or(|standing| !standing.has_no_part) {
        return Err(Problem::Forbidden(
            "you belong to this developer account: make the app as a draft, and let somebody else approve it",
        ));
    }
    let client_id = random::identifier(act.random, "app_");
    let stored = input.settings.clone().in_order();
    let approved_by = is_approved.then(|| actor.named().1);
    let insert = Statement::new(
        "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, created_by,
                           approved_at, approved_by, security_profile, authentication, draft,
                           approved_developer_name)
         VALUES (?1, ?2, ?3, ?4, ?5, 'operator', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    );
    let (profile, authentication) = match input.fapi {
        true => ("fapi_2", "private_key_jwt"),
        false => ("standard", "client_secret"),
    };
    let mut statements: Vec<Statement> = is_approved
        .then(|| about_actor(Statement::require(HAS_NO_PART)))
        .into_iter()
        .collect();
    statements.push(
        insert
            .text(&client_id)
            .text(&account.id)
            .text(&stored.name)
            .text(&stored.description)
            .text(input.app_type.name())
            .text(input.status.name())
            .time(act.now)
            .text(actor.named().1)
            .optional_time(is_approved.then_some(act.now))
            .optional_text(approved_by)
            .text(profile)
            .text(authentication)
            .optional_text((!is_approved).then(|| stored.to_json()).as_deref())
            .optional_text(is_approved.then_some(account.name.as_str())),
    );
    statements.extend(write_in_force(&client_id, &stored));
    let keeps_a_secret = input.app_type.can_keep_a_secret() && !input.fapi;
    let secret = keeps_a_secret.then(|| NewSecret::draw(Kind::Client, act.random));
    statements.extend(secret.as_ref().map(|secret| {
        Statement::new(
            "INSERT INTO client_secrets (id, client_id, secret_hash, hint, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .text(&random::identifier(act.random, "lsc_"))
        .text(&client_id)
        .text(&secret.hash())
        .text(secret.hint())
        .time(act.now)
        .text(actor.named().1)
    }));
    let created =
        Entry::of_app("app.created", &client_id).with(json!({ "class": "operator", "status": input.status.name() }));
    statements.push(act.note(&created));
    if is_approved {
        statements.push(act.note(&Entry::of_app("app.approved", &client_id)));
    }
    let record = AppRecord {
        client_id,
        developer_id: account.id,
        approved_developer_name: is_approved.then(|| account.name.clone()),
        developer_name: account.name,
        app_type: input.app_type,
        class: AppClass::Operator,
        status: input.status,
        epoch: 1,
        version: 1,
        created_at: act.now,
        approved_at: is_approved.then_some(act.now),
        in_force: input.settings,
        draft: None,
    };
    Ok(NewApp {
        record,
        secret,
        statements,
    })
}
