// The revocation feed, as an API server reads it: signed lists from the real objects, which fail and are killed.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLocalJWKSet, jwtVerify } from "jose";
import { signedIn } from "./support/browser.mjs";
import { newDeveloper } from "./support/developer.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { basic, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, revoke, tokens, connect } = oauthClient(latchkey);
const keys = createLocalJWKSet(await (await latchkey.fetch("/.well-known/jwks.json")).json());

// What the feed gathers counts for so long.
const FRESHNESS = 2_000;
const gathersAnew = () => sleep(FRESHNESS);

const administrator = await newUser(latchkey);
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, 'administrator')", `usr_${administrator}`);
const operator = await signedIn(latchkey, administrator);
const act = async (method, path, body = {}) => {
  const headers = { origin: ISSUER, "content-type": "application/json" };
  const answer = await operator.request(`/api/admin${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
};

async function connected(app = apps.spa) {
  const username = await newUser(latchkey);
  const family = await connect(await signedIn(latchkey, username), app);
  return { username, app, ...family };
}

// As docs/api-guard.md has it for API servers.
const entry = (kind, name) => createHash("sha256").update(`${kind}\0${name}`).digest().subarray(0, 12).toString("base64url");
function isCutOff(list, access_token) {
  const { jti, client_id, latchkey: own } = claimsOf(access_token);
  const cuts = new Set(list.cuts.match(/.{16}/g));
  const names = [["token", jti], ["family", own.family], ["consent", own.consent]].filter(([, name]) => name);
  return own.app_epoch < (list.apps[entry("app", client_id)] ?? 0) || names.some((name) => cuts.has(entry(...name)));
}

const address = (region, query = "") => `/oauth/revocations/${region}${query}`;
const regionOf = (access_token) => Math.floor(claimsOf(access_token).latchkey.shard / 256);
const { access_token: first } = await connected();
const region = regionOf(first);

const credential = basic(apis.projects.credential.client_id, apis.projects.credential.secret);

async function read(after = 0, { wait, ...options } = {}) {
  const query = wait === undefined ? `?after=${after}` : `?after=${after}&wait=${wait}`;
  const answer = await latchkey.fetch(address(region, query), { headers: wait ? { authorization: credential } : {}, ...options });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const { payload } = await jwtVerify(text, keys, {
    issuer: ISSUER,
    subject: ISSUER + address(region),
    typ: "latchkey-revocations+jwt",
    algorithms: ["ES256"],
  });
  return payload;
}

const expectNoList = async (options) => {
  const answer = await latchkey.fetch(address(region), options);
  const body = await answer.json();
  assert.deepEqual([answer.status, body.error], [503, "temporarily_unavailable"]);
  assert.ok(Number(answer.headers.get("retry-after")) > 0);
};

// Covers: B33
test("whatever is taken back, and by whom, is in the signed list; what lives is not", async (t) => {
  const living = await connected();
  const machine = { api: "api_projects", subject_type: "client", access: "all" };
  const suspended = await newApp(latchkey, { grants: [machine] });
  const [leaked, shared, deleted] = [await newApp(latchkey), await newApp(latchkey), await newApp(latchkey)];
  const own = await tokens(await token(suspended, { grant_type: "client_credentials" }));
  const { id: organization } = await act("POST", "/organizations", { name: "Acme" });
  const ways = {
    "its app revokes an access token": async ({ app, access_token }) => revoke(app, access_token),
    "its app revokes a refresh token": async ({ app, refresh_token }) => revoke(app, refresh_token),
    "its user disconnects the app": async ({ username, access_token }) => {
      const browser = await signedIn(latchkey, username);
      const path = `/api/user/connected-apps/${claimsOf(access_token).latchkey.consent}`;
      const answer = await browser.request(path, { method: "DELETE", headers: { origin: ISSUER } });
      assert.ok(answer.ok, await answer.text());
    },
    "its user is suspended": ({ username }) => act("POST", `/users/usr_${username}/suspend`, { reason: "taken over" }),
    "its user's apps are disconnected by the operator": ({ username }) =>
      act("POST", `/users/usr_${username}/revoke`, { reason: "asked" }),
    "its organization blocks the app": async ({ username, app }) => {
      await act("PUT", `/organizations/${organization}/members/usr_${username}`, { role: "member" });
      await act("PUT", `/organizations/${organization}/apps/${app.client_id}`, { decision: "blocked" });
    },
    "its app is suspended": ({ app }) => suspend(latchkey, app),
    "its app is deleted": async ({ app }) => {
      const { call } = await newDeveloper(latchkey);
      assert.equal((await call("DELETE", `/apps/${app.client_id}`)).status, 204);
    },
    "all of its app is revoked": ({ app }) => act("POST", `/apps/${app.client_id}/revoke`, { reason: "leaked" }),
  };
  const app = {
    "its app is suspended": suspended,
    "its app is deleted": deleted,
    "all of its app is revoked": leaked,
    "its organization blocks the app": shared,
  };
  for (const [name, takeBack] of Object.entries(ways)) {
    await t.test(name, async () => {
      const connection = await connected(app[name]);
      const before = await read();
      assert.equal(isCutOff(before, connection.access_token), false);
      await takeBack(connection);
      await gathersAnew();
      assert.equal(isCutOff(await read(), connection.access_token), true);
      assert.equal(isCutOff(await read(before.number), connection.access_token), true);
    });
  }
  const all = await read();
  assert.equal(isCutOff(all, own.access_token), true, "what an app does in its own name ends with it");
  assert.equal(isCutOff(all, living.access_token), false);
});

test("after the last number there is nothing, and of a list that was never given there is everything", async () => {
  await revoke(apps.spa, (await connected()).refresh_token);
  await gathersAnew();
  const all = await read();
  const nothing = await read(all.number);
  assert.deepEqual([nothing.cuts, nothing.apps, nothing.number, nothing.after], ["", {}, all.number, all.number]);
  const far = await read(Number.MAX_SAFE_INTEGER);
  assert.equal(far.cuts.length, all.cuts.length);
});

test("a list is complete as of a time not long ago, expires soon, and may be cached for a second", async () => {
  const before = Date.now();
  const answer = await latchkey.fetch(address(region));
  const { as_of, iat, exp } = claimsOf(await answer.text());
  assert.ok(as_of >= before - FRESHNESS && as_of <= Date.now(), `${as_of - before} ms`);
  assert.deepEqual([iat, exp], [Math.floor(as_of / 1000), Math.floor(as_of / 1000) + 30]);
  assert.equal(answer.headers.get("cache-control"), "public, max-age=1");
  assert.deepEqual(trips(answer), { "FEED.fetch": 1, depth: 1 });
});

test("while one ledger of the region is out of reach there is no list, and afterwards nothing is missing", async () => {
  const { app, refresh_token, access_token } = await connected();
  await revoke(app, refresh_token);
  const [broken] = await latchkey.worker.listDurableObjectIds("LEDGER");
  const ledger = latchkey.ledgers.get(latchkey.ledgers.idFromString(broken));
  await ledger.goWrong({ statement: "FROM cuts", fail: "before" });
  await gathersAnew();
  await expectNoList();
  await ledger.beginAnew();
  assert.equal(isCutOff(await read(), access_token), true);
});

test("a feed object out of reach gives no list", async () => {
  for (const fail of ["before", "after"]) await expectNoList({ faults: [{ at: "FEED", fail }] });
});

// Covers: B33
test("a feed object that fails or is killed in the middle of its writes loses nothing", async (t) => {
  for (const statement of ["INTO entries", "INTO positions"]) {
    for (const fail of ["before", "after", "evicted"]) {
      await t.test(`${statement}, ${fail}`, async () => {
        const { app, refresh_token, access_token } = await connected();
        const { number } = await read();
        await revoke(app, refresh_token);
        await gathersAnew();
        await latchkey.eachFeed((feed) => feed.goWrong({ statement, fail, times: 1 }));
        await expectNoList();
        if (fail !== "evicted") await latchkey.eachFeed((feed) => feed.beginAnew());
        assert.equal(isCutOff(await read(number), access_token), true);
      });
    }
  }
});

test("a feed object that lost its memory, or all it kept, tells everything that still matters", async () => {
  const { app, refresh_token, access_token } = await connected();
  await revoke(app, refresh_token);
  await gathersAnew();
  const { number } = await read();
  const [id] = await latchkey.worker.listDurableObjectIds("FEED");
  await latchkey.worker.evictDurableObject("FEED", { id });
  assert.equal((await read(number)).cuts, "");
  const storage = await latchkey.worker.getDurableObjectStorage("FEED", { id });
  await storage.exec("DELETE FROM entries; DELETE FROM positions; DELETE FROM sqlite_sequence");
  await latchkey.worker.evictDurableObject("FEED", { id });
  assert.equal(isCutOff(await read(number), access_token), true);
});

// Covers: B33
test("whoever waits for news is told about a second after it, all at once, and in the end that there is none", async () => {
  const { number } = await read();
  const quiet = Date.now();
  const nothing = await read(number, { wait: 3 });
  assert.deepEqual([nothing.cuts, nothing.apps, nothing.number], ["", {}, number]);
  assert.ok(Date.now() - quiet > 2_000 && Date.now() - quiet < 6_000, `${Date.now() - quiet} ms`);

  const [connection, app] = [await connected(), await newApp(latchkey)];
  const ofApp = await connected(app);
  for (const [takeBack, access_token] of [
    [() => revoke(connection.app, connection.refresh_token), connection.access_token],
    [() => suspend(latchkey, app), ofApp.access_token],
  ]) {
    const { number } = await read();
    const waiting = Array.from({ length: 20 }, async () => [await read(number, { wait: 25 }), Date.now()]);
    await sleep(1_500);
    const began = Date.now();
    await takeBack();
    const acknowledged = Date.now();
    for (const [list, at] of await Promise.all(waiting)) {
      assert.equal(isCutOff(list, access_token), true);
      assert.ok(at > began && at < acknowledged + 5_000, `${at - acknowledged} ms`);
    }
  }
});

test("news from between two questions is told at once", async () => {
  const { app, refresh_token, access_token } = await connected();
  const { number } = await read();
  await revoke(app, refresh_token);
  const began = Date.now();
  assert.equal(isCutOff(await read(number, { wait: 25 }), access_token), true);
  assert.ok(Date.now() - began < 5_000, `${Date.now() - began} ms`);
});

test("only APIs may wait, and only so long; what they are told is kept by nobody", async () => {
  const wrong = basic(apis.projects.credential.client_id, "lka_wrong");
  const app = basic(apps.web.client_id, apps.web.secret);
  for (const authorization of [undefined, wrong, app, basic("apc_nobody", "x")]) {
    const answer = await latchkey.fetch(address(region, "?wait=1"), { headers: authorization ? { authorization } : {} });
    assert.equal(answer.status, 401);
  }
  const answer = await latchkey.fetch(address(region, "?wait=1"), { headers: { authorization: credential } });
  assert.deepEqual([answer.status, answer.headers.get("cache-control")], [200, "no-store"]);
});

test("a ledger that fails while somebody waits ends the wait", async () => {
  const { number } = await read();
  const waiting = latchkey.fetch(address(region, `?after=${number}&wait=25`), { headers: { authorization: credential } });
  await sleep(500);
  await latchkey.eachLedger((ledger) => ledger.goWrong({ statement: "FROM cuts", fail: "before" }));
  assert.equal((await waiting).status, 503);
  await latchkey.eachLedger((ledger) => ledger.beginAnew());
  await read(number);
});

test("what is no region or no number that a list gave is refused, and makes no object", async () => {
  const before = await latchkey.worker.listDurableObjectIds("FEED");
  for (const one of ["9", "03", "+3", "-1", "3.0", "65536", "x", "%00", "3/4", ""])
    assert.equal((await latchkey.fetch(address(one))).status, 404, one);
  for (const query of ["?after=-1", "?after=1.5", "?after=x", "?after=1&after=2", "?wait=26", "?after=18446744073709551616"])
    assert.equal((await latchkey.fetch(address(region, query))).status, 400, query);
  assert.equal((await latchkey.fetch(address(region), { method: "POST", body: "after=1" })).status, 405);
  assert.deepEqual(await latchkey.worker.listDurableObjectIds("FEED"), before);
});
