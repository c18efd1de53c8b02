//! Cross App Access: an enterprise's identity provider vouches for its people (ID-JAG).

use serde_json::{Value, json as value};

use super::*;
use crate::crypto::base64url;
use crate::crypto::ec_key::EcPrivateKey;
use crate::oauth::dpop;
use crate::oauth::jwk::testing::jwk;
use crate::oauth::jws::testing::sign;
use crate::oauth::standing::AppStatus;
use crate::store::memory::Fault;

pub const IDP: &str = "https://idp.acme.dev";
pub const KEYS: &str = "https://idp.acme.dev/jwks";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The organization `org_acme` trusts [`IDP`] and allows `app_two` to read projects and profiles; whom it does not know
/// joins. Another, `org_other`, trusts one customer of the same issuer and allows nothing.
const ORGANIZATIONS: &str = "
INSERT INTO users (id, username, name, created_at) VALUES ('usr_alice', 'alice', 'Alice Archer', 1);
INSERT INTO developers (id, name, created_at) VALUES ('dev_one', 'Northwind Labs', 1);
INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at) VALUES
  ('app_one', 'dev_one', 'Project Lens', '', 'spa', 'portal', 'approved', 1),
  ('app_two', 'dev_one', 'Project Lens', '', 'web', 'portal', 'approved', 1);
INSERT INTO organizations (id, name, created_at) VALUES ('org_acme', 'Acme', 1), ('org_other', 'Other', 1);
INSERT INTO trusted_issuers (id, organization_id, issuer, tenant, jwks_uri, unknown_people, shard, created_at) VALUES
  ('tri_acme', 'org_acme', 'https://idp.acme.dev', '', 'https://idp.acme.dev/jwks', 'join', 771, 1),
  ('tri_other', 'org_other', 'https://idp.acme.dev', 'other', 'https://idp.acme.dev/jwks', 'join', 772, 1);
INSERT INTO organization_apps (organization_id, client_id, decision, scopes, decided_by, decided_at) VALUES
  ('org_acme', 'app_two', 'allowed', '[\"read:profile\",\"read:projects\"]', 'usr_ada', 1),
  ('org_acme', 'app_one', 'allowed', '[\"read:projects\"]', 'usr_ada', 1);
";

fn key(seed: u32) -> EcPrivateKey {
    EcPrivateKey::generate(&Seeded::new(seed))
}

pub fn publish(server: &Server, kid: &str, seed: u32) {
    let mut jwk = jwk(&key(seed));
    jwk["kid"] = value!(kid);
    let jwks = value!({ "keys": [jwk] }).to_string();
    server.stores.web.borrow_mut().insert(KEYS.into(), (200, jwks));
}

fn server() -> Server {
    let mut server = Server::new();
    server.stores.database.run(ORGANIZATIONS);
    let credential = crate::store::ApiCredential {
        secret_hash: crate::crypto::hash("lka_one"),
        resource: "https://api.example".into(),
    };
    server.stores.credentials.insert("apc_one".into(), credential);
    publish(&server, "a", 31);
    server
}

fn run(server: &Server, sql: &str) {
    server.stores.database.run(sql);
}

fn count(server: &Server, table: &str) -> u64 {
    let counted = server.stores.database.column(&format!("SELECT count(*) FROM {table}"));
    counted[0].as_u64().unwrap()
}

/// The claims of a new assertion about Jane.
fn claims(server: &Server) -> Value {
    let now = server.now.get().as_seconds();
    value!({
        "iss": IDP, "sub": "jane", "aud": ISSUER, "client_id": "app_two", "iat": now, "exp": now + 300,
        "jti": crate::random::identifier(&server.random, "jti_"), "scope": "read:projects read:profile",
        "resource": "https://api.example", "name": "Jane Doe", "email": "alice@example.com"
    })
}

pub fn assert_with(server: &Server, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(server);
    change(&mut claims);
    signed(&claims, "a", 31)
}

fn signed(claims: &Value, kid: &str, seed: u32) -> String {
    let header = value!({ "alg": "ES256", "typ": "oauth-id-jag+jwt", "kid": kid });
    sign(&header, claims, &key(seed))
}

pub fn assertion(server: &Server) -> String {
    assert_with(server, |_| {})
}

fn form(assertion: &str) -> String {
    format!("grant_type={GRANT}&client_id=app_two&client_secret=lks_right&assertion={assertion}")
}

