//! Paths of calls, read so that no API behind the guard can read them in another way.

use thiserror::Error;

/// The longest path that is read, in bytes.
const MAX_PATH: usize = 4096;
const MAX_SEGMENTS: usize = 64;

/// The segments of a path, decoded and in lower case: many servers do not look at it, and a rule must not be got round by a
/// capital. Nothing in it is ambiguous: what servers resolve or split differently was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPath(Vec<String>);

/// Why a path is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// It is too long.
    #[error("the path is longer than 4096 bytes or 64 segments")]
    TooLong,
    /// It does not begin with a slash.
    #[error("the path must begin with a slash")]
    Relative,
    /// `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the path has a broken percent-encoding")]
    Encoding,
    /// A dot segment, an empty one, an encoded slash, a backslash, a semicolon or a control character: some servers read on
    /// from there in another way than others.
    #[error("the path has a segment that servers read in different ways")]
    Ambiguous,
}

impl CallPath {
    /// Reads the path of a request target, without query. One slash at the end says nothing, as most servers have it.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        if path.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        let rest = path.strip_prefix('/').ok_or(PathError::Relative)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            // "//" is a host to some.
            return match path {
                "/" => Ok(Self(Vec::new())),
                _ => Err(PathError::Ambiguous),
            };
        }
        let segments: Result<Vec<String>, PathError> = rest.split('/').map(segment).collect();
        let segments = segments?;
        match segments.len() <= MAX_SEGMENTS {
            true => Ok(Self(segments)),
            false => Err(PathError::TooLong),
        }
    }

    /// Its segments.
    pub fn segments(&self) -> &[String] {
        &self.0
    }
}

fn segment(text: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => return Err(PathError::Encoding),
            },
            byte => byte,
        };
        bytes.push(byte);
    }
    let decoded = String::from_utf8(bytes).map_err(|_| PathError::Encoding)?;
    let splits = |letter: char| matches!(letter, '/' | '\\' | ';' | '%' | '?' | '#') || letter.is_control();
    match decoded.is_empty() || decoded == "." || decoded == ".." || decoded.contains(splits) {
        true => Err(PathError::Ambiguous),
        false => Ok(decoded.to_lowercase()),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_decoded_segments_and_a_slash_at_the_end_says_nothing() {
        for (path, expected) in [
            ("/", &[] as &[&str]),
            ("/v1/projects", &["v1", "projects"]),
            ("/v1/projects/", &["v1", "projects"]),
            ("/V1/caf%C3%A9/a%20b", &["v1", "café", "a b"]),
            ("/v1/a..b/...", &["v1", "a..b", "..."]),
        ] {
            assert_eq!(CallPath::parse(path).unwrap().segments(), expected, "{path}");
        }
    }

    // Covers: B42
    #[test]
    fn a_path_that_servers_read_in_different_ways_is_refused() {
        for path in [
            "//",
            "//v1",
            "/v1//projects",
            "/v1/projects//",
            "/v1/../admin",
            "/v1/./projects",
            "/v1/%2e%2e/admin",
            "/v1/.%2E/admin",
            "/v1%2fadmin",
            "/v1%5cadmin",
            "/v1\\admin",
            "/v1/projects;admin=1",
            "/v1/projects%3Badmin",
            "/v1/%252e%252e/admin",
            "/v1/a%00b",
            "/v1/a%0d%0ab",
            "/v1/a%3Fb",
            "/v1/a%23b",
        ] {
            assert_eq!(CallPath::parse(path), Err(PathError::Ambiguous), "{path}");
        }
    }

    #[test]
    fn a_broken_encoding_is_refused() {
        for path in ["/%", "/%4", "/%zz", "/%c3", "/%ff", "/a%2"] {
            assert_eq!(CallPath::parse(path), Err(PathError::Encoding), "{path}");
        }
    }

    #[test]
    fn what_is_no_absolute_path_or_too_long_is_refused() {
        assert_eq!(CallPath::parse(""), Err(PathError::Relative));
        assert_eq!(CallPath::parse("v1"), Err(PathError::Relative));
        assert_eq!(
            CallPath::parse(&format!("/{}", "a".repeat(MAX_PATH))),
            Err(PathError::TooLong)
        );
        assert_eq!(CallPath::parse(&"/a".repeat(MAX_SEGMENTS + 1)), Err(PathError::TooLong));
        assert!(CallPath::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
    }
}
