// What API servers verify tokens with, as they have it already.
import assert from "node:assert/strict";
import test from "node:test";
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";
import jwt from "jsonwebtoken";
import jwksClient from "jwks-rsa";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { headerOf, oauthClient, postAs } from "./support/oauth.mjs";
import { apis, apps } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const JWKS = `${ISSUER}/.well-known/jwks.json`;
const { projects, billing } = apis;
await latchkey.run("UPDATE apis SET signing_algorithm = 'RS256' WHERE id = ?", billing.id);

const browser = await signedIn(latchkey);
const tokenFor = async (scope) => (await oauthClient(latchkey).connect(browser, apps.web, { scope })).access_token;
const tokens = {
  ES256: await tokenFor("read:projects"),
  RS256: await tokenFor("read:invoices"),
  both: await tokenFor("read:projects read:invoices"),
};

// The middleware of a platform that had another authorization server before: only issuer and audience are its own.
const client = jwksClient({
  jwksUri: JWKS,
  fetcher: async (url) => (await latchkey.fetch(url)).json(),
});
const getKey = (header, callback) =>
  client.getSigningKey(header.kid, (error, key) => callback(error, key?.getPublicKey()));
const validate = (token, audience) =>
  new Promise((resolve, reject) => {
    jwt.verify(
      token,
      getKey,
      {
        algorithms: ["RS256"],
        issuer: ISSUER,
        audience,
      },
      (err, decoded) => {
        if (err) reject(err);
        else resolve(decoded);
      },
    );
  });

// Covers: R52
// Rule: RES 6
test("jsonwebtoken with jwks-rsa accepts the token of an API that asks for RS256", async () => {
  assert.equal(headerOf(tokens.RS256).alg, "RS256");
  const decoded = await validate(tokens.RS256, billing.resource);
  assert.equal(decoded.sub, "usr_alice");
  assert.equal(decoded.client_id, apps.web.client_id);
});

test("jsonwebtoken with jwks-rsa refuses it for another audience, bent, or signed otherwise", async () => {
  await assert.rejects(validate(tokens.RS256, projects.resource), /audience invalid/);
  const [header, payload, signature] = tokens.RS256.split(".");
  const bent = `${signature[0] === "A" ? "B" : "A"}${signature.slice(1)}`;
  await assert.rejects(validate(`${header}.${payload}.${bent}`, billing.resource), /invalid signature/);
  await assert.rejects(validate(tokens.ES256, projects.resource));
});

test("one token for two APIs is signed so that either can verify it", async () => {
  assert.equal(headerOf(tokens.both).alg, "RS256");
  for (const { resource } of [projects, billing]) await validate(tokens.both, resource);
});

const keys = createRemoteJWKSet(new URL(JWKS), { [customFetch]: (url, init) => latchkey.fetch(url, init) });
const verify = (token, algorithm, audience) =>
  jwtVerify(token, keys, { issuer: ISSUER, audience, typ: "at+jwt", algorithms: [algorithm] });

// Covers: R52
// Rule: RES 6
test("jose accepts either kind under its own algorithm and no other", async () => {
  for (const [algorithm, audience] of [
    ["ES256", projects.resource],
    ["RS256", billing.resource],
  ]) {
    const { payload } = await verify(tokens[algorithm], algorithm, audience);
    assert.equal(payload.sub, "usr_alice");
  }
  await assert.rejects(verify(tokens.ES256, "RS256", projects.resource), { code: "ERR_JOSE_ALG_NOT_ALLOWED" });
  await assert.rejects(verify(tokens.RS256, "ES256", billing.resource), { code: "ERR_JOSE_ALG_NOT_ALLOWED" });
});

// Rule: RES 8
test("introspection knows tokens of either kind, and no token under the other's key", async () => {
  const see = async ({ credential }, token) =>
    (await (await oauthClient(latchkey).introspect(credential, token)).json()).active;
  assert.equal(await see(projects, tokens.ES256), true);
  assert.equal(await see(billing, tokens.RS256), true);
  const [, payload, signature] = tokens.RS256.split(".");
  for (const header of [
    { ...headerOf(tokens.RS256), kid: headerOf(tokens.ES256).kid },
    { ...headerOf(tokens.RS256), alg: "ES256" },
    { ...headerOf(tokens.RS256), alg: "PS256" },
  ]) {
    const confused = `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${payload}.${signature}`;
    assert.equal(await see(billing, confused), false);
  }
});

const MEDIA_TYPE = "application/token-introspection+jwt";
const introspect = (caller, token, accept = MEDIA_TYPE) =>
  postAs(latchkey, "/oauth/introspect", caller, { token }, { headers: { accept } });
const readAnswer = async (answer, audience) => {
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), MEDIA_TYPE);
  return jwtVerify(await answer.text(), keys, {
    issuer: ISSUER,
    audience,
    typ: "token-introspection+jwt",
    algorithms: ["RS256"],
  });
};

// Rule: REV 10
test("introspection answers with a JWT on request, for the API that asks", async () => {
  const { payload } = await readAnswer(await introspect(projects.credential, tokens.ES256), projects.resource);
  assert.deepEqual(Object.keys(payload).sort(), ["aud", "iat", "iss", "token_introspection"]);
  const json = await introspect(projects.credential, tokens.ES256, "application/json");
  assert.match(json.headers.get("content-type"), /^application\/json/);
  assert.deepEqual(payload.token_introspection, await json.json());
  assert.equal(payload.token_introspection.active, true);
});

// Rule: REV 10
test("an app is told about its own token in a JWT for itself, and of others that they are inactive", async () => {
  const own = await readAnswer(await introspect(apps.web, tokens.RS256), apps.web.client_id);
  assert.equal(own.payload.token_introspection.active, true);
  const other = await readAnswer(await introspect(apps.rival, tokens.RS256), apps.rival.client_id);
  assert.deepEqual(other.payload.token_introspection, { active: false });
});

test("who proves nothing gets no JWT but an error in JSON", async () => {
  const answer = await introspect({ ...projects.credential, secret: "lka_wrong" }, tokens.ES256);
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  assert.equal((await answer.json()).error, "invalid_client");
});
