// Token Status Lists, as an API server reads them: with a JWT library and a client for such lists, from the real objects,
// which fail.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { getListFromStatusListJWT, getStatusListFromJWT } from "@sd-jwt/jwt-status-list";
import { createLocalJWKSet, jwtVerify } from "jose";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apps, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, revoke, refresh, tokens, connect } = oauthClient(latchkey);
const keys = createLocalJWKSet(await (await latchkey.fetch("/.well-known/jwks.json")).json());

const administrator = await newUser(latchkey);
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, 'administrator')", `usr_${administrator}`);
const operator = await signedIn(latchkey, administrator);
const act = async (method, path, body = {}) => {
  const headers = { origin: ISSUER, "content-type": "application/json" };
  const answer = await operator.request(`/api/admin${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
};

async function connected(app = apps.spa) {
  const username = await newUser(latchkey);
  return { username, app, ...(await connect(await signedIn(latchkey, username), app)) };
}

const fetchList = (uri, options) => {
  assert.ok(uri.startsWith(`${ISSUER}/oauth/status-lists/`), uri);
  return latchkey.fetch(uri.slice(ISSUER.length), { headers: { accept: "application/statuslist+jwt" }, ...options });
};

// As §8.3 of the draft has it: the list is good and is the one that the token names; then its bit.
async function statusOf(access_token) {
  const { idx, uri } = getStatusListFromJWT(access_token);
  const answer = await fetchList(uri);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const checks = { issuer: ISSUER, subject: uri, typ: "statuslist+jwt", algorithms: ["ES256"] };
  const { payload } = await jwtVerify(text, keys, { ...checks, requiredClaims: ["iat", "exp", "ttl"] });
  assert.deepEqual([payload.status_list.bits, payload.exp - payload.iat, payload.ttl], [1, 30, 5]);
  return getListFromStatusListJWT(text).getStatus(idx);
}

// Lists may be two seconds old; how long a busy machine takes is its own affair.
async function becomesRevoked(access_token, until = Date.now() + 20_000) {
  while ((await statusOf(access_token)) !== 1) {
    assert.ok(Date.now() < until, "still valid after 20 s");
    await sleep(500);
  }
}

// Covers: B33
test("whatever is taken back, and by whom, becomes 1 on the list; what lives stays 0", async (t) => {
  const living = await connected();
  const [shared, suspended, recalled] = [await newApp(latchkey), await newApp(latchkey), await newApp(latchkey)];
  const neighbour = await connected(shared);
  const ways = {
    "its app revokes an access token": ({ app, access_token }) => revoke(app, access_token),
    "its app revokes a refresh token": ({ app, refresh_token }) => revoke(app, refresh_token),
    "its user disconnects the app": async ({ username, access_token }) => {
      const browser = await signedIn(latchkey, username);
      const path = `/api/user/connected-apps/${claimsOf(access_token).latchkey.consent}`;
      const answer = await browser.request(path, { method: "DELETE", headers: { origin: ISSUER } });
      assert.ok(answer.ok, await answer.text());
    },
    "its user is suspended": ({ username }) => act("POST", `/users/usr_${username}/suspend`, { reason: "taken over" }),
    "its user's apps are disconnected by the operator": ({ username }) =>
      act("POST", `/users/usr_${username}/revoke`, { reason: "asked" }),
    "its app is suspended": ({ app }) => suspend(latchkey, app),
    "all of its app is revoked": ({ app }) => act("POST", `/apps/${app.client_id}/revoke`, { reason: "leaked" }),
  };
  const app = {
    "its user is suspended": shared,
    "its app is suspended": suspended,
    "all of its app is revoked": recalled,
  };
  for (const [name, takeBack] of Object.entries(ways)) {
    await t.test(name, async () => {
      const connection = await connected(app[name]);
      assert.equal(await statusOf(connection.access_token), 0);
      await takeBack(connection);
      await becomesRevoked(connection.access_token);
    });
  }
  for (const { access_token } of [living, neighbour]) assert.equal(await statusOf(access_token), 0);
});

test("an access token is marked alone when it is revoked alone, and all of a grant when an old refresh token comes back", async () => {
  const { app, access_token: first, refresh_token } = await connected();
  const { access_token: second, refresh_token: current } = await tokens(await refresh(app, refresh_token));
  const { access_token: third } = await tokens(await refresh(app, current));
  const places = [first, second, third].map((token) => JSON.stringify(getStatusListFromJWT(token)));
  assert.equal(new Set(places).size, 3, "each has a place of its own");
  await revoke(app, second);
  await becomesRevoked(second);
  assert.deepEqual([await statusOf(first), await statusOf(third)], [0, 0]);
  // Two generations old, and late: somebody else has it.
  await latchkey.age(61_000);
  assert.equal((await refresh(app, refresh_token)).status, 400);
  await becomesRevoked(first);
  await becomesRevoked(third);
});

test("an app that is cut off stays so when it is back, and what it gets then is good", async () => {
  const app = await newApp(latchkey);
  const before = await connected(app);
  await act("POST", `/apps/${app.client_id}/revoke`, { reason: "leaked" });
  await becomesRevoked(before.access_token);
  const until = Date.now() + 20_000;
  let after;
  // Its record may be some seconds old.
  do {
    after = await connected(app).catch(() => undefined);
    if (!after) await sleep(1_000);
  } while (!after && Date.now() < until);
  assert.deepEqual([await statusOf(after.access_token), await statusOf(before.access_token)], [0, 1]);
});

test("a list takes one trip, may be kept for a second, and is read by scripts of any site", async () => {
  const { access_token } = await connected();
  const { uri } = getStatusListFromJWT(access_token);
  const answer = await fetchList(uri);
  assert.equal(answer.headers.get("content-type"), "application/statuslist+jwt");
  assert.equal(answer.headers.get("cache-control"), "public, max-age=1");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(trips(answer)["LEDGER.fetch"], 1);
  assert.equal(trips(answer).depth, 1);
  assert.equal((await fetchList(uri, { headers: { accept: "application/statuslist+cwt" } })).status, 406);
  assert.equal((await fetchList(`${uri}?time=1700000000`)).status, 501);
});

test("the metadata names where all lists are, and a token's is among them", async () => {
  const { access_token } = await connected();
  const metadata = await (await latchkey.fetch("/.well-known/oauth-authorization-server")).json();
  assert.equal(metadata.status_list_aggregation_endpoint, `${ISSUER}/oauth/status-lists`);
  const all = await (await latchkey.fetch("/oauth/status-lists")).json();
  assert.ok(all.status_lists.includes(getStatusListFromJWT(access_token).uri));
  assert.deepEqual(Object.keys(all), ["status_lists"]);
});

test("while the ledger or the directory is out of reach there is no list, and afterwards nothing is missing", async () => {
  const { app, access_token, refresh_token } = await connected();
  const { uri } = getStatusListFromJWT(access_token);
  await revoke(app, refresh_token);
  await becomesRevoked(access_token);
  const expectNoList = async (options) => {
    const answer = await fetchList(uri, options);
    const body = await answer.json();
    assert.deepEqual([answer.status, body.error], [503, "temporarily_unavailable"]);
    assert.ok(Number(answer.headers.get("retry-after")) > 0);
  };
  for (const fail of ["before", "after"]) await expectNoList({ faults: [{ at: "LEDGER", fail }] });
  for (const fault of [{ statement: "FROM revoked_places" }, { directory: true }]) {
    await latchkey.eachLedger((ledger) => ledger.goWrong({ ...fault, fail: "before" }));
    // What was made a moment ago is still handed out.
    await sleep(2_500);
    await expectNoList();
    await latchkey.eachLedger((ledger) => ledger.beginAnew());
  }
  assert.equal(await statusOf(access_token), 1);
});

test("a mark and the end that it tells of are written together or not at all", async (t) => {
  for (const fail of ["before", "after"]) {
    await t.test(fail, async () => {
      const { app, access_token, refresh_token } = await connected();
      await latchkey.eachLedger((ledger) => ledger.goWrong({ statement: "INTO revoked_places", fail }));
      assert.equal((await revoke(app, refresh_token)).status, 503);
      await latchkey.eachLedger((ledger) => ledger.beginAnew());
      assert.equal(await statusOf(access_token), 0);
      await revoke(app, refresh_token);
      await becomesRevoked(access_token);
    });
  }
});

test("tokens of an app's own are on no list; what is no list is not found and makes no object", async () => {
  const machine = { api: "api_projects", subject_type: "client", access: "all" };
  const app = await newApp(latchkey, { grants: [machine] });
  const { access_token } = await tokens(await token(app, { grant_type: "client_credentials" }));
  assert.equal(claimsOf(access_token).status, undefined);
  const { uri } = getStatusListFromJWT((await connected()).access_token);
  const [, shard, period] = uri.match(/(\d+)\/(\d+)$/);
  const before = await latchkey.worker.listDurableObjectIds("LEDGER");
  const old = `${shard}/${period - 100}`;
  for (const path of [shard, `${shard}/`, `0${shard}/${period}`, `65536/${period}`, old, "x/y", `${shard}/+${period}`])
    assert.equal((await latchkey.fetch(`/oauth/status-lists/${path}`)).status, 404, path);
  assert.deepEqual(await latchkey.worker.listDurableObjectIds("LEDGER"), before);
});
