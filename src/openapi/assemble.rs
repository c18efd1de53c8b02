//! Puts the OpenAPI document together from the files in `openapi/`. They are written in a short notation, described in
//! `openapi/README.md`; what follows from the rest of an operation, such as the errors it can meet, is added here.
//!
//! For `build.rs`, and for the tests.

use serde_json::{Map, Value, json};

/// The members of a JSON object.
pub type Object = Map<String, Value>;

/// Where the document names this server, in place of the address it is served at.
pub const ISSUER: &str = "https://latchkey.invalid";

/// What is under these is limited for everybody who asks.
const LIMITED: [&str; 2] = ["/api/developer/", "/api/admin/"];

/// A file: its name, and what is in it.
pub type File = (String, Value);

/// The document, from `main` and one file for each tag.
pub fn assemble(main: Value, files: &[File]) -> Result<Value, Vec<String>> {
    let Value::Object(mut document) = main else {
        return Err(vec!["main must be an object".into()]);
    };
    let mut mistakes = Vec::new();
    let (mut tags, mut paths) = (Vec::new(), Object::new());
    for (name, file) in files {
        let tag = text(file, "tag");
        if tag.is_empty() {
            mistakes.push(format!("{name}: no tag"));
        }
        tags.push(json!({ "name": tag, "description": text(file, "description") }));
        for kind in ["schemas", "parameters"] {
            for (component, is) in object(file, kind) {
                let all = members(&mut document, &["components", kind]);
                if all.insert(component.clone(), is.clone()).is_some() {
                    mistakes.push(format!("{name}: there are two {kind} {component}"));
                }
            }
        }
        for (path, methods) in object(file, "paths") {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                let place = format!("{name}: {method} {path}");
                let operation = operation.as_object().cloned().unwrap_or_default();
                let written = Written {
                    document: &document,
                    path,
                    method,
                    place: &place,
                };
                let whole = written.operation(operation, tag, file.get("security"), &mut mistakes);
                let at_path = paths
                    .entry(path.clone())
                    .or_insert_with(|| Value::Object(Object::new()));
                let before = at_path
                    .as_object_mut()
                    .and_then(|methods| methods.insert(method.clone(), whole));
                if before.is_some() {
                    mistakes.push(format!("{place}: is there twice"));
                }
            }
        }
    }
    document.insert("tags".into(), tags.into());
    document.insert("paths".into(), paths.into());
    for response in members(&mut document, &["components", "responses"]).values_mut() {
        *response = answer_of(response);
    }
    let whole = Value::Object(document);
    let mut with_examples = whole.clone();
    add_examples(&whole, &mut with_examples);
    check_references(&whole, &whole, &mut mistakes);
    match mistakes.is_empty() {
        true => Ok(with_examples),
        false => Err(mistakes),
    }
}

/// An operation as it was written.
struct Written<'a> {
    document: &'a Object,
    path: &'a str,
    method: &'a str,
    place: &'a str,
}

