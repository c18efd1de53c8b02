import assert from "node:assert/strict";
import { test } from "node:test";
import mcpServer from "../../examples/mcp-server/src/index.js";
import { surroundings } from "./support/projects-api.mjs";
import { logged } from "./support/stand-in.mjs";

const RESOURCE = "http://mcp.test/mcp";
const METADATA = "http://mcp.test/.well-known/oauth-protected-resource/mcp";
const BOTH = "mcp:read mcp:write";

async function platform() {
  const { latchkey, env } = await surroundings(RESOURCE);
  const call = async (path, { token, ...options } = {}) => {
    const headers = { ...(token !== undefined && { Authorization: `Bearer ${token}` }), ...options.headers };
    const response = await mcpServer.fetch(new Request(`http://mcp.test${path}`, { ...options, headers }), env);
    const text = await response.text();
    const challenge = response.headers.get("WWW-Authenticate");
    return { status: response.status, challenge, text, headers: response.headers, body: text && JSON.parse(text) };
  };
  const token = (claims = {}, ...rest) => latchkey.accessToken({ aud: RESOURCE, scope: BOTH, ...claims }, ...rest);
  const send = (token, message, options = {}) =>
    call(options.path ?? "/mcp", {
      token,
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", ...options.headers },
      body: typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }),
    });
  const use = async (token, name, input = {}) => send(token, { method: "tools/call", params: { name, arguments: input } });
  return { latchkey, env, call, token, send, use };
}

const LIST = { method: "tools/list" };

// Rule: META 18, META 19, META 20, META 22, PRM 1
test("the metadata stands where RFC 9728 puts it and at the root, and names this server letter by letter", async () => {
  const { call, latchkey } = await platform();
  for (const path of ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]) {
    const { status, body } = await call(path);
    assert.equal(status, 200);
    assert.deepEqual(body, {
      resource: RESOURCE,
      resource_name: "Acme Projects for agents",
      authorization_servers: [latchkey.issuer],
      scopes_supported: ["mcp:read", "mcp:write"],
      bearer_methods_supported: ["header"],
    });
  }
  for (const path of ["/.well-known/oauth-protected-resource/other", "/", "/mcp/other"])
    assert.equal((await call(path)).status, 404, path);
});

// Rule: META 21, PRM 5, MCP 7
test("without a token the challenge names the metadata and the least to ask for, whatever the method and the body", async () => {
  const { call, send } = await platform();
  for (const answer of [await send(undefined, LIST), await send(undefined, "{"), await call("/mcp")]) {
    assert.equal(answer.status, 401);
    assert.equal(answer.challenge, `Bearer scope="mcp:read", resource_metadata="${METADATA}"`);
    assert.equal(answer.text, "");
  }
});

const REFUSED = {
  "for the platform's API": ({ token }) => token({ aud: "http://api.test" }),
  "for the origin alone": ({ token }) => token({ aud: "http://mcp.test" }),
  "for a path beside it": ({ token }) => token({ aud: `${RESOURCE}/` }),
  "of another issuer": ({ token }) => token({ iss: "http://evil.test" }),
  "that has expired": ({ token }) => token({ exp: Math.floor(Date.now() / 1000) - 1 }),
  "of another type": ({ token }) => token({}, { typ: "JWT" }),
  "that is none": () => "not.a.token",
};

for (const [name, make] of Object.entries(REFUSED)) {
  test(`a token ${name} is refused, and the agent told what to ask for`, async () => {
    const on = await platform();
    const { status, challenge } = await on.send(await make(on), LIST);
    assert.equal(status, 401);
    assert.match(challenge, /^Bearer error="invalid_token", .*scope="mcp:read", resource_metadata="/);
    assert.equal(on.latchkey.asked("/oauth/introspect").length, 0);
  });
}

test("a token that was taken back is refused at the next call, and without an answer nothing is decided", async () => {
  const { token, send, latchkey } = await platform();
  const good = await token();
  assert.equal((await send(good, LIST)).status, 200);
  latchkey.handlers["/oauth/introspect"] = () => Response.json({ active: false });
  assert.equal((await send(good, LIST)).status, 401);
  latchkey.handlers["/oauth/introspect"] = () => new Response("oops", { status: 500 });
  await logged(async () => assert.equal((await send(good, LIST)).status, 503));
});

// Covers: B32
test("a token in the query or in the body is no token", async () => {
  const { token, send } = await platform();
  const good = await token();
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  assert.equal((await send(undefined, LIST, { path: `/mcp?access_token=${good}` })).status, 401);
  assert.equal((await send(undefined, `access_token=${good}`, { headers })).status, 401);
});

// Covers: R65
// Rule: PRM 6, MCP 7
test("a tool that needs more than the token has names everything that the next token needs", async () => {
  const { token, use } = await platform();
  const reader = await token({ scope: "mcp:read" });
  const { status, challenge } = await use(reader, "create_project", { name: "Shed" });
  assert.equal(status, 403);
  assert.match(challenge, /error="insufficient_scope".* scope="mcp:read mcp:write", resource_metadata="/);
  const writer = await token({ scope: "mcp:write" });
  assert.match((await use(writer, "list_projects")).challenge, /scope="mcp:read mcp:write"/);
  const neither = await token({ scope: "read:projects" });
  assert.match((await use(neither, "create_project", { name: "Shed" })).challenge, /scope="mcp:write"/);
});

test("a permission that was narrowed since the token was signed no longer counts", async () => {
  const { token, use, latchkey } = await platform();
  latchkey.handlers["/oauth/introspect"] = () =>
    Response.json({ active: true, sub: "usr_alice", client_id: "app_planner", scope: "mcp:read" });
  const good = await token();
  assert.equal((await use(good, "create_project", { name: "Shed" })).status, 403);
  assert.equal((await use(good, "list_projects")).status, 200);
});

test("an app's own token reaches nobody's projects", async () => {
  const { token, use } = await platform();
  const { status, challenge } = await use(await token({ sub: "app_planner" }), "list_projects");
  assert.equal(status, 403);
  assert.match(challenge, /insufficient_scope/);
});

test("a batch, which could hide a tool, is refused, and so are too large a body and one that is no JSON", async () => {
  const { token, send } = await platform();
  const good = await token({ scope: "mcp:read" });
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "create_project", arguments: { name: "x" } } };
  assert.equal((await send(good, JSON.stringify([call]))).status, 400);
  assert.equal((await send(good, "{")).status, 400);
  assert.equal((await send(good, JSON.stringify({ ...call, pad: "x".repeat(70_000) }))).status, 413);
});

