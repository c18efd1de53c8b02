import assert from "node:assert/strict";
import test from "node:test";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";

const METADATA = "/.well-known/oauth-authorization-server";
const JWKS = "/.well-known/jwks.json";

const latchkey = await startLatchkey();
const json = async (path) => (await latchkey.fetch(path)).json();

// Covers: R6, R7, R55, B45
// Rule: META 2, META 6, META 7, META 8, META 10, META 11
test("the metadata names the issuer, every endpoint and exactly what they support", async () => {
  const answer = await latchkey.fetch(METADATA);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  const metadata = await answer.json();
  const expected = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/oauth/authorize`,
    token_endpoint: `${ISSUER}/oauth/token`,
    revocation_endpoint: `${ISSUER}/oauth/revoke`,
    introspection_endpoint: `${ISSUER}/oauth/introspect`,
    pushed_authorization_request_endpoint: `${ISSUER}/oauth/par`,
    registration_endpoint: `${ISSUER}/oauth/register`,
    jwks_uri: `${ISSUER}${JWKS}`,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
    authorization_response_iss_parameter_supported: true,
  };
  for (const [member, value] of Object.entries(expected)) assert.deepEqual(metadata[member], value, member);
  const sorted = (list) => [...list].sort();
  assert.deepEqual(sorted(metadata.grant_types_supported), [
    "authorization_code",
    "client_credentials",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
  ]);
  assert.deepEqual(sorted(metadata.token_endpoint_auth_methods_supported), [
    "client_secret_basic",
    "client_secret_post",
    "none",
    "private_key_jwt",
  ]);
});

// Rule: META 5
test("the metadata has no empty lists and offers nothing that is not there", async () => {
  const metadata = await json(METADATA);
  for (const [member, value] of Object.entries(metadata)) assert.notDeepEqual(value, [], member);
  for (const absent of ["userinfo_endpoint", "end_session_endpoint"])
    assert.equal(metadata[absent], undefined);
  for (const endpoint of Object.keys(metadata).filter((member) => member.endsWith("_endpoint"))) {
    const answer = await latchkey.fetch(new URL(metadata[endpoint]).pathname);
    assert.notEqual(answer.status, 404, endpoint);
  }
});

// Covers: R52, B29
test("the key set holds a public key for ES256, one for RS256, and nothing private", async () => {
  const { keys } = await json(JWKS);
  const kinds = keys.map(({ kty, crv, alg, use, e }) => [kty, crv, alg, use, e]);
  assert.deepEqual(kinds.sort(), [
    ["EC", "P-256", "ES256", "sig", undefined],
    ["RSA", undefined, "RS256", "sig", "AQAB"],
  ]);
  for (const key of keys) {
    assert.match(key.kid, /^[A-Za-z0-9_-]{43}$/);
    for (const secret of ["d", "p", "q", "k", "dp", "dq", "qi"]) assert.equal(key[secret], undefined);
  }
  assert.notEqual(keys[0].kid, keys[1].kid);
});

// Rule: META 17
test("the key set may be cached, but not for ever", async () => {
  const answer = await latchkey.fetch(JWKS);
  const [, seconds] = /max-age=(\d+)/.exec(answer.headers.get("cache-control"));
  assert.ok(seconds >= 30 && seconds <= 86_400, seconds);
});

// Rule: META 17, NATIVE 3
test("any site's script may read the metadata and the key set", async () => {
  for (const path of [METADATA, JWKS]) {
    const answer = await latchkey.fetch(path, { headers: { origin: "https://app.example" } });
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    const preflight = await latchkey.fetch(path, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "mcp-protocol-version",
      },
    });
    assert.ok(preflight.status === 200 || preflight.status === 204, preflight.status);
    assert.match(preflight.headers.get("access-control-allow-headers"), /mcp-protocol-version|^\*$/i);
  }
});

// Rule: META 4
test("documents that are not there are 404", async () => {
  for (const absent of ["openid-configuration", "oauth-authorization-server/other", "webfinger", "x"])
    assert.equal((await latchkey.fetch(`/.well-known/${absent}`)).status, 404, absent);
});

test("documents are only for reading", async () => {
  for (const path of [METADATA, JWKS, "/healthz"]) {
    const answer = await latchkey.fetch(path, { method: "POST", body: "x" });
    assert.equal(answer.status, 405, path);
    assert.match(answer.headers.get("allow"), /GET/);
  }
});

test("metadata, and a key set already known, cost no storage", async () => {
  await latchkey.fetch(JWKS);
  for (const path of [METADATA, JWKS]) assert.equal(trips(await latchkey.fetch(path)).depth, 0, path);
});
