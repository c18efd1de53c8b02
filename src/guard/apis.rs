//! The APIs as the guard knows them.

use std::rc::Rc;

use serde::Deserialize;
use thiserror::Error;
use url::Url;

use super::path::CallPath;
use super::rules::RouteRules;
use crate::config::{Issuer, is_loopback_host};
use crate::json;
use crate::oauth::local_resources::LocalResources;
use crate::oauth::resource::names_resource;

/// All there are, in one trip: few, and read every few seconds.
pub const APIS: &str = "SELECT id, resource, route_rules, upstream FROM apis ORDER BY id";

/// An API as the directory tells it.
#[derive(Debug, Deserialize)]
pub struct ApiRow {
    id: String,
    resource: String,
    route_rules: String,
    upstream: Option<String>,
}

/// An API whose calls are checked.
#[derive(Debug)]
pub struct GuardedApi {
    /// `api_…`
    pub id: String,
    /// Its resource indicator (RFC 8707), the `aud` of its tokens.
    pub resource: String,
    /// What its routes ask for. Rules that cannot be read open nothing.
    pub rules: RouteRules,
    /// Where the gateway sends calls.
    pub upstream: Option<Upstream>,
    /// The rules as they are stored.
    written_rules: String,
    /// Its address, taken apart.
    place: Option<Place>,
}

/// Where the calls to an API are sent by their clients.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Host and port, the port left out where it is the usual one.
    authority: String,
    segments: Vec<String>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct GuardedApis(Vec<Rc<GuardedApi>>);

/// Whose address a request was sent to.
#[derive(Debug, Clone)]
pub enum At {
    /// None that the gateway stands in front of.
    Elsewhere,
    /// The host of some, but the path of none.
    NoApi,
    /// This one's.
    Api(Rc<GuardedApi>),
}

/// The origin of an API's servers, behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream(String);

/// Why an address cannot be an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UpstreamError {
    /// It is no origin that calls may be sent to.
    #[error("must be an https origin, without path, query or slash at the end: https://origin.example.com")]
    NoOrigin,
    /// It is this server.
    #[error("must not be this server, nor the address of the API itself: calls would go round in a circle")]
    Circle,
}

impl Upstream {
    /// Reads an origin: https, or http to this machine where this server runs on it too. `resource`: the API's own.
    pub fn parse(text: &str, issuer: &Issuer, resource: &str) -> Result<Self, UpstreamError> {
        let url = Url::parse(text).map_err(|_| UpstreamError::NoOrigin)?;
        let fits = match url.scheme() {
            "https" => true,
            "http" => issuer.is_loopback() && url.host_str().is_some_and(is_loopback_host),
            _ => false,
        };
        if !fits || url.origin().ascii_serialization() != text {
            return Err(UpstreamError::NoOrigin);
        }
        let own = [issuer.as_str(), resource].map(|own| Place::of(own).map(|place| place.authority));
        match own.contains(&Some(authority_of(&url))) {
            true => Err(UpstreamError::Circle),
            false => Ok(Self(text.to_owned())),
        }
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn authority(&self) -> Option<String> {
        Some(authority_of(&Url::parse(&self.0).ok()?))
    }
}

impl Place {
    fn of(resource: &str) -> Option<Self> {
        let url = Url::parse(resource).ok()?;
        let path = CallPath::parse(url.path()).ok()?;
        Some(Self {
            authority: authority_of(&url),
            segments: path.segments().to_vec(),
        })
    }
}

/// Host and port of a URL, the port left out where it is the usual one.
pub fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

impl GuardedApi {
    /// The origins that its clients know it by, as DPoP proofs name them (RFC 9449 §4.2 `htu`): its own, and on this
    /// machine those that stand for it.
    pub fn origins(&self, local: &LocalResources) -> Vec<String> {
        let names = local.audiences(vec![self.resource.clone()]);
        let origin = |name: &String| Some(Url::parse(name).ok()?.origin().ascii_serialization());
        names.iter().filter_map(origin).collect()
    }
}

impl GuardedApis {
    /// Reads what the directory tells. Rules that were `known` before are not read again. `broken` is told the id of an API
    /// whose rules or upstream cannot be read.
    pub fn read(rows: Vec<ApiRow>, issuer: &Issuer, known: Option<&Self>, mut broken: impl FnMut(&str)) -> Self {
        let api = |row: ApiRow| {
            let same = known.and_then(|known| {
                let same = |api: &&Rc<GuardedApi>| api.id == row.id && api.written_rules == row.route_rules;
                known.0.iter().find(same)
            });
            let read = || {
                json::from_str(&row.route_rules)
                    .ok()
                    .map(|rules| RouteRules::parse(&rules, |_| true))
            };
            let rules = match same {
                Some(same) => same.rules.clone(),
                None => read().and_then(Result::ok).unwrap_or_else(|| {
                    broken(&row.id);
                    RouteRules::default()
                }),
            };
            let upstream = row.upstream.and_then(|text| {
                let read = Upstream::parse(&text, issuer, &row.resource);
                read.inspect_err(|_| broken(&row.id)).ok()
            });
            Rc::new(GuardedApi {
                place: Place::of(&row.resource),
                id: row.id,
                resource: row.resource,
                rules,
                upstream,
                written_rules: row.route_rules,
            })
        };
        Self(rows.into_iter().map(api).collect())
    }

