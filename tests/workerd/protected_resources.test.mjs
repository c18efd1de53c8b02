// MCP servers as APIs: the metadata that lead a client here, one resource however it is written, and permissions that are
// asked for one after another.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test, { after } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectErrorRedirect, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, newUser } from "./support/platform.mjs";

const ROOT = "https://mcp.example";
const TOOLS = "https://tools.example/mcp";
const LOCAL = "http://localhost:3999/mcp";
const METADATA = "/oauth/resource-metadata";

const latchkey = await startLatchkey({ vars: { LOCAL_RESOURCES: `${LOCAL}=${TOOLS}` } });
const { redeem, refresh, tokens, introspect, token } = oauthClient(latchkey);
for (const [id, resource, name, scopes] of [
  ["api_mcp", ROOT, "Notes", { "notes:read": 0, "notes:write": 0, "notes:delete": 1 }],
  ["api_tools", TOOLS, "Tools", { "tools:run": 0 }],
]) {
  await latchkey.run("INSERT INTO apis (id, resource, name, created_at) VALUES (?, ?, ?, 1)", id, resource, name);
  for (const [scope, sensitive] of Object.entries(scopes))
    await latchkey.run(
      "INSERT INTO scopes (name, api_id, title, description, sensitive) VALUES (?1, ?2, 'Title of ' || ?1, 'Use ' || ?1, ?3)",
      scope,
      id,
      sensitive,
    );
  const grant = "INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('*', ?, 'user', 'all')";
  await latchkey.run(grant, id);
}

const metadataOf = (resource) => latchkey.fetch(`${METADATA}?resource=${encodeURIComponent(resource)}`);

// An agent that nobody registered: its client id is the address of its document.
const agent = createServer((request, response) => {
  const client_id = `http://127.0.0.1:${agent.address().port}${request.url}`;
  const document = { client_id, client_name: "Nimbus", redirect_uris: ["http://127.0.0.1/callback"] };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
});
agent.listen(0, "127.0.0.1");
await once(agent, "listening");
after(() => {
  agent.closeAllConnections();
  agent.close();
});
const client = { client_id: `http://127.0.0.1:${agent.address().port}/client.json`, method: "none" };
const someone = async () => signedIn(latchkey, await newUser(latchkey));

// From the link to tokens, `resource` named in both requests.
async function connect(browser, resource, parameters = {}) {
  const flow = await browser.connect(client, { resource, ...parameters });
  assert.equal(flow.iss, ISSUER);
  return { page: flow, ...(await tokens(await redeem(flow, { resource }))) };
}

// Rule: PRM 2, PRM 3, PRM 4, MCP 1
test("the metadata of an API are read in one trip by scripts of any site, under the name they are asked for by", async () => {
  for (const resource of [ROOT, `${ROOT}/`]) {
    const answer = await metadataOf(resource);
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.clone().json(), {
      resource,
      resource_name: "Notes",
      authorization_servers: [ISSUER],
      scopes_supported: ["notes:read", "notes:write"],
      bearer_methods_supported: ["header"],
    });
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.match(answer.headers.get("cache-control"), /^public, max-age=\d+$/);
    const { depth, ...made } = trips(answer);
    assert.deepEqual([depth, made], [1, { "DB.batch": 1 }]);
  }
  const preflight = await latchkey.fetch(`${METADATA}?resource=x`, { method: "OPTIONS" });
  assert.match(preflight.headers.get("access-control-allow-headers"), /MCP-Protocol-Version/);
  const [server] = (await (await metadataOf(TOOLS)).json()).authorization_servers;
  const found = await (await latchkey.fetch(`${server}/.well-known/oauth-authorization-server`)).json();
  assert.equal(found.issuer, server);
});

// Rule: PRM 2
test("an unknown API is 404, a query about anything else 400, and while storage is down 503", async () => {
  for (const unknown of [`${ROOT}/mcp`, `${ROOT}//`, "https://tools.example", `${TOOLS}/`, "http://mcp.example"]) {
    const answer = await metadataOf(unknown);
    assert.equal(answer.status, 404, unknown);
    assert.match(answer.headers.get("cache-control"), /no-store/);
  }
  const named = `resource=${encodeURIComponent(ROOT)}`;
  for (const query of ["", named.replace("resource", "r"), `${named}&${named}`, `${named}&a=b`, "resource=mcp"])
    assert.equal((await latchkey.fetch(`${METADATA}?${query}`)).status, 400, query);
  const down = await latchkey.fetch(`${METADATA}?${named}`, { faults: [{ at: "DB", times: 9, fail: "before" }] });
  assert.deepEqual([down.status, down.headers.get("retry-after")], [503, "1"]);
  assert.equal((await metadataOf(ROOT)).status, 200);
});

