import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNotStored, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { claimsOf, form, headerOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const { projects, billing } = apis;

const username = await newUser(latchkey);
const family = await connect(await signedIn(latchkey, username), apps.web);

async function see(caller, token, changes) {
  const answer = await introspect(caller, token, changes);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  expectNotStored(answer);
  return answer.json();
}
const expectInactive = async (caller, token) => assert.deepEqual(await see(caller, token), { active: false });

// Covers: R7, R53
// Rule: REV 9
test("an API sees what a token meant for it says", async () => {
  for (const method of ["basic", "post"]) {
    const { active, token_type, iat, exp, jti, ...rest } = await see(
      { ...projects.credential, method },
      family.access_token,
    );
    assert.deepEqual([active, token_type], [true, "Bearer"]);
    const claims = claimsOf(family.access_token);
    assert.deepEqual([iat, exp, jti], [claims.iat, claims.exp, claims.jti]);
    const { iss, sub, aud, client_id, scope } = rest;
    assert.deepEqual(
      { iss, sub, aud, client_id, scope },
      {
        iss: ISSUER,
        sub: `usr_${username}`,
        aud: projects.resource,
        client_id: apps.web.client_id,
        scope: "read:profile read:projects",
      },
    );
  }
});

// Rule: REV 8
test("an API sees no token meant for another one, and no refresh token", async () => {
  await expectInactive(billing.credential, family.access_token);
  await expectInactive(projects.credential, family.refresh_token);
});

// Rule: REV 8, REV 9
test("an app sees its own tokens, access and refresh, and nobody else's", async () => {
  assert.equal((await see(apps.web, family.access_token)).active, true);
  const own = await see(apps.web, family.refresh_token);
  assert.deepEqual([own.active, own.client_id, own.sub], [true, apps.web.client_id, `usr_${username}`]);
  for (const token of [family.access_token, family.refresh_token]) {
    await expectInactive(apps.rival, token);
    await expectInactive(apps.post, token);
  }
});

// Covers: B29
// Rule: RES 8, REV 8
test("what we did not sign, or signed for something else, is inactive", async (t) => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [header, payload, signature] = family.access_token.split(".");
  const { keys } = await (await latchkey.fetch("/.well-known/jwks.json")).json();
  const hmac = (text) => createHmac("sha256", JSON.stringify(keys[0])).update(text).digest("base64url");
  const { kid } = headerOf(family.access_token);
  const symmetric = `${encode({ typ: "at+jwt", alg: "HS256", kid })}.${payload}`;
  const claims = claimsOf(family.access_token);
  const bent = (signature[10] === "A" ? "B" : "A") + signature.slice(11);
  const cases = {
    "no token": "x",
    "a code": "lkc_x",
    "other letters": "ü.ü.ü",
    "without a signature": `${header}.${payload}.`,
    "alg none": `${encode({ typ: "at+jwt", alg: "none" })}.${payload}.`,
    "alg HS256 with our public key": `${symmetric}.${hmac(symmetric)}`,
    "another typ": `${encode({ typ: "JWT", alg: "ES256", kid })}.${payload}.${signature}`,
    "an unknown kid": `${encode({ typ: "at+jwt", alg: "ES256", kid: "x" })}.${payload}.${signature}`,
    "more scopes": `${header}.${encode({ ...claims, scope: "write:projects" })}.${signature}`,
    "a longer life": `${header}.${encode({ ...claims, exp: claims.exp + 9999 })}.${signature}`,
    "a bent signature": `${header}.${payload}.${signature.slice(0, 10)}${bent}`,
    "a fourth part": `${family.access_token}.x`,
    "a very long text": "x.".repeat(20_000),
  };
  for (const [name, token] of Object.entries(cases))
    await t.test(name, () => expectInactive(projects.credential, token));
});

// Rule: REV 8
test("a token of a connection that ended is inactive to everybody", async () => {
  const ended = await connect(await signedIn(latchkey, await newUser(latchkey)), apps.web);
  await revoke(apps.web, ended.refresh_token);
  await expectInactive(projects.credential, ended.access_token);
  await expectInactive(apps.web, ended.access_token);
  await expectInactive(apps.web, ended.refresh_token);
});

test("an access token lives on when its refresh token is rotated", async () => {
  const first = await connect(await signedIn(latchkey, await newUser(latchkey)), apps.web);
  await tokens(await refresh(apps.web, first.refresh_token));
  assert.equal((await see(projects.credential, first.access_token)).active, true);
});

test("the hint may be wrong or unknown", async () => {
  for (const token_type_hint of ["refresh_token", "nonsense"])
    assert.equal((await see(projects.credential, family.access_token, { token_type_hint })).active, true);
});

// Rule: REV 7
test("a caller that proves nothing sees nothing", async () => {
  const callers = [
    { client_id: projects.credential.client_id, method: "none" },
    { ...projects.credential, secret: "lka_wrong" },
    { ...projects.credential, secret: billing.credential.secret },
    { client_id: apps.spa.client_id, method: "none" },
    { client_id: "apc_nobody", secret: projects.credential.secret, method: "basic" },
  ];
  for (const caller of callers) await expectRefusal(await introspect(caller, family.access_token), "invalid_client");
});

// Rule: REV 7
test("a request without one token is refused", async () => {
  await expectRefusal(await introspect(projects.credential, undefined), "invalid_request");
  await expectRefusal(await introspect(projects.credential, ["a", "a"]), "invalid_request");
  assert.equal((await latchkey.fetch(`/oauth/introspect?${form({ token: "x" })}`)).status, 405);
});
