//! Apps: the clients of OAuth, with what the operator lets each of them ask for.

use serde::{Deserialize, Serialize};

use super::client_security::{Authentication, ClientSecurity};
use super::grant::AvailableScopes;
use super::redirect_uri::RedirectUri;
use super::resource::names_resource;
use super::scope::Scopes;
use super::standing::{AppClass, AppStatus, Standing};
use crate::crypto::signing::SigningAlgorithm;
use crate::ledger::Lifetimes;
use crate::limits::Tier;
use crate::time::Timestamp;
use crate::words::{Language, Phrase, Translations};

/// An app with everything a decision about it needs, read from the directory in one trip.
#[derive(Debug, Clone, Deserialize)]
pub struct App {
    /// Its public identifier (OAuth 2.1 §2.2).
    pub client_id: String,
    /// Who answers for it.
    pub developer: Developer,
    /// Its name, as registered. Hostile until escaped.
    pub name: String,
    /// What it says it does. Hostile until escaped.
    pub description: String,
    /// The name of its logo in KV.
    pub logo: Option<String>,
    /// Decides whether it can keep a secret.
    pub app_type: AppType,
    /// How it came to be registered.
    pub class: AppClass,
    /// Whether it may be used.
    pub status: AppStatus,
    /// Rises when every token of the app must die.
    pub epoch: u32,
    /// Seconds its access tokens live; `None`: as each API says.
    pub access_token_lifetime: Option<u32>,
    /// Seconds its refresh tokens live from one use to the next; `None`: the usual.
    #[serde(default)]
    pub refresh_token_idle_lifetime: Option<u32>,
    /// Seconds its refresh tokens live at most; `None`: the usual.
    #[serde(default)]
    pub refresh_token_lifetime: Option<u32>,
    /// How it proves who it is, and how strict the server is with it.
    #[serde(default)]
    pub security: ClientSecurity,
    /// The copy of the document that its client id is the address of.
    #[serde(default)]
    pub document: Option<DocumentCopy>,
    /// Where it may receive codes.
    pub redirect_uris: Vec<RedirectUri>,
    /// The scopes it registered.
    pub scopes: Vec<RegisteredScope>,
    /// Hashes of its live secrets.
    pub secrets: Vec<StoredSecret>,
    /// How often it may call APIs; `None`: the directory has no tier for it.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// Every API of the platform, with what the operator grants the app of it.
    pub apis: Vec<ApiAccess>,
}

/// The copy of the document of an app that is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct DocumentCopy {
    /// When the document was good the last time.
    pub fetched_at: Timestamp,
    /// Until when it is not asked for again.
    pub fresh_until: Timestamp,
}

/// The developer account behind an app.
#[derive(Debug, Clone, Deserialize)]
pub struct Developer {
    /// Its identifier, the claim `developer_id`.
    pub id: String,
    /// Its public name. Hostile until escaped.
    pub name: String,
}

/// What kind of app it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    /// A web site with a server of its own.
    Web,
    /// A program without a user interface.
    Server,
    /// A web page that runs in the browser alone.
    Spa,
    /// An app on a phone or a desktop.
    Mobile,
}

impl AppType {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Server => "server",
            Self::Spa => "spa",
            Self::Mobile => "mobile",
        }
    }

    /// Whether such an app has a server of its own, where nobody reads its secret (OAuth 2.1 §2.1).
    pub fn can_keep_a_secret(self) -> bool {
        matches!(self, Self::Web | Self::Server)
    }
}

/// A scope an app registered.
#[derive(Debug, Clone, Deserialize)]
pub struct RegisteredScope {
    /// Its name in the catalogue.
    pub scope: String,
    /// Whether a request that names no scope asks for it.
    #[serde(deserialize_with = "sqlite_bool")]
    pub is_default: bool,
    /// Whether the user may leave it out.
    #[serde(deserialize_with = "sqlite_bool")]
    pub is_optional: bool,
}

