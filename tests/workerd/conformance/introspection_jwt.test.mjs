// REV 10: introspection that is signed, for whoever has to prove later what the answer was (RFC 9701).
import assert from "node:assert/strict";
import test from "node:test";
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, jwtVerify } from "jose";
import { signedIn } from "../support/browser.mjs";
import { expectNotStored, expectRefusal } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { claimsOf, oauthClient } from "../support/oauth.mjs";
import { apis, apps, newUser } from "../support/platform.mjs";

const TYPE = "application/token-introspection+jwt";

const latchkey = await startLatchkey();
const { introspect, revoke, connect } = oauthClient(latchkey);
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), {
  [customFetch]: (url, init) => latchkey.fetch(url, init),
});
const newFamily = async () => connect(await signedIn(latchkey, await newUser(latchkey)), apps.web);
const ask = (caller, token, accept = TYPE) => introspect(caller, token, {}, { headers: { accept } });

// The claims of a signed answer, verified as its reader would.
async function read(answer, { credential, resource }) {
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/token-introspection\+jwt(;|$)/);
  expectNotStored(answer);
  const options = { issuer: ISSUER, typ: "token-introspection+jwt", audience: [resource, credential.client_id] };
  return (await jwtVerify(await answer.text(), keys, options)).payload;
}

// Rule: REV 10
test("an API that asks for a JWT gets one that is signed by a published key, for this API", async () => {
  const { access_token } = await newFamily();
  const payload = await read(await ask(apis.projects.credential, access_token), apis.projects);
  const { token_introspection: told, sub, exp, iat } = payload;
  assert.deepEqual([sub, exp], [undefined, undefined], "it could pass for an access token");
  assert.ok(Math.abs(iat - Date.now() / 1000) < 30);
  const claims = claimsOf(access_token);
  assert.equal(told.active, true);
  for (const name of ["iss", "sub", "aud", "scope", "client_id", "exp"]) assert.deepEqual(told[name], claims[name], name);
});

// Rule: REV 10
test("a signed answer about what is not this API's says nothing but that it is inactive", async () => {
  const family = await newFamily();
  const ended = await newFamily();
  await revoke(apps.web, ended.refresh_token);
  const cases = [
    [apis.billing, family.access_token],
    [apis.projects, family.refresh_token],
    [apis.projects, ended.access_token],
    [apis.projects, "x"],
  ];
  for (const [api, token] of cases) {
    const { token_introspection } = await read(await ask(api.credential, token), api);
    assert.deepEqual(token_introspection, { active: false });
  }
});

// Rule: REV 10
test("without asking for it there is no JWT", async () => {
  const { access_token } = await newFamily();
  for (const accept of ["application/json", "*/*", "text/html"]) {
    const answer = await ask(apis.projects.credential, access_token, accept);
    assert.match(answer.headers.get("content-type"), /^application\/json(;|$)/, accept);
    assert.equal((await answer.json()).active, true);
  }
});

// Rule: REV 7, REV 10
test("a caller that proves nothing is refused in JSON, whatever it asks for", async () => {
  const { access_token } = await newFamily();
  const callers = [
    { ...apis.projects.credential, secret: "lka_wrong" },
    { client_id: apis.projects.credential.client_id, method: "none" },
    { client_id: apps.spa.client_id, method: "none" },
  ];
  for (const caller of callers) await expectRefusal(await ask(caller, access_token), "invalid_client");
});

// Rule: REV 10, RES 8
test("a signed answer is no access token", async () => {
  const { access_token } = await newFamily();
  const answer = await (await ask(apis.projects.credential, access_token)).text();
  assert.equal(decodeProtectedHeader(answer).typ, "token-introspection+jwt");
  const seen = await (await introspect(apis.projects.credential, answer)).json();
  assert.deepEqual(seen, { active: false });
});
