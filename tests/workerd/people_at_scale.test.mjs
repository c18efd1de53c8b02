// One person with very many connected apps, among very many others. LATCHKEY_CONSENTS: how many consents there are
// (`make scale` asks for a million, of which 10,000 are one user's).
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, rowsRead, startLatchkey, trips } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apps, newUser } from "./support/platform.mjs";

const CONSENTS = Number(process.env.LATCHKEY_CONSENTS ?? 3000);
const OF_ONE = Math.min(CONSENTS / 10, 10_000);
const INSTALLS = 3;
const SHARDS = Array.from({ length: 16 }, (_, index) => 3 * 256 + index);
const LIST = "/api/user/connected-apps";
const STEP = 100_000;

const latchkey = await startLatchkey();
const { connect } = oauthClient(latchkey);
const remove = (browser, what) => browser.request(`${LIST}${what}`, { method: "DELETE", headers: { origin: ISSUER } });

const newPerson = async () => {
  const username = await newUser(latchkey);
  return { id: `usr_${username}`, browser: await signedIn(latchkey, username) };
};

// The numbers from `first` to `last`, as n.
const numbers = (first, last) =>
  `WITH RECURSIVE numbers (n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last})`;
const inSteps = async (count, run) => {
  for (let first = 0; first < count; first += STEP) await run(first, Math.min(first + STEP, count) - 1);
};

// `count` consents of one user, for as many apps; but so many installs of the first app.
async function giveConsents(user, count) {
  const app = `'app_scale' || max(0, n - ${INSTALLS - 1})`;
  await inSteps(count, (first, last) =>
    latchkey.run(
      `${numbers(first, last)}
       INSERT INTO consents (id, user_id, client_id, instance, shard, status, created_at)
       SELECT 'cns_' || ?1 || n, ?1, ${app}, CASE WHEN n < ${INSTALLS} THEN 'ins_' || n ELSE '' END,
              ${SHARDS[0]} + n % ${SHARDS.length}, 'active', 1700000000000 + n / 7
       FROM numbers`,
      user,
    ),
  );
  await inSteps(count, (first, last) =>
    latchkey.run(
      `${numbers(first, last)}
       INSERT INTO consent_scopes (consent_id, scope, granted_at) SELECT 'cns_' || ?1 || n, 'read:profile', 0 FROM numbers`,
      user,
    ),
  );
}

async function makeApps(count) {
  await inSteps(count, (first, last) =>
    latchkey.run(
      `${numbers(first, last)}
       INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
       SELECT 'app_scale' || n, 'dev_northwind', 'App ' || n, '', 'spa', 'portal', 'approved', 0 FROM numbers`,
    ),
  );
}

// Everybody else: a hundred consents each.
async function fillWithOthers(count) {
  await inSteps(Math.ceil(count / 100), (first, last) =>
    latchkey.run(
      `${numbers(first, last)}
       INSERT INTO users (id, username, name, created_at) SELECT 'usr_other' || n, 'other' || n, 'Other', 0 FROM numbers`,
    ),
  );
  await inSteps(count, (first, last) =>
    latchkey.run(
      `${numbers(first, last)}
       INSERT INTO consents (id, user_id, client_id, shard, status, created_at, revoked_at)
       SELECT 'cns_other' || n, 'usr_other' || (n / 100), 'app_scale' || (n % 100), ${SHARDS[0]} + n % ${SHARDS.length},
              CASE n % 4 WHEN 0 THEN 'revoked' ELSE 'active' END, 1700000000000 + n, CASE n % 4 WHEN 0 THEN 1 END
       FROM numbers`,
    ),
  );
}

