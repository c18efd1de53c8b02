//! What a list of the feed names, and a copy of it to look things up in.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::crypto::{base64url, from_base64url};
use crate::oauth::access_token::AccessTokenClaims;

const CUT: usize = 12;

/// One thing whose tokens are not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cut([u8; CUT]);

/// What was cut off, as its name goes into the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// One access token, by its `jti`.
    Token(&'a str),
    /// Everything of one install, by the hash of its family's id.
    Family(&'a str),
    /// Everything under a consent, by its id.
    Consent(&'a str),
    /// Tokens of an app that are from before an epoch.
    App(&'a str),
}

impl Cut {
    /// The entry that names this.
    pub fn of(subject: Subject<'_>) -> Self {
        let (kind, name) = match subject {
            Subject::Token(jti) => ("token", jti),
            Subject::Family(hash) => ("family", hash),
            Subject::Consent(id) => ("consent", id),
            Subject::App(client_id) => ("app", client_id),
        };
        let digest = Sha256::new()
            .chain_update(kind)
            .chain_update(b"\0")
            .chain_update(name)
            .finalize();
        let mut cut = [0; CUT];
        cut.iter_mut().zip(digest).for_each(|(byte, hashed)| *byte = hashed);
        Self(cut)
    }

    /// Its 16 letters.
    pub fn text(self) -> String {
        base64url(self.0)
    }

    /// Reads its 16 letters.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(from_base64url(text)?.try_into().ok()?))
    }
}

impl From<Cut> for String {
    fn from(cut: Cut) -> Self {
        cut.text()
    }
}

impl TryFrom<String> for Cut {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no entry of the revocation feed")
    }
}

/// What is cut off, as a list brings it. All of its letters are the 16 of one entry after the other, in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Tokens, families and consents.
    pub cuts: String,
    /// The epoch from which on an app's tokens are good.
    pub apps: HashMap<String, u32>,
}

/// A copy of the feed, for looking things up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuts {
    cuts: HashSet<Cut>,
    apps: HashMap<Cut, u32>,
}

/// Why a token is not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// It, its family or its consent was taken back.
    TakenBack,
    /// Its app was.
    App,
}

impl List {
    /// Writes a list.
    pub fn new(cuts: impl IntoIterator<Item = Cut>, apps: impl IntoIterator<Item = (Cut, u32)>) -> Self {
        Self {
            cuts: cuts.into_iter().map(Cut::text).collect(),
            apps: apps.into_iter().map(|(app, epoch)| (app.text(), epoch)).collect(),
        }
    }
}

impl Cuts {
    /// Adds what a list brings to what is known; nothing is ever taken out. Whether all of it could be read: of a list that
    /// is broken nothing is added.
    #[must_use]
    pub fn add(&mut self, list: &List) -> bool {
        let Some(bytes) = from_base64url(&list.cuts) else {
            return false;
        };
        let (cuts, rest) = bytes.as_chunks::<CUT>();
        let apps: Option<Vec<(Cut, u32)>> = list
            .apps
            .iter()
            .map(|(app, epoch)| Some((Cut::parse(app)?, *epoch)))
            .collect();
        let (Some(apps), true) = (apps, rest.is_empty()) else {
            return false;
        };
        self.learn(cuts.iter().copied().map(Cut), apps);
        true
    }

