//! Addresses that developers name and this server asks: on the public internet, by name.

use thiserror::Error;
use url::{Host, Url};

use super::WebAddress;
use crate::config::{Issuer, is_loopback_host};

/// The longest address, in letters.
pub const MAX_URL: usize = 1024;

/// Last labels of names that lead nowhere on the public internet, or into somebody's own network (RFC 6761 and the
/// registry of special-use domain names it began; `internal` is ICANN's for private use).
const SPECIAL_USE: [&str; 10] = [
    "alt",
    "arpa",
    "example",
    "internal",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "test",
];

/// An address that a developer may have asked: https on the public internet by its name, or http on this machine while
/// Latchkey itself runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress(WebAddress);

/// Why an address is not asked, as a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadAddress {
    /// Nothing, or more than [`MAX_URL`] letters.
    #[error("must have at most 1024 letters")]
    Length,
    /// It is no URL.
    #[error("must be a web address: https://yourcompany.com/path")]
    NotAUrl,
    /// It is not https.
    #[error("must begin with https://")]
    NotHttps,
    /// It holds a user name or a password.
    #[error("must not hold a user name or password")]
    NamesAUser,
    /// It has a fragment.
    #[error("must not have a # part, which would never be sent")]
    Fragment,
    /// It names a host by number.
    #[error("must name the host, not an IP address")]
    IpAddress,
    /// The host is in nobody's public DNS.
    #[error("must name a host that can be reached from the internet")]
    SpecialUse,
    /// It is Latchkey's own.
    #[error("must not be the address of this server itself")]
    Own,
}

impl PublicAddress {
    /// Reads an address that the server `own` may ask.
    pub fn parse(text: &str, own: &Issuer) -> Result<Self, BadAddress> {
        if text.is_empty() || text.len() > MAX_URL {
            return Err(BadAddress::Length);
        }
        // The parser would pass over line breaks and blanks.
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadAddress::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| BadAddress::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::NamesAUser);
        }
        if url.fragment().is_some() {
            return Err(BadAddress::Fragment);
        }
        if url.origin().ascii_serialization() == own.as_str() {
            return Err(BadAddress::Own);
        }
        let here = own.is_loopback() && url.host_str().is_some_and(is_loopback_host);
        match url.scheme() {
            "https" => {}
            "http" if here => {}
            _ => return Err(BadAddress::NotHttps),
        }
        match url.host() {
            _ if here => {}
            Some(Host::Domain(name)) => check_name(name)?,
            Some(_) => return Err(BadAddress::IpAddress),
            None => return Err(BadAddress::NotAUrl),
        }
        WebAddress::parse(url.as_str(), own)
            .map(Self)
            .ok_or(BadAddress::NotAUrl)
    }

    /// The address, in its normal form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address, to be asked.
    pub fn address(&self) -> &WebAddress {
        &self.0
    }
}

