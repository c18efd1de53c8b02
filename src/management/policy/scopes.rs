//! The one scope catalogue.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Act, Change, Cursor, Entry, Input, Item, Kind, Problem, check_version, difference, json_column, own_api, routes,
};
use crate::oauth::client::sqlite_bool;
use crate::oauth::scope::{OFFLINE_ACCESS, Scopes};
use crate::store::StoreError;
use crate::store::database::{Database, Statement};
use crate::words::Language;

const MAX_TITLE: usize = 80;
const MAX_DESCRIPTION: usize = 300;
/// The fields of a form that hold translations; a JSON object has them under `translations`.
pub const TRANSLATED: [(&str, &str, &str); 4] = [
    ("de", "title_de", "description_de"),
    ("es", "title_es", "description_es"),
    ("ja", "title_ja", "description_ja"),
    ("ar", "title_ar", "description_ar"),
];

/// A scope of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scope {
    /// Its name (RFC 6749 §3.3).
    pub name: String,
    /// The API it belongs to, for good.
    pub api_id: String,
    /// What it lets an app do, in a few words.
    pub title: String,
    /// The same in a sentence for people.
    pub description: String,
    /// Whether people should think twice.
    #[serde(deserialize_with = "sqlite_bool")]
    pub sensitive: bool,
    /// Both in other languages: `{"de": {"title": …, "description": …}}`.
    #[serde(deserialize_with = "json_column")]
    pub translations: Value,
    /// Its place among the API's scopes.
    pub position: u32,
    /// Rises with every change.
    pub version: u32,
}

const TAKEN: Problem = Problem::Conflict("there is a scope of this name, or the API is gone");
const IN_USE: Problem = Problem::Conflict("apps or route rules have this scope: take it from them first");

impl Scope {
    /// All of it.
    pub fn item(&self) -> Item {
        Item::of(&self.name, self.version, self)
    }

    fn checked(mut input: Input, current: Option<&Self>) -> Result<Self, Problem> {
        let (name, api_id) = match current {
            Some(scope) => (scope.name.clone(), scope.api_id.clone()),
            None => (new_name(&mut input), {
                let api_id = input.line("api_id", 64);
                input.required("api_id", api_id)
            }),
        };
        let title = input.line("title", MAX_TITLE);
        let title = input.required_or("title", title, current.map(|scope| &scope.title));
        let description = input.line("description", MAX_DESCRIPTION);
        let description = input.required_or("description", description, current.map(|scope| &scope.description));
        let sensitive = input.flag("sensitive");
        let sensitive = input.optional_or("sensitive", sensitive, current.map(|scope| &scope.sensitive));
        let position = input.number("position", 0..=10_000);
        let position = input.optional_or("position", position, current.map(|scope| &scope.position));
        let translations = match input.is_form() {
            true => Some(translations_of_form(&mut input)),
            false => translations_of_json(&mut input),
        };
        let translations = match current {
            Some(scope) if !input.is_form() && !input.mentions("translations") => scope.translations.clone(),
            _ => translations.unwrap_or_else(|| json!({})),
        };
        input.finish()?;
        Ok(Self {
            name,
            api_id,
            title,
            description,
            sensitive: sensitive.unwrap_or(false),
            translations,
            position: position.unwrap_or(0),
            version: current.map_or(1, |scope| scope.version + 1),
        })
    }

    /// The value of a field of the form, `title_de`.
    pub fn translation(&self, language: &str, what: &str) -> &str {
        let texts = self.translations.get(language);
        texts.and_then(|texts| texts.get(what)?.as_str()).unwrap_or_default()
    }
}

fn new_name(input: &mut Input) -> String {
    let name = input.line("name", 64);
    let name = input.required("name", name);
    let is_token = Scopes::parse(&name).is_ok_and(|scopes| scopes.iter().eq([name.as_str()]));
    if !name.is_empty() && !is_token {
        input.error(
            "name",
            "must be one word of visible ASCII letters without quotes and backslashes: read:projects",
        );
    }
    if name == OFFLINE_ACCESS || name.starts_with(own_api::PREFIX) {
        input.error("name", "is a name this server keeps for itself");
    }
    name
}

