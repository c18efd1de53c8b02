//! What every endpoint is given.

use crate::config::Config;
use crate::http::Request;
use crate::log::Log;
use crate::looks::Looks;
use crate::pages::Look;
use crate::random::Random;
use crate::time::Timestamp;
use crate::words::{Catalogue, Language};

/// The surroundings of one request.
pub struct Context<'a, S> {
    /// What the operator configured.
    pub config: &'a Config,
    /// When the request came.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub random: &'a dyn Random,
    /// The continent the request came from, as Cloudflare abbreviates it.
    pub continent: Option<&'a str>,
    /// The country the request came from, two letters.
    pub country: Option<&'a str>,
    /// The language to answer people in.
    pub language: Language,
    /// What is written about the request.
    pub log: &'a Log,
    /// How pages look.
    pub looks: &'a Looks,
    /// Storage.
    pub stores: &'a S,
}

impl<'a, S> Context<'a, S> {
    /// The same, in the language the pages of this request are to be in. `app_asks`: the `ui_locales` of the
    /// authorization request they are about.
    pub fn speaking_to(&self, request: &Request, app_asks: Option<&str>) -> Self {
        Self {
            language: Language::of_page(request, app_asks),
            ..*self
        }
    }

    /// What every page is given.
    pub fn look(&self) -> Look<'a> {
        Look::new(self.looks, self.language)
    }

    /// The texts in the language of the page.
    pub fn words(&self) -> &'static Catalogue {
        self.language.words()
    }
}
