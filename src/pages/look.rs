//! What every page is given.

use super::style_version;
use crate::looks::{Accent, LogoName, Looks};
use crate::words::{Catalogue, Language};

/// What every page is given: its language and texts, and the looks of the platform.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The page's language.
    pub language: Language,
    /// The texts in that language; `t` in the templates.
    pub t: &'static Catalogue,
    /// The platform's name.
    pub platform: &'a str,
    /// The platform's logo.
    pub logo: Option<&'a LogoName>,
    /// Names the style sheet by its content.
    pub style_version: u32,
}

impl<'a> Look<'a> {
    /// The platform's looks in a language.
    pub fn new(looks: &'a Looks, language: Language) -> Self {
        Self {
            logo: looks.logo.as_ref(),
            style_version: style_version(looks.accent),
            ..Self::of_platform(&looks.platform_name, language)
        }
    }

    /// The looks of a platform of which no more is known than its name.
    pub fn of_platform(platform: &'a str, language: Language) -> Self {
        Self {
            language,
            t: language.words(),
            platform,
            logo: None,
            style_version: style_version(Accent::default()),
        }
    }
}
