//! The document as its readers on `/api-docs` see it: what a page shows, found out when Latchkey is built.
//!
//! For `build.rs`, and for the tests.

use std::fmt::Write;

use serde_json::Value;

use super::assemble::{ISSUER, Object, example_of, object, resolved, text};

/// The statics that the pages are drawn from, as Rust.
pub fn generate(document: &Value, errors: &Value) -> String {
    let reference = Reference { document };
    let mut tags = String::new();
    for tag in list(document, "tags") {
        reference.tag(&mut tags, tag);
    }
    let mut explained = String::new();
    for (code, text) in errors.as_object().into_iter().flatten() {
        row(&mut explained, code, "", false, text.as_str().unwrap_or_default());
    }
    let shared = reference.shared();
    format!(
        "static TAGS: &[Tag] = &[{tags}];\nstatic SHARED: &[Schema] = &[{shared}];\nstatic ERRORS: &[Row] = &[{explained}];\n"
    )
}

struct Reference<'d> {
    document: &'d Value,
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Reference<'_> {
    fn tag(&self, code: &mut String, tag: &Value) {
        let name = text(tag, "name");
        let mut operations = String::new();
        for (path, methods) in object(self.document, "paths") {
            for method in METHODS {
                if let Some(operation) = methods.get(method).filter(|operation| is_of(operation, name)) {
                    self.operation(&mut operations, method, path, operation);
                }
            }
        }
        let schemas = self.schemas_of(name);
        let (slug, description) = (slug(name), words(text(tag, "description")));
        put(
            code,
            format_args!(
                "Tag {{ name: {name:?}, slug: {slug:?}, description: {description:?}, operations: &[{operations}], schemas: &[{schemas}] }},\n"
            ),
        );
    }

    fn operation(&self, code: &mut String, method: &str, path: &str, operation: &Value) {
        let (id, summary) = (text(operation, "operationId"), text(operation, "summary"));
        let description = words(text(operation, "description"));
        let mut parameters = String::new();
        for parameter in list(operation, "parameters") {
            let parameter = self.whole(parameter);
            let place = match text(parameter, "in") {
                "path" => "in the path",
                "query" => "in the query",
                _ => "header",
            };
            let schema = parameter.get("schema").unwrap_or(&Value::Null);
            let kind = format!("{place}; {}", self.kind(schema));
            let required = parameter.get("required").is_some();
            row(
                &mut parameters,
                text(parameter, "name"),
                &kind,
                required,
                text(parameter, "description"),
            );
        }
        let body = operation.pointer("/requestBody/content").and_then(Value::as_object);
        let (media_type, content) = body
            .and_then(|content| content.iter().next())
            .map_or(("", &Value::Null), |(m, c)| (m.as_str(), c));
        let body_rows = content
            .get("schema")
            .map(|schema| self.rows(schema))
            .unwrap_or_default();
        let mut answers = String::new();
        for (status, answer) in object(operation, "responses") {
            let answer = self.whole(answer);
            let schema = object(answer, "content")
                .values()
                .next()
                .and_then(|content| content.get("schema"));
            let body = schema.filter(|_| {
                !status.starts_with('4') && !status.starts_with('5')
                    || !answer.to_string().contains("schemas/Problem\"")
            });
            let body = body.map(|schema| self.kind(schema)).unwrap_or_default();
            let description = words(text(answer, "description"));
            put(
                &mut answers,
                format_args!("Answer {{ status: {status:?}, description: {description:?}, body: {body:?} }},"),
            );
        }
        let access = access(operation);
        let curl = self.curl(method, path, operation, media_type, content);
        let method = method.to_uppercase();
        put(
            code,
            format_args!(
                "Operation {{ id: {id:?}, method: {method:?}, path: {path:?}, summary: {summary:?}, description: {description:?}, \
             access: {access:?}, parameters: &[{parameters}], media_type: {media_type:?}, body: &[{body_rows}], answers: &[{answers}], curl: {curl:?} }},\n"
            ),
        );
    }

    fn curl(&self, method: &str, path: &str, operation: &Value, media_type: &str, content: &Value) -> String {
        let mut path = path.to_owned();
        let mut query = Vec::new();
        let mut command = String::new();
        for parameter in list(operation, "parameters") {
            let parameter = self.whole(parameter);
            let name = text(parameter, "name");
            let example = plain(&example_of(
                self.document,
                parameter.get("schema").unwrap_or(&Value::Null),
            ));
            match text(parameter, "in") {
                "path" => path = path.replace(&format!("{{{name}}}"), &example),
                "header" if name == "If-Match" || name == "Idempotency-Key" => {
                    put(&mut command, format_args!(" \\\n  -H '{name}: {example}'"));
                }
                "query" if parameter.get("required").is_some() => query.push(format!("{name}={example}")),
                _ => {}
            }
        }
        let mut url = format!("{ISSUER}{path}");
        if !query.is_empty() {
            put(&mut url, format_args!("?{}", query.join("&")));
        }
        let verb = match method {
            "get" => String::new(),
            "post" if !media_type.is_empty() => String::new(),
            method => format!(" -X {}", method.to_uppercase()),
        };
        let schemes: Vec<&str> = schemes(operation);
        if schemes.contains(&"oauth") {
            command.insert_str(0, " \\\n  -H \"Authorization: Bearer $TOKEN\"");
        } else if schemes.contains(&"session") {
            let origin = if method == "get" {
                String::new()
            } else {
                format!(" -H 'Origin: {ISSUER}'")
            };
            command.insert_str(0, &format!(" \\\n  -b \"__Host-latchkey_session=$SESSION\"{origin}"));
        } else if schemes.contains(&"client") {
            command.insert_str(0, " \\\n  -u \"$CLIENT_ID:$CLIENT_SECRET\"");
        }
        let example = content.get("example").unwrap_or(&Value::Null);
        match media_type {
            "" => {}
            "application/json" => {
                let json = serde_json::to_string_pretty(example)
                    .unwrap_or_default()
                    .replace('\'', "’");
                put(
                    &mut command,
                    format_args!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{json}'"),
                );
            }
            _ => {
                let schema = self.whole(content.get("schema").unwrap_or(&Value::Null));
                let required = list(schema, "required");
                for (name, value) in example.as_object().into_iter().flatten() {
                    if required.iter().any(|required| required == name) && name != "client_id" {
                        put(&mut command, format_args!(" \\\n  -d {name}={}", plain(value)));
                    }
                }
            }
        }
        format!("curl{verb} '{url}'{command}")
    }

    /// The schemas that the operations of a tag lead to, but for those that others lead to too.
    fn schemas_of(&self, tag: &str) -> String {
        let mut code = String::new();
        for (name, schema) in object(&self.document["components"], "schemas") {
            if self.home(name).as_deref() == Some(tag) {
                self.schema(&mut code, name, schema);
            }
        }
        code
    }

    fn shared(&self) -> String {
        let mut code = String::new();
        for (name, schema) in object(&self.document["components"], "schemas") {
            if self.home(name).is_none() {
                self.schema(&mut code, name, schema);
            }
        }
        code
    }

    fn schema(&self, code: &mut String, name: &str, schema: &Value) {
        let description = words(text(schema, "description"));
        let rows = self.rows(schema);
        let kind = if rows.is_empty() {
            self.kind(schema)
        } else {
            String::new()
        };
        let example = serde_json::to_string_pretty(&example_of(self.document, schema)).unwrap_or_default();
        put(
            code,
            format_args!(
                "Schema {{ name: {name:?}, description: {description:?}, kind: {kind:?}, rows: &[{rows}], example: {example:?} }},\n"
            ),
        );
    }

    /// The only tag whose operations lead to a schema.
    fn home(&self, schema: &str) -> Option<String> {
        let mut home: Option<&str> = None;
        for methods in object(self.document, "paths").values() {
            for operation in methods
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, operation)| operation)
            {
                let tag = operation.pointer("/tags/0").and_then(Value::as_str).unwrap_or_default();
                if home != Some(tag) && self.leads_to(operation, schema, 0) {
                    match home {
                        None => home = Some(tag),
                        Some(_) => return None,
                    }
                }
            }
        }
        home.map(str::to_owned)
    }

    fn leads_to(&self, at: &Value, schema: &str, depth: u32) -> bool {
        match at {
            Value::Object(members) => {
                let to = members.get("$ref").and_then(Value::as_str);
                let there = to.is_some_and(|to| {
                    to.strip_prefix("#/components/schemas/") == Some(schema)
                        || depth < 6
                            && resolved(self.document, to).is_some_and(|to| self.leads_to(to, schema, depth + 1))
                });
                there || members.values().any(|member| self.leads_to(member, schema, depth))
            }
            Value::Array(items) => items.iter().any(|item| self.leads_to(item, schema, depth)),
            _ => false,
        }
    }

    /// The members of an object, each a row.
    fn rows(&self, schema: &Value) -> String {
        let schema = self.whole(schema);
        let mut code = String::new();
        for part in list(schema, "allOf") {
            code.push_str(&self.rows(part));
        }
        let required = list(schema, "required");
        for (name, member) in object(schema, "properties") {
            let is_required = required.iter().any(|required| required == name);
            let described = match text(member, "description") {
                "" => text(self.whole(member), "description"),
                own => own,
            };
            row(&mut code, name, &self.kind(member), is_required, described);
        }
        code
    }

    /// What a value must be, as HTML.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = text(schema, "$ref").strip_prefix("#/components/schemas/") {
            let page = self
                .home(name)
                .map_or_else(String::new, |tag| format!("/{}", slug(&tag)));
            return format!("<a href=\"/api-docs{page}#{name}\">{name}</a>");
        }
        if let Some(constant) = schema.get("const") {
            return format!("<code>{}</code>", escaped(&plain(constant)));
        }
        let choices: Vec<String> = list(schema, "enum")
            .iter()
            .map(|one| format!("<code>{}</code>", escaped(&plain(one))))
            .collect();
        if !choices.is_empty() {
            return format!("one of {}", choices.join(", "));
        }
        for kind in ["oneOf", "anyOf"] {
            let kinds: Vec<String> = list(schema, kind).iter().map(|one| self.kind(one)).collect();
            if !kinds.is_empty() {
                return kinds.join(" or ");
            }
        }
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(kind)) => vec![kind],
            _ => vec!["any value"],
        };
        let named: Vec<String> = kinds.into_iter().map(|kind| self.one_kind(kind, schema)).collect();
        named.join(" or ")
    }

    fn one_kind(&self, kind: &str, schema: &Value) -> String {
        let number = |name: &str| schema.get(name).and_then(Value::as_i64);
        let mut words = match (kind, text(schema, "format")) {
            ("string", "date-time") => "time".to_owned(),
            ("string", "date") => "date".to_owned(),
            ("string", "uri" | "uri-reference") => "URL".to_owned(),
            ("string", "email") => "e-mail address".to_owned(),
            ("string", _) => "text".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("boolean", _) => "true or false".to_owned(),
            ("array", _) => format!("list of {}", self.kind(schema.get("items").unwrap_or(&Value::Null))),
            ("object", _) if !object(schema, "properties").is_empty() => {
                let members: Vec<String> = object(schema, "properties")
                    .iter()
                    .map(|(name, member)| format!("<code>{}</code>: {}", escaped(name), self.kind(member)))
                    .collect();
                format!("object ({})", members.join("; "))
            }
            (other, _) => other.to_owned(),
        };
        match (kind, number("minimum"), number("maximum")) {
            ("integer", Some(least), Some(most)) => put(&mut words, format_args!(" from {least} to {most}")),
            ("integer", Some(least), None) => put(&mut words, format_args!(" from {least}")),
            _ => {}
        }
        if let ("string", Some(most)) = (kind, number("maxLength")) {
            put(&mut words, format_args!(", up to {most} letters"));
        }
        if let ("array", Some(most)) = (kind, number("maxItems")) {
            put(&mut words, format_args!(", {most} at most"));
        }
        if let ("integer" | "boolean" | "string", Some(default)) = (kind, schema.get("default")) {
            put(&mut words, format_args!(", else {}", escaped(&plain(default))));
        }
        words
    }

    fn whole<'v>(&'v self, value: &'v Value) -> &'v Value {
        let to = value.get("$ref").and_then(Value::as_str);
        to.and_then(|to| resolved(self.document, to)).unwrap_or(value)
    }
}

