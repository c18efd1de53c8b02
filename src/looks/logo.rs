//! Logos: pictures that were uploaded, or that the operator put into KV, each under the hash of its content. Pages show no
//! other: a picture from elsewhere would tell its server who is about to decide what.

use crate::crypto::from_base64url;
use crate::router;

/// The name of a logo: `<base64url(SHA-256)>.png`, `.jpeg` or `.webp`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogoName {
    name: String,
    content_type: &'static str,
}

impl LogoName {
    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        let (hash, kind) = name.split_once('.')?;
        let content_type = match kind {
            "png" => "image/png",
            "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            _ => return None,
        };
        let is_hash = hash.len() == 43 && from_base64url(hash).is_some_and(|bytes| bytes.len() == 32);
        is_hash.then(|| Self {
            name: name.to_owned(),
            content_type,
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Its path on this server.
    pub fn path(&self) -> String {
        format!("{}/{}", router::LOGOS, self.name)
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// A name that is well-formed.
    pub fn name() -> String {
        format!("{}.png", crate::crypto::hash("a logo"))
    }

    #[test]
    fn a_name_is_the_hash_of_a_picture_with_its_kind() {
        let name = name();
        assert_eq!(LogoName::parse(&name).unwrap().content_type(), "image/png");
        assert_eq!(LogoName::parse(&name).unwrap().path(), format!("/logos/{name}"));
        let hash = name.trim_end_matches(".png");
        for bad in [
            "",
            ".png",
            hash,
            &format!("{hash}."),
            &format!("{hash}.svg"),
            &format!("{hash}.PNG"),
            &format!("{hash}.png.png"),
            &format!("{hash}A.png"),
            &format!("{}.png", &hash[1..]),
            &format!("../{}.png", &hash[3..]),
            &format!("{}!.png", &hash[1..]),
            "https://evil.example/logo.png",
        ] {
            assert_eq!(LogoName::parse(bad), None, "{bad}");
        }
    }
}
