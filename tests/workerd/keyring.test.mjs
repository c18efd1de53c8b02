import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { trips } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { headerOf, oauthClient } from "./support/oauth.mjs";
import { apps, loadPlatform } from "./support/platform.mjs";

const isolates = await startIsolates(10);
const [latchkey] = isolates;
const keysOf = async (isolate, options) => (await (await isolate.fetch("/.well-known/jwks.json", options)).json()).keys;

// Covers: R52
// Rule: PEER 12
test("ten isolates that start at once with no key agree on one", async () => {
  assert.deepEqual(await latchkey.worker.listDurableObjectIds("KEYRING"), []);
  const sets = await Promise.all(isolates.map((isolate) => keysOf(isolate)));
  for (const keys of sets) assert.deepEqual(keys, sets[0]);
  assert.equal(sets[0].length, 1);
  assert.equal((await latchkey.worker.listDurableObjectIds("KEYRING")).length, 1);
});

test("every isolate signs with that key, and each accepts the other's tokens", async () => {
  await latchkey.worker.applyD1Migrations("DB");
  await loadPlatform(latchkey.db);
  const [{ kid }] = await keysOf(latchkey);
  for (const isolate of isolates.slice(0, 3)) {
    const { access_token } = await oauthClient(isolate).connect(await signedIn(isolate), apps.web);
    assert.equal(headerOf(access_token).kid, kid);
    const seen = await (await oauthClient(isolates[9]).introspect(apps.web, access_token)).json();
    assert.equal(seen.active, true);
  }
});

test("the key outlives the object's memory", async () => {
  const before = await keysOf(latchkey);
  const [id] = await latchkey.worker.listDurableObjectIds("KEYRING");
  await latchkey.worker.evictDurableObject("KEYRING", { id });
  for (const isolate of isolates) assert.deepEqual(await keysOf(isolate), before);
});

test("the mirror in KV is sealed", async () => {
  const mirror = await latchkey.kv.get("keyring");
  assert.ok(mirror, "no mirror");
  assert.doesNotMatch(mirror, /"d"\s*:|PRIVATE KEY/);
  const [{ x }] = await keysOf(latchkey);
  for (const text of [
    mirror,
    Buffer.from(mirror, "base64").toString("latin1"),
    Buffer.from(mirror, "base64url").toString("latin1"),
  ])
    assert.ok(!text.includes('"d"') && !text.includes(`"${x}"`));
});

test("a key set that is known is not fetched again", async () => {
  const answer = await latchkey.fetch("/.well-known/jwks.json");
  assert.equal(trips(answer).depth, 0);
});
