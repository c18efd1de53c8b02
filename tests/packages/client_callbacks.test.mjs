// What comes to an app's redirect URI, honest and hostile.
import assert from "node:assert/strict";
import test from "node:test";
import * as everything from "@latchkey/client";
import { AuthorizationError, CallbackError, ConfigurationError, memoryStorage } from "@latchkey/client";
import { API, CALLBACK, callbackOf, newClient, newServer } from "./support/stand_in.mjs";

const server = await newServer();
const redemptions = () => server.asked("/oauth/token").length;
const refusedAs = (code) => (error) => error instanceof CallbackError && error.code === code;

async function begun(changes) {
  const client = newClient(server, changes);
  return { client, url: await client.getAuthorizationUrl({ appState: "/after" }) };
}

// Covers: B22
test("the challenge in the link is the hash of the verifier that is sent with the code", async () => {
  const { client, url } = await begun();
  await client.exchangeCodeForTokens(callbackOf(server, url));
  const verifier = server.asked("/oauth/token").at(-1).form.get("code_verifier");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  assert.equal(new URL(url).searchParams.get("code_challenge"), Buffer.from(hash).toString("base64url"));
  assert.equal(new URL(url).searchParams.get("code_challenge_method"), "S256");
  assert.match(verifier, /^[\w-]{43}$/);
});

// Covers: B23
test("a callback with a strange state, none, or one of another session is refused, and no code is sent", async () => {
  const before = redemptions();
  const storage = memoryStorage();
  const { url } = await begun({ storage, session: "alice" });
  const another = newClient(server, { storage, session: "mallory" });
  const { client } = await begun({ storage, session: "alice" });
  for (const state of ["strange", "", undefined, "undefined", "null"])
    await assert.rejects(client.exchangeCodeForTokens(callbackOf(server, url, { state })), refusedAs("unknown_state"));
  await assert.rejects(another.exchangeCodeForTokens(callbackOf(server, url)), refusedAs("unknown_state"));
  assert.equal(redemptions(), before);
  await client.exchangeCodeForTokens(callbackOf(server, url));
  assert.equal(redemptions(), before + 1, "and the honest one still counts");
});

// Covers: B23
test("a callback counts once, also when it comes twice at the same time", async () => {
  const before = redemptions();
  const { client, url } = await begun();
  const both = [callbackOf(server, url), callbackOf(server, url)].map((one) => client.exchangeCodeForTokens(one));
  const [first, second] = await Promise.allSettled(both);
  assert.equal(first.status, "fulfilled");
  assert.ok(refusedAs("unknown_state")(second.reason));
  await assert.rejects(client.exchangeCodeForTokens(callbackOf(server, url)), refusedAs("unknown_state"));
  assert.equal(redemptions(), before + 1);
});

// Covers: B23
test("a callback from another server, or from none that says who it is, is refused with its error or code", async () => {
  const before = redemptions();
  for (const iss of ["https://evil.test", `${server.issuer}/`, server.issuer.toUpperCase(), "", undefined]) {
    for (const answer of [{}, { code: undefined, error: "access_denied" }]) {
      const { client, url } = await begun();
      await assert.rejects(
        client.exchangeCodeForTokens(callbackOf(server, url, { iss, ...answer })),
        refusedAs("wrong_issuer"),
      );
    }
  }
  assert.equal(redemptions(), before);
});

test("with two servers in one storage, neither takes the other's callback", async () => {
  const before = redemptions();
  const other = await newServer();
  const storage = memoryStorage();
  const here = newClient(server, { storage });
  const there = newClient(other, { storage });
  const url = await there.getAuthorizationUrl();
  // The other server sends its victim, and the code, to the first one's callback.
  await assert.rejects(here.exchangeCodeForTokens(callbackOf(server, url)), refusedAs("wrong_issuer"));
  await assert.rejects(here.exchangeCodeForTokens(callbackOf(other, url)), refusedAs("unknown_state"));
  assert.deepEqual([redemptions(), other.asked("/oauth/token").length], [before, 0]);
});

