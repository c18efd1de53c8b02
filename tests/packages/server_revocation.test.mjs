// What @latchkey/server knows of what was taken back: by the feed, by introspection, and by neither.
import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { generateKeyPair } from "jose";
import { nameOf, newGuard, newIssuer, outcome, REGION, request, SECRET } from "./support/api_server.mjs";

const START = Date.parse("2026-11-22T12:00:00Z");

// Runs with a clock that a test moves.
const timed = (run) => async () => {
  mock.timers.enable({ apis: ["Date"], now: START });
  try {
    await run(await newIssuer());
  } finally {
    mock.timers.reset();
  }
};
const pass = (seconds) => mock.timers.tick(seconds * 1000);
const settled = () => new Promise((resolve) => setTimeout(resolve, 30));
const said = async (guard, token) => {
  const { auth, status, reason, error } = await outcome(guard, request(token));
  return auth ? "allowed" : status === 401 ? reason : error;
};

// Covers: B33, B29
test("a token, its install, its consent or its app can be cut off before it ends", timed(async (server) => {
  const guard = newGuard(server);
  const under = (family, consent, shard = REGION * 256) => ({ latchkey: { app_epoch: 1, shard, family, consent } });
  const cases = [
    ["token", "jti-one", { jti: "jti-one", ...under("f0", "c0") }, "consent_revoked"],
    ["family", "f1", under("f1", "c1"), "consent_revoked"],
    ["consent", "c2", under("f2", "c2"), "consent_revoked"],
    ["app", "app_three", { client_id: "app_three", ...under("f3", "c3") }, "invalid_client"],
  ];
  const tokens = await Promise.all(cases.map(([, , claims]) => server.token(claims)));
  for (const token of tokens) assert.equal(await said(guard, token), "allowed");
  for (const [kind, id] of cases) kind === "app" ? server.cutApp(id, 2) : server.cut(kind, id);
  pass(26);
  for (const [at, token] of tokens.entries()) assert.equal(await said(guard, token), cases[at][3], cases[at][0]);
  assert.equal(await said(guard, await server.token(under("other", "other"))), "allowed", "nobody else is");
  // The same words, as the name of another kind of thing.
  assert.equal(await said(guard, await server.token(under("c2", "f1"))), "allowed");
}));

// Covers: B33
test("tokens of an app are good again from the epoch on that the feed names", timed(async (server) => {
  const guard = newGuard(server);
  server.cutApp("app_planner", 3);
  const of = (app_epoch) => server.token({ latchkey: { app_epoch, shard: 5, family: "f", consent: "c" } });
  assert.equal(await said(guard, await of(2)), "invalid_client");
  assert.equal(await said(guard, await of(3)), "allowed");
}));

// Covers: B33
test("what was taken back is refused 30 s later at the latest, and meanwhile calls cost no trip", timed(async (server) => {
  const guard = newGuard(server);
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  server.cut("consent", "cns_one");
  for (let second = 0; second < 9; second += 1) {
    pass(1);
    assert.equal(await said(guard, token), "allowed");
  }
  assert.equal(server.asksOfFeed.length, 1);
  // The call that finds the copy ten seconds old goes on with it, and has it renewed.
  pass(2);
  assert.equal(await said(guard, token), "allowed");
  await settled();
  assert.deepEqual(server.asksOfFeed, [
    { region: REGION, after: 0 },
    { region: REGION, after: 0 },
  ]);
  assert.equal(await said(guard, token), "consent_revoked");
}));

test("a server that nobody called for a while asks before it answers", timed(async (server) => {
  const guard = newGuard(server);
  const token = await server.token({ exp: START / 1000 + 3600 });
  assert.equal(await said(guard, token), "allowed");
  server.cut("token", JSON.parse(atob(token.split(".")[1])).jti);
  pass(26);
  assert.equal(await said(guard, token), "consent_revoked");
}));

test("what came later is added to the copy; once an hour one is begun anew", timed(async (server) => {
  const guard = newGuard(server);
  const token = await server.token({ exp: START / 1000 + 80_000 });
  server.cut("consent", "another");
  await said(guard, token);
  server.cut("consent", "a third");
  pass(26);
  await said(guard, token);
  pass(26);
  await said(guard, token);
  pass(3600);
  await said(guard, token);
  assert.deepEqual(
    server.asksOfFeed.map(({ after }) => after),
    [0, 1, 2, 0],
  );
}));

