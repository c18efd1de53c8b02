//! Asking other servers: which addresses may be asked at all, and what of an answer is kept.

pub mod public_address;

use std::time::Duration;

use thiserror::Error;
use url::Url;

use crate::config::{Issuer, is_loopback_host};
use crate::oauth::secret::Secret;
use crate::time::Timestamp;

/// The longest address that is asked, in letters.
const MAX_ADDRESS: usize = 2048;
/// The largest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;

/// Other servers, asked over the web. No redirect is followed, and nothing is waited for longer than five seconds.
#[allow(async_fn_in_trait, reason = "single-threaded: no caller needs Send")]
pub trait Web {
    /// Asks for a document.
    async fn get(&self, address: &WebAddress, authorization: Option<&Secret>) -> Result<Answer, WebError>;
    /// Sends a form.
    async fn post_form(
        &self,
        address: &WebAddress,
        authorization: Option<&Secret>,
        form: &Secret,
    ) -> Result<Answer, WebError>;
    /// Sends a JSON document that nobody asked for. Of what comes back only the status counts.
    async fn notify(&self, message: &Message<'_>) -> Notified;
}

/// A document that nobody asked for.
#[derive(Debug)]
pub struct Message<'a> {
    /// Where it goes.
    pub address: &'a WebAddress,
    /// Headers beside those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: &'a str,
}

/// What came of sending a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notified {
    /// The HTTP status, and how long the receiver wants not to be asked again.
    pub answer: Result<(u16, Option<Duration>), WebError>,
    /// When it was over.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// An address that may be asked: https, or http on this machine while Latchkey itself runs there. It names no user
/// and no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress(String);

/// What another server answered. Not shown by `Debug`: it may hold tokens.
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `Cache-Control`.
    pub cache_control: Option<String>,
    /// The body, at most [`MAX_ANSWER`] bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WebError {
    /// Nobody answered, or not in time, or the answer broke off.
    #[error("does not answer")]
    OutOfReach,
    /// The answer is larger than [`MAX_ANSWER`].
    #[error("answers with more than 64 kB")]
    TooLarge,
}

impl WebAddress {
    /// Reads an address that the server `own` may ask.
    pub fn parse(text: &str, own: &Issuer) -> Option<Self> {
        if text.len() > MAX_ADDRESS {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let scheme_fits = match url.scheme() {
            "https" => true,
            "http" => own.is_loopback() && is_loopback_host(host),
            _ => false,
        };
        let names_nobody = url.username().is_empty() && url.password().is_none();
        let fits = scheme_fits && names_nobody && url.fragment().is_none();
        fits.then(|| Self(url.into()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(text: &str, own: &str) -> bool {
        WebAddress::parse(text, &Issuer::parse(own).unwrap()).is_some()
    }

    #[test]
    fn only_https_is_asked_and_http_on_this_machine_from_this_machine() {
        let (local, public) = ("http://localhost:8787", "https://auth.example");
        for own in [local, public] {
            assert!(may("https://id.example/token?tenant=1", own));
        }
        for loopback in ["http://localhost:9000/", "http://127.0.0.1:9000/", "http://[::1]:9000/"] {
            assert!(may(loopback, local));
            assert!(!may(loopback, public), "{loopback}");
        }
        for bad in [
            "",
            "id.example",
            "/token",
            "http://id.example/",
            "http://localhost.example/",
            "http://localhost@id.example/",
            "https://user@id.example/",
            "https://:secret@id.example/",
            "https://id.example/#x",
            "https://",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
        ] {
            assert!(!may(bad, local), "{bad}");
        }
        assert!(!may(&format!("https://id.example/{}", "a".repeat(MAX_ADDRESS)), public));
    }

    #[test]
    fn an_answer_does_not_show_what_it_holds() {
        let answer = Answer {
            content_type: None,
            cache_control: None,
            status: 200,
            body: b"secret".to_vec(),
        };
        assert_eq!(format!("{answer:?}"), "Answer(200, 6 bytes)");
    }
}
