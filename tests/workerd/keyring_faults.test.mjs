import assert from "node:assert/strict";
import test from "node:test";
import { startIsolates } from "./support/isolates.mjs";

const JWKS = "/.well-known/jwks.json";
const [first, ...rest] = await startIsolates(4);

test("with no key and the keyring down there is no key set, rather than an empty one", async () => {
  const answer = await first.fetch(JWKS, { faults: [{ at: "KEYRING", fail: "before" }] });
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
});

// Covers: R52
test("an isolate that starts while keyring or mirror is down uses the other", async (t) => {
  const { keys } = await (await first.fetch(JWKS)).json();
  assert.equal(keys.length, 1);
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
