// Calls to APIs behind the guard are counted without a trip, by the patterns of routes and the scopes these asked for, and
// read by the app's developer a second or two later.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedIn } from "./support/browser.mjs";
import { startLatchkey, trips } from "./support/harness.mjs";
import { basic, oauthClient } from "./support/oauth.mjs";
import { apis, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect } = oauthClient(latchkey);
const credential = basic(apis.projects.credential.client_id, apis.projects.credential.secret);

await latchkey.run(
  "UPDATE apis SET route_rules = ?1 WHERE id = ?2",
  JSON.stringify([
    { methods: ["GET"], path: "/projects/{id}", scopes: ["read:projects"] },
    { methods: ["POST"], path: "/projects", scopes: ["write:projects"] },
  ]),
  apis.projects.id,
);

const ask = (access_token, uri, { method = "GET", faults } = {}) =>
  latchkey.fetch("/oauth/verify", {
    headers: {
      "Latchkey-Authorization": credential,
      "X-Original-Method": method,
      "X-Original-URI": uri,
      ...(access_token && { Authorization: `Bearer ${access_token}` }),
    },
    faults,
  });

async function until(look, wanted, seconds = 20) {
  let seen;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) {
    seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
  }
  assert.deepEqual(seen, wanted);
}

// Somebody's own app with a token that may read and write, and who develops it.
async function calling() {
  const app = await newApp(latchkey, { scopes: ["read:projects", "write:projects"] });
  const username = await newUser(latchkey);
  const [developer_id, user_id] = [`dev_${app.developer}`, `usr_${username}`];
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role) VALUES (?, ?, 'member')",
    developer_id,
    user_id,
  );
  const user = await newUser(latchkey);
  const browser = await signedIn(latchkey, user);
  const { access_token } = await connect(browser, app, { scope: "read:projects write:projects" });
  const developer = await signedIn(latchkey, username);
  const usage = async () =>
    (await developer.request(`/api/developer/apps/${app.client_id}/usage?period=24h`)).json();
  return { app, user, browser, developer, access_token, usage };
}

const points = (answer) => JSON.parse(decodeURIComponent(answer.headers.get("x-test-points") ?? "[]"));

// Covers: R75, R76, B42
test("calls are in the developer's numbers seconds later, with the scopes used and no path", async () => {
  const { app, developer, access_token, usage } = await calling();
  const began = Date.now();
  for (let n = 0; n < 3; n++) {
    const answer = await ask(access_token, `/projects/marker${n}?marker=marker`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("latchkey-scopes"), "read:projects write:projects");
  }
  assert.equal((await ask(access_token, "/marker")).status, 404);
  await until(async () => (await usage()).total.calls, 4);
  assert.ok(Date.now() - began < 15_000);
  const { total, routes, scopes_used } = await usage();
  assert.deepEqual(total.calls_by_kind, { through: 3, refused: 1, failed: 0 });
  assert.deepEqual(scopes_used, [{ scope: "read:projects", calls: 3 }]);
  assert.deepEqual(
    routes.map(({ api_name, route, method, calls, scopes_used }) => [api_name, route, method, calls, scopes_used]),
    [
      ["Projects API", "/projects/{id}", "GET", 3, ["read:projects"]],
      ["Projects API", null, "GET", 1, []],
    ],
  );
  const page = await developer.open(`/developers/apps/${app.client_id}/usage`);
  assert.match(page.source, /<code>\/projects\/\{id\}<\/code>/);
  const tables = await latchkey.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'");
  for (const { name } of tables) {
    const rows = JSON.stringify(await latchkey.rows(`SELECT * FROM "${name}"`));
    assert.ok(!rows.includes("marker"), name);
  }
});

