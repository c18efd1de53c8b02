// Consents that nobody uses: noted a month before, then ended, unless the ledger knows better than the directory.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, introspect, tokens, connect } = oauthClient(latchkey);
const LIST = "/api/user/connected-apps";
const DAY = 24 * 60 * 60_000;

const newPerson = async () => {
  const username = await newUser(latchkey);
  return { id: `usr_${username}`, browser: await signedIn(latchkey, username) };
};
const list = async ({ browser }) => (await browser.request(LIST)).json();
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const consentOf = async ({ id }) => (await latchkey.rows("SELECT * FROM consents WHERE user_id = ?", id))[0];
const trail = ({ id }) =>
  latchkey.rows("SELECT * FROM audit WHERE user_id = ? AND event NOT IN ('consent.granted', 'session.started') ORDER BY seq", id);

// Lets days pass for the directory; the ledger is not told.
async function pass(days, { id }) {
  const columns = ["created_at", "last_used_at", "expiry_noted_at"].map((one) => `${one} = ${one} - ${days * DAY}`);
  await latchkey.run(`UPDATE consents SET ${columns} WHERE user_id = ?`, id);
  await latchkey.run("DELETE FROM decisions WHERE user_id = ?", id);
}
// For the ledger too.
async function passEverywhere(days, person) {
  await latchkey.ringLedgers();
  await pass(days, person);
  await latchkey.age(days * DAY);
}

async function connected() {
  const person = await newPerson();
  return { person, family: await connect(person.browser, apps.spa) };
}

// Covers: R78
test("an unused consent is noted once, its end is told a month before, and then it ends", async () => {
  const { person, family } = await connected();
  await passEverywhere(334, person);
  await latchkey.runSchedule();
  assert.equal((await consentOf(person)).expiry_noted_at, null);
  await pass(2, person);
  for (let times = 0; times < 2; times++) await latchkey.runSchedule();
  const { id, expiry_noted_at, last_used_at } = await consentOf(person);
  assert.ok(Math.abs(expiry_noted_at - Date.now()) < 60_000);
  const [noted, ...more] = await trail(person);
  assert.deepEqual(more, []);
  const { seq, id: event_id, at, detail, ...said } = noted;
  assert.deepEqual(said, {
    event: "consent.expiring",
    actor_type: "system",
    actor_id: null,
    client_id: apps.spa.client_id,
    user_id: person.id,
    target_type: "consent",
    target_id: id,
    developer_id: "dev_northwind",
    request_id: null,
    country: null,
    address_hash: null,
  });
  assert.deepEqual(JSON.parse(detail), { consent_id: id, last_used_at });
  const [{ expires_at, status }] = await list(person);
  assert.equal(status, "active");
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 30 * DAY) < 60_000, expires_at);

  await passEverywhere(29, person);
  await latchkey.runSchedule();
  assert.equal((await consentOf(person)).status, "active");
  await passEverywhere(2, person);
  await latchkey.runSchedule();
  const ended = await consentOf(person);
  assert.deepEqual([ended.status, ended.ended_by], ["revoked", "unused"]);
  assert.deepEqual(await list(person), []);
  await expectRefusal(await refresh(apps.spa, family.refresh_token), "invalid_grant");
  await latchkey.ringLedgers();
  const last = (await trail(person)).at(-1);
  assert.deepEqual(
    [last.event, last.actor_type, last.actor_id, JSON.parse(last.detail).ended_by],
    ["consent.ended", "system", null, "unused"],
  );
});

test("a use that only the ledger knows of keeps its consent, and the directory learns of it", async () => {
  const { person, family } = await connected();
  await pass(400, person);
  await latchkey.runSchedule();
  await pass(31, person);
  await latchkey.runSchedule();
  const { status, ended_by, expiry_noted_at, last_used_at } = await consentOf(person);
  assert.deepEqual([status, ended_by, expiry_noted_at], ["active", null, null]);
  assert.ok(Math.abs(last_used_at - Date.now()) < 60_000);
  assert.equal(await isActive(family), true);
  await tokens(await refresh(apps.spa, family.refresh_token));
});

test("a use the ledger has told of already, too late for the directory's choice, keeps its consent too", async () => {
  const { person, family } = await connected();
  await latchkey.ringLedgers();
  // Told, and lost again: what is left of the use is the family.
  await pass(400, person);
  await latchkey.runSchedule();
  await pass(31, person);
  await latchkey.runSchedule();
  assert.equal((await consentOf(person)).status, "active");
  assert.equal(await isActive(family), true);
});

