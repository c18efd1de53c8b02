// An API server made with @latchkey/server, the real Latchkey, and apps made with @latchkey/client.
import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { ApiError, LatchkeyClient, memoryStorage, StepUpError } from "@latchkey/client";
import { LatchkeyService } from "@latchkey/client/server";
import { createGuard, fetchGuard } from "@latchkey/server";
import { apis, apps, CALLBACK, newApp, suspend } from "../workerd/support/platform.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const platform = await startPlatform();
const { client_id: clientId, secret: clientSecret } = apis.projects.credential;

// The API: it says who it was called by.
function newApi(options = {}) {
  const faults = [];
  const guard = createGuard({
    issuer: ISSUER,
    resource: API,
    fetch: platform.fetch,
    onFault: (what, error) => faults.push([what, error]),
    ...options,
  });
  const { requireScope } = fetchGuard(guard);
  const who = (_request, auth) => Response.json(auth);
  const routes = {
    "/who": requireScope("read:projects", who),
    "/analytics": requireScope("read:analytics", who),
    "/own": requireScope("read:projects", who, { by: "app" }),
  };
  const fetch = (input, init) => {
    const url = new URL(input);
    return url.origin === API ? routes[url.pathname](new Request(url, init)) : platform.fetch(input, init);
  };
  return { fetch, faults, close: () => guard.close() };
}

async function connected(api, { app = apps.spa, ...options } = {}) {
  const person = await platform.newPerson();
  const client = new LatchkeyClient({
    issuer: ISSUER,
    clientId: app.client_id,
    redirectUri: CALLBACK,
    api: API,
    scopes: ["read:projects"],
    storage: memoryStorage(),
    fetch: api.fetch,
    ...options,
  });
  await client.exchangeCodeForTokens(await decide(person, await client.getAuthorizationUrl()));
  return { person, client };
}

async function until(isSo, milliseconds) {
  for (const end = Date.now() + milliseconds; !(await isSo()); )
    if (Date.now() > end) assert.fail("it never came to be");
    else await new Promise((resolve) => setTimeout(resolve, 200));
}

// What the API says to an app that shows this token by itself.
async function said(api, accessToken, path = "/who") {
  const answer = await api.fetch(API + path, { headers: { authorization: `Bearer ${accessToken}` } });
  const body = await answer.json();
  return answer.ok ? "allowed" : `${answer.status} ${body.reason ?? body.error}`;
}

// Covers: R64, R65, B31
test("an API learns who calls, and by which app and consent", async () => {
  const api = newApi();
  const { person, client } = await connected(api);
  const auth = await client.apiCall("/who");
  assert.deepEqual([auth.by, auth.userId, auth.clientId, auth.tokenType], ["user", `usr_${person.username}`, apps.spa.client_id, "third_party"]);
  assert.match(auth.consentId, /^cns_/);
  assert.deepEqual(auth.scopes, ["read:projects"]);
  assert.ok(auth.expiresAt > auth.issuedAt);
  const service = new LatchkeyService({
    ...{ issuer: ISSUER, api: API, scopes: ["read:projects"], fetch: api.fetch },
    ...{ clientId: apps.server.client_id, clientSecret: apps.server.secret },
  });
  const own = await service.apiCall("/own");
  assert.deepEqual([own.by, own.userId, own.clientId], ["app", null, apps.server.client_id]);
  await assert.rejects(service.apiCall("/who"), { status: 403, code: "insufficient_scope" });
  assert.deepEqual(api.faults, []);
});

// Covers: R65, B32
test("an app that lacks a scope learns from the challenge which one to ask for", async () => {
  const { client } = await connected(newApi());
  await assert.rejects(client.apiCall("/analytics"), (error) => {
    assert.ok(error instanceof StepUpError);
    assert.deepEqual(error.scopes, ["read:analytics"]);
    return true;
  });
});

test("a challenge leads to metadata that name this API and this issuer", async () => {
  const answer = await newApi().fetch(`${API}/who`);
  const at = /resource_metadata="([^"]+)"/.exec(answer.headers.get("www-authenticate"))[1];
  const { resource, authorization_servers } = await (await platform.fetch(at)).json();
  assert.deepEqual([resource, authorization_servers], [API, [ISSUER]]);
});

test("tokens that are bound to a key come with proofs that hold", async () => {
  const dpop = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const api = newApi();
  const { client } = await connected(api, { dpop });
  assert.equal((await client.apiCall("/who?page=2")).by, "user");
  const { accessToken } = await client.tokens();
  assert.equal(await said(api, accessToken), "401 invalid_token");
});

// Covers: B33, R67
test("what users and operators take back is refused by the list half a minute later; what users do, by introspection at the next call", async () => {
  const byList = newApi();
  const asking = newApi({ revocation: "introspection", credential: { clientId, clientSecret } });
  const app = await newApp(platform.latchkey, { app_type: "spa" });
  const { client } = await connected(byList);
  const suspended = await connected(byList, { app });
  const tokens = await Promise.all([client, suspended.client].map(async (one) => (await one.tokens()).accessToken));
  for (const token of tokens)
    for (const api of [byList, asking]) assert.equal(await said(api, token), "allowed");
  assert.deepEqual(await client.signOut(), { revoked: true });
  await suspend(platform.latchkey, app);
  assert.equal(await said(asking, tokens[0]), "401 invalid_token");
  // Longer than the feed itself takes to notice; the rest of the half minute passes at once.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 26_000 });
  try {
    assert.deepEqual(
      [await said(byList, tokens[0]), await said(byList, tokens[1])],
      ["401 consent_revoked", "401 invalid_client"],
    );
  } finally {
    mock.timers.reset();
  }
  assert.deepEqual(byList.faults, []);
});

// Covers: B33, R67
test("who holds the stream refuses what was taken back some seconds later, with no call in between", async () => {
  const asked = () => platform.asked("/oauth/revocations/3").length;
  const before = asked();
  const api = newApi({ revocation: "stream", credential: { clientId, clientSecret } });
  const { client } = await connected(api);
  const { accessToken } = await client.tokens();
  assert.equal(await said(api, accessToken), "allowed");
  await client.signOut();
  await until(async () => (await said(api, accessToken)) === "401 consent_revoked", 8_000);
  assert.ok(asked() - before <= 4, "the calls meanwhile cost no question");
  assert.deepEqual(api.faults, []);
  api.close();
});

// Covers: B29, B30
test("a token for another API, and a JWT of Latchkey's that is none, are refused", async () => {
  const api = newApi({ resource: apis.billing.resource });
  const { client } = await connected(newApi());
  assert.equal(await said(api, (await client.tokens()).accessToken), "401 invalid_token");
  const list = await (await platform.fetch(`${ISSUER}/oauth/revocations/3`)).text();
  assert.equal(await said(newApi(), list), "401 invalid_token");
});

// Covers: B33
test("where Latchkey's feed does not answer, an API without a credential allows nothing", async () => {
  const api = newApi();
  const { client } = await connected(api);
  platform.between = async (path, answer) =>
    path.startsWith("/oauth/revocations/") ? new Response("{}", { status: 503 }) : answer();
  try {
    await assert.rejects(client.apiCall("/who"), (error) => error instanceof ApiError && error.status === 503);
    const fallback = newApi({ credential: { clientId, clientSecret } });
    assert.equal(await said(fallback, (await client.tokens()).accessToken), "allowed");
    assert.deepEqual(fallback.faults.map(([what]) => what), ["feed"]);
  } finally {
    platform.between = (_path, answer) => answer();
  }
});
