// What the client package must not show: to a log, to a page, to another program on the machine.
import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { inspect } from "node:util";
import { ConfigurationError, itemStorage, kvStorage, LatchkeyClient, memoryStorage } from "@latchkey/client";
import { fileStorage } from "@latchkey/client/node";
import { LatchkeyServerClient, LatchkeyService } from "@latchkey/client/server";
import esbuild from "esbuild";
import { logged } from "../examples/support/stand-in.mjs";
import { API, CALLBACK, callbackOf, ended, newClient, newServer, signedInClient } from "./support/stand_in.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const shown = (value) =>
  `${inspect(value, { depth: Infinity, showHidden: true })} ${value?.stack} ${JSON.stringify(value)}`;

// Covers: B24
test("a client without a server takes no secret, and sends none", async () => {
  for (const name of ["clientSecret", "client_secret", "secret", "privateKey"])
    assert.throws(
      () => new LatchkeyClient({ issuer: "https://a.test", clientId: "a", api: API, [name]: "lks_x" }),
      ConfigurationError,
    );
  const server = await newServer();
  const client = await signedInClient(server);
  await client.refreshAccessToken();
  await client.signOut();
  const sent = [...server.asked("/oauth/token"), ...server.asked("/oauth/revoke")];
  assert.equal(sent.length, 3);
  for (const { form, headers } of sent) {
    assert.equal(form.get("client_id"), "app_planner");
    assert.deepEqual([form.has("client_secret"), headers.get("authorization")], [false, null]);
  }
});

// Covers: B24
test("an app on a server sends its secret in the header, and never what a missing one turns into", async () => {
  const server = await newServer();
  const options = {
    issuer: server.issuer,
    clientId: "app_planner",
    api: API,
    fetch: server.fetch,
    redirectUri: CALLBACK,
  };
  for (const clientSecret of [undefined, null, "", "undefined", "null"]) {
    assert.throws(() => new LatchkeyServerClient({ ...options, clientSecret, session: "s" }), ConfigurationError);
    assert.throws(() => new LatchkeyService({ ...options, clientSecret }), ConfigurationError);
  }
  for (const session of [undefined, ""])
    assert.throws(() => new LatchkeyServerClient({ ...options, clientSecret: "lks_x", session }), ConfigurationError);
  const client = new LatchkeyServerClient({
    ...options,
    clientSecret: "lks_x:y",
    session: "s",
    storage: memoryStorage(),
  });
  await client.exchangeCodeForTokens(callbackOf(server, await client.getAuthorizationUrl()));
  const { form, headers } = server.asked("/oauth/token")[0];
  const parts = atob(headers.get("authorization").slice("Basic ".length)).split(":");
  assert.deepEqual(parts.map(decodeURIComponent), ["app_planner", "lks_x:y"]);
  assert.equal(form.has("client_secret"), false);
});

// Covers: B24
test("the part that takes a secret cannot be bundled for a page, and refuses to run in one", async (t) => {
  const bundle = (contents, platform, conditions) =>
    esbuild.build({
      stdin: { contents, resolveDir: root },
      bundle: true,
      write: false,
      format: "esm",
      platform,
      conditions,
      logLevel: "silent",
    });
  const server = 'export * from "@latchkey/client/server";';
  await assert.rejects(bundle(server, "browser"), /Could not resolve/);
  await assert.rejects(bundle('export * from "@latchkey/client/node";', "browser"), /Could not resolve/);
  assert.ok(
    await bundle(server, "browser", ["workerd", "worker", "browser"]),
    "Workers take it, as wrangler bundles them",
  );
  const [{ text }] = (await bundle('export * from "@latchkey/client";', "browser")).outputFiles;
  // Not even the library's function for it is left in.
  assert.doesNotMatch(text, /clientSecret\b.*Basic|ClientSecretBasic/);
  globalThis.document = {};
  t.after(() => delete globalThis.document);
  const options = { issuer: "https://a.test", clientId: "a", api: API, clientSecret: "lks_x", session: "s" };
  assert.throws(() => new LatchkeyServerClient(options), ConfigurationError);
});

