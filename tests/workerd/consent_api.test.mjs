// The consent page as JSON: the same request, the same checks, the same decision.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apps, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey({ vars: { CONSENT_PAGE: "/connect" } });
const { redeem, tokens } = oauthClient(latchkey);

async function asked(app = apps.spa, parameters = {}) {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const flow = authorizationRequest(app, parameters);
  const answer = await browser.request(flow.url);
  const page = new URL(answer.headers.get("location"), ISSUER);
  assert.equal(page.pathname, "/connect");
  return { browser, flow, username, id: page.searchParams.get("request_id") };
}

const path = (id) => `/api/oauth/consent/${id}`;
const read = async ({ browser, id }) => {
  const answer = await browser.request(path(id));
  assert.equal(answer.status, 200);
  return answer.json();
};
const decide = ({ browser, id }, body, { headers, ...options } = {}) =>
  browser.request(path(id), {
    method: "POST",
    headers: { origin: ISSUER, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...options,
  });
const refused = async (answer, status, error) => {
  const body = await answer.json();
  assert.deepEqual([answer.status, body.error], [status, error], body.error_description);
  assert.match(answer.headers.get("cache-control"), /no-store/);
  return body;
};
const decisions = () => latchkey.count("decisions");

// Covers: R39, B16
test("GET tells who asks whom for what", async () => {
  const request = await asked(apps.spa, { scope: "read:profile read:team", state: "kept" });
  const { request: about, app, user, csrf_token } = await read(request);
  const { client_id, redirect_uri, scope, state, permissions } = about;
  assert.deepEqual([client_id, redirect_uri, scope, state], [apps.spa.client_id, request.flow.redirect_uri, "read:profile read:team", "kept"]);
  assert.deepEqual(permissions.map(({ api, scope }) => [api, scope]), [
    ["Projects API", "read:profile"],
    ["Projects API", "read:team"],
  ]);
  assert.ok(Date.parse(about.expires_at) > Date.now());
  assert.deepEqual([app.name, app.developer_name, app.verified], ["Spa App", "Northwind Labs", true]);
  assert.deepEqual([user.username, typeof csrf_token], [request.username, "string"]);
});

// Covers: R40, R41, B17, B18
test("POST decides, and names the address to go to", async () => {
  const yes = await asked();
  const { csrf_token } = await read(yes);
  const answer = await decide(yes, { approved: true, csrf_token });
  assert.equal(answer.status, 200);
  assert.deepEqual(trips(answer), { "DB.batch": 1, "KV.put": 1, depth: 1 });
  const { redirect_to, ...rest } = await answer.json();
  assert.deepEqual(rest, {}, "the code comes in no other way");
  await tokens(await redeem({ ...yes.flow, code: new URL(redirect_to).searchParams.get("code") }));

  const no = await asked(apps.spa, { state: "kept" });
  const denied = await decide(no, { approved: false, csrf_token: (await read(no)).csrf_token });
  const { error, state, iss, code } = Object.fromEntries(new URL((await denied.json()).redirect_to).searchParams);
  assert.deepEqual([error, state, iss, code], ["access_denied", "kept", ISSUER, undefined]);
});

// Covers: R44, B20
// Rule: ATTACK 4
test("a request is decided once", async () => {
  const request = await asked();
  const { csrf_token } = await read(request);
  const answers = await Promise.all([true, true, false].map((approved) => decide(request, { approved, csrf_token })));
  const places = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).redirect_to)));
  assert.equal(places.size, 1);
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 60000");
  await refused(await decide(request, { approved: true, csrf_token }), 409, "already_decided");
});

