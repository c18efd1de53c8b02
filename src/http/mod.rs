//! Latchkey's own request and reply, so that endpoints can be tested without a runtime.

mod accept;
mod cookies;
mod device;
pub mod multipart;
mod params;
mod reply;

pub use accept::{accepts, asks_for, weight_of};
pub use cookies::{BROWSER_COOKIE, CONNECTION_COOKIE, SESSION_COOKIE, clear_cookie, cookie, set_cookie};
pub use device::Device;
pub use params::{Params, ParamsError, Repeated};
pub use reply::{Content, Reply};

use std::collections::BTreeMap;
use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// The largest request body that is read, in bytes, but for logos.
pub const MAX_BODY: usize = 64 * 1024;
/// The longest query string that is read, in bytes: what is sealed of it has to fit into a URL again.
pub const MAX_QUERY: usize = 6 * 1024;

/// A request as the endpoints see it.
#[derive(Clone, Default)]
pub struct Request {
    /// The method: `GET`.
    pub method: String,
    /// Whether it came without TLS.
    pub in_the_clear: bool,
    /// The host it was sent to, without port.
    pub host: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// Whether the path is another than was sent: with dot segments, say, which the platform resolves.
    pub has_other_path: bool,
    /// The query without `?`, still percent-encoded.
    pub query: String,
    /// Header fields, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Body,
}

/// A request body. Not shown by `Debug`, like everything that may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Read whole.
    Bytes(Vec<u8>),
    /// Larger than a request of its kind may be; what was read is thrown away.
    TooLarge,
    /// It broke off.
    Broken,
}

impl Default for Body {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

/// Why a form could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The content type is not `application/x-www-form-urlencoded`.
    #[error("the body must be application/x-www-form-urlencoded")]
    ContentType,
    /// Over the size limit.
    #[error("the body is larger than 64 kB")]
    TooLarge,
    /// It broke off.
    #[error("the body broke off")]
    Broken,
    /// Not readable as a form.
    #[error(transparent)]
    Malformed(#[from] ParamsError),
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} {} [redacted])", self.method, self.path)
    }
}

impl Request {
    /// A header field by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The device it came from, as far as its User-Agent says.
    pub fn device(&self) -> Option<Device> {
        self.header("user-agent").and_then(Device::of)
    }

    /// The parameters of the query.
    pub fn query_params(&self) -> Result<Params, ParamsError> {
        self.query_params_up_to(MAX_QUERY)
    }

    /// The parameters of a query that may be up to `limit` bytes long.
    pub fn query_params_up_to(&self, limit: usize) -> Result<Params, ParamsError> {
        if self.query.len() > limit {
            return Err(ParamsError::TooLong);
        }
        Params::parse(self.query.as_bytes())
    }

    /// The parameters of a form in the body.
    pub fn form(&self) -> Result<Params, FormError> {
        let media_type = self.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(FormError::ContentType);
        }
        match &self.body {
            Body::Bytes(bytes) => Ok(Params::parse(bytes)?),
            Body::TooLarge => Err(FormError::TooLarge),
            Body::Broken => Err(FormError::Broken),
        }
    }
}

/// Everything percent-encoded but the unreserved characters, and a space as %20: readable by every decoder.
pub fn percent_encoded(text: &str) -> PercentEncode<'_> {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, ENCODED)
}

/// A URL with parameters added behind those it has (OAuth 2.1 §2.3).
pub fn with_params(url: &str, params: &[(&str, &str)]) -> String {
    let mut url = url.to_owned();
    for (name, value) in params {
        let separator = match url.find('?') {
            None => "?",
            Some(at) if at + 1 == url.len() || url.ends_with('&') => "",
            Some(_) => "&",
        };
        // Writing to a String cannot fail.
        let _ = write!(url, "{separator}{name}={}", percent_encoded(value));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(content_type: &str, body: Body) -> Request {
        let headers = BTreeMap::from([("content-type".into(), content_type.into())]);
        Request {
            method: "POST".into(),
            headers,
            body,
            ..Request::default()
        }
    }

    // Covers: R48
    #[test]
    fn a_form_is_read_only_under_its_own_content_type() {
        let body = || Body::Bytes(b"a=1".to_vec());
        for good in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded ;charset=utf-8",
        ] {
            assert_eq!(post(good, body()).form().unwrap().one("a"), Ok(Some("1")));
        }
        for bad in ["", "application/json", "multipart/form-data; boundary=x", ";", "\u{0}"] {
            assert_eq!(post(bad, body()).form().unwrap_err(), FormError::ContentType);
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let request = post("application/x-www-form-urlencoded", Body::TooLarge);
        assert_eq!(request.form().unwrap_err(), FormError::TooLarge);
    }

    #[test]
    fn a_query_over_the_limit_is_refused() {
        let request = Request {
            query: "a".repeat(MAX_QUERY + 1),
            ..Request::default()
        };
        assert_eq!(request.query_params().unwrap_err(), ParamsError::TooLong);
    }
}
