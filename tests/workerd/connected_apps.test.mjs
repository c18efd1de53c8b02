import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNotStored, expectPageHeaders, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, apps, atItsSite, developers, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, introspect, tokens, connect } = oauthClient(latchkey);
const DAY = 24 * 60 * 60_000;
const LIST = "/api/user/connected-apps";

const newBrowser = async () => signedIn(latchkey, await newUser(latchkey));
const list = async (browser) => (await browser.request(LIST)).json();
const remove = (browser, id, { headers = { origin: ISSUER }, ...init } = {}) =>
  browser.request(`${LIST}/${id}`, { method: "DELETE", headers, ...init });
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const statusOf = async (id) => (await latchkey.rows("SELECT status FROM consents WHERE id = ?", id))[0].status;

// A user with two apps connected: { browser, spa, web } with { id, tokens } for each.
async function connected() {
  const browser = await newBrowser();
  const families = { spa: await connect(browser, apps.spa), web: await connect(browser, apps.web) };
  const rows = await list(browser);
  const of = (app) => ({ id: rows.find(({ name }) => name === apps[app].name).consent_id, family: families[app] });
  return { browser, spa: of("spa"), web: of("web") };
}
const expectDead = async (client, family) => {
  await expectRefusal(await refresh(client, family.refresh_token), "invalid_grant");
  assert.equal(await isActive(family), false);
};
const expectAlive = async (client, family) => {
  assert.equal(await isActive(family), true);
  await tokens(await refresh(client, family.refresh_token));
};

// Covers: R68
// Rule: UI 6
test("the list tells of each app: what it is, whose, what it may do, since when", async () => {
  const browser = await newBrowser();
  assert.deepEqual(await list(browser), []);
  await connect(browser, apps.spa, { scope: "read:profile read:team" });
  const answer = await browser.request(LIST);
  expectNotStored(answer);
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
  const [row, ...more] = await answer.json();
  assert.deepEqual(more, []);
  const { consent_id, connected_at, last_used, expires_at, ...rest } = row;
  assert.match(consent_id, /^cns_[a-z0-9]+$/);
  assert.match(connected_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.ok(Math.abs(Date.parse(connected_at) - Date.now()) < 60_000);
  assert.ok(last_used === null || !Number.isNaN(Date.parse(last_used)));
  assert.ok(Math.abs(Date.parse(expires_at) - Date.parse(connected_at) - 365 * DAY) < DAY, expires_at);
  assert.deepEqual(rest, {
    client_id: apps.spa.client_id,
    name: apps.spa.name,
    description: apps.spa.description,
    logo_url: `${ISSUER}/logos/${apps.spa.logo}`,
    developer_name: developers.northwind,
    scopes: ["read:profile", "read:team"],
    device: null,
    organization: null,
    status: "active",
  });
});

// Covers: R68, R78, B19
test("the list tells when an app last used its access, and each use counts", async () => {
  const browser = await newBrowser();
  const family = await connect(browser, apps.spa);
  const lastUsed = async () => {
    await latchkey.ringLedgers();
    const [{ last_used }] = await list(browser);
    return Date.parse(last_used);
  };
  const first = await lastUsed();
  assert.ok(Math.abs(first - Date.now()) < 60_000, String(first));
  // A minute passes for the directory: the list counts in seconds.
  await latchkey.run("UPDATE consents SET last_used_at = last_used_at - 60000 WHERE last_used_at IS NOT NULL");
  assert.equal(await lastUsed(), first - 60_000);
  await tokens(await refresh(apps.spa, family.refresh_token));
  assert.ok((await lastUsed()) >= first);
});

// Covers: R68, B39
test("an app that was suspended is still listed, and can still be disconnected", async () => {
  const browser = await newBrowser();
  const app = await newApp(latchkey, { app_type: "spa" });
  await connect(browser, app);
  await suspend(latchkey, app);
  const [row] = await list(browser);
  assert.equal(row.name, app.name);
  assert.equal((await remove(browser, row.consent_id)).status, 200);
  assert.deepEqual(await list(browser), []);
});

// Covers: R11, R69, R70, R72, B38
// Rule: UI 6, PEER 9
test("disconnecting an app ends its tokens at once, and nobody else's", async () => {
  const { browser, spa, web } = await connected();
  const answer = await remove(browser, spa.id);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { message: "Access revoked successfully" });
  await expectDead(apps.spa, spa.family);
  await expectAlive(apps.web, web.family);
  assert.deepEqual(
    (await list(browser)).map(({ consent_id }) => consent_id),
    [web.id],
  );
});


