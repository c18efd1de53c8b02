//! Which redirect URIs may be registered: no other than the server would redirect to, and for each kind of app no other
//! than it can receive at alone.

use thiserror::Error;
use url::Url;

use super::{Loopback, MAX_LENGTH, RedirectUri, VerifiedRedirect, is_of_an_app, until_path};
use crate::oauth::client::AppType;

/// Why a redirect URI was refused, as a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RefusedUri {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Over [`MAX_LENGTH`].
    #[error("must be at most 2048 letters long")]
    TooLong,
    /// Spaces, control characters, letters beyond ASCII, backslashes.
    #[error(
        "must have no spaces, backslashes or letters beyond ASCII: percent-encode them, and write the host as xn--…"
    )]
    Letters,
    /// A fragment (RFC 6749 §3.1.2).
    #[error("must not have a fragment (#…): the browser would not send it to your app")]
    Fragment,
    /// A pattern. URIs are compared letter by letter (OAuth 2.1 §2.3.1).
    #[error("must not have a wildcard (*): register each address, for they are compared letter by letter")]
    Wildcard,
    /// No scheme.
    #[error("must be a whole address: https://app.example.com/callback")]
    Relative,
    /// A scheme in capitals.
    #[error("must have its scheme in lower case: https://…")]
    Capitals,
    /// http elsewhere than on the user's own device.
    #[error("must begin with https://, for on the way over http:// anybody could read the code")]
    Http,
    /// No host, or one that is none.
    #[error("must name a host: https://app.example.com/callback")]
    Host,
    /// `https://good.example@evil.example/`
    #[error("must not have a user name or password before the host")]
    UserName,
    /// Dot segments, or letters in the path that browsers change.
    #[error("would be changed by browsers: leave out . and .. and percent-encode quotes and brackets")]
    Rewritten,
    /// A scheme that is based on no domain (RFC 8252 §7.1).
    #[error(
        "must have a scheme made from a domain of yours, with a dot in it: com.example.app:/callback (or use https)"
    )]
    SchemeWithoutDomain,
    /// A scheme of its own, with nothing behind it that begins with a slash.
    #[error("must have a slash after its scheme: com.example.app:/callback")]
    NoPath,
    /// A scheme of its own, for an app that lives on the web.
    #[error("must begin with https://: schemes of their own are for apps on phones and desktops")]
    SchemeOnTheWeb,
    /// The user's own device, for an app that lives on the web and is past its tests.
    #[error(
        "leads to the user's own device, which is for apps on phones and desktops, and for others while they are tested"
    )]
    OwnDevice,
}

