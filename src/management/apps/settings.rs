//! The settings of an app: those in force, which are in the tables that the OAuth endpoints read, and the working copy,
//! which its developers edit. Until an app is approved for the first time the two are the same, since it serves its
//! testers only; from then on an edit waits for its review.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::AppRecord;
use crate::management::accounts::members::still_member;
use crate::management::actor::Member;
use crate::management::audit::Entry;
use crate::management::problem::Problem;
use crate::management::review::state::Action;
use crate::management::review::steps;
use crate::random::Random;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// What is reviewed. As JSON it is `apps.draft` and `submissions.content`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSettings {
    /// Its name, which users read. Hostile until escaped.
    pub name: String,
    /// What it does. Hostile until escaped.
    pub description: String,
    /// Where it may receive codes, in the order of their letters.
    pub redirect_uris: Vec<String>,
    /// What it asks for, in the order of their names.
    pub scopes: Vec<RequestedScope>,
    /// A page about it.
    pub homepage_url: Option<String>,
    /// What becomes of the data of its users.
    pub privacy_policy_url: Option<String>,
    /// What its users agree to.
    pub terms_of_service_url: Option<String>,
    /// The name of its logo in KV.
    pub logo: Option<String>,
}

/// A scope an app asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedScope {
    /// Its name in the catalogue.
    pub scope: String,
    /// Whether a request that names no scope asks for it.
    pub is_default: bool,
    /// Whether the user may leave it out.
    pub is_optional: bool,
    /// Why the app needs it, in its developer's words.
    pub reason: Option<String>,
}

impl AppSettings {
    /// The same with its lists in order, so that two that say the same are equal.
    pub fn in_order(mut self) -> Self {
        self.redirect_uris.sort_unstable();
        self.scopes.sort_unstable_by(|a, b| a.scope.cmp(&b.scope));
        self
    }

    /// Which of its fields differ.
    pub fn changed_since(&self, before: &Self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name == before.name),
            ("description", self.description == before.description),
            ("redirect_uris", self.redirect_uris == before.redirect_uris),
            ("scopes", self.scopes == before.scopes),
            ("homepage_url", self.homepage_url == before.homepage_url),
            (
                "privacy_policy_url",
                self.privacy_policy_url == before.privacy_policy_url,
            ),
            (
                "terms_of_service_url",
                self.terms_of_service_url == before.terms_of_service_url,
            ),
            ("logo", self.logo == before.logo),
        ];
        let changed = fields.into_iter().filter(|(_, is_same)| !is_same);
        changed.map(|(name, _)| name).collect()
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Puts settings into force: at an approval, and with every edit before the first one.
pub fn write_in_force(client_id: &str, settings: &AppSettings) -> Vec<Statement> {
    let app = Statement::new(
        "UPDATE apps SET name = ?2, description = ?3, homepage_url = ?4, privacy_policy_url = ?5,
                         terms_of_service_url = ?6, logo = ?7
         WHERE client_id = ?1",
    );
    let redirect_uris = Statement::new(
        "INSERT INTO app_redirect_uris (client_id, redirect_uri)
         SELECT ?1, value FROM json_each(?2, '$.redirect_uris')",
    );
    let scopes = Statement::new(
        "INSERT INTO app_scopes (client_id, scope, is_default, is_optional)
         SELECT ?1, json_extract(value, '$.scope'), json_extract(value, '$.is_default'),
                json_extract(value, '$.is_optional')
         FROM json_each(?2, '$.scopes')",
    );
    let json = settings.to_json();
    vec![
        app.text(client_id)
            .text(&settings.name)
            .text(&settings.description)
            .optional_text(settings.homepage_url.as_deref())
            .optional_text(settings.privacy_policy_url.as_deref())
            .optional_text(settings.terms_of_service_url.as_deref())
            .optional_text(settings.logo.as_deref()),
        Statement::new("DELETE FROM app_redirect_uris WHERE client_id = ?1").text(client_id),
        redirect_uris.text(client_id).text(&json),
        Statement::new("DELETE FROM app_scopes WHERE client_id = ?1").text(client_id),
        scopes.text(client_id).text(&json),
    ]
}

/// Saves the working copy of an app that is still as it was read.
pub fn save(
    app: &AppRecord,
    settings: AppSettings,
    member: Member<'_>,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<Statement>, Problem> {
    let settings = settings.in_order();
    let mut statements = vec![still_member(member), app.unchanged()];
    if app.approved_at.is_none() {
        statements.extend(write_in_force(&app.client_id, &settings));
    }
    let differs = app.approved_at.is_none() || settings != app.in_force;
    let draft = differs.then(|| settings.to_json());
    let statement = Statement::new("UPDATE apps SET draft = ?2 WHERE client_id = ?1");
    statements.push(statement.text(&app.client_id).optional_text(draft.as_deref()));
    let step = app.life().step(Action::Edit)?;
    statements.extend(steps::take(app, step, member.actor(), None, now));
    let changed = settings.changed_since(app.working_copy());
    let entry = Entry::of_app("app.settings_changed", &app.client_id).with(json!({ "fields": changed }));
    statements.push(entry.by(member.actor(), random, now));
    Ok(statements)
}
