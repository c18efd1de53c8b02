//! The token a call shows, and the question of a browser that comes before one.

use super::refusal::Refusal;

/// The longest `Authorization` header that is read, in letters.
const MAX_HEADER: usize = 16 * 1024 + 16;

/// A token and how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The way.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
}

/// An authentication scheme for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750 §2.1).
    Bearer,
    /// With a proof of the key it is bound to (RFC 9449 §7.1).
    Dpop,
}

impl<'a> Credentials<'a> {
    /// Reads the token of a call out of its `Authorization` header, the scheme's name in any case (RFC 9110 §11.1). A token
    /// in the query is refused, because queries are logged (OAuth 2.1 §5.1.2); so are two of them, which a header with a
    /// comma is.
    pub fn read(authorization: Option<&'a str>, query: Option<&str>) -> Result<Self, Refusal> {
        let is_token = |pair: (_, _)| matches!(pair, (name, _) if name == "access_token");
        if query.is_some_and(|query| url::form_urlencoded::parse(query.as_bytes()).any(is_token)) {
            return Err(Refusal::Malformed(
                "send the token in the Authorization header, not in the query",
            ));
        }
        let header = authorization.map(str::trim).unwrap_or_default();
        if header.len() > MAX_HEADER {
            return Err(Refusal::Malformed("the Authorization header is too long"));
        }
        let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
        let scheme = match scheme {
            scheme if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
            scheme if scheme.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
            // Another scheme says nothing that is understood here (RFC 6750 §3.1).
            _ => return Err(Refusal::NoToken),
        };
        let token = token.trim_start_matches(' ');
        match is_token68(token) {
            true => Ok(Self { scheme, token }),
            false => Err(Refusal::Malformed("the Authorization header must hold one token")),
        }
    }
}

/// The method of the call to come, where a request is a browser's question before it (a CORS-preflight request, Fetch
/// §3.2.2): `OPTIONS` with the site that asks and what for. `None`: it is a call like others.
///
/// - `origin`: `Origin`
/// - `asked`: `Access-Control-Request-Method`
pub fn preflight_for<'a>(method: &str, origin: Option<&str>, asked: Option<&'a str>) -> Option<&'a str> {
    let says = |value: Option<&str>| value.is_some_and(|value| !value.trim().is_empty());
    asked.filter(|_| method == "OPTIONS" && says(origin) && says(asked))
}

/// `b64token` (RFC 6750 §2.1): `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token68(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_before_a_call_names_the_site_that_asks_and_the_method_it_asks_for() {
        let site = Some("https://a.example");
        assert_eq!(preflight_for("OPTIONS", site, Some("PUT")), Some("PUT"));
        assert_eq!(preflight_for("OPTIONS", Some("null"), Some("GET")), Some("GET"));
        for (method, origin, asked) in [
            ("OPTIONS", None, Some("PUT")),
            ("OPTIONS", Some(""), Some("PUT")),
            ("OPTIONS", site, None),
            ("OPTIONS", site, Some(" ")),
            ("options", site, Some("PUT")),
            ("POST", site, Some("PUT")),
        ] {
            assert_eq!(
                preflight_for(method, origin, asked),
                None,
                "{method} {origin:?} {asked:?}"
            );
        }
    }

    // Covers: B32
    #[test]
    fn the_name_of_the_scheme_may_be_in_any_case() {
        for (header, scheme) in [
            ("Bearer a.b-c_d", Scheme::Bearer),
            ("bearer a.b-c_d", Scheme::Bearer),
            ("BEARER   a.b-c_d ", Scheme::Bearer),
            ("DPoP a.b-c_d", Scheme::Dpop),
            ("dpop a.b-c_d", Scheme::Dpop),
        ] {
            let read = Credentials::read(Some(header), None);
            assert_eq!(
                read,
                Ok(Credentials {
                    scheme,
                    token: "a.b-c_d"
                }),
                "{header}"
            );
        }
    }

    #[test]
    fn nothing_and_another_scheme_are_no_token() {
        for header in [None, Some(""), Some("Basic YTpi"), Some("Bearerx abc"), Some("abc")] {
            assert_eq!(Credentials::read(header, None), Err(Refusal::NoToken), "{header:?}");
        }
    }

    #[test]
    fn two_tokens_and_what_is_no_token_are_malformed() {
        let long = format!("Bearer {}", "a".repeat(MAX_HEADER));
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer a, Bearer b",
            "Bearer a b",
            "Bearer ä",
            "Bearer \"a\"",
            "Bearer ==",
            &long,
        ] {
            assert!(
                matches!(Credentials::read(Some(header), None), Err(Refusal::Malformed(_))),
                "{header:.40}"
            );
        }
    }

    #[test]
    fn a_token_in_the_query_is_refused_even_beside_one_in_the_header() {
        for query in [
            "access_token=a",
            "a=1&access_token=b",
            "access%5Ftoken=a",
            "access_token",
        ] {
            assert!(
                matches!(
                    Credentials::read(Some("Bearer a"), Some(query)),
                    Err(Refusal::Malformed(_))
                ),
                "{query}"
            );
        }
        assert!(Credentials::read(Some("Bearer a"), Some("token=a&my_access_token=1")).is_ok());
    }
}
