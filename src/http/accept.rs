//! Which representation a client asked for (RFC 9110 §12.5.1).

/// Whether the header field `Accept` names this media type, and prefers nothing that is served otherwise. A wildcard
/// names nothing: who does not ask for a special form gets the usual one.
pub fn asks_for(accept: Option<&str>, media_type: &str, usual: &str) -> bool {
    let accept = accept.unwrap_or_default();
    let weight = weight(accept, media_type).unwrap_or(0);
    weight > 0 && weight >= self::weight(accept, usual).unwrap_or(0)
}

/// Whether the header field `Accept`, if there is one, lets this media type pass.
pub fn accepts(accept: Option<&str>, media_type: &str) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return true;
    };
    let kind = media_type.split('/').next().unwrap_or_default();
    // The most specific that matches counts.
    let ranges = [media_type, &format!("{kind}/*"), "*/*"];
    ranges
        .iter()
        .find_map(|range| weight(accept, range))
        .is_some_and(|weight| weight > 0)
}

/// The weight of a media type that is named, in thousandths; the highest if it is named twice.
fn weight(accept: &str, media_type: &str) -> Option<u32> {
    let ranges = accept.split(',').map(|range| range.split(';'));
    let named = ranges.filter_map(|mut range| {
        range
            .next()
            .filter(|name| name.trim().eq_ignore_ascii_case(media_type))
            .map(|_| range)
    });
    named
        .map(|mut parameters| parameters.find_map(quality).unwrap_or(1000))
        .max()
}

/// A member of `Accept-Language` (RFC 9110 §12.5.4) and its weight, in thousandths.
pub fn weight_of(range: &str) -> (&str, u32) {
    let mut parameters = range.split(';');
    let name = parameters.next().unwrap_or_default().trim();
    (name, parameters.find_map(quality).unwrap_or(1000))
}

/// `q=0.5` (RFC 9110 §12.4.2). A weight that cannot be read counts as none: better the usual form than a wrong one.
fn quality(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_read =
        matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{whole}{fraction:0<3}").parse().unwrap_or(0);
    Some(if is_read && thousandths <= 1000 { thousandths } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &str) -> bool {
        asks_for(Some(accept), "application/token-introspection+jwt", "application/json")
    }

    #[test]
    fn a_special_form_is_served_to_who_names_it() {
        for accept in [
            "application/token-introspection+jwt",
            "Application/Token-Introspection+JWT",
            "text/html, application/token-introspection+jwt ;q=0.5",
            "application/token-introspection+jwt;v=1;q=1.000,*/*;q=0.1",
            "application/json;q=0.9, application/token-introspection+jwt",
            "application/json, application/token-introspection+jwt",
        ] {
            assert!(asks(accept), "{accept}");
        }
    }

    #[test]
    fn a_form_passes_for_who_names_it_or_takes_anything_unless_it_is_ruled_out() {
        let passes = |accept| accepts(accept, "application/statuslist+jwt");
        for accept in [
            None,
            Some(""),
            Some("*/*"),
            Some("application/*;q=0.1"),
            Some("application/statuslist+cwt, application/statuslist+jwt;q=0.5"),
            Some("application/statuslist+jwt, */*;q=0"),
        ] {
            assert!(passes(accept), "{accept:?}");
        }
        for accept in [
            "application/statuslist+cwt",
            "text/*",
            "application/statuslist+jwt;q=0, */*",
            "application/*;q=0, */*",
            "application/statuslist",
        ] {
            assert!(!passes(Some(accept)), "{accept}");
        }
    }

    #[test]
    fn everybody_else_gets_the_usual_form() {
        assert!(!asks_for(
            None,
            "application/token-introspection+jwt",
            "application/json"
        ));
        for accept in [
            "",
            ",;,",
            "*/*",
            "application/*",
            "application/json",
            "application/jwt",
            "application/token-introspection+jwts",
            "xapplication/token-introspection+jwt",
            "application/token-introspection+jwt;q=0",
            "application/token-introspection+jwt;q=0.000",
            "application/token-introspection+jwt;q=2",
            "application/token-introspection+jwt;q=1.5",
            "application/token-introspection+jwt;q=0.1234",
            "application/token-introspection+jwt;q=x",
            "application/json, application/token-introspection+jwt;q=0.9",
            "text/html;a=application/token-introspection+jwt",
        ] {
            assert!(!asks(accept), "{accept}");
        }
    }
}