/// The stored form of a client secret.
#[derive(Debug, Clone, Deserialize)]
pub struct StoredSecret {
    /// Its identifier.
    #[serde(default)]
    pub id: String,
    /// base64url(SHA-256(secret)).
    pub secret_hash: String,
}

/// An API and what the client grants let one app have of it.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiAccess {
    /// Its identifier.
    pub id: String,
    /// Its resource indicator (RFC 8707), the `aud` of its tokens.
    pub resource: String,
    /// Its name, for the consent page.
    pub name: String,
    /// Seconds its access tokens live.
    pub access_token_lifetime: u32,
    /// What it verifies its access tokens with.
    pub signing_algorithm: SigningAlgorithm,
    /// Its scopes.
    pub scopes: Vec<CatalogueScope>,
    /// What the app may have for a user.
    pub user: ClientGrant,
    /// What the app may have for itself.
    pub client: ClientGrant,
}

/// A scope of the catalogue.
#[derive(Debug, Clone, Deserialize)]
pub struct CatalogueScope {
    /// Its name.
    pub name: String,
    /// What it lets an app do, in a few words.
    pub title: String,
    /// The same in a sentence for people.
    pub description: String,
    /// The same in other languages.
    #[serde(default)]
    pub translations: Translations,
    /// Whether people should think twice.
    #[serde(deserialize_with = "sqlite_bool")]
    pub sensitive: bool,
}

impl CatalogueScope {
    /// What it lets an app do, in a sentence in this language as far as there is one.
    pub fn described_in(&self, language: Language) -> Phrase<'_> {
        Phrase::new(language, self.translations.description(language), &self.description)
    }
}

/// A client grant: what the operator lets an app ask of one API for one kind of subject.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "StoredGrant")]
pub enum ClientGrant {
    /// Nothing.
    None,
    /// These scopes.
    Chosen {
        /// Which.
        scopes: Scopes,
    },
    /// Every scope the API has, now and later.
    All,
}

/// The form in which the directory tells it.
#[derive(Deserialize)]
struct StoredGrant {
    access: String,
    scopes: Option<Scopes>,
}

impl TryFrom<StoredGrant> for ClientGrant {
    type Error = &'static str;

    fn try_from(stored: StoredGrant) -> Result<Self, Self::Error> {
        match (stored.access.as_str(), stored.scopes) {
            ("none", _) => Ok(Self::None),
            ("chosen", Some(scopes)) => Ok(Self::Chosen { scopes }),
            ("all", _) => Ok(Self::All),
            _ => Err("a client grant is none, chosen with scopes, or all"),
        }
    }
}

/// Whom a token speaks for: disjoint, so that a token of an app for itself never passes for a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectType {
    /// A user who consented.
    User,
    /// The app itself (`client_credentials`).
    Client,
}

impl App {
    /// Whom it may serve today.
    pub fn standing(&self) -> Standing {
        Standing::of(self.class, self.status)
    }

    /// Which of these scopes the user may leave out.
    pub fn optional_scopes(&self, asked: &Scopes) -> Scopes {
        let optional = self.scopes.iter().filter(|scope| scope.is_optional);
        optional
            .map(|scope| scope.scope.as_str())
            .filter(|scope| asked.contains(scope))
            .collect()
    }

    /// How the app proves who it is. Only apps with a server of their own can keep a secret (OAuth 2.1 §2.1).
    pub fn authentication(&self) -> Authentication {
        Authentication::of(self.security.profile, self.app_type, self.security.authentication)
    }

    /// Whether the app must authenticate (OAuth 2.1 §2.1).
    pub fn is_confidential(&self) -> bool {
        self.authentication() != Authentication::None
    }

    /// How long its refresh tokens live.
    pub fn refresh_token_lifetimes(&self) -> Lifetimes {
        let usual = Lifetimes::default();
        Lifetimes {
            idle: self.refresh_token_idle_lifetime.unwrap_or(usual.idle),
            absolute: self.refresh_token_lifetime.unwrap_or(usual.absolute),
        }
    }

