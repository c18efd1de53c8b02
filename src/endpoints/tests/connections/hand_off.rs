//! The hand-off to the platform's own sign-in page.

use super::*;

fn hand_off(subject_is_user_id: u8) -> Value {
    value!({
        "id": "con_own", "name": "Acme", "domain_level": 1, "issuer": "https://acme.example",
        "method": { "hand_off": {
            "login_url": "https://acme.example/login?from=latchkey", "jwks": { "keys": [jwk(&key(50))] },
            "subject_is_user_id": subject_is_user_id
        } }
    })
}

fn assertion(nonce: &str, jti: &str) -> Value {
    value!({
        "iss": "https://acme.example", "aud": ISSUER, "sub": "usr_jane", "nonce": nonce, "jti": jti,
        "iat": 1000, "exp": 1060, "auth_time": 990, "name": "Jane Doe"
    })
}

fn asserted(claims: &Value, seed: u32) -> String {
    sign(
        &value!({ "alg": "ES256", "typ": "latchkey-sign-in+jwt" }),
        claims,
        &key(seed),
    )
}

// Covers: R38
#[test]
fn nobody_is_sent_to_a_sign_in_page_that_is_not_on_https() {
    for (own, bad) in [
        (ISSUER, ""),
        (ISSUER, "/login"),
        (ISSUER, "javascript:alert(1)"),
        (ISSUER, "http://acme.example/login"),
        (ISSUER, "https://acme.example/login#x"),
        (ISSUER, "https://user@acme.example/login"),
        ("https://auth.example", "http://localhost:9000/login"),
    ] {
        let mut connection = hand_off(1);
        connection["method"]["hand_off"]["login_url"] = value!(bad);
        let mut server = connected(&[connection]);
        server.config.issuer = crate::config::Issuer::parse(own).unwrap();
        let reply = Browser::default().get(&server, &login_url("/account/apps"));
        assert_eq!(
            (reply.status, reply.error),
            (503, Some("sign_in_provider_unavailable")),
            "{bad}"
        );
        assert!(!reply.has_header("Location"));
        let line = server.lines.borrow().last().unwrap().clone();
        assert!(line.contains("login_url") && line.contains("con_own"), "{line}");
    }
    let mut local = hand_off(1);
    local["method"]["hand_off"]["login_url"] = value!("http://localhost:9000/login");
    let reply = Browser::default().get(&connected(&[local]), &login_url("/account/apps"));
    assert!(location(&reply).starts_with("http://localhost:9000/login?"));
}

// Covers: R38
// Rule: ATTACK 5, ATTACK 6
#[test]
fn the_platforms_own_page_signs_people_in_with_an_assertion_that_is_good_once() {
    let server = connected(&[hand_off(1)]);
    let mut browser = Browser::default();
    let mut start = || {
        let (to, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
        assert_eq!(
            (to.as_str(), sent["from"].as_str()),
            ("https://acme.example/login", "latchkey")
        );
        let back = sent["continue"].strip_prefix(ISSUER).unwrap().to_owned();
        (back, sent["nonce"].clone())
    };
    let (back, nonce) = start();
    assert!(back.starts_with("/login/callback/con_own?state="));
    let (other, other_nonce) = start();
    let good = asserted(&assertion(&nonce, "1"), 50);

    let mut with = |back: &str, assertion: &str| browser.get(&server, &format!("{back}&assertion={assertion}"));
    expect_refusal(
        &server,
        &with(&back, &asserted(&assertion(&nonce, "1"), 51)),
        "assertion_signature",
    );
    expect_refusal(&server, &with(&other, &good), "assertion_nonce");
    expect_refusal(&server, &with(&back, "x"), "assertion_malformed");
    assert_eq!(location(&with(&back, &good)), "/account/apps");
    assert_eq!(with(&back, &good).error, Some("sign_in_replayed"));
    assert_eq!(
        with(&other, &asserted(&assertion(&other_nonce, "1"), 50)).error,
        Some("sign_in_replayed")
    );
    let sessions = server.stores.sessions.borrow();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions.values().next().unwrap().user_id, "usr_jane");
}

#[test]
fn a_subject_that_is_the_id_of_somebody_else_is_refused() {
    let server = connected(&[hand_off(1)]);
    let mut browser = Browser::default();
    let (_, sent) = sent_to(&browser.get(&server, &login_url("/account/apps")));
    let mut claims = assertion(&sent["nonce"], "1");
    claims["sub"] = value!("usr_alice");
    let back = sent["continue"].strip_prefix(ISSUER).unwrap();
    let reply = browser.get(&server, &format!("{back}&assertion={}", asserted(&claims, 50)));
    expect_refusal(&server, &reply, "sign_in_id_taken");
    assert!(server.stores.identities.borrow().is_empty());
}