    /// The API with this resource indicator.
    pub fn by_resource(&self, resource: &str) -> Option<Rc<GuardedApi>> {
        let found = self.0.iter().find(|api| names_resource(resource, &api.resource));
        found.map(Rc::clone)
    }

    /// The API that a request to this host and path is a call of. Of several at one host it is the one whose own path is
    /// the longest, and where that one has no upstream, none: its calls must not be let in by the rules of another. A path
    /// that cannot be read is that of any.
    pub fn at(&self, authority: &str, path: &str) -> At {
        let placed = |api: &Rc<GuardedApi>| {
            let place = api.place.as_ref().filter(|place| place.authority == authority)?;
            Some((place.segments.clone(), Rc::clone(api)))
        };
        let mut here: Vec<_> = self.0.iter().filter_map(placed).collect();
        if !here.iter().any(|(_, api)| api.upstream.is_some()) {
            return At::Elsewhere;
        }
        here.sort_by_key(|(segments, _)| std::cmp::Reverse(segments.len()));
        let path = CallPath::parse(path);
        let is_under = |segments: &[String]| path.as_ref().map_or(true, |path| path.segments().starts_with(segments));
        let found = here.into_iter().find(|(segments, _)| is_under(segments));
        match found {
            Some((_, api)) if api.upstream.is_some() => At::Api(api),
            _ => At::NoApi,
        }
    }

