import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { calculateJwkThumbprint } from "jose";
import { signedIn } from "./support/browser.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { keyringOf } from "./support/keyring.mjs";
import { headerOf, oauthClient } from "./support/oauth.mjs";
import { apps, loadPlatform, newUser } from "./support/platform.mjs";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

// Each isolate is used once it matters what a fresh one does: none would read the set again within a minute.
const isolates = await startIsolates(7);
const [first] = isolates;
const early = isolates[6];
await first.worker.applyD1Migrations("DB");
await loadPlatform(first.db);

const kidsOf = async (isolate, alg = "ES256") => {
  const { keys } = await (await isolate.fetch("/.well-known/jwks.json")).json();
  return keys.filter((key) => key.alg === alg).map(({ kid }) => kid);
};
const connect = async (isolate) =>
  (await oauthClient(isolate).connect(await signedIn(isolate, await newUser(isolate)), apps.web)).access_token;
const isActive = async (isolate, token) =>
  (await (await oauthClient(isolate).introspect(apps.web, token)).json()).active;

let old, next, oldToken;

test("after thirty days the cron trigger publishes a new key, and the old one goes on signing", async () => {
  [old] = await kidsOf(first);
  oldToken = await connect(first);
  assert.equal(headerOf(oldToken).kid, old);
  assert.deepEqual(await kidsOf(early), [old]);
  await first.runSchedule();
  await (await keyringOf(first)).age(30 * DAY);
  await first.runSchedule();
  const kids = await kidsOf(isolates[1]);
  assert.equal(kids.length, 2);
  next = kids.find((kid) => kid !== old);
  assert.equal((await kidsOf(isolates[1], "RS256")).length, 2);
  assert.equal(headerOf(await connect(isolates[1])).kid, old);
});

test("once everyone can know the new key it signs, and tokens of the old one stay good", async () => {
  await first.runSchedule();
  await (await keyringOf(first)).age(15 * MINUTE);
  const token = await connect(isolates[2]);
  assert.equal(headerOf(token).kid, next);
  assert.deepEqual((await kidsOf(isolates[2])).sort(), [old, next].sort());
  assert.equal(await isActive(isolates[2], oldToken), true);
  assert.equal(await isActive(early, token), true, "an isolate that has only read the set before");
});

test("once no token of the old key can be alive it is gone", async () => {
  await first.runSchedule();
  await (await keyringOf(first)).age(DAY);
  await first.runSchedule();
  assert.equal((await kidsOf(isolates[3])).length, 2, "a day is not enough: some isolate may have heard late");
  await (await keyringOf(first)).age(DAY / 4);
  await first.runSchedule();
  assert.deepEqual(await kidsOf(isolates[4]), [next]);
  assert.equal((await kidsOf(isolates[4], "RS256")).length, 1);
  assert.equal(await isActive(isolates[4], oldToken), false);
});

test("a key set from before keys had a life cycle goes on, and gets the key it lacks", async () => {
  const keyring = await keyringOf(first);
  const { keys } = await keyring.read();
  const { d, created_at } = keys.find(({ kty }) => kty === "EC");
  await keyring.write([{ d, created_at }]);
  const isolate = isolates[5];
  assert.deepEqual(await kidsOf(isolate), [next]);
  assert.equal((await kidsOf(isolate, "RS256")).length, 1);
  assert.equal(headerOf(await connect(isolate)).kid, next);
});

const ownKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
const ownKid = await calculateJwkThumbprint(ownKey);

test("on command, and by an operator's key", async (t) => {
  const moment = new Date(Date.now() - MINUTE).toISOString();
  const [one, two, three] = await startIsolates(3, () => ({
    vars: { SIGNING_KEY_DAYS: "0", ROTATE_SIGNING_KEYS_BEFORE: moment },
    secrets: { SIGNING_KEY: JSON.stringify(ownKey) },
  }));
  await one.worker.applyD1Migrations("DB");
  await loadPlatform(one.db);

  await t.test("an operator's key is the first of an empty ring", async () => {
    assert.deepEqual(await kidsOf(one), [ownKid]);
    assert.equal(headerOf(await connect(one)).kid, ownKid);
    const { keys } = await (await one.fetch("/.well-known/jwks.json")).json();
    assert.ok(keys.every((key) => key.d === undefined));
  });

  await t.test("keys older than the command are replaced, but for the operator's own", async () => {
    const [rsa] = await kidsOf(one, "RS256");
    await one.runSchedule();
    assert.equal((await (await keyringOf(one)).read()).keys.length, 2, "younger than the command");
    await (await keyringOf(one)).age(DAY);
    await one.runSchedule();
    assert.deepEqual(await kidsOf(two), [ownKid]);
    const kids = await kidsOf(two, "RS256");
    assert.ok(kids.length === 2 && kids.includes(rsa));
    await one.runSchedule();
    assert.deepEqual((await kidsOf(three, "RS256")).sort(), kids.sort(), "once");
  });
});

test("a revoked key is neither published nor used nor accepted, and a fresh one signs at once", async () => {
  // Three isolates know that it leaked; the last one is of the deployment before.
  const [one, two, three, before] = await startIsolates(4, (index) =>
    index === 3 ? {} : { vars: { REVOKED_SIGNING_KEYS: ownKid }, secrets: { SIGNING_KEY: JSON.stringify(ownKey) } },
  );
  await one.worker.applyD1Migrations("DB");
  await loadPlatform(one.db);
  await one.fetch("/.well-known/jwks.json");
  const keyring = await keyringOf(one);
  const { version, keys } = await keyring.read();
  const rsa = keys.find(({ kty }) => kty === "RSA");
  const leaked = { kty: "EC", d: ownKey.d, created_at: rsa.created_at, use_from: rsa.created_at };
  await keyring.write({ version: version + 1, keys: [leaked, rsa] });
  const token = await connect(before);
  assert.equal(headerOf(token).kid, ownKid);

  const [fresh] = await kidsOf(two);
  assert.notEqual(fresh, ownKid);
  assert.deepEqual(await kidsOf(two), [fresh]);
  assert.equal(headerOf(await connect(two)).kid, fresh);
  assert.equal(await isActive(two, token), false);
  assert.equal(await isActive(three, token), false);
  const { keys: kept } = await keyring.read();
  assert.ok(kept.every(({ d }) => d !== ownKey.d), "the object has thrown it away");
});

test("an operator's key that makes no valid signature is left out, and Latchkey's own signs", async () => {
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  const [isolate] = await startIsolates(1, () => ({ secrets: { SIGNING_KEY: JSON.stringify({ ...key, dp: key.dq, dq: key.dp }) } }));
  const [kid, ...more] = await kidsOf(isolate, "RS256");
  assert.deepEqual(more, []);
  assert.notEqual(kid, await calculateJwkThumbprint({ kty: "RSA", n: key.n, e: key.e }));
});
