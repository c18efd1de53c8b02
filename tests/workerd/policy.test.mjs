import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, newApp } from "./support/platform.mjs";

const secrets = { FIRST_ADMINISTRATOR: "con_first alice" };
const latchkey = await startLatchkey({ secrets });
const { token, tokens } = oauthClient(latchkey);
await latchkey.run(
  `INSERT INTO connections (id, kind, name, issuer, client_id, created_at)
   VALUES ('con_first', 'oidc', 'First', 'https://id.example', 'latchkey', 1)`,
);
await latchkey.run(
  `INSERT INTO user_identities (issuer, subject, user_id, connection_id, created_at)
   VALUES ('https://id.example', 'alice', 'usr_alice', 'con_first', 1)`,
);
const alice = await signedIn(latchkey);
await latchkey.runSchedule();

const RESOURCE = `${ISSUER}/api`;
const ADMIN = "latchkey:admin latchkey:admin:read";

async function call(browser, method, path, body) {
  const init = { method, headers: { origin: ISSUER } };
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await browser.request(path, init);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) };
}
const grantPath = (api, client, subject) => `/api/admin/apis/${api}/grants/${client}/${subject}`;
const ask = (client, fields) => token(client, { grant_type: "client_credentials", ...fields });
const bearer = (access_token) => ({ headers: { authorization: `Bearer ${access_token}` } });

test("whom FIRST_ADMINISTRATOR names administers at once, and nobody else does", async () => {
  const ben = await signedIn(latchkey, "ben");
  assert.equal((await call(ben, "GET", "/api/admin/roles")).status, 403);
  assert.equal((await call(ben, "POST", "/api/admin/roles", { user: "ben", role: "administrator" })).status, 403);
  assert.equal((await call(alice, "GET", "/api/admin/roles")).status, 200);
  assert.equal((await call(alice, "POST", "/api/admin/roles", { user: "ben", role: "reviewer" })).status, 201);
  assert.equal((await alice.open("/admin/policy/roles")).status, 200);
});

