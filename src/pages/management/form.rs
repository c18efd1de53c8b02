//! What is in a form, and what is wrong with it.

use serde_json::Value;

use crate::http::Params;
use crate::management::problem::{FieldError, Problem};

/// The values of a form's fields, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct FormState {
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl FormState {
    /// A form as it was sent.
    pub fn of(params: &Params) -> Self {
        let values = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            values: values.collect(),
            errors: Vec::new(),
        }
    }

    /// A form that shows a thing as the API tells it. What is an object is shown as JSON.
    pub fn of_value(thing: &Value) -> Self {
        let members = thing.as_object().into_iter().flatten();
        members.fold(Self::default(), |form, (name, value)| match value {
            Value::Null | Value::Bool(false) => form,
            Value::String(text) => form.with(name, text),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .fold(form, |form, item| form.with(name, item)),
            Value::Object(_) => form.with(name, serde_json::to_string_pretty(value).unwrap_or_default()),
            other => form.with(name, other.to_string()),
        })
    }

    /// With a value for a field; several for a field that has several.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// With a value for a field that may have none.
    pub fn with_optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same, with what was found to be wrong.
    pub fn refused(mut self, problem: &Problem) -> Self {
        self.errors = problem.fields().to_vec();
        self
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of a field that has several.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let found = self.values.iter().filter(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a choice is made: a check box is ticked, an option chosen.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values.iter().any(|(own, chosen)| own == name && chosen == value)
    }

    /// What is wrong with a field, as a sentence without its subject. `name/1` is the second of several.
    pub fn error(&self, name: &str) -> Option<&str> {
        let found = self.errors.iter().find(|error| error.field == name);
        found.map(|error| error.message.as_str())
    }

    /// All that is wrong, for the summary above the form.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

/// The forms of a page that has several: one of them may have been sent, and refused.
#[derive(Debug, Clone, Default)]
pub struct Forms {
    sent: &'static str,
    state: FormState,
    others: FormState,
}

impl Forms {
    /// A form as it was sent, with what was found to be wrong.
    pub fn refused(name: &'static str, state: FormState) -> Self {
        Self {
            sent: name,
            state,
            ..Self::default()
        }
    }

    /// The form of this name.
    pub fn form(&self, name: &str) -> &FormState {
        if self.sent == name { &self.state } else { &self.others }
    }
}
