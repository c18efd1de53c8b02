// The limits of wrangler.toml, lowered, counted by workerd's own limiters.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "./support/browser.mjs";
import { expectErrorPage, expectRefusal } from "./support/expect.mjs";
import { ISSUER } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { postAs } from "./support/oauth.mjs";
import { apis, apps, loadPlatform, newUser } from "./support/platform.mjs";

const LIMITS = {
  LIMIT_ADDRESS: 12,
  LIMIT_CLIENT_AT_ADDRESS: 4,
  LIMIT_CLIENT: 6,
  LIMIT_SIGN_IN: 3,
  LIMIT_CHANGES: 3,
  LIMIT_READS: 5,
  LIMIT_STRANGERS: 4,
  LIMIT_ENDED_TOKENS: 2,
};
const ratelimits = Object.entries(LIMITS).map(([name, limit], index) => ({
  name,
  namespace_id: String(7301 + index),
  simple: { limit, period: 60 },
}));
const settings = [
  { vars: { RATE_LIMITS: "on" }, ratelimits },
  { vars: { RATE_LIMITS: "off" }, ratelimits: ratelimits.map((one) => ({ ...one, simple: { limit: 1, period: 60 } })) },
  { vars: { RATE_LIMITS: "on" } }, // and no limiter is there
];
const [latchkey, unlimited, withoutBindings] = await startIsolates(settings.length, (index) => settings[index]);
await latchkey.worker.applyD1Migrations("DB");
await loadPlatform(latchkey.db);

// The windows of workerd's limiters begin with the minute: a test must not be cut in two by that.
async function roomInTheMinute() {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 15_000) await sleep(left + 100);
}

let customers = 0;
const newAddress = () => `2001:db8:${(++customers).toString(16)}::1`;
const at = (address) => ({ headers: { "cf-connecting-ip": address } });

const refresh = { grant_type: "refresh_token", refresh_token: "lkr_x" };
const asks = {
  "/oauth/token": { as: apps.web, fields: refresh, until: 400 },
  "/oauth/par": { as: apps.web, fields: {}, until: 400 },
  "/oauth/revoke": { as: apps.web, fields: { token: "x" }, until: 200 },
  "/oauth/introspect": { as: apis.projects.credential, fields: { token: "x" }, until: 200 },
};

async function expectTooMany(answer) {
  assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
  return expectRefusal(answer, "temporarily_unavailable", 429);
}

// Covers: B35, B41
// Rule: UI 15, TOKEN 9, PAR 4
test("token, PAR, revocation and introspection stop a client that asks too often from one address", async (t) => {
  for (const [path, { as, fields, until }] of Object.entries(asks)) {
    await t.test(path, async () => {
      await roomInTheMinute();
      const here = newAddress();
      const wrong = { ...as, secret: "lks_wrong" };
      for (let n = 0; n < LIMITS.LIMIT_CLIENT_AT_ADDRESS; n++)
        assert.equal((await postAs(latchkey, path, wrong, fields, at(here))).status, 401);
      await expectTooMany(await postAs(latchkey, path, as, fields, at(here)));
      await expectTooMany(await postAs(latchkey, path, as, fields, at(here.replace(/1$/, "ffff"))));
      assert.equal((await postAs(latchkey, path, as, fields, at(newAddress()))).status, until);
    });
  }
});

// Covers: B41
test("a stranger who hammers under a client's name does not stop that client", async () => {
  await roomInTheMinute();
  const [stranger, home] = [newAddress(), newAddress()];
  for (const victim of [apps.spa, apps.partner]) {
    for (let n = 0; n < 15; n++)
      await postAs(latchkey, "/oauth/token", { ...victim, secret: "lks_guess" }, refresh, at(stranger));
    await expectTooMany(await postAs(latchkey, "/oauth/token", victim, refresh, at(stranger)));
    await expectRefusal(await postAs(latchkey, "/oauth/token", victim, refresh, at(home)), "invalid_grant");
  }
});

test("a client that proved itself is counted over all its addresses and endpoints", async () => {
  await roomInTheMinute();
  for (let n = 0; n < LIMITS.LIMIT_CLIENT; n++) {
    const { fields, until } = asks[n % 2 ? "/oauth/token" : "/oauth/revoke"];
    const path = n % 2 ? "/oauth/token" : "/oauth/revoke";
    assert.equal((await postAs(latchkey, path, apps.post, fields, at(newAddress()))).status, until);
  }
  await expectTooMany(await postAs(latchkey, "/oauth/token", apps.post, refresh, at(newAddress())));
});

test("names that a stranger invents share the limit of their address", async () => {
  await roomInTheMinute();
  const here = newAddress();
  const invented = (n) => ({ client_id: `app_invented${n}`, method: "none" });
  for (let n = 0; n < LIMITS.LIMIT_ADDRESS; n++)
    await expectRefusal(await postAs(latchkey, "/oauth/token", invented(n), refresh, at(here)), "invalid_client");
  await expectTooMany(await postAs(latchkey, "/oauth/token", invented("more"), refresh, at(here)));
});