// Covers: R25, R58
test("an app of the operator administers by client_credentials once it is granted the management API", async () => {
  const made = await call(alice, "POST", "/api/admin/apps", {
    developer_id: "dev_northwind",
    name: "Nightly",
    description: "Reads the policy every night",
    app_type: "server",
    status: "approved",
    scopes: ADMIN.split(" "),
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const client = { client_id: made.body.client_id, secret: made.body.client_secret, method: "basic" };
  const granted = await call(alice, "PUT", grantPath("api_latchkey", client.client_id, "client"), {
    access: "chosen",
    scopes: ["latchkey:admin:read"],
  });
  assert.equal(granted.status, 201, JSON.stringify(granted.body));
  const { access_token } = await tokens(await ask(client, { resource: RESOURCE }));
  const { aud, scope, exp, iat } = claimsOf(access_token);
  assert.deepEqual([aud, scope, exp - iat], [RESOURCE, "latchkey:admin:read", 600]);
  const list = await latchkey.fetch("/api/admin/apis", bearer(access_token));
  assert.equal(list.status, 200);
  assert.ok((await list.json()).items.some(({ id }) => id === "api_latchkey"));
  const change = await latchkey.fetch("/api/admin/scopes", { method: "POST", ...bearer(access_token) });
  assert.equal(change.status, 403, "it may read only");
});

// Covers: R57
test("without a grant the management API is for no app, and it is granted to no third-party app", async () => {
  for (const changes of [{ class: "operator" }, { class: "portal" }]) {
    const app = await newApp(latchkey, { ...changes, app_type: "server", scopes: ADMIN.split(" ") });
    await expectRefusal(await ask(app, { resource: RESOURCE }), "unauthorized_client");
    if (changes.class === "operator") continue;
    for (const client of [app.client_id, "default"])
      for (const subject of ["client", "user"]) {
        const refused = await call(alice, "PUT", grantPath("api_latchkey", client, subject), { access: "all" });
        assert.equal(refused.status, 409, `${client} ${subject}`);
      }
  }
});

test("a token for another API opens nothing here", async () => {
  const app = await newApp(latchkey, {
    class: "operator",
    app_type: "server",
    grants: [{ api: apis.projects.id, subject_type: "client", access: "all" }],
  });
  const { access_token } = await tokens(await ask(app));
  assert.equal((await latchkey.fetch("/api/admin/apis", bearer(access_token))).status, 401);
});

// Covers: R58, R59, R60
test("at the token endpoint the app's own grant beats the default, and nothing goes beyond what it registered", async () => {
  const registered = ["read:profile", "read:team"];
  const rows = {
    absent: [undefined, []],
    none: [{ access: "none" }, []],
    all: [{ access: "all" }, registered],
    chosen: [{ access: "chosen", scopes: ["read:team", "write:projects"] }, ["read:team"]],
  };
  for (const [defaultName, [asDefault, byDefault]] of Object.entries(rows)) {
    const target = grantPath(apis.projects.id, "default", "client");
    await call(alice, asDefault ? "PUT" : "DELETE", target, asDefault);
    for (const [ownName, [own, byOwn]] of Object.entries(rows)) {
      const app = await newApp(latchkey, { app_type: "server", scopes: registered });
      if (own) assert.equal((await call(alice, "PUT", grantPath(apis.projects.id, app.client_id, "client"), own)).status, 201);
      const expected = own ? byOwn : byDefault;
      const answer = await ask(app);
      if (expected.length === 0) await expectRefusal(answer, "unauthorized_client");
      else assert.equal((await tokens(answer)).scope, expected.join(" "), `${ownName} over ${defaultName}`);
    }
  }
  await call(alice, "DELETE", grantPath(apis.projects.id, "default", "client"));
});

test("an API made here answers to its credential at introspection, until that is deleted", async () => {
  const resource = "https://made-here.example";
  const made = await call(alice, "POST", "/api/admin/apis", { resource, name: "Made here" });
  const path = `/api/admin/apis/${made.body.id}/credentials`;
  const credential = (await call(alice, "POST", path, {})).body;
  const { introspect } = oauthClient(latchkey);
  const caller = { client_id: credential.id, secret: credential.secret, method: "basic" };
  const seen = await introspect(caller, "nonsense");
  assert.deepEqual([seen.status, await seen.json()], [200, { active: false }]);
  assert.equal((await call(alice, "DELETE", `${path}/${credential.id}`)).status, 204);
  assert.equal((await call(alice, "DELETE", `/api/admin/apis/${made.body.id}`)).status, 204);
});

test("a page has the looks of the variables where storage is out of reach", async () => {
  const fresh = await startLatchkey();
  const page = await fresh.fetch("/", { faults: [{ at: "DB", fail: "before" }] });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /Acme Projects/);
});

test("branding is on the first page of an isolate, and costs the next ones no trip", async () => {
  const fresh = await startLatchkey();
  await fresh.run(
    `INSERT INTO settings (name, value, updated_at)
     VALUES ('branding', '{"platform_name":"Nova","accent_color":"#aa0000","logo":null}', 1)`,
  );
  const browser = new Browser(fresh);
  assert.match(await (await browser.request("/")).text(), /Nova/);
  const next = await browser.request("/");
  assert.equal(trips(next).depth, 0);
  const [, sheet] = /href="(\/assets\/style\.css\?\d+)"/.exec(await next.text());
  const css = await browser.request(sheet);
  assert.match(await css.text(), /--accent: #aa0000/);
  assert.match(css.headers.get("cache-control"), /max-age=86400/);
});

test("route rules are set by the API, made out of a document only when they are saved, and hold a scope back from deletion", async () => {
  const made = await call(alice, "POST", "/api/admin/apis", { resource: "https://routes.example", name: "Routes" });
  const path = `/api/admin/apis/${made.body.id}/routes`;
  const scope = { name: "read:routes", api_id: made.body.id, title: "Read", description: "Read it" };
  assert.equal((await call(alice, "POST", "/api/admin/scopes", scope)).status, 201);
  const security = [{ oauth: [scope.name] }];
  const components = { securitySchemes: { oauth: { type: "oauth2", flows: {} } } };
  // A large one: more than other bodies may have.
  const description = "x".repeat(300_000);
  const paths = { "/a/{id}": { get: { security, description } }, "/b": { get: {} } };
  const imported = await call(alice, "POST", `${path}/import`, { document: { openapi: "3.1.0", paths, components } });
  assert.equal(imported.status, 200, JSON.stringify(imported.body));
  const rules = [{ methods: ["GET"], path: "/a/{id}", scopes: [scope.name] }];
  assert.deepEqual(imported.body.rules, rules);
  assert.equal(imported.body.undecided[0].operation, "GET /b");
  assert.deepEqual((await call(alice, "GET", path)).body, { rules: [], version: 1 });

  const set = await call(alice, "PUT", path, { rules });
  assert.deepEqual([set.status, set.headers.get("etag"), set.body], [200, '"2"', { rules, version: 2 }]);
  const tried = await call(alice, "GET", `${path}/match?method=HEAD&path=/A/7`);
  assert.deepEqual(tried.body, { outcome: "token", route: "/a/{id}", scopes: [scope.name] });
  const kept = await call(alice, "DELETE", `/api/admin/scopes/${scope.name}`);
  assert.equal(kept.status, 409);
  assert.match(kept.body.message, /GET \/a\/\{id\}$/);
  assert.equal((await call(alice, "PUT", path, { rules: [] })).status, 200);
  assert.equal((await call(alice, "DELETE", `/api/admin/scopes/${scope.name}`)).status, 204);
  const tooLarge = await call(alice, "POST", `${path}/import`, { document: { description: "x".repeat(1_100_000) } });
  assert.equal(tooLarge.status, 413);
});
