//! The operations of an OpenAPI document, with the path each has at its server.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::ImportError;
use super::security::Security;
use crate::guard::rules::{MAX_RULES, Pattern, RouteRule, RouteRules};
use crate::management::policy::routes::cut;

/// How often a reference may lead to another.
const MAX_REFERENCES: usize = 8;
/// The methods of operations (OpenAPI 3.2 §4.9) and what they are called in HTTP. Rules are not about `OPTIONS`, which
/// browsers ask without a token.
const METHODS: [(&str, &str); 6] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
];

/// An operation.
pub struct Operation<'d> {
    /// `GET`; where a whole path is wrong, what is said of it in place of a method.
    pub method: &'d str,
    /// Its path at the server: the base path and the document's.
    pub path: String,
    /// The same as a pattern of a rule, if it can be one.
    pattern: Option<Pattern>,
    /// What it asks for.
    pub asked: Asked<'d>,
}

/// What an operation asks for.
pub enum Asked<'d> {
    /// What the document says.
    Security(Security<'d>),
    /// It can have no rule: why.
    Nothing(&'static str),
}

impl Operation<'_> {
    /// `GET /v1/projects`, short enough to be shown.
    pub fn call(&self) -> String {
        format!("{} {}", self.method, cut(&self.path, 200))
    }

    /// The methods it is about; where that is not known, all and one that no rule names.
    pub fn methods(&self) -> Vec<&str> {
        let all = METHODS.map(|(_, method)| method);
        match all.contains(&self.method) {
            true => vec![self.method],
            false => all.into_iter().chain([self.method]).collect(),
        }
    }

    /// The rule that is about its calls already.
    pub fn rule_in<'r>(&self, rules: &'r RouteRules) -> Option<&'r RouteRule> {
        rules.of_path(self.pattern.as_ref()?, self.method)
    }

    /// Which calls it is about.
    pub fn key(&self) -> Option<(Vec<(u8, String)>, &str)> {
        Some((self.pattern.as_ref()?.rank(), self.method))
    }
}

/// All of them. `base`: the path they are under, in place of what servers say.
pub fn operations<'d>(document: &'d Value, base: Option<&str>) -> Result<Vec<Operation<'d>>, ImportError> {
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if document.get("swagger").is_some() {
        return Err(ImportError::Swagger);
    }
    if !["3.0.", "3.1.", "3.2."].iter().any(|known| version.starts_with(known)) {
        return Err(ImportError::NoOpenApi);
    }
    let paths = document.get("paths").and_then(Value::as_object);
    let paths = paths.filter(|paths| !paths.is_empty()).ok_or(ImportError::NoPaths)?;
    if paths.len() > MAX_RULES {
        return Err(ImportError::TooMany);
    }
    let mut reader = Reader {
        document,
        given: base,
        base: match base {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => base_path(document.get("servers")).ok_or(ImportError::Servers)?,
        },
        found: Vec::new(),
    };
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        reader.path_item(path, item);
        if reader.found.len() > MAX_RULES {
            return Err(ImportError::TooMany);
        }
    }
    Ok(reader.found)
}

/// The members of a path item.
type PathItem<'d> = BTreeMap<&'d str, &'d Value>;

struct Reader<'d, 'b> {
    document: &'d Value,
    /// What a person said the base path is.
    given: Option<&'b str>,
    base: String,
    found: Vec<Operation<'d>>,
}