pub fn send(server: &Server, assertion: &str) -> Reply {
    server.post("/oauth/token", &form(assertion))
}

#[track_caller]
pub fn tokens(server: &Server, assertion: &str) -> Value {
    let reply = send(server, assertion);
    assert_eq!(reply.status, 200, "{reply:?}");
    json(&reply)
}

#[track_caller]
pub fn refused(reply: &Reply, code: &str, words: &str) {
    let body = json(reply);
    let description = body["error_description"].as_str().unwrap();
    assert_eq!(body["error"], code, "{description}");
    assert!(description.contains(words), "{description}");
}

/// Whether a token is good, and whom it speaks for.
pub fn subject(server: &Server, tokens: &Value) -> Option<String> {
    let token = tokens["access_token"].as_str().unwrap();
    let form = format!("client_id=apc_one&client_secret=lka_one&token={token}");
    let state = json(&server.post("/oauth/introspect", &form));
    state["sub"].as_str().map(str::to_owned)
}

// Covers: R62, R63
// Rule: XAA 6, XAA 8
#[test]
fn whoever_is_vouched_for_gets_a_token_without_a_page_and_a_managed_consent_stands_behind_it() {
    let server = server();
    let tokens = tokens(&server, &assertion(&server));
    assert_eq!(tokens["scope"], "read:profile read:projects");
    assert_eq!(tokens["resource"], "https://api.example");
    assert_eq!(tokens["token_type"], "Bearer");
    assert!(tokens.get("refresh_token").is_none());
    let user = subject(&server, &tokens).unwrap();
    let database = &server.stores.database;
    let consents =
        "SELECT user_id || ' ' || client_id || ' ' || organization_id || ' ' || instance || ' ' || shard FROM consents";
    assert_eq!(
        database.column(consents),
        [value!(format!("{user} app_two org_acme tri_acme 771"))]
    );
    let events = database.column("SELECT event || ' ' || actor_id || ' ' || user_id FROM audit ORDER BY seq");
    assert_eq!(
        events,
        [
            value!(format!("organization.member_joined app_two {user}")),
            value!(format!("consent.granted app_two {user}"))
        ]
    );
    // No e-mail address names anybody: alice has hers.
    assert_ne!(user, "usr_alice");
    assert_eq!(
        database.column(&format!("SELECT name FROM users WHERE id = '{user}'")),
        ["Jane Doe"]
    );
}

#[test]
fn somebody_who_is_known_costs_one_look_and_one_ledger_and_writes_nothing() {
    let server = server();
    let first = tokens(&server, &assertion(&server));
    let (before, assertion) = (database_of(&server), assertion(&server));
    server.trips();
    let second = tokens(&server, &assertion);
    assert_eq!(server.trips(), ["apps", "keys", "database", "ledger"]);
    assert_eq!(database_of(&server), before);
    assert_eq!(subject(&server, &first), subject(&server, &second));
}

fn database_of(server: &Server) -> String {
    let tables = [
        "users",
        "vouched_people",
        "organization_members",
        "consents",
        "consent_scopes",
        "audit",
    ];
    tables.map(|table| server.stores.database.dump(table)).join("\n")
}

