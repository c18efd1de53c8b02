//! Apps that the operator makes for a developer account.

use serde::Deserialize;

use super::{Act, Input, Problem};
use crate::management::actor::Who;
use crate::management::apps::catalogue::Catalogue;
use crate::management::apps::edit::{self, UriRules};
use crate::management::apps::founding::{Founding, NewApp};
use crate::management::apps::registration::TYPES;
use crate::management::apps::settings::AppSettings;
use crate::management::review::state::Action;
use crate::oauth::client::{AppType, sqlite_bool};
use crate::oauth::standing::AppClass;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// What is sent to make an app.
#[derive(Debug)]
struct NewAppInput {
    settings: AppSettings,
    app_type: AppType,
    is_approved: bool,
    fapi: bool,
    developer_id: String,
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
        let is_approved = input.choice("status", &[("approved", true), ("draft", false)]);
        let is_approved = is_approved.unwrap_or(false);
        let profiles = [("standard", false), ("fapi_2", true)];
        let fapi = input.choice("security_profile", &profiles).unwrap_or(false);
        let rules = UriRules {
            app_type: app_type.unwrap_or(AppType::Mobile),
            test_mode: !is_approved,
        };
        let settings = edit::new_app(&mut input, rules, catalogue);
        let developer_id = input.line("developer_id", 100);
        let developer_id = input.required("developer_id", developer_id);
        input.finish()?;
        Ok(Self {
            settings,
            app_type: rules.app_type,
            is_approved,
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
    if input.is_approved && standing.is_none_or(|standing| !standing.has_no_part) {
        return Err(Problem::Forbidden(
            "you belong to this developer account: make the app as a draft, and let somebody else approve it",
        ));
    }
    let founding = Founding {
        developer_id: &account.id,
        developer_name: &account.name,
        class: AppClass::Operator,
        app_type: input.app_type,
        settings: input.settings,
        fapi: input.fapi,
        actions: match input.is_approved {
            true => &[Action::Submit, Action::Approve],
            false => &[],
        },
    };
    let made = founding.make(actor, act.random, act.now)?;
    let mut statements: Vec<Statement> = Vec::new();
    if input.is_approved {
        statements.push(about_actor(Statement::require(HAS_NO_PART)));
    }
    statements.extend(made.statements);
    Ok(NewApp { statements, ..made })
}