test("a method of another spelling, and a tool that is none, is answered by the protocol and does nothing", async () => {
  const { token, send, use, env } = await platform();
  const good = await token({ scope: "mcp:read" });
  for (const name of ["Create_project", "toString", "__proto__"]) {
    const { status, body } = await use(good, name);
    assert.equal(status, 200);
    assert.ok(body.error || body.result.isError, name);
  }
  const { body } = await send(good, { method: "Tools/call", params: { name: "create_project", arguments: { name: "x" } } });
  assert.ok(body.error);
  const { n } = env.PROJECTS_DB.database.prepare("SELECT count(*) AS n FROM projects").get();
  assert.equal(n, 4);
});

test("pages of other sites are kept out, and there is neither a stream nor a session", async () => {
  const { token, send, call } = await platform();
  const good = await token();
  for (const origin of ["http://evil.test", "null"])
    assert.equal((await send(good, LIST, { headers: { Origin: origin } })).status, 403, origin);
  assert.equal((await send(good, LIST, { headers: { Origin: "http://mcp.test" } })).status, 200);
  for (const method of ["GET", "DELETE", "PUT"]) {
    const { status, headers } = await call("/mcp", { token: good, method });
    assert.deepEqual([status, headers.get("Allow")], [405, "POST"]);
  }
});

test("the tools read and write the projects of the token's user and of nobody else, and send the token to Latchkey alone", async () => {
  const { token, use, latchkey } = await platform();
  const read = async (sub) => JSON.parse((await use(await token({ sub }), "list_projects")).body.result.content[0].text);
  const names = async (sub) => (await read(sub)).projects.map(({ name }) => name);
  await use(await token(), "create_project", { name: " Shed " });
  assert.deepEqual(await names("usr_alice"), ["Shed", "Garden", "Attic", "Boat"]);
  assert.deepEqual(await names("usr_ben"), ["Secret of Ben"]);
  const counts = await use(await token(), "count_tasks");
  assert.deepEqual(JSON.parse(counts.body.result.content[0].text), { projects: 4, open_tasks: 1, done_tasks: 1 });
  const asked = new Set(latchkey.requests.map(({ path }) => path));
  const latchkeys = ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/oauth/introspect"];
  assert.deepEqual([...asked].sort(), latchkeys);
});

test("what a tool cannot use is refused in the tool's answer, and a broken database tells nothing", async () => {
  const { token, use, env } = await platform();
  const good = await token();
  const BAD = [
    ["create_project", { name: "  " }],
    ["create_project", { name: "x".repeat(101) }],
    ["create_project", { name: "a\u202eb" }],
    ["create_project", {}],
    ["list_projects", { limit: 0 }],
    ["list_projects", { limit: 51 }],
    ["list_projects", { cursor: "1' OR 1=1" }],
  ];
  for (const [name, input] of BAD) {
    const { body } = await use(good, name, input);
    assert.ok(body.error || body.result.isError, `${name} ${JSON.stringify(input)}`);
  }
  env.PROJECTS_DB = { prepare: () => { throw new Error("D1_ERROR: secret detail"); } };
  const log = await logged(async () => {
    const { status, text } = await use(good, "count_tasks");
    assert.equal(status, 200);
    assert.doesNotMatch(text, /secret detail/);
    assert.match(text, /"isError":true/);
  });
  assert.doesNotMatch(log, /secret detail/);
  assert.match(log, /tool_failed/);
});