// Rule: XAA 1, XAA 3, XAA 4
#[test]
fn every_bad_assertion_is_an_invalid_grant_and_leaves_nothing_behind() {
    let server = server();
    let before = database_of(&server);
    let other_type = {
        let header = value!({ "alg": "ES256", "typ": "JWT", "kid": "a" });
        sign(&header, &claims(&server), &key(31))
    };
    let unsigned = {
        let header = base64url(value!({ "alg": "none", "typ": "oauth-id-jag+jwt" }).to_string());
        format!("{header}.{}.", base64url(claims(&server).to_string()))
    };
    let symmetric = {
        let header = value!({ "alg": "HS256", "typ": "oauth-id-jag+jwt", "kid": "a" });
        sign(&header, &claims(&server), &key(31))
    };
    let now = server.now.get().as_seconds();
    let bad = |name: &'static str, claim: Value| assert_with(&server, |claims| claims[name] = claim);
    for (assertion, words) in [
        (other_type, "must have the type oauth-id-jag+jwt"),
        (unsigned, "must be signed with"),
        (symmetric, "must be signed with"),
        ("x.y.z".into(), "is not a signed JWT"),
        (bad("iss", value!("https://idp.evil.dev")), "not trusted here"),
        (bad("iss", value!("https://idp.acme.dev/")), "not trusted here"),
        (bad("tenant", value!("acme")), "not trusted here"),
        (bad("iss", value!(ISSUER)), "must name another server"),
        (bad("aud", value!([ISSUER, "https://api.example"])), "only aud"),
        (bad("aud", value!(format!("{ISSUER}/oauth/token"))), "only aud"),
        (bad("client_id", value!("app_one")), "another client_id"),
        (bad("exp", value!(now)), "has expired"),
        (bad("exp", value!(now + 7200)), "lives too long"),
        (bad("iat", value!(now + 120)), "from the future"),
        (bad("jti", Value::Null), "needs a jti"),
        (
            bad("resource", value!("https://other.example")),
            "none of this server's APIs",
        ),
        (bad("scope", value!("admin")), "nothing that this client may have"),
        (
            bad("scope", value!("write:projects")),
            "nothing that this client may have",
        ),
        (bad("cnf", value!({ "jkt": base64url([7; 32]) })), "send a DPoP proof"),
        (
            signed(&claims(&server), "a", 32),
            "is not signed by a key of its issuer",
        ),
    ] {
        let reply = send(&server, &assertion);
        assert_eq!(reply.status, 400, "{reply:?}");
        refused(&reply, "invalid_grant", words);
    }
    assert_eq!(database_of(&server), before);
    assert!(
        server
            .stores
            .ledgers
            .borrow()
            .values()
            .all(|rows| rows.families.is_empty())
    );
}

// Rule: XAA 2
#[test]
fn nobody_is_asked_for_the_keys_of_an_issuer_that_is_not_trusted() {
    let server = server();
    for change in [
        |claims: &mut Value| claims["iss"] = value!("https://idp.evil.dev"),
        |claims: &mut Value| claims["tenant"] = value!("unknown"),
        |claims: &mut Value| claims["aud"] = value!("https://elsewhere.example"),
    ] {
        send(&server, &assert_with(&server, change));
    }
    run(
        &server,
        "UPDATE trusted_issuers SET status = 'disabled' WHERE id = 'tri_acme'",
    );
    refused(&send(&server, &assertion(&server)), "invalid_grant", "not trusted here");
    run(
        &server,
        "UPDATE trusted_issuers SET status = 'active'; UPDATE organizations SET status = 'suspended'",
    );
    refused(&send(&server, &assertion(&server)), "invalid_grant", "not trusted here");
    assert!(server.stores.asked.borrow().is_empty());
}

// Rule: XAA 5
#[test]
fn an_assertion_is_used_once_and_its_first_token_outlives_the_second_attempt() {
    let server = server();
    let assertion = assertion(&server);
    let first = tokens(&server, &assertion);
    refused(&send(&server, &assertion), "invalid_grant", "was used before");
    assert!(subject(&server, &first).is_some());
    // The same `jti` in another assertion is no other.
    let jti = |claims: &mut Value| claims["jti"] = value!("one");
    tokens(&server, &assert_with(&server, jti));
    let again = assert_with(&server, |claims| {
        jti(claims);
        claims["scope"] = value!("read:projects");
    });
    refused(&send(&server, &again), "invalid_grant", "was used before");
}

#[test]
fn a_ledger_or_a_directory_that_is_down_uses_nothing_up() {
    let server = server();
    tokens(&server, &assertion(&server));
    let assertion = assertion(&server);
    for faults in [
        vec![Fault::Before("keys")],
        vec![Fault::Before("database")],
        vec![Fault::Before("ledger"); 2],
    ] {
        server.stores.plan(&faults);
        let down = send(&server, &assertion);
        assert_eq!(
            (down.status, down.header_value("Retry-After")),
            (503, Some("1")),
            "{down:?}"
        );
    }
    server.stores.plan(&[Fault::After("ledger")]);
    tokens(&server, &assertion);
}

#[test]
fn a_reply_of_the_directory_that_is_lost_leaves_one_user_and_one_consent() {
    let server = server();
    let assertion = assertion(&server);
    server.stores.plan_after(3, &[Fault::After("database")]);
    assert_eq!(send(&server, &assertion).status, 503);
    tokens(&server, &assertion);
    assert_eq!((count(&server, "vouched_people"), count(&server, "consents")), (1, 1));
}

const PUBLIC: &str = "https://auth.acme.dev";

