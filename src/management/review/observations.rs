//! What the server noticed about a submission, for the reviewer to look at. None of it decides anything.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::management::apps::settings::AppSettings;
use crate::oauth::redirect_uri::{Destination, VerifiedRedirect};
use crate::pages::DisplayName;
use crate::registration::UNCLAIMED;
use crate::store::database::Statement;

/// How many names of other apps are looked at.
const NAMES: u32 = 300;

/// Something a reviewer should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// Which kind, for programs.
    pub code: &'static str,
    /// What, as a sentence.
    pub text: String,
}

/// Another app of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OtherApp {
    /// Its client id.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub developer_name: String,
}

/// What observations are made with.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// What the platform is called.
    pub platform: &'a str,
    /// What the app's developer is called.
    pub developer: &'a str,
    /// Apps of others with names that begin alike.
    pub others: &'a [OtherApp],
}

/// Reads apps of other developers, and all that nobody has claimed, whose names begin like this one, as many as are looked
/// at. Names that differ in the first two letters are not compared.
pub fn others(client_id: &str, name: &str) -> Statement {
    let start: String = name.trim().chars().take(2).collect();
    Statement::new(format!(
        "SELECT a.client_id, a.name, d.name AS developer_name
         FROM apps a JOIN developers d ON d.id = a.developer_id
         WHERE a.deleted_at IS NULL AND a.name >= ?2 COLLATE NOCASE AND a.name < ?3 COLLATE NOCASE
           AND a.client_id <> ?1
           AND (a.developer_id = '{UNCLAIMED}' OR a.developer_id IS NOT (SELECT developer_id FROM apps WHERE client_id = ?1))
         ORDER BY a.name COLLATE NOCASE LIMIT ?4"
    ))
    .text(client_id)
    .text(&start)
    .text(&format!("{start}\u{10ffff}"))
    .number(NAMES)
}

/// Everything to look at.
pub fn of(settings: &AppSettings, around: Surroundings<'_>) -> Vec<Observation> {
    let mut seen = Vec::new();
    names(settings, around, &mut seen);
    addresses(settings, &mut seen);
    seen
}

/// That an app asks for no permissions in particular, so that those it has by default are reviewed.
pub fn default_permissions() -> Observation {
    Observation {
        code: "default_permissions",
        text: "The app asks for no permissions in particular. Those listed are what the default permissions gave it when it \
               was taken up, and an approval leaves it with exactly these."
            .into(),
    }
}

fn names(settings: &AppSettings, around: Surroundings<'_>, seen: &mut Vec<Observation>) {
    let mut note = |code, text: String| seen.push(Observation { code, text });
    for (whose, name) in [("app", settings.name.as_str()), ("developer", around.developer)] {
        let shown = DisplayName::new(name, "");
        if shown.mixes_alphabets() {
            note(
                "mixed_alphabets",
                format!("A word of the {whose}'s name has letters of several alphabets that look alike."),
            );
        }
        if shown.to_string() != name.trim() {
            note(
                "hidden_letters",
                format!("The {whose}'s name holds letters that are not shown. It reads: {shown}"),
            );
        }
    }
    let own = skeleton(&settings.name);
    let platform = skeleton(around.platform);
    if !platform.is_empty() && own.contains(&platform) {
        note(
            "platform_name",
            format!("The name has the name of the platform in it: {}.", around.platform),
        );
    }
    let alike = around
        .others
        .iter()
        .filter(|other| are_alike(&skeleton(&other.name), &own));
    for other in alike.take(3) {
        note(
            "similar_name",
            format!(
                "Another app is called almost the same: {} by {} ({}).",
                DisplayName::new(&other.name, "Unnamed app"),
                DisplayName::new(&other.developer_name, "Unnamed developer"),
                other.client_id
            ),
        );
    }
}

fn addresses(settings: &AppSettings, seen: &mut Vec<Observation>) {
    let mut note = |code, text: String| seen.push(Observation { code, text });
    let home = settings.homepage_url.as_deref().and_then(host);
    match &home {
        None => note("no_homepage", "It names no homepage.".into()),
        Some(home) => {
            let strange: BTreeSet<String> = settings
                .redirect_uris
                .iter()
                .filter(|uri| {
                    VerifiedRedirect::find(uri, &[uri.as_str().into()]).is_some_and(|uri| uri.leads_to_a_site())
                })
                .filter_map(|uri| host(uri))
                .filter(|host| !are_one_site(home, host))
                .collect();
            for host in strange {
                note(
                    "other_redirect_host",
                    format!("Codes go to {host}, which is not the site of the homepage ({home})."),
                );
            }
        }
    }
    match settings.privacy_policy_url.as_deref().and_then(host) {
        None => note("no_privacy_policy", "It names no privacy policy.".into()),
        Some(policy) if home.as_ref().is_some_and(|home| !are_one_site(home, &policy)) => note(
            "other_policy_host",
            format!("The privacy policy is on {policy}, which is not the site of the homepage."),
        ),
        Some(_) => {}
    }
    for uri in &settings.redirect_uris {
        let Some(redirect) = VerifiedRedirect::find(uri, &[uri.as_str().into()]) else {
            note("unusable_redirect", format!("Nobody is ever redirected to {uri}."));
            continue;
        };
        match redirect.destination() {
            Destination::Scheme(scheme) => note(
                "own_scheme",
                format!("Codes go to whichever program on the device claims the scheme {scheme}."),
            ),
            Destination::ThisDevice => note(
                "this_device",
                format!("Codes go to a program on the user's own device: {uri}"),
            ),
            Destination::Host(_) => {}
        }
    }
}

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.host_str().map(|host| host.trim_end_matches('.').to_owned())
}