/// Checks a redirect URI that is to be registered. What this accepts, the server finds and redirects to. `test_mode`: only
/// testers use the app, so it may receive codes on their own devices.
pub fn check(app_type: AppType, text: &str, test_mode: bool) -> Result<RedirectUri, RefusedUri> {
    if text.is_empty() {
        return Err(RefusedUri::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(RefusedUri::TooLong);
    }
    if text.contains('#') {
        return Err(RefusedUri::Fragment);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err(RefusedUri::Letters);
    }
    if text.contains('*') {
        return Err(RefusedUri::Wildcard);
    }
    let (scheme, rest) = text.split_once(':').ok_or(RefusedUri::Relative)?;
    match scheme {
        "https" => check_site(rest, text)?,
        "http" if Loopback::parse(text).is_none() => return Err(RefusedUri::Http),
        "http" => {}
        own => check_own_scheme(own, rest, app_type)?,
    }
    let uri = RedirectUri::from(text);
    let found = VerifiedRedirect::find(text, std::slice::from_ref(&uri)).ok_or(RefusedUri::Host)?;
    let is_native = app_type == AppType::Mobile;
    if !is_native && !test_mode && !found.leads_to_a_site() {
        return Err(RefusedUri::OwnDevice);
    }
    Ok(uri)
}

fn check_site(rest: &str, text: &str) -> Result<(), RefusedUri> {
    let rest = rest.strip_prefix("//").ok_or(RefusedUri::Host)?;
    let authority = until_path(rest);
    if authority.contains('@') {
        return Err(RefusedUri::UserName);
    }
    // The parser would look for a host further on.
    if authority.is_empty() {
        return Err(RefusedUri::Host);
    }
    let url = Url::parse(text).map_err(|_| RefusedUri::Host)?;
    let path_and_query = rest.get(authority.len()..).unwrap_or_default();
    let path = path_and_query.split('?').next().unwrap_or_default();
    let as_browsers_see_it = url.path() == path || (path.is_empty() && url.path() == "/");
    as_browsers_see_it.then_some(()).ok_or(RefusedUri::Rewritten)
}

fn check_own_scheme(scheme: &str, rest: &str, app_type: AppType) -> Result<(), RefusedUri> {
    let lower = scheme.to_ascii_lowercase();
    if lower != scheme && (lower == "https" || lower == "http" || is_of_an_app(&lower)) {
        return Err(RefusedUri::Capitals);
    }
    if scheme.contains('/') {
        return Err(RefusedUri::Relative);
    }
    if !is_of_an_app(scheme) {
        return Err(RefusedUri::SchemeWithoutDomain);
    }
    if !rest.starts_with('/') {
        return Err(RefusedUri::NoPath);
    }
    match app_type {
        AppType::Mobile => Ok(()),
        AppType::Web | AppType::Server | AppType::Spa => Err(RefusedUri::SchemeOnTheWeb),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPES: [AppType; 4] = [AppType::Web, AppType::Server, AppType::Spa, AppType::Mobile];

    fn refusal(app_type: AppType, text: &str) -> Option<RefusedUri> {
        check(app_type, text, false).err()
    }

    // Covers: B3, R13
    #[test]
    fn each_bad_redirect_uri_is_refused_for_its_own_reason_whatever_the_app() {
        let long = format!("https://app.example/{}", "a".repeat(2048));
        for (bad, reason) in [
            ("", RefusedUri::Empty),
            (long.as_str(), RefusedUri::TooLong),
            ("https://app.example/a b", RefusedUri::Letters),
            ("https://app.example/\u{e4}", RefusedUri::Letters),
            ("https://app.example\\callback", RefusedUri::Letters),
            ("https://app.example/\n", RefusedUri::Letters),
            ("https://app.example/cb#x", RefusedUri::Fragment),
            ("https://app.example/cb#", RefusedUri::Fragment),
            ("https://*.app.example/cb", RefusedUri::Wildcard),
            ("https://app.example/*", RefusedUri::Wildcard),
            ("app.example/callback", RefusedUri::Relative),
            ("/callback", RefusedUri::Relative),
            ("app.example/callback:x", RefusedUri::Relative),
            ("HTTPS://app.example/cb", RefusedUri::Capitals),
            ("http://app.example/cb", RefusedUri::Http),
            ("http://localhost.evil.example/cb", RefusedUri::Http),
            ("http://127.0.0.1:0/cb", RefusedUri::Http),
            ("http:/127.0.0.1/cb", RefusedUri::Http),
            ("https:", RefusedUri::Host),
            ("https://", RefusedUri::Host),
            ("https:///cb", RefusedUri::Host),
            ("https:app.example/cb", RefusedUri::Host),
            ("https://app.example:99999/cb", RefusedUri::Host),
            ("https://good.example@evil.example/cb", RefusedUri::UserName),
            ("https://app.example/a/../b", RefusedUri::Rewritten),
            ("https://app.example/%2e%2e/b", RefusedUri::Rewritten),
            ("https://app.example/\"", RefusedUri::Rewritten),
            ("javascript:alert(1)", RefusedUri::SchemeWithoutDomain),
            ("JavaScript:alert(1)", RefusedUri::SchemeWithoutDomain),
            ("data:text/html,x", RefusedUri::SchemeWithoutDomain),
            ("blob:https://app.example/x", RefusedUri::SchemeWithoutDomain),
            ("file:///etc/passwd", RefusedUri::SchemeWithoutDomain),
            ("myapp://callback", RefusedUri::SchemeWithoutDomain),
            ("1.example:/cb", RefusedUri::SchemeWithoutDomain),
            ("app.example:443/cb", RefusedUri::NoPath),
            ("com.example.app:", RefusedUri::NoPath),
        ] {
            for app_type in TYPES {
                assert_eq!(refusal(app_type, bad), Some(reason), "{bad} {app_type:?}");
            }
        }
    }

    #[test]
    fn an_own_scheme_is_for_apps_on_phones_and_desktops() {
        for uri in ["com.example.app:/cb", "com.example.app://host/cb", "cursor://x/cb"] {
            assert_eq!(refusal(AppType::Mobile, uri), None);
            for app_type in [AppType::Web, AppType::Server, AppType::Spa] {
                assert_eq!(refusal(app_type, uri), Some(RefusedUri::SchemeOnTheWeb), "{uri}");
                assert!(check(app_type, uri, true).is_err(), "{uri}");
            }
        }
    }

    #[test]
    fn the_users_own_device_is_for_native_apps_and_for_tests() {
        for uri in [
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:1/cb",
            "https://localhost/cb",
            "https://app.localhost:8443/cb",
            "https://[::1]/cb",
            "https://0.0.0.0/cb",
        ] {
            assert_eq!(refusal(AppType::Mobile, uri), None, "{uri}");
            for app_type in [AppType::Web, AppType::Server, AppType::Spa] {
                assert_eq!(refusal(app_type, uri), Some(RefusedUri::OwnDevice), "{uri}");
                assert!(check(app_type, uri, true).is_ok(), "{uri}");
            }
        }
    }

    #[test]
    fn sites_are_for_every_app() {
        for uri in [
            "https://app.example",
            "https://app.example/cb?tenant=a&b",
            "https://app.example:8443/",
            "https://APP.example/cb",
            "https://xn--bcher-kva.example/cb",
        ] {
            for app_type in TYPES {
                assert_eq!(refusal(app_type, uri), None, "{uri}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        // What is registered can be used: it is found again, and it is an address that a redirect may lead to.
        #[test]
        fn whatever_is_accepted_is_found_and_redirected_to(
            start in prop::sample::select(vec![
                "https://", "http://", "http://localhost", "http://127.0.0.1", "https://app.example", "com.example:", "", "x.y:/",
            ]),
            tail in "[ -~\u{e4}]{0,30}",
            kind in 0_usize..4,
            test_mode: bool,
        ) {
            let text = format!("{start}{tail}");
            if let Ok(uri) = check(TYPES[kind], &text, test_mode) {
                let found = VerifiedRedirect::find(&text, &[uri]);
                prop_assert_eq!(found.as_ref().map(VerifiedRedirect::as_str), Some(text.as_str()));
                prop_assert!(Url::parse(&text).is_ok());
                prop_assert!(Url::parse(&found.unwrap().with_params(&[("code", "a")])).is_ok());
            }
        }
    }
}
