import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { trips } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { keyringOf } from "./support/keyring.mjs";
import { headerOf, oauthClient } from "./support/oauth.mjs";
import { apps, loadPlatform } from "./support/platform.mjs";

const isolates = await startIsolates(10);
const [latchkey] = isolates;
const keysOf = async (isolate, options) => (await (await isolate.fetch("/.well-known/jwks.json", options)).json()).keys;

// Covers: R52
// Rule: PEER 12
test("ten isolates that start at once with no key agree on one for each algorithm", async () => {
  assert.deepEqual(await latchkey.worker.listDurableObjectIds("KEYRING"), []);
  const sets = await Promise.all(isolates.map((isolate) => keysOf(isolate)));
  for (const keys of sets) assert.deepEqual(keys, sets[0]);
  assert.deepEqual(sets[0].map(({ alg }) => alg).sort(), ["ES256", "RS256"]);
  assert.equal((await latchkey.worker.listDurableObjectIds("KEYRING")).length, 1);
});

test("every isolate signs with those keys, and each accepts the other's tokens", async () => {
  await latchkey.worker.applyD1Migrations("DB");
  await loadPlatform(latchkey.db);
  const { kid } = (await keysOf(latchkey)).find(({ alg }) => alg === "ES256");
  for (const isolate of isolates.slice(0, 3)) {
    const { access_token } = await oauthClient(isolate).connect(await signedIn(isolate), apps.web);
    assert.equal(headerOf(access_token).kid, kid);
    const seen = await (await oauthClient(isolates[9]).introspect(apps.web, access_token)).json();
    assert.equal(seen.active, true);
  }
});

test("the keys outlive the object's memory", async () => {
  const before = await keysOf(latchkey);
  const [id] = await latchkey.worker.listDurableObjectIds("KEYRING");
  await latchkey.worker.evictDurableObject("KEYRING", { id });
  for (const isolate of isolates) assert.deepEqual(await keysOf(isolate), before);
});

test("at rest and in its mirror the set is sealed", async () => {
  const keyring = await keyringOf(latchkey);
  const secrets = (await keyring.read()).keys.flatMap(({ d, p, q }) => [d, p, q].filter(Boolean));
  assert.equal(secrets.length, 4);
  for (const sealed of [await latchkey.kv.get("keyring"), await keyring.sealed()]) {
    assert.ok(sealed);
    const texts = [sealed, ...["base64", "base64url"].map((form) => Buffer.from(sealed, form).toString("latin1"))];
    for (const text of texts) {
      assert.doesNotMatch(text, /"d"\s*:|PRIVATE KEY/);
      for (const secret of secrets) assert.ok(!text.includes(secret));
    }
  }
});

test("a key set that is known is not fetched again", async () => {
  const answer = await latchkey.fetch("/.well-known/jwks.json");
  assert.equal(trips(answer).depth, 0);
});
