// Taking back a whole app, and everything there is.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal, expectTryAgain } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, introspect, tokens, connect } = oauthClient(latchkey);
const LIST = "/api/user/connected-apps";
const SPA = `${LIST}?client_id=${apps.spa.client_id}`;
const ALL = `${LIST}?all=true`;

const newPerson = async () => {
  const username = await newUser(latchkey);
  return { id: `usr_${username}`, browser: await signedIn(latchkey, username) };
};
const remove = ({ browser }, what, { headers = { origin: ISSUER }, ...init } = {}) =>
  browser.request(what, { method: "DELETE", headers, ...init });
const list = async ({ browser }) => (await browser.request(LIST)).json();
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const expectDead = async (client, family) => {
  assert.equal(await isActive(family), false);
  await expectRefusal(await refresh(client, family.refresh_token), "invalid_grant");
};
const expectAlive = async (client, family) => {
  assert.equal(await isActive(family), true);
  await tokens(await refresh(client, family.refresh_token));
};
const statuses = (person) =>
  latchkey.rows("SELECT status, ended_by FROM consents WHERE user_id = ? ORDER BY created_at", person.id);

// `count` installs of one app, each with a consent and tokens of its own.
async function installs(person, client, count) {
  const families = [];
  for (let number = 0; number < count; number++) {
    // Those before step aside, so that this one is asked for anew.
    const before = "user_id = ? AND client_id = ? AND instance LIKE 'test %'";
    await latchkey.run(`UPDATE consents SET status = 'revoked' WHERE ${before}`, person.id, client.client_id);
    families.push(await connect(person.browser, client));
    await latchkey.run(
      `UPDATE consents SET instance = 'test ' || id, status = 'active' WHERE user_id = ? AND client_id = ?`,
      person.id,
      client.client_id,
    );
  }
  assert.equal(await latchkey.count("consents", "user_id = ? AND status = 'active'", person.id), count);
  return families;
}

// Two installs of one app, and another app.
async function connected() {
  const person = await newPerson();
  const spa = await installs(person, apps.spa, 2);
  return { person, spa, web: await connect(person.browser, apps.web) };
}

// Covers: R70, R72
// Rule: UI 6
test("revoking an app ends every install of it, and no other app's or user's", async () => {
  const [{ person, spa, web }, other] = [await connected(), await connected()];
  const answer = await remove(person, SPA);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { message: "Access revoked successfully" });
  for (const family of spa) await expectDead(apps.spa, family);
  await expectAlive(apps.web, web);
  for (const family of other.spa) await expectAlive(apps.spa, family);
  assert.deepEqual(
    (await list(person)).map(({ client_id }) => client_id),
    [apps.web.client_id],
  );
});

// Covers: R69, R70
test("revoking everything ends everything of this user alone, and the audit trail names them for each", async () => {
  const [{ person, spa, web }, other] = [await connected(), await connected()];
  assert.equal((await remove(person, ALL)).status, 200);
  for (const family of spa) await expectDead(apps.spa, family);
  await expectDead(apps.web, web);
  assert.deepEqual(await list(person), []);
  await expectAlive(apps.web, other.web);
  await latchkey.ringLedgers();
  const said = await latchkey.rows(
    `SELECT event, actor_type, actor_id, detail ->> 'ended_by' AS ended_by
     FROM audit WHERE user_id = ? AND event = 'consent.ended'`,
    person.id,
  );
  const ended = { event: "consent.ended", actor_type: "user", actor_id: person.id, ended_by: "user" };
  assert.deepEqual(said, [ended, ended, ended]);
});

// Covers: B38
test("revoking an app or everything twice, also at once, is the same as once", async () => {
  const { person } = await connected();
  for (const what of [SPA, ALL]) {
    const both = await Promise.all([remove(person, what), remove(person, what)]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await remove(person, what)).status, 200);
  }
  assert.deepEqual(await list(person), []);
});