#[test]
fn no_issuer_has_anything_asked_that_is_not_on_the_public_internet() {
    for (inside, reason) in [
        ("https://169.254.169.254/jwks", "must name the host, not an IP address"),
        ("https://2130706433/jwks", "must name the host, not an IP address"),
        ("https://0177.0.0.1/jwks", "must name the host, not an IP address"),
        (
            "https://[::ffff:10.0.0.1]/jwks",
            "must name the host, not an IP address",
        ),
        (
            "https://localhost/jwks",
            "must name a host that can be reached from the internet",
        ),
        (
            "https://keys.internal/jwks",
            "must name a host that can be reached from the internet",
        ),
        ("https://user@keys.dev/jwks", "must not hold a user name or password"),
        (
            "https://auth.acme.dev/.well-known/jwks.json",
            "must not be the address of this server itself",
        ),
    ] {
        let mut server = server();
        server.config.issuer = crate::config::Issuer::parse(PUBLIC).unwrap();
        let assertion = |server: &Server| assert_with(server, |claims| claims["aud"] = value!(PUBLIC));
        run(&server, "UPDATE trusted_issuers SET jwks_uri = NULL");
        let metadata = value!({
            "issuer": IDP, "authorization_endpoint": format!("{IDP}/authorize"),
            "token_endpoint": format!("{IDP}/token"), "jwks_uri": inside
        });
        let address = format!("{IDP}/.well-known/openid-configuration");
        server
            .stores
            .web
            .borrow_mut()
            .insert(address, (200, metadata.to_string()));
        refused(&send(&server, &assertion(&server)), "temporarily_unavailable", "");
        assert_eq!(server.stores.asked.borrow().len(), 1, "{inside}: the metadata alone");
        run(&server, &format!("UPDATE trusted_issuers SET jwks_uri = '{inside}'"));
        let said = format!("the keys of the assertion's issuer cannot be had: its jwks_uri {reason}");
        refused(&send(&server, &assertion(&server)), "temporarily_unavailable", &said);
        assert_eq!(server.stores.asked.borrow().len(), 1, "{inside}");
    }
}

#[test]
fn keys_are_found_by_the_issuers_metadata_and_asked_for_anew_when_they_have_changed() {
    let server = server();
    run(&server, "UPDATE trusted_issuers SET jwks_uri = NULL");
    let metadata = value!({
        "issuer": IDP, "authorization_endpoint": format!("{IDP}/authorize"), "token_endpoint": format!("{IDP}/token"),
        "jwks_uri": KEYS
    });
    let address = format!("{IDP}/.well-known/openid-configuration");
    server
        .stores
        .web
        .borrow_mut()
        .insert(address, (200, metadata.to_string()));
    tokens(&server, &assertion(&server));
    // A new key: not for ten seconds, so that nobody makes us ask by inventing names; then at once.
    publish(&server, "b", 33);
    let new = |server: &Server| signed(&claims(server), "b", 33);
    refused(&send(&server, &new(&server)), "invalid_grant", "not signed by a key");
    server.pass(10_000);
    tokens(&server, &new(&server));
    refused(
        &send(&server, &assertion(&server)),
        "invalid_grant",
        "not signed by a key",
    );
    // Out of reach: what is known serves for a day.
    server.stores.web.borrow_mut().remove(KEYS);
    server.pass(11 * 60_000);
    tokens(&server, &new(&server));
}

#[test]
fn without_the_issuers_keys_nobody_knows_and_nothing_is_used_up() {
    let server = server();
    let held = server.stores.web.borrow_mut().remove(KEYS).unwrap();
    let assertion = assertion(&server);
    let reply = send(&server, &assertion);
    assert_eq!(reply.status, 503);
    refused(
        &reply,
        "temporarily_unavailable",
        "the keys of the assertion's issuer cannot be had",
    );
    server.stores.web.borrow_mut().insert(KEYS.into(), held);
    server.pass(10_000);
    tokens(&server, &assertion);
}

// Rule: XAA 9
#[test]
fn only_a_reviewed_client_that_proves_who_it_is_may_present_an_assertion() {
    let server = server();
    let of_public = assert_with(&server, |claims| claims["client_id"] = value!("app_one"));
    let form = format!("grant_type={GRANT}&client_id=app_one&assertion={of_public}");
    refused(
        &server.post("/oauth/token", &form),
        "unauthorized_client",
        "reviewed clients that authenticate",
    );
    let form = format!("grant_type={GRANT}&client_id=app_two&assertion={}", assertion(&server));
    assert_eq!(server.post("/oauth/token", &form).status, 401);
    for status in [AppStatus::Draft, AppStatus::PendingReview] {
        server.stores.apps.borrow_mut().get_mut("app_two").unwrap().status = status;
        refused(&send(&server, &assertion(&server)), "unauthorized_client", "reviewed");
    }
    for status in [AppStatus::Suspended, AppStatus::Rejected] {
        server.stores.apps.borrow_mut().get_mut("app_two").unwrap().status = status;
        assert_eq!(send(&server, &assertion(&server)).status, 401);
    }
    assert_eq!(count(&server, "consents"), 0);
}