test("each region has its own list, and apps' own tokens are looked for in the third", timed(async (server) => {
  const guard = newGuard(server);
  server.cut("token", "own");
  const inRegion = (region) => server.token({ latchkey: { app_epoch: 1, shard: region * 256 + 7, family: "f", consent: "c" } });
  for (const region of [1, 7]) assert.equal(await said(guard, await inRegion(region)), "allowed");
  const own = await server.ownToken({ jti: "own" });
  assert.equal(await said(guard, own), "consent_revoked");
  assert.deepEqual(
    server.asksOfFeed.map(({ region }) => region),
    [1, 7, 3],
  );
}));

test("a list that is longer than one answer is read to its end", timed(async (server) => {
  const guard = newGuard(server);
  const lists = [nameOf("consent", "cns_one"), nameOf("consent", "b")];
  server.feed = async (region, after) => {
    server.listChanges = { cuts: lists[1 - after] ?? "", number: after + 1, after, more: after === 0 };
    return new Response(await server.list(region, after));
  };
  assert.equal(await said(guard, await server.token()), "consent_revoked");
  server.listChanges = {};
  server.feed = async (region, after) => {
    server.listChanges = { after, number: after + 1, more: true };
    return new Response(await server.list(region, after));
  };
  pass(26);
  assert.equal(await said(guard, await server.token()), "temporarily_unavailable", "a list without an end is none");
}));

const another = await generateKeyPair("ES256");
const BROKEN = {
  "no network": (server) => (server.feed = () => Promise.reject(new TypeError("network connection lost"))),
  "an error": (server) => (server.feed = async () => new Response("{}", { status: 503 })),
  "a redirect": (server) => (server.feed = async () => Response.redirect("https://evil.test/")),
  "no JWT": (server) => (server.feed = async () => new Response("<html>")),
  "another key": (server) =>
    (server.feed = async () => new Response(await server.token({}, { typ: "latchkey-revocations+jwt" }, another.privateKey))),
  "an access token": (server) => (server.listHeader = { typ: "at+jwt" }),
  "another issuer": (server) => (server.listChanges = { iss: "https://evil.test" }),
  "another region": (server) => (server.listChanges = { sub: `${server.issuer}/oauth/revocations/4` }),
  "an old list": (server) => (server.listChanges = { iat: START / 1000 - 60, exp: START / 1000 - 30 }),
  "a list without an end to its time": (server) => (server.listChanges = { exp: undefined }),
  "a gap": (server) => (server.listChanges = { after: 5, number: 9 }),
  "half an entry": (server) => (server.listChanges = { cuts: nameOf("consent", "a").slice(1) }),
  "entries that are none": (server) => (server.listChanges = { cuts: "*".repeat(16) }),
  "no entries": (server) => (server.listChanges = { cuts: undefined }),
  "an app without an epoch": (server) => (server.listChanges = { apps: { [nameOf("app", "a")]: "2" } }),
  "no number": (server) => (server.listChanges = { number: undefined }),
};

for (const [what, break_] of Object.entries(BROKEN)) {
  // Covers: B33
  test(`a feed that cannot be relied on allows nothing: ${what}`, timed(async (server) => {
    break_(server);
    const faults = [];
    const guard = newGuard(server, { onFault: (part) => faults.push(part) });
    assert.equal(await said(guard, await server.token()), "temporarily_unavailable");
    assert.deepEqual(faults, ["feed"]);
    // With the API's credential, introspection is asked for each call.
    const asking = newGuard(server, { credential: SECRET });
    assert.equal(await said(asking, await server.token()), "allowed");
    server.handlers["/oauth/introspect"] = () => Response.json({ active: false });
    assert.equal(await said(asking, await server.token()), "invalid_token");
    server.handlers["/oauth/introspect"] = () => new Response("", { status: 500 });
    assert.equal(await said(asking, await server.token()), "temporarily_unavailable");
  }));
}

test("an answer that does not end is not read to its end", timed(async (server) => {
  let megabytes = 0;
  const pull = (controller) => {
    megabytes += 1;
    if (megabytes < 50) controller.enqueue(new Uint8Array(1024 * 1024));
    else controller.close();
  };
  server.feed = async () => new Response(new ReadableStream({ pull }));
  assert.equal(await said(newGuard(server), await server.token()), "temporarily_unavailable");
  assert.ok(megabytes < 15, `${megabytes} MB`);
}));

test("a copy outlives a fault of the feed by seconds and no more", timed(async (server) => {
  const guard = newGuard(server);
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  const { feed } = server;
  server.feed = () => Promise.reject(new TypeError("lost"));
  pass(24);
  assert.equal(await said(guard, token), "allowed");
  await settled();
  pass(2);
  assert.equal(await said(guard, token), "temporarily_unavailable");
  const asked = server.asksOfFeed.length;
  assert.equal(await said(guard, token), "temporarily_unavailable");
  assert.equal(server.asksOfFeed.length, asked, "what has just failed is not asked again at once");
  server.feed = feed;
  pass(3);
  assert.equal(await said(guard, token), "allowed");
}));

