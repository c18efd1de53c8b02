//! The route rules of an API, as administrators read, try and set them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::route_changes::changes;
use super::{Act, Change, Entry, Input, Item, Kind, Problem, check_version, json_column, own_api};
use crate::guard::path::{CallPath, PathError};
use crate::guard::rules::{MAX_RULES, Matched, Need, RouteRules, RulesError};
use crate::json;
use crate::oauth::scope::Scopes;
use crate::store::StoreError;
use crate::store::database::{Database, Statement};

/// The most that the rules of an API may be as JSON, in bytes: every isolate of the guard keeps them.
pub const MAX_TEXT: usize = 128 * 1024;
/// How many scopes a rule may name.
pub const MAX_SCOPES: usize = 50;
/// The methods that the form of one rule offers.
pub const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// The rules of an API.
#[derive(Debug)]
pub struct Routes {
    /// Of which API.
    pub api_id: String,
    /// Its name.
    pub name: String,
    /// Rises with every change of the API.
    pub version: u32,
    /// Where the gateway sends calls.
    pub upstream: Option<String>,
    /// They.
    pub rules: RouteRules,
    /// The scopes that rules may name.
    pub scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    version: u32,
    upstream: Option<String>,
    #[serde(deserialize_with = "json_column")]
    route_rules: Value,
}

#[derive(Deserialize)]
struct ScopeRow {
    name: String,
}

/// Why rules are refused: which of them, counted from 0, what of it, and a sentence without its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// `None`: all of them together.
    index: Option<usize>,
    /// `path`, `methods`, `scopes`; empty: the rule itself.
    member: &'static str,
    message: String,
}

/// What decides about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// The rule of this path, which asks for this.
    Rule {
        /// The path as the rule has it.
        route: String,
        /// What it asks for.
        need: Need,
    },
    /// The path has rules for other methods only: these.
    OtherMethods(String),
    /// No rule is about the path.
    Nothing,
    /// The path is refused before any rule is looked at.
    BadPath(PathError),
}

/// The rules of an API.
pub async fn of_api(database: &impl Database, api_id: &str) -> Result<Routes, Problem> {
    let select = Statement::new("SELECT name, version, upstream, route_rules FROM apis WHERE id = ?1").text(api_id);
    let scopes = Statement::new("SELECT name FROM scopes WHERE api_id = ?1 ORDER BY position, name").text(api_id);
    let found = database.read(vec![select, scopes]).await?;
    let row: Row = found.first(0)?.ok_or(Problem::NotFound("API"))?;
    let scopes: Vec<ScopeRow> = found.rows(1)?;
    let rules = RouteRules::parse(&row.route_rules, |_| true).map_err(|error| StoreError {
        part: "d1",
        detail: format!("the route rules of {api_id}: {error}"),
    })?;
    Ok(Routes {
        api_id: api_id.to_owned(),
        name: row.name,
        version: row.version,
        upstream: row.upstream,
        rules,
        scopes: scopes.into_iter().map(|scope| scope.name).collect(),
    })
}

impl Routes {
    /// All of it, as the API tells it.
    pub fn item(&self) -> Item {
        item(&self.api_id, self.version, &self.rules)
    }