impl Written<'_> {
    /// The operation as OpenAPI wants it.
    fn operation(&self, mut own: Object, tag: &str, security: Option<&Value>, mistakes: &mut Vec<String>) -> Value {
        for required in ["operationId", "summary", "answers"] {
            if !own.contains_key(required) {
                mistakes.push(format!("{}: no {required}", self.place));
            }
        }
        let security = own.shift_or_remove("security").or_else(|| security.cloned());
        let security = security.map(|security| self.with_scopes_to_read(security));
        for scheme in security.iter().flat_map(schemes) {
            let schemes = self
                .document
                .get("components")
                .map(|all| object(all, "securitySchemes"));
            if !schemes.is_some_and(|schemes| schemes.contains_key(scheme)) {
                mistakes.push(format!("{}: no security scheme {scheme}", self.place));
            }
        }
        let named: Vec<Value> = take_list(&mut own, "parameters");
        let body = own.shift_or_remove("body");
        let also: Vec<Value> = take_list(&mut own, "also");
        let has_problems = own.shift_or_remove("problems") != Some(Value::Bool(false));
        let answers = own.shift_or_remove("answers");

        let mut parameters: Vec<Value> = Vec::new();
        for placeholder in self.path.split('/').filter_map(|segment| segment.strip_prefix('{')) {
            parameters.push(reference("parameters", placeholder.trim_end_matches('}')));
        }
        let is_named = |name: &str| named.iter().any(|parameter| parameter == name);
        let in_query = |parameter: &Value| match parameter {
            Value::String(name) => self.is_in_query(name),
            parameter => text(parameter, "in") == "query",
        };
        let has_query = named.iter().any(in_query);
        let is_form = body.as_ref().is_some_and(|body| body.get("form").is_some());

        let mut problems: Vec<u64> = also.iter().filter_map(Value::as_u64).collect();
        let is_open = security
            .as_ref()
            .is_none_or(|one| one.as_array().is_none_or(Vec::is_empty));
        if !is_open && !is_form {
            problems.extend([401, 403, 503]);
        }
        if LIMITED.iter().any(|limited| self.path.starts_with(limited)) {
            problems.push(429);
        }
        if !parameters.is_empty() {
            problems.push(404);
        }
        if has_query || is_named("if_match") {
            problems.push(400);
        }
        if body.is_some() && !is_form {
            problems.extend([400, 413, 415]);
        }
        if is_named("if_match") {
            problems.push(412);
        }
        if is_named("idempotency_key") {
            problems.extend([400, 422]);
        }
        problems.sort_unstable();
        problems.dedup();
        problems.retain(|_| has_problems);

        parameters.extend(named.into_iter().map(|parameter| match parameter {
            Value::String(name) => reference("parameters", &name),
            whole => whole,
        }));
        let mut responses = Object::new();
        for (status, answer) in answers.as_ref().and_then(Value::as_object).into_iter().flatten() {
            responses.insert(status.clone(), answer_of(answer));
        }
        for status in problems {
            responses
                .entry(status.to_string())
                .or_insert_with(|| reference("responses", &status.to_string()));
        }

        let mut whole = Object::new();
        whole.insert("tags".into(), json!([tag]));
        whole.extend(own);
        if !parameters.is_empty() {
            whole.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = body {
            whole.insert("requestBody".into(), self.body(&body));
        }
        whole.insert("responses".into(), responses.into());
        whole.insert("security".into(), security.unwrap_or_else(|| json!([])));
        Value::Object(whole)
    }

    /// What only reads can be had with the scope for that, too.
    fn with_scopes_to_read(&self, security: Value) -> Value {
        let Value::Array(mut ways) = security else {
            return security;
        };
        for scope in ["latchkey:admin", "latchkey:apps"] {
            let to_read = json!({ "oauth": [format!("{scope}:read")] });
            if self.method == "get" && ways.contains(&json!({ "oauth": [scope] })) && !ways.contains(&to_read) {
                ways.push(to_read);
            }
        }
        Value::Array(ways)
    }

    fn is_in_query(&self, name: &str) -> bool {
        let components = self.document.get("components");
        let parameter = components.and_then(|all| all.get("parameters")?.get(name));
        parameter.is_some_and(|parameter| text(parameter, "in") == "query")
    }

    /// `body: Name`, `body: { form: Name }` or `body: { schema, optional }`.
    fn body(&self, body: &Value) -> Value {
        let (media_type, schema) = match (body, body.get("form"), body.get("schema")) {
            (Value::String(name), _, _) => ("application/json", reference("schemas", name)),
            (_, Some(form), _) => ("application/x-www-form-urlencoded", schema_of(form)),
            (_, _, Some(schema)) => ("application/json", schema_of(schema)),
            _ => ("application/json", body.clone()),
        };
        // What has a body and creates nothing may do without it where it says so.
        let required = body.get("optional").is_none() || self.method == "patch";
        json!({ "required": required, "content": { (media_type): { "schema": schema } } })
    }
}

/// `{ problem }`, `{ text, schema | list | array, media, etag, location, link, headers, content }`, or a whole response with its `description`.
fn answer_of(answer: &Value) -> Value {
    if answer.get("description").is_some() || answer.get("$ref").is_some() {
        return answer.clone();
    }
    let mut headers = object(answer, "headers").clone();
    for (short, header) in [("etag", "ETag"), ("location", "Location"), ("link", "Link")] {
        if answer.get(short).is_some() {
            headers.insert(header.into(), reference("headers", header));
        }
    }
    let is_problem = answer.get("problem").is_some();
    let schema = match (answer.get("schema"), answer.get("list"), answer.get("array")) {
        _ if is_problem => Some(reference("schemas", "Problem")),
        (Some(schema), _, _) => Some(schema_of(schema)),
        (_, Some(item), _) => Some(page_of(&schema_of(item))),
        (_, _, Some(item)) => Some(json!({ "type": "array", "items": schema_of(item) })),
        _ => None,
    };
    let mut whole = Object::new();
    whole.insert(
        "description".into(),
        format!("{}{}", text(answer, "problem"), text(answer, "text")).into(),
    );
    if !headers.is_empty() {
        whole.insert("headers".into(), headers.into());
    }
    let mut content = object(answer, "content").clone();
    if let Some(schema) = schema {
        let media_type = match text(answer, "media") {
            "" if is_problem => "application/problem+json",
            "" => "application/json",
            media_type => media_type,
        };
        content.insert(media_type.into(), json!({ "schema": schema }));
    }
    if !content.is_empty() {
        whole.insert("content".into(), content.into());
    }
    Value::Object(whole)
}

