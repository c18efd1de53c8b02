//! Redirect URIs: how they match, and the only way a redirect can be built.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A redirect URI as registered. Its letters are kept: it is compared without normalization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// A redirect URI that was found registered for the app that asked. There is no other way to redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerifiedRedirect(String);

impl RedirectUri {
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
        let found = requested.len() <= 2048 && registered.iter().any(|uri| uri.matches(requested));
        found.then(|| Self(requested.to_owned()))
    }

    /// The URI as the app sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI with parameters added behind those it has (OAuth 2.1 §2.3).
    pub fn with_params(&self, params: &[(&str, &str)]) -> String {
        // Everything but the unreserved characters, and a space as %20: readable by every decoder.
        const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        let mut uri = self.0.clone();
        for (name, value) in params {
            let separator = match uri.find('?') {
                None => "?",
                Some(at) if at + 1 == uri.len() || uri.ends_with('&') => "",
                Some(_) => "&",
            };
            // Writing to a String cannot fail.
            let _ = write!(uri, "{separator}{name}={}", utf8_percent_encode(value, ENCODED));
        }
        uri
    }

    /// Where the user will be sent, in words for the consent page: the host, or the scheme of an app on the
    /// user's own device.
    pub fn destination(&self) -> Destination<'_> {
        if Loopback::parse(&self.0).is_some() {
            return Destination::ThisDevice;
        }
        match self.0.split_once("://") {
            Some(("https", rest)) => Destination::Host(until_path(rest)),
            _ => Destination::Scheme(self.0.split(':').next().unwrap_or_default()),
        }
    }

    /// This redirect as a source expression of the Content Security Policy; `None` where there is none.
    pub fn csp_source(&self) -> Option<String> {
        match self.0.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let host = until_path(rest);
                let writable = host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
                writable.then(|| format!("{scheme}://{host}"))
            }
            _ => self.0.split(':').next().map(|scheme| format!("{scheme}:")),
        }
    }
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
        assert_eq!(
            at("https://app.example/cb").csp_source().unwrap(),
            "https://app.example"
        );
        assert_eq!(at("http://127.0.0.1:9/cb").csp_source().unwrap(), "http://127.0.0.1:9");
        assert_eq!(at("http://[::1]:9/cb").csp_source(), None);
        assert_eq!(at("com.example.app:/cb").csp_source().unwrap(), "com.example.app:");
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
