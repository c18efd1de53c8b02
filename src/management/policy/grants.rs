//! Client grants: what an app may ask of an API, for its users or for itself. An app's own grant beats the default, which
//! is for all third-party apps; without either an app gets nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, Cursor, Entry, Input, Page, PageRequest, Problem, check_version, json_column, own_api};
use crate::oauth::client::SubjectType;
use crate::oauth::standing::AppClass;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// How the default is stored, in the place of an app's id.
const EVERY_APP: &str = "*";

/// Which grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantKey {
    api_id: String,
    client_id: Option<String>,
    subject: SubjectType,
}

/// A grant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Of which API.
    pub api_id: String,
    /// To which app; `default`: to every third-party app without a grant of its own.
    pub client_id: String,
    /// `user` or `client`: for users who consent, or for the app itself.
    pub subject_type: String,
    /// `none`, `chosen` or `all`.
    pub access: String,
    /// Which scopes, when they are chosen.
    #[serde(deserialize_with = "json_column")]
    pub scopes: Value,
    /// Rises with every change.
    pub version: u32,
}

/// What a grant says from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantInput {
    access: &'static str,
    scopes: Vec<String>,
}

/// A grant that is about to be.
pub struct GrantChange {
    /// It.
    pub grant: Grant,
    /// Whether there was none before.
    pub is_new: bool,
    /// What makes it.
    pub statements: Vec<Statement>,
}

/// What a grant is given to.
#[derive(Debug, Clone, Deserialize)]
pub struct Grantee {
    /// Its name. Hostile until escaped.
    pub name: String,
    /// How it came to be registered.
    pub class: AppClass,
    app_type: String,
    security_profile: String,
}

impl GrantKey {
    /// Which grant a path names: `{api_id}`, `{client_id}` or `default`, `user` or `client`.
    pub fn parse(api_id: &str, client_id: &str, subject: &str) -> Result<Self, Problem> {
        let subject = match subject {
            "user" => SubjectType::User,
            "client" => SubjectType::Client,
            _ => return Err(Problem::NotFound("subject type")),
        };
        Ok(Self {
            api_id: api_id.to_owned(),
            client_id: (client_id != "default").then(|| client_id.to_owned()),
            subject,
        })
    }

    /// As it is stored.
    fn bound(&self, statement: Statement) -> Statement {
        statement
            .text(self.client_id.as_deref().unwrap_or(EVERY_APP))
            .text(&self.api_id)
            .text(self.subject_type())
    }

    /// `user` or `client`.
    pub fn subject_type(&self) -> &'static str {
        match self.subject {
            SubjectType::User => "user",
            SubjectType::Client => "client",
        }
    }

    /// The API.
    pub fn api_id(&self) -> &str {
        &self.api_id
    }

    /// The app, unless it is the default.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Its path under an API.
    pub fn path(&self) -> String {
        format!(
            "{}/grants/{}/{}",
            self.api_id,
            self.client_id.as_deref().unwrap_or("default"),
            self.subject_type()
        )
    }

    /// How the audit trail names it.
    fn target(&self) -> String {
        format!(
            "{}/{}/{}",
            self.api_id,
            self.client_id.as_deref().unwrap_or("default"),
            self.subject_type()
        )
    }

    fn entry<'a>(&'a self, event: &'static str, target: &'a str) -> Entry<'a> {
        Entry {
            client_id: self.client_id(),
            ..Entry::new(event, ("client_grant", target))
        }
    }

    /// Why this app may have no such grant, if it may not.
    fn why_not(&self, grantee: Option<&Grantee>) -> Option<&'static str> {
        if self.api_id == own_api::ID && grantee.is_none_or(|app| app.class != AppClass::Operator) {
            return Some("the management API is granted to apps that the operator made, one by one, and to no others");
        }
        let app = grantee.filter(|_| self.subject == SubjectType::Client)?;
        if app.class.is_self_registered() {
            return Some("an app that registered itself acts for its users only");
        }
        let keeps_secrets = matches!(app.app_type.as_str(), "web" | "server") || app.security_profile == "fapi_2";
        (!keeps_secrets).then_some("an app that cannot keep a secret acts for its users only")
    }
}

impl Grant {
    /// The scopes that are chosen.
    pub fn chosen(&self) -> Vec<&str> {
        let scopes = self.scopes.as_array().into_iter().flatten();
        scopes.filter_map(Value::as_str).collect()
    }

    /// What it means, in words.
    pub fn in_words(&self) -> String {
        match (self.access.as_str(), self.chosen().len()) {
            ("all", _) => "every scope, also later ones".into(),
            ("chosen", 1) => "1 scope".into(),
            ("chosen", count @ 2..) => format!("{count} scopes"),
            _ => "nothing".into(),
        }
    }
}

impl GrantInput {
    /// Checks what was sent.
    pub fn parse(mut input: Input) -> Result<Self, Problem> {
        let access = input.choice("access", &[("none", "none"), ("chosen", "chosen"), ("all", "all")]);
        let access = input.required("access", access);
        let mut scopes = input.list("scopes", 200, 64).unwrap_or_default();
        scopes.sort_unstable();
        scopes.dedup();
        if access == "chosen" && scopes.is_empty() {
            input.error("scopes", "must name at least one scope, or access must be none");
        }
        if access != "chosen" {
            // The boxes of a form stay ticked.
            if !input.is_form() && !scopes.is_empty() {
                input.error("scopes", "are chosen only if access is chosen");
            }
            scopes.clear();
        }
        input.finish()?;
        Ok(Self { access, scopes })
    }
}

const COLUMNS: &str = "api_id, CASE client_id WHEN '*' THEN 'default' ELSE client_id END AS client_id, subject_type,
                       access, scopes, version";