test("a list without much time left is believed that long", timed(async (server) => {
  const guard = newGuard(server, { clockTolerance: 0 });
  server.listChanges = { exp: START / 1000 + 4 };
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  pass(3);
  assert.equal(await said(guard, token), "allowed");
  assert.equal(server.asksOfFeed.length, 1);
  server.listChanges = {};
  pass(2);
  assert.equal(await said(guard, token), "allowed");
  assert.equal(server.asksOfFeed.length, 2);
}));

// Covers: B33
test("with introspection, what was narrowed or taken back counts at the very next call", timed(async (server) => {
  const guard = newGuard(server, { revocation: "introspection", credential: SECRET });
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  const answer = (changes) => () =>
    Response.json({ active: true, sub: "usr_alice", client_id: "app_planner", scope: "read:projects", ...changes });
  server.handlers["/oauth/introspect"] = answer({ scope: "read:profile" });
  assert.equal(await said(guard, token), "insufficient_scope");
  server.handlers["/oauth/introspect"] = answer({ scope: "read:projects admin" });
  const { auth } = await outcome(guard, request(token));
  assert.deepEqual(auth.scopes, ["read:projects"], "and nothing is added that the token has not");
  server.handlers["/oauth/introspect"] = () => Response.json({ active: false });
  assert.equal(await said(guard, token), "invalid_token");
  assert.equal(server.asksOfFeed.length, 0);
  const [first] = server.asked("/oauth/introspect");
  assert.equal(atob(first.headers.get("authorization").slice(6)), "apc_one:lka_a%2Bb%25");
  assert.equal(first.redirect, "manual");
  for (const wrong of [
    { active: "true" },
    { active: undefined },
    { sub: "usr_ben" },
    { client_id: "app_other" },
    { scope: undefined },
  ]) {
    server.handlers["/oauth/introspect"] = answer(wrong);
    assert.equal(await said(guard, token), "temporarily_unavailable", JSON.stringify(wrong));
  }
}));

const STREAM = { revocation: "stream", credential: SECRET };

// Covers: B33
test("who holds the stream refuses what was taken back as soon as there is news of it", timed(async (server) => {
  const guard = newGuard(server, STREAM);
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  await settled();
  const authorization = `Basic ${btoa("apc_one:lka_a%2Bb%25")}`;
  assert.deepEqual(server.asksOfFeed, [
    { region: REGION, after: 0 },
    { region: REGION, after: 0, wait: "20", authorization },
  ]);
  server.cut("consent", "cns_one");
  await settled();
  assert.equal(await said(guard, token), "consent_revoked");
  // Nothing new for as long as a question waits, and the copy is as good as new.
  pass(20);
  server.wake();
  await settled();
  pass(20);
  assert.equal(await said(guard, await server.token({ client_id: "app_other", latchkey: { app_epoch: 1, shard: 768, family: "f", consent: "c" } })), "allowed");
  assert.deepEqual(server.asksOfFeed.map(({ after }) => after), [0, 0, 1, 1]);
  guard.close();
}));

test("a stream that breaks off is no permission: the list is asked for, and then nothing is believed", timed(async (server) => {
  const faults = [];
  const guard = newGuard(server, { ...STREAM, onFault: (what) => faults.push(what) });
  const token = await server.token();
  assert.equal(await said(guard, token), "allowed");
  await settled();
  const { feed } = server;
  server.feed = async () => new Response("", { status: 503 });
  server.handlers["/oauth/introspect"] = () => new Response("", { status: 503 });
  server.wake();
  await settled();
  assert.deepEqual(faults, ["feed"]);
  assert.equal(await said(guard, token), "allowed", "the copy is young");
  pass(26);
  assert.equal(await said(guard, token), "temporarily_unavailable");
  server.feed = feed;
  pass(3);
  assert.equal(await said(guard, token), "allowed");
  await settled();
  assert.equal(server.asksOfFeed.at(-1).wait, "20", "and news are waited for again");
  guard.close();
}));

test("a stream that no call needs is let go, and one that was closed says nothing", timed(async (server) => {
  const faults = [];
  const options = { ...STREAM, onFault: (what) => faults.push(what) };
  const idle = newGuard(server, options);
  await said(idle, await server.token());
  await settled();
  pass(61);
  server.wake();
  await settled();
  assert.equal(server.asksOfFeed.length, 2, "the list, and the question that waited");
  const closed = newGuard(server, options);
  await said(closed, await server.token());
  await settled();
  closed.close();
  await settled();
  assert.equal(server.asksOfFeed.length, 4);
  assert.deepEqual(faults, []);
}));
