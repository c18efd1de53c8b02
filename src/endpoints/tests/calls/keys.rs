//! Tokens that are bound to a key (RFC 9449).

use super::*;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::dpop;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::store::memory::Fault;

fn key() -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(71))
}

fn proof_by(server: &Server, key: &EcPrivateKey, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = value!({
        "htm": "GET", "htu": "https://api.example/v1/projects", "iat": server.now.get().as_seconds(),
        "jti": crate::random::identifier(&server.random, ""),
        "nonce": dpop::nonce(&server.config.sealing_keys, server.now.get())
    });
    change(&mut claims);
    sign(
        &value!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(key) }),
        &claims,
        key,
    )
}

/// A proof for a call with this token, but for what is changed in it.
fn proof(server: &Server, token: &str, change: impl FnOnce(&mut Value)) -> String {
    proof_by(server, &key(), |claims| {
        claims["ath"] = crate::crypto::hash(token).into();
        change(claims);
    })
}

/// A token that is bound to the key.
fn bound(server: &Server) -> String {
    let code = code(server, "app_one");
    let mut request = form_request("/oauth/token", &redemption(&code));
    let proof = proof_by(server, &key(), |claims| {
        claims["htm"] = "POST".into();
        claims["htu"] = "http://localhost:8787/oauth/token".into();
    });
    request.headers.insert("dpop".into(), proof);
    let tokens = json(&server.send(&request));
    assert_eq!(tokens["token_type"], "DPoP", "{tokens}");
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn ask(server: &Server, token: &str, proof: &str) -> Reply {
    let question = call("GET", "/v1/projects?limit=5").with("authorization", &format!("DPoP {token}"));
    question.with("dpop", proof).ask(server)
}

#[test]
fn a_bound_token_goes_with_a_proof_for_this_call_and_costs_one_trip_more() {
    let server = guard();
    let token = bound(&server);
    assert_eq!(ask(&server, &token, &proof(&server, &token, |_| {})).status, 200);
    server.trips();
    let reply = ask(&server, &token, &proof(&server, &token, |_| {}));
    assert_eq!((reply.status, told(&reply, "Latchkey-Token-Type")), (200, "DPoP"));
    assert_eq!(
        told(&reply, "DPoP-Nonce"),
        dpop::nonce(&server.config.sealing_keys, server.now.get())
    );
    let trips = server.trips();
    assert_eq!(trips.iter().filter(|part| **part == "ledger").count(), 1, "{trips:?}");
    assert!(!trips.contains(&"feed"), "{trips:?}");
}

// Covers: B29
#[test]
fn a_bound_token_is_refused_as_bearer_without_a_proof_and_with_one_of_another_key() {
    let server = guard();
    let token = bound(&server);
    let reply = call("GET", "/v1/projects").bearer(&token).ask(&server);
    assert_eq!(refused(&reply), no(401, "invalid_token", "invalid_token"));
    assert!(told(&reply, "WWW-Authenticate").starts_with("DPoP algs="), "{reply:?}");
    let reply = call("GET", "/v1/projects")
        .with("authorization", &format!("DPoP {token}"))
        .ask(&server);
    assert_eq!(refused(&reply), no(401, "invalid_dpop_proof", ""));
    let other = EcPrivateKey::generate(&Seeded::new(72));
    let stolen = proof_by(&server, &other, |claims| {
        claims["ath"] = crate::crypto::hash(&token).into()
    });
    assert_eq!(
        refused(&ask(&server, &token, &stolen)),
        no(401, "invalid_token", "invalid_token")
    );
    let (unbound, _) = connect(&server, "read:projects");
    let reply = ask(&server, &unbound, &proof(&server, &unbound, |_| {}));
    assert_eq!(refused(&reply), no(401, "invalid_token", "invalid_token"));
}

#[test]
fn a_proof_is_for_one_method_one_address_and_one_token() {
    let server = guard();
    let token = bound(&server);
    for (what, claim, bad) in [
        ("another method", "htm", Some(value!("POST"))),
        ("another path", "htu", Some(value!("https://api.example/v1/me"))),
        ("another host", "htu", Some(value!("https://evil.example/v1/projects"))),
        (
            "the address of verify",
            "htu",
            Some(value!("http://localhost:8787/oauth/verify")),
        ),
        ("no address", "htu", None),
        ("another token", "ath", Some(value!(crate::crypto::hash("other")))),
        ("no token", "ath", None),
        ("an old one", "iat", Some(value!(600))),
    ] {
        let proof = proof(&server, &token, |claims| match bad {
            Some(bad) => claims[claim] = bad,
            None => drop(claims.as_object_mut().unwrap().remove(claim)),
        });
        assert_eq!(
            refused(&ask(&server, &token, &proof)),
            no(401, "invalid_dpop_proof", ""),
            "{what}"
        );
    }
}

#[test]
fn a_proof_is_good_once_and_a_call_that_is_refused_uses_none_up() {
    let server = guard();
    let token = bound(&server);
    let once = proof(&server, &token, |claims| claims["htm"] = "POST".into());
    let post = || {
        let question = call("POST", "/v1/projects").with("authorization", &format!("DPoP {token}"));
        refused(&question.with("dpop", &once).ask(&server))
    };
    assert_eq!(post(), no(403, "insufficient_scope", ""));
    assert_eq!(post(), no(403, "insufficient_scope", ""));
    let once = proof(&server, &token, |_| {});
    assert_eq!(ask(&server, &token, &once).status, 200);
    let reply = ask(&server, &token, &once);
    assert_eq!(refused(&reply), no(401, "invalid_dpop_proof", ""));
    assert!(told(&reply, "WWW-Authenticate").contains("error=\"invalid_dpop_proof\""));
}

#[test]
fn a_proof_needs_a_nonce_which_the_refusal_brings() {
    let server = guard();
    let token = bound(&server);
    let without = proof(&server, &token, |claims| {
        drop(claims.as_object_mut().unwrap().remove("nonce"))
    });
    let reply = ask(&server, &token, &without);
    assert_eq!(refused(&reply), no(401, "use_dpop_nonce", ""));
    assert!(told(&reply, "WWW-Authenticate").contains("error=\"use_dpop_nonce\""));
    let nonce = told(&reply, "DPoP-Nonce").to_owned();
    assert_eq!(
        ask(
            &server,
            &token,
            &proof(&server, &token, |claims| claims["nonce"] = nonce.into())
        )
        .status,
        200
    );
}

#[test]
fn a_proof_that_nobody_can_look_up_lets_nobody_through() {
    let server = guard();
    let token = bound(&server);
    assert_eq!(ask(&server, &token, &proof(&server, &token, |_| {})).status, 200);
    server.stores.plan(&[Fault::Before("ledger"), Fault::Before("ledger")]);
    let reply = ask(&server, &token, &proof(&server, &token, |_| {}));
    assert_eq!(refused(&reply), no(503, "temporarily_unavailable", ""));
}
