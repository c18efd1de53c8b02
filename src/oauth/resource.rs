//! Resource indicators (RFC 8707).

use url::Url;

/// Whether a request's `resource` names the API registered under `registered`. Compared letter by letter,
/// but scheme and host in any case and `https://host` like `https://host/`: client libraries send
/// either (RFC 3986 §6.2.2.1, §6.2.3).
pub fn names_resource(requested: &str, registered: &str) -> bool {
    match (canonical(requested), canonical(registered)) {
        (Some(requested), Some(registered)) => requested == registered,
        _ => false,
    }
}

/// Whether it is an absolute URI with a host and without fragment (RFC 8707 §2), and names no user.
pub fn is_resource(text: &str) -> bool {
    canonical(text).is_some()
}

/// An absolute URI without fragment (RFC 8707 §2) in its normal form.
fn canonical(text: &str) -> Option<String> {
    // The URL parser forgives what RFC 3986 does not allow; a resource has to be written properly.
    if text.len() > 2048 || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let (origin, path) = split_origin(text)?;
    let url = Url::parse(text).ok()?;
    // Neither a user, be it an empty one, nor nobody: "https://".
    if url.fragment().is_some() || origin.contains('@') || origin.ends_with('/') {
        return None;
    }
    // Only what RFC 3986 makes equal: the path keeps its letters, dot segments included.
    let path = if path == "/" { "" } else { path };
    Some(format!("{}{path}", origin.to_ascii_lowercase()))
}

/// The part before the path, and the rest.
pub fn split_origin(text: &str) -> Option<(&str, &str)> {
    let authority = text.find("://")? + 3;
    let length = text
        .get(authority..)?
        .find(['/', '?', '#'])
        .unwrap_or(text.len() - authority);
    text.split_at_checked(authority + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule: RES 4
    #[test]
    fn a_resource_matches_whatever_the_case_of_its_host_and_with_or_without_the_root_slash() {
        for same in ["https://api.example", "https://api.example/", "HTTPS://API.Example"] {
            assert!(names_resource(same, "https://api.example"), "{same}");
            assert!(names_resource(same, "https://api.example/"), "{same}");
        }
        assert!(names_resource("https://api.example/v1", "https://api.example/v1"));
    }

    // Rule: RES 4
    #[test]
    fn anything_else_names_another_resource_or_none() {
        for other in [
            "",
            "api.example",
            "/",
            "https://api.example/v1",
            "https://api.example/V1",
            "https://api.example/v1/",
            "https://api.example#f",
            "https://api.example/?q",
            "https://user@api.example",
            "http://api.example",
            "https://api.example:444",
            "https://api.example.evil",
            "https://api.example\\@evil",
            " https://api.example",
            "https://api.exam\tple",
            "urn:x",
            "https://",
            "https://api.example/a/..",
        ] {
            assert!(!names_resource(other, "https://api.example"), "{other}");
        }
        assert!(!names_resource("https://api.example/v1/", "https://api.example/v1"));
    }
}
