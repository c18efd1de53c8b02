//! The fields of forms, each a template of its own. Pages draw them by the macros of `templates/management/forms.html`.

use askama::Template;
use askama::filters::HtmlSafe;

use super::FormState;
use crate::management::problem::FieldError;

/// What is wrong with a form, above it.
#[derive(Template)]
#[template(path = "management/form/summary.html")]
pub struct Summary<'a> {
    errors: &'a [FieldError],
}

/// The token of a form, and the version of what it changes unless that is 0.
#[derive(Template)]
#[template(path = "management/form/hidden.html")]
pub struct Hidden<'a> {
    csrf: &'a str,
    version: u32,
}

/// A field with its label, a hint, and what is wrong with it beside it.
#[derive(Template)]
#[template(path = "management/form/field.html")]
pub struct Field<'a> {
    form: &'a FormState,
    name: &'a str,
    label: &'a str,
    described: Described<'a>,
    note: Note<'a>,
    control: Control<'a>,
}

/// What takes the value of a field.
enum Control<'a> {
    /// A line of some `type`.
    Line(&'a str, Limits<'a>),
    /// A text of so many rows.
    Text(u32, Limits<'a>),
    /// A choice: pairs of value and label.
    Select(Vec<(&'a str, &'a str)>),
}

/// What may be typed into a field, as attributes.
#[derive(Template)]
#[template(path = "management/form/limits.html")]
struct Limits<'a> {
    max: usize,
    placeholder: &'a str,
    required: bool,
}

/// A hint, and what is wrong.
#[derive(Template)]
#[template(path = "management/form/note.html")]
pub struct Note<'a> {
    name: &'a str,
    hint: &'a str,
    error: Option<&'a str>,
}

/// The attributes that tie a field to its [`Note`].
#[derive(Template)]
#[template(path = "management/form/described.html")]
pub struct Described<'a> {
    name: &'a str,
    hint: &'a str,
    is_wrong: bool,
}

/// A box to tick.
#[derive(Template)]
#[template(path = "management/form/check.html")]
pub struct Check<'a> {
    name: &'a str,
    value: &'a str,
    id: &'a str,
    label: &'a str,
    hint: &'a str,
    ticked: bool,
}

impl HtmlSafe for Summary<'_> {}
impl HtmlSafe for Hidden<'_> {}
impl HtmlSafe for Field<'_> {}
impl HtmlSafe for Limits<'_> {}
impl HtmlSafe for Note<'_> {}
impl HtmlSafe for Described<'_> {}
impl HtmlSafe for Check<'_> {}

/// The fields of a form that nobody sees.
pub fn hidden(csrf: &str, version: u32) -> Hidden<'_> {
    Hidden { csrf, version }
}

impl FormState {
    /// All that is wrong.
    pub fn summary(&self) -> Summary<'_> {
        Summary { errors: self.errors() }
    }

    /// A field; what it takes is said next.
    pub fn field<'a>(&'a self, name: &'a str, label: &'a str, hint: &'a str) -> Unfinished<'a> {
        Unfinished {
            form: self,
            name,
            label,
            hint,
        }
    }

    /// What stands below a field.
    pub fn note<'a>(&'a self, name: &'a str, hint: &'a str) -> Note<'a> {
        let error = self.error(name);
        Note { name, hint, error }
    }

    /// What ties a field to its note.
    pub fn described<'a>(&self, name: &'a str, hint: &'a str) -> Described<'a> {
        Described {
            name,
            hint,
            is_wrong: self.error(name).is_some(),
        }
    }

    /// A box to tick.
    pub fn check<'a>(&self, name: &'a str, value: &'a str, id: &'a str, label: &'a str, hint: &'a str) -> Check<'a> {
        Check {
            name,
            value,
            id,
            label,
            hint,
            ticked: self.has(name, value),
        }
    }
}

/// A field of which is not said yet what it takes.
pub struct Unfinished<'a> {
    form: &'a FormState,
    name: &'a str,
    label: &'a str,
    hint: &'a str,
}

impl<'a> Unfinished<'a> {
    /// A line of this `type`, at most `max` letters.
    pub fn line(self, kind: &'a str, max: usize, placeholder: &'a str, required: bool) -> Field<'a> {
        let limits = Limits {
            max,
            placeholder,
            required,
        };
        self.taking(Control::Line(kind, limits))
    }

    /// A text of so many rows, at most `max` letters.
    pub fn text(self, rows: u32, max: usize, placeholder: &'a str, required: bool) -> Field<'a> {
        let limits = Limits {
            max,
            placeholder,
            required,
        };
        self.taking(Control::Text(rows, limits))
    }

    /// One of these: pairs of value and label.
    pub fn select<T: AsRef<str>>(self, options: &'a [(&'a str, T)]) -> Field<'a> {
        let options = options.iter().map(|(value, label)| (*value, label.as_ref()));
        self.taking(Control::Select(options.collect()))
    }

    fn taking(self, control: Control<'a>) -> Field<'a> {
        Field {
            form: self.form,
            name: self.name,
            label: self.label,
            described: self.form.described(self.name, self.hint),
            note: self.form.note(self.name, self.hint),
            control,
        }
    }
}
