// Very many apps that registered themselves and that nobody ever used. LATCHKEY_UNUSED: how many there are (`make scale`
// asks for 100,000).
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { rowsRead } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, CALLBACK, loadLogo, loadPlatform, newUser } from "./support/platform.mjs";

const UNUSED = Number(process.env.LATCHKEY_UNUSED ?? 3000);
const AT_ONCE = 1000;
// Of so many apps with a redirect URI, a registration, a scope and a secret each. What one batch may cost.
const MOST_READ = 30 * AT_ONCE;
const MOST_WRITTEN = 6 * AT_ONCE;
const STEP = 20_000;

// People go to the first; each request of a program goes to another, which has never heard of the app.
const [latchkey, ...others] = await startIsolates(4);
await latchkey.worker.applyD1Migrations("DB");
await loadPlatform(latchkey.db);
await loadLogo(latchkey.kv);
const [{ redeem }, { refresh }, { introspect }] = others.map(oauthClient);

const fill = async (from, to, sql) => {
  for (let first = from; first < to; first += STEP) {
    const last = Math.min(first + STEP, to) - 1;
    await latchkey.run(
      `WITH RECURSIVE numbers (n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last}) ${sql}`,
    );
  }
};
async function fillAll(from, to, { prefix, unused_since, status = "draft" }) {
  await fill(
    from,
    to,
    `INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at, unused_since)
     SELECT '${prefix}' || n, 'dev_unclaimed', 'Agent ' || n, '', 'web', 'registered', '${status}', ${unused_since} + n, ${unused_since} + n FROM numbers`,
  );
  for (const [table, columns, values] of [
    ["client_registrations", "token_hash, metadata", "'hash', '{}'"],
    ["app_redirect_uris", "redirect_uri", `'${CALLBACK}'`],
    ["app_scopes", "scope", "'read:profile'"],
    ["client_secrets", "id, secret_hash, hint, created_at", `'lsc_${prefix}' || n, 'hash', 'abcd', 0`],
  ])
    await fill(from, to, `INSERT INTO ${table} (client_id, ${columns}) SELECT '${prefix}' || n, ${values} FROM numbers`);
}

// What each step of an app that nobody has in memory reads, from its registration on. The second time, when all else is.
const hotPath = async () => {
  await walk();
  return walk();
};
async function walk() {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const read = {};
  const note = (name, answer, status) => {
    assert.equal(answer.status, status, name);
    read[name] = rowsRead(answer);
    return answer;
  };
  const body = JSON.stringify({ redirect_uris: [CALLBACK], token_endpoint_auth_method: "client_secret_post" });
  const asked = await latchkey.fetch("/oauth/register", { method: "POST", headers: { "content-type": "application/json" }, body });
  const { client_id, client_secret } = await note("register", asked, 201).json();
  const client = { client_id, secret: client_secret, method: "post" };
  const { url, ...flow } = authorizationRequest(client, { scope: "read:profile" });
  const page = await browser.authorize(url);
  note("authorize", page.answer, 200);
  const decided = await browser.allow(page);
  note("agree", decided.answer, 303);
  const code = decided.leaves.searchParams.get("code");
  const { refresh_token } = await note("token", await redeem({ ...flow, code }), 200).json();
  const second = await note("refresh", await refresh(client, refresh_token), 200).json();
  note("introspect", await introspect(apis.projects.credential, second.access_token), 200);
  return read;
}

// Covers: B39
// Rule: REG 10
test(`${UNUSED} unused clients are forgotten in batches of the same size, and no other request reads a row more`, async (t) => {
  const LONG_AGO = 1_700_000_000_000;
  // The first run completes the catalogue.
  await latchkey.runSchedule();
  // Some that wait still, and some that somebody decided about: before and after all others in every index.
  await fillAll(0, 20, { prefix: "app_0_decided", unused_since: 0, status: "suspended" });
  await fillAll(0, 20, { prefix: "app_1_neighbour", unused_since: Date.now() });
  await fillAll(0, 20, { prefix: "app_~neighbour", unused_since: Date.now() });
  const before = await hotPath();
  await fillAll(0, UNUSED, { prefix: "app_unused", unused_since: LONG_AGO });
  const after = await hotPath();
  for (const [name, rows] of Object.entries(after)) t.diagnostic(`${name}: ${rows} rows read, ${before[name]} without them`);
  assert.deepEqual(after, before);

  const left = () => latchkey.count("apps", "client_id GLOB 'app_unused*'");
  const batches = [];
  for (let there = UNUSED; there > 0; ) {
    const began = performance.now();
    const forgetting = (await latchkey.scheduleCosts()).filter(({ sql }) => sql.includes("apps_unused"));
    const seconds = (performance.now() - began) / 1000;
    assert.equal(forgetting.length, 1);
    const [{ read, written }] = forgetting;
    const now = await left();
    batches.push({ forgotten: there - now, read, written, seconds });
    assert.equal(there - now, Math.min(there, AT_ONCE));
    there = now;
  }
  assert.equal(batches.length, Math.ceil(UNUSED / AT_ONCE));
  const range = (name, digits = 0) => {
    const all = batches.map((batch) => batch[name]);
    return `${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)}`;
  };
  t.diagnostic(`batches: ${batches.length}, each of ${range("forgotten")} apps`);
  t.diagnostic(`rows read by a batch: ${range("read")}; written: ${range("written")}; the whole run: ${range("seconds", 2)} s`);
  for (const { read, written } of batches) {
    assert.ok(read <= MOST_READ, `${read} rows read`);
    assert.ok(written <= MOST_WRITTEN, `${written} rows written`);
  }
  for (const table of ["client_registrations", "app_redirect_uris", "app_scopes", "client_secrets"])
    assert.equal(await latchkey.count(table, "client_id GLOB 'app_unused*'"), 0, table);
  assert.equal(await latchkey.count("apps", "client_id GLOB 'app_0_decided*' OR client_id GLOB 'app_*neighbour*'"), 60);
  // Then there is nothing to do, and looking costs next to nothing.
  const [idle] = (await latchkey.scheduleCosts()).filter(({ sql }) => sql.includes("apps_unused"));
  t.diagnostic(`rows read when there are none: ${idle.read}`);
  assert.ok(idle.read < 50 && idle.written === 0, JSON.stringify(idle));
  assert.deepEqual(await hotPath(), before);
});