test("a parameter that comes twice, a callback without code, and one that is no address are refused", async () => {
  const before = redemptions();
  for (const name of ["code", "state", "iss", "error"]) {
    const { client, url } = await begun();
    const callback = callbackOf(server, url);
    callback.searchParams.append(name, "second");
    callback.searchParams.append(name, "third");
    await assert.rejects(client.exchangeCodeForTokens(callback), refusedAs("malformed"), name);
  }
  const { client, url } = await begun();
  for (const callback of ["code=1&state=2", "", "/callback?code=1"])
    await assert.rejects(client.exchangeCodeForTokens(callback), refusedAs("malformed"));
  await assert.rejects(
    client.exchangeCodeForTokens(callbackOf(server, url, { code: undefined })),
    refusedAs("malformed"),
  );
  assert.equal(redemptions(), before);
});

// Covers: B28
test("an error in the callback is an error in the app, with the server's own words and what the app remembered", async () => {
  const { client, url } = await begun();
  const callback = callbackOf(server, url, {
    code: undefined,
    error: "access_denied",
    error_description: "The user said no.\nSet-Cookie: x=1",
  });
  const error = await client.exchangeCodeForTokens(callback).catch((reason) => reason);
  assert.ok(error instanceof AuthorizationError);
  assert.deepEqual([error.code, error.appState], ["access_denied", "/after"]);
  assert.doesNotMatch(error.message, /\n/);
  const both = await begun();
  await assert.rejects(
    both.client.exchangeCodeForTokens(callbackOf(server, both.url, { error: "server_error" })),
    AuthorizationError,
    "also beside a code",
  );
});

// Covers: B28
test("in a page the code is out of the address and its history before anything is sent, and also when it is refused", async (t) => {
  const entries = [];
  let address = "";
  const page = {
    location: {
      get href() {
        return address;
      },
    },
    history: {
      state: { scroll: 7 },
      replaceState(state, _title, url) {
        entries.push({ state, url: String(url), sent: redemptions() });
        address = String(url);
      },
    },
  };
  for (const [name, value] of Object.entries(page))
    Object.defineProperty(globalThis, name, { value, configurable: true });
  t.after(() => Object.keys(page).forEach((name) => delete globalThis[name]));
  const { client, url } = await begun();
  const callback = callbackOf(server, url);
  callback.searchParams.set("tab", "2");
  callback.hash = "top";
  address = callback.href;
  const sent = redemptions();
  await client.exchangeCodeForTokens();
  assert.deepEqual(entries, [{ state: { scroll: 7 }, url: `${CALLBACK}?tab=2#top`, sent }]);
  await assert.rejects(client.exchangeCodeForTokens(), refusedAs("unknown_state"), "a reload finds nothing");

  address = `${CALLBACK}?code=stolen&state=forged&iss=${server.issuer}`;
  await assert.rejects(client.exchangeCodeForTokens(), refusedAs("unknown_state"));
  assert.equal(address, CALLBACK);
});

// Covers: B25
test("each flow keeps a verifier of its own, and those that nobody came back from do not pile up", async () => {
  const storage = memoryStorage();
  const keys = new Set();
  const watched = {
    get: storage.get,
    set: (key, value, life) => (keys.add(key), storage.set(key, value, life)),
    delete: (key) => (keys.delete(key), storage.delete(key)),
  };
  const client = newClient(server, { storage: watched });
  const urls = [];
  for (let n = 0; n < 30; n++) urls.push(await client.getAuthorizationUrl());
  const challenges = urls.map((url) => new URL(url).searchParams.get("code_challenge"));
  assert.equal(new Set(challenges).size, 30);
  assert.equal([...keys].filter((key) => key.includes(":flow:")).length, 20);
  await client.exchangeCodeForTokens(callbackOf(server, urls[15]));
  await client.exchangeCodeForTokens(callbackOf(server, urls[29]));
  await assert.rejects(client.exchangeCodeForTokens(callbackOf(server, urls[0])), refusedAs("unknown_state"));
});

test("a flow ends after half an hour", async (t) => {
  const { client, url } = await begun();
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 31 * 60_000 });
  await assert.rejects(client.exchangeCodeForTokens(callbackOf(server, url)), refusedAs("expired"));
});

