// What apps use is counted without a trip on the way of any request, and read by their developers.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser, signedIn } from "./support/browser.mjs";
import { startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, basic, oauthClient, postAs } from "./support/oauth.mjs";
import { apis, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, redeem, refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const machine = { api: "api_projects", subject_type: "client", access: "all" };
const askForItself = (app, options) => token(app, { grant_type: "client_credentials" }, options);

const counted = async ({ client_id }, metric) => {
  const [{ sum }] = await latchkey.rows(
    "SELECT COALESCE(sum(count), 0) AS sum FROM usage_hours WHERE client_id = ? AND metric = ?",
    client_id,
    metric,
  );
  return sum;
};

// Asks until it is so.
async function until(look, wanted, seconds = 20) {
  let seen;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
  }
  assert.deepEqual(seen, wanted);
}

// Somebody who manages the app.
async function developerOf(app) {
  const username = await newUser(latchkey);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role) VALUES (?, ?, 'member')",
    `dev_${app.developer}`,
    `usr_${username}`,
  );
  return signedIn(latchkey, username);
}

const usage = async (browser, { client_id }, period = "24h") => {
  const answer = await browser.request(`/api/developer/apps/${client_id}/usage?period=${period}`);
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
};
const errors = async (browser, { client_id }) =>
  (await (await browser.request(`/api/developer/apps/${client_id}/errors`)).json()).items;

// Covers: R75
test("requests of an app are in its developer's numbers a second or two later", async () => {
  const app = await newApp(latchkey, { grants: [machine] });
  const developer = await developerOf(app);
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const began = Date.now();
  let grant = await connect(browser, app);
  for (let n = 0; n < 3; n++) grant = await tokens(await refresh(app, grant.refresh_token));
  await tokens(await askForItself(app));
  await introspect(apis.projects.credential, grant.access_token);
  await revoke(app, grant.access_token);
  await until(async () => (await usage(developer, app)).total.tokens, 5);
  assert.ok(Date.now() - began < 15_000);
  const { total, active_users, last_used_at, buckets } = await usage(developer, app);
  assert.deepEqual(total.tokens_by_grant, { authorization_code: 1, refresh_token: 3, client_credentials: 1, jwt_bearer: 0 });
  await until(async () => (await usage(developer, app)).total.revocations, 1);
  assert.deepEqual([total.authorizations, total.consents_granted, total.errors], [1, 1, 0]);
  assert.equal((await usage(developer, app)).total.introspections, 1);
  assert.equal(active_users.at(-1).users, 1);
  assert.ok(Math.abs(Date.parse(last_used_at) - Date.now()) < 60_000);
  assert.equal(buckets.length, 24);
  for (const period of ["30d", "90d"]) assert.equal((await usage(developer, app, period)).total.tokens, 5);
  const used = async (table, id) =>
    (await latchkey.rows(`SELECT last_used_at > 0 AS used FROM ${table} WHERE ${id}`))[0].used;
  assert.equal(await used("client_secrets", `client_id = '${app.client_id}'`), 1);
  assert.equal(await used("api_credentials", "id = 'apc_projects'"), 1);
});

test("counting costs no request a trip", async () => {
  const app = await newApp(latchkey, { grants: [machine] });
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const grant = await browser.connect(app);
  const redeemed = await redeem(grant);
  assert.deepEqual(trips(redeemed), { "KV.get": 1, "LEDGER.fetch": 1, depth: 2 });
  const { refresh_token } = await redeemed.json();
  assert.deepEqual(trips(await refresh(app, refresh_token)), { "LEDGER.fetch": 1, depth: 1 });
  assert.deepEqual(trips(await askForItself(app)), { depth: 0 });
  assert.deepEqual(trips(await refresh(app, "lkr_nonsense")), { depth: 0 });
});

