//! The route rules of an API: as JSON, on their page, and out of an OpenAPI document.

use serde_json::{Value, json};

use super::super::pages::Upload;
use super::{Call, Form, api, pages, pressed};
use crate::guard::path::CallPath;
use crate::http::Reply;
use crate::json;
use crate::management::input::Input;
use crate::management::policy::route_import::{self, Import, Options};
use crate::management::policy::routes::{self, MAX_TEXT, Routes};
use crate::management::policy::{Change, own_api};
use crate::management::problem::Problem;
use crate::pages::management::policy::routes::{ImportPage, Preview, RoutesPage, Tried};
use crate::pages::management::{FormState, Place};
use crate::pages::render;
use crate::store::Stores;

/// The fields of the form with a document, but for the document that is uploaded.
pub const IMPORT_FIELDS: [&str; 3] = ["document", "base_path", "keep"];

pub async fn read<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let item = routes::of_api(call.context.stores, &call.id(0)).await?.item();
    Ok(api::versioned(200, &item.value, item.version))
}

pub async fn set<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let (expected, mut input) = (call.expected_version()?, call.input()?);
    let rules = input.value("rules", MAX_TEXT);
    let rules = input.required("rules", rules);
    input.finish()?;
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let rules = current.parse(&rules).map_err(routes::Wrong::in_body)?;
    let change = current.replace(call.act, expected, &rules)?;
    let change = saved(call, change).await?;
    Ok(api::versioned(200, &change.item.value, change.item.version))
}

pub async fn try_out<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let params = api::query(call.request)?;
    let one = |name: &'static str| match params.one(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Problem::field(name, "is required")),
        Err(_) => Err(Problem::field(name, "must come once")),
    };
    let (method, path) = (one("method")?, one("path")?);
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    Ok(Reply::json(200, &current.try_out(method, path).to_json()))
}

/// What a document would make of the rules. Nothing is saved: that is done by [`set`].
pub async fn import<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let mut input = call.input()?;
    let document = input.value("document", usize::MAX);
    let document = input.required("document", document);
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let import = imported(&current, &document, input)?;
    let mut body = import.to_json();
    if let Some(members) = body.as_object_mut() {
        members.insert("version".into(), current.version.into());
    }
    Ok(Reply::json(200, &body))
}

/// `input`: the options.
fn imported(current: &Routes, document: &Value, mut input: Input) -> Result<Import, Problem> {
    let base_path = input.line("base_path", 200);
    let is_path = |path: &String| CallPath::parse(path).is_ok() && !path.contains(['{', '}', '*']);
    if base_path.as_ref().is_some_and(|path| !is_path(path)) {
        input.error("base_path", "must begin with a slash and have no parameters: /v1");
    }
    let options = Options {
        base_path,
        keep: input.flag("keep").unwrap_or(false),
    };
    input.finish()?;
    let read = route_import::read(document, &options, &current.rules, |scope| current.has_scope(scope));
    read.map_err(|error| Problem::field("document", error.to_string()))
}

async fn saved<S: Stores>(call: Call<'_, '_, S>, change: Change) -> Result<Change, Problem> {
    let Change {
        item,
        statements,
        refused,
    } = change;
    call.transact(statements, refused.clone()).await?;
    Ok(Change {
        item,
        statements: Vec::new(),
        refused,
    })
}

fn place(api_id: &str) -> String {
    format!("/admin/policy/apis/{api_id}/routes")
}

pub async fn page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let params = api::query(call.request)?;
    let one = |name| params.one(name).ok().flatten();
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let edited = one("rule").and_then(|text| text.parse().ok());
    let tried = match (one("method"), one("path")) {
        (Some(method), Some(path)) => Some(Tried {
            method: method.to_owned(),
            path: path.to_owned(),
            decided: current.try_out(method, path),
        }),
        _ => None,
    };
    routes_page(
        call,
        200,
        &current,
        Shown {
            edited,
            tried,
            ..Shown::default()
        },
    )
}