// Covers: B43
test("a redirect URI that another app could claim, or that travels in the clear, is refused", async () => {
  const refused = [
    ...["myapp://oauth-callback", "myapp:/callback", "http://app.test/callback", "http://localhost.evil.test/callback"],
    ...["https://app.test/callback#fragment", "https://user@app.test/callback", "/callback", "javascript:alert(1)", ""],
  ];
  for (const redirectUri of refused) {
    assert.throws(() => newClient(server, { redirectUri }), ConfigurationError, redirectUri);
    await assert.rejects(newClient(server).getAuthorizationUrl({ redirectUri }), ConfigurationError, redirectUri);
  }
  for (const redirectUri of [
    "https://app.test/callback",
    "http://127.0.0.1:53682/callback",
    "com.example.app:/callback",
  ]) {
    const client = newClient(server, { redirectUri });
    const { searchParams } = new URL(await client.getAuthorizationUrl());
    assert.equal(searchParams.get("redirect_uri"), redirectUri);
    assert.match(searchParams.get("state"), /^[\w-]{43}$/);
  }
});

test("metadata is asked for once, however many clients there are", async (t) => {
  const own = await newServer();
  const { fetch } = globalThis;
  globalThis.fetch = own.fetch;
  t.after(() => (globalThis.fetch = fetch));
  for (let n = 0; n < 3; n++) await newClient(own, { fetch: undefined }).getAuthorizationUrl();
  const asked = () => own.asked("/.well-known/oauth-authorization-server").length;
  assert.equal(asked(), 1);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 61 * 60_000 });
  await newClient(own, { fetch: undefined }).getAuthorizationUrl();
  assert.equal(asked(), 2, "and again after an hour");
});

test("the API is named as the resource in the link, with the code and at each refresh", async () => {
  for (const [changes, resource] of [
    [{}, API],
    [{ resource: "urn:acme:projects" }, "urn:acme:projects"],
  ]) {
    const own = await newServer();
    const client = newClient(own, changes);
    const url = await client.getAuthorizationUrl();
    await client.exchangeCodeForTokens(callbackOf(own, url));
    await client.refreshAccessToken();
    const sent = own.asked("/oauth/token").map(({ form }) => form.get("resource"));
    assert.deepEqual([new URL(url).searchParams.get("resource"), ...sent], [resource, resource, resource]);
  }
});

test("no request of the protocol follows a redirect, or waits for ever", async () => {
  const own = await newServer();
  const signals = [];
  const client = newClient(own, { fetch: (url, init) => (signals.push(init.signal), own.fetch(url, init)) });
  await client.exchangeCodeForTokens(callbackOf(own, await client.getAuthorizationUrl()));
  await client.refreshAccessToken();
  await client.signOut();
  assert.deepEqual(
    own.requests.map(({ redirect }) => redirect),
    Array(4).fill("manual"),
  );
  assert.ok(signals.every((signal) => signal instanceof AbortSignal));
});

test("each error says its name, also after a bundler renamed its class", async () => {
  const errors = {
    AuthorizationError: ["x"],
    CallbackError: ["x"],
    ConfigurationError: ["x"],
    LatchkeyError: ["x"],
    SignInRequiredError: ["x"],
    TokenError: ["x"],
    UnavailableError: ["x"],
    ApiError: [{}],
    StepUpError: [{}, []],
  };
  for (const [name, values] of Object.entries(errors)) {
    const Renamed = class extends everything[name] {};
    assert.equal(new Renamed(...values).name, name);
  }
});

test("metadata of another server, or an endpoint without https, is not used", async () => {
  const cases = {
    "another issuer": { issuer: "https://evil.test" },
    "no https": { authorization_endpoint: "http://evil.test/oauth/authorize" },
    "a script": { authorization_endpoint: "javascript:alert(1)" },
  };
  for (const [name, change] of Object.entries(cases)) {
    const hostile = await newServer();
    const path = "/.well-known/oauth-authorization-server";
    const honest = hostile.handlers[path];
    hostile.handlers[path] = async () => Response.json({ ...(await honest().json()), ...change });
    await assert.rejects(newClient(hostile).getAuthorizationUrl(), ConfigurationError, name);
  }
});
