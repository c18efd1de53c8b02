//! Registration of an app by a developer. The app, its secret, its submission and, where they have none yet, their
//! developer account are made in one transaction.

use super::catalogue::Catalogue;
use super::edit::{self, UriRules};
use super::founding::{Founding, NewApp};
use super::settings::AppSettings;
use crate::management::actor::DeveloperUser;
use crate::management::audit::Entry;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::state::Action;
use crate::oauth::client::AppType;
use crate::oauth::standing::AppClass;
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How many apps a developer account may have.
const MOST_APPS: u32 = 100;

/// What refuses an app beyond [`MOST_APPS`], and an account that was left or made meanwhile.
pub const REFUSED: Problem =
    Problem::Conflict("the developer account has as many apps as one may, or you do not belong to it any more");

/// The types of apps, as they are sent.
pub const TYPES: [(&str, AppType); 4] = [
    ("web", AppType::Web),
    ("server", AppType::Server),
    ("spa", AppType::Spa),
    ("mobile", AppType::Mobile),
];

/// What is sent to register an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    settings: AppSettings,
    app_type: AppType,
    developer_id: Option<String>,
    submit: bool,
}

impl Registration {
    /// Checks what was sent. `submits`: whether it is submitted where the input does not say so.
    pub fn parse(mut input: Input, catalogue: &Catalogue, submits: bool) -> Result<Self, Problem> {
        let app_type = input.choice("app_type", &TYPES);
        if app_type.is_none() {
            // Redirect URIs are judged by it.
            input.required::<String>("app_type", None);
        }
        let submit = match input.mentions("submit") {
            true => input.flag("submit").unwrap_or(submits),
            false => submits,
        };
        let rules = UriRules {
            app_type: app_type.unwrap_or(AppType::Mobile),
            test_mode: !submit,
        };
        let settings = edit::new_app(&mut input, rules, catalogue);
        let developer_id = input.line("developer_id", 100);
        input.finish()?;
        Ok(Self {
            settings,
            app_type: rules.app_type,
            developer_id,
            submit,
        })
    }

    /// Makes the app.
    pub fn make(self, developer: DeveloperUser<'_>, random: &dyn Random, now: Timestamp) -> Result<NewApp, Problem> {
        let account = Account::choose(developer, self.developer_id.as_deref(), random)?;
        let mut statements = account.statements(developer, random, now);
        let founding = Founding {
            developer_id: account.id(),
            developer_name: "",
            class: AppClass::Portal,
            app_type: self.app_type,
            settings: self.settings,
            fapi: false,
            actions: if self.submit { &[Action::Submit] } else { &[] },
        };
        let made = founding.make(developer.actor(), random, now)?;
        statements.extend(made.statements);
        Ok(NewApp { statements, ..made })
    }
}

/// The developer account of a new app.
enum Account<'a> {
    /// One the developer belongs to.
    Existing(&'a str),
    /// Their first, made with their own name.
    New(String),
}

impl<'a> Account<'a> {
    fn choose(developer: DeveloperUser<'a>, developer_id: Option<&str>, random: &dyn Random) -> Result<Self, Problem> {
        let actor = developer.actor();
        match (developer_id, actor.memberships()) {
            (Some(id), _) => Ok(Self::Existing(actor.member(id)?.developer_id())),
            (None, []) => Ok(Self::New(random::identifier(random, "dev_"))),
            (None, [only]) => Ok(Self::Existing(&only.developer_id)),
            (None, _) => Err(Problem::field(
                "developer_id",
                "is required, because you belong to several developer accounts",
            )),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Existing(id) => id,
            Self::New(id) => id,
        }
    }

    fn statements(&self, developer: DeveloperUser<'_>, random: &dyn Random, now: Timestamp) -> Vec<Statement> {
        let user_id = developer.user_id();
        match self {
            Self::Existing(id) => vec![
                Statement::require(
                    "EXISTS (SELECT 1 FROM developer_members WHERE developer_id = ?1 AND user_id = ?2)
                     AND (SELECT count(*) FROM apps WHERE developer_id = ?1 AND deleted_at IS NULL) < ?3",
                )
                .text(id)
                .text(user_id)
                .number(MOST_APPS),
            ],
            Self::New(id) => {
                let entry = Entry {
                    developer_id: Some(id),
                    ..Entry::new("developer.created", ("developer", id))
                };
                vec![
                    Statement::require("NOT EXISTS (SELECT 1 FROM developer_members WHERE user_id = ?1)").text(user_id),
                    // Everybody may read it, so an address that stands in for a name does not become one.
                    Statement::new(
                        "INSERT INTO developers (id, name, created_at)
                         SELECT ?1, CASE WHEN name LIKE '%_@_%' THEN 'Unnamed developer' ELSE substr(name, 1, 80) END, ?3
                         FROM users WHERE id = ?2",
                    )
                    .text(id)
                    .text(user_id)
                    .time(now),
                    Statement::new(
                        "INSERT INTO developer_members (developer_id, user_id, role, added_at)
                         VALUES (?1, ?2, 'owner', ?3)",
                    )
                    .text(id)
                    .text(user_id)
                    .time(now),
                    entry.by(developer.actor(), random, now),
                ]
            }
        }
    }
}