// Covers: B15
// Rule: UI 2, UI 3, ATTACK 2, ATTACK 3
test("another user, browser, session or site neither reads nor decides it", async (t) => {
  const request = await asked();
  const { csrf_token } = await read(request);
  const before = await decisions();
  const yes = { approved: true, csrf_token };
  const as = (browser) => ({ ...request, browser });
  await t.test("another user", async () => {
    const other = await asked();
    await refused(await other.browser.request(path(request.id)), 403, "forbidden");
    await refused(await decide(as(other.browser), yes), 403, "forbidden");
    await refused(await decide({ ...other, id: request.id }, { approved: true, csrf_token: (await read(other)).csrf_token }), 400, "invalid_request");
  });
  await t.test("nobody", async () => {
    await refused(await decide(as(new Browser(latchkey)), yes), 403, "forbidden");
    await refused(await new Browser(latchkey).request(path(request.id)), 403, "forbidden");
  });
  await t.test("the same user, signed in anew", async () => {
    const again = new Browser(latchkey);
    again.cookies = new Map(request.browser.cookies);
    await again.signIn(request.username);
    await refused(await decide(as(again), yes), 403, "forbidden");
  });
  for (const origin of ["https://evil.example", "http://localhost:8788", "null", ""])
    await t.test(`from ${origin || "no origin"}`, async () =>
      refused(await decide(request, yes, { headers: { origin } }), 403, "forbidden"),
    );
  assert.equal(await decisions(), before);
});

// Covers: R40
test("anything but a decision is refused", async () => {
  const request = await asked();
  const { csrf_token } = await read(request);
  const before = await decisions();
  const bodies = [
    "",
    "{",
    "[]",
    { approved: true },
    { csrf_token },
    { approved: "yes", csrf_token },
    { approved: true, csrf_token: `${csrf_token}A` },
    { approved: true, csrf_token: request.id },
    { approved: true, csrf_token, scopes: "read:profile" },
    { approved: true, csrf_token, redirect_uri: "https://evil.example" },
  ];
  for (const body of bodies) await refused(await decide(request, body), 400, "invalid_request");
  await refused(await decide(request, { approved: true, csrf_token }, { headers: { "content-type": "text/plain" } }), 400, "invalid_request");
  await refused(await decide(request, `{"approved":true,"csrf_token":"${"x".repeat(70_000)}"}`), 413, "invalid_request");
  await refused(await decide({ ...request, id: "x" }, { approved: true, csrf_token }), 400, "invalid_request");
  await refused(await request.browser.request(path("x".repeat(9000))), 400, "invalid_request");
  assert.equal(await decisions(), before);
});

test("an app suspended meanwhile, and an app that does not serve this user", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  const request = await asked(app);
  const { csrf_token } = await read(request);
  await suspend(latchkey, app);
  for (const answer of [await request.browser.request(path(request.id)), await decide(request, { approved: true, csrf_token })])
    assert.equal((await refused(answer, 400, "invalid_request")).redirect_to, undefined);

  const tested = await newApp(latchkey, { app_type: "spa" });
  const stranger = await asked(tested);
  await latchkey.run("UPDATE apps SET status = 'draft' WHERE client_id = ?", tested.client_id);
  const { redirect_to } = await refused(await stranger.browser.request(path(stranger.id)), 403, "access_denied");
  assert.equal(new URL(redirect_to).searchParams.get("error"), "access_denied");
});

test("storage down: come again, and the same attempt gets the answer of what was written", async () => {
  const request = await asked();
  const down = await request.browser.request(path(request.id), { faults: [{ at: "DB", fail: "before" }] });
  assert.match(down.headers.get("retry-after"), /^[1-9]/);
  await refused(down, 503, "temporarily_unavailable");
  const { csrf_token } = await read(request);
  const codes = await latchkey.count("authorization_codes");
  const lost = await decide(request, { approved: true, csrf_token }, { faults: [{ at: "DB", fail: "after" }] });
  assert.match(lost.headers.get("retry-after"), /^[1-9]/);
  const again = await refused(lost, 503, "temporarily_unavailable");
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 20000");
  const answer = await decide(request, { approved: true, csrf_token: again.csrf_token });
  assert.match((await answer.json()).redirect_to, /code=lkc_/);
  assert.equal(await latchkey.count("authorization_codes"), codes + 1);
});

test("no script of another site may read it", async () => {
  const request = await asked();
  const answer = await request.browser.request(path(request.id), { headers: { origin: "https://evil.example" } });
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
});
