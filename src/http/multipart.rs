//! Forms with a file in them (`multipart/form-data`, RFC 7578), read strictly: few parts, each name once.

/// One field of such a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is in it.
    pub content: &'a [u8],
}

/// More than any form of ours has.
const MOST_PARTS: usize = 8;
/// The longest head of a part, in bytes: file names are in it.
const LONGEST_HEAD: usize = 2048;

/// Reads the parts of a body. `None`: it is no such form, or not well-formed, or a name comes twice.
pub fn parse<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("\r\n--{}", boundary(content_type)?);
    // The first delimiter has no line before it.
    let mut rest = body.strip_prefix(delimiter.get(2..)?.as_bytes())?;
    let mut parts: Vec<Part<'a>> = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return (end.is_empty() || end == b"\r\n").then_some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let until = find(rest, delimiter.as_bytes())?;
        let part = part(rest.get(..until)?)?;
        if parts.len() == MOST_PARTS || parts.iter().any(|other| other.name == part.name) {
            return None;
        }
        parts.push(part);
        rest = rest.get(until + delimiter.len()..)?;
    }
}

/// RFC 2046 §5.1.1: 1 to 70 letters that need no quotes in what browsers send.
fn boundary(content_type: &str) -> Option<&str> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.trim().strip_prefix("boundary=")?;
    let boundary = boundary
        .strip_prefix('"')
        .and_then(|quoted| quoted.strip_suffix('"'))
        .unwrap_or(boundary);
    let plain = boundary
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte));
    (plain && (1..=70).contains(&boundary.len())).then_some(boundary)
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let head_ends = find(bytes.get(..LONGEST_HEAD.min(bytes.len()))?, b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..head_ends)?).ok()?;
    let mut names = head.split("\r\n").filter_map(|line| {
        let (field, value) = line.split_once(':')?;
        let is_disposition = field.eq_ignore_ascii_case("content-disposition");
        let value = is_disposition.then(|| value.trim().strip_prefix("form-data;"))??;
        // The name comes first in what browsers send; what a file is called matters to nobody.
        let (name, _) = value.trim_start().strip_prefix("name=\"")?.split_once('"')?;
        Some(name)
    });
    let name = names.next()?;
    let content = bytes.get(head_ends + 4..)?;
    names.next().is_none().then_some(Part { name, content })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundaryAbc";

    fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, content) in fields {
            body.extend(b"------WebKitFormBoundaryAbc\r\nContent-Disposition: form-data; ");
            body.extend(head.as_bytes());
            body.extend(b"\r\n\r\n");
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"------WebKitFormBoundaryAbc--\r\n");
        body
    }

    #[test]
    fn what_a_browser_sends_is_read() {
        let file: &[u8] = b"\r\n--\r\n------WebKitFormBoundaryAb\x00\xff";
        let body = form(&[
            ("name=\"csrf\"", b"token"),
            ("name=\"logo\"; filename=\"a b.png\"\r\nContent-Type: image/png", file),
            ("name=\"empty\"", b""),
        ]);
        let parts = parse(TYPE, &body).unwrap();
        let read: Vec<_> = parts.iter().map(|part| (part.name, part.content)).collect();
        assert_eq!(read, [("csrf", b"token".as_slice()), ("logo", file), ("empty", b"")]);
    }

    #[test]
    fn what_is_not_well_formed_or_says_a_name_twice_is_refused() {
        let good = form(&[("name=\"csrf\"", b"token")]);
        for content_type in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=----WebKitFormBoundaryAbc",
            "multipart/form-data; boundary=----WebKitFormBoundary Abc",
            "multipart/form-data; charset=x; boundary=----WebKitFormBoundaryAbc",
            "application/x-www-form-urlencoded",
        ] {
            assert_eq!(parse(content_type, &good), None, "{content_type}");
        }
        assert_eq!(
            parse(&format!("multipart/form-data; boundary={}", "a".repeat(71)), &good),
            None
        );
        for bad in [
            form(&[("name=\"a\"", b"1"), ("name=\"a\"", b"2")]),
            form(&[("filename=\"a\"", b"1")]),
            form(&[("name=a", b"1")]),
            form(&[("name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", b"1")]),
            form(&[(format!("name=\"{}\"", "a".repeat(3000)).as_str(), b"1")]),
            [good.as_slice(), b"x"].concat(),
            [b"x".as_slice(), good.as_slice()].concat(),
        ] {
            assert_eq!(parse(TYPE, &bad), None);
        }
        for cut in 0..good.len() - 2 {
            assert_eq!(parse(TYPE, &good[..cut]), None, "{cut}");
        }
        let names: Vec<String> = (0..9).map(|at| format!("name=\"{at}\"")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        assert_eq!(parse(TYPE, &form(&many)), None);
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body: Vec<u8>, kind in "[ -~]{0,40}") {
            let _ = parse(TYPE, &body);
            let _ = parse(&kind, &body);
        }
    }
}