// Covers: R76, B42
test("each call is one data point with app, developer, route, method, scopes and a pseudonym of its user", async () => {
  const { app, user, access_token } = await calling();
  const [first, again] = [await ask(access_token, "/projects/marker"), await ask(access_token, "/projects/marker")];
  const [point, ...more] = points(first);
  assert.equal(more.length, 0);
  const [client_id, name, developer, pseudonym, ...rest] = point.blobs;
  assert.deepEqual([client_id, name, developer], [app.client_id, app.name, `dev_${app.developer}`]);
  assert.match(pseudonym, /^[\w-]{22}$/);
  assert.equal(points(again)[0].blobs[3], pseudonym);
  assert.deepEqual(rest, [apis.projects.id, "/projects/{id}", "GET", "allowed", "read:projects"]);
  assert.deepEqual([point.indexes, point.doubles], [[app.client_id], [-1, 0]]);
  for (const secret of [`usr_${user}`, "marker"]) assert.ok(!JSON.stringify(point).includes(secret));
  const [unknown] = points(await ask(undefined, "/projects/1"));
  assert.deepEqual(unknown.blobs.slice(0, 4), ["", "", "", ""]);
  assert.equal(unknown.blobs[7], "refused.token_required");
});

test("a call that is counted costs no trip", async () => {
  const { access_token } = await calling();
  await ask(access_token, "/projects/1");
  for (let n = 0; n < 3; n++) assert.equal(trips(await ask(access_token, "/projects/1")).depth, 0);
});

// Covers: R78
test("a call is a use of its consent, which its user sees and which a second call within the hour does not write", async () => {
  const { app, browser, access_token } = await calling();
  const long = 300 * 24 * 3_600_000;
  const [{ id }] = await latchkey.rows("SELECT id FROM consents WHERE client_id = ?", app.client_id);
  // The ledger tells of the token's issue half a minute after it, when this is over.
  const before = Date.now() - long;
  const forget = () =>
    latchkey.run("UPDATE consents SET last_used_at = ?, expiry_noted_at = 1 WHERE id = ?", before, id);
  await forget();
  await ask(access_token, "/projects/1");
  const used = async () =>
    (await latchkey.rows("SELECT last_used_at > ? AS used, expiry_noted_at AS noted FROM consents WHERE id = ?", before, id))[0];
  await until(used, { used: 1, noted: null });
  const listed = await (await browser.request("/api/user/connected-apps")).json();
  const { last_used } = listed.find((one) => one.consent_id === id);
  assert.ok(Math.abs(Date.parse(last_used) - Date.now()) < 60_000, last_used);
  await forget();
  await ask(access_token, "/projects/1");
  await sleep(2500);
  assert.deepEqual(await used(), { used: 0, noted: 1 }, "this isolate wrote it within the hour");
});

test("a database that is down, or whose answer is lost, stops no call, costs no count and adds none twice", async (t) => {
  for (const fail of ["before", "after"]) {
    await t.test(fail, async () => {
      const { app, access_token } = await calling();
      const counted = async () =>
        (await latchkey.rows("SELECT COALESCE(sum(count), 0) AS sum FROM call_hours WHERE client_id = ?", app.client_id))[0].sum;
      await ask(access_token, "/projects/1");
      await until(counted, 1);
      // The task of the first request that comes after a pause goes by that request's plan.
      await sleep(2500);
      const faults = [{ at: "DB.batch", match: "usage_writers", fail, times: 2 }];
      for (let n = 0; n < 4; n++) assert.equal((await ask(access_token, "/projects/1", { faults })).status, 200);
      await until(counted, 5, 30);
      await sleep(2500);
      assert.equal(await counted(), 5);
    });
  }
});

test("cron adds old hours of calls up to days, and nothing is lost or read twice", async () => {
  const { app, access_token, usage } = await calling();
  await ask(access_token, "/projects/1");
  await until(() => latchkey.count("call_hours", "client_id = ?", app.client_id), 1);
  const days = 5 * 24 * 3_600_000;
  await latchkey.run("UPDATE call_hours SET hour = hour - ? WHERE client_id = ?", days, app.client_id);
  for (let n = 0; n < 3; n++) await latchkey.runSchedule();
  assert.equal(await latchkey.count("call_hours", "client_id = ?", app.client_id), 0);
  assert.equal(await latchkey.count("call_days", "client_id = ?", app.client_id), 1);
  assert.deepEqual((await usage()).routes, [], "they were not within 24 hours");
});