    /// Whether rules may name this scope.
    pub fn has_scope(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope == name)
    }

    /// What sets the rules. `expected`: the version of the API they are meant for.
    pub fn replace(&self, act: Act<'_>, expected: Option<u32>, rules: &RouteRules) -> Result<Change, Problem> {
        check_version(self.version, expected)?;
        if self.api_id == own_api::ID {
            return Err(Problem::Conflict("the management API checks its calls by itself"));
        }
        let text = rules.to_json().to_string();
        let update = Statement::new("UPDATE apis SET route_rules = ?2, version = version + 1 WHERE id = ?1");
        let all_are_its_own = Statement::require(
            "NOT EXISTS (SELECT 1 FROM json_each(?1) WHERE value NOT IN (SELECT name FROM scopes WHERE api_id = ?2))",
        );
        let named: Scopes = rules.iter().flat_map(|rule| scopes_of(rule.need())).collect();
        let entry = Entry::new("api.routes_changed", ("api", &self.api_id));
        let statements = vec![
            Kind::Api.unchanged(&self.api_id, self.version),
            all_are_its_own
                .text(&json!(named.iter().collect::<Vec<_>>()).to_string())
                .text(&self.api_id),
            update.text(&self.api_id).text(&text),
            act.note(&entry.with(for_the_trail(&self.rules, rules))),
        ];
        Ok(Change {
            item: item(&self.api_id, self.version + 1, rules),
            statements,
            refused: Problem::Changed,
        })
    }

    /// Reads rules as a file or a JSON body has them: a list.
    pub fn parse(&self, rules: &Value) -> Result<RouteRules, Wrong> {
        for (index, rule) in rules.as_array().into_iter().flatten().enumerate() {
            for (member, most) in [("methods", METHODS.len()), ("scopes", MAX_SCOPES)] {
                let count = rule.get(member).and_then(Value::as_array).map_or(0, Vec::len);
                if count > most {
                    return Err(Wrong {
                        index: Some(index),
                        member,
                        message: format!("has more than {most} entries"),
                    });
                }
            }
        }
        let read = RouteRules::parse(rules, |scope| self.has_scope(scope));
        let read = read.map_err(|error| self.wrong(&error, rules))?;
        match read.to_json().to_string().len() <= MAX_TEXT {
            true => Ok(read),
            false => Err(Wrong {
                index: None,
                member: "",
                message: format!("must be at most {} kB of JSON", MAX_TEXT / 1024),
            }),
        }
    }

    /// What is wrong, in words.
    fn wrong(&self, error: &RulesError, rules: &Value) -> Wrong {
        let (index, member, message) = match error {
            RulesError::List => (None, "", format!("must be a list of at most {MAX_RULES} rules")),
            RulesError::Form { index } => (
                Some(*index),
                "",
                "must be an object with path, either scopes (a list) or public (true), and methods (a list) unless all are meant".into(),
            ),
            RulesError::Pattern { index } => (
                Some(*index),
                "path",
                "must begin with a slash, have no empty segment, {name} only as a whole segment and * only at the end".into(),
            ),
            RulesError::Method { index } => {
                (Some(*index), "methods", "may be GET, HEAD, POST, PUT, PATCH and DELETE".into())
            }
            RulesError::Scope { index } => (Some(*index), "scopes", self.unknown_scopes(rules.get(index))),
            RulesError::Twice { index } => (Some(*index), "path", "is that of another rule about the same calls".into()),
        };
        Wrong { index, member, message }
    }

    fn unknown_scopes(&self, rule: Option<&Value>) -> String {
        let scopes = rule.and_then(|rule| rule.get("scopes")?.as_array());
        let names = scopes.into_iter().flatten().filter_map(Value::as_str);
        let unknown = names.filter(|name| !self.has_scope(name)).take(5);
        let unknown: Vec<String> = unknown.map(|name| cut(name, 64)).collect();
        format!("has what is no scope of this API: {}", unknown.join(" "))
    }

    /// The rules that ask for a scope, ten of them at most.
    pub fn that_ask_for(&self, scope: &str) -> Vec<String> {
        let asking = self.rules.iter().filter(|rule| scopes_of(rule.need()).contains(&scope));
        let named = asking.map(|rule| {
            let methods: Vec<&str> = rule.methods().collect();
            format!("{} {}", methods.join(" "), cut(rule.pattern().as_str(), 100))
                .trim()
                .to_owned()
        });
        named.take(10).collect()
    }

    /// What decides about a call.
    pub fn try_out(&self, method: &str, path: &str) -> Decided {
        decide(&self.rules, method, path)
    }
}

/// What decides about a call, by these rules. What follows a `?` in the path is left out.
pub fn decide(rules: &RouteRules, method: &str, path: &str) -> Decided {
    let path = match CallPath::parse(path.split('?').next().unwrap_or_default()) {
        Ok(path) => path,
        Err(error) => return Decided::BadPath(error),
    };
    match rules.find(method, &path) {
        Matched::Rule { route, need } => Decided::Rule {
            route: route.to_owned(),
            need: need.clone(),
        },
        Matched::OtherMethods => Decided::OtherMethods(rules.methods(&path)),
        Matched::Nothing => Decided::Nothing,
    }
}

impl Decided {
    /// It, as the API tells it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Rule {
                route,
                need: Need::Nothing,
            } => json!({ "outcome": "public", "route": route }),
            Self::Rule {
                route,
                need: Need::Token(scopes),
            } => json!({ "outcome": "token", "route": route, "scopes": scopes }),
            Self::OtherMethods(methods) => json!({ "outcome": "method_not_allowed", "allow": methods }),
            Self::Nothing => json!({ "outcome": "no_route" }),
            Self::BadPath(error) => json!({ "outcome": "bad_path", "detail": error.to_string() }),
        }
    }
}

impl Wrong {
    /// At the field of a JSON body.
    pub fn in_body(self) -> Problem {
        let field = match (self.index, self.member) {
            (None, _) => "rules".to_owned(),
            (Some(index), "") => format!("rules/{index}"),
            (Some(index), member) => format!("rules/{index}/{member}"),
        };
        Problem::field(field, self.message)
    }

