import assert from "node:assert/strict";
import test from "node:test";
import { expectNotStored, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { claimsOf, headerOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newApp } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, tokens, introspect } = oauthClient(latchkey);
const ask = (client, fields) => token(client, { grant_type: "client_credentials", ...fields });
const { server } = apps;

// Covers: R6, R51
// Rule: TOKEN 8, TOKEN 12
test("a confidential app with a client grant gets a token for itself, and no refresh token", async () => {
  const answer = await ask(server);
  expectNotStored(answer);
  const { access_token, ...rest } = await tokens(answer);
  assert.deepEqual(rest, { token_type: "Bearer", expires_in: 3600, scope: "read:projects read:team" });
  const { iss, sub, aud, client_id, app_type, developer_id } = claimsOf(access_token);
  assert.deepEqual([iss, sub, aud, client_id], [ISSUER, server.client_id, apis.projects.resource, server.client_id]);
  assert.deepEqual([app_type, developer_id], ["third_party", "dev_northwind"]);
  assert.equal(headerOf(access_token).typ, "at+jwt");
});

// Covers: R51, B31
// Rule: TOKEN 12
test("such a token can never pass for a user's", async () => {
  const { access_token } = await tokens(await ask(server));
  assert.ok(!claimsOf(access_token).sub.startsWith("usr_"));
  const seen = await (await introspect(apis.projects.credential, access_token)).json();
  assert.deepEqual([seen.active, seen.sub], [true, server.client_id]);
});

// Covers: R10, R51
test("the scope is what was asked for, within the client grant", async () => {
  const fewer = await tokens(await ask(server, { scope: "read:team", resource: apis.projects.resource }));
  assert.equal(fewer.scope, "read:team");
  assert.equal(claimsOf(fewer.access_token).scope, "read:team");
  for (const scope of ["read:profile", "read:team write:projects", "read:invoices", "nonsense", 'a"b'])
    await expectRefusal(await ask(server, { scope }), "invalid_scope");
});

test("an API outside the client grant is refused", async () => {
  for (const resource of [apis.billing.resource, "https://unknown.example", "x"])
    await expectRefusal(await ask(server, { resource }), "invalid_target");
});

// Covers: R6, R51
// Rule: TOKEN 9
test("an app without a client grant is refused, whatever users may agree to", async () => {
  for (const client of [apps.web, apps.partner, apps.post]) {
    await expectRefusal(await ask(client), "unauthorized_client");
    await expectRefusal(await ask(client, { scope: "read:profile" }), ["unauthorized_client", "invalid_scope"]);
  }
});

// Covers: R5, R6
// Rule: TOKEN 12
test("a public app is refused, even where a client grant was made for it", async () => {
  const { grants } = server;
  const granted = [await newApp(latchkey, { app_type: "spa", grants }), await newApp(latchkey, { app_type: "mobile", grants })];
  for (const client of [apps.spa, apps.mobile, ...granted])
    await expectRefusal(await ask(client), "unauthorized_client");
});

test("a confidential app that does not authenticate is refused", async () => {
  await expectRefusal(await ask({ ...server, method: "none" }), "invalid_client");
});
