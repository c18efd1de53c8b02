//! Registration of an app by a developer. The app, its secret, its submission and, where they have none yet, their
//! developer account are made in one transaction.

use super::account::Account;
pub use super::account::REFUSED;
use super::catalogue::Catalogue;
use super::edit::{self, UriRules};
use super::founding::{Founding, NewApp};
use super::settings::AppSettings;
use crate::management::actor::DeveloperUser;
use crate::management::input::Input;
use crate::management::problem::Problem;
use crate::management::review::state::Action;
use crate::oauth::client::AppType;
use crate::oauth::standing::AppClass;
use crate::random::Random;
use crate::time::Timestamp;

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
