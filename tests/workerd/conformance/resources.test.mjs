// RES: which API a token is for.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectErrorRedirect, expectRefusal } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "../support/oauth.mjs";
import { apis, apps, CALLBACK, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, introspect, tokens, connect } = oauthClient(latchkey);
const { projects, billing } = apis;
const both = { scope: "read:profile read:invoices", resource: [projects.resource, billing.resource] };
const newBrowser = async () => signedIn(latchkey, await newUser(latchkey));
const audienceOf = ({ access_token }) => [claimsOf(access_token).aud].flat().sort();

// Rule: RES 1, AUTHZ 36
test("a resource that is no absolute URI, has a fragment or names no API is invalid_target at both endpoints", async (t) => {
  const family = await connect(await newBrowser(), apps.web);
  const bad = [
    "projects",
    "/",
    "//localhost:8788",
    "localhost:8788",
    "http://",
    "http://localhost:8788#x",
    "http://localhost:8788/#",
    "http://localhost:8788/other",
    "http://localhost:8789",
    "https://localhost:8788",
    "http://user@localhost:8788",
    "http://localhost:8788.evil.example",
    "https://billing.example/v2",
    "https://billing.example/v1/x",
    "https://billing.example/V1",
    "javascript:alert(1)",
    "*",
  ];
  for (const resource of bad) {
    await t.test(resource, async () => {
      const asked = await latchkey.fetch(authorizationRequest(apps.web, { resource, state: "s" }).url);
      expectErrorRedirect(asked, { redirect_uri: CALLBACK, error: "invalid_target", state: "s" });
      await expectRefusal(await refresh(apps.web, family.refresh_token, { resource }), "invalid_target");
      const mixed = { resource: [projects.resource, resource] };
      await expectRefusal(await refresh(apps.web, family.refresh_token, mixed), "invalid_target");
    });
  }
  await tokens(await refresh(apps.web, family.refresh_token));
});

// Rule: RES 2, RES 3, RES 7, TOKEN 13
test("a grant for two APIs brings tokens for either, with that API's scopes, and the refresh token keeps both", async () => {
  const browser = await newBrowser();
  const grant = await browser.connect(apps.web, both);
  const first = await tokens(await redeem(grant, { resource: billing.resource }));
  assert.deepEqual([audienceOf(first), first.scope], [[billing.resource], "read:invoices"]);
  const second = await tokens(await refresh(apps.web, first.refresh_token, { resource: projects.resource }));
  assert.deepEqual([audienceOf(second), second.scope], [[projects.resource], "read:profile"]);
  const third = await tokens(await refresh(apps.web, second.refresh_token, { resource: billing.resource }));
  assert.deepEqual([audienceOf(third), claimsOf(third.access_token).scope], [[billing.resource], "read:invoices"]);
  for (const [api, other] of [[billing, projects], [projects, billing]]) {
    const token = api === billing ? third : second;
    const seen = async ({ credential }) => (await (await introspect(credential, token.access_token)).json()).active;
    assert.deepEqual([await seen(api), await seen(other)], [true, false]);
  }
});

// Rule: RES 2
test("a scope of another API than the one named is not to be had", async () => {
  const first = await connect(await newBrowser(), apps.web, both);
  const changes = { resource: billing.resource, scope: "read:profile" };
  await expectRefusal(await refresh(apps.web, first.refresh_token, changes), ["invalid_scope", "invalid_target"]);
  await tokens(await refresh(apps.web, first.refresh_token));
});

// Rule: RES 3, RES 4
test("capitals in scheme and host and a slash at the root do not matter, and aud is always the registered form", async (t) => {
  for (const resource of ["http://localhost:8788", "http://localhost:8788/", "HTTP://LOCALHOST:8788", "Http://LocalHost:8788/"]) {
    await t.test(resource, async () => {
      const grant = await (await newBrowser()).connect(apps.spa, { resource });
      const first = await tokens(await redeem(grant, { resource }));
      assert.equal(claimsOf(first.access_token).aud, projects.resource);
      const second = await tokens(await refresh(apps.spa, first.refresh_token, { resource }));
      assert.equal(claimsOf(second.access_token).aud, projects.resource);
    });
  }
});

// Rule: RES 5, RES 7
test("without a resource the token is for the APIs whose scopes were granted, and no other", async () => {
  const one = await connect(await newBrowser(), apps.web, { scope: "read:profile" });
  assert.deepEqual(audienceOf(one), [projects.resource]);
  const two = await connect(await newBrowser(), apps.web, { scope: both.scope });
  assert.deepEqual(audienceOf(two), [projects.resource, billing.resource].sort());
});

// Rule: RES 7
test("no two APIs share a resource, and no scope belongs to two of them", async () => {
  const taken = { name: "read:invoices", title: "x", description: "x" };
  const insert = (table, row) =>
    latchkey.run(
      `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.keys(row).map(() => "?")})`,
      ...Object.values(row),
    );
  await assert.rejects(insert("scopes", { ...taken, api_id: projects.id }), /UNIQUE/);
  const twin = { id: "api_twin", resource: projects.resource, name: "x", created_at: Date.now() };
  await assert.rejects(insert("apis", twin), /UNIQUE/);
});

// Rule: PEER 7
test("a token for one API cannot be had from a code or refresh token that was granted for another", async () => {
  const grant = await (await newBrowser()).connect(apps.web, { scope: "read:invoices", resource: billing.resource });
  await expectRefusal(await redeem(grant, { resource: projects.resource }), "invalid_target");
  const family = await tokens(await redeem(grant));
  await expectRefusal(await refresh(apps.web, family.refresh_token, { resource: projects.resource }), "invalid_target");
  assert.deepEqual(audienceOf(await tokens(await refresh(apps.web, family.refresh_token))), [billing.resource]);
});

// Rule: RES 6
test("an access token has every claim of RFC 9068, its times in order, and the same sign-in time after a refresh", async () => {
  const first = await connect(await newBrowser(), apps.web);
  const second = await tokens(await refresh(apps.web, first.refresh_token));
  for (const { access_token } of [first, second]) {
    const claims = claimsOf(access_token);
    for (const name of ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"]) assert.ok(claims[name], name);
    assert.ok(claims.auth_time <= claims.iat && claims.iat < claims.exp);
  }
  assert.equal(claimsOf(first.access_token).auth_time, claimsOf(second.access_token).auth_time);
});

// Rule: PEER 17
test("an API that is gone is invalid_grant at a refresh that does not name it", async () => {
  const family = await connect(await newBrowser(), apps.web, { scope: "read:invoices" });
  await latchkey.run("DELETE FROM client_grants WHERE client_id = ? AND api_id = ?", apps.web.client_id, billing.id);
  const deadline = Date.now() + 12_000;
  let answer = await refresh(apps.web, family.refresh_token);
  while (answer.status === 200 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    answer = await refresh(apps.web, (await answer.json()).refresh_token);
  }
  await expectRefusal(answer, "invalid_grant");
});