// Covers: R3, R63
// Rule: RES 4, MCP 2, MCP 3, MCP 4, MCP 5
test("an agent names the root with a slash or without, and its tokens are for the API as it is registered", async () => {
  for (const [asked, again] of [
    [ROOT, `${ROOT}/`],
    [`${ROOT}/`, ROOT],
  ]) {
    const { access_token, refresh_token } = await connect(await someone(), asked, { scope: "notes:read" });
    assert.equal(claimsOf(access_token).aud, ROOT);
    const renewed = await tokens(await refresh(client, refresh_token, { resource: again }));
    assert.equal(claimsOf(renewed.access_token).aud, ROOT);
  }
  const browser = await someone();
  for (const resource of ["https://nosuch.example", `${ROOT}/v1`, `${TOOLS}/`]) {
    const refused = await browser.request(authorizationRequest(client, { resource, scope: undefined, state: "s" }).url);
    expectErrorRedirect(refused, { redirect_uri: "http://127.0.0.1:53682/callback", error: "invalid_target", state: "s" });
    const flow = await browser.connect(client, { resource: ROOT, scope: "notes:read" });
    await expectRefusal(await redeem(flow, { resource }), "invalid_target", 400);
  }
});

// Rule: MCP 6
test("an agent that asks for more is asked about what is new, and its installs stay apart", async () => {
  const browser = await someone();
  const before = await connect(browser, ROOT, { scope: "notes:read" });
  const other = await connect(browser, ROOT, { scope: "notes:read" });
  // What the 403 named, and what it had.
  const { url, ...flow } = authorizationRequest(client, { resource: ROOT, scope: "notes:read notes:delete" });
  const page = await browser.authorize(url);
  const [asked, already] = [page.source.indexOf("Use notes:delete"), page.source.indexOf("Use notes:read")];
  const heading = page.source.indexOf('<h2 class="quiet">');
  assert.ok(asked > 0 && asked < heading && heading < already, page.source);
  assert.equal(page.source.split("Use notes:").length, 3, "nothing else is on the page");
  const { leaves } = await browser.allow(page);
  const code = leaves.searchParams.get("code");
  const more = await tokens(await redeem({ ...flow, code }, { resource: ROOT }));
  assert.equal(claimsOf(more.access_token).scope, "notes:delete notes:read");
  // Nobody else's tokens have grown.
  const renewed = await tokens(await refresh(client, other.refresh_token, { resource: ROOT }));
  assert.equal(claimsOf(renewed.access_token).scope, "notes:read");
  const beyond = await refresh(client, before.refresh_token, { resource: ROOT, scope: "notes:read notes:delete" });
  await expectRefusal(beyond, "invalid_scope", 400);
  // One install is taken back: the last one.
  await browser.disconnect();
  await expectRefusal(await refresh(client, more.refresh_token), "invalid_grant", 400);
  assert.equal((await refresh(client, before.refresh_token)).status, 200);
});

// Rule: STEPUP 1
test("an agent whose user has to sign in anew gets a token that tells when, and introspection tells it too", async () => {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const { credential, resource } = apis.projects;
  const first = await connect(browser, resource, { scope: "read:projects" });
  const { url, ...flow } = authorizationRequest(client, { resource, scope: "read:projects", max_age: "0" });
  const login = await browser.authorize(url);
  assert.equal(login.url.pathname, "/login");
  const page = await browser.submit(login.forms[0], { fields: { username } });
  const { leaves } = await browser.allow(page);
  const stronger = await tokens(await redeem({ ...flow, code: leaves.searchParams.get("code") }, { resource }));
  const { auth_time } = claimsOf(stronger.access_token);
  assert.ok(auth_time >= claimsOf(first.access_token).auth_time);
  assert.equal((await (await introspect(credential, stronger.access_token)).json()).auth_time, auth_time);
  const renewed = await tokens(await refresh(client, stronger.refresh_token));
  assert.equal(claimsOf(renewed.access_token).auth_time, auth_time);
});

test("a local address stands for its API from the metadata to the token, and for no other", async () => {
  const metadata = await (await metadataOf(LOCAL)).json();
  assert.deepEqual([metadata.resource, metadata.scopes_supported], [LOCAL, ["tools:run"]]);
  const { access_token, refresh_token } = await connect(await someone(), LOCAL, { scope: "tools:run" });
  assert.deepEqual(claimsOf(access_token).aud, [TOOLS, LOCAL]);
  const renewed = await tokens(await refresh(client, refresh_token, { resource: LOCAL }));
  assert.deepEqual(claimsOf(renewed.access_token).aud, [TOOLS, LOCAL]);
  await expectRefusal(await refresh(client, renewed.refresh_token, { resource: ROOT }), "invalid_target", 400);
  assert.equal((await metadataOf("http://localhost:4000/mcp")).status, 404);
  const machine = await token(client, { grant_type: "client_credentials", resource: LOCAL });
  await expectRefusal(machine, "unauthorized_client", 400);
});

// Rule: META 18, META 21
test("this server's own API has metadata at its well-known place, and its challenge names them", async () => {
  const refused = await latchkey.fetch("/api/developer/apps");
  assert.equal(refused.status, 401);
  const [, address] = /^Bearer resource_metadata="([^"]+)"$/.exec(refused.headers.get("www-authenticate"));
  const metadata = await (await latchkey.fetch(address)).json();
  assert.deepEqual([metadata.resource, metadata.authorization_servers], [`${ISSUER}/api`, [ISSUER]]);
});