/// What is shown beside the rules.
#[derive(Default)]
struct Shown {
    /// The rule that is edited.
    edited: Option<usize>,
    tried: Option<Tried>,
    /// The form of one rule as it was sent.
    rule: Option<FormState>,
    /// The form of all of them as it was sent.
    file: Option<FormState>,
}

fn routes_page<S: Stores>(
    call: Call<'_, '_, S>,
    status: u16,
    current: &Routes,
    shown: Shown,
) -> Result<Reply, Problem> {
    let edited = shown.edited.filter(|index| *index < current.rules.iter().len());
    let page = RoutesPage {
        frame: pages::frame(call.context, call.actor, Place::Policy),
        is_own: current.api_id == own_api::ID,
        rule: &shown.rule.unwrap_or_else(|| form_of_rule(current, edited)),
        file: &shown.file.unwrap_or_else(|| form_of_file(&current.rules.to_json())),
        edited,
        tried: shown.tried.as_ref(),
        routes: current,
    };
    Ok(render(status, &page))
}

fn form_of_rule(current: &Routes, edited: Option<usize>) -> FormState {
    let Some(rule) = edited.and_then(|index| current.rules.iter().nth(index)) else {
        return FormState::default().with("need", "scopes");
    };
    let scopes = routes::scopes_of(rule.need());
    let need = match rule.need() {
        crate::guard::rules::Need::Nothing => "public",
        crate::guard::rules::Need::Token(scopes) if scopes.is_empty() => "token",
        crate::guard::rules::Need::Token(_) => "scopes",
    };
    let form = FormState::default()
        .with("path", rule.pattern().as_str())
        .with("need", need);
    let form = rule.methods().fold(form, |form, method| form.with("methods", method));
    scopes.into_iter().fold(form, |form, scope| form.with("scopes", scope))
}

fn form_of_file(rules: &Value) -> FormState {
    FormState::default().with("file", routes::file_of(rules))
}

/// The rules as a file, which is the body that sets them.
pub async fn file<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let name = format!("attachment; filename=\"routes-{}.json\"", current.api_id);
    let reply = Reply::new(200, routes::file_of(&current.rules.to_json()));
    Ok(reply
        .header("Content-Type", "application/json")
        .header("Content-Disposition", name))
}

/// The forms of the page: one rule, or all of them.
pub async fn form<S: Stores>(call: Call<'_, '_, S>, form: Form) -> Result<Reply, Problem> {
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let index: Option<usize> = form.state.value("rule").parse().ok();
    let is_file = pressed(&form, "save_file");
    let (state, version) = (form.state.clone(), form.version);
    let rules = if is_file {
        rules_of_form(&current, form.input)
    } else if pressed(&form, "remove") {
        let rules = routes::without_rule(&current.rules, index);
        rules.and_then(|rules| current.parse(&rules).map_err(routes::Wrong::in_rule))
    } else {
        let rules = routes::with_rule(&current.rules, index, form.input);
        rules.and_then(|rules| current.parse(&rules).map_err(routes::Wrong::in_rule))
    };
    match rules.and_then(|rules| current.replace(call.act, version, &rules)) {
        Ok(change) => {
            saved(call, change).await?;
            Ok(Reply::see_other(place(&current.api_id)))
        }
        Err(problem @ Problem::Invalid(_)) => {
            let refused = Some(state.refused(&problem));
            let shown = match is_file {
                true => Shown {
                    file: refused,
                    ..Shown::default()
                },
                false => Shown {
                    rule: refused,
                    edited: index,
                    ..Shown::default()
                },
            };
            routes_page(call, 400, &current, shown)
        }
        Err(problem) => Err(problem),
    }
}

