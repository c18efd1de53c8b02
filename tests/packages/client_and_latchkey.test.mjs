// The client package and the real Latchkey, with the projects API of the examples.
import assert from "node:assert/strict";
import test from "node:test";
import {
  AuthorizationError,
  itemStorage,
  LatchkeyClient,
  memoryStorage,
  SignInRequiredError,
  StepUpError,
} from "@latchkey/client";
import { LatchkeyServerClient, LatchkeyService } from "@latchkey/client/server";
import { apps, CALLBACK } from "../workerd/support/platform.mjs";
import { newKeyedApp } from "../workerd/support/strong_clients.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const platform = await startPlatform();
const { fetch } = platform;
const common = { issuer: ISSUER, api: API, fetch, scopes: ["read:profile", "read:projects"] };
const publicClient = (changes) =>
  new LatchkeyClient({
    ...common,
    clientId: apps.spa.client_id,
    redirectUri: CALLBACK,
    storage: memoryStorage(),
    ...changes,
  });
const keyed = await newKeyedApp(platform.latchkey);

const kinds = {
  "without a secret": publicClient,
  "with a secret": () =>
    new LatchkeyServerClient({
      ...common,
      clientId: apps.web.client_id,
      clientSecret: apps.web.secret,
      redirectUri: CALLBACK,
      session: "one",
    }),
  "with a key": () =>
    new LatchkeyServerClient({
      ...common,
      clientId: keyed.client_id,
      privateKey: { key: keyed.key.privateKey, kid: keyed.key.kid },
      redirectUri: CALLBACK,
      session: "one",
    }),
  "with tokens bound to a key": async () =>
    publicClient({
      dpop: await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]),
    }),
};

// The projects API of the examples takes bearer tokens only.
const callsApi = (kind) => kind !== "with tokens bound to a key";

// Covers: R1, R34, B22, B23, B24
test("an app of each kind connects, calls the API, refreshes and signs out", async (t) => {
  for (const [kind, make] of Object.entries(kinds)) {
    await t.test(kind, async () => {
      const person = await platform.newPerson("Garden", "Boat");
      const client = await make();
      const url = await client.getAuthorizationUrl({ appState: "/projects?page=2" });
      const challenge = new URL(url).searchParams.get("code_challenge");
      assert.match(challenge, /^[\w-]{43}$/, "a SHA-256 hash");
      const { tokens, appState } = await client.exchangeCodeForTokens(await decide(person, url));
      assert.deepEqual([tokens.scopes, appState], [["read:profile", "read:projects"], "/projects?page=2"]);
      if (callsApi(kind)) {
        const { projects } = await client.apiCall("/projects");
        assert.deepEqual(
          projects.map(({ name }) => name),
          ["Boat", "Garden"],
        );
      }
      const next = await client.refreshAccessToken();
      assert.notEqual(next.accessToken, tokens.accessToken);
      if (callsApi(kind)) assert.equal((await client.apiCall("/projects?limit=1")).projects.length, 1);
      assert.deepEqual(await client.signOut(), { revoked: true });
      assert.equal(await client.tokens(), undefined);
      await assert.rejects(client.apiCall("/projects"), SignInRequiredError);
      if (callsApi(kind)) {
        const late = await fetch(`${API}/projects`, { headers: { authorization: `Bearer ${next.accessToken}` } });
        assert.equal(late.status, 401, "sign-out reaches the tokens that are out there");
      }
    });
  }
  const secrets = platform.asked("/oauth/token").filter(({ body }) => body.includes("client_secret"));
  assert.deepEqual(
    secrets,
    [],
    "a public app sends none, also not the word null; the others send theirs in the header",
  );
});

// Covers: B23, B25
test("flows side by side in one session do not disturb each other", async () => {
  const person = await platform.newPerson();
  const client = publicClient();
  const urls = await Promise.all(["one", "two", "three"].map((appState) => client.getAuthorizationUrl({ appState })));
  const callbacks = [];
  for (const url of urls) callbacks.push(await decide(person, url));
  const answers = await Promise.all(callbacks.toReversed().map((callback) => client.exchangeCodeForTokens(callback)));
  assert.deepEqual(
    answers.map(({ appState }) => appState),
    ["three", "two", "one"],
  );
  assert.ok(await client.apiCall("/profile"), "the last of them is in use, and the others did not end it");
});

// Covers: B28
test("an app learns that the user said no", async () => {
  const person = await platform.newPerson();
  const client = publicClient();
  const callback = await decide(person, await client.getAuthorizationUrl({ appState: "/start" }), "deny");
  await assert.rejects(client.exchangeCodeForTokens(callback), (error) => {
    assert.ok(error instanceof AuthorizationError);
    assert.deepEqual([error.code, error.appState], ["access_denied", "/start"]);
    return true;
  });
});