/// The grant of a key, if there is one, and the app it is for. The API and the app are there.
pub async fn find(database: &impl Database, key: &GrantKey) -> Result<(Option<Grant>, Option<Grantee>), Problem> {
    let grant =
        format!("SELECT {COLUMNS} FROM client_grants WHERE client_id = ?1 AND api_id = ?2 AND subject_type = ?3");
    let statements = vec![
        key.bound(Statement::new(grant)),
        Statement::new("SELECT id FROM apis WHERE id = ?1").text(&key.api_id),
        Statement::new(
            "SELECT name, class, app_type, security_profile FROM apps WHERE client_id = ?1 AND deleted_at IS NULL",
        )
        .text(key.client_id().unwrap_or(EVERY_APP)),
    ];
    let found = database.read(statements).await?;
    if found.raw(1).is_empty() {
        return Err(Problem::NotFound("API"));
    }
    let grantee = found.first(2)?;
    if key.client_id.is_some() && grantee.is_none() {
        return Err(Problem::NotFound("app"));
    }
    Ok((found.first(0)?, grantee))
}

/// The default grants of an API, and those of apps, by app: a hundred of these at most.
pub async fn of_api(database: &impl Database, api_id: &str) -> Result<Vec<Grant>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM client_grants g WHERE api_id = ?1
         ORDER BY g.client_id <> '*', g.client_id, subject_type DESC LIMIT 102"
    );
    database.read(vec![Statement::new(sql).text(api_id)]).await?.rows(0)
}

/// A page of the grants of an API.
pub async fn page_of_api(database: &impl Database, api_id: &str, page: &PageRequest) -> Result<Page<Grant>, Problem> {
    let (client_id, subject_type) = page.before_id().split_once(' ').unwrap_or_default();
    let client_id = if client_id == "default" { EVERY_APP } else { client_id };
    let sql = format!(
        "SELECT {COLUMNS} FROM client_grants g WHERE api_id = ?1 AND (g.client_id, subject_type) > (?2, ?3)
         ORDER BY g.client_id, subject_type LIMIT ?4"
    );
    let statement = Statement::new(sql).text(api_id).text(client_id).text(subject_type);
    let found = database.read(vec![statement.number(page.size + 1)]).await?;
    Ok(page.page(found.rows(0)?, |grant: &Grant| Cursor {
        order: 0,
        id: format!("{} {}", grant.client_id, grant.subject_type),
    }))
}

/// An app's own grants and the defaults, of every API.
pub async fn of_app(database: &impl Database, client_id: &str) -> Result<Vec<Grant>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM client_grants g WHERE g.client_id IN (?1, '*')
         ORDER BY g.client_id = '*', api_id, subject_type DESC"
    );
    database.read(vec![Statement::new(sql).text(client_id)]).await?.rows(0)
}

/// Sets a grant. `expected`: the version it must still be at.
pub async fn set(
    database: &impl Database,
    act: Act<'_>,
    key: &GrantKey,
    expected: Option<u32>,
    input: Input,
) -> Result<GrantChange, Problem> {
    let (current, grantee) = find(database, key).await?;
    let version = current.as_ref().map_or(0, |grant| grant.version);
    check_version(version, expected)?;
    if let Some(reason) = key.why_not(grantee.as_ref()) {
        return Err(Problem::Conflict(reason));
    }
    let input = GrantInput::parse(input)?;
    let catalogue = super::scopes::of_api(database, &key.api_id).await?;
    let unknown = |scope: &&String| !catalogue.iter().any(|known| known.name == **scope);
    if let Some(scope) = input.scopes.iter().find(unknown) {
        return Err(Problem::field(
            "scopes",
            format!("names a scope this API does not have: {scope}"),
        ));
    }
    let scopes = json!(input.scopes);
    let target = key.target();
    let detail = json!({ "access": input.access, "scopes": scopes });
    let statements = vec![
        unchanged(key, version),
        key.bound(Statement::new(
            "INSERT INTO client_grants (client_id, api_id, subject_type, access, scopes) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (client_id, api_id, subject_type)
             DO UPDATE SET access = ?4, scopes = ?5, version = version + 1",
        ))
        .text(input.access)
        .text(&scopes.to_string()),
        act.note(&key.entry("client_grant.set", &target).with(detail)),
    ];
    Ok(GrantChange {
        grant: Grant {
            api_id: key.api_id.clone(),
            client_id: key.client_id.clone().unwrap_or_else(|| "default".into()),
            subject_type: key.subject_type().to_owned(),
            access: input.access.to_owned(),
            scopes,
            version: version + 1,
        },
        is_new: current.is_none(),
        statements,
    })
}

/// What removes a grant: from then on the default counts, if this is an app's own.
pub async fn remove(
    database: &impl Database,
    act: Act<'_>,
    key: &GrantKey,
    expected: Option<u32>,
) -> Result<Vec<Statement>, Problem> {
    let (current, _) = find(database, key).await?;
    let current = current.ok_or(Problem::NotFound("grant"))?;
    check_version(current.version, expected)?;
    Ok(vec![
        unchanged(key, current.version),
        key.bound(Statement::new(
            "DELETE FROM client_grants WHERE client_id = ?1 AND api_id = ?2 AND subject_type = ?3",
        )),
        act.note(&key.entry("client_grant.removed", &key.target())),
    ])
}

/// 0: there is none.
fn unchanged(key: &GrantKey, version: u32) -> Statement {
    let version_now = "COALESCE((SELECT version FROM client_grants
                                 WHERE client_id = ?1 AND api_id = ?2 AND subject_type = ?3), 0) = ?4";
    key.bound(Statement::require(version_now)).number(version)
}