#[test]
fn an_app_that_was_suspended_a_moment_ago_gets_no_consent_though_its_record_is_older() {
    let server = server();
    run(
        &server,
        "UPDATE apps SET status = 'suspended', epoch = epoch + 1 WHERE client_id = 'app_two'",
    );
    assert_eq!(send(&server, &assertion(&server)).status, 503);
    assert_eq!((count(&server, "consents"), count(&server, "vouched_people")), (0, 0));
}

#[test]
fn an_app_that_no_organization_allowed_is_blocked() {
    let server = server();
    for sql in [
        "UPDATE organization_apps SET decision = 'blocked' WHERE client_id = 'app_two'",
        "DELETE FROM organization_apps WHERE client_id = 'app_two'",
    ] {
        run(&server, sql);
        refused(
            &send(&server, &assertion(&server)),
            "invalid_grant",
            "does not allow this client",
        );
    }
    let of_other = assert_with(&server, |claims| claims["tenant"] = value!("other"));
    refused(&send(&server, &of_other), "invalid_grant", "does not allow this client");
    assert_eq!(count(&server, "consents"), 0);
    // Whose signature is bad learns nothing of it.
    let forged = signed(&claims(&server), "a", 32);
    refused(&send(&server, &forged), "invalid_grant", "not signed by a key");
}

// Rule: XAA 7
#[test]
fn no_more_is_granted_than_the_organization_allows_and_the_request_asks_for() {
    let server = server();
    let wide = |claims: &mut Value| claims["scope"] = value!("read:projects read:profile write:projects");
    let all = tokens(&server, &assert_with(&server, wide));
    assert_eq!(all["scope"], "read:profile read:projects");
    let narrowed = format!("{}&scope=read:profile", form(&assertion(&server)));
    assert_eq!(json(&server.post("/oauth/token", &narrowed))["scope"], "read:profile");
    let beyond = format!("{}&scope=read:profile+write:projects", form(&assertion(&server)));
    refused(&server.post("/oauth/token", &beyond), "invalid_scope", "write:projects");
    let elsewhere = format!("{}&resource=https://billing.example/v1", form(&assertion(&server)));
    refused(&server.post("/oauth/token", &elsewhere), "invalid_target", "resource");
}

#[test]
fn where_nobody_new_is_let_in_only_people_who_were_linked_are_served() {
    let server = server();
    run(&server, "UPDATE trusted_issuers SET unknown_people = 'refuse'");
    refused(
        &send(&server, &assertion(&server)),
        "invalid_grant",
        "names nobody who is known here",
    );
    run(
        &server,
        "INSERT INTO organization_members (organization_id, user_id, role, added_at) VALUES ('org_acme', 'usr_alice', 'member', 1);
         INSERT INTO vouched_people (issuer_id, subject, user_id, created_at) VALUES ('tri_acme', 'jane', 'usr_alice', 1)",
    );
    let tokens = tokens(&server, &assertion(&server));
    assert_eq!(subject(&server, &tokens).as_deref(), Some("usr_alice"));
    // The same subject of another customer of the issuer is somebody else.
    run(
        &server,
        "INSERT INTO organization_apps (organization_id, client_id, decision, scopes, decided_by, decided_at)
         VALUES ('org_other', 'app_two', 'allowed', '[\"read:projects\"]', 'usr_ada', 1)",
    );
    let of_other = assert_with(&server, |claims| claims["tenant"] = value!("other"));
    refused(
        &send(&server, &of_other),
        "invalid_grant",
        "names nobody who is known here",
    );
}

