//! Looking for apps, and at one, as administrators do.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{beginning_with, end_of_prefix};
use crate::http::Params;
use crate::json;
use crate::management::actor::Administrator;
use crate::management::cursor::{Cursor, Page, PageRequest};
use crate::management::problem::Problem;
use crate::management::window::{self, WINDOW};
use crate::registration::UNCLAIMED;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::time::Timestamp;

/// What an app may be.
pub const STATUSES: [&str; 5] = ["draft", "pending_review", "approved", "rejected", "suspended"];
/// How an app may have come to be.
pub const CLASSES: [&str; 4] = ["portal", "registered", "metadata_document", "operator"];
/// More of anything than this is not counted.
const MOST_COUNTED: u32 = 1000;

/// Which apps are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppFilter {
    /// How the name begins, or a whole client id.
    pub search: Option<String>,
    /// Of which developer account.
    pub developer_id: Option<String>,
    /// With which status.
    pub status: Option<String>,
    /// Of which class.
    pub class: Option<String>,
}

impl AppFilter {
    /// Reads the parameters of a query. What is empty is absent.
    pub fn parse(params: &Params) -> Result<Self, Problem> {
        let filter = Self {
            search: one(params, "search")?,
            developer_id: one(params, "developer_id")?,
            status: one(params, "status")?,
            class: one(params, "class")?,
        };
        among("status", filter.status.as_deref(), &STATUSES)?;
        among("class", filter.class.as_deref(), &CLASSES)?;
        Ok(filter)
    }
}

/// A parameter of a search, up to 200 letters.
pub fn one(params: &Params, name: &'static str) -> Result<Option<String>, Problem> {
    let text = params
        .one(name)
        .map_err(|_| Problem::field(name, "must come once"))?
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match text {
        Some(text) if text.chars().count() > 200 => Err(Problem::field(name, "must be at most 200 letters long")),
        text => Ok(text.map(str::to_owned)),
    }
}

fn among(name: &'static str, value: Option<&str>, words: &[&str]) -> Result<(), Problem> {
    match value {
        Some(value) if !words.contains(&value) => {
            Err(Problem::field(name, format!("must be one of: {}", words.join(", "))))
        }
        _ => Ok(()),
    }
}

/// An app in a list. Names are hostile until escaped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppRow {
    /// `app_…`
    pub client_id: String,
    /// What it is called.
    pub name: String,
    /// Of which developer account.
    pub developer_id: String,
    /// What that is called.
    pub developer_name: Option<String>,
    /// How it came to be.
    pub class: String,
    /// Whether it is served.
    pub status: String,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// When a token was issued last, to within some minutes.
    pub last_used_at: Option<Timestamp>,
}

impl AppRow {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "client_id": self.client_id,
            "name": self.name,
            "developer_id": self.developer_id,
            "developer_name": self.developer_name,
            "class": self.class,
            "status": self.status,
            "created_at": self.created_at.to_rfc3339(),
            "last_used_at": self.last_used_at.map(Timestamp::to_rfc3339),
        })
    }
}

const COLUMNS: &str = "a.client_id, a.name, a.developer_id, a.class, a.status, a.created_at, a.last_used_at";

#[derive(Deserialize)]
struct LastLookedAt {
    client_id: String,
    created_at: Timestamp,
}

/// A page of apps: by name where a name is looked for, else the newest first.
pub async fn list(
    database: &impl Database,
    _: Administrator<'_>,
    filter: &AppFilter,
    page: &PageRequest,
) -> Result<Page<AppRow>, StoreError> {
    let [fitting, last] = statements(filter, page);
    let found = database.read(vec![fitting, last]).await?;
    let cursor = |client_id: &str, created_at: Timestamp| Cursor {
        order: created_at.0,
        id: client_id.to_owned(),
    };
    let last = found.first::<LastLookedAt>(1)?;
    let last = last.map(|last| cursor(&last.client_id, last.created_at));
    Ok(window::page(page, found.rows(0)?, last, |row: &AppRow| {
        cursor(&row.client_id, row.created_at)
    }))
}

