import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLatchkey, trips } from "./support/harness.mjs";

const latchkey = await startLatchkey();

const PARTS = ["d1", "kv", "ledger", "keyring"];
const all = (word) => Object.fromEntries(PARTS.map((part) => [part, word]));

// An isolate asks storage once in three seconds.
const nextRound = () => sleep(3_100);

test("all parts are asked side by side, and answer", async () => {
  await latchkey.fetch("/.well-known/jwks.json");
  const answer = await latchkey.fetch("/healthz");
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { status: "ok", ...all("ok") });
  assert.match(answer.headers.get("cache-control"), /no-store/);
  assert.deepEqual(trips(answer), { "DB.batch": 1, "KV.get": 1, "LEDGER.fetch": 1, "KEYRING.fetch": 1, depth: 1 });
});

test("asking again at once costs storage nothing", async () => {
  await nextRound();
  const answers = await Promise.all(Array.from({ length: 20 }, () => latchkey.fetch("/healthz")));
  const asked = answers.map((answer) => trips(answer).depth).filter((depth) => depth > 0);
  assert.equal(asked.length, 1);
  for (const answer of answers) assert.equal(answer.status, 200);
});

test("a part that fails is named, with no word why, and the others are not blamed", async (t) => {
  for (const [at, part] of [["DB", "d1"], ["KV", "kv"], ["LEDGER", "ledger"], ["KEYRING", "keyring"]]) {
    await t.test(part, async () => {
      await nextRound();
      const answer = await latchkey.fetch("/healthz", { faults: [{ at, fail: "before" }] });
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
      assert.deepEqual(await answer.json(), { status: "down", ...all("ok"), [part]: "down" });
      assert.match(answer.headers.get("cache-control"), /no-store/);
    });
  }
});

test("an object that cannot read its own tables is down, not only one that does not answer", async () => {
  // Any of its region may be asked, also one that nobody has called so far.
  for (const region of [1, 3])
    for (let place = 0; place < 16; place++) await latchkey.ledgers.getByName(`ledger-${region * 256 + place}`).beginAnew();
  await latchkey.eachLedger((ledger) => ledger.goWrong({ statement: "FROM ended_tokens WHERE", fail: "before" }));
  await nextRound();
  assert.deepEqual(await (await latchkey.fetch("/healthz")).json(), { status: "down", ...all("ok"), ledger: "down" });
  await latchkey.eachLedger((ledger) => ledger.beginAnew());
});

test("a part that does not answer in time is down, and the answer does not wait for it", async () => {
  await nextRound();
  const began = Date.now();
  const answer = await latchkey.fetch("/healthz", { faults: [{ at: "DB", delayBefore: 6_000 }] });
  assert.ok(Date.now() - began < 4_000);
  assert.equal((await answer.json()).d1, "down");
});

test("storage that came back is well again within seconds", async () => {
  await nextRound();
  assert.equal((await latchkey.fetch("/healthz")).status, 200);
});