    /// Adds entries to what is known.
    pub fn learn(&mut self, cuts: impl IntoIterator<Item = Cut>, apps: impl IntoIterator<Item = (Cut, u32)>) {
        self.cuts.extend(cuts);
        for (app, epoch) in apps {
            let known = self.apps.entry(app).or_default();
            *known = epoch.max(*known);
        }
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.cuts.len() + self.apps.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a token was taken back, by what it says of itself.
    pub fn cut_off(&self, claims: &AccessTokenClaims) -> Option<CutOff> {
        let is_in = |subject| self.cuts.contains(&Cut::of(subject));
        let app = self.apps.get(&Cut::of(Subject::App(&claims.client_id)));
        if app.is_some_and(|epoch| claims.latchkey.app_epoch < *epoch) {
            return Some(CutOff::App);
        }
        let family = claims.latchkey.family.as_ref();
        let is_taken_back = is_in(Subject::Token(&claims.jti))
            || family.is_some_and(|of| is_in(Subject::Family(&of.family)) || is_in(Subject::Consent(&of.consent)));
        is_taken_back.then_some(CutOff::TakenBack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::access_token::tests::token;

    fn with(cuts: &[Subject<'_>], apps: &[(&str, u32)]) -> Cuts {
        let mut copy = Cuts::default();
        let apps = apps.iter().map(|(app, epoch)| (Cut::of(Subject::App(app)), *epoch));
        assert!(copy.add(&List::new(cuts.iter().map(|subject| Cut::of(*subject)), apps)));
        copy
    }

    #[test]
    fn a_token_is_cut_off_by_itself_its_family_its_consent_or_its_app() {
        let claims = token().claims;
        let family = claims.latchkey.family.clone().unwrap();
        for subject in [
            Subject::Token(&claims.jti),
            Subject::Family(&family.family),
            Subject::Consent(&family.consent),
        ] {
            assert_eq!(
                with(&[subject], &[]).cut_off(&claims),
                Some(CutOff::TakenBack),
                "{subject:?}"
            );
        }
        let later = claims.latchkey.app_epoch + 1;
        assert_eq!(
            with(&[], &[(&claims.client_id, later)]).cut_off(&claims),
            Some(CutOff::App)
        );
    }

    #[test]
    fn what_is_about_others_cuts_nothing_off() {
        let claims = token().claims;
        let family = claims.latchkey.family.clone().unwrap();
        let others = [
            // The same name, as another kind of thing.
            Subject::Family(&claims.jti),
            Subject::Token(&family.family),
            Subject::Consent(&family.family),
            Subject::App(&claims.jti),
            Subject::Token("another"),
        ];
        let now = claims.latchkey.app_epoch;
        assert_eq!(
            with(&others, &[(&claims.client_id, now), ("another", now + 9)]).cut_off(&claims),
            None
        );
        assert_eq!(Cuts::default().cut_off(&claims), None);
    }

    #[test]
    fn an_older_list_takes_nothing_back() {
        let claims = token().claims;
        let app = Cut::of(Subject::App(&claims.client_id));
        let epoch = claims.latchkey.app_epoch;
        let mut copy = with(&[Subject::Token(&claims.jti)], &[(&claims.client_id, epoch + 2)]);
        assert!(copy.add(&List::new([], [(app, epoch)])));
        assert!(copy.add(&List::default()));
        assert_eq!(
            copy,
            with(&[Subject::Token(&claims.jti)], &[(&claims.client_id, epoch + 2)])
        );
    }

    #[test]
    fn of_a_broken_list_nothing_is_added() {
        let good = List::new([Cut::of(Subject::Token("a"))], [(Cut::of(Subject::App("b")), 1)]);
        for broken in [
            List {
                cuts: format!("{}A", good.cuts),
                ..good.clone()
            },
            List {
                cuts: format!("{}AAAA", good.cuts),
                ..good.clone()
            },
            List {
                cuts: format!("{} ", good.cuts),
                ..good.clone()
            },
            List {
                apps: HashMap::from([("short".into(), 1)]),
                ..good.clone()
            },
        ] {
            let mut copy = Cuts::default();
            assert!(!copy.add(&broken), "{broken:?}");
            assert_eq!(copy, Cuts::default());
        }
    }

    #[test]
    fn an_entry_is_read_as_it_is_written_and_tells_no_name() {
        let cut = Cut::of(Subject::Consent("cns_1234567890"));
        assert_eq!(Cut::parse(&cut.text()), Some(cut));
        assert_eq!(cut.text().len(), 16);
        assert_eq!(Cut::parse("AAAA"), None);
    }
}
