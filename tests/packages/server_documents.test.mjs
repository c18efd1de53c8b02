// What the README of @latchkey/server shows, run as it stands there; and its types and its size.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { LatchkeyClient, memoryStorage } from "@latchkey/client";
import { build } from "esbuild";
import { apps, CALLBACK } from "../workerd/support/platform.mjs";
import { nameOf } from "./support/api_server.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const home = path.join(root, ".local/package-documents");
const { fetch: realFetch } = globalThis;

// Covers: R64, R65, R66, B34, B36
test("the first example of the README is an API that shows each user their own rows", async (t) => {
  const platform = await startPlatform();
  await mkdir(home, { recursive: true });
  const database = path.join(home, `projects-${process.pid}.db`);
  const file = path.join(home, `server-${process.pid}.mjs`);
  t.after(() => Promise.all([database, file].map((one) => rm(one))));
  const values = { "https://auth.example.com": ISSUER, "https://api.example.com": API, "projects.db": database };
  let code = /```js\n([\s\S]*?)```/.exec(await readFile(path.join(root, "packages/server/README.md"), "utf8"))[1];
  for (const [name, value] of Object.entries(values)) {
    assert.ok(code.includes(JSON.stringify(name)), name);
    code = code.replace(JSON.stringify(name), JSON.stringify(value));
  }
  await writeFile(file, code);

  const people = await Promise.all(["one", "two"].map(() => platform.newPerson()));
  const rows = new DatabaseSync(database);
  rows.exec("CREATE TABLE projects (user_id TEXT, id TEXT, name TEXT, created_at INTEGER)");
  for (const { username } of people)
    for (let n = 0; n < 30; n += 1)
      rows.prepare("INSERT INTO projects VALUES (?, ?, ?, ?)").run(`usr_${username}`, `${username}-${n}`, `Project ${n}`, n);
  rows.close();

  globalThis.fetch = platform.fetch;
  t.after(() => (globalThis.fetch = realFetch));
  const { app } = await import(pathToFileURL(file));
  const http = createServer(app).listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  // What the app calls at the API's address arrives at the example.
  const fetch = (input, init) => {
    const url = new URL(input);
    if (url.origin !== API) return platform.fetch(input, init);
    return realFetch(`http://127.0.0.1:${http.address().port}${url.pathname}${url.search}`, init);
  };
  for (const { username, browser } of people) {
    const client = new LatchkeyClient({
      ...{ issuer: ISSUER, clientId: apps.spa.client_id, redirectUri: CALLBACK, api: API, fetch },
      ...{ scopes: ["read:projects"], storage: memoryStorage() },
    });
    await client.exchangeCodeForTokens(await decide({ browser }, await client.getAuthorizationUrl()));
    const { projects } = await client.apiCall("/projects?limit=2");
    assert.deepEqual(projects, [29, 28].map((n) => ({ id: `${username}-${n}`, name: `Project ${n}`, created_at: n })));
    assert.equal((await client.apiCall("/projects")).projects.length, 20);
    await assert.rejects(client.apiCall("/projects?limit=all"), { status: 400, code: "invalid_request" });
  }
  const none = await fetch(`${API}/projects`);
  assert.equal(none.status, 401);
  assert.match(none.headers.get("www-authenticate"), /^Bearer resource_metadata="/);
});

// Covers: R66
test("the types are there for the strictest of developers, and forbid what must not be", async (t) => {
  const project = path.join(home, `server-types-${process.pid}`);
  await mkdir(project, { recursive: true });
  t.after(() => rm(project, { recursive: true }));
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
    ...{ module: "nodenext", target: "es2022", lib: ["es2023", "dom", "dom.iterable"], types: [], noEmit: true },
  };
  await writeFile(path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  const source = `
    import { Hono } from "hono";
    import {
      createGuard, expressGuard, fetchGuard, type HonoAuth, honoGuard, scoped, scopeNeeded, userTables, type UserContext,
    } from "@latchkey/server";
    interface Person { name: string }
    const guard = createGuard({
      issuer: "https://a.example", resource: "https://b.example",
      findUser: async (id: string): Promise<Person | undefined> => ({ name: id }),
    });
    const rowsOf = userTables({
      tables: { projects: { user: "user_id", columns: ["id", "name"] } },
      query: (sql, values) => [sql, values],
    });
    const repositoryOf = scoped({ db: 1 }, (database, userId) => ({ all: () => database.db + userId }));
    const { requireScope } = honoGuard(guard);
    new Hono<HonoAuth<UserContext<Person>>>().get("/", requireScope("read"), async (c) => {
      const auth = c.get("auth");
      const name: string = auth.user.name;
      const userId: string = auth.userId;
      return c.json([name, userId, await rowsOf(auth).projects.list({ limit: c.req.query("limit") })]);
    });
    export const worker = {
      fetch: fetchGuard(guard).requireScope("read", async (request, auth, env: { DB: number }) => {
        const row = await rowsOf(auth).projects.find({ id: request.url });
        return Response.json([row?.name, env.DB, repositoryOf(auth).all()]);
      }),
    };
    fetchGuard(guard).requireScope("read", (_request, auth) => new Response(auth.clientId), { by: "app" });
    const auth: UserContext<Person> = expressGuard(guard).authOf({});
    const either = await guard.verify(new Request("https://b.example/"), scopeNeeded("read", "either"));
    if (either.by === "user") rowsOf(either);
    // @ts-expect-error without a context
    rowsOf();
    // @ts-expect-error of nobody in particular
    rowsOf(either);
    // @ts-expect-error an app's own
    repositoryOf(await guard.verify(new Request("https://b.example/"), scopeNeeded("read", "app")));
    // @ts-expect-error no such column
    rowsOf(auth).projects.list({ where: { user_id: "usr_ben" } });
    // @ts-expect-error the owner is not for the route to say
    rowsOf(auth).projects.insert({ id: "a", user_id: "usr_ben" });
    // @ts-expect-error no such table
    rowsOf(auth).tasks;
    // @ts-expect-error no scope
    requireScope();
    // @ts-expect-error by nobody
    scopeNeeded("read", "users");
    // @ts-expect-error no algorithm for tokens
    createGuard({ issuer: "https://a.example", resource: "https://b.example", algorithms: ["HS256"] });
    // @ts-expect-error
    auth.userId = "usr_ben";
    export {};`;
  await writeFile(path.join(project, "api.mts"), source);
  const tsc = path.join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", project]).catch((error) => error);
  assert.equal(stdout, "");
});

test("the entry of the feed that docs/api-servers.md gives as an example is right", async () => {
  const text = await readFile(path.join(root, "docs/api-servers.md"), "utf8");
  const [, kind, id, entry] = /`(\w+)` and `(\w+)` give `([\w-]{16})`/.exec(text);
  assert.equal(entry, nameOf(kind, id));
});

test("it stays small", async () => {
  const { outputFiles } = await build({
    stdin: { contents: 'export * from "@latchkey/server"', resolveDir: root },
    ...{ bundle: true, minify: true, format: "esm", write: false, external: ["jose"] },
  });
  assert.ok(outputFiles[0].contents.length < 25_000, `${outputFiles[0].contents.length} bytes beside jose`);
});
