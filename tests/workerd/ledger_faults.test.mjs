// Invariant 8 inside the ledger: an operation that breaks off leaves nothing behind, and asked again it answers as if
// nothing had gone wrong.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal, expectTryAgain } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, apps, atItsSite, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const MINUTE = 60_000;

const goWrong = (rule) => latchkey.eachLedger((ledger) => ledger.goWrong(rule));
const mend = () => latchkey.eachLedger((ledger) => ledger.beginAnew());

// One person, hence one consent and one ledger object, however many families.
const browser = await signedIn(latchkey, await newUser(latchkey));
const newFamily = () => connect(browser, apps.spa, atItsSite);
await newFamily();

async function reused() {
  const first = await newFamily();
  const second = await tokens(await refresh(apps.spa, first.refresh_token));
  const third = await tokens(await refresh(apps.spa, second.refresh_token));
  await latchkey.age(2 * MINUTE);
  return { first, third };
}

// Each begins something and returns what it asks for, and what must come of it in the end.
const operations = {
  redemption: {
    writes: ["INTO codes", "INTO families", "INTO newest_place", "INTO consent_use"],
    begin: async () => {
      const grant = await browser.connect(apps.spa, atItsSite);
      const done = async (answer) => assert.equal(await isActive(await tokens(answer)), true);
      return { ask: () => redeem(grant), done };
    },
  },
  refresh: {
    writes: ["INTO families", "INTO newest_place", "INTO consent_use"],
    begin: async () => {
      const { refresh_token } = await newFamily();
      const done = async (answer) => tokens(await refresh(apps.spa, (await tokens(answer)).refresh_token));
      return { ask: () => refresh(apps.spa, refresh_token), done };
    },
  },
  "a late re-send": {
    writes: ["INTO families", "INTO newest_place", "INTO consent_use"],
    begin: async () => {
      const { refresh_token } = await newFamily();
      await tokens(await refresh(apps.spa, refresh_token));
      await latchkey.age(2 * MINUTE);
      const done = async (answer) => tokens(await refresh(apps.spa, (await tokens(answer)).refresh_token));
      return { ask: () => refresh(apps.spa, refresh_token), done };
    },
  },
  revocation: {
    writes: ["INTO families", "INTO revoked_places", "INTO audit_outbox"],
    begin: async () => {
      const family = await newFamily();
      const done = async (answer) => {
        assert.equal(answer.status, 200);
        assert.equal(await isActive(family), false);
      };
      return { ask: () => revoke(apps.spa, family.refresh_token), done };
    },
  },
  "a stolen token": {
    writes: ["INTO families", "INTO revoked_places", "INTO audit_outbox"],
    begin: async () => {
      const { first, third } = await reused();
      const done = async (answer) => {
        await expectRefusal(answer, "invalid_grant");
        assert.equal(await isActive(third), false);
      };
      return { ask: () => refresh(apps.spa, first.refresh_token), done };
    },
  },
};

// What decides. Uses and events may be told and forgotten at any time, and what has expired may be deleted.
async function judged() {
  await latchkey.ringLedgers();
  const { consent_use, audit_outbox, ...rows } = await latchkey.ledgerRows();
  return rows;
}

// Covers: R49, R50
test("an operation whose write fails is undone as a whole, and succeeds when it is asked again", async (t) => {
  for (const [name, { writes, begin }] of Object.entries(operations)) {
    for (const statement of writes) {
      for (const fail of ["before", "after"]) {
        await t.test(`${name}, ${statement}, ${fail}`, async () => {
          const { ask, done } = await begin();
          const before = await judged();
          await goWrong({ statement, fail });
          await expectTryAgain(await ask());
          await mend();
          assert.deepEqual(await judged(), before);
          await done(await ask());
        });
      }
    }
  }
});

// Covers: R49, R50
test("one failure inside the ledger is made good before anything is answered", async (t) => {
  for (const [name, { writes, begin }] of Object.entries(operations)) {
    await t.test(name, async () => {
      const { ask, done } = await begin();
      await goWrong({ statement: writes.at(-1), fail: "after", times: 1 });
      await done(await ask());
      await mend();
    });
  }
});

// Covers: R49, R50
test("a late re-send whose reply from the ledger was lost is not taken for a thief's second one", async () => {
  const first = await newFamily();
  await tokens(await refresh(apps.spa, first.refresh_token));
  await latchkey.age(2 * MINUTE);
  const faults = [{ at: "LEDGER", fail: "after", times: 1 }];
  const again = await tokens(await refresh(apps.spa, first.refresh_token, {}, { faults }));
  await tokens(await refresh(apps.spa, again.refresh_token));
});

// An object that is evicted loses its connections too: who asks is told to come again, or does not hear at all.
async function persistently(ask) {
  for (let tries = 0; ; tries++) {
    const answer = await ask().catch((error) => error);
    if (answer instanceof Response && answer.status !== 503) return answer;
    if (tries === 5) throw answer instanceof Response ? new Error(await answer.text()) : answer;
  }
}

