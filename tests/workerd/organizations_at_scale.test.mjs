// An app that very many people of one organization use is blocked. LATCHKEY_PEOPLE: how many (`make scale`: 100,000), half
// of whom connected it in person, half by the organization.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, rowsRead, rowsWritten, startLatchkey, trips } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { newApp, newUser } from "./support/platform.mjs";

const PEOPLE = Number(process.env.LATCHKEY_PEOPLE ?? 6000);
const STEP = 50_000;
const SHARDS = Array.from({ length: 16 }, (_, index) => 3 * 256 + index);

const latchkey = await startLatchkey();
const { connect } = oauthClient(latchkey);
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'administrator')");
const operator = await signedIn(latchkey, "alice");

const send = (method, path, body) =>
  operator.request(`/api/admin/organizations${path}`, {
    method,
    headers: { origin: ISSUER, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function forEveryone(sql, ...values) {
  for (let first = 0; first < PEOPLE; first += STEP)
    await latchkey.run(
      `WITH RECURSIVE numbers (n) AS (
         SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${Math.min(first + STEP, PEOPLE) - 1})
       ${sql} FROM numbers WHERE true`,
      ...values,
    );
}

// Where the consent of person `n` is kept: those in person everywhere, those of the organization in one ledger.
const SHARD = `CASE n % 2 WHEN 0 THEN ${SHARDS[0]} + n / 2 % 16 ELSE ${SHARDS[3]} END`;

// A live family under each consent, like one that was really redeemed.
async function giveFamilies({ record, expires_at }) {
  for (const shard of SHARDS) {
    const id = latchkey.ledgers.idFromName(`ledger-${shard}`);
    await latchkey.ledgers.get(id).ringAlarm();
    const storage = await latchkey.worker.getDurableObjectStorage("LEDGER", { id: id.toString() });
    await storage.exec(
      `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${PEOPLE - 1})
       INSERT INTO families (id, consent_id, record, expires_at)
       SELECT 'family p' || n, 'cns_p' || n,
              json_set('${record}', '$.user_id', 'usr_p' || n, '$.consent_id', 'cns_p' || n), ${expires_at}
       FROM numbers WHERE ${SHARD} = ${shard}`,
    );
  }
}

// Covers: R62
test(`blocking an app that ${PEOPLE} people of an organization use ends all of it before it is answered`, async (t) => {
  const app = await newApp(latchkey);
  const outsider = `usr_${await newUser(latchkey)}`;
  await connect(await signedIn(latchkey, outsider.slice(4)), app);
  const [{ record, expires_at }] = (await latchkey.ledgerRows()).families;
  const { id } = await (await send("POST", "", { name: "Acme" })).json();
  const trusted = await (await send("POST", `/${id}/issuers`, { issuer: "https://idp.acme.dev" })).json();
  assert.equal((await send("PUT", `/${id}/apps/${app.client_id}`, { decision: "allowed", scopes: ["read:profile"] })).status, 200);
  await forEveryone("INSERT INTO users (id, username, name, created_at) SELECT 'usr_p' || n, 'p' || n, 'Somebody', 0");
  await forEveryone(
    `INSERT INTO organization_members (organization_id, user_id, role, added_at) SELECT '${id}', 'usr_p' || n, 'member', n`,
  );
  await forEveryone(
    `INSERT INTO consents (id, user_id, client_id, shard, status, created_at, instance, organization_id)
     SELECT 'cns_p' || n, 'usr_p' || n, '${app.client_id}', ${SHARD},
            'active', 1700000000000 + n, CASE n % 2 WHEN 0 THEN '' ELSE '${trusted.id}' END,
            CASE n % 2 WHEN 0 THEN NULL ELSE '${id}' END`,
  );
  await giveFamilies({ record, expires_at });

  const began = performance.now();
  const answer = await send("PUT", `/${id}/apps/${app.client_id}`, { decision: "blocked" });
  const seconds = (performance.now() - began) / 1000;
  assert.equal(answer.status, 200, await answer.clone().text());
  t.diagnostic(
    `${PEOPLE} people: ${seconds.toFixed(1)} s, ${rowsRead(answer)} rows read, ${rowsWritten(answer)} written, ` +
      `calls: ${answer.headers.get("x-test-trips")}`,
  );
  const { depth, ...calls } = trips(answer);
  const made = Object.values(calls).reduce((sum, count) => sum + count, 0);
  assert.ok(made < 1000, `${made} calls, more than a request may make`);
  assert.ok(rowsRead(answer) < 40 * PEOPLE && rowsWritten(answer) < 15 * PEOPLE);
  const again = await send("PUT", `/${id}/apps/${app.client_id}`, { decision: "allowed", scopes: ["read:profile"] });
  t.diagnostic(`allowing it again: ${rowsRead(again)} rows read, ${rowsWritten(again)} written`);
  assert.equal(again.status, 200);
  assert.ok(rowsWritten(again) < 20);

  const left = await latchkey.rows("SELECT DISTINCT status FROM consents WHERE user_id LIKE 'usr_p%'");
  assert.deepEqual(left, [{ status: "revoked" }]);
  assert.equal(await latchkey.count("consents", "user_id = ? AND status = 'active'", outsider), 1);
  const { families } = await latchkey.ledgerRows();
  const alive = families.map(({ record }) => JSON.parse(record)).filter(({ ended }) => !ended);
  assert.deepEqual(alive.map(({ user_id }) => user_id), [outsider]);
});