// Covers: R70
// Rule: PEER 9
test("disconnecting a site ends everything it was given by that user, and nothing of another's", async () => {
  const [browser, other] = [await newBrowser(), await newBrowser()];
  const [one, two] = [await connect(browser, apps.partner, atItsSite), await connect(browser, apps.partner, atItsSite)];
  const others = await connect(other, apps.partner, atItsSite);
  const [row] = await list(browser);
  await remove(browser, row.consent_id);
  await expectDead(apps.partner, one);
  await expectDead(apps.partner, two);
  await expectAlive(apps.partner, others);
});

// Covers: B38
test("disconnecting twice, also at once, is the same as once", async () => {
  const { browser, spa } = await connected();
  const both = await Promise.all([remove(browser, spa.id), remove(browser, spa.id)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  );
  const revoked_at = async () =>
    (await latchkey.rows("SELECT revoked_at FROM consents WHERE id = ?", spa.id))[0].revoked_at;
  const first = await revoked_at();
  assert.ok(first > 0);
  assert.equal((await remove(browser, spa.id)).status, 200);
  assert.equal(await revoked_at(), first);
});

test("connecting again makes a new consent and revives nothing", async () => {
  const { browser, spa } = await connected();
  await remove(browser, spa.id);
  const again = await connect(browser, apps.spa);
  const row = (await list(browser)).find(({ name }) => name === apps.spa.name);
  assert.notEqual(row.consent_id, spa.id);
  await expectDead(apps.spa, spa.family);
  await expectAlive(apps.spa, again);
  assert.equal((await remove(browser, spa.id)).status, 200);
  await tokens(await refresh(apps.spa, again.refresh_token));
});

// Covers: R69
test("what is not one's own is not there", async () => {
  const [{ spa }, stranger] = [await connected(), await newBrowser()];
  for (const id of [spa.id, "cns_nobody", "x", "%00", "..", "cns_' OR 1=1", "x".repeat(3000)])
    assert.equal((await remove(stranger, id)).status, 404, id);
  await expectAlive(apps.spa, spa.family);
});

// Covers: R69
// Rule: UI 2
test("only the user's own page can disconnect an app", async () => {
  const { browser, spa } = await connected();
  const refusedOrigins = [
    {},
    { origin: "https://evil.example" },
    { origin: "http://localhost:8789" },
    { origin: "null" },
  ];
  for (const headers of refusedOrigins) assert.equal((await remove(browser, spa.id, { headers })).status, 403);
  const anonymous = await latchkey.fetch(`${LIST}/${spa.id}`, { method: "DELETE", headers: { origin: ISSUER } });
  assert.equal(anonymous.status, 401);
  await expectAlive(apps.spa, spa.family);
});

test("without a session there is no list", async () => {
  const answer = await latchkey.fetch(LIST);
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
});

// Covers: R47
test("a consent is kept with its user, app, scopes, status and times, also when it is revoked", async () => {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  await connect(browser, apps.spa, { scope: "read:profile read:team" });
  await latchkey.ringLedgers();
  const stored = async () => {
    const [row] = await latchkey.rows(
      `SELECT id, user_id, client_id, status, created_at, last_used_at, revoked_at,
              (SELECT group_concat(scope, ' ') FROM consent_scopes WHERE consent_id = id) AS scopes
       FROM consents WHERE user_id = ?`,
      `usr_${username}`,
    );
    return row;
  };
  const { id, created_at, last_used_at, ...row } = await stored();
  for (const time of [created_at, last_used_at]) assert.ok(Math.abs(time - Date.now()) < 60_000);
  const expected = { user_id: `usr_${username}`, client_id: apps.spa.client_id, scopes: "read:profile read:team" };
  assert.deepEqual(row, { ...expected, status: "active", revoked_at: null });
  await remove(browser, id);
  const { revoked_at, ...after } = await stored();
  assert.ok(revoked_at >= created_at);
  assert.deepEqual(after, { id, created_at, last_used_at, ...expected, status: "revoked" });
});

// Does something while a row of a table is gone. The directory's own rules keep apps that somebody has connected, and
// so do they here: the row is missing in a copy that stands in the table's place.
async function without(table, row, run) {
  const all = (statements) => latchkey.db.batch(statements.map((sql) => latchkey.db.prepare(sql)));
  await all([`ALTER TABLE ${table} RENAME TO away`, `CREATE TABLE ${table} AS SELECT * FROM away WHERE NOT (${row})`]);
  await run();
  await all([`DROP TABLE ${table}`, `ALTER TABLE away RENAME TO ${table}`]);
}

// Covers: R68, R69, R71, B39
test("an app that is gone, or whose developer is, is still listed, and can still be disconnected", async (t) => {
  for (const [table, row, name, developer_name] of [
    ["apps", `client_id = '${apps.modest.client_id}'`, "Deleted app", "Unknown developer"],
    // What it was approved under stays with the app.
    ["developers", `id = 'dev_${apps.modest.developer}'`, apps.modest.name, "Northwind Labs"],
  ]) {
    await t.test(table, async () => {
      const browser = await newBrowser();
      const family = await connect(browser, apps.modest);
      await without(table, row, async () => {
        const [listed] = await list(browser);
        assert.deepEqual([listed.name, listed.developer_name], [name, developer_name]);
        const page = await browser.open("/account/apps");
        for (const text of [name, `by ${developer_name}`]) assert.ok(page.text.includes(text), page.text);
        const [form] = (await browser.open(`/account/apps/${listed.consent_id}/revoke`)).forms;
        assert.equal((await browser.submit(form)).status, 200);
        assert.deepEqual(await list(browser), []);
      });
      await expectDead(apps.modest, family);
    });
  }
});

// Covers: R69, R71
test("the page lists the apps and disconnects one by its button", async () => {
  const { browser, spa, web } = await connected();
  const page = await browser.open("/account/apps");
  expectPageHeaders(page.answer);
  expectNotStored(page.answer);
  assert.equal(page.scripts, 0);
  for (const text of [apps.spa.name, apps.web.name, `by ${developers.northwind}`])
    assert.ok(page.text.includes(text), text);
  assert.deepEqual(page.forms, []);
  const asks = await browser.open(`/account/apps/${spa.id}/revoke`);
  expectPageHeaders(asks.answer);
  expectNotStored(asks.answer);
  assert.ok(asks.text.includes(`Revoke access of ${apps.spa.name}`), asks.text);
  const [form] = asks.forms;
  assert.deepEqual([form.method, form.buttons.map(({ text }) => text)], ["post", ["Revoke Access"]]);

  const forged = [
    { ...browser.fill(form), body: new URLSearchParams() },
    { ...browser.fill(form), body: new URLSearchParams({ csrf: "x" }) },
    { ...browser.fill(form), headers: { origin: "https://evil.example" } },
  ];
  for (const init of forged) {
    const { status } = await browser.request(form.action, init);
    assert.ok(status === 400 || status === 403, String(status));
  }
  assert.equal((await list(browser)).length, 2);

  const after = await browser.submit(form);
  assert.equal(after.status, 200);
  assert.ok(!after.text.includes(apps.spa.name));
  await expectDead(apps.spa, spa.family);
  await expectAlive(apps.web, web.family);
});

test("the page asks a stranger to sign in, and is kind to somebody without apps", async () => {
  const stranger = await latchkey.fetch("/account/apps");
  assert.equal(stranger.status, 303);
  assert.match(stranger.headers.get("location"), /^\/login\?continue=%2Faccount%2Fapps$/);
  const page = await (await newBrowser()).open("/account/apps");
  assert.equal(page.status, 200);
  assert.ok(!page.text.includes("Revoke Access"));
});

// Covers: R70, B38
test("with the ledger down nothing is claimed: 503, still listed, and finished by the schedule", async () => {
  const { browser, spa, web } = await connected();
  const answer = await remove(browser, spa.id, { faults: [{ at: "LEDGER", fail: "before" }] });
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
  assert.equal(await statusOf(spa.id), "revoking");
  assert.ok((await list(browser)).some(({ consent_id }) => consent_id === spa.id));

  await latchkey.runSchedule();
  assert.equal(await statusOf(spa.id), "revoked");
  assert.deepEqual(
    (await list(browser)).map(({ consent_id }) => consent_id),
    [web.id],
  );
  await expectDead(apps.spa, spa.family);
  await expectAlive(apps.web, web.family);
});

// Covers: B38
test("a disconnect that broke off is finished by trying again", async () => {
  for (const fault of [
    { at: "LEDGER", fail: "before" },
    { at: "LEDGER", fail: "after" },
    { at: "DB", match: "UPDATE", fail: "before" },
  ]) {
    const { browser, spa } = await connected();
    assert.equal((await remove(browser, spa.id, { faults: [fault] })).status, 503);
    assert.equal((await remove(browser, spa.id)).status, 200);
    assert.equal(await statusOf(spa.id), "revoked");
    await expectDead(apps.spa, spa.family);
  }
});

test("a decision that overlaps a disconnect leaves no tokens of the old consent alive", async () => {
  const browser = await newBrowser();
  await connect(browser, apps.partner, atItsSite);
  const grant = await browser.connect(apps.partner, atItsSite);
  const [row] = await list(browser);
  await remove(browser, row.consent_id);
  const { redeem } = oauthClient(latchkey);
  await expectRefusal(await redeem(grant), "invalid_grant");
});
