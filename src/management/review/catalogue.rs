//! The scopes that a review is about, as the catalogue has them now.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::management::apps::settings::AppSettings;
use crate::oauth::client::sqlite_bool;
use crate::store::database::Statement;

/// Some scopes of the catalogue, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<String, ScopeFacts>);

/// What the catalogue says of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ScopeFacts {
    /// Its name.
    pub name: String,
    /// What it lets an app do, in a few words.
    pub title: String,
    /// The same in a sentence.
    pub description: String,
    /// Whether people should think twice.
    #[serde(deserialize_with = "sqlite_bool")]
    pub sensitive: bool,
    /// The API it belongs to, by name.
    pub api: String,
}

impl Catalogue {
    /// Reads the scopes that the settings of an app or one of its submissions name.
    pub fn statement(client_id: &str, submission_id: Option<&str>) -> Statement {
        Statement::new(
            "SELECT s.name, s.title, s.description, s.sensitive, a.name AS api
             FROM scopes s JOIN apis a ON a.id = s.api_id
             WHERE s.name IN (
               SELECT scope FROM app_scopes WHERE client_id = ?1
               UNION SELECT json_extract(value, '$.scope')
                     FROM json_each((SELECT draft FROM apps WHERE client_id = ?1), '$.scopes')
               UNION SELECT json_extract(value, '$.scope') FROM json_each((SELECT content FROM submissions WHERE id = ?2), '$.scopes')
             )",
        )
        .text(client_id)
        .optional_text(submission_id)
    }

    /// What it says of a scope; `None`: the scope is no more.
    pub fn get(&self, scope: &str) -> Option<&ScopeFacts> {
        self.0.get(scope)
    }

    /// The sensitive ones of these settings that have no reason yet.
    pub fn without_reason<'a>(&'a self, settings: &'a AppSettings) -> impl Iterator<Item = &'a ScopeFacts> {
        let silent = settings.scopes.iter().filter(|scope| scope.reason.is_none());
        silent
            .filter_map(|scope| self.get(&scope.scope))
            .filter(|scope| scope.sensitive)
    }
}

impl FromIterator<ScopeFacts> for Catalogue {
    fn from_iter<I: IntoIterator<Item = ScopeFacts>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(|scope| (scope.name.clone(), scope)).collect())
    }
}
