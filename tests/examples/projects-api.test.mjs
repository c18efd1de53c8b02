import assert from "node:assert/strict";
import { test } from "node:test";
import { platform, RESOURCE } from "./support/projects-api.mjs";
import { logged } from "./support/stand-in.mjs";

// Covers: B31
test("an app's own token is no user: 403 on user routes, numbers only elsewhere", async () => {
  const { call, create, latchkey } = await platform();
  const scope = "read:projects write:projects read:profile read:analytics";
  for (const sub of ["app_planner", "usr_planner"]) {
    // The second would be an app that managed to look like a user.
    const token = await latchkey.accessToken({ sub, client_id: sub, scope });
    for (const path of ["/projects", "/projects/prj_aaaaaaaaaaaaaaaaaaaaaaaaaa", "/profile"]) {
      assert.equal((await call(path, { token })).status, 403, path);
    }
    assert.equal((await create(token, '{"name":"x"}')).status, 403);
    assert.deepEqual((await call("/analytics", { token })).body, { projects: 4, open_tasks: 2, done_tasks: 1 });
  }
});

// Covers: R66, B34
test("every answer holds the rows of the token's user and of nobody else", async () => {
  const { call, create, latchkey } = await platform();
  const scope = "read:projects write:projects read:profile read:analytics";
  const alice = await latchkey.accessToken({ scope });
  const ben = await latchkey.accessToken({ scope, sub: "usr_ben" });
  const names = async (token) =>
    (await call("/projects?limit=50&user_id=usr_ben", { token })).body.projects.map(({ name }) => name);
  assert.deepEqual(await names(alice), ["Garden", "Attic", "Boat"]);
  assert.deepEqual(await names(ben), ["Secret of Ben"]);
  assert.equal((await call("/projects/prj_dddddddddddddddddddddddddd", { token: alice })).status, 404);
  assert.equal((await call("/projects/prj_dddddddddddddddddddddddddd", { token: ben })).body.name, "Secret of Ben");
  assert.equal((await call("/profile", { token: ben })).body.name, "Ben");
  assert.deepEqual((await call("/analytics", { token: alice })).body, { projects: 3, open_tasks: 1, done_tasks: 1 });
  assert.equal((await create(alice, '{"name":"Mine","user_id":"usr_ben"}')).status, 201);
  assert.deepEqual(await names(ben), ["Secret of Ben"]);
  assert.equal((await names(alice))[0], "Mine");
});

// Covers: B36
test("answers name neither users nor apps", async () => {
  const { call, create, latchkey } = await platform();
  const token = await latchkey.accessToken({ scope: "read:projects write:projects read:profile read:analytics" });
  const answers = [
    await call("/projects", { token }),
    await call("/profile", { token }),
    await call("/analytics", { token }),
    await call("/projects/prj_aaaaaaaaaaaaaaaaaaaaaaaaaa", { token }),
    await create(token, '{"name":"New"}'),
  ];
  for (const { text, response } of answers) {
    assert.ok(response.ok);
    assert.doesNotMatch(text, /usr_|app_|user_id|app_name|client/);
    assert.equal(response.headers.get("Cache-Control"), "no-store");
  }
  assert.deepEqual(answers[3].body, {
    id: "prj_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    name: "Garden",
    created_at: "1970-01-01T00:00:03.000Z",
    tasks: [
      { title: "Dig", done: true },
      { title: "Water", done: false },
    ],
  });
});

// Covers: B34
test("lists come in pages: the limit counts, is capped, and every project comes once", async () => {
  const { call, env, latchkey } = await platform();
  const token = await latchkey.accessToken();
  const seen = [];
  let cursor = "";
  do {
    const { body } = await call(`/projects?limit=1${cursor && `&cursor=${cursor}`}`, { token });
    assert.equal(body.projects.length, 1);
    seen.push(body.projects[0].name);
    cursor = body.next_cursor;
  } while (cursor);
  assert.deepEqual(seen, ["Garden", "Attic", "Boat"]);

  env.PROJECTS_DB.database.exec(`
    WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
    INSERT INTO projects SELECT 'usr_alice', 'prj_' || i, 'Project ' || i, i FROM n`);
  assert.equal((await call("/projects", { token })).body.projects.length, 20);
  assert.equal((await call("/projects?limit=100000", { token })).body.projects.length, 50);
  for (const query of ["limit=0", "limit=-1", "limit=abc", "limit=", "cursor=x", "cursor=1.prj_' OR 1", "cursor="]) {
    assert.equal((await call(`/projects?${query}`, { token })).status, 400, query);
  }
});

test("a new project needs a proper name in proper JSON", async () => {
  const { create, latchkey } = await platform();
  const token = await latchkey.accessToken();
  const made = await create(token, JSON.stringify({ name: '  Ōsaka <b>&" 🚲 ' }), {
    "Content-Type": "Application/JSON; charset=utf-8",
  });
  assert.equal(made.status, 201);
  assert.equal(made.body.name, 'Ōsaka <b>&" 🚲');
  assert.equal(made.response.headers.get("Location"), `/projects/${made.body.id}`);
  for (const body of [
    "",
    "null",
    "[]",
    '"x"',
    "{",
    "{}",
    '{"name":1}',
    '{"name":" "}',
    '{"name":"a\\nb"}',
    '{"name":"\\u202ex"}',
    JSON.stringify({ name: "x".repeat(101) }),
  ]) {
    assert.equal((await create(token, body)).status, 400, body);
  }
  assert.equal((await create(token, '{"name":"x"}', { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await create(token, JSON.stringify({ name: "x".repeat(5000) }))).status, 413);
});

test("unknown addresses and methods, and a browser's preflight, are answered without a token", async () => {
  const { call } = await platform();
  assert.equal((await call("/nothing")).status, 404);
  const { status, response } = await call("/projects", { method: "DELETE" });
  assert.equal(status, 405);
  assert.equal(response.headers.get("Allow"), "GET, POST");
  const preflight = await call("/projects", { method: "OPTIONS" });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.response.headers.get("Access-Control-Allow-Origin"), "*");
});

// Covers: B30
test("the resource says who issues its tokens (RFC 9728)", async () => {
  const { call, latchkey } = await platform();
  const { body } = await call("/.well-known/oauth-protected-resource");
  assert.equal(body.resource, RESOURCE);
  assert.deepEqual(body.authorization_servers, [latchkey.issuer]);
  assert.deepEqual(body.bearer_methods_supported, ["header"]);
  assert.ok(body.scopes_supported.includes("read:projects"));
});

test("a database out of reach is 503, and an error shows nothing of itself", async () => {
  const { call, env, latchkey } = await platform();
  const token = await latchkey.accessToken();
  const fail = (message) => {
    env.PROJECTS_DB = {
      prepare() {
        throw new Error(message);
      },
    };
  };
  const log = await logged(async () => {
    fail("D1_ERROR: no such table usr_alice");
    assert.equal((await call("/projects", { token })).status, 503);
    fail("secret detail");
    const { status, text } = await call("/projects", { token });
    assert.equal(status, 500);
    assert.doesNotMatch(text, /secret/);
  });
  assert.doesNotMatch(log, /secret|usr_alice/);
});
