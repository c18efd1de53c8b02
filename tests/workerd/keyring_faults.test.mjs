import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expectTryAgain } from "./support/expect.mjs";
import { trips } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { keyringOf } from "./support/keyring.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, loadPlatform } from "./support/platform.mjs";

const JWKS = "/.well-known/jwks.json";
const [first, ...rest] = await startIsolates(8);

test("with no key and the keyring down there is no key set, rather than an empty one", async () => {
  const answer = await first.fetch(JWKS, { faults: [{ at: "KEYRING", fail: "before" }] });
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
});

// Covers: R52
test("an isolate that starts while keyring or mirror is down uses the other", async (t) => {
  const { keys } = await (await first.fetch(JWKS)).json();
  assert.equal(keys.length, 2);
  const faults = [
    { at: "KEYRING", fail: "before" },
    { at: "KV", fail: "before" },
    { at: "KV.get", answer: null },
  ];
  for (const [index, fault] of faults.entries()) {
    await t.test(JSON.stringify(fault), async () => {
      const answer = await rest[index].fetch(JWKS, { faults: [fault] });
      assert.deepEqual((await answer.json()).keys, keys);
    });
  }
});

test("a mirror that hangs holds up an isolate that starts for a second only", async () => {
  const began = Date.now();
  const answer = await rest[6].fetch(JWKS, { faults: [{ at: "KV.get", delayBefore: 6_000 }] });
  assert.equal((await answer.json()).keys.length, 2);
  assert.ok(Date.now() - began < 4_000);
});

test("an older set that comes to the mirror late does not stay there", async () => {
  const keyring = await keyringOf(first);
  const { KEYRING } = await first.worker.getEnv();
  const [id] = await first.worker.listDurableObjectIds("KEYRING");
  await keyring.age(30 * 24 * 3_600_000);
  await KEYRING.get(KEYRING.idFromString(id)).goWrong({ late: 4_000 });
  const isMirrored = async () => (await first.kv.get("keyring")) === (await keyring.sealed());
  // The first run gives up on its set; the next ones publish it, note what that means for its keys, and mirror that.
  for (let run = 0; run < 4; run++) await first.runSchedule();
  assert.equal(await isMirrored(), true);
  const deadline = Date.now() + 10_000;
  while (await isMirrored()) {
    assert.ok(Date.now() < deadline, "the late write never came");
    await sleep(100);
  }
  await first.runSchedule();
  assert.equal(await isMirrored(), true);
});

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
// A token as of ours, by a key that nobody has.
function invented(kid) {
  const latchkey = { app_epoch: 1 };
  const more = { app_type: "third_party", developer_id: "dev_x", latchkey };
  const claims = { iss: "x", sub: "x", aud: "x", client_id: "x", jti: "x", scope: "x", iat: 1, exp: 9e9, ...more };
  return `${encode({ alg: "ES256", typ: "at+jwt", kid })}.${encode(claims)}.${encode("signature")}`;
}
const { credential } = apis.projects;
const ask = (isolate, kid, faults) => oauthClient(isolate).introspect(credential, invented(kid), {}, { faults });
const asked = (answer) => trips(answer)["KEYRING.fetch"] ?? 0;

test("an invented kid makes an isolate ask once, not at every request", async () => {
  await first.worker.applyD1Migrations("DB");
  await loadPlatform(first.db);
  const isolate = rest[3];
  await isolate.fetch(JWKS);
  const answers = [await ask(isolate, "a"), await ask(isolate, "b"), await ask(isolate, "a")];
  assert.deepEqual(answers.map(asked), [1, 0, 0]);
  for (const answer of answers) assert.deepEqual(await answer.json(), { active: false });
});

test("a keyring that does not answer is not asked at every request either, and nobody is told a guess", async () => {
  const isolate = rest[4];
  await isolate.fetch(JWKS);
  const down = [{ at: "KEYRING", fail: "before" }];
  const answers = [await ask(isolate, "a", down), await ask(isolate, "a", down), await ask(isolate, "b")];
  assert.deepEqual(answers.map(asked), [1, 0, 0]);
  for (const answer of answers) await expectTryAgain(answer);
});

test("requests that meet an unknown kid at once ask together", async () => {
  const isolate = rest[5];
  await isolate.fetch(JWKS);
  const slow = [{ at: "KEYRING", delayBefore: 200 }];
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(isolate, "a", slow)));
  assert.equal(answers.map(asked).reduce((sum, one) => sum + one), 1);
  for (const answer of answers) assert.deepEqual(await answer.json(), { active: false });
});
