//! What people and programs send: the same fields from a form or a JSON object, each checked on its own, so that all
//! that is wrong can be said at once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use url::Url;

use super::problem::{FieldError, Problem};
use crate::http::Params;
use crate::json;

/// The fields of a request, and what was found to be wrong with them so far.
#[derive(Debug)]
pub struct Input {
    given: Given,
    known: BTreeSet<Cow<'static, str>>,
    errors: Vec<FieldError>,
}

#[derive(Debug)]
enum Given {
    Json(Map<String, Value>),
    Form(Params),
}

/// Fields of forms that are not of the thing itself.
const FORM_ONLY: [&str; 3] = ["csrf", "version", "action"];

impl Input {
    /// The members of a JSON object.
    pub fn json(members: Map<String, Value>) -> Self {
        Self::new(Given::Json(members))
    }

    /// The fields of a form. What is empty is absent, and a check box that is absent is unchecked.
    pub fn form(params: Params) -> Self {
        Self::new(Given::Form(params))
    }

    fn new(given: Given) -> Self {
        Self {
            given,
            known: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    /// Whether a person filled it in. Some things are several fields of a form and one of a JSON object.
    pub fn is_form(&self) -> bool {
        matches!(self.given, Given::Form(_))
    }

    /// Whether it says anything about a field, be it that it has none. A form speaks of all its fields.
    pub fn mentions(&mut self, name: &'static str) -> bool {
        self.known.insert(name.into());
        match &self.given {
            Given::Json(members) => members.contains_key(name),
            Given::Form(_) => true,
        }
    }

    /// Says that a field is wrong.
    pub fn error(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.error_of("invalid_request", field, message);
    }

    /// Says that a field is wrong, by an error code of its own.
    pub fn error_of(&mut self, code: &'static str, field: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.into(),
            code,
            message: message.into(),
        });
    }

    /// A line of text of up to `max` letters, without spaces around it.
    pub fn line(&mut self, name: &'static str, max: usize) -> Option<String> {
        let text = self.string(name)?;
        self.readable(name, &text, max, |letter| !letter.is_control())
    }

    /// Text of up to `max` letters that may have several lines.
    pub fn text(&mut self, name: &'static str, max: usize) -> Option<String> {
        let text = self.string(name)?.replace("\r\n", "\n");
        self.readable(name, &text, max, |letter| {
            !letter.is_control() || matches!(letter, '\n' | '\t')
        })
    }

    /// Such text about one of several things: the field `reason/read:profile`.
    pub fn text_about(&mut self, name: &str, key: &str, max: usize) -> Option<String> {
        let name = format!("{name}/{key}");
        let text = self.string(name.clone())?.replace("\r\n", "\n");
        self.readable(&name, &text, max, |letter| {
            !letter.is_control() || matches!(letter, '\n' | '\t')
        })
    }

