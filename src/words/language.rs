//! Which language a page is in.

use std::fmt::{self, Debug, Formatter};

use super::{CATALOGUES, Catalogue};
use crate::http::{Request, weight_of};

/// A language there is a catalogue of.
#[derive(Clone, Copy)]
pub struct Language(&'static Catalogue);

impl Language {
    /// English, which every text is written in first.
    pub const ENGLISH: Self = Self(&CATALOGUES[0]);

    /// Every language, English first.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUES.iter().map(Self)
    }

    /// The language tag (BCP 47), for the attribute `lang`.
    pub fn tag(self) -> &'static str {
        self.0.tag
    }

    /// `ltr` or `rtl`, for the attribute `dir`.
    pub fn direction(self) -> &'static str {
        self.0.language_direction
    }

    /// Its texts.
    pub fn words(self) -> &'static Catalogue {
        self.0
    }

    /// The language of a page. What the link asks for comes first, then what the app asked for, then the browser.
    pub fn of_page(request: &Request, app_asks: Option<&str>) -> Self {
        // Most queries do not name it, and some are long.
        let params = request.query.contains("ui_locales").then(|| request.query_params());
        let params = params.and_then(Result::ok).unwrap_or_default();
        let link_asks = params.one("ui_locales").ok().flatten().unwrap_or_default();
        let ui_locales = format!("{link_asks} {}", app_asks.unwrap_or_default());
        Self::choose(&ui_locales, request.header("accept-language").unwrap_or_default())
    }

    /// The first language of `ui_locales` (OpenID Connect Core §3.1.2.1) there is a catalogue of; else the one of
    /// `Accept-Language` (RFC 9110 §12.5.4) with the highest weight; else English. A language is found by the first
    /// part of its tag: `de-AT` is German.
    pub fn choose(ui_locales: &str, accept_language: &str) -> Self {
        let asked = ui_locales.split_ascii_whitespace().find_map(Self::find);
        asked.unwrap_or_else(|| Self::preferred(accept_language).unwrap_or(Self::ENGLISH))
    }

    fn find(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::all().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    fn preferred(accept_language: &str) -> Option<Self> {
        let mut best = None;
        for range in accept_language.split(',') {
            let (tag, weight) = weight_of(range);
            let language = match tag {
                // Any language will do, and this is the one everybody here writes.
                "*" => Some(Self::ENGLISH),
                tag => Self::find(tag),
            };
            // Of two with the same weight the first: that is how browsers write what people prefer.
            if let Some(language) = language.filter(|_| weight > best.map_or(0, |(_, best)| best)) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }
}

impl Eq for Language {}

impl Debug for Language {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_comes_before_the_browser_and_english_last() {
        for (ui_locales, accept_language, expected) in [
            ("", "", "en"),
            ("de", "", "de"),
            ("fr de ja", "es", "de"),
            ("fr", "es", "es"),
            ("fr", "it, pt", "en"),
            ("DE-at", "", "de"),
            ("ja-Jpan-JP", "de", "ja"),
            ("  ar-EG  ", "", "ar"),
            ("den deu d", "", "en"),
            ("de\u{0}", "", "en"),
        ] {
            let chosen = Language::choose(ui_locales, accept_language);
            assert_eq!(chosen.tag(), expected, "{ui_locales:?} {accept_language:?}");
        }
    }

    #[test]
    fn the_browser_says_how_much_it_prefers_a_language() {
        for (accept_language, expected) in [
            ("de-DE,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.8,ja;q=0.9", "ja"),
            ("fr-FR,fr;q=0.9,es;q=0.8,en;q=0.7", "es"),
            ("es,de", "es"),
            ("de;q=0", "en"),
            ("de;q=0,es;q=0.001", "es"),
            ("de;q=2", "en"),
            ("de;q=x,es;q=0.1", "es"),
            ("*", "en"),
            ("fr,*;q=0.5,de;q=0.1", "en"),
            ("*;q=0.1,de;q=0.5", "de"),
            (" AR ; q=0.5 ", "ar"),
            (",;,=,;q=,", "en"),
        ] {
            let chosen = Language::choose("", accept_language);
            assert_eq!(chosen.tag(), expected, "{accept_language}");
        }
    }

    #[test]
    fn the_link_itself_may_name_the_language_once() {
        let page = |query: &str, app_asks| {
            let request = Request {
                query: query.into(),
                headers: [("accept-language".to_owned(), "es".to_owned())].into(),
                ..Request::default()
            };
            Language::of_page(&request, app_asks).tag()
        };
        assert_eq!(page("", None), "es");
        assert_eq!(page("", Some("ja")), "ja");
        assert_eq!(page("ui_locales=de", Some("ja")), "de");
        assert_eq!(page("a=b&ui_locales=fr+ar", None), "ar");
        assert_eq!(page("ui_locales=de&ui_locales=ja", None), "es");
        assert_eq!(page("ui_locales=%ff", None), "es");
    }
}