// Covers: B37
// Rule: ATTACK 2
test("nothing is revoked by a request that says not what, or comes from elsewhere", async () => {
  const { person, spa, web } = await connected();
  for (const what of [LIST, `${LIST}?all`, `${LIST}?all=false`, `${SPA}&all=true`])
    assert.equal((await remove(person, what)).status, 400, what);
  for (const headers of [{}, { origin: "https://evil.example" }, { origin: "null" }])
    for (const what of [SPA, ALL]) assert.equal((await remove(person, what, { headers })).status, 403);
  const anonymous = await latchkey.fetch(ALL, { method: "DELETE", headers: { origin: ISSUER } });
  assert.equal(anonymous.status, 401);
  assert.equal((await remove(person, `${LIST}?client_id=${apps.rival.client_id}`)).status, 404);
  for (const family of spa) await expectAlive(apps.spa, family);
  await expectAlive(apps.web, web);
});

// Covers: R70, B38
test("what breaks off is not acknowledged, stays listed as being revoked, and is finished by trying again", async (t) => {
  for (const fault of [
    { at: "DB", match: "SET status = 'revoking'", fail: "before" },
    { at: "DB", match: "SET status = 'revoking'", fail: "after" },
    { at: "LEDGER", fail: "before" },
    { at: "LEDGER", fail: "after" },
    { at: "LEDGER", fail: "before", skip: 1 },
  ]) {
    await t.test(JSON.stringify(fault), async () => {
      const { person, spa, web } = await connected();
      await expectTryAgain(await remove(person, ALL, { faults: [fault] }));
      for (const { status } of await list(person)) assert.ok(["active", "revoking"].includes(status));
      assert.equal((await remove(person, ALL)).status, 200);
      for (const family of spa) await expectDead(apps.spa, family);
      await expectDead(apps.web, web);
      const ended = { status: "revoked", ended_by: "user" };
      assert.deepEqual(await statuses(person), [ended, ended, ended]);
    });
  }
});

// Covers: B38
test("what breaks off and is not tried again is finished by the schedule", async () => {
  const { person, spa, web } = await connected();
  await expectTryAgain(await remove(person, ALL, { faults: [{ at: "LEDGER", fail: "before" }] }));
  assert.deepEqual(
    (await list(person)).map(({ status, expires_at }) => [status, expires_at]),
    Array(3).fill(["revoking", null]),
  );
  await latchkey.runSchedule();
  assert.deepEqual(await list(person), []);
  for (const family of spa) await expectDead(apps.spa, family);
  await expectDead(apps.web, web);
});

// Covers: R70
test("revoking an app while it refreshes and redeems leaves nothing alive once it is acknowledged", async () => {
  for (let round = 0; round < 6; round++) {
    const person = await newPerson();
    const families = await installs(person, apps.spa, 1);
    const waiting = await person.browser.connect(apps.spa);
    const late = (ask) => new Promise((done) => setTimeout(done, Math.random() * 20)).then(ask);
    const slow = { faults: [{ at: "LEDGER", delayAfter: Math.random() * 20 }] };
    const [answer, redeemed, ...refreshed] = await Promise.all([
      late(() => remove(person, round % 2 ? SPA : ALL, slow)),
      late(() => redeem(waiting, {}, slow)),
      ...families.map(({ refresh_token }) => late(() => refresh(apps.spa, refresh_token, {}, slow))),
    ]);
    assert.equal(answer.status, 200);
    const got = [redeemed, ...refreshed].filter(({ status }) => status === 200);
    for (const family of [...families, ...(await Promise.all(got.map(tokens)))]) await expectDead(apps.spa, family);
  }
});

// Covers: R68
test("what it costs: two trips to list, and three and a call to each ledger to revoke", async () => {
  const { person } = await connected();
  assert.deepEqual(trips(await person.browser.request(LIST)), { "DB.batch": 2, depth: 2 });
  const [{ consent_id }] = await list(person);
  const one = await remove(person, `${LIST}/${consent_id}`);
  assert.deepEqual(trips(one), { "DB.batch": 3, "LEDGER.fetch": 1, depth: 4 });
  const shards = await latchkey.rows("SELECT DISTINCT shard FROM consents WHERE user_id = ? AND status = 'active'", person.id);
  const all = trips(await remove(person, ALL));
  assert.deepEqual([all["DB.batch"], all["LEDGER.fetch"]], [3, shards.length]);
});