/// Two statements: which of the rows that a page looks at fit the filter, and the last row it looked at if it looked at as
/// many as it may. `?1`, `?2`: the range of names; `?3`: how many; `?4`, `?5`: the app before the page; `?6` to `?8`:
/// developer account, status, class.
fn statements(filter: &AppFilter, page: &PageRequest) -> [Statement; 2] {
    let goes_on = page.after.is_some();
    let (with, looked_at, order) = match &filter.search {
        Some(_) => by_name(goes_on),
        None => ("", newest(filter), "created_at DESC, client_id DESC"),
    };
    let fitting = format!(
        "{with} SELECT {COLUMNS}, (SELECT name FROM developers WHERE id = a.developer_id) AS developer_name
         FROM (SELECT * FROM ({looked_at} LIMIT {WINDOW})
               WHERE (?6 IS NULL OR developer_id = ?6) AND (?7 IS NULL OR status = ?7) AND (?8 IS NULL OR class = ?8)
               ORDER BY {order} LIMIT ?3) AS a ORDER BY {order}"
    );
    let last = format!(
        "{with} SELECT client_id, created_at FROM ({looked_at} LIMIT 1 OFFSET {}) WHERE ?3 > 0 AND ?8 IS ?8",
        WINDOW - 1
    );
    let search = filter.search.as_deref();
    let last_id = page.after.as_ref().map(|after| after.id.as_str());
    let bind = |sql: String| {
        Statement::new(sql)
            .optional_text(search)
            .optional_text(search.map(end_of_prefix).as_deref())
            .number(page.size + 1)
            .text(last_id.or(search).unwrap_or_default())
            .time(Timestamp(page.before()))
            .optional_text(filter.developer_id.as_deref())
            .optional_text(filter.status.as_deref())
            .optional_text(filter.class.as_deref())
    };
    // Where an index answers all of it, nothing is looked at in vain.
    let of_index = u8::from(filter.developer_id.is_some()) + u8::from(filter.status.is_some());
    let all_fit = filter.class.is_none() && of_index <= u8::from(search.is_none());
    let last = match all_fit {
        true => Statement::new("SELECT 1 WHERE 0"),
        false => bind(last),
    };
    [bind(fitting), last]
}

fn newest(filter: &AppFilter) -> String {
    let first = match (&filter.developer_id, &filter.status) {
        (Some(_), _) => "developer_id = ?6 AND",
        (None, Some(_)) => "status = ?7 AND",
        (None, None) => "",
    };
    format!(
        "SELECT * FROM apps WHERE {first} deleted_at IS NULL AND (created_at, client_id) < (?5, ?4)
         ORDER BY created_at DESC, client_id DESC"
    )
}

/// By the name; on the first page also the app with exactly this id.
fn by_name(goes_on: bool) -> (&'static str, String, &'static str) {
    let names = beginning_with(
        "*",
        "apps WHERE deleted_at IS NULL AND",
        "name",
        &WINDOW.to_string(),
        goes_on,
    );
    let (with, by_id) = match goes_on {
        true => (
            "WITH last (key, row) AS (SELECT name, rowid FROM apps WHERE client_id = ?4)",
            "",
        ),
        false => (
            "",
            " UNION ALL SELECT *, '' AS found_name, rowid AS found_row FROM apps WHERE client_id = ?4 AND deleted_at IS NULL",
        ),
    };
    let looked_at =
        format!("SELECT * FROM (SELECT * FROM ({names}){by_id}) ORDER BY found_name COLLATE NOCASE, found_row");
    (with, looked_at, "found_name COLLATE NOCASE, found_row")
}

/// Everything there is to know of an app.
#[derive(Debug, Clone)]
pub struct AppView {
    /// Which.
    pub app: AppRow,
    /// What else.
    pub detail: AppDetail,
    /// Where its answers may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// Its secrets, by their hints.
    pub secrets: Vec<SecretRow>,
}

impl AppView {
    /// Whether it registered itself, and neither a developer nor a reviewer has taken it up.
    pub fn is_to_be_taken_up(&self) -> bool {
        self.app.developer_id == UNCLAIMED
            && self.detail.pending_submission.is_none()
            && self.detail.approved_at.is_none()
    }
}

/// What a page about an app says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppDetail {
    /// Its own words.
    pub description: String,
    /// `web`, `server`, `spa`, `mobile`
    pub app_type: String,
    /// How it proves who it is, if it can keep a secret.
    pub authentication: String,
    /// `standard` or `fapi_2`
    pub security_profile: String,
    /// Rises whenever its tokens must die.
    pub epoch: u32,
    /// Rises with every edit.
    pub version: u32,
    /// Its pages.
    pub homepage_url: Option<String>,
    /// Its privacy policy.
    pub privacy_policy_url: Option<String>,
    /// Its terms.
    pub terms_of_service_url: Option<String>,
    /// When it was approved last.
    pub approved_at: Option<Timestamp>,
    /// By whom.
    pub approved_by: Option<String>,
    /// Who registered it.
    pub created_by: Option<String>,
    /// Its rate tier, where it has one of its own.
    pub rate_tier: Option<String>,
    redirect_uris: String,
    scopes: String,
    /// How many testers it has.
    pub testers: u32,
    /// How many consents it has, up to a thousand.
    pub connected: u32,
    /// How many consents are out of use whose tokens may still live, up to a thousand.
    pub unfinished: u32,
    /// Whether the operator took back what it was given, and that is not finished.
    pub is_being_revoked: u8,
    /// Its submission that waits to be reviewed.
    pub pending_submission: Option<String>,
}