fn translations_of_form(input: &mut Input) -> Value {
    let mut translations = Map::new();
    for (language, title, description) in TRANSLATED {
        let mut texts = Map::new();
        for (name, text) in [
            ("title", input.line(title, MAX_TITLE)),
            ("description", input.line(description, MAX_DESCRIPTION)),
        ] {
            texts.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        if !texts.is_empty() {
            translations.insert(language.to_owned(), texts.into());
        }
    }
    translations.into()
}

fn translations_of_json(input: &mut Input) -> Option<Value> {
    let value = input.value("translations", 16 * 1024)?;
    let Some(languages) = value.as_object() else {
        input.error("translations", "must be an object with a member for each language");
        return None;
    };
    for (language, texts) in languages {
        // Their own words are English.
        if *language == *"en" || !Language::all().any(|known| known.tag() == language) {
            let shown: String = language.chars().take(16).collect();
            input.error(format!("translations/{shown}"), "is none of: de, es, ja, ar");
            continue;
        }
        let members = texts.as_object();
        let known = members.is_some_and(|members| members.keys().all(|name| name == "title" || name == "description"));
        if !known {
            input.error(
                format!("translations/{language}"),
                "must be an object of title and description",
            );
        }
        for (name, max) in [("title", MAX_TITLE), ("description", MAX_DESCRIPTION)] {
            match texts.get(name) {
                None => {}
                Some(Value::String(text)) if text.chars().count() <= max && !text.chars().any(char::is_control) => {}
                Some(_) => input.error(
                    format!("translations/{language}/{name}"),
                    format!("must be a line of at most {max} letters"),
                ),
            }
        }
    }
    Some(value)
}

/// A scope with its place in the list.
pub(super) fn listed(row: &Scope) -> Result<(Cursor, Item), StoreError> {
    let cursor = Cursor {
        order: row.position.into(),
        id: row.name.clone(),
    };
    Ok((cursor, row.item()))
}

/// A scope by its name.
pub async fn find(database: &impl Database, name: &str) -> Result<Scope, Problem> {
    let select = Statement::new("SELECT * FROM scopes WHERE name = ?1").text(name);
    let found = database.read(vec![select]).await?;
    found.first(0)?.ok_or(Problem::NotFound("scope"))
}

/// All scopes of an API, in their order.
pub async fn of_api(database: &impl Database, api_id: &str) -> Result<Vec<Scope>, StoreError> {
    let select = Statement::new("SELECT * FROM scopes WHERE api_id = ?1 ORDER BY position, name").text(api_id);
    database.read(vec![select]).await?.rows(0)
}

/// The whole catalogue, by API.
pub async fn all(database: &impl Database) -> Result<Vec<Scope>, StoreError> {
    let select = Statement::new("SELECT * FROM scopes ORDER BY api_id, position, name LIMIT 500");
    database.read(vec![select]).await?.rows(0)
}

/// A new scope.
pub(super) async fn create(database: &impl Database, act: Act<'_>, input: Input) -> Result<Change, Problem> {
    let scope = Scope::checked(input, None)?;
    let known = vec![
        Statement::new("SELECT id FROM apis WHERE id = ?1").text(&scope.api_id),
        Statement::new("SELECT name FROM scopes WHERE name = ?1").text(&scope.name),
        Statement::new("SELECT name FROM retired_scopes WHERE name = ?1").text(&scope.name),
    ];
    let found = database.read(known).await?;
    if found.raw(0).is_empty() {
        return Err(Problem::field("api_id", "names no API"));
    }
    if !found.raw(1).is_empty() {
        return Err(Problem::field("name", "is that of another scope"));
    }
    if !found.raw(2).is_empty() {
        return Err(Problem::field(
            "name",
            "is that of a scope that was deleted: people agreed to what it meant, so it is not used again",
        ));
    }
    if scope.api_id == own_api::ID {
        return Err(Problem::field(
            "api_id",
            "is the management API, whose scopes are this server's own",
        ));
    }
    let insert = Statement::new(
        "INSERT INTO scopes (name, api_id, title, description, sensitive, translations, position)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    );
    let never_used = Statement::require("NOT EXISTS (SELECT 1 FROM retired_scopes WHERE name = ?1)").text(&scope.name);
    let entry = Entry::new("scope.created", ("scope", &scope.name)).with(json!({ "api_id": scope.api_id }));
    let statements = vec![
        never_used,
        insert
            .text(&scope.name)
            .text(&scope.api_id)
            .text(&scope.title)
            .text(&scope.description)
            .number(u8::from(scope.sensitive))
            .text(&scope.translations.to_string())
            .number(scope.position),
        act.note(&entry),
    ];
    Ok(Change {
        item: scope.item(),
        statements,
        refused: TAKEN,
    })
}

/// A scope, changed. One that becomes sensitive stays with whoever has it: what was approved is not undone by this.
pub(super) async fn edit(
    database: &impl Database,
    act: Act<'_>,
    name: &str,
    expected: Option<u32>,
    input: Input,
) -> Result<Change, Problem> {
    let current = find(database, name).await?;
    check_version(current.version, expected)?;
    let scope = Scope::checked(input, Some(&current))?;
    let update = Statement::new(
        "UPDATE scopes SET title = ?2, description = ?3, sensitive = ?4, translations = ?5, position = ?6,
                           version = version + 1
         WHERE name = ?1",
    );
    let entry = Entry::new("scope.changed", ("scope", name)).with(difference(&current.item(), &scope.item()));
    let statements = vec![
        Kind::Scope.unchanged(&current.name, current.version),
        update
            .text(name)
            .text(&scope.title)
            .text(&scope.description)
            .number(u8::from(scope.sensitive))
            .text(&scope.translations.to_string())
            .number(scope.position),
        act.note(&entry),
    ];
    Ok(Change {
        item: scope.item(),
        statements,
        refused: Problem::Changed,
    })
}

/// What deletes a scope. Its name is not given out again.
pub(super) async fn delete(
    database: &impl Database,
    act: Act<'_>,
    name: &str,
    expected: Option<u32>,
) -> Result<Change, Problem> {
    let scope = find(database, name).await?;
    check_version(scope.version, expected)?;
    if scope.api_id == own_api::ID {
        return Err(Problem::Conflict(
            "the scopes of the management API are this server's own",
        ));
    }
    let asked_for = routes::of_api(database, &scope.api_id).await?.that_ask_for(name);
    if !asked_for.is_empty() {
        let rules = asked_for.join(", ");
        return Err(Problem::InUse(format!(
            "route rules of its API ask for this scope: change these first: {rules}"
        )));
    }
    let of_scope = |sql: &'static str| Statement::new(sql).text(name);
    let unasked = Statement::require(
        "NOT EXISTS (SELECT 1 FROM apis a, json_each(a.route_rules) r, json_each(r.value, '$.scopes') s
                     WHERE a.id = ?2 AND s.value = ?1)",
    );
    let in_use = Statement::require(
        "NOT EXISTS (SELECT 1 FROM app_scopes x JOIN apps a ON a.client_id = x.client_id
                     WHERE x.scope = ?1 AND a.deleted_at IS NULL)",
    );
    let statements = vec![
        Kind::Scope.unchanged(&scope.name, scope.version),
        in_use.text(name),
        unasked.text(name).text(&scope.api_id),
        of_scope("DELETE FROM app_scopes WHERE scope = ?1"),
        of_scope("INSERT INTO retired_scopes (name) VALUES (?1)"),
        Statement::new(
            "UPDATE client_grants
             SET scopes = (SELECT json_group_array(value) FROM json_each(client_grants.scopes) WHERE value <> ?1)
             WHERE api_id = ?2 AND EXISTS (SELECT 1 FROM json_each(client_grants.scopes) WHERE value = ?1)",
        )
        .text(name)
        .text(&scope.api_id),
        of_scope("DELETE FROM scopes WHERE name = ?1"),
        act.note(&Entry::new("scope.deleted", ("scope", name)).with(json!({ "api_id": scope.api_id }))),
    ];
    Ok(Change {
        item: scope.item(),
        statements,
        refused: IN_USE,
    })
}
