//! Words the operator wrote, in several languages: what a scope lets an app do.

use std::fmt::{self, Display, Formatter};

use askama::filters::{Escaper, Html, HtmlSafe};
use serde::Deserialize;
use serde_json::Value;

use super::Language;

/// Translations by language tag, as kept in the column `scopes.translations`: `{"de": {"title", "description"}}`. What
/// is left out of them is said in English. Kept as a value: a type of their own would cost more code than it is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Translations(Value);

impl Translations {
    /// What it lets an app do, in a sentence in this language.
    pub fn description(&self, language: Language) -> Option<&str> {
        self.0.get(language.tag())?.get("description")?.as_str()
    }
}

/// Words that may be in another language than the page. Shown in a template they are HTML, and marked with their
/// language where it is another: screen readers choose the voice by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phrase<'a> {
    text: &'a str,
    is_foreign: bool,
}

impl<'a> Phrase<'a> {
    /// The translation, or else the English words.
    pub fn new(language: Language, translation: Option<&'a str>, english: &'a str) -> Self {
        let translation = translation.filter(|text| !text.trim().is_empty());
        Self {
            text: translation.unwrap_or(english),
            is_foreign: translation.is_none() && language != Language::ENGLISH,
        }
    }

    /// The words alone.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

impl Display for Phrase<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_foreign {
            f.write_str("<span lang=\"en\" dir=\"ltr\">")?;
        }
        Html.write_escaped_str(&mut *f, self.text)?;
        if self.is_foreign {
            f.write_str("</span>")?;
        }
        Ok(())
    }
}

impl HtmlSafe for Phrase<'_> {}