    /// At the field of a form that holds all of them, which counts from 1 as people do.
    pub fn in_file(self, rules: &Value) -> Problem {
        let Some(index) = self.index else {
            return Problem::field("file", self.message);
        };
        let path = rules.get(index).and_then(|rule| rule.get("path")?.as_str());
        let which = match path {
            Some(path) => format!("rule {} ({})", index + 1, cut(path, 100)),
            None => format!("rule {}", index + 1),
        };
        let what = if self.member.is_empty() {
            String::new()
        } else {
            format!(": {}", self.member)
        };
        Problem::field("file", format!("cannot be taken: {which}{what} {}", self.message))
    }

    /// At the field of the form of one rule.
    pub fn in_rule(self) -> Problem {
        Problem::field(if self.member.is_empty() { "path" } else { self.member }, self.message)
    }
}

/// The rules of a file: the JSON body that sets them.
pub fn rules_of_file(text: &str) -> Result<Value, Problem> {
    let value = json::parse(text.as_bytes());
    let value = value.map_err(|error| Problem::field("file", format!("is not JSON: {error}")))?;
    match value {
        Value::Object(mut members) if members.len() == 1 => members.remove("rules"),
        _ => None,
    }
    .ok_or_else(|| Problem::field("file", "must be an object with the one member rules"))
}

/// Rules as such a file.
pub fn file_of(rules: &Value) -> String {
    let rules = rules.as_array().into_iter().flatten();
    let lines: Vec<String> = rules.map(|rule| format!("    {rule}")).collect();
    match lines.is_empty() {
        true => "{\n  \"rules\": []\n}\n".into(),
        false => format!("{{\n  \"rules\": [\n{}\n  ]\n}}\n", lines.join(",\n")),
    }
}

/// The rules as they are with one rule of a form, in place of the one at `index` or as another.
pub fn with_rule(rules: &RouteRules, index: Option<usize>, mut input: Input) -> Result<Value, Problem> {
    let path = input.line("path", 512);
    let path = input.required("path", path);
    let methods = input.list("methods", METHODS.len(), 10).unwrap_or_default();
    let need = input.choice(
        "need",
        &[("scopes", "scopes"), ("token", "token"), ("public", "public")],
    );
    let need = input.required("need", need);
    let scopes = input.list("scopes", MAX_SCOPES, 64).unwrap_or_default();
    if need == "scopes" && scopes.is_empty() {
        input.error(
            "scopes",
            "has none chosen: choose what the call needs, or that any token will do",
        );
    }
    if need != "scopes" && !scopes.is_empty() {
        input.error("scopes", "are chosen, but the call is not to ask for them");
    }
    input.line("rule", 10);
    input.finish()?;
    let mut rule = match need {
        "public" => json!({ "path": path, "public": true }),
        _ => json!({ "path": path, "scopes": scopes }),
    };
    if let Some(members) = rule.as_object_mut().filter(|_| !methods.is_empty()) {
        members.insert("methods".into(), methods.into());
    }
    let mut list = match rules.to_json() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    match index {
        None => list.push(rule),
        Some(index) => *list.get_mut(index).ok_or(Problem::NotFound("rule"))? = rule,
    }
    Ok(list.into())
}

/// The rules as they are, without the one at `index`.
pub fn without_rule(rules: &RouteRules, index: Option<usize>) -> Result<Value, Problem> {
    let index = index.filter(|index| *index < rules.iter().len());
    let index = index.ok_or(Problem::NotFound("rule"))?;
    let others = rules.iter().enumerate().filter(|(at, _)| *at != index);
    Ok(others.map(|(_, rule)| rule.to_json()).collect())
}

/// What a rule asks for, in words.
pub fn in_words(need: &Need) -> String {
    match need {
        Need::Nothing => "no token".into(),
        Need::Token(scopes) if scopes.is_empty() => "any token".into(),
        Need::Token(scopes) => scopes.to_string(),
    }
}

/// The scopes that are asked for.
pub fn scopes_of(need: &Need) -> Vec<&str> {
    match need {
        Need::Nothing => Vec::new(),
        Need::Token(scopes) => scopes.iter().collect(),
    }
}

/// Hostile text, short enough to be shown.
pub fn cut(text: &str, letters: usize) -> String {
    let mut shown: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(letters)
        .collect();
    if text.chars().nth(letters).is_some() {
        shown.push('…');
    }
    shown
}

fn item(api_id: &str, version: u32, rules: &RouteRules) -> Item {
    Item {
        id: api_id.to_owned(),
        version,
        value: json!({ "rules": rules.to_json(), "version": version }),
    }
}

/// What every call that changes asked for before and asks for now: `{"GET /v1/a": {"from": null, "to": "read:a"}}`.
fn for_the_trail(from: &RouteRules, to: &RouteRules) -> Value {
    let changes = changes(from, to);
    let members = changes.iter().map(|change| {
        let words = |need: Option<&Need>| need.map(in_words);
        (
            change.call(),
            json!({ "from": words(change.from.as_ref()), "to": words(change.to.as_ref()) }),
        )
    });
    members.collect::<serde_json::Map<_, _>>().into()
}
