//! Pages about the route rules of an API.

use askama::Template;

use super::super::field::{Field, Hidden, hidden};
use super::super::{FormState, Frame};
use crate::guard::rules::{Need, RouteRule};
use crate::management::policy::route_changes::RouteChange;
use crate::management::policy::route_import::{Import, Open};
use crate::management::policy::routes::{Decided, MAX_TEXT, METHODS, Routes, in_words};

/// The rules of an API.
#[derive(Template)]
#[template(path = "management/policy/routes.html")]
pub struct RoutesPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The rules.
    pub routes: &'a Routes,
    /// Whether it is the management API.
    pub is_own: bool,
    /// The form of one rule.
    pub rule: &'a FormState,
    /// Which rule that form changes; `None`: it makes another.
    pub edited: Option<usize>,
    /// The form of all rules.
    pub file: &'a FormState,
    /// A call that was tried.
    pub tried: Option<&'a Tried>,
}

/// A call that was tried.
pub struct Tried {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What decides about it.
    pub decided: Decided,
}

/// The page that takes an OpenAPI document, and shows what comes of it.
#[derive(Template)]
#[template(path = "management/policy/routes_import.html")]
pub struct ImportPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// The rules as they are.
    pub routes: &'a Routes,
    /// The form with the document.
    pub form: &'a FormState,
    /// What comes of it.
    pub preview: Option<&'a Preview>,
}

/// What comes of a document.
pub struct Preview {
    /// What it says.
    pub import: Import,
    /// The form that saves it.
    pub file: FormState,
}

/// The form of all rules, with what is still to be decided.
#[derive(Template)]
#[template(path = "management/policy/routes_file.html")]
pub struct FileForm<'a> {
    form: &'a FormState,
    csrf: &'a str,
    api_id: &'a str,
    version: u32,
}

impl askama::filters::HtmlSafe for FileForm<'_> {}

/// What may become of operations that a document leaves open.
const CHOICES: [(&str, &str); 4] = [
    ("", "Choose"),
    ("none", "No rule of their own"),
    ("token", "Any token for this API"),
    ("public", "No token: anybody may call them"),
];
/// What a rule may ask for.
const NEEDS: [(&str, &str); 3] = [
    ("scopes", "A token with the scopes below, all of them"),
    ("token", "Any token for this API"),
    ("public", "No token: anybody may call"),
];
const METHODS_TO_TRY: [(&str, &str); 6] = [
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
];

impl<'a> FileForm<'a> {
    fn of(form: &'a FormState, frame: &'a Frame<'_>, routes: &'a Routes) -> Self {
        Self {
            form,
            csrf: &frame.csrf,
            api_id: &routes.api_id,
            version: routes.version,
        }
    }

    /// Whether a document has operations that get no rule.
    fn is_incomplete(&self) -> bool {
        !matches!(self.form.value("left_out"), "" | "0")
    }

    fn hidden(&self) -> Hidden<'_> {
        hidden(self.csrf, self.version)
    }

    fn rules(&self) -> Field<'_> {
        let field = self
            .form
            .field("file", "Rules", "JSON. What is here replaces all rules.");
        field.text(14, 2 * MAX_TEXT, "", true)
    }
}

/// The methods of a rule, in words.
fn methods(rule: &RouteRule) -> String {
    let methods: Vec<&str> = rule.methods().collect();
    match methods.is_empty() {
        true => "any other".into(),
        false => methods.join(", "),
    }
}

fn asks(need: Option<&Need>) -> String {
    need.map_or_else(|| "no rule".into(), in_words)
}

impl RoutesPage<'_> {
    fn title(&self) -> &'static str {
        if self.edited.is_some() {
            "Change a rule"
        } else {
            "Add a rule"
        }
    }

    fn to_try(&self) -> FormState {
        let form = FormState::default();
        match self.tried {
            Some(tried) => form.with("method", &*tried.method).with("path", &*tried.path),
            None => form,
        }
    }

    fn file_form(&self) -> FileForm<'_> {
        FileForm::of(self.file, &self.frame, self.routes)
    }
}

impl Preview {
    /// What a person has to decide about.
    fn open(&self) -> [(&'static str, &[Open]); 2] {
        [
            ("Operations that need no token", &self.import.public),
            (
                "Operations about which the document says nothing",
                &self.import.undecided,
            ),
        ]
    }
}

impl ImportPage<'_> {
    fn file_form<'s>(&'s self, preview: &'s Preview) -> FileForm<'s> {
        FileForm::of(&preview.file, &self.frame, self.routes)
    }

    fn change_method<'c>(&self, change: &'c RouteChange) -> &'c str {
        change.method.as_deref().unwrap_or("any other")
    }
}
