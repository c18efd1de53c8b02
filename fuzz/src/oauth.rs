//! Parameters of the protocol.

use latchkey::oauth::pkce::{CodeChallenge, CodeVerifier};
use latchkey::oauth::redirect_uri::{RedirectUri, VerifiedRedirect};
use latchkey::oauth::resource::names_resource;
use latchkey::oauth::scope::Scopes;

use crate::text;

const REGISTERED: &[&str] = &[
    "https://app.example/callback",
    "https://app.example/callback?tenant=1",
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://localhost/callback",
    "com.example.app:/callback",
];

/// Accepted only if it is registered, letter by letter; but for the port of a loopback address.
pub fn redirect_uri(data: &[u8]) {
    let requested = text(data);
    let registered: Vec<RedirectUri> = REGISTERED.iter().map(|uri| RedirectUri::from(*uri)).collect();
    let Some(found) = VerifiedRedirect::find(requested, &registered) else {
        assert!(!REGISTERED.contains(&requested));
        return;
    };
    assert_eq!(found.as_str(), requested);
    assert!(REGISTERED.contains(&found.registered()));
    if requested != found.registered() {
        let rest = found
            .registered()
            .strip_prefix("http://")
            .expect("only http on loopback");
        let (host, path) = rest.split_once('/').expect("a path is registered");
        let port = requested
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_prefix(host)?.strip_suffix(path)?.strip_suffix('/'))
            .expect("they differ by the port alone");
        assert!(
            port.strip_prefix(':')
                .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        );
    }
    // What is added never reaches beyond the query of that URI.
    let redirect = found.with_params(&[("code", "a&b=c#d"), ("state", "é /?")]);
    let (before, added) = redirect.split_at(requested.len());
    assert_eq!(before, requested);
    assert!(added.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
    assert_eq!(added.matches('=').count(), 2);
}

/// Tokens of the standard's letters, the same when written and read again, and no more than were asked for.
pub fn scope(data: &[u8]) {
    let Ok(scopes) = Scopes::parse(text(data)) else { return };
    assert_eq!(Scopes::parse(&scopes.to_string()).as_ref(), Ok(&scopes));
    assert!(
        scopes
            .iter()
            .all(|scope| text(data).split(' ').any(|asked| asked == scope))
    );
    assert!(scopes.iter().all(|scope| {
        scope
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    }));
    let requested = Scopes::parse_requested(text(data)).expect("the same letters");
    assert!(requested.is_none_or(|requested| requested.is_subset(&scopes) && !requested.contains("offline_access")));
}

/// A resource is named by its own letters, but for the case of its origin and the slash behind a bare origin.
pub fn resource(data: &[u8]) {
    let requested = text(data);
    for registered in [
        "https://api.example",
        "https://api.example/v1",
        "https://api.example:8443/v1?x",
    ] {
        let named = names_resource(requested, registered);
        let origin = registered.find("example").map_or(0, |at| at + "example".len());
        let same = requested == registered
            || requested.len() >= origin
                && requested.is_char_boundary(origin)
                && requested[..origin].eq_ignore_ascii_case(&registered[..origin])
                && requested[origin..].trim_end_matches('/') == registered[origin..].trim_end_matches('/');
        assert!(!named || same, "{requested} names {registered}");
        assert!(names_resource(registered, registered));
    }
    // Nobody's name for one resource is a name of another.
    assert!(!(names_resource(requested, "https://api.example") && names_resource(requested, "https://api.example/v1")));
}

/// A verifier fits the challenge made of it and no other.
pub fn pkce(data: &[u8]) {
    let (verifier, challenge) = text(data).split_once('\n').unwrap_or((text(data), ""));
    let Ok(parsed) = CodeVerifier::parse(Some(verifier)) else {
        return;
    };
    assert!((43..=128).contains(&verifier.len()));
    let own = latchkey::crypto::hash(verifier);
    assert!(CodeChallenge::parse(Some(&own), Some("S256")).is_ok_and(|own| own.verify(&parsed).is_ok()));
    assert!(CodeChallenge::parse(Some(&own), Some("plain")).is_err());
    if let Ok(other) = CodeChallenge::parse(Some(challenge), Some("S256")) {
        assert_eq!(other.verify(&parsed).is_ok(), challenge == own);
    }
    assert!(CodeChallenge::parse(Some(verifier), Some("S256")).is_err() || verifier.len() == 43);
}
