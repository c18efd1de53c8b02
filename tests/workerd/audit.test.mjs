// What the audit trail in D1 says about the ledger, and that nobody can make it say something else.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apps, atItsSite, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, revoke, tokens, connect } = oauthClient(latchkey);
const next = async ({ refresh_token }) => tokens(await refresh(apps.spa, refresh_token));
const refuse = async ({ refresh_token }) => expectRefusal(await refresh(apps.spa, refresh_token), "invalid_grant");
const MINUTE = 60_000;

const newPerson = async () => {
  const username = await newUser(latchkey);
  return { user: `usr_${username}`, browser: await signedIn(latchkey, username) };
};
const trail = async (user) => {
  await latchkey.ringLedgers();
  // With every sign-in here, and no news.
  const expected = "'consent.granted', 'session.started'";
  return latchkey.rows(`SELECT * FROM audit WHERE user_id = ? AND event NOT IN (${expected}) ORDER BY seq`, user);
};
const events = async (user) => (await trail(user)).map(({ event }) => event);

// Covers: R50
test("a thief who follows along is caught at the second late re-send, and the audit trail says so", async () => {
  const { user, browser } = await newPerson();
  const first = await connect(browser, apps.spa);
  const second = await next(first);
  await latchkey.age(2 * MINUTE);
  assert.equal((await next(first)).refresh_token, second.refresh_token);
  const third = await next(second);
  await latchkey.age(2 * MINUTE);
  const late = await refresh(apps.spa, second.refresh_token);
  await expectRefusal(late, "invalid_grant");
  for (const dead of [third, second, first]) await refuse(dead);

  const [row, ...more] = await trail(user);
  assert.deepEqual(more, []);
  const { seq, id, at, detail, country, address_hash, ...said } = row;
  assert.deepEqual(said, {
    event: "refresh_token.reused",
    actor_type: "app",
    actor_id: apps.spa.client_id,
    client_id: apps.spa.client_id,
    user_id: user,
    target_type: "family",
    target_id: claimsOf(first.access_token).latchkey.family,
    developer_id: "dev_northwind",
    request_id: late.headers.get("x-request-id"),
  });
  const [signIn] = await latchkey.rows("SELECT * FROM audit WHERE user_id = ? AND event = 'session.started'", user);
  assert.deepEqual([country, address_hash], [signIn.country, signIn.address_hash]);
  assert.ok(Math.abs(at - Date.now()) < MINUTE && seq > 0 && id.startsWith("evt_"));
  const [{ id: consent_id }] = await latchkey.rows("SELECT id FROM consents WHERE user_id = ?", user);
  assert.deepEqual(JSON.parse(detail), { consent_id, generation: 2, presented: 1 });
});