fn check_name(name: &str) -> Result<(), BadAddress> {
    let fits = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(fits) {
        return Err(BadAddress::NotAUrl);
    }
    match name.rsplit_once('.') {
        Some((_, last)) if !SPECIAL_USE.contains(&last) => Ok(()),
        _ => Err(BadAddress::SpecialUse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "https://auth.acme.dev";
    const LOCAL: &str = "http://localhost:8787";

    fn parse(text: &str, own: &str) -> Result<String, BadAddress> {
        PublicAddress::parse(text, &Issuer::parse(own).unwrap()).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn https_on_the_public_internet_is_written_to_on_any_port() {
        for (text, normal) in [
            ("https://hooks.partner.dev", "https://hooks.partner.dev/"),
            (
                "https://hooks.partner.dev:8443/a?b=c",
                "https://hooks.partner.dev:8443/a?b=c",
            ),
            ("HTTPS://Hooks.Partner.DEV/A", "https://hooks.partner.dev/A"),
            ("https://auth.acme.dev:8443/", "https://auth.acme.dev:8443/"),
            ("https://xn--mnchen-3ya.dev/", "https://xn--mnchen-3ya.dev/"),
        ] {
            for own in [PUBLIC, LOCAL] {
                assert_eq!(parse(text, own).as_deref(), Ok(normal), "{text}");
            }
        }
    }

    #[test]
    fn an_address_that_is_hostile_or_leads_inside_is_refused_with_its_reason() {
        use BadAddress::*;
        for (text, error) in [
            ("", Length),
            ("hooks.partner.dev", NotAUrl),
            ("//hooks.partner.dev/", NotAUrl),
            ("https://", NotAUrl),
            ("https:// hooks.partner.dev/", NotAUrl),
            ("https://hooks.part\nner.dev/", NotAUrl),
            (" https://hooks.partner.dev/", NotAUrl),
            ("https://hooks.partner.dev/\u{202e}", NotAUrl),
            ("https://hóoks.partner.dev/", NotAUrl),
            ("https://hooks..partner.dev/", NotAUrl),
            ("https://hooks_1.partner.dev/", NotAUrl),
            ("https://-hooks.partner.dev/", NotAUrl),
            ("https://hooks.partner.dev:99999/", NotAUrl),
            ("http://hooks.partner.dev/", NotHttps),
            ("ftp://hooks.partner.dev/", NotHttps),
            ("file:///etc/passwd", NotHttps),
            ("javascript:alert(1)", NotHttps),
            ("data:text/plain,x", NotHttps),
            ("wss://hooks.partner.dev/", NotHttps),
            ("https://user@hooks.partner.dev/", NamesAUser),
            ("https://user:secret@hooks.partner.dev/", NamesAUser),
            ("https://:secret@hooks.partner.dev/", NamesAUser),
            ("https://localhost@hooks.partner.dev/", NamesAUser),
            ("https://hooks.partner.dev/#x", Fragment),
            ("https://127.0.0.1/", IpAddress),
            ("https://127.1/", IpAddress),
            ("https://2130706433/", IpAddress),
            ("https://0x7f000001/", IpAddress),
            ("https://0177.0.0.1/", IpAddress),
            ("https://%31%32%37.0.0.1/", IpAddress),
            ("https://10.0.0.8/", IpAddress),
            ("https://169.254.169.254/latest/meta-data", IpAddress),
            ("https://8.8.8.8/", IpAddress),
            ("https://0.0.0.0/", IpAddress),
            ("https://[::1]/", IpAddress),
            ("https://[::ffff:127.0.0.1]/", IpAddress),
            ("https://[fd00::1]/", IpAddress),
            ("https://[2606:4700::1111]/", IpAddress),
            ("https://localhost/", SpecialUse),
            ("https://LOCALHOST/", SpecialUse),
            ("https://localhost./", NotAUrl),
            ("https://%6cocalhost/", SpecialUse),
            ("https://api.localhost/", SpecialUse),
            ("https://printer.local/", SpecialUse),
            ("https://printer.local./", NotAUrl),
            ("https://metadata.google.internal/", SpecialUse),
            ("https://intranet/", SpecialUse),
            ("https://dev/", SpecialUse),
            ("https://router.home.arpa/", SpecialUse),
            ("https://1.0.0.127.in-addr.arpa/", SpecialUse),
            ("https://hidden.onion/", SpecialUse),
            ("https://x.test/", SpecialUse),
            ("https://x.invalid/", SpecialUse),
            ("https://x.example/", SpecialUse),
            ("https://auth.acme.dev/oauth/token", Own),
            ("https://auth.acme.dev:443/", Own),
            ("https://AUTH.acme.dev/", Own),
            ("https://auth.acme.dev./", NotAUrl),
        ] {
            assert_eq!(parse(text, PUBLIC), Err(error), "{text}");
        }
        let long = format!("https://hooks.partner.dev/{}", "a".repeat(MAX_URL));
        assert_eq!(parse(&long, PUBLIC), Err(Length));
    }

    #[test]
    fn this_machine_is_written_to_only_by_a_server_that_runs_on_it() {
        for text in [
            "http://localhost:9000/x",
            "http://127.0.0.1:9000/x",
            "http://[::1]:9000/x",
        ] {
            assert_eq!(parse(text, LOCAL).as_deref(), Ok(text));
            assert!(parse(text, PUBLIC).is_err());
        }
        assert_eq!(parse("http://localhost:8787/healthz", LOCAL), Err(BadAddress::Own));
        assert_eq!(parse("http://192.168.1.2/", LOCAL), Err(BadAddress::NotHttps));
        assert_eq!(parse("https://192.168.1.2/", LOCAL), Err(BadAddress::IpAddress));
    }
}
