//! Registration of an app by a developer. The app, its secret, its submission and, where they have none yet, their
//! developer account are made in one transaction.

use super::AppRecord;
use super::catalogue::Catalogue;
use super::edit::{self, UriRules};
use super::settings::{AppSettings, write_in_force};
use crate::management::actor::DeveloperUser;
use crate::management::audit::Entry;
use crate::management::credentials::secret::{Kind, NewSecret};
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::oauth::client::AppType;
use crate::oauth::standing::{AppClass, AppStatus};
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

/// An app that is about to be.
#[derive(Debug)]
pub struct NewApp {
    /// The app.
    pub record: AppRecord,
    /// Its secret, if it can keep one.
    pub secret: Option<NewSecret>,
    /// What writes it.
    pub statements: Vec<Statement>,
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
        let client_id = random::identifier(random, "app_");
        let stored = self.settings.clone().in_order();
        let status = if self.submit {
            AppStatus::PendingReview
        } else {
            AppStatus::Draft
        };
        let mut statements = account.statements(developer, random, now);
        statements.push(
            Statement::new(
                "INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at,
                                   created_by, draft)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'portal', ?6, ?7, ?8, ?9)",
            )
            .text(&client_id)
            .text(account.id())
            .text(&stored.name)
            .text(&stored.description)
            .text(self.app_type.name())
            .text(status.name())
            .time(now)
            .text(developer.user_id())
            .text(&stored.to_json()),
        );
        statements.extend(write_in_force(&client_id, &stored));
        let secret = self
            .app_type
            .can_keep_a_secret()
            .then(|| NewSecret::draw(Kind::Client, random));
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
            .text(developer.user_id())
        }));
        let actor = developer.actor();
        statements.push(Entry::of_app("app.created", &client_id).by(actor, random, now));
        if self.submit {
            statements.push(submission(&client_id, &stored, developer, random, now));
            statements.push(Entry::of_app("app.submitted", &client_id).by(actor, random, now));
        }
        let record = AppRecord {
            client_id,
            developer_id: account.id().to_owned(),
            developer_name: String::new(),
            approved_developer_name: None,
            app_type: self.app_type,
            class: AppClass::Portal,
            status,
            epoch: 1,
            version: 1,
            created_at: now,
            approved_at: None,
            in_force: self.settings,
            draft: None,
        };
        Ok(NewApp {
            record,
            secret,
            statements,
        })
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
                    Statement::new(
                        "INSERT INTO developers (id, name, created_at)
                         SELECT ?1, substr(name, 1, 80), ?3 FROM users WHERE id = ?2",
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

/// What a reviewer looks at. Where it can be tried, nobody has said yet.
fn submission(
    client_id: &str,
    content: &AppSettings,
    developer: DeveloperUser<'_>,
    random: &dyn Random,
    now: Timestamp,
) -> Statement {
    Statement::new(
        "INSERT INTO submissions (id, client_id, number, status, content, testing, submitted_by, submitted_at,
                                  developer_name)
         VALUES (?1, ?2, 1, 'pending', ?3, '', ?4, ?5,
                 (SELECT d.name FROM apps a JOIN developers d ON d.id = a.developer_id WHERE a.client_id = ?2))",
    )
    .text(&random::identifier(random, "sub_"))
    .text(client_id)
    .text(&content.to_json())
    .text(developer.user_id())
    .time(now)
}
