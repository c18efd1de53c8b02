// Developers claim agents that nobody registered, on the real Worker: by a document on a server of their own, or by the
// token of a registration.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test, { after } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { newDeveloper } from "./support/developer.mjs";
import { expectTryAgainPage } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { newUser } from "./support/platform.mjs";

const CALLBACK = "http://127.0.0.1/callback";
const MEMBER = `${ISSUER}/developers/apps/claim`;
const latchkey = await startLatchkey();
const { connect, refresh } = oauthClient(latchkey);
const at = { redirect_uri: "http://127.0.0.1:4711/callback" };

// A document that says what `own.says` says, at every path.
async function startAgent() {
  const own = { says: {}, asked: 0 };
  const server = createServer((request, response) => {
    own.asked += 1;
    const document = { client_id: own.id(request.url), client_name: "Nimbus", redirect_uris: [CALLBACK], ...own.says };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  own.id = (path = "/client.json") => `http://127.0.0.1:${server.address().port}${path}`;
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return own;
}

await latchkey.run("INSERT OR IGNORE INTO developers (id, name, created_at) VALUES ('dev_southgate', 'Southgate Tools', 1)");

const ownerOf = async (client_id) => {
  const [app] = await latchkey.rows("SELECT developer_id FROM apps WHERE client_id = ?", client_id);
  return app?.developer_id;
};
const markOf = async ({ call }, client_id, developer_id) => {
  const query = new URLSearchParams({ client_id, ...(developer_id && { developer_id }) });
  const answer = await call("GET", `/apps/claim?${query}`);
  assert.equal(answer.status, 200);
  const { member, value } = await answer.json();
  assert.equal(member, MEMBER);
  return value;
};

test("whoever writes the document claims the app, and its users keep their connections", async () => {
  const agent = await startAgent();
  const [developer, stranger] = [await newDeveloper(latchkey), await newDeveloper(latchkey, "dev_southgate")];
  const client = { client_id: agent.id(), method: "none" };
  const tokens = await connect(await signedIn(latchkey, await newUser(latchkey)), client, at);
  const claim = ({ call }) => call("POST", "/apps/claim", { client_id: agent.id() });
  assert.equal((await claim(developer)).status, 400);
  agent.says = { [MEMBER]: await markOf(stranger, agent.id()) };
  assert.equal((await claim(developer)).status, 400);
  assert.equal(await ownerOf(agent.id()), "dev_unclaimed");
  agent.says = { [MEMBER]: await markOf(developer, agent.id()) };
  const before = agent.asked;
  const claimed = await claim(developer);
  assert.equal(claimed.status, 200);
  assert.equal(agent.asked, before + 1);
  assert.equal(await ownerOf(agent.id()), "dev_northwind");
  assert.equal((await claim(stranger)).status, 400);
  assert.equal((await refresh(client, tokens.refresh_token)).status, 200);
  // From now on the portal says what it is called.
  const path = `/apps/${encodeURIComponent(agent.id())}`;
  assert.equal((await developer.call("PATCH", path, { name: "Nimbus Pro", description: "Acts" })).status, 200);
  const page = await (await signedIn(latchkey, await newUser(latchkey))).authorize(authorizationRequest(client, at).url);
  assert.match(page.source, /Nimbus Pro/);
});

test("of ten who claim one app at once one gets it", async () => {
  const registered = await fetchRegistration();
  const developers = [];
  for (let index = 0; index < 10; index += 1)
    developers.push(await newDeveloper(latchkey, index % 2 ? "dev_northwind" : "dev_southgate"));
  const { client_id, registration_access_token } = registered;
  const answers = await Promise.all(
    developers.map(({ call }) => call("POST", "/apps/claim", { client_id, registration_access_token })),
  );
  const owner = await ownerOf(client_id);
  for (const [index, { status }] of answers.entries()) {
    const account = index % 2 ? "dev_northwind" : "dev_southgate";
    assert.ok(status === 409 || (status === 200 && account === owner), `${account} ${status}`);
  }
  const entries = await latchkey.rows("SELECT event FROM audit WHERE client_id = ? AND event = 'app.claimed'", client_id);
  assert.equal(entries.length, 1);
});

test("the registration token reads on after a claim, and changes nothing", async () => {
  const registered = await fetchRegistration();
  const { client_id, registration_access_token, registration_client_uri } = registered;
  const { call } = await newDeveloper(latchkey);
  assert.equal((await call("POST", "/apps/claim", { client_id, registration_access_token })).status, 200);
  const managed = (method, body) =>
    latchkey.fetch(new URL(registration_client_uri).pathname, {
      method,
      headers: { authorization: `Bearer ${registration_access_token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  assert.equal((await managed("GET")).status, 200);
  assert.equal((await managed("PUT", { client_id, redirect_uris: ["https://evil.dev/cb"] })).status, 403);
  assert.equal((await managed("DELETE")).status, 403);
});

test("while storage is down nothing is half claimed, and the page says to try again", async () => {
  const { client_id, registration_access_token } = await fetchRegistration();
  const { browser } = await newDeveloper(latchkey);
  const page = await browser.open("/developers/apps/claim");
  const csrf = page.forms.find((form) => form.value("csrf")).value("csrf");
  const send = (faults) =>
    browser.request("/developers/apps/claim", {
      method: "POST",
      headers: { origin: ISSUER, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ csrf, client_id, registration_access_token }).toString(),
      faults,
    });
  for (const skip of [0, 1, 2, 3]) {
    await expectTryAgainPage(await send([{ at: "DB", skip, times: 1, fail: "before" }]));
    assert.equal(await ownerOf(client_id), "dev_unclaimed");
  }
  assert.equal((await send([])).status, 303);
});

async function fetchRegistration() {
  const answer = await latchkey.fetch("/oauth/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Agent", redirect_uris: [CALLBACK], token_endpoint_auth_method: "none" }),
  });
  assert.equal(answer.status, 201);
  return answer.json();
}