    fn readable(&mut self, name: &str, text: &str, max: usize, fits: impl Fn(char) -> bool) -> Option<String> {
        let text = text.trim();
        if text.chars().count() > max {
            self.error(name, format!("must be at most {max} letters long"));
            return None;
        }
        if !text.chars().all(fits) {
            self.error(name, "must not hold control characters");
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The address of a page on the web, as its own parser writes it: https, a host with a dot in it, no user name.
    pub fn web_page(&mut self, name: &'static str) -> Option<String> {
        let text = self.line(name, 500)?;
        match Url::parse(&text) {
            Ok(url) if is_web_page(&url) => Some(url.into()),
            _ => {
                self.error(
                    name,
                    "must be the address of a page on the web: https://example.com/page",
                );
                None
            }
        }
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.string(name)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.error(name, format!("must be one of: {}", words.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.known.insert(name.into());
        match &self.given {
            Given::Form(params) => Some(!params.all(name).is_empty()),
            Given::Json(members) => match members.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::Bool(flag)) => Some(*flag),
                Some(_) => self.mismatch(name, "must be true or false"),
            },
        }
    }

    /// A whole number in a range.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.known.insert(name.into());
        let number = match &self.given {
            Given::Form(params) => match params.one(name) {
                Ok(None) => return None,
                Ok(Some(text)) => text.trim().parse().ok(),
                Err(_) => None,
            },
            Given::Json(members) => match members.get(name) {
                None | Some(Value::Null) => return None,
                Some(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            },
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                let message = format!("must be a whole number from {} to {}", range.start(), range.end());
                self.mismatch(name, message)
            }
        }
    }

    /// Several texts of up to `max_letters` each, `max` of them at most. What is empty in a form is left out.
    pub fn list(&mut self, name: &'static str, max: usize, max_letters: usize) -> Option<Vec<String>> {
        self.known.insert(name.into());
        let list: Vec<String> = match &self.given {
            Given::Form(params) => params.all(name).to_vec(),
            Given::Json(members) => match members.get(name) {
                None | Some(Value::Null) => return None,
                Some(Value::Array(items)) => {
                    let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                    match texts {
                        Some(texts) => texts,
                        None => return self.mismatch(name, "must be a list of texts"),
                    }
                }
                Some(_) => return self.mismatch(name, "must be a list of texts"),
            },
        };
        if list.len() > max {
            return self.mismatch(name, format!("must have at most {max} entries"));
        }
        for (at, text) in list.iter().enumerate() {
            if text.chars().count() > max_letters {
                self.error(
                    format!("{name}/{at}"),
                    format!("must be at most {max_letters} letters long"),
                );
                return None;
            }
        }
        Some(list)
    }

    /// A JSON value: a member of an object, or a form's text that holds one, of `max` bytes at most.
    pub fn value(&mut self, name: &'static str, max: usize) -> Option<Value> {
        self.known.insert(name.into());
        match &self.given {
            Given::Json(members) => members.get(name).filter(|value| !value.is_null()).cloned(),
            Given::Form(params) => match params.one(name) {
                Ok(None) => None,
                Ok(Some(text)) if text.len() <= max => match json::parse(text.as_bytes()) {
                    Ok(value) => Some(value),
                    Err(_) => self.mismatch(name, "is not JSON"),
                },
                Ok(Some(_)) => self.mismatch(name, format!("must be at most {max} bytes long")),
                Err(_) => self.mismatch(name, "must come once"),
            },
        }
    }

    /// What a field has, where it must have something. The empty value stands in for what is missing or wrong.
    pub fn required<T: Default>(&mut self, name: &'static str, value: Option<T>) -> T {
        let was_wrong = |error: &FieldError| error.field.split('/').next() == Some(name);
        if value.is_none() && !self.errors.iter().any(was_wrong) {
            self.error(name, "is required");
        }
        value.unwrap_or_default()
    }

    /// What a field has from now on, where it must have something: what was sent, else what it has already.
    pub fn required_or<T: Default + Clone>(&mut self, name: &'static str, sent: Option<T>, current: Option<&T>) -> T {
        match current {
            Some(current) if !self.mentions(name) => current.clone(),
            _ => self.required(name, sent),
        }
    }

    /// What a field that may be empty has from now on: what was sent, else what it has already.
    pub fn optional_or<T: Clone>(&mut self, name: &'static str, sent: Option<T>, current: Option<&T>) -> Option<T> {
        match self.mentions(name) {
            true => sent,
            false => current.cloned(),
        }
    }

    fn string(&mut self, name: impl Into<Cow<'static, str>>) -> Option<String> {
        let name = name.into();
        self.known.insert(name.clone());
        let name = &*name;
        match &self.given {
            Given::Form(params) => match params.one(name) {
                Ok(text) => text.map(str::to_owned),
                Err(_) => self.mismatch(name, "must come once"),
            },
            Given::Json(members) => match members.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(_) => self.mismatch(name, "must be text"),
            },
        }
    }

    fn mismatch<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.error(name, message);
        None
    }

    /// Everything that is wrong, also that it holds fields nobody asked for.
    pub fn finish(mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = match &self.given {
            Given::Json(members) => {
                let names = members.keys().filter(|name| !self.known.contains(name.as_str()));
                names.cloned().collect()
            }
            Given::Form(params) => {
                let names = params.iter().map(|(name, _)| name);
                let mut names: Vec<String> = names
                    .filter(|name| !self.known.contains(*name) && !FORM_ONLY.contains(name))
                    .map(str::to_owned)
                    .collect();
                names.dedup();
                names
            }
        };
        for name in unknown.into_iter().take(10) {
            let shown: String = name.chars().take(64).collect();
            self.error(shown, "is not a field of this request");
        }
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(Problem::Invalid(self.errors)),
        }
    }
}

