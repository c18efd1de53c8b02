// Agents as the MCP SDK makes them, against the MCP server of examples/: nothing is configured but its resource.
import { startHttpsHost } from "./support/https_host.mjs";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, AgentProvider } from "./support/agent.mjs";
import { signedIn } from "./support/browser.mjs";
import { startMcpServer } from "./support/mcp.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const site = await startHttpsHost((request, response) => {
  const document = {
    client_id: site.origin + request.url,
    client_name: "Nimbus",
    redirect_uris: ["http://127.0.0.1/callback"],
    token_endpoint_auth_method: "none",
  };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
});
const mcp = await startMcpServer({ DYNAMIC_REGISTRATION: "open" });
const { resource } = mcp;

// Somebody's laptop: { agent, kept, asked, browser }. `asked` are the scopes of each consent page.
async function laptop({ browser, document = "/nimbus.json", port = 4711 } = {}) {
  browser ??= await signedIn(mcp.latchkey, await newUser(mcp.latchkey));
  const own = { kept: {}, asked: [], browser };
  const provider = new AgentProvider({
    kept: own.kept,
    redirectUrl: `http://127.0.0.1:${port}/callback`,
    clientMetadataUrl: document && site.origin + document,
    async show(url) {
      own.asked.push(url.searchParams.get("scope"));
      const page = await browser.authorize(url);
      assert.equal(page.status, 200, page.source);
      return (await browser.allow(page)).leaves;
    },
  });
  own.agent = new Agent(resource, provider);
  own.provider = provider;
  return own;
}

const textOf = ({ content, isError }) => {
  assert.ok(!isError, content[0].text);
  return JSON.parse(content[0].text);
};
const list = async ({ agent }) => textOf(await agent.callTool("list_projects")).projects.map(({ name }) => name);
const create = async ({ agent }, name) => textOf(await agent.callTool("create_project", { name }));
const connections = async ({ browser }) => (await browser.request("/api/user/connected-apps")).json();

// The table holds no such short lives: for tests alone.
const tokensLive = (seconds) =>
  mcp.latchkey.db.batch(
    ["PRAGMA ignore_check_constraints = ON", `UPDATE apis SET access_token_lifetime = ${seconds} WHERE id = 'api_mcp'`].map(
      (sql) => mcp.latchkey.db.prepare(sql),
    ),
  );

// Covers: R3, R63, R64, R65
// Rule: MCP 1, MCP 2, MCP 3
test("an agent that nobody knows connects by its document, is refreshed in silence, asks for more only when a tool needs it, and asks again once it was taken back", async () => {
  await tokensLive(4);
  const own = await laptop({ document: "/journey.json" });
  assert.deepEqual(await list(own), []);
  assert.deepEqual(own.asked, ["mcp:read"]);
  assert.deepEqual(site.asked.splice(0), ["/journey.json"]);
  const claims = claimsOf(own.kept.tokens.access_token);
  assert.deepEqual([claims.client_id, claims.aud], [`${site.origin}/journey.json`, resource]);

  const first = own.kept.tokens;
  await tokensLive(3600);
  await sleep(4500);
  assert.deepEqual(await list(own), []);
  assert.notEqual(own.kept.tokens.access_token, first.access_token);
  assert.notEqual(own.kept.tokens.refresh_token, first.refresh_token);
  assert.equal(own.asked.length, 1, "nobody was asked for a refresh");

  const earlier = own.kept.tokens;
  assert.equal((await create(own, "Shed")).name, "Shed");
  assert.deepEqual(own.asked, ["mcp:read", "mcp:read mcp:write"]);
  assert.deepEqual(await list(own), ["Shed"]);
  const { refresh } = oauthClient(mcp.latchkey);
  const client = { client_id: claims.client_id, method: "none" };
  assert.equal((await refresh(client, earlier.refresh_token)).status, 400, "the agent has ended what it had before");

  await own.browser.disconnect();
  assert.deepEqual(await list(own), ["Shed"]);
  assert.deepEqual(own.asked.slice(2), ["mcp:read"]);
  await own.agent.close();
});

// Covers: R63
test("of two laptops with the same client id the user disconnects one, and the other goes on", async () => {
  const first = await laptop();
  const second = await laptop({ browser: first.browser, port: 52000 });
  await list(first);
  await list(second);
  assert.equal(first.kept.client.client_id, second.kept.client.client_id);
  const both = await connections(first);
  assert.equal(both.length, 2);
  // The newest.
  await first.browser.disconnect();
  first.provider.show = second.provider.show = () => assert.fail("the user is asked again");
  assert.deepEqual(await list(first), []);
  await assert.rejects(list(second), /the user is asked again/);
  assert.equal((await connections(first)).length, 1);
});

// Rule: MCP 4
test("a token is good at the one server it was asked for: at no other API, and from no other API, and not in the query", async () => {
  const own = await laptop();
  await list(own);
  const { access_token } = own.kept.tokens;
  const { introspect, redeem, tokens } = oauthClient(mcp.latchkey);
  const call = (token, query = "") =>
    fetch(resource + query, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    });
  assert.equal((await call(access_token)).status, 200);
  assert.equal((await call(undefined, `?access_token=${access_token}`)).status, 401);
  const answer = await introspect(apis.projects.credential, access_token);
  assert.deepEqual(await answer.json(), { active: false });
  const { url, ...flow } = authorizationRequest(apps.spa);
  const { leaves } = await own.browser.allow(await own.browser.authorize(new URL(url).pathname + new URL(url).search));
  const elsewhere = await tokens(await redeem({ ...flow, code: leaves.searchParams.get("code") }));
  const refused = await call(elsewhere.access_token);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate"), /error="invalid_token"/);
});

// Covers: R61
test("where documents are switched off the same agent registers itself, and where nothing is open it is told so", async () => {
  await mcp.restartLatchkey({ METADATA_DOCUMENTS: "off", DYNAMIC_REGISTRATION: "open" });
  site.asked.length = 0;
  const own = await laptop();
  assert.deepEqual(await list(own), []);
  assert.match(own.kept.client.client_id, /^app_/);
  // It has registered with the scope of the first answer, as the SDK does.
  assert.equal((await create(own, "Shed")).name, "Shed");
  assert.deepEqual(site.asked, []);

  await mcp.restartLatchkey({ METADATA_DOCUMENTS: "off", DYNAMIC_REGISTRATION: "off" });
  assert.deepEqual(await list(own), ["Shed"], "who has registered stays");
  const late = await laptop();
  await assert.rejects(list(late), /does not support dynamic client registration/);
  assert.deepEqual([late.asked, late.kept.client], [[], undefined]);
});

test("the page for agent developers shows the code that is tried here", async () => {
  const [docs, code] = await Promise.all(
    ["../../docs/agents.md", "./support/agent.mjs"].map((file) => readFile(new URL(file, import.meta.url), "utf8")),
  );
  assert.ok(docs.includes(`\`\`\`js\n${code}\`\`\`\n`));
});