    /// What the app may have today for this kind of subject: registered ∩ client grants, by API.
    pub fn available_scopes(&self, subject: SubjectType) -> AvailableScopes {
        let registered: Scopes = self.scopes.iter().map(|scope| scope.scope.as_str()).collect();
        let of_api = |api: &ApiAccess| {
            let granted: Scopes = api.granted(subject).into_iter().collect();
            match self.asks_for_anything() {
                true => granted,
                false => granted.intersection(&registered),
            }
        };
        self.apis
            .iter()
            .map(|api| (api.resource.clone(), of_api(api)))
            .collect()
    }

    /// Whether the app registered itself without a word on scopes: whatever the client grants let it have, it may ask
    /// users for (RFC 7591 §2, `scope`). A review ends that: from then on it has what was reviewed.
    fn asks_for_anything(&self) -> bool {
        self.standing() == Standing::Unverified && self.scopes.is_empty()
    }

    /// The scopes of a request that names none. Of an app that asks for anything they are those that are not sensitive.
    pub fn default_scopes(&self, subject: SubjectType) -> Scopes {
        if self.asks_for_anything() {
            let plain = self
                .apis
                .iter()
                .flat_map(|api| &api.scopes)
                .filter(|scope| !scope.sensitive);
            let plain: Scopes = plain.map(|scope| scope.name.as_str()).collect();
            return plain.intersection(&self.available_scopes(subject).all());
        }
        let defaults = self
            .scopes
            .iter()
            .filter(|scope| scope.is_default)
            .map(|scope| scope.scope.as_str());
        defaults
            .collect::<Scopes>()
            .intersection(&self.available_scopes(subject).all())
    }

    /// The APIs some of these scopes belong to.
    pub fn apis_of<'a>(&'a self, scopes: &'a Scopes) -> impl Iterator<Item = &'a ApiAccess> {
        self.apis
            .iter()
            .filter(|api| api.scopes.iter().any(|scope| scopes.contains(&scope.name)))
    }

    /// The API a `resource` parameter names (RFC 8707).
    pub fn api_by_resource(&self, requested: &str) -> Option<&ApiAccess> {
        self.apis.iter().find(|api| names_resource(requested, &api.resource))
    }

    /// How long an access token for these APIs lives, in seconds: the app's own limit, else the shortest.
    pub fn access_token_lifetime<'a>(&self, apis: impl Iterator<Item = &'a ApiAccess>) -> u32 {
        self.access_token_lifetime
            .or_else(|| apis.map(|api| api.access_token_lifetime).min())
            .unwrap_or(3600)
    }

    /// How long any access token of the app lives at most, in seconds.
    pub fn longest_access_token_lifetime(&self) -> u32 {
        self.access_token_lifetime
            .or_else(|| self.apis.iter().map(|api| api.access_token_lifetime).max())
            .unwrap_or(3600)
    }
}

impl ApiAccess {
    fn granted(&self, subject: SubjectType) -> Vec<&str> {
        let grant = match subject {
            SubjectType::User => &self.user,
            SubjectType::Client => &self.client,
        };
        let allowed = |scope: &&str| match grant {
            ClientGrant::None => false,
            ClientGrant::Chosen { scopes } => scopes.contains(scope),
            ClientGrant::All => true,
        };
        self.scopes
            .iter()
            .map(|scope| scope.name.as_str())
            .filter(allowed)
            .collect()
    }
}

/// Reads the 0 or 1 that SQLite has for a boolean.
pub fn sqlite_bool<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    u8::deserialize(deserializer).map(|value| value != 0)
}

#[cfg(test)]
mod grants_tests;

#[cfg(test)]
pub mod testing {
    use serde_json::json;

    use super::*;