fn is_web_page(url: &Url) -> bool {
    let host_fits = url
        .domain()
        .is_some_and(|host| host.trim_end_matches('.').contains('.'));
    url.scheme() == "https" && host_fits && url.username().is_empty() && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_json(value: Value) -> Input {
        let Value::Object(members) = value else {
            panic!("no object")
        };
        Input::json(members)
    }

    fn of_form(form: &str) -> Input {
        Input::form(Params::parse(form.as_bytes()).unwrap())
    }

    fn wrong(input: Input) -> Vec<String> {
        let problem = input.finish().err();
        let fields = problem.iter().flat_map(Problem::fields);
        fields
            .map(|error| format!("{} {}", error.field, error.message))
            .collect()
    }

    #[test]
    fn a_form_and_a_json_object_say_the_same() {
        for mut input in [
            of_json(json!({ "name": " Planner ", "scopes": ["a", "b"], "on": true, "age": 7 })),
            of_form("name=+Planner+&scopes=a&scopes=b&on=on&age=7&csrf=x&version=3"),
        ] {
            assert_eq!(input.line("name", 20).unwrap(), "Planner");
            assert_eq!(input.list("scopes", 5, 10).unwrap(), ["a", "b"]);
            assert_eq!(input.flag("on"), Some(true));
            assert_eq!(input.number("age", 1..=9), Some(7));
            assert_eq!(input.line("nothing", 9), None);
            input.finish().unwrap();
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut input = of_json(json!({
            "name": 7, "kind": "other", "on": "yes", "age": 7.5, "scopes": ["a", 1], "long": "aaaa", "bell": "a\u{7}b",
            "page": "https://user@example.com/", "surprise": 1
        }));
        let name = input.line("name", 9);
        input.required("name", name);
        let missing = input.line("missing", 9);
        input.required("missing", missing);
        input.choice("kind", &[("a", 1), ("b", 2)]);
        input.flag("on");
        input.number("age", 1..=9);
        input.list("scopes", 5, 10);
        input.line("long", 3);
        input.text("bell", 9);
        input.web_page("page");
        assert_eq!(
            wrong(input),
            [
                "name must be text",
                "missing is required",
                "kind must be one of: a, b",
                "on must be true or false",
                "age must be a whole number from 1 to 9",
                "scopes must be a list of texts",
                "long must be at most 3 letters long",
                "bell must not hold control characters",
                "page must be the address of a page on the web: https://example.com/page",
                "surprise is not a field of this request",
            ]
        );
    }

    #[test]
    fn lists_are_short_and_their_entries_too() {
        for (list, error) in [
            (json!(["a", "b", "c", "d"]), "list must have at most 3 entries"),
            (json!(["a", "bbbb"]), "list/1 must be at most 3 letters long"),
            (json!({ "0": "a" }), "list must be a list of texts"),
        ] {
            let mut input = of_json(json!({ "list": list }));
            assert_eq!(input.list("list", 3, 3), None);
            assert_eq!(wrong(input), [error]);
        }
    }

    #[test]
    fn a_field_of_a_form_comes_once_and_strange_fields_are_refused() {
        let mut input = of_form("name=a&name=b&role=administrator");
        assert_eq!(input.line("name", 9), None);
        assert_eq!(
            wrong(input),
            ["name must come once", "role is not a field of this request"]
        );
    }

    #[test]
    fn pages_on_the_web_are_https_and_elsewhere() {
        for bad in [
            "http://example.com/",
            "javascript:alert(1)",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://a:b@example.com/",
            "example.com",
            "//example.com",
        ] {
            let mut input = of_json(json!({ "page": bad }));
            assert_eq!(input.web_page("page"), None, "{bad}");
            assert!(input.finish().is_err(), "{bad}");
        }
        let mut input = of_json(json!({ "page": "HTTPS://Example.com/a b" }));
        assert_eq!(input.web_page("page").unwrap(), "https://example.com/a%20b");
    }
}
