//! Cookies. All carry the `__Host-` prefix: this host only, over TLS only, for every path.

use super::Request;

/// Holds the session token of a signed-in user.
pub const SESSION_COOKIE: &str = "__Host-latchkey_session";
/// Holds a nonce that ties an authorization request to the browser it began in.
pub const BROWSER_COOKIE: &str = "__Host-latchkey_browser";
/// Names the connection by which this browser signed in last.
pub const CONNECTION_COOKIE: &str = "__Host-latchkey_connection";

/// The value of a cookie; `None` when it is absent or sent twice (then somebody planted one).
pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request
        .header("cookie")?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// A `Set-Cookie` value for a cookie that ends with the browser's session or after `max_age` seconds.
pub fn set_cookie(name: &str, value: &str, max_age: Option<u64>) -> String {
    // Lax, not Strict: the user arrives here by a link from the app's site.
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax");
    match max_age {
        Some(seconds) => format!("{cookie}; Max-Age={seconds}"),
        None => cookie,
    }
}

/// A `Set-Cookie` value that deletes a cookie.
pub fn clear_cookie(name: &str) -> String {
    set_cookie(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(header: &str) -> Request {
        let headers = BTreeMap::from([("cookie".into(), header.into())]);
        Request {
            headers,
            ..Request::default()
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let request = with("a=1; __Host-latchkey_session=tok=en; b=2");
        assert_eq!(cookie(&request, SESSION_COOKIE), Some("tok=en"));
        assert_eq!(cookie(&request, BROWSER_COOKIE), None);
        assert_eq!(cookie(&Request::default(), SESSION_COOKIE), None);
    }

    #[test]
    fn a_cookie_that_is_empty_or_sent_twice_counts_as_absent() {
        for header in [
            "__Host-latchkey_session=",
            "__Host-latchkey_session=a; __Host-latchkey_session=b",
        ] {
            assert_eq!(cookie(&with(header), SESSION_COOKIE), None, "{header}");
        }
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let cookie = set_cookie(SESSION_COOKIE, "x", None);
        for part in ["__Host-", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{part}");
        }
        assert!(clear_cookie(SESSION_COOKIE).ends_with("Max-Age=0"));
    }
}
