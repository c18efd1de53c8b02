//! Where developers turn to when they are stuck.

use url::Url;

const MAX: usize = 254;

/// The operator's address for developers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// What a link leads to.
    pub href: String,
    /// What people read.
    pub text: String,
}

impl Support {
    /// Reads an https address or an e-mail address.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '<' | '>' | '\\' | '`');
        if text.len() > MAX || !text.chars().all(plain) {
            return None;
        }
        let href = match text.split_once('@') {
            Some((name, host)) if is_mailbox(name) && is_host(host) => format!("mailto:{text}"),
            _ => {
                let url = Url::parse(text).ok()?;
                let fits = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
                fits.then(|| url.to_string())?
            }
        };
        Some(Self {
            href,
            text: text.to_owned(),
        })
    }
}

/// The letters that need no escape in `mailto:` (RFC 6068 §2).
fn is_mailbox(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    !name.is_empty() && name.bytes().all(fits)
}

fn is_host(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    name.contains('.') && !name.starts_with('.') && !name.ends_with('.') && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_is_an_https_address_or_a_mailbox() {
        let href = |text| Support::parse(text).map(|support| support.href);
        assert_eq!(
            href("developers+help@acme.example").as_deref(),
            Some("mailto:developers+help@acme.example")
        );
        assert_eq!(
            href("https://acme.example/help?for=developers").as_deref(),
            Some("https://acme.example/help?for=developers")
        );
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "help",
            "http://acme.example/help",
            "javascript:alert(1)",
            "mailto:a@acme.example",
            "a@acme",
            "a b@acme.example",
            "a@acme.example?subject=x",
            "a@b@acme.example",
            "https://user@acme.example/",
            "https://acme.example/\"onclick=",
            "https://acme.example/ help",
            &format!("https://acme.example/{}", "a".repeat(MAX)),
        ] {
            assert_eq!(Support::parse(text), None, "{text}");
        }
    }
}