// A live family under each of the user's consents, like one that was really redeemed.
async function giveFamilies(user, pattern) {
  for (const shard of SHARDS) {
    const id = latchkey.ledgers.idFromName(`ledger-${shard}`);
    await latchkey.ledgers.get(id).ringAlarm();
    const storage = await latchkey.worker.getDurableObjectStorage("LEDGER", { id: id.toString() });
    const mine = await latchkey.rows(
      "SELECT id FROM consents WHERE user_id = ? AND status = 'active' AND shard = ?",
      user,
      shard,
    );
    const rows = mine.map(({ id: consent }) => {
      const record = { ...pattern.record, user_id: user, consent_id: consent };
      return `('${consent.replace("cns_", "family ")}', '${consent}', '${JSON.stringify(record)}', ${pattern.expires_at})`;
    });
    // A hundred at a time: statements may have 100 kB.
    while (rows.length > 0)
      await storage.exec(
        `INSERT INTO families (id, consent_id, record, expires_at) VALUES ${rows.splice(0, 100).join(",")}`,
      );
  }
}

const familiesOf = async (user) => {
  const { families } = await latchkey.ledgerRows();
  const records = families.map(({ record }) => JSON.parse(record));
  return records.filter(({ user_id }) => user_id === user);
};

// What one person's requests read, each answered as it should be.
async function measure({ id, browser }) {
  const read = {};
  const ask = async (name, answer, status = 200) => {
    assert.equal(answer.status, status, await answer.clone().text());
    read[name] = rowsRead(answer);
    return answer;
  };
  const first = await ask("list", await browser.request(`${LIST}?limit=4`));
  const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("link"))[1];
  const shown = [...(await first.json()), ...(await (await ask("next page", await browser.request(next))).json())];
  assert.equal(new Set(shown.map(({ consent_id }) => consent_id)).size, 8);
  await ask("revoke one", await remove(browser, `/${shown[0].consent_id}`));
  await ask("revoke an app", await remove(browser, "?client_id=app_scale0"));
  const left = await latchkey.count("consents", "user_id = ? AND client_id = 'app_scale0' AND status <> 'revoked'", id);
  assert.equal(left, 0);
  return read;
}

// Covers: R68, R72, B39
test(`with ${CONSENTS} consents, ${OF_ONE} of them one user's, no request reads more rows than with ten`, async (t) => {
  const [few, many] = [await newPerson(), await newPerson()];
  await connect(few.browser, apps.spa);
  const [{ record, expires_at }] = (await latchkey.ledgerRows()).families;
  await latchkey.run("DELETE FROM consent_scopes");
  await latchkey.run("DELETE FROM consents");
  await makeApps(OF_ONE);
  // Whoever stands first or last in an index may read a row less.
  for (const neighbour of ["usr_", "usr_~"]) {
    await latchkey.run("INSERT INTO users (id, username, name, created_at) VALUES (?1, ?1, 'Neighbour', 0)", neighbour);
    await giveConsents(neighbour, 10);
  }
  await giveConsents(few.id, 10);
  const withTen = await measure(few);

  await giveConsents(many.id, OF_ONE);
  await fillWithOthers(CONSENTS - OF_ONE - 30);
  assert.equal(await latchkey.count("consents"), CONSENTS);
  await giveFamilies(many.id, { record: JSON.parse(record), expires_at });
  const withMany = await measure(many);
  for (const [name, rows] of Object.entries(withMany)) t.diagnostic(`${name}: ${rows} rows read, ${withTen[name]} with ten`);
  assert.deepEqual(withMany, withTen);

  const began = performance.now();
  const everything = await remove(many.browser, "?all=true");
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  assert.equal(everything.status, 200, await everything.clone().text());
  t.diagnostic(`revoke everything: ${seconds} s, ${everything.headers.get("x-test-trips")}`);
  assert.ok(trips(everything)["LEDGER.fetch"] <= 40);
  const families = await familiesOf(many.id);
  assert.ok(families.length >= OF_ONE - INSTALLS - 1);
  assert.deepEqual(families.filter(({ ended }) => !ended), []);
  assert.equal(await latchkey.count("consents", "user_id = ? AND status <> 'revoked'", many.id), 0);
  assert.deepEqual(await (await many.browser.request(LIST)).json(), []);
});