test("a use takes the notice back", async () => {
  const { person, family } = await connected();
  await passEverywhere(340, person);
  await latchkey.runSchedule();
  assert.notEqual((await consentOf(person)).expiry_noted_at, null);
  await latchkey.age(-340 * DAY);
  await tokens(await refresh(apps.spa, family.refresh_token));
  await latchkey.ringLedgers();
  const [{ expires_at }] = await list(person);
  assert.equal((await consentOf(person)).expiry_noted_at, null);
  assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 365 * DAY) < 60_000);
});

test("a consent that was agreed to anew, and whose code is on its way, does not end", async () => {
  const { person } = await connected();
  await passEverywhere(400, person);
  await latchkey.runSchedule();
  await passEverywhere(31, person);
  const { id } = await consentOf(person);
  await latchkey.run(
    "INSERT INTO decisions (request_id, attempt, user_id, consent_id, decided_at, expires_at) VALUES (?1, '', ?2, ?1, 0, 9e12)",
    id,
    person.id,
  );
  await latchkey.runSchedule();
  assert.equal((await consentOf(person)).status, "active");
  await latchkey.run("DELETE FROM decisions WHERE request_id = ?", id);
  await latchkey.runSchedule();
  assert.equal((await consentOf(person)).status, "revoked");
});

// Covers: B38
test("with its ledger down an unused consent stays listed, and its user may revoke it or connect the app anew", async () => {
  const [one, two] = [await connected(), await connected()];
  for (const { person } of [one, two]) await pass(400, person);
  await latchkey.runSchedule();
  for (const { person } of [one, two]) await pass(31, person);
  await latchkey.eachLedger((ledger) => ledger.goWrong({ statement: "ended_consents", fail: "before" }));
  await latchkey.runSchedule();
  await latchkey.eachLedger((ledger) => ledger.beginAnew());
  for (const { person } of [one, two]) {
    const [{ status }] = await list(person);
    assert.equal(status, "revoking");
  }
  const { id } = await consentOf(one.person);
  const gone = await one.person.browser.request(`${LIST}/${id}`, { method: "DELETE", headers: { origin: ISSUER } });
  assert.equal(gone.status, 200);
  assert.equal(await isActive(one.family), false);
  assert.equal((await consentOf(one.person)).ended_by, "user");

  // The ledger would keep the old one, but by now another has its place.
  const anew = await connect(two.person.browser, apps.spa);
  await latchkey.run("UPDATE consents SET instance = '' WHERE user_id = ?", two.person.id);
  for (let times = 0; times < 2; times++) await latchkey.runSchedule();
  const rows = await latchkey.rows(
    "SELECT status, ended_by FROM consents WHERE user_id = ? ORDER BY created_at",
    two.person.id,
  );
  assert.deepEqual(rows, [
    { status: "revoked", ended_by: "displaced" },
    { status: "active", ended_by: null },
  ]);
  assert.deepEqual([await isActive(two.family), await isActive(anew)], [false, true]);
});

test("however many there are, one run of the schedule notes and ends five hundred", async () => {
  const { id } = await newPerson();
  const old = Date.now() - 400 * DAY;
  const numbers = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1100)";
  await latchkey.run(
    `${numbers} INSERT INTO consents (id, user_id, client_id, instance, shard, status, created_at)
     SELECT 'cns_unused' || n, ?1, ?2, 'test ' || n, 768, 'active', ?3 FROM numbers`,
    id,
    apps.web.client_id,
    old,
  );
  const noted = () => latchkey.count("consents", "user_id = ? AND expiry_noted_at IS NOT NULL", id);
  const told = () => latchkey.count("audit", "user_id = ? AND event = 'consent.expiring'", id);
  for (const expected of [500, 1000, 1100, 1100]) {
    await latchkey.runSchedule();
    assert.deepEqual([await noted(), await told()], [expected, expected]);
  }
  await latchkey.run("UPDATE consents SET expiry_noted_at = ? WHERE user_id = ?", Date.now() - 31 * DAY, id);
  for (const expected of [500, 1000, 1100]) {
    await latchkey.runSchedule();
    assert.equal(await latchkey.count("consents", "user_id = ? AND ended_by = 'unused' AND status = 'revoked'", id), expected);
  }
});