    /// The app record as the directory writes it: a public app that may read projects and the profile.
    pub fn app_json() -> serde_json::Value {
        let scope = |name: &str| {
            json!({
                "name": name, "title": format!("Title of {name}"), "description": format!("Use {name}"), "sensitive": 0
            })
        };
        json!({
            "client_id": "app_one",
            "developer": { "id": "dev_one", "name": "Northwind Labs" },
            "name": "Project Lens",
            "description": "Charts of your projects",
            "app_type": "spa",
            "class": "portal",
            "status": "approved",
            "epoch": 1,
            "access_token_lifetime": null,
            "redirect_uris": ["https://app.example/callback", "http://127.0.0.1/callback"],
            "scopes": [
                { "scope": "read:profile", "is_default": 1, "is_optional": 0 },
                { "scope": "read:projects", "is_default": 1, "is_optional": 0 },
                { "scope": "write:projects", "is_default": 0, "is_optional": 0 },
                { "scope": "read:billing", "is_default": 0, "is_optional": 0 }
            ],
            "secrets": [],
            "apis": [
                {
                    "id": "api_one", "resource": "https://api.example", "name": "Projects API",
                    "access_token_lifetime": 3600,
                    "signing_algorithm": "ES256",
                    "scopes": [scope("read:profile"), scope("read:projects"), scope("write:projects"), scope("read:team")],
                    "user": { "access": "chosen", "scopes": ["read:profile", "read:projects", "write:projects"] },
                    "client": { "access": "none", "scopes": [] }
                },
                {
                    "id": "api_two", "resource": "https://billing.example/v1", "name": "Billing API",
                    "access_token_lifetime": 600,
                    "signing_algorithm": "RS256",
                    "scopes": [scope("read:billing")],
                    "user": { "access": "all", "scopes": [] },
                    "client": { "access": "all", "scopes": [] }
                }
            ]
        })
    }

    /// [`app_json`], read.
    pub fn public_app() -> App {
        serde_json::from_value(app_json()).unwrap()
    }

    /// The same app as a confidential one with the secret `lks_right`.
    pub fn confidential_app() -> App {
        let secrets = vec![StoredSecret {
            id: "lsc_one".into(),
            secret_hash: crate::crypto::hash("lks_right"),
        }];
        App {
            client_id: "app_two".into(),
            app_type: AppType::Web,
            secrets,
            ..public_app()
        }
    }

    // Covers: R5
    // Rule: NATIVE 2
    #[test]
    fn web_and_server_apps_are_confidential_spa_and_mobile_apps_are_not() {
        let confidential = |app_type| {
            App {
                app_type,
                ..public_app()
            }
            .is_confidential()
        };
        assert!(confidential(AppType::Web) && confidential(AppType::Server));
        assert!(!confidential(AppType::Spa) && !confidential(AppType::Mobile));
    }

    #[test]
    fn an_app_gets_no_scope_it_did_not_register_and_none_the_operator_withholds() {
        let mut app = public_app();
        let all = "read:billing read:profile read:projects write:projects";
        assert_eq!(app.available_scopes(SubjectType::User).all().to_string(), all);
        assert_eq!(
            app.available_scopes(SubjectType::Client).all().to_string(),
            "read:billing"
        );
        app.apis[0].user = ClientGrant::None;
        assert_eq!(
            app.available_scopes(SubjectType::User).all().to_string(),
            "read:billing"
        );
        assert!(app.default_scopes(SubjectType::User).is_empty());
        app.apis[0].user = ClientGrant::All;
        assert_eq!(app.available_scopes(SubjectType::User).all().to_string(), all);
    }

    #[test]
    fn the_shortest_lifetime_counts_unless_the_app_has_its_own() {
        let mut app = public_app();
        assert_eq!(app.access_token_lifetime(app.apis.iter()), 600);
        app.access_token_lifetime = Some(120);
        assert_eq!(app.access_token_lifetime(app.apis.iter()), 120);
    }
}