/// One of an app's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecretRow {
    /// Which.
    pub id: String,
    /// Its last letters.
    pub hint: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// Reads an app.
pub async fn read(database: &impl Database, _: Administrator<'_>, client_id: &str) -> Result<AppView, Problem> {
    let app = Statement::new(format!(
        "SELECT {COLUMNS}, d.name AS developer_name FROM apps a LEFT JOIN developers d ON d.id = a.developer_id
         WHERE a.client_id = ?1 AND a.deleted_at IS NULL"
    ));
    let counted = |state: &str| {
        format!(
            "(SELECT count(*) FROM (SELECT 1 FROM consents INDEXED BY consents_of_app
              WHERE client_id = ?1 AND status IN ('active', 'revoking') AND status = '{state}' LIMIT {MOST_COUNTED}))"
        )
    };
    let detail = Statement::new(format!(
        "SELECT description, app_type, authentication, security_profile, epoch, version, homepage_url,
                privacy_policy_url, terms_of_service_url, approved_at, approved_by, created_by, rate_tier,
                (SELECT json_group_array(redirect_uri) FROM app_redirect_uris WHERE client_id = ?1) AS redirect_uris,
                (SELECT json_group_array(scope) FROM app_scopes WHERE client_id = ?1) AS scopes,
                (SELECT count(*) FROM app_testers WHERE client_id = ?1) AS testers,
                {} AS connected, {} AS unfinished, revoked_before IS NOT NULL AS is_being_revoked,
                (SELECT id FROM submissions WHERE client_id = ?1 AND status = 'pending') AS pending_submission
         FROM apps WHERE client_id = ?1",
        counted("active"),
        counted("revoking")
    ));
    let secrets =
        Statement::new("SELECT id, hint, created_at FROM client_secrets WHERE client_id = ?1 ORDER BY created_at, id");
    let statements = [app, detail, secrets].map(|statement| statement.text(client_id));
    let found = database.read(statements.into()).await?;
    let (Some(app), Some(detail)) = (found.first(0)?, found.first::<AppDetail>(1)?) else {
        return Err(Problem::NotFound("app"));
    };
    let texts = |list: &str| json::from_str(list).map_err(|_| Problem::Unavailable);
    Ok(AppView {
        app,
        redirect_uris: texts(&detail.redirect_uris)?,
        scopes: texts(&detail.scopes)?,
        secrets: found.rows(2)?,
        detail,
    })
}

impl AppView {
    /// As JSON.
    pub fn json(&self) -> Value {
        let detail = &self.detail;
        let secrets: Vec<Value> = self
            .secrets
            .iter()
            .map(|secret| json!({ "id": secret.id, "hint": secret.hint, "created_at": secret.created_at.to_rfc3339() }))
            .collect();
        let more = json!({
            "description": detail.description,
            "app_type": detail.app_type,
            "authentication": detail.authentication,
            "security_profile": detail.security_profile,
            "epoch": detail.epoch,
            "homepage_url": detail.homepage_url,
            "privacy_policy_url": detail.privacy_policy_url,
            "terms_of_service_url": detail.terms_of_service_url,
            "approved_at": detail.approved_at.map(Timestamp::to_rfc3339),
            "approved_by": detail.approved_by,
            "created_by": detail.created_by,
            "rate_tier": detail.rate_tier,
            "redirect_uris": self.redirect_uris,
            "scopes": self.scopes,
            "secrets": secrets,
            "testers": detail.testers,
            "consents": { "active": detail.connected, "ending": detail.unfinished },
            "is_being_revoked": detail.is_being_revoked != 0,
            "pending_submission": detail.pending_submission,
        });
        let mut app = self.app.json();
        if let (Some(app), Value::Object(more)) = (app.as_object_mut(), more) {
            app.extend(more);
        }
        app
    }
}
