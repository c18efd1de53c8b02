// From the acknowledged revocation to the refusal, for everyone who checks tokens by themselves, under load and with the
// feed object killed in the middle of its writes. LATCHKEY_REVOCATIONS: how many (`make scale`: 1,000).
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLocalJWKSet, jwtVerify } from "jose";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { basic, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const REVOCATIONS = Number(process.env.LATCHKEY_REVOCATIONS ?? 30);
const IS_LONG = REVOCATIONS >= 300;
const AT_ONCE = 8;
// Between revocations, so that a long run goes through several rounds of whoever polls.
const PACE = 80;
const POLL_EVERY = IS_LONG ? 20_000 : 3_000;
const KILLS = IS_LONG ? 10 : 2;

const latchkey = await startLatchkey();
const { revoke, introspect, connect } = oauthClient(latchkey);
const keys = createLocalJWKSet(await (await latchkey.fetch("/.well-known/jwks.json")).json());
const { client_id, secret } = apis.projects.credential;
const credential = basic(client_id, secret);
await latchkey.run(
  "UPDATE apis SET route_rules = ? WHERE id = 'api_projects'",
  JSON.stringify([{ path: "/projects", scopes: ["read:projects"] }]),
);

const entry = (kind, name) => createHash("sha256").update(`${kind}\0${name}`).digest().subarray(0, 12).toString("base64url");

async function inParallel(count, work) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function connected() {
  const app = apps.spa;
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const { access_token, refresh_token } = await connect(browser, app);
  const { jti, latchkey: own } = claimsOf(access_token);
  const names = [entry("token", jti), entry("family", own.family), entry("consent", own.consent)];
  return { app, browser, access_token, refresh_token, names, seen: {} };
}

const ways = [
  ({ app, access_token }) => revoke(app, access_token),
  ({ app, refresh_token }) => revoke(app, refresh_token),
  ({ browser, access_token }) => {
    const path = `/api/user/connected-apps/${claimsOf(access_token).latchkey.consent}`;
    return browser.request(path, { method: "DELETE", headers: { origin: ISSUER } });
  },
];

// Keeps what it was told, as an API server would. A list that does not come is asked for again.
class Reader {
  cuts = new Set();
  number = 0;
  failures = 0;

  constructor(name, region) {
    Object.assign(this, { name, region });
  }

  async read(wait) {
    const path = `/oauth/revocations/${this.region}?after=${this.number}${wait ? `&wait=${wait}` : ""}`;
    const answer = await latchkey.fetch(path, { headers: wait ? { authorization: credential } : {} });
    const text = await answer.text();
    if (answer.status !== 200) {
      assert.equal(answer.status, 503, text);
      this.failures++;
      return sleep(200);
    }
    const expected = { issuer: ISSUER, subject: `${ISSUER}/oauth/revocations/${this.region}`, typ: "latchkey-revocations+jwt" };
    const { payload } = await jwtVerify(text, keys, expected);
    for (const cut of payload.cuts.match(/.{16}/g) ?? []) this.cuts.add(cut);
    this.number = payload.number;
    if (payload.more) await this.read(wait);
  }

  look(revoked) {
    for (const one of revoked)
      if (!(this.name in one.seen) && one.names.some((name) => this.cuts.has(name))) one.seen[this.name] = Date.now();
  }
}

// What the guard answers belongs to the call's API, so the API's document here does not know of it.
async function verify({ access_token }) {
  const headers = {
    "latchkey-authorization": credential,
    authorization: `Bearer ${access_token}`,
    "x-original-method": "GET",
    "x-original-uri": "/projects",
  };
  const answer = await latchkey.worker.fetch(`${ISSUER}/oauth/verify`, { headers: Object.entries(headers) });
  await answer.arrayBuffer();
  return answer.status;
}

function distribution(delays) {
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (share) => Math.max(0, sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

// Covers: B33
test(`${REVOCATIONS} revocations under load: everyone refuses in time, and nothing is lost`, async (t) => {
  const connections = [];
  await inParallel(REVOCATIONS, async () => connections.push(await connected()));
  const region = Math.floor(claimsOf(connections[0].access_token).latchkey.shard / 256);
  const living = await connected();
  assert.equal(await verify(living), 200);

  const revoked = [];
  let [isOver, isBroken] = [false, false];
  const until = async (done, step) => {
    try {
      while (!isBroken && !done()) await step();
    } catch (error) {
      isBroken = true;
      throw error;
    }
  };
  const [stream, poller] = [new Reader("stream", region), new Reader("list", region)];
  const missing = (name) => revoked.filter((one) => !(name in one.seen));
  const everyoneKnows = () => isOver && ["stream", "list", "guard"].every((name) => missing(name).length === 0);

  const holdsTheStream = until(everyoneKnows, async () => {
    await stream.read(5);
    stream.look(revoked);
  });
  const pollsTheList = until(everyoneKnows, async () => {
    await poller.read();
    poller.look(revoked);
    await Promise.race([sleep(POLL_EVERY), until(everyoneKnows, () => sleep(100))]);
  });
  // Each token is called with again and again until it is refused. What counts is when the last call began that passed.
  const call = async (one) => {
    const began = Date.now();
    const status = await verify(one);
    if (status === 401) one.seen.guard = one.passed ?? one.acknowledged;
    else assert.equal(status, 200);
    one.passed = began;
  };
  const callsTheGuard = until(everyoneKnows, async () => {
    const those = missing("guard");
    await inParallel(those.length, () => call(those.pop()));
    await sleep(50);
  });
  const load = Array.from({ length: 4 }, () =>
    until(() => isOver, async () => {
      assert.equal((await (await introspect(apis.projects.credential, living.access_token)).json()).active, true);
      assert.equal(await verify(living), 200);
    }),
  );
  const kills = (async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep((REVOCATIONS * PACE) / (KILLS + 1));
      await latchkey.eachFeed((feed) => feed.goWrong({ statement: "INTO entries", fail: "evicted", times: 1 }));
    }
  })();

  const revokes = until(
    () => revoked.length === connections.length,
    async () => {
      const connection = connections[revoked.length];
      const paced = sleep(PACE);
      const answer = await ways[revoked.length % ways.length](connection);
      assert.ok(answer.ok, await answer.text());
      connection.acknowledged = Date.now();
      revoked.push(connection);
      await paced;
    },
  );
  const allRevoked = Promise.all([revokes, kills]).then(() => (isOver = true));
  await Promise.all([allRevoked, holdsTheStream, pollsTheList, callsTheGuard, ...load]);

  // The stream begins anew when the feed object was killed.
  const promised = { stream: 5_000, guard: 5_000, list: POLL_EVERY + 5_000 };
  const longest = Object.keys(promised).map((name) => {
    const { p50, p99, max } = distribution(revoked.map((one) => one.seen[name] - one.acknowledged));
    t.diagnostic(`${name}: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
    return [name, max];
  });
  for (const [name, max] of longest) assert.ok(max <= promised[name], `${name} took ${max} ms`);
  t.diagnostic(`the feed object was killed ${KILLS} times; the stream failed ${stream.failures} times, the list ${poller.failures}`);
  assert.equal(await verify(living), 200);
});