/// A page of a list.
fn page_of(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": { "type": "array", "items": item, "description": "What is on this page." },
            "next_cursor": { "$ref": "#/components/schemas/NextCursor" },
        },
    })
}

fn schema_of(schema: &Value) -> Value {
    match schema {
        Value::String(name) => reference("schemas", name),
        whole => whole.clone(),
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// Gives an example to every body that has none, put together from those of its members.
fn add_examples(document: &Value, at: &mut Value) {
    match at {
        Value::Object(members) => {
            if let Some(Value::Object(media_types)) = members.get_mut("content") {
                for media_type in media_types.values_mut().filter_map(Value::as_object_mut) {
                    if let (false, Some(schema)) = (media_type.contains_key("example"), media_type.get("schema")) {
                        let example = example_of(document, schema);
                        media_type.insert("example".into(), example);
                    }
                }
            }
            members.values_mut().for_each(|member| add_examples(document, member));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| add_examples(document, item)),
        _ => {}
    }
}

/// An example of a schema: its own, or one of each of its members.
pub fn example_of(document: &Value, schema: &Value) -> Value {
    if let Some(target) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|to| resolved(document, to))
    {
        return example_of(document, target);
    }
    if let Some(example) = schema.get("examples").and_then(|all| all.get(0)) {
        return example.clone();
    }
    if let Some(constant) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
        return constant.clone();
    }
    if let Some(choice) = ["oneOf", "anyOf"].iter().find_map(|kind| schema.get(kind)?.get(0)) {
        return example_of(document, choice);
    }
    let mut whole = Object::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Value::Object(members) = example_of(document, part) {
            whole.extend(members);
        }
    }
    for (name, member) in object(schema, "properties") {
        whole.insert(name.clone(), example_of(document, member));
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        Some(Value::String(kind)) => kind,
        _ => "object",
    };
    match (kind, text(schema, "format")) {
        ("array", _) => json!([example_of(document, schema.get("items").unwrap_or(&Value::Null))]),
        ("boolean", _) => schema.get("default").cloned().unwrap_or(json!(true)),
        ("integer" | "number", _) => {
            let given = schema.get("default").or_else(|| schema.get("minimum"));
            given.cloned().unwrap_or(json!(1))
        }
        ("string", "date-time") => json!("2026-11-22T09:00:00Z"),
        ("string", "date") => json!("2026-11-22"),
        ("string", "uri") => json!("https://app.example.com/"),
        ("string", _) => json!("…"),
        ("null", _) => Value::Null,
        _ => Value::Object(whole),
    }
}

/// The schemes that any of these ways needs.
fn schemes(security: &Value) -> impl Iterator<Item = &str> {
    let ways = security.as_array().into_iter().flatten().filter_map(Value::as_object);
    ways.flat_map(Object::keys).map(String::as_str)
}

/// What a reference into the document leads to.
pub fn resolved<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    document.pointer(reference.strip_prefix('#')?)
}

fn check_references(document: &Value, at: &Value, mistakes: &mut Vec<String>) {
    match at {
        Value::Object(members) => {
            if let Some(to) = members.get("$ref").and_then(Value::as_str)
                && resolved(document, to).is_none()
            {
                mistakes.push(format!("{to} leads nowhere"));
            }
            for member in members.values() {
                check_references(document, member, mistakes);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(document, item, mistakes)),
        _ => {}
    }
}

/// The text of a member, empty if there is none.
pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a member, none if there is none.
pub fn object<'v>(value: &'v Value, name: &str) -> &'v Object {
    static NONE: std::sync::LazyLock<Object> = std::sync::LazyLock::new(Object::new);
    value.get(name).and_then(Value::as_object).unwrap_or(&NONE)
}

fn take_list(from: &mut Object, name: &str) -> Vec<Value> {
    match from.shift_or_remove(name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn members<'v>(document: &'v mut Object, path: &[&str]) -> &'v mut Object {
    let mut at = document;
    for name in path {
        let next = at
            .entry((*name).to_owned())
            .or_insert_with(|| Value::Object(Object::new()));
        if !next.is_object() {
            *next = Value::Object(Object::new());
        }
        match next {
            Value::Object(members) => at = members,
            _ => unreachable!("it was made one above"),
        }
    }
    at
}

/// Takes a member out; the others keep their order, where the map has one.
trait Take {
    fn shift_or_remove(&mut self, name: &str) -> Option<Value>;
}

impl Take for Object {
    fn shift_or_remove(&mut self, name: &str) -> Option<Value> {
        let found = self.get(name).cloned();
        self.retain(|other, _| other != name);
        found
    }
}