// Covers: B26
test("many calls after a token's end cost one refresh, and its lost reply costs nothing", async () => {
  const person = await platform.newPerson("Garden");
  const storage = memoryStorage();
  const client = publicClient({ storage });
  await client.exchangeCodeForTokens(await decide(person, await client.getAuthorizationUrl()));
  const key = `latchkey:${apps.spa.client_id}:${API}:default:tokens`;
  storage.set(key, JSON.stringify({ ...JSON.parse(storage.get(key)), expiresAt: Date.now() }));
  const before = platform.asked("/oauth/token").length;
  let lost = 0;
  platform.between = async (path, answer) => {
    const response = await answer();
    if (path !== "/oauth/token" || lost++ > 0) return response;
    throw new TypeError("fetch failed");
  };
  try {
    const all = await Promise.all(Array.from({ length: 5 }, () => client.apiCall("/projects")));
    for (const { projects } of all) assert.equal(projects[0].name, "Garden");
  } finally {
    platform.between = (_path, answer) => answer();
  }
  const sent = platform.asked("/oauth/token").slice(before);
  assert.equal(sent.length, 2, "the one whose reply was lost, and the one that asked again");
  assert.equal(sent[0].body, sent[1].body, "with the same refresh token");
  assert.ok(await client.refreshAccessToken(), "what was rotated was kept");
});

// Covers: B26
test("two tabs that share a storage take turns: the second finds what the first has renewed", async (t) => {
  const waiting = new Map();
  const request = async (name, run) => {
    const turn = (waiting.get(name) ?? Promise.resolve()).then(run);
    waiting.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  };
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
  const items = new Map();
  // Each tab has functions of its own over the same values.
  const tab = () =>
    publicClient({
      storage: itemStorage({
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => items.set(key, value),
        removeItem: (key) => items.delete(key),
      }),
    });
  const tabs = [tab(), tab(), tab()];
  const person = await platform.newPerson();
  await tabs[0].exchangeCodeForTokens(await decide(person, await tabs[0].getAuthorizationUrl()));
  const before = platform.asked("/oauth/token").length;
  const all = await Promise.all(tabs.map((one) => one.refreshAccessToken()));
  assert.equal(new Set(all.map(({ accessToken }) => accessToken)).size, 1);
  assert.equal(platform.asked("/oauth/token").length - before, 1);
});

test("who takes the access back at the platform is asked to sign in, and the tokens are gone", async () => {
  const person = await platform.newPerson();
  const storage = memoryStorage();
  const client = publicClient({ storage });
  await client.exchangeCodeForTokens(await decide(person, await client.getAuthorizationUrl()));
  await person.browser.disconnect();
  await assert.rejects(client.apiCall("/projects"), { name: "SignInRequiredError", code: "invalid_grant" });
  await assert.rejects(client.apiCall("/projects"), { name: "SignInRequiredError", code: "no_tokens" });
});

test("an API that wants more is given it, with what the user had agreed to before", async () => {
  const person = await platform.newPerson();
  const client = publicClient({ scopes: ["read:profile"] });
  await client.exchangeCodeForTokens(await decide(person, await client.getAuthorizationUrl()));
  const stepUp = await client.apiCall("/projects", { json: { name: "Attic" } }).catch((error) => error);
  assert.ok(stepUp instanceof StepUpError);
  assert.deepEqual([stepUp.status, stepUp.scopes], [403, ["write:projects"]]);
  const { tokens } = await client.exchangeCodeForTokens(
    await decide(person, await client.getAuthorizationUrl({ stepUp })),
  );
  assert.deepEqual(tokens.scopes.toSorted(), ["read:profile", "write:projects"]);
  assert.equal((await client.apiCall("/projects", { json: { name: "Attic" } })).name, "Attic");
});

test("a service gets its own token when it needs one, and a new one when that is refused", async () => {
  const service = new LatchkeyService({
    ...common,
    scopes: ["read:projects"],
    clientId: apps.server.client_id,
    clientSecret: apps.server.secret,
  });
  const call = () => service.apiCall("/projects").catch((error) => error);
  // The example's API shows a user's projects only: it knows the token, and says what is missing.
  assert.deepEqual([(await call()).status, (await call()).code], [403, "insufficient_scope"]);
  const asked = () => platform.asked("/oauth/token").filter(({ body }) => body.includes("client_credentials")).length;
  assert.equal(asked(), 1);
  platform.between = (path, answer) => (path === "/projects" ? new Response(null, { status: 401 }) : answer());
  try {
    assert.equal((await call()).status, 401);
  } finally {
    platform.between = (_path, answer) => answer();
  }
  assert.equal(asked(), 2);
});
