//! The routes of the portal, the console and their JSON APIs, as tables: one line says method, path, name and what it is
//! for. The OpenAPI document is compared with them.

pub mod accounts;
pub mod apps;
pub mod audit_trail;
pub mod credentials;
pub mod notices;
pub mod organizations;
pub mod people;
pub mod policy;
pub mod reviews;
pub mod usage;

use std::borrow::Cow;

use accounts::Accounts;
use apps::Apps;
use audit_trail::AuditTrail;
use credentials::Credentials;
use notices::{Notices, Whose};
use organizations::Organizations;
use people::People;
use percent_encoding::percent_decode_str;
use policy::Policy;
use reviews::Reviews;
use usage::Usage;

/// A line of a table. `{…}` in a path stands for one segment that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// `GET`
    pub method: &'static str,
    /// `/api/developer/apps/{client_id}`
    pub path: &'static str,
    /// Its name in the log, and in the OpenAPI document where it has one.
    pub name: &'static str,
    /// What it is for.
    pub area: Area,
}

/// What a route is for: a part of the portal and the console, and what is asked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Developer accounts, their members and invitations.
    Accounts(Accounts),
    /// With what apps prove who they are, and who tests them.
    Credentials(Credentials),
    /// Users, apps and developer accounts, as administrators see them.
    People(People),
    /// The audit trail.
    AuditTrail(AuditTrail),
    /// What apps use, and their error logs.
    Usage(Usage),
    /// Webhooks and notices.
    Notices(Whose, Notices),
    /// Review: submissions, decisions, comments, suspension.
    Reviews(Reviews),
    /// Organizations, and what they decide.
    Organizations(Organizations),
    /// Apps.
    Apps(Apps),
    /// What administrators decide: APIs, scopes, grants, connections, looks and roles.
    Policy(Policy),
}

impl Area {
    /// Whether the body is a picture, or a form with one in it.
    pub fn takes_a_picture(self) -> bool {
        matches!(
            self,
            Self::Apps(Apps::LogoForm | Apps::PutLogo) | Self::Policy(Policy::LogoForm | Policy::PutLogo)
        )
    }

    /// Whether the body may be a large document, or a form with one in it.
    pub fn takes_a_document(self) -> bool {
        use Policy::{ImportRoutes, ImportRoutesForm, RoutesForm, SetRoutes};
        matches!(
            self,
            Self::Policy(ImportRoutes | ImportRoutesForm | RoutesForm | SetRoutes)
        )
    }
}

/// All tables.
#[rustfmt::skip]
pub const TABLES: &[&[Entry]] = &[
    accounts::TABLE,
    apps::TABLE,
    audit_trail::TABLE,
    credentials::TABLE,
    notices::TABLE,
    organizations::TABLE,
    people::TABLE,
    policy::TABLE,
    reviews::TABLE,
    usage::TABLE,
];

/// Under these there is nothing but what is in the tables.
const PREFIXES: [&str; 4] = ["/developers", "/admin", "/api/developer", "/api/admin"];

/// A route that was found, with what its path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed<'a> {
    /// Its line.
    pub entry: &'static Entry,
    path: &'a str,
}

impl<'a> Managed<'a> {
    /// The segment of the path that stands where `{…}` is for the `index`th time, percent-decoded: the id of an app may be
    /// an address.
    pub fn id(self, index: usize) -> Cow<'a, str> {
        let segments = self.entry.path.split('/').zip(self.path.split('/'));
        let mut ids = segments
            .filter(|(pattern, _)| pattern.starts_with('{'))
            .map(|(_, segment)| segment);
        percent_decode_str(ids.nth(index).unwrap_or_default()).decode_utf8_lossy()
    }
}

/// What a table says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// It is for this.
    Found(Managed<'a>),
    /// The path exists, the method does not.
    OtherMethod,
    /// No table has the path.
    Nothing,
}

/// Finds a request in the tables. `HEAD` counts as `GET`.
pub fn find<'a>(method: &str, path: &'a str) -> Lookup<'a> {
    if !PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
        return Lookup::Nothing;
    }
    let method = if method == "HEAD" { "GET" } else { method };
    let mut found = Lookup::Nothing;
    for entry in at(path) {
        if entry.method == method {
            return Lookup::Found(Managed { entry, path });
        }
        found = Lookup::OtherMethod;
    }
    found
}

/// The methods of a path, for `Allow` (RFC 9110 §10.2.1).
pub fn methods_at(path: &str) -> String {
    let mut methods: Vec<&str> = at(path).map(|entry| entry.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.join(", ")
}

/// Letter by letter before placeholders: `/apps/new` is not an app called new.
fn at(path: &str) -> impl Iterator<Item = &'static Entry> {
    let matching = move |exactly: bool| {
        let entries = TABLES.iter().copied().flatten();
        entries.filter(move |entry| matches(entry.path, path) && (entry.path == path) == exactly)
    };
    let exact = matching(true).next().is_some();
    matching(exact)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if pattern == segment => {}
            (Some(pattern), Some(segment)) if pattern.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_found_by_its_own_path_and_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for entry in TABLES.iter().copied().flatten() {
            assert!(names.insert(entry.name), "{}", entry.name);
            assert!(
                PREFIXES.iter().any(|prefix| entry.path.starts_with(prefix)),
                "{}",
                entry.path
            );
            let path: String = entry.path.replace(['{', '}'], "x");
            let Lookup::Found(found) = find(entry.method, &path) else {
                panic!("{path}")
            };
            assert_eq!(found.entry, entry);
        }
    }

    #[test]
    fn a_placeholder_is_one_segment_and_never_empty() {
        assert!(matches("/a/{id}/b", "/a/x/b"));
        for path in ["/a//b", "/a/x/y/b", "/a/x", "/a/x/b/", "/a/x/c", ""] {
            assert!(!matches("/a/{id}/b", path), "{path}");
        }
    }

    #[test]
    fn other_methods_and_other_paths_are_told_apart() {
        assert_eq!(find("PUT", "/developers"), Lookup::OtherMethod);
        assert_eq!(methods_at("/developers"), "GET, HEAD");
        assert_eq!(find("GET", "/developers/nothing/of/the/kind/here"), Lookup::Nothing);
        assert_eq!(find("GET", "/developersx"), Lookup::Nothing);
    }
}