    /// Whether calls sent there would come back here: it is where the gateway stands in front of an API.
    pub fn is_circle(&self, upstream: &Upstream) -> bool {
        let authority = upstream.authority();
        let mut places = self
            .0
            .iter()
            .filter(|api| api.upstream.is_some())
            .filter_map(|api| api.place.as_ref());
        places.any(|place| Some(&place.authority) == authority.as_ref())
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// An API as the directory would tell it.
    pub fn row(id: &str, resource: &str, rules: &serde_json::Value, upstream: Option<&str>) -> ApiRow {
        ApiRow {
            id: id.into(),
            resource: resource.into(),
            route_rules: rules.to_string(),
            upstream: upstream.map(str::to_owned),
        }
    }

    /// The APIs of these rows.
    pub fn apis(rows: Vec<ApiRow>) -> GuardedApis {
        let issuer = Issuer::parse("https://auth.example").unwrap();
        GuardedApis::read(rows, &issuer, None, |id| panic!("{id} is broken"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::{apis, row};
    use super::*;
    use crate::guard::rules::Matched;

    const UPSTREAM: Option<&str> = Some("https://origin.example");

    fn found(apis: &GuardedApis, authority: &str, path: &str) -> String {
        match apis.at(authority, path) {
            At::Elsewhere => "elsewhere".into(),
            At::NoApi => "none".into(),
            At::Api(api) => api.id.clone(),
        }
    }

    #[test]
    fn an_upstream_is_an_https_origin_that_is_not_this_server_or_the_api() {
        let parse = |text: &str, issuer: &str| {
            Upstream::parse(text, &Issuer::parse(issuer).unwrap(), "https://api.example/v1").map(|read| read.0)
        };
        const AUTH: &str = "https://auth.example";
        assert_eq!(
            parse("https://origin.example", AUTH),
            Ok("https://origin.example".into())
        );
        assert_eq!(
            parse("https://origin.example:8443", AUTH),
            Ok("https://origin.example:8443".into())
        );
        for bad in [
            "",
            "origin.example",
            "https://origin.example/",
            "https://origin.example/v1",
            "https://origin.example?a",
            "https://u@origin.example",
            "HTTPS://origin.example",
            "https://origin.example:443",
            "http://origin.example",
            "http://localhost:3000",
            "ftp://origin.example",
            "https://",
            "javascript:1",
        ] {
            assert_eq!(parse(bad, AUTH), Err(UpstreamError::NoOrigin), "{bad}");
        }
        for own in ["https://auth.example", "https://api.example"] {
            assert_eq!(parse(own, AUTH), Err(UpstreamError::Circle), "{own}");
        }
        const LOCAL: &str = "http://localhost:8787";
        assert_eq!(
            parse("http://localhost:8788", LOCAL),
            Ok("http://localhost:8788".into())
        );
        assert_eq!(parse("http://localhost:8787", LOCAL), Err(UpstreamError::Circle));
        assert_eq!(parse("http://origin.example", LOCAL), Err(UpstreamError::NoOrigin));
    }

    #[test]
    fn a_call_is_of_the_api_whose_host_and_longest_path_it_names() {
        let apis = apis(vec![
            row("api_all", "https://api.example", &json!([]), UPSTREAM),
            row("api_v2", "https://api.example/v2", &json!([]), UPSTREAM),
            row("api_mcp", "https://mcp.example:8443/mcp/", &json!([]), UPSTREAM),
            row("api_direct", "https://direct.example", &json!([]), None),
            row("api_apart", "https://api.example/v3", &json!([]), None),
        ]);
        for (authority, path, expected) in [
            ("api.example", "/", "api_all"),
            ("api.example", "/v1/x", "api_all"),
            ("api.example", "/v2", "api_v2"),
            ("api.example", "/V2/x", "api_v2"),
            ("api.example", "/v2x", "api_all"),
            ("api.example", "/v2/../x", "api_v2"),
            ("api.example", "/v3/x", "none"),
            ("api.example:8443", "/", "elsewhere"),
            ("mcp.example:8443", "/mcp", "api_mcp"),
            ("mcp.example:8443", "/other", "none"),
            ("mcp.example", "/mcp", "elsewhere"),
            ("direct.example", "/", "elsewhere"),
            ("api.example.evil", "/", "elsewhere"),
            ("", "/", "elsewhere"),
        ] {
            assert_eq!(found(&apis, authority, path), expected, "{authority}{path}");
        }
    }

    #[test]
    fn an_upstream_in_front_of_which_the_gateway_stands_is_a_circle() {
        let apis = apis(vec![
            row(
                "api_one",
                "https://one.example",
                &json!([]),
                Some("https://two.example"),
            ),
            row("api_two", "https://two.example", &json!([]), UPSTREAM),
        ]);
        let At::Api(one) = apis.at("one.example", "/") else {
            panic!()
        };
        assert!(apis.is_circle(one.upstream.as_ref().unwrap()));
        let At::Api(two) = apis.at("two.example", "/") else {
            panic!()
        };
        assert!(!apis.is_circle(two.upstream.as_ref().unwrap()));
    }

    #[test]
    fn rules_and_upstreams_that_cannot_be_read_open_nothing_and_are_told() {
        let issuer = Issuer::parse("https://auth.example").unwrap();
        let mut broken = Vec::new();
        let rows = vec![
            row(
                "api_rules",
                "https://api.example",
                &json!([{ "path": "nonsense" }]),
                None,
            ),
            row(
                "api_upstream",
                "https://two.example",
                &json!([{ "path": "/*", "public": true }]),
                Some("http://x"),
            ),
        ];
        let apis = GuardedApis::read(rows, &issuer, None, |id| broken.push(id.to_owned()));
        assert_eq!(broken, ["api_rules", "api_upstream"]);
        let api = apis.by_resource("https://api.example/").unwrap();
        assert_eq!(api.rules.find("GET", &CallPath::parse("/x").unwrap()), Matched::Nothing);
        assert_eq!(found(&apis, "two.example", "/"), "elsewhere");
    }

    #[test]
    fn rules_that_changed_are_read_anew() {
        let issuer = Issuer::parse("https://auth.example").unwrap();
        let read = |rules, known: Option<&GuardedApis>| {
            let rows = vec![row("api_one", "https://api.example", &rules, None)];
            GuardedApis::read(rows, &issuer, known, |id| panic!("{id}"))
        };
        let rules = |path: &str| json!([{ "path": path, "scopes": [] }]);
        let before = read(rules("/a"), None);
        let after = read(rules("/b"), Some(&before));
        let (old, new) = (CallPath::parse("/a").unwrap(), CallPath::parse("/b").unwrap());
        let api = after.by_resource("https://api.example").unwrap();
        assert_eq!(api.rules.find("GET", &old), Matched::Nothing);
        assert!(matches!(api.rules.find("GET", &new), Matched::Rule { .. }));
    }
}