impl<'d> Reader<'d, '_> {
    fn path_item(&mut self, path: &str, item: &'d Value) {
        let whole = format!("{}{path}", self.base);
        let item = match self.resolved(item) {
            Ok(item) => item,
            Err(reason) => return self.add("every method of", whole, Asked::Nothing(reason)),
        };
        for (name, operation) in &item {
            match METHODS.iter().find(|(own, _)| own == name) {
                Some((_, method)) => self.operation(method, path, &item, operation),
                None if matches!(*name, "trace" | "query" | "additionalOperations") => {
                    let reason = "has a method that rules are not about";
                    self.add("another method of", whole.clone(), Asked::Nothing(reason));
                }
                None => {}
            }
        }
    }

    fn operation(&mut self, method: &'d str, path: &str, item: &PathItem<'d>, operation: &'d Value) {
        let members = operation.as_object();
        // An operation's servers stand for those of its path, and these for the document's.
        let own = members.and_then(|members| members.get("servers"));
        let own = own.or_else(|| item.get("servers").copied());
        let base = match (self.given, own) {
            (None, Some(servers)) => base_path(Some(servers)),
            _ => Some(self.base.clone()),
        };
        let asked = match (members, &base) {
            (None, _) => Asked::Nothing("is no object"),
            (_, None) => Asked::Nothing("has servers with different paths, or with one that cannot be read"),
            (Some(members), Some(_)) => {
                let own = members.get("security");
                Asked::Security(own.or_else(|| self.document.get("security")))
            }
        };
        let base = base.unwrap_or_default();
        self.add(method, format!("{base}{path}"), asked);
    }

    fn add(&mut self, method: &'d str, path: String, asked: Asked<'d>) {
        let pattern = Pattern::parse(&path).filter(|_| !path.contains('*'));
        let asked = match (asked, &pattern) {
            (Asked::Security(_), None) => Asked::Nothing(
                "has a path that no rule can be about: it does not begin with a slash, or has an empty segment, or a \
                 parameter that is only part of a segment",
            ),
            (asked, _) => asked,
        };
        let is_operation = METHODS.iter().any(|(_, own)| *own == method);
        self.found.push(Operation {
            method,
            path,
            pattern: pattern.filter(|_| is_operation),
            asked,
        });
    }

    /// A path item with those it refers to, within the document. What any of them says counts; a member that matters here
    /// and stands in two of them does not, because which counts is not defined (OpenAPI 3.1 §4.8.9.1).
    fn resolved(&self, item: &'d Value) -> Result<PathItem<'d>, &'static str> {
        let matters = |name: &str| match name {
            "servers" => self.given.is_none(),
            "trace" | "query" | "additionalOperations" => true,
            name => METHODS.iter().any(|(own, _)| *own == name),
        };
        let (mut item, mut found) = (item, PathItem::new());
        for _ in 0..MAX_REFERENCES {
            let members = item.as_object().ok_or("is no object")?;
            for (name, value) in members {
                if found.insert(name, value).is_some() && matters(name) {
                    return Err("says something that what it refers to says too: which of them counts is not defined");
                }
            }
            let Some(reference) = members.get("$ref") else {
                return Ok(found);
            };
            item = reference
                .as_str()
                .and_then(|reference| follow(self.document, reference))
                .ok_or("is a reference that leads to nothing in this document")?;
        }
        Err("is a reference that leads on and on")
    }
}

/// What a reference within the document leads to (RFC 6901 §6).
pub fn follow<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
    document.pointer(&pointer)
}

/// The path that servers are at, without a slash at its end. `None`: they differ, or it cannot be read.
fn base_path(servers: Option<&Value>) -> Option<String> {
    let Some(servers) = servers else {
        return Some(String::new());
    };
    let mut paths = servers.as_array()?.iter().map(path_of_server);
    let first = paths.next().unwrap_or_else(|| Some(String::new()))?;
    paths.all(|path| path.as_ref() == Some(&first)).then_some(first)
}

fn path_of_server(server: &Value) -> Option<String> {
    let mut address = server.get("url")?.as_str()?.to_owned();
    let path_begins = match address.find("://") {
        Some(at) => address
            .get(at + 3..)?
            .find('/')
            .map_or(address.len(), |slash| at + 3 + slash),
        None => 0,
    };
    let in_path = address.get(path_begins..)?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let placeholder = format!("{{{name}}}");
        let choices = variable.get("enum").and_then(Value::as_array).map_or(1, Vec::len);
        if in_path.contains(&placeholder) && choices > 1 {
            return None;
        }
        address = address.replace(&placeholder, variable.get("default")?.as_str()?);
    }
    // A variable that is not said anything about.
    if address.contains(['{', '}']) {
        return None;
    }
    let path = match address.contains("://") {
        true => Url::parse(&address).ok()?.path().to_owned(),
        false if address.is_empty() || address.starts_with('/') => address,
        false => return None,
    };
    Some(path.trim_end_matches('/').to_owned())
}
