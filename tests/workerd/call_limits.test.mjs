// How many calls to an API pass, by the tier of their app, counted over many isolates by one object.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { trips } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { basic, oauthClient } from "./support/oauth.mjs";
import { apis, apps, loadPlatform, newApp } from "./support/platform.mjs";

const ISOLATES = 10;
const CLIENTS = 20;
const LIMIT = 200;
const SECONDS = 10;

const isolates = await startIsolates(ISOLATES, () => ({ vars: { RATE_LIMITS: "on" } }));
const [latchkey] = isolates;
await latchkey.worker.applyD1Migrations("DB");
await loadPlatform(latchkey.db);
await latchkey.run("UPDATE apis SET route_rules = ?", JSON.stringify([{ path: "/v1/projects", scopes: ["read:projects"] }]));
await latchkey.run("UPDATE rate_tiers SET requests = ?, seconds = ? WHERE name = 'approved'", LIMIT, SECONDS);
await latchkey.run("INSERT INTO rate_tiers (name, requests, app_requests, seconds) VALUES ('quarter', 1000, 100000, 900)");

const { client_id, secret } = apis.projects.credential;
const PROXY = { "latchkey-authorization": basic(client_id, secret), "x-original-method": "GET" };

async function tokenOf(app) {
  const answer = await oauthClient(latchkey).token(app, { grant_type: "client_credentials" });
  const { access_token } = await answer.json();
  return access_token;
}

const call = (where, token, options) =>
  where.fetch("/oauth/verify", {
    headers: { ...PROXY, "x-original-uri": "/v1/projects", ...(token && { authorization: `Bearer ${token}` }) },
    ...options,
  });

async function appWithTier(tier) {
  const app = await newApp(latchkey, { app_type: "server", grants: apps.server.grants });
  await latchkey.run("UPDATE apps SET rate_tier = ? WHERE client_id = ?", tier, app.client_id);
  return tokenOf(app);
}

const asks = (answers) => answers.reduce((sum, answer) => sum + (trips(answer)["COUNTER.fetch"] ?? 0), 0);

// Covers: R77, B41
test("20 clients in parallel get what one limit allows in each of two windows, though its counter is killed between", async (t) => {
  const token = await tokenOf(apps.server);
  const answers = [];
  const began = Date.now();
  const ends = began + 2 * SECONDS * 1000;
  const client = async (number) => {
    while (Date.now() < ends) {
      const answer = await call(isolates[number % ISOLATES], token);
      answers.push({ at: Date.now() - began, answer });
      await sleep(100);
    }
  };
  const killer = async () => {
    await sleep(300);
    // It has counted, and is gone before it says so.
    await latchkey.eachCounter((counter) => counter.goWrong({ statement: "INSERT INTO counts", fail: "evicted", times: 1 }));
  };
  await Promise.all([killer(), ...Array.from({ length: CLIENTS }, (_, number) => client(number))]);

  const allowed = answers.filter(({ answer }) => answer.status === 200).map(({ at }) => at);
  const within = (from) => allowed.filter((at) => at >= from && at < from + SECONDS * 1000).length;
  const most = Math.max(...allowed.map(within));
  const counts = [within(0), within(SECONDS * 1000)];
  t.diagnostic(
    `limit ${LIMIT} in ${SECONDS} s, ${CLIENTS} clients at ${ISOLATES} isolates: ${answers.length} calls, allowed ${counts.join(" and ")}, ` +
      `most in any window ${most}, trips to the counter ${asks(answers.map(({ answer }) => answer))}`,
  );
  for (const count of counts) assert.ok(count >= 0.9 * LIMIT && count <= 1.1 * LIMIT, `${counts}`);
  assert.ok(most <= 1.1 * LIMIT, `${most}`);
  for (const { answer } of answers.filter(({ answer }) => answer.status !== 200)) {
    assert.equal(answer.status, 429);
    const wait = Number(answer.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= SECONDS + 1, String(wait));
    assert.equal((await answer.json()).error, "rate_limit_exceeded");
  }
});

// Covers: R77, B41
test("while a lease lasts calls cost no trip, and headers tell what is left", async (t) => {
  const token = await appWithTier("quarter");
  const answers = [];
  for (let n = 0; n < 400; n++) answers.push(await call(latchkey, token));
  for (const answer of answers) assert.equal(answer.status, 200);
  const [first] = answers;
  assert.equal(first.headers.get("ratelimit-policy"), '"client";q=1000;w=900, "app";q=100000;w=900');
  assert.match(first.headers.get("ratelimit"), /^"client";r=999;t=9\d\d, "app";r=99999;t=9\d\d$/);
  assert.match(answers.at(-1).headers.get("ratelimit"), /^"client";r=600;/);
  const asked = asks(answers);
  t.diagnostic(`400 calls one after another, limit 1000 in 900 s: ${asked} trips to the counter`);
  assert.ok(asked <= 40, String(asked));
});

// Covers: B41
test("what one isolate has counted another knows, and so does an object that began anew", async () => {
  const token = await appWithTier("quarter");
  for (let n = 0; n < 5; n++) assert.equal((await call(isolates[n], token)).status, 200);
  await latchkey.eachCounter((counter) => counter.beginAnew());
  const answer = await call(isolates[5], token);
  assert.match(answer.headers.get("ratelimit"), /^"client";r=994;/);
});

// Covers: B41
test("who shows no good token reaches no counter", async () => {
  const before = await latchkey.worker.listDurableObjectIds("COUNTER");
  for (const token of [undefined, "nonsense", `${await appWithTier("quarter")}x`]) {
    const answer = await call(latchkey, token);
    assert.deepEqual([answer.status, trips(answer)["COUNTER.fetch"]], [401, undefined]);
    assert.equal(answer.headers.get("ratelimit"), null);
  }
  assert.deepEqual(await latchkey.worker.listDurableObjectIds("COUNTER"), before);
});

// Covers: R77
test("a counter that does not answer lets a fiftieth pass in an isolate, then calls are told to come again", async () => {
  const token = await appWithTier("quarter");
  const faults = [{ at: "COUNTER", fail: "before" }];
  const statuses = [];
  for (let n = 0; n < 25; n++) {
    const answer = await call(latchkey, token, { faults });
    statuses.push(answer.status);
    if (answer.status === 503) assert.equal(answer.headers.get("retry-after"), "1");
  }
  assert.deepEqual(statuses, [...Array(20).fill(200), ...Array(5).fill(503)]);
  await sleep(1100);
  const back = await call(latchkey, token);
  assert.match(back.headers.get("ratelimit"), /^"client";r=979;/);
});

test("counts that are over go, however many there are, and those that are not stay", async () => {
  const token = await appWithTier("quarter");
  const before = new Set(await latchkey.worker.listDurableObjectIds("COUNTER"));
  assert.equal((await call(latchkey, token)).status, 200);
  const [id] = (await latchkey.worker.listDurableObjectIds("COUNTER")).filter((one) => !before.has(one));
  const storage = await latchkey.worker.getDurableObjectStorage("COUNTER", { id });
  const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)";
  await storage.exec(`${many} INSERT INTO counts SELECT 'old/' || i, '{}', 1 FROM n`);
  const counter = latchkey.counters.get(latchkey.counters.idFromString(id));
  await counter.ringAlarm();
  // The rest by alarms that follow by themselves.
  const keys = async () => (await storage.exec("SELECT key FROM counts ORDER BY key LIMIT 3")).map(({ key }) => key);
  for (const end = Date.now() + 30_000; Date.now() < end && (await keys()).length > 2; ) await sleep(200);
  assert.deepEqual(await keys(), ["app", "client"]);
});
