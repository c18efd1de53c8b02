// What the package's documents show, run as it stands there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { apps, CALLBACK } from "../workerd/support/platform.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const folder = path.resolve(import.meta.dirname, "../../packages/client");
const home = path.resolve(import.meta.dirname, "../../.local/package-documents");
const platform = await startPlatform();
const person = await platform.newPerson("Garden");

const document = async (name) => (await readFile(path.join(folder, name), "utf8")).split("\n## ");
const firstExample = (section) => /```js\n([\s\S]*?)```/.exec(section)[1];

async function load(t, name, code) {
  await mkdir(home, { recursive: true });
  const file = path.join(home, `${name}-${process.pid}.mjs`);
  await writeFile(file, code);
  t.after(() => rm(file));
  const { fetch } = globalThis;
  globalThis.fetch = platform.fetch;
  t.after(() => (globalThis.fetch = fetch));
  return import(pathToFileURL(file));
}

// As much of a page as an app touches. Where it was sent is in `assigned`.
function beAPage(t, pathname) {
  const items = new Map();
  const address = new URL(pathname, CALLBACK);
  const page = {
    document: {},
    sessionStorage: {
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => items.set(key, value),
      removeItem: (key) => items.delete(key),
    },
    location: {
      get href() {
        return address.href;
      },
      get pathname() {
        return address.pathname;
      },
      assign: (url) => (address.assigned = url),
    },
    history: { state: null, replaceState: (_state, _title, url) => (address.href = String(url)) },
  };
  for (const [name, value] of Object.entries(page))
    Object.defineProperty(globalThis, name, { value, configurable: true });
  t.after(() => Object.keys(page).forEach((name) => delete globalThis[name]));
  return address;
}

test("the first example of the README connects, calls and disconnects", async (t) => {
  const values = {
    "https://auth.example.com": ISSUER,
    app_example: apps.spa.client_id,
    "https://app.example.com/callback": CALLBACK,
    "https://api.example.com": API,
  };
  let code = firstExample(await readFile(path.join(folder, "README.md"), "utf8"));
  for (const [name, value] of Object.entries(values)) {
    assert.ok(code.includes(JSON.stringify(name)), name);
    code = code.replace(JSON.stringify(name), JSON.stringify(value));
  }
  const address = beAPage(t, "/projects");
  const app = await load(t, "readme", code);
  await app.connect();
  address.href = (await decide(person, address.assigned)).href;
  assert.equal(await app.callback(), "/projects");
  assert.equal(address.href, CALLBACK);
  assert.equal((await app.projects()).projects[0].name, "Garden");
  assert.deepEqual(await app.disconnect(), { revoked: true });
});

test("the types are there for the strictest of developers, and forbid what must not be", async (t) => {
  const project = path.join(home, `types-${process.pid}`);
  await mkdir(project, { recursive: true });
  t.after(() => rm(project, { recursive: true }));
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
    ...{ module: "nodenext", target: "es2022", lib: ["es2023", "dom"], types: [], noEmit: true },
  };
  await writeFile(path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const source = `
    import { ApiError, itemStorage, LatchkeyClient, type SignIn, StepUpError, type Tokens } from "@latchkey/client";
    import { LatchkeyServerClient, LatchkeyService } from "@latchkey/client/server";
    const app = { issuer: "https://a.example", clientId: "a", api: "https://b.example" };
    const client = new LatchkeyClient({ ...app, redirectUri: "https://c.example/", storage: itemStorage(localStorage) });
    const signIn: SignIn = await client.exchangeCodeForTokens(location.href);
    const tokens: Tokens | undefined = await client.tokens();
    const projects = await client.apiCall<{ name: string }[]>("/projects", { json: { name: tokens?.scopes[0] } });
    projects[0]?.name.trim();
    try {
      (await client.apiCall("/x"));
    } catch (error) {
      if (error instanceof StepUpError) location.assign(await client.getAuthorizationUrl({ stepUp: error }));
      else if (error instanceof ApiError) error.status.toFixed();
    }
    new LatchkeyServerClient({ ...app, clientSecret: "s", session: "one" });
    new LatchkeyService({ ...app, clientSecret: "s" });
    // @ts-expect-error
    new LatchkeyClient({ ...app, clientSecret: "s" });
    // @ts-expect-error
    new LatchkeyServerClient({ ...app, clientSecret: "s" });
    // @ts-expect-error
    new LatchkeyServerClient({ ...app, session: "one" });
    // @ts-expect-error
    signIn.tokens.refreshToken;
    // @ts-expect-error
    client.apiCall("/x", { redirect: "follow" });
    export {};`;
  await writeFile(path.join(project, "app.mts"), source);
  const tsc = path.resolve(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", project]).catch((error) => error);
  assert.equal(stdout, "");
});

const scopes = ["read:projects"];
const filled = (section, app) => {
  const values = { issuer: ISSUER, client_id: app.client_id, redirect_uri: CALLBACK, api: API, scopes };
  return firstExample(section).replaceAll(/\{\{(\w+)\}\}/g, (_, name) =>
    JSON.stringify(values[name] ?? assert.fail(name)),
  );
};

// Covers: R2
test("the quick start of each type of app works as it stands there, with the app's own ids", async (t) => {
  const sections = Object.fromEntries((await document("quick-start.md")).map((text) => [text.split("\n", 1)[0], text]));
  assert.deepEqual(Object.keys(sections).slice(1), ["web", "spa", "mobile", "server"], "the values of app_type");

  await t.test("web", async (t) => {
    process.env.CLIENT_SECRET = apps.web.secret;
    const app = await load(t, "web", filled(sections.web, apps.web));
    const url = await decide(person, await app.connect("one"));
    await assert.rejects(app.callback("another", url), { code: "unknown_state" });
    await app.callback("one", url);
    assert.equal((await app.call("one", "/projects")).projects[0].name, "Garden");
    await assert.rejects(app.call("another", "/projects"), { code: "no_tokens" });
  });
  await t.test("spa", async (t) => {
    const address = beAPage(t, "/");
    const app = await load(t, "spa", filled(sections.spa, apps.spa));
    await app.connect();
    address.href = (await decide(person, address.assigned)).href;
    await app.callback();
    assert.equal((await app.call("/projects")).projects[0].name, "Garden");
  });
  await t.test("mobile", async (t) => {
    const module = await load(t, "mobile", filled(sections.mobile, apps.mobile));
    const items = new Map();
    const store = {
      getItem: async (key) => items.get(key) ?? null,
      setItem: async (key, value) => items.set(key, value),
      removeItem: async (key) => items.delete(key),
    };
    let opened;
    await module.connect(module.latchkey(store), (url) => (opened = url));
    // The system may have ended the app meanwhile: it begins anew with the link.
    const app = module.latchkey(store);
    await module.callback(app, await decide(person, opened));
    assert.equal((await module.call(app, "/projects")).projects[0].name, "Garden");
  });
  await t.test("server", async (t) => {
    process.env.CLIENT_SECRET = apps.server.secret;
    const app = await load(t, "server", filled(sections.server, apps.server));
    // The example's API has users' projects only; that it names the missing scope shows that it knew the token.
    await assert.rejects(app.call("/projects"), { code: "insufficient_scope", status: 403 });
  });
  delete process.env.CLIENT_SECRET;
});
