// META: what is published is true, and stands where the standards look for it.
import assert from "node:assert/strict";
import test from "node:test";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { basic, form } from "../support/oauth.mjs";
import { apps } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const METADATA = "/.well-known/oauth-authorization-server";
const metadata = await (await latchkey.fetch(METADATA)).json();
const statusOf = async (path, init) => (await latchkey.fetch(path, init)).status;

// Rule: META 1, META 4, FAPI 1
test("the metadata stands at one place only", async () => {
  const answer = await latchkey.fetch(METADATA);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json(;|$)/);
  for (const other of [`${METADATA}/`, `${METADATA}/x`, `${METADATA}/oauth`, `/x${METADATA}`, `/oauth${METADATA}`])
    assert.equal(await statusOf(other), 404, other);
});

// Rule: META 4
test("what is not there under .well-known is 404 to programs and browsers alike", async () => {
  const absent = ["openid-configuration", "oauth-protected-resource", "oauth-protected-resource/oauth/userinfo", "oauth-protected-resource/api/", "jwks"];
  for (const name of [...absent, `x${Date.now()}`, ""])
    for (const accept of ["application/json", "text/html,*/*"])
      assert.equal(await statusOf(`/.well-known/${name}`, { headers: { accept } }), 404, `${name} as ${accept}`);
});

// Rule: META 2
test("the issuer is the address the metadata was fetched from, letter by letter", () => {
  assert.equal(metadata.issuer, ISSUER);
  const { search, hash } = new URL(metadata.issuer);
  assert.deepEqual([search, hash, metadata.issuer.endsWith("/")], ["", "", false]);
});

// Rule: META 12, FAPI 29
test("no key that is published shows a private or symmetric member, and no two share a name", async () => {
  const { keys } = await (await latchkey.fetch(new URL(metadata.jwks_uri).pathname)).json();
  assert.ok(keys.length > 0);
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
  for (const key of keys) {
    assert.ok(["EC", "RSA"].includes(key.kty) && key.kid && key.alg, JSON.stringify(key));
    for (const member of ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "x5u"]) assert.ok(!(member in key), member);
  }
});

// Rule: META 14
test("ways to ask that are not offered are denied, not left to their defaults", () => {
  for (const way of ["request_uri", "request", "claims"]) assert.equal(metadata[`${way}_parameter_supported`], false, way);
});

// Rule: META 15
test("an endpoint is published exactly if it is there", async () => {
  const endpoints = {
    authorization_endpoint: "/oauth/authorize",
    token_endpoint: "/oauth/token",
    revocation_endpoint: "/oauth/revoke",
    introspection_endpoint: "/oauth/introspect",
    pushed_authorization_request_endpoint: "/oauth/par",
    registration_endpoint: "/oauth/register",
    userinfo_endpoint: "/oauth/userinfo",
    end_session_endpoint: "/oauth/logout",
    status_list_aggregation_endpoint: "/oauth/status-lists",
    jwks_uri: "/.well-known/jwks.json",
  };
  for (const [member, path] of Object.entries(endpoints))
    assert.equal(metadata[member], (await statusOf(path)) === 404 ? undefined : ISSUER + path, member);
  for (const member of Object.keys(metadata).filter((name) => name.endsWith("_endpoint")))
    assert.ok(member in endpoints, `nobody checks ${member}`);
});

// Rule: META 7, META 15
test("a grant is published exactly if the token endpoint knows it", async () => {
  const grants = ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"];
  const extensions = ["device_code", "jwt-bearer", "token-exchange", "saml2-bearer"];
  for (const grant_type of [...grants, ...extensions.map((name) => `urn:ietf:params:oauth:grant-type:${name}`)]) {
    const answer = await latchkey.fetch("/oauth/token", {
      method: "POST",
      headers: { authorization: basic(apps.web.client_id, apps.web.secret) },
      body: form({ grant_type }),
    });
    const known = (await answer.json()).error !== "unsupported_grant_type";
    assert.equal(known, metadata.grant_types_supported.includes(grant_type), grant_type);
  }
});

// Rule: AUTHZ 1
test("no endpoint's address has a fragment", () => {
  for (const [member, value] of Object.entries(metadata))
    if (/_endpoint$|_uri$/.test(member)) assert.ok(!value.includes("#"), member);
});
