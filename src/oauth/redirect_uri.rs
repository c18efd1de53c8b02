//! Redirect URIs: how they match, and the only way a redirect can be built.

pub mod registration;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::http::with_params;

/// A redirect URI as registered. Its letters are kept: it is compared without normalization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// A redirect URI that was found registered for the app that asked. A redirect is built from nothing else;
/// it is read back only from what Latchkey sealed or stored itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedRedirect {
    uri: String,
    registered: RedirectUri,
}

impl RedirectUri {
    /// As it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a requested URI is this one: letter by letter (OAuth 2.1 §2.3.1), except that the port of an
    /// http loopback URI may be any or none (RFC 8252 §7.3, OAuth 2.1 §8.4.2).
    fn matches(&self, requested: &str) -> bool {
        if self.0 == requested {
            return true;
        }
        matches!(
            (Loopback::parse(&self.0), Loopback::parse(requested)),
            (Some(registered), Some(requested)) if registered == requested
        )
    }
}

impl From<&str> for RedirectUri {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl VerifiedRedirect {
    /// Finds the requested URI among those registered.
    pub fn find(requested: &str, registered: &[RedirectUri]) -> Option<Self> {
        let registered = registered.iter().find(|uri| uri.matches(requested))?;
        may_be_redirected_to(requested).then(|| Self {
            uri: requested.to_owned(),
            registered: registered.clone(),
        })
    }

    /// The registered URI it matched; they differ by the port of a loopback address at most.
    pub fn registered(&self) -> &str {
        &self.registered.0
    }

    /// The URI as the app sent it.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// The URI with parameters added behind those it has (OAuth 2.1 §2.3).
    pub fn with_params(&self, params: &[(&str, &str)]) -> String {
        with_params(&self.uri, params)
    }

    /// Whether it leads to a site on the web, which nobody but the app receives at; programs on the user's own device can
    /// be impersonated there (RFC 8252 §8.6).
    pub fn leads_to_a_site(&self) -> bool {
        // On many systems the unspecified address leads to the machine itself.
        let is_own = |address: Ipv4Addr| address.is_loopback() || address.is_unspecified();
        let on_this_device = |url: Url| match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => is_own(address),
            Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
                Some(address) => is_own(address),
                None => address.is_loopback() || address.is_unspecified(),
            },
            None => true,
        };
        let is_https = matches!(self.destination(), Destination::Host(_));
        is_https && Url::parse(&self.uri).is_ok_and(|url| !on_this_device(url))
    }

    /// Where the user will be sent, in words for the consent page: the host, or the scheme of an app on the
    /// user's own device.
    pub fn destination(&self) -> Destination<'_> {
        if Loopback::parse(&self.uri).is_some() {
            return Destination::ThisDevice;
        }
        match self.uri.split_once("://") {
            Some(("https", rest)) => Destination::Host(until_path(rest)),
            _ => Destination::Scheme(self.uri.split(':').next().unwrap_or_default()),
        }
    }
}

/// The longest redirect URI, in bytes.
const MAX_LENGTH: usize = 2048;

/// Schemes of apps in wide use that do without a dot.
const SCHEMES_WITHOUT_A_DOT: [&str; 1] = ["cursor"];

/// Whether a URI may be redirected to at all, registered or not: https, http to the user's own machine, or an
/// app's own scheme, in letters a header can carry.
fn may_be_redirected_to(uri: &str) -> bool {
    let plain = uri.len() <= MAX_LENGTH
        && uri
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let scheme_fits = match scheme {
        // A name before the host would be read as the host by people.
        "https" => rest
            .strip_prefix("//")
            .is_some_and(|rest| !until_path(rest).is_empty() && !until_path(rest).contains('@')),
        "http" => Loopback::parse(uri).is_some(),
        own => is_of_an_app(own),
    };
    plain && scheme_fits
}