// Covers: R49, R50
test("an object evicted in the middle of an operation has done nothing, and asked again does it", async (t) => {
  for (const [name, { writes, begin }] of Object.entries(operations)) {
    await t.test(name, async () => {
      const { ask, done } = await begin();
      await goWrong({ statement: writes.at(-1), fail: "evicted" });
      await done(await persistently(ask));
    });
  }
});

// Covers: R50
test("an object that was evicted knows everything it knew", async () => {
  const [alive, ended] = [await newFamily(), await newFamily()];
  assert.equal((await revoke(apps.spa, ended.refresh_token)).status, 200);
  for (const id of await latchkey.worker.listDurableObjectIds("LEDGER"))
    await latchkey.worker.evictDurableObject("LEDGER", { id });
  const next = await tokens(await persistently(() => refresh(apps.spa, alive.refresh_token)));
  await tokens(await refresh(apps.spa, next.refresh_token));
  await expectRefusal(await refresh(apps.spa, ended.refresh_token), "invalid_grant");
});

async function inTheLedger(statement) {
  for (const id of await latchkey.worker.listDurableObjectIds("LEDGER"))
    await (await latchkey.worker.getDurableObjectStorage("LEDGER", { id })).exec(statement);
}

test("an object with the tables of an earlier version is brought up to date and keeps what it has", async (t) => {
  const unlisted = ["newest_place", "revoked_places", "app_cuts"].map((table) => `DROP TABLE ${table}`);
  unlisted.push("DROP INDEX families_by_client", "ALTER TABLE families DROP COLUMN client_id");
  const unnumbered = [...unlisted, "DROP TABLE cuts", "DROP TABLE audit_outbox", "DROP TABLE schema_version"];
  const earlier = {
    "the first version": [...unnumbered, "DROP TABLE single_uses"],
    "before events": unnumbered,
    "before the feed": [...unlisted, "DROP TABLE cuts", "UPDATE schema_version SET version = 2"],
    "before the status lists": [...unlisted, "UPDATE schema_version SET version = 3"],
  };
  for (const [version, statements] of Object.entries(earlier)) {
    await t.test(version, async () => {
      const { first, third } = await reused();
      await latchkey.ringLedgers();
      for (const statement of statements) await inTheLedger(statement);
      await mend();
      const fourth = await tokens(await refresh(apps.spa, third.refresh_token));
      await expectRefusal(await refresh(apps.spa, first.refresh_token), "invalid_grant");
      await expectRefusal(await refresh(apps.spa, fourth.refresh_token), "invalid_grant");
      const { audit_outbox, single_uses, schema_version } = await latchkey.ledgerRows();
      assert.deepEqual([audit_outbox.length, single_uses.length], [1, 0]);
      assert.ok(schema_version.every(({ version }) => version === 4));
    });
  }
});

// Covers: R50
test("alarms delete what has expired from every table, and events once they were told", async () => {
  const { first } = await reused();
  await goWrong({ directory: true, fail: "before" });
  await expectRefusal(await refresh(apps.spa, first.refresh_token), "invalid_grant");
  const { access_token } = await newFamily();
  assert.equal((await revoke(apps.spa, access_token)).status, 200);
  const [{ consent_id }] = await (await browser.request("/api/user/connected-apps")).json();
  const origin = "http://localhost:8787";
  await browser.request(`/api/user/connected-apps/${consent_id}`, { method: "DELETE", headers: { origin } });
  const expires_at = Date.now() + MINUTE;
  await inTheLedger(`INSERT INTO single_uses (name, attempt, expires_at) VALUES ('jti', 'one', ${expires_at})`);
  await inTheLedger(`INSERT INTO app_cuts (client_id, epoch, expires_at) VALUES ('app_gone', 2, ${expires_at})`);

  const counts = async () =>
    Object.fromEntries(Object.entries(await latchkey.ledgerRows()).map(([table, rows]) => [table, rows.length]));
  // What earlier tests let expire goes first.
  await latchkey.ringLedgers();
  // The last number of the log of cuts stays, and the last place, so that none comes twice.
  const { schema_version, consent_use, audit_outbox, sqlite_sequence, newest_place, ...kept } = await counts();
  await latchkey.ringLedgers();
  assert.deepEqual(await counts(), { schema_version, consent_use, audit_outbox, sqlite_sequence, newest_place, ...kept });
  for (const [table, count] of Object.entries(await counts())) assert.ok(count > 0, `nothing in ${table}`);

  await latchkey.age(400 * 24 * 60 * MINUTE);
  await latchkey.ringLedgers();
  const gone = Object.fromEntries(Object.keys(kept).map((table) => [table, 0]));
  assert.deepEqual(await counts(), { schema_version, consent_use, audit_outbox, sqlite_sequence, newest_place, ...gone });

  await mend();
  await latchkey.ringLedgers();
  assert.deepEqual(await counts(), { schema_version, consent_use: 0, audit_outbox: 0, sqlite_sequence, newest_place, ...gone });
});