#[test]
fn people_who_sign_in_by_the_issuer_are_the_same_users_and_those_of_its_customers_are_not() {
    let server = server();
    run(
        &server,
        "INSERT INTO connections (id, kind, name, issuer, client_id, created_at)
           VALUES ('con_acme', 'oidc', 'Acme', 'https://idp.acme.dev', 'x', 1);
         INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at)
           VALUES ('https://idp.acme.dev', 'jane', 'usr_alice', 'con_acme', 1);
         INSERT INTO organization_apps (organization_id, client_id, decision, scopes, decided_by, decided_at)
           VALUES ('org_other', 'app_two', 'allowed', '[\"read:projects\"]', 'usr_ada', 1)",
    );
    let known = tokens(&server, &assertion(&server));
    assert_eq!(subject(&server, &known).as_deref(), Some("usr_alice"));
    // Whoever is new is found again when they sign in.
    let new = tokens(&server, &assert_with(&server, |claims| claims["sub"] = value!("joe")));
    let joe = server
        .stores
        .database
        .column("SELECT user_id FROM user_identities WHERE subject = 'joe'");
    assert_eq!(joe, [value!(subject(&server, &new).unwrap())]);
    let other = assert_with(&server, |claims| claims["tenant"] = value!("other"));
    let other = tokens(&server, &other);
    assert_ne!(subject(&server, &other).as_deref(), Some("usr_alice"));
}

#[test]
fn whoever_is_suspended_or_was_removed_is_vouched_for_in_vain() {
    for sql in [
        "UPDATE users SET status = 'suspended' WHERE id <> 'usr_alice'",
        "DELETE FROM organization_members",
        "UPDATE users SET erased_at = 5 WHERE id <> 'usr_alice'",
    ] {
        let server = server();
        tokens(&server, &assertion(&server));
        run(&server, sql);
        refused(
            &send(&server, &assertion(&server)),
            "invalid_grant",
            "suspended, or no member",
        );
    }
}

// Rule: XAA 10
#[test]
fn an_assertion_bound_to_a_key_takes_a_proof_and_so_does_its_token() {
    let server = server();
    let holder = key(34);
    let thumbprint = crate::oauth::jwk::PublicKey::parse(&jwk(&holder)).unwrap().thumbprint();
    let bound = || assert_with(&server, |claims| claims["cnf"] = value!({ "jkt": thumbprint }));
    let proof = |key: &EcPrivateKey, jti: &str| {
        let nonce = dpop::nonce(&server.config.sealing_keys, server.now.get());
        let claims = value!({
            "htm": "POST", "htu": format!("{ISSUER}/oauth/token"), "iat": server.now.get().as_seconds(), "jti": jti,
            "nonce": nonce
        });
        sign(
            &value!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(key) }),
            &claims,
            key,
        )
    };
    let with_proof = |assertion: &str, proof: &str| {
        let mut request = form_request("/oauth/token", &form(assertion));
        request.headers.insert("dpop".into(), proof.into());
        server.send(&request)
    };
    refused(&send(&server, &bound()), "invalid_grant", "send a DPoP proof");
    refused(
        &with_proof(&bound(), &proof(&key(35), "one")),
        "invalid_grant",
        "send a DPoP proof",
    );
    let done = with_proof(&bound(), &proof(&holder, "two"));
    assert_eq!(json(&done)["token_type"], "DPoP", "{done:?}");
    refused(
        &with_proof(&bound(), &proof(&holder, "two")),
        "invalid_dpop_proof",
        "used before",
    );
    // Without `cnf` a proof binds the token all the same.
    let free = with_proof(&assertion(&server), &proof(&key(35), "three"));
    assert_eq!(json(&free)["token_type"], "DPoP", "{free:?}");
}

// Rule: META 16, XAA 12
#[test]
fn the_metadata_announce_the_grant_and_name_no_issuer() {
    let server = server();
    let reply = server.send(&get_request("/.well-known/oauth-authorization-server"));
    let metadata = json(&reply);
    assert!(
        metadata["grant_types_supported"]
            .as_array()
            .unwrap()
            .contains(&value!(GRANT))
    );
    assert_eq!(
        metadata["authorization_grant_profiles_supported"],
        value!(["urn:ietf:params:oauth:grant-profile:id-jag"])
    );
    assert!(!reply.body.contains("acme"), "{reply:?}");
}

#[test]
fn a_tokens_end_is_the_end_of_its_own_and_ends_no_other() {
    let server = server();
    let (one, other) = (
        tokens(&server, &assertion(&server)),
        tokens(&server, &assertion(&server)),
    );
    let token = one["access_token"].as_str().unwrap();
    let form = format!("client_id=app_two&client_secret=lks_right&token={token}");
    assert_eq!(server.post("/oauth/revoke", &form).status, 200);
    assert_eq!(subject(&server, &one), None);
    assert!(subject(&server, &other).is_some());
}