test("an error tells the app's developer what to change, and holds nothing the request carried", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  const developer = await developerOf(app);
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const grant = await browser.connect(app);
  const wrong = await redeem(grant, { code_verifier: "x".repeat(43) });
  await browser.request(authorizationRequest(app, { redirect_uri: "https://elsewhere.example/lkr_stolen" }).url);
  await browser.request(authorizationRequest(app, { scope: "admin lkr_stolenstolen" }).url);
  await until(async () => (await errors(developer, app)).length, 3);
  const [scope, redirect, verifier] = await errors(developer, app);
  assert.equal(verifier.request_id, wrong.headers.get("x-request-id"));
  assert.deepEqual([verifier.endpoint, verifier.error, verifier.count], ["token", "invalid_grant", 1]);
  assert.match(verifier.hint, /code_verifier of the very authorization request/);
  assert.deepEqual([redirect.endpoint, redirect.error], ["authorize", "invalid_request"]);
  assert.match(redirect.hint, /Register this address/);
  assert.equal(scope.description, "this app may not ask for: admin ***");
  const all = JSON.stringify(await latchkey.rows("SELECT * FROM app_errors"));
  for (const secret of [grant.code, grant.code_verifier, "stolen", "elsewhere"]) assert.ok(!all.includes(secret), secret);
  const page = await developer.open(`/developers/apps/${app.client_id}/log`);
  assert.equal(page.status, 200);
  assert.match(page.source, /admin \*\*\*/);
});

test("a database that is down, or whose answer is lost, costs no count and adds none twice", async (t) => {
  for (const fail of ["before", "after"]) {
    await t.test(fail, async () => {
      const app = await newApp(latchkey, { grants: [machine] });
      // The task of the first request that comes after a pause goes by that request's plan.
      await sleep(2500);
      const faults = [{ at: "DB.batch", match: "usage_writers", fail, times: 2 }];
      for (let n = 0; n < 4; n++) await tokens(await askForItself(app, { faults }));
      await until(() => counted(app, "token.client_credentials"), 4, 30);
      await tokens(await askForItself(app));
      await until(() => counted(app, "token.client_credentials"), 5, 30);
      await sleep(2500);
      assert.equal(await counted(app, "token.client_credentials"), 5);
    });
  }
});

test("a flood of bad requests is counted whole and leaves few entries", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  const flood = 2000;
  const one = (n) =>
    postAs(latchkey, "/oauth/token", app, { grant_type: "refresh_token", refresh_token: n % 2 ? "x" : undefined });
  for (let n = 0; n < flood; n += 50) await Promise.all(Array.from({ length: 50 }, (_, at) => one(n + at)));
  const all = async () => (await counted(app, "error.invalid_grant")) + (await counted(app, "error.invalid_request"));
  await until(all, flood, 30);
  const [{ entries, sum }] = await latchkey.rows(
    "SELECT count(*) AS entries, sum(count) AS sum FROM app_errors WHERE client_id = ?",
    app.client_id,
  );
  assert.equal(sum, flood);
  assert.ok(entries <= 200, `${entries} entries`);
});

test("the numbers of an app are for those who manage it", async () => {
  const app = await newApp(latchkey);
  const stranger = await signedIn(latchkey, await newUser(latchkey));
  for (const path of ["usage", "errors"]) {
    const answer = await stranger.request(`/api/developer/apps/${app.client_id}/${path}`);
    assert.equal(answer.status, 404);
    const nobody = await new Browser(latchkey).request(`/api/developer/apps/${app.client_id}/${path}`);
    assert.equal(nobody.status, 401);
    const withSecret = await latchkey.fetch(`/api/developer/apps/${app.client_id}/${path}`, {
      headers: { authorization: basic(app.client_id, app.secret) },
    });
    assert.equal(withSecret.status, 401);
  }
  assert.equal((await stranger.request("/api/admin/usage")).status, 403);
});

test("cron adds old hours up to days, and nothing is lost or read twice", async () => {
  const app = await newApp(latchkey, { grants: [machine] });
  const developer = await developerOf(app);
  await tokens(await askForItself(app));
  await until(() => counted(app, "token.client_credentials"), 1);
  const days = 5 * 24 * 3_600_000;
  await latchkey.run("UPDATE usage_hours SET hour = hour - ? WHERE client_id = ?", days, app.client_id);
  for (let n = 0; n < 3; n++) await latchkey.runSchedule();
  assert.equal(await counted(app, "token.client_credentials"), 0);
  assert.equal(await latchkey.count("usage_days", "client_id = ?", app.client_id), 2);
  assert.equal((await usage(developer, app, "30d")).total.tokens, 1);
});