/// Whether a scheme may be an app's own: based on a domain, so with a dot in it (RFC 8252 §7.1, §8.4). No scheme
/// that browsers act on themselves has one, so none of them has to be known here.
fn is_of_an_app(scheme: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let well_formed = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(letters);
    well_formed && (scheme.contains('.') || SCHEMES_WITHOUT_A_DOT.contains(&scheme))
}

/// Where a redirect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A web site.
    Host(&'a str),
    /// An app on the user's own device, through its own scheme.
    Scheme(&'a str),
    /// A program on the user's own device that listens on a loopback address.
    ThisDevice,
}

/// An http redirect to the user's own machine, without its port.
#[derive(PartialEq, Eq)]
struct Loopback<'a> {
    host: &'a str,
    path_and_query: &'a str,
}

impl<'a> Loopback<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let authority = until_path(rest);
        let path_and_query = rest.get(authority.len()..)?;
        let host = ["localhost", "127.0.0.1", "[::1]"].into_iter().find(|host| {
            authority
                .strip_prefix(host)
                .is_some_and(|port| port.is_empty() || is_port(port))
        })?;
        let plain = path_and_query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\');
        plain.then_some(Self { host, path_and_query })
    }
}

fn until_path(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(requested: &str, registered: &str) -> Option<VerifiedRedirect> {
        VerifiedRedirect::find(requested, &[RedirectUri::from(registered)])
    }

    // Covers: R35
    // Rule: AUTHZ 7
    #[test]
    fn a_redirect_uri_that_differs_in_any_letter_is_refused() {
        let registered = "https://app.example/callback";
        assert!(find(registered, registered).is_some());
        for other in [
            "",
            "https://app.example/callback/",
            "https://app.example/callback?x=1",
            "https://app.example/callback#",
            "https://app.example/Callback",
            "https://APP.example/callback",
            "https://app.example:443/callback",
            "https://app.example/%63allback",
            "https://user@app.example/callback",
            "http://app.example/callback",
            "https://app.example/callback/../evil",
            "https://app.example.evil/callback",
            "https://app.example/callbac",
            "https://app.example\\callback",
            " https://app.example/callback",
            "https://app.example/callback\n",
        ] {
            assert_eq!(find(other, registered), None, "{other}");
        }
    }

    // Covers: B12
    #[test]
    fn a_loopback_redirect_may_use_any_port_or_none() {
        for registered in ["http://127.0.0.1/callback", "http://127.0.0.1:7777/callback"] {
            for requested in [
                "http://127.0.0.1/callback",
                "http://127.0.0.1:1/callback",
                "http://127.0.0.1:65535/callback",
            ] {
                let found = find(requested, registered).unwrap();
                assert_eq!(found.as_str(), requested);
            }
        }
        assert!(find("http://localhost:9/callback", "http://localhost/callback").is_some());
        assert!(find("http://[::1]:9/callback", "http://[::1]/callback").is_some());
        assert!(find("http://[::1]:9/callback?a=b", "http://[::1]/callback?a=b").is_some());
    }

    // Covers: B12, R35
    // Rule: AUTHZ 8
    #[test]
    fn nothing_but_the_port_of_a_loopback_redirect_may_differ() {
        for other in [
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:+1/callback",
            "http://127.0.0.1:1a/callback",
            "http://localhost:1/callback",
            "http://127.0.0.1.evil:1/callback",
            "http://127.0.0.1:1@evil/callback",
            "http://user@127.0.0.1:1/callback",
            "https://127.0.0.1:1/callback",
            "http://127.0.0.1:1/callback/",
            "http://127.0.0.1:1/callback?x",
            "http://127.0.0.1:1/callback#x",
            "http://127.0.0.1:1\\callback",
            "http://127.0.0.2:1/callback",
            "http://0.0.0.0:1/callback",
            "http://127.1:1/callback",
            "http://2130706433:1/callback",
        ] {
            assert_eq!(find(other, "http://127.0.0.1/callback"), None, "{other}");
        }
        assert_eq!(
            find("https://app.example:1/callback", "https://app.example/callback"),
            None
        );
    }

    // Rule: AUTHZ 9, AUTHZ 10, AUTHZ 11, PEER 5
    #[test]
    fn some_uris_are_never_redirected_to_even_when_registered() {
        for bad in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "http://app.example/callback",
            "https:",
            "https://app.example/ä",
            "https://app.example/#fragment",
            "https://",
            "https:///callback",
            "https://good.example@evil.example/callback",
            "app.example/callback",
            "app.example/callback:x",
            "myapp://callback",
            "cursor2://callback",
            "view-source:https://app.example/",
            "1.example:/callback",
            "",
        ] {
            assert_eq!(find(bad, bad), None, "{bad}");
        }
        assert!(
            find(
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "cursor://anysphere.cursor-mcp/oauth/callback"
            )
            .is_some()
        );
    }

    // Covers: B18
    #[test]
    fn parameters_are_added_behind_the_registered_ones_and_survive_byte_by_byte() {
        let state = "&=+% \"#?/ü🗝'";
        for (registered, start) in [
            ("https://app.example/cb", "https://app.example/cb?state="),
            ("https://app.example/cb?a=b", "https://app.example/cb?a=b&state="),
            ("https://app.example/cb?", "https://app.example/cb?state="),
            ("com.example.app:/cb", "com.example.app:/cb?state="),
        ] {
            let uri = find(registered, registered)
                .unwrap()
                .with_params(&[("state", state), ("iss", "x")]);
            assert!(uri.starts_with(start), "{uri}");
            let url = url::Url::parse(&uri).unwrap();
            let read_back: Vec<_> = url.query_pairs().filter(|(name, _)| name == "state").collect();
            assert_eq!(read_back[0].1, state);
        }
    }

    #[test]
    fn the_destination_names_where_the_user_is_sent() {
        let at = |uri: &str| find(uri, uri).unwrap();
        assert_eq!(
            at("https://app.example:8443/cb").destination(),
            Destination::Host("app.example:8443")
        );
        assert_eq!(at("http://localhost:1/cb").destination(), Destination::ThisDevice);
        assert_eq!(
            at("com.example.app:/cb").destination(),
            Destination::Scheme("com.example.app")
        );
    }

    // Rule: UI 5
    #[test]
    fn only_https_to_another_machine_leads_to_a_site() {
        let leads_to_a_site = |uri: &str| find(uri, uri).unwrap().leads_to_a_site();
        assert!(leads_to_a_site("https://app.example/cb"));
        assert!(leads_to_a_site("https://localhost.example/cb"));
        assert!(leads_to_a_site("https://app.example./cb"));
        assert!(leads_to_a_site("https://[2001:db8::1]/cb") && leads_to_a_site("https://[::ffff:192.0.2.1]/cb"));
        for own_device in [
            "http://127.0.0.1/cb",
            "http://localhost:1/cb",
            "http://[::1]/cb",
            "https://localhost/cb",
            "https://app.localhost:8443/cb",
            "https://127.0.0.2/cb",
            "https://[::1]:8443/cb",
            "https://localhost./cb",
            "https://LOCALHOST/cb",
            "https://app.localhost./cb",
            "https://0.0.0.0:8443/cb",
            "https://0/cb",
            "https://[::]/cb",
            "https://[::ffff:127.0.0.1]/cb",
            "https://[::ffff:7f00:2]:8443/cb",
            "https://[::ffff:0.0.0.0]/cb",
            "com.example.app:/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert!(!leads_to_a_site(own_device), "{own_device}");
        }
    }

    proptest! {
        #[test]
        fn a_verified_redirect_has_the_registered_host(port in 1u16.., tail in "[ -~]{0,40}") {
            let requested = format!("http://127.0.0.1:{port}{tail}");
            if let Some(found) = find(&requested, "http://127.0.0.1/callback") {
                let url = url::Url::parse(found.as_str()).unwrap();
                prop_assert_eq!(url.host_str(), Some("127.0.0.1"));
                prop_assert_eq!(url.path(), "/callback");
            }
        }
    }
}