// Covers: B28
test("neither what goes well nor what goes wrong prints anything, and no error or object shows a secret", async () => {
  const SECRETS = ["access-", "refresh-", "code-1", "lks_secret", "MARK"];
  const server = await newServer();
  const values = [];
  const failing = async (attempt) =>
    values.push(
      await attempt.then(
        () => assert.fail("it went well"),
        (error) => error,
      ),
    );
  const lines = await logged(async () => {
    const client = newClient(server);
    const url = await client.getAuthorizationUrl();
    const signIn = await client.exchangeCodeForTokens(callbackOf(server, url));
    values.push(client, signIn, await client.refreshAccessToken());
    values.push(
      new LatchkeyServerClient({
        issuer: server.issuer,
        clientId: "a",
        api: API,
        clientSecret: "lks_secret",
        session: "s",
      }),
    );
    values.push(new LatchkeyService({ issuer: server.issuer, clientId: "a", api: API, clientSecret: "lks_secret" }));
    await failing(client.exchangeCodeForTokens(callbackOf(server, url)));
    // An API that repeats what it was sent, and a page of its framework's.
    server.handlers["/projects"] = ({ headers }) =>
      Response.json({ error: headers.get("authorization"), message: headers.get("authorization") }, { status: 400 });
    await failing(client.apiCall("/projects"));
    server.handlers["/projects"] = ({ headers }) =>
      new Response(`<pre>${headers.get("authorization")}</pre>`, { status: 500 });
    await failing(client.apiCall("/projects"));
    for (const answer of [
      () => Response.json({ access_token: "access-MARK", refresh_token: "refresh-MARK" }),
      () => Response.json({ access_token: "access-MARK", refresh_token: "refresh-MARK", token_type: "mac" }),
      () => Response.json({ access_token: "access-MARK", token_type: "Bearer", expires_in: "soon" }),
      () => Response.json(["access-MARK"]),
      () => Response.json({ error: "invalid_request", error_description: "no", hint: "access-MARK" }, { status: 400 }),
      () => new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="access-MARK"' } }),
      () => new Response(null, { status: 307, headers: { location: "https://evil.test/?access-MARK" } }),
    ]) {
      const next = newClient(server);
      const callback = callbackOf(server, await next.getAuthorizationUrl());
      server.handlers["/oauth/token"] = answer;
      await failing(next.exchangeCodeForTokens(callback));
    }
    server.handlers["/oauth/token"] = ended;
  });
  assert.equal(lines, "");
  const all = values.map(shown);
  for (const secret of SECRETS) for (const text of all) assert.ok(!text.includes(secret), `${secret} in ${text}`);
});

test("a file for tokens is its owner's alone, survives a crash and what others wrote, and loses no change", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "latchkey-client-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "deep", "tokens.json");
  const storage = fileStorage(file);
  assert.equal(await storage.get("a"), undefined);
  await Promise.all(Array.from({ length: 20 }, (_, n) => storage.set(`key-${n}`, String(n))));
  await storage.delete("key-3");
  assert.deepEqual([await storage.get("key-19"), await storage.get("key-3")], ["19", undefined]);
  assert.equal(Object.keys(JSON.parse(await readFile(file, "utf8"))).length, 19);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(path.dirname(file))).mode & 0o777, 0o700);
  await chmod(file, 0o644);
  await storage.set("a", "1");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(path.dirname(file)), ["tokens.json"], "nothing is left beside it");
  for (const text of ["", "{", "[]", "null", "7"]) {
    await writeFile(file, text);
    assert.equal(await fileStorage(file).get("a"), undefined, text);
    await fileStorage(file).set("a", "2");
    assert.equal(await fileStorage(file).get("a"), "2", text);
  }
});

test("each kind of storage gives back what was set, and forgets what was deleted", async () => {
  const map = new Map();
  const life = [];
  const kinds = {
    memory: memoryStorage(),
    "a page's": itemStorage({
      getItem: (key) => map.get(key) ?? null,
      setItem: (key, value) => void map.set(key, value),
      removeItem: (key) => void map.delete(key),
    }),
    "React Native's": itemStorage({
      getItem: async (key) => map.get(key) ?? null,
      setItem: async (key, value) => void map.set(key, value),
      removeItem: async (key) => void map.delete(key),
    }),
    "a Worker's": kvStorage({
      get: async (key) => map.get(key) ?? null,
      put: async (key, value, options) => (life.push(options), map.set(key, value)),
      delete: async (key) => map.delete(key),
    }),
  };
  for (const [kind, storage] of Object.entries(kinds)) {
    map.clear();
    assert.ok((await storage.get("a")) == null, kind);
    await storage.set("a", "1");
    await storage.set("a", "2", 7);
    assert.equal(await storage.get("a"), "2", kind);
    await storage.delete("a");
    assert.ok((await storage.get("a")) == null, kind);
  }
  assert.deepEqual(life, [{}, { expirationTtl: 60 }], "KV takes nothing shorter");
});

test("memory forgets the beginnings of sign-ins that nobody finished", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const storage = memoryStorage();
  storage.set("flow", "1", 10);
  storage.set("tokens", "2");
  t.mock.timers.tick(11_000);
  storage.set("next", "3", 10);
  assert.deepEqual([storage.get("flow"), storage.get("tokens"), storage.get("next")], [undefined, "2", "3"]);
});
