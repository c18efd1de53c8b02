// The request of the seed documents, as their own form sends it, against a directory with the documents' catalogue: what
// comes of it, member by member, and what must not.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNothingInside, expectNotStored, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, introspect, token } = oauthClient(latchkey);

// The form's state: its placeholders typed in, two of its five boxes ticked.
const seedBody = (app_type = "web") => ({
  name: "My Awesome Integration",
  description: "Brief description of what your app does...",
  app_type,
  redirect_uris: ["https://your-app.com/oauth/callback"],
  scopes: ["read:projects", "read:profile"],
});
// What the documents answer, and for whom.
const SEED_ANSWER = ["app_id", "client_id", "name", "scopes", "redirect_uris", "status"];

const ADDRESS = "dana.developer@northwind.example";

// As the documents' form does it: `fetch` of a page, with the developer's session.
async function developer() {
  const username = await newUser(latchkey);
  await latchkey.run("UPDATE users SET account_name = ? WHERE username = ?", ADDRESS, username);
  const browser = await signedIn(latchkey, username);
  const send = (body, headers = {}) =>
    browser.request("/api/developer/apps", {
      method: "POST",
      headers: { origin: ISSUER, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { username, browser, send };
}

// Covers: R12, R13, R16, R17, R18, B5, B6, B7
test("the seed's request, unchanged, is answered with every member the seed has, for each of its four types", async (t) => {
  const { browser, send } = await developer();
  for (const [app_type, is_confidential] of Object.entries({ web: true, server: true, spa: false, mobile: false }))
    await t.test(app_type, async () => {
      const body = seedBody(app_type);
      const answer = await send(body);
      assert.ok(answer.ok, await answer.clone().text());
      expectNotStored(answer);
      const made = await answer.json();
      for (const member of SEED_ANSWER) assert.ok(member in made, member);
      assert.match(made.client_id, /^app_/);
      assert.equal(made.app_id, made.client_id);
      assert.deepEqual(
        [made.name, made.scopes, made.redirect_uris, made.status],
        [body.name, body.scopes, body.redirect_uris, "pending_review"],
      );
      // Of those that can keep one each has a secret, and of those that cannot none exists.
      assert.equal("client_secret" in made, is_confidential);
      const [{ n }] = await latchkey.rows("SELECT count(*) AS n FROM client_secrets WHERE client_id = ?", made.client_id);
      assert.equal(n, Number(is_confidential));
      if (is_confidential) assert.match(made.client_secret, /^lks_/);
      // The record: whose it is, what it is, since when.
      const shown = await (await browser.request(`/api/developer/apps/${made.client_id}`)).json();
      assert.deepEqual(
        [shown.app_type, shown.description, shown.developer_id, shown.client_secret],
        [app_type, body.description, made.developer_id, undefined],
      );
      assert.ok(Math.abs(Date.parse(shown.created_at) - Date.now()) < 60_000, shown.created_at);
    });
});

// Covers: R17, R29
test("it is created and submitted at once: a reviewer has it before them, and nothing is left to do", async () => {
  const { username, browser, send } = await developer();
  const { client_id } = await (await send(seedBody())).json();
  const [row] = await latchkey.rows(
    `SELECT s.status, s.submitted_by, s.submitted_at = a.created_at AS at_once FROM submissions s JOIN apps a USING (client_id)
     WHERE client_id = ?`,
    client_id,
  );
  assert.deepEqual(row, { status: "pending", submitted_by: `usr_${username}`, at_once: 1 });
  const reviewer = await newUser(latchkey);
  await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, 'reviewer')", `usr_${reviewer}`);
  const queue = await (await (await signedIn(latchkey, reviewer)).request("/api/admin/reviews")).json();
  assert.ok(queue.items.some((waiting) => waiting.client_id === client_id));
  const trail = await (await browser.request(`/api/developer/apps/${client_id}/audit`)).json();
  assert.deepEqual(trail.items.map(({ event }) => event).toSorted(), ["app.created", "app.submitted"]);
});

// Covers: R8, R15, B1, B4
test("its tokens have the documents' claims and nothing of the developer but their id", async () => {
  const { username, browser, send } = await developer();
  const made = await (await send(seedBody())).json();
  const app = { client_id: made.client_id, secret: made.client_secret, method: "basic" };
  // The documents gave it a client that could do this while nobody had reviewed it.
  await expectRefusal(await token(app, { grant_type: "client_credentials" }), "unauthorized_client");
  const { access_token } = await connect(browser, app, { redirect_uri: made.redirect_uris[0] });
  const { aud, exp, iat, app_type, developer_id, sub, client_id, ...others } = claimsOf(access_token);
  assert.deepEqual(
    { aud, seconds: exp - iat, app_type, developer_id, sub, client_id },
    {
      aud: apis.projects.resource,
      seconds: 3600,
      app_type: "third_party",
      developer_id: made.developer_id,
      sub: `usr_${username}`,
      client_id: made.client_id,
    },
  );
  assert.deepEqual(Object.keys(others).toSorted(), ["auth_time", "iss", "jti", "latchkey", "scope", "status"]);
  const told = await (await introspect(apis.projects.credential, access_token)).text();
  for (const text of [JSON.stringify(claimsOf(access_token)), told]) {
    assert.ok(!text.includes(ADDRESS), text);
    assert.ok(!text.includes("your-app.com"), text);
  }
});

// Covers: R14, B3
test("what the documents refuse is refused in their words' shape, and what they crashed on is a 400", async (t) => {
  const { send } = await developer();
  const without = (name) => Object.fromEntries(Object.entries(seedBody()).filter(([own]) => own !== name));
  const cases = {
    "a scope that is not offered": [{ ...seedBody(), scopes: ["read:projects", "admin:everything"] }, "invalid_scope"],
    "no scope at all": [{ ...seedBody(), scopes: [] }, "invalid_scope"],
    "no scopes": [without("scopes"), "invalid_request"],
    "no redirect_uris": [without("redirect_uris"), "invalid_request"],
    "redirect_uris that are no list": [{ ...seedBody(), redirect_uris: "https://your-app.com/" }, "invalid_request"],
    "a redirect URI with a fragment": [{ ...seedBody(), redirect_uris: ["https://your-app.com/#x"] }, "invalid_redirect_uri"],
    "the form as it is at first": [{ name: "", description: "", app_type: "web", redirect_uris: [""], scopes: [] }, "invalid_redirect_uri"],
    "a type of its own": [{ ...seedBody(), app_type: "desktop" }, "invalid_request"],
    null: [null, "invalid_request"],
  };
  for (const [name, [body, error]] of Object.entries(cases))
    await t.test(name, async () => {
      const answer = await send(body);
      assert.equal(answer.status, 400);
      const said = await answer.json();
      assert.equal(said.error, error);
      assert.ok(said.message, "what the documents' form shows");
    });
});

// Covers: R19, B2, B44
test("a database that fails leaves nothing behind, and the answer and the log tell nothing of it", async () => {
  const { send, browser } = await developer();
  latchkey.takeLines();
  const answer = await browser.request("/api/developer/apps", {
    method: "POST",
    headers: { origin: ISSUER, "content-type": "application/json" },
    body: JSON.stringify({ ...seedBody(), name: "Half an app" }),
    faults: [{ at: "DB", match: "INSERT INTO apps", fail: "before" }],
  });
  assert.equal(answer.status, 503);
  const said = await answer.json();
  assert.ok(said.error && said.message);
  expectNothingInside(JSON.stringify(said));
  assert.deepEqual(await latchkey.rows("SELECT 1 FROM apps WHERE name = 'Half an app'"), []);
  const made = await (await send(seedBody())).json();
  const lines = latchkey.takeLines().join("\n");
  assert.ok(!lines.includes(made.client_secret) && !lines.includes("Half an app"), "the log holds what was sent or drawn");
});

// Covers: B8
test("no other site's page can send it", async () => {
  const { send } = await developer();
  for (const origin of ["https://evil.example", "null", ""])
    assert.equal((await send(seedBody(), { origin })).status, 403, origin);
});