fn row(code: &mut String, name: &str, kind: &str, required: bool, description: &str) {
    let description = words(description);
    put(
        code,
        format_args!("Row {{ name: {name:?}, kind: {kind:?}, required: {required}, description: {description:?} }},"),
    );
}

/// Who may send it, as HTML.
fn access(operation: &Value) -> String {
    let requirements = list(operation, "security");
    let mut ways = Vec::new();
    for requirement in requirements {
        for (scheme, scopes) in requirement.as_object().into_iter().flatten() {
            let scopes: Vec<String> = scopes
                .as_array()
                .into_iter()
                .flatten()
                .map(|scope| format!("<code>{}</code>", escaped(&plain(scope))))
                .collect();
            ways.push(match scheme.as_str() {
                "session" => "a session".to_owned(),
                "client" => "client authentication".to_owned(),
                _ => format!("an access token with {}", scopes.join(" or ")),
            });
        }
    }
    match ways.is_empty() {
        true => "everybody".to_owned(),
        false => ways.join(", or "),
    }
}

fn schemes(operation: &Value) -> Vec<&str> {
    let requirements = list(operation, "security").iter().filter_map(Value::as_object);
    requirements.flat_map(Object::keys).map(String::as_str).collect()
}

fn is_of(operation: &Value, tag: &str) -> bool {
    operation.pointer("/tags/0").and_then(Value::as_str) == Some(tag)
}

/// Text with `code` in it, as HTML.
pub fn words(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        match place % 2 {
            0 => html.push_str(&escaped(part)),
            _ => put(&mut html, format_args!("<code>{}</code>", escaped(part))),
        }
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A name for a URL.
pub fn slug(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    letters.collect()
}

/// A value as one would write it into a URL or a sentence.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Writing to a string cannot fail.
fn put(code: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = code.write_fmt(text);
}