/// Whether one is the other or a part of it. Which names somebody can register below is known to nobody here, so two
/// hosts of one owner may seem to be strangers, and never the other way round unless one is a whole domain's.
fn are_one_site(a: &str, b: &str) -> bool {
    let bare = |host: &str| host.strip_prefix("www.").unwrap_or(host).to_owned();
    let (a, b) = (bare(a), bare(b));
    let within = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'));
    a == b || within(&a, &b) || within(&b, &a)
}

/// What the eye keeps of a name: letters and digits, and of those that look alike one.
fn skeleton(name: &str) -> String {
    let letters = name
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|letter| letter.is_alphanumeric());
    letters
        .map(|letter| match letter {
            '0' | 'о' | 'ο' => 'o',
            '1' | 'l' | 'і' | 'ι' => 'i',
            '5' | 'ѕ' => 's',
            'а' | 'α' => 'a',
            'е' | 'ε' => 'e',
            'р' | 'ρ' => 'p',
            'с' => 'c',
            'х' | 'χ' => 'x',
            'у' | 'υ' => 'y',
            other => other,
        })
        .collect()
}

/// Whether two skeletons are the same but for one letter; short ones entirely.
fn are_alike(a: &str, b: &str) -> bool {
    if a == b {
        return !a.is_empty();
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().min(b.len()) < 5 || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    front + back + 1 >= a.len().max(b.len())
}

impl Observation {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({ "code": self.code, "text": self.text })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::settings;
    use super::*;

    fn codes(settings: &AppSettings, others: &[OtherApp]) -> Vec<&'static str> {
        let around = Surroundings {
            platform: "Acme",
            developer: "Northwind Labs",
            others,
        };
        of(settings, around).into_iter().map(|seen| seen.code).collect()
    }

    fn named(name: &str) -> AppSettings {
        AppSettings {
            name: name.into(),
            ..settings()
        }
    }

    #[test]
    fn there_is_nothing_to_say_of_an_app_that_is_what_it_seems() {
        assert_eq!(codes(&settings(), &[]), Vec::<&str>::new());
    }

    #[test]
    fn names_that_deceive_are_noticed() {
        assert_eq!(codes(&named("P\u{430}ypal"), &[]), ["mixed_alphabets"]);
        assert_eq!(codes(&named("Plan\u{202e}ner"), &[]), ["hidden_letters"]);
        for name in ["Acme Planner", "acm3", "The A C M E app", "Ас\u{43c}e Acme"] {
            let expected = name != "acm3";
            assert_eq!(codes(&named(name), &[]).contains(&"platform_name"), expected, "{name}");
        }
    }

    #[test]
    fn a_name_almost_like_that_of_another_app_is_noticed() {
        let other = |name: &str| OtherApp {
            client_id: "app_other".into(),
            name: name.into(),
            developer_name: "Southgate".into(),
        };
        for alike in [
            "Planner",
            "PLANNER",
            "P l a n n e r",
            "P1anner",
            "Planer",
            "Plannner",
            "Plann3r",
            "Plаnnеr",
        ] {
            assert_eq!(codes(&settings(), &[other(alike)]), ["similar_name"], "{alike}");
        }
        for different in ["Plan", "Planners Inc", "Scanner", "", "Painter"] {
            assert_eq!(
                codes(&settings(), &[other(different)]),
                Vec::<&str>::new(),
                "{different}"
            );
        }
        // Short names are compared letter by letter.
        assert!(codes(&named("Box"), &[other("Fox")]).is_empty());
    }

    #[test]
    fn codes_that_go_elsewhere_than_the_homepage_are_noticed() {
        let redirecting = |uri: &str| AppSettings {
            redirect_uris: vec![uri.into()],
            ..settings()
        };
        for own in [
            "https://planner.example/cb",
            "https://www.planner.example/cb",
            "https://api.planner.example:8443/cb",
        ] {
            assert_eq!(codes(&redirecting(own), &[]), Vec::<&str>::new(), "{own}");
        }
        for (other, code) in [
            ("https://planner.example.evil.example/cb", "other_redirect_host"),
            ("https://notplanner.example/cb", "other_redirect_host"),
            ("com.example.app:/cb", "own_scheme"),
            ("http://127.0.0.1/cb", "this_device"),
            ("javascript:alert(1)", "unusable_redirect"),
        ] {
            assert_eq!(codes(&redirecting(other), &[]), [code], "{other}");
        }
    }

    #[test]
    fn missing_addresses_and_a_policy_elsewhere_are_noticed() {
        let mut bare = settings();
        bare.homepage_url = None;
        bare.privacy_policy_url = None;
        assert_eq!(codes(&bare, &[]), ["no_homepage", "no_privacy_policy"]);
        let mut elsewhere = settings();
        elsewhere.privacy_policy_url = Some("https://policies.example/p".into());
        assert_eq!(codes(&elsewhere, &[]), ["other_policy_host"]);
    }
}