// Covers: R50
test("a token two generations old is in the audit trail within seconds, without anybody ringing", async () => {
  const { user, browser } = await newPerson();
  const first = await connect(browser, apps.spa);
  await next(await next(first));
  await latchkey.age(2 * MINUTE);
  await refuse(first);
  const count = () => latchkey.count("audit", "user_id = ? AND event = 'refresh_token.reused'", user);
  for (let waited = 0; (await count()) === 0; waited += 100) {
    assert.ok(waited < 10_000, "no row after ten seconds");
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.equal(await count(), 1);
});

// Covers: R49
test("a code that is redeemed twice is noted once, however often it comes", async () => {
  const { user, browser } = await newPerson();
  const grant = await browser.connect(apps.spa);
  await tokens(await redeem(grant));
  for (let times = 0; times < 3; times++) await expectRefusal(await redeem(grant), "invalid_grant");
  assert.deepEqual(await events(user), ["code.reused"]);
});

test("what was asked for is noted with who asked: the app for its token, the user for the consent", async () => {
  const { user, browser } = await newPerson();
  const family = await connect(browser, apps.spa);
  for (let times = 0; times < 2; times++) assert.equal((await revoke(apps.spa, family.refresh_token)).status, 200);
  const [{ consent_id }] = await (await browser.request("/api/user/connected-apps")).json();
  await browser.request(`/api/user/connected-apps/${consent_id}`, { method: "DELETE", headers: { origin: ISSUER } });
  const said = (await trail(user)).map(({ event, actor_id, client_id, target_type, target_id }) => [
    event,
    actor_id,
    client_id,
    target_type === "consent" ? target_id : target_type,
  ]);
  assert.deepEqual(said, [
    ["family.revoked", apps.spa.client_id, apps.spa.client_id, "family"],
    ["consent.ended", user, apps.spa.client_id, consent_id],
  ]);
});

// Covers: R9
test("a site's twenty-first family displaces the one that was not used for longest, and that is noted", async () => {
  const { user, browser } = await newPerson();
  const site = apps.partner;
  const families = [];
  for (let family = 0; family < 21; family++)
    families.push(await connect(browser, site, atItsSite));
  await expectRefusal(await refresh(site, families[0].refresh_token), "invalid_grant");
  await tokens(await refresh(site, families[1].refresh_token));
  const [row, ...more] = await trail(user);
  assert.deepEqual([row.event, more.length], ["family.displaced", 0]);
  assert.equal(row.target_id, claimsOf(families[0].access_token).latchkey.family);
});

test("storage that lost a rotation signs nobody out, and operators learn of it", async () => {
  const { user, browser } = await newPerson();
  const first = await connect(browser, apps.spa);
  const third = await next(await next(first));
  const { family } = claimsOf(first.access_token).latchkey;
  for (const id of await latchkey.worker.listDurableObjectIds("LEDGER")) {
    const storage = await latchkey.worker.getDurableObjectStorage("LEDGER", { id });
    const began = `json_set(record, '$.generation', 0, '$.rotations', json('[]'))`;
    await storage.exec(`UPDATE families SET record = ${began} WHERE id = ?`, family);
  }
  await next(await next(third));
  const [row] = await trail(user);
  assert.deepEqual([row.event, row.actor_type, row.actor_id], ["ledger.rolled_back", "system", null]);
  const { generation, presented } = JSON.parse(row.detail);
  assert.deepEqual([generation, presented], [0, 2]);
});

// Covers: R74
test("who signed in and out is noted with the session and the request, and a browser that signs in anew ends nothing", async () => {
  const username = await newUser(latchkey);
  const user = `usr_${username}`;
  const first = await signedIn(latchkey, username);
  const second = await signedIn(latchkey, username);
  const [{ session_id }] = await (await second.request("/api/user/sessions")).json();
  const init = { method: "DELETE", headers: { origin: ISSUER } };
  const ended = await first.request(`/api/user/sessions/${session_id}`, init);
  assert.equal((await first.request("/api/user/sessions", init)).status, 200);
  const rows = await latchkey.rows("SELECT * FROM audit WHERE user_id = ? ORDER BY seq", user);
  const names = ["session.started", "session.started", "session.ended", "session.ended"];
  assert.deepEqual(rows.map(({ event }) => event), names);
  assert.deepEqual([rows[1].target_id, rows[2].target_id, rows[3].target_id], [session_id, session_id, rows[0].target_id]);
  assert.equal(rows[2].request_id, ended.headers.get("x-request-id"));
  for (const row of rows) assert.ok(row.actor_id === user && row.request_id);
});

test("a directory that fails, or whose reply is lost, costs no event and doubles none", async (t) => {
  for (const fail of ["before", "after"]) {
    await t.test(fail, async () => {
      const { user, browser } = await newPerson();
      const { refresh_token } = await connect(browser, apps.spa);
      await latchkey.eachLedger((ledger) => ledger.goWrong({ directory: true, fail }));
      assert.equal((await revoke(apps.spa, refresh_token)).status, 200);
      for (let times = 0; times < 2; times++) await latchkey.ringLedgers();
      await latchkey.eachLedger((ledger) => ledger.beginAnew());
      assert.deepEqual(await events(user), ["family.revoked"]);
      assert.deepEqual(await events(user), ["family.revoked"]);
      assert.deepEqual((await latchkey.ledgerRows()).audit_outbox, []);
    });
  }
});

test("audit rows cannot be changed, deleted or replaced", async () => {
  const { user, browser } = await newPerson();
  const { refresh_token } = await connect(browser, apps.spa);
  await revoke(apps.spa, refresh_token);
  const before = await trail(user);
  const [{ seq, id }] = before;
  const values = `${seq}, '${id}', 1, 'nothing', 'system', 'family', 'x'`;
  const columns = "seq, id, at, event, actor_type, target_type, target_id";
  await assert.rejects(latchkey.run("UPDATE audit SET event = 'nothing' WHERE seq = ?", seq), /not changed/);
  await assert.rejects(latchkey.run("DELETE FROM audit WHERE seq = ?", seq), /not deleted/);
  await latchkey.run(`INSERT OR REPLACE INTO audit (${columns}) VALUES (${values})`);
  await latchkey.run(`REPLACE INTO audit (${columns}) VALUES (${values.replace(id, "evt_another")})`);
  assert.deepEqual(await trail(user), before);
});

test("neither tokens nor codes are in the audit trail", async () => {
  const { user, browser } = await newPerson();
  const grant = await browser.connect(apps.spa);
  const family = await tokens(await redeem(grant));
  const newer = await next(family);
  await redeem(grant);
  const text = JSON.stringify(await trail(user));
  assert.match(text, /code\.reused/);
  for (const secret of [grant.code, family.refresh_token, newer.refresh_token, family.access_token])
    assert.ok(!text.includes(secret.slice(-16)));
});