/// The rules of the form of all of them, with what a person decided about what a document left open.
fn rules_of_form(current: &Routes, mut input: Input) -> Result<crate::guard::rules::RouteRules, Problem> {
    let text = input.text("file", MAX_TEXT * 2);
    let text = input.required("file", text);
    let mut list: Vec<Value> = Vec::new();
    for (rules, decision) in [("public_rules", "public_as"), ("undecided_rules", "undecided_as")] {
        let open = input.value(rules, MAX_TEXT);
        let choices = [("public", Some("public")), ("token", Some("token")), ("none", None)];
        let decided = input.choice(decision, &choices);
        let Some(open) = open else { continue };
        let decided = input.required(decision, decided);
        for rule in open.as_array().into_iter().flatten() {
            let (methods, path) = (rule.get("methods"), rule.get("path"));
            match decided {
                Some("public") => list.push(json!({ "methods": methods, "path": path, "public": true })),
                Some(_) => list.push(json!({ "methods": methods, "path": path, "scopes": [] })),
                None => {}
            }
        }
    }
    let left_out = input.number("left_out", 0..=2000);
    let is_incomplete = input.flag("incomplete").unwrap_or(false);
    if left_out.is_some_and(|count| count > 0) && !is_incomplete {
        input.error(
            "incomplete",
            "must be ticked: some operations of the document have no rule",
        );
    }
    input.finish()?;
    let rules = routes::rules_of_file(&text)?;
    let own = current.parse(&rules).map_err(|wrong| wrong.in_file(&rules))?;
    let list = Value::from(list);
    let decisions = current.parse(&list).map_err(|wrong| wrong.in_file(&list))?;
    let whole = route_import::with_decisions(&own, &decisions, &current.rules);
    current.parse(&whole).map_err(|wrong| wrong.in_file(&whole))
}

pub async fn import_page<S: Stores>(call: Call<'_, '_, S>) -> Result<Reply, Problem> {
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    let form = FormState::default().with("keep", "true");
    show_import(call, 200, &current, &form, None)
}

/// The form there. What comes of the document is shown, to be saved by the form of all rules.
pub async fn import_form<S: Stores>(call: Call<'_, '_, S>, upload: Upload) -> Result<Reply, Problem> {
    let current = routes::of_api(call.context.stores, &call.id(0)).await?;
    match import_of_form(&current, &upload) {
        Ok(import) => {
            let file = form_of_file(&import.rules.to_json());
            let open = |list: &[route_import::Open]| -> Option<String> {
                let rules: Vec<&Value> = list.iter().map(|open| &open.rule).collect();
                (!rules.is_empty()).then(|| json!(rules).to_string())
            };
            let file = file
                .with_optional("public_rules", open(&import.public).as_deref())
                .with_optional("undecided_rules", open(&import.undecided).as_deref())
                .with("left_out", import.problems.len().to_string());
            show_import(call, 200, &current, &upload.state, Some(&Preview { import, file }))
        }
        Err(problem @ Problem::Invalid(_)) => show_import(call, 400, &current, &upload.state.refused(&problem), None),
        Err(problem) => Err(problem),
    }
}

fn import_of_form(current: &Routes, upload: &Upload) -> Result<Import, Problem> {
    let pasted = upload.state.value("document").trim();
    let bytes = match (upload.file.is_empty(), pasted.is_empty()) {
        (false, true) => &upload.file,
        (true, false) => pasted.as_bytes(),
        (true, true) => return Err(Problem::field("document", "is required: choose a file or paste it")),
        (false, false) => {
            return Err(Problem::field(
                "document",
                "came twice: choose a file or paste it, not both",
            ));
        }
    };
    let document = json::parse(bytes);
    let document = document.map_err(|error| Problem::field("document", format!("is not JSON: {error}")))?;
    let mut options = serde_json::Map::new();
    options.insert("keep".into(), upload.state.has("keep", "true").into());
    if !upload.state.value("base_path").is_empty() {
        options.insert("base_path".into(), upload.state.value("base_path").into());
    }
    imported(current, &document, Input::json(options))
}

fn show_import<S: Stores>(
    call: Call<'_, '_, S>,
    status: u16,
    current: &Routes,
    form: &FormState,
    preview: Option<&Preview>,
) -> Result<Reply, Problem> {
    let page = ImportPage {
        frame: pages::frame(call.context, call.actor, Place::Policy),
        routes: current,
        form,
        preview,
    };
    Ok(render(status, &page))
}
