//! Replies and the headers every one of them carries.

use std::ops::Deref;

use serde::Serialize;

/// A reply as the endpoints make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u16,
    /// Header fields in the order they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Content,
    /// The error code it tells of, for the log: one of the codes in our source, never a request's words.
    pub error: Option<&'static str>,
}

/// The body of a reply. It reads as text; a picture reads as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Content {
    /// What is sent.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Deref for Content {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Bytes(_) => "",
        }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl Reply {
    /// A JSON reply.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_string(value).unwrap_or_else(|_| "{}".into());
        Self::new(status, body).header("Content-Type", "application/json")
    }

    /// An HTML page. Pages load nothing but their own style sheet and cannot be framed; forms may be sent to
    /// Latchkey alone unless [`Reply::form_may_lead_to_an_app`] says otherwise.
    pub fn html(status: u16, body: String) -> Self {
        Self::new(status, body)
            .header("Content-Type", "text/html; charset=utf-8")
            .header(
                "Content-Security-Policy",
                content_security_policy(" form-action 'self';"),
            )
            .header("X-Frame-Options", "DENY")
            // Not `no-referrer`: that makes browsers send `Origin: null` with our own forms.
            .header("Referrer-Policy", "same-origin")
    }

    /// A redirect that is always followed with GET (OAuth 2.1 §7.5.4: never 307 or 308).
    pub fn see_other(location: impl Into<String>) -> Self {
        Self::new(303, String::new())
            .header("Location", location.into())
            .header("Referrer-Policy", "no-referrer")
    }

    /// A reply with a body and no header yet.
    pub fn new(status: u16, body: impl Into<Content>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            error: None,
        }
    }

    /// Adds a header field, in place of one of the same name.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Notes for the log which error this reply tells of.
    pub fn telling(mut self, error: &'static str) -> Self {
        self.error = Some(error);
        self
    }

    /// Adds a `Set-Cookie` field beside those there are.
    pub fn cookie(mut self, cookie: String) -> Self {
        self.headers.push(("Set-Cookie", cookie));
        self
    }

    /// Lets any site's script read this reply. Never together with cookies.
    pub fn readable_across_origins(self) -> Self {
        self.header("Access-Control-Allow-Origin", "*").header(
            "Access-Control-Expose-Headers",
            "WWW-Authenticate, DPoP-Nonce, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id",
        )
    }

    /// Lets this page's form end in a redirect to an app. Chromium applies `form-action` to every redirect that
    /// follows, also to those on the app's side, which nobody here can know; so the directive is left out.
    pub fn form_may_lead_to_an_app(self) -> Self {
        self.header("Content-Security-Policy", content_security_policy(""))
    }

    /// Whether a header field is there.
    pub fn has_header(&self, name: &str) -> bool {
        self.header_value(name).is_some()
    }

    /// The value of a header field.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same reply with what every reply must carry; nothing may be cached unless it said so itself.
    pub fn finished(mut self, over_tls: bool) -> Self {
        if !self.has_header("Cache-Control") {
            self = self.header("Cache-Control", "no-store").header("Pragma", "no-cache");
        }
        if over_tls {
            self = self.header("Strict-Transport-Security", "max-age=63072000; includeSubDomains");
        }
        self.header("X-Content-Type-Options", "nosniff")
    }
}

fn content_security_policy(form_action: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self';{form_action} base-uri 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule: UI 1
    #[test]
    fn a_page_runs_no_script_and_cannot_be_framed() {
        let page = Reply::html(200, String::new());
        let policy = page.header_value("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(policy.contains("form-action 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        assert_eq!(page.header_value("X-Frame-Options"), Some("DENY"));
    }

    #[test]
    fn a_form_that_leads_to_an_app_is_not_held_back_and_everything_else_stays() {
        let page = Reply::html(200, String::new()).form_may_lead_to_an_app();
        let policy = page.header_value("Content-Security-Policy").unwrap();
        assert!(!policy.contains("form-action"));
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    }

    #[test]
    fn nothing_is_cached_unless_it_says_so() {
        let reply = |reply: Reply| reply.finished(true).header_value("Cache-Control").unwrap().to_owned();
        assert_eq!(reply(Reply::json(200, &())), "no-store");
        assert_eq!(
            reply(Reply::json(200, &()).header("Cache-Control", "max-age=1")),
            "max-age=1"
        );
    }
}