// Rule: UI 15
test("sign-in: a page asks to wait, and only those at this address", async () => {
  await roomInTheMinute();
  const browser = new Browser(latchkey, at(newAddress()));
  const signIn = async () => {
    const { forms } = await browser.open("/login?continue=%2Faccount%2Fapps");
    return browser.submit(forms[0], { fields: { username: "nobody" } });
  };
  for (let n = 0; n < LIMITS.LIMIT_SIGN_IN; n++) assert.equal((await signIn()).status, 400);
  const page = await signIn();
  await expectErrorPage(page.answer, 429);
  assert.match(page.answer.headers.get("retry-after"), /^[1-9]\d*$/);
  const again = page.links.find(({ text }) => text === "Try again");
  assert.equal(again.url.searchParams.get("continue"), "/account/apps");
  const other = await new Browser(latchkey, at(newAddress())).signIn("alice");
  assert.equal(other.status, 200);
});

const ACCOUNTS = "/api/developer/accounts";

// From an address of their own: sign-ins are limited by address too.
async function someone(where) {
  const browser = new Browser(where, at(newAddress()));
  assert.equal((await browser.signIn(await newUser(latchkey))).status, 200);
  const makeAccount = (name) =>
    browser.request(ACCOUNTS, {
      method: "POST",
      headers: { origin: ISSUER, "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
  return { browser, makeAccount };
}

test("whoever changes too much in the portal waits, may read meanwhile, and stops nobody else", async () => {
  await roomInTheMinute();
  const [one, other] = [await someone(latchkey), await someone(latchkey)];
  for (let n = 0; n < LIMITS.LIMIT_CHANGES; n++) assert.equal((await one.makeAccount(`A${n}`)).status, 201);
  const refused = await one.makeAccount("One more");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "60"]);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.equal((await refused.json()).error, "rate_limit_exceeded");
  const { items } = await (await one.browser.request(ACCOUNTS)).json();
  assert.equal(items.length, LIMITS.LIMIT_CHANGES);
  assert.equal((await other.makeAccount("Another")).status, 201);
});

test("whoever reads too much there gets a page that says so", async () => {
  await roomInTheMinute();
  const { browser } = await someone(latchkey);
  for (let n = 0; n < LIMITS.LIMIT_READS; n++) assert.equal((await browser.request("/developers")).status, 200);
  const page = await browser.open("/developers");
  await expectErrorPage(page.answer, 429);
  assert.equal(page.answer.headers.get("retry-after"), "60");
  assert.match(page.text, /try again in a minute/);
});

test("what is limited by the day is counted in the database", async () => {
  await roomInTheMinute();
  const { browser, makeAccount } = await someone(latchkey);
  const { id } = await (await makeAccount("Busy")).json();
  const entries = Array.from({ length: 100 }, (_, n) => `('evt_${id}_${n}', ${Date.now() - n * 1000}, 'app.created', 'user', '${id}', 'app', 'x')`);
  await latchkey.run(
    `INSERT INTO audit (id, at, event, actor_type, developer_id, target_type, target_id) VALUES ${entries.join(", ")}`,
  );
  const register = () =>
    browser.request("/api/developer/apps", {
      method: "POST",
      headers: { origin: ISSUER, "content-type": "application/json" },
      body: JSON.stringify({ name: "App", description: "App", app_type: "spa", scopes: ["read:profile"], redirect_uris: ["https://a.example/"] }),
    });
  const refused = await register();
  assert.equal(refused.status, 429);
  const wait = Number(refused.headers.get("retry-after"));
  assert.ok(wait > 86_000 && wait <= 86_400 - 99, String(wait));
  assert.equal(await latchkey.count("apps", "developer_id = ?", id), 0);
});

test("a limiter that fails or is not there lets everyone pass, and the log says so", async () => {
  const ask = (where, options) => postAs(where, "/oauth/token", apps.mobile, refresh, options);
  const faults = [{ at: "LIMIT_ADDRESS", fail: "before" }, { at: "LIMIT_CLIENT_AT_ADDRESS", fail: "before" }];
  latchkey.takeLines();
  const here = newAddress();
  for (let n = 0; n < 15; n++)
    await expectRefusal(await ask(latchkey, { ...at(here), faults }), "invalid_grant");
  await expectRefusal(await ask(withoutBindings), "invalid_grant");
  const parts = latchkey.takeLines().map((line) => JSON.parse(line).faults.map(({ part }) => part));
  assert.equal(parts.length, 16);
  for (const part of parts.flat()) assert.equal(part, "limits");
});

test("switched off they stop nobody", async () => {
  const here = newAddress();
  for (let n = 0; n < 20; n++)
    await expectRefusal(await postAs(unlimited, "/oauth/token", apps.mobile, refresh, at(here)), "invalid_grant");
});
