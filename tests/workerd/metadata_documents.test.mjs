// Agents that nobody registered: their client id is the address of a document, on a server of their own that answers
// rightly, slowly, wrongly or not at all.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectErrorRedirect, expectTryAgainPage } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apis, newUser } from "./support/platform.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

const CALLBACK = "http://127.0.0.1/callback";
const latchkey = await startLatchkey();
const { connect, introspect, refresh } = oauthClient(latchkey);
const someone = async () => signedIn(latchkey, await newUser(latchkey));

// { client, asked, respond, publish }: every path of it is another client.
async function startAgent() {
  const server = createServer((request, response) => {
    own.asked.push(request.url);
    own.respond(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const own = {
    origin,
    asked: [],
    client: (path = "/client.json") => ({ client_id: origin + path, method: "none" }),
    publish(changes = {}, headers = {}) {
      own.respond = (request, response) => {
        const document = { client_id: origin + request.url, client_name: "Nimbus", redirect_uris: [CALLBACK], ...changes };
        response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(document));
      };
    },
  };
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  own.publish();
  return own;
}

const at = (port) => ({ redirect_uri: `http://127.0.0.1:${port}/callback` });
const open = async (client) => (await someone()).authorize(authorizationRequest(client, at(4711)).url);

// Covers: R3, R63
test("an agent gets tokens without anybody having registered it, at any loopback port, and they end with its consent", async () => {
  const agent = await startAgent();
  const [first, second] = [await someone(), await someone()];
  const tokens = await connect(first, agent.client(), at(4711));
  const claims = claimsOf(tokens.access_token);
  assert.equal(claims.client_id, agent.client().client_id);
  const others = await connect(second, agent.client(), at(52000));
  assert.deepEqual(agent.asked, ["/client.json"]);
  await first.disconnect();
  const active = async ({ access_token }) => (await (await introspect(apis.projects.credential, access_token)).json()).active;
  assert.deepEqual([await active(tokens), await active(others)], [false, true]);
  assert.equal((await refresh(agent.client(), tokens.refresh_token)).status, 400);
  assert.equal((await refresh(agent.client(), others.refresh_token)).status, 200);
});

// Rule: CIMD 9
test("people read the host of the document, and that nobody has reviewed the app", async () => {
  const agent = await startAgent();
  agent.publish({ client_name: "Acme Support", logo_uri: "https://agent.dev/logo.png" });
  const page = await open(agent.client());
  assert.equal(page.status, 200);
  assert.match(page.source, /Acme Support/);
  assert.match(page.source, /127\.0\.0\.1/);
  assert.doesNotMatch(page.source, /agent\.dev/);
  assert.match(page.source, /class="mark sensitive"/);
});

// Rule: CIMD 2, CIMD 3, CIMD 5, CIMD 8
test("a document that hangs, is huge, of another type or about another client is refused and not kept", async () => {
  const agent = await startAgent();
  const json = { "content-type": "application/json" };
  // A redirect has a test of its own below.
  const hostile = {
    "no answer in time": () => {},
    "an answer that never ends": (_, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(" ".repeat(1000)), 10);
      response.on("close", () => clearInterval(timer));
    },
    "a megabyte": (_, response) => response.writeHead(200, json).end(JSON.stringify({ a: "a".repeat(1_000_000) })),
    "six kilobytes": (_, response) => response.writeHead(200, json).end(JSON.stringify({ a: "a".repeat(6000) })),
    "a page": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>Hello</p>"),
    "another client": (_, response) =>
      response.writeHead(200, json).end(JSON.stringify({ client_id: "https://other.dev/c", redirect_uris: [CALLBACK] })),
    "not found": (_, response) => response.writeHead(404).end(),
    "a broken connection": (_, response) => response.destroy(),
    "no JSON": (_, response) => response.writeHead(200, json).end("{"),
  };
  const browser = await someone();
  let number = 0;
  for (const [what, respond] of Object.entries(hostile)) {
    agent.respond = respond;
    const client = agent.client(`/hostile/${(number += 1)}`);
    const answer = await browser.request(authorizationRequest(client, at(4711)).url);
    await expectErrorPage(answer);
    assert.deepEqual(await latchkey.rows("SELECT client_id FROM apps WHERE client_id = ?", client.client_id), [], what);
  }
  agent.publish();
  assert.equal((await open(agent.client("/hostile/1"))).status, 200);
});

// Rule: CIMD 1, CIMD 7
test("an address with two spellings, or that leads inside, is no client id, and nobody is asked", async () => {
  const browser = await someone();
  const agent = await startAgent();
  for (const [client_id, reason] of Object.entries({
    "https://agent.dev": /must have a path/,
    "http://agent.dev/c": /must begin with https/,
    "https://agent.dev/c#x": /must not have a # part/,
    "https://user@agent.dev/c": /must not hold a user name/,
    "https://agent.dev/a/../c": /must be in its normal form/,
    "https://agent.dev/./c": /must be in its normal form/,
    "https://agent.dev/%2e%2e/c": /must be in its normal form/,
    "https://AGENT.dev/c": /must be in its normal form/,
    "https://agent.dev:443/c": /must be in its normal form/,
    [`${agent.origin}/a/../c`]: /must be in its normal form/,
    "https://10.0.0.8/c": /not an IP address/,
    "https://169.254.169.254/latest/meta-data": /not an IP address/,
    "https://8.8.8.8/c": /not an IP address/,
    "http://192.168.0.1/c": /must begin with https/,
    "https://0300.0250.0.1/c": /not an IP address/,
    "https://0xa9fea9fe/c": /not an IP address/,
    "https://2852039166/c": /not an IP address/,
    "https://[fd00::1]/c": /not an IP address/,
    "https://[::ffff:10.0.0.1]/c": /not an IP address/,
    "https://[64:ff9b::a00:1]/c": /not an IP address/,
    "https://printer.local/c": /reached from the internet/,
    "https://db.internal/c": /reached from the internet/,
    "https://intranet/c": /reached from the internet/,
  })) {
    const answer = await browser.request(authorizationRequest({ client_id }, at(4711)).url);
    assert.match(await answer.clone().text(), reason, client_id);
    await expectErrorPage(answer);
  }
  assert.deepEqual(agent.asked, []);
});

// Rule: CIMD 3, CIMD 5, CIMD 7
test("a document with a secret, a private key or an address inside is refused, and nothing it names is asked", async () => {
  const [agent, inside] = [await startAgent(), await startAgent()];
  const browser = await someone();
  const jwk = { kty: "EC", crv: "P-256", x: "x", y: "y" };
  const hostile = [
    [{ client_secret: "x" }, /client_secret must not be in a document/],
    [{ token_endpoint_auth_method: "client_secret_basic" }, /token_endpoint_auth_method must be none or private_key_jwt/],
    [{ token_endpoint_auth_method: "client_secret_post" }, /token_endpoint_auth_method must be none or private_key_jwt/],
    [{ token_endpoint_auth_method: "private_key_jwt" }, /private_key_jwt needs a public key/],
    [{ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [{ ...jwk, d: "x" }] } }, /holds a private key/],
    [{ token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://10.0.0.1/keys" }, /jwks_uri must name the host/],
    [{ token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://keys.internal/" }, /jwks_uri must name a host/],
    [{ logo_uri: "https://[fd00::1]/logo.png" }, /logo_uri must name the host/],
    [{ logo_uri: "https://169.254.169.254/logo.png" }, /logo_uri must name the host/],
    [{ redirect_uris: [] }, /redirect_uris must hold/],
    [{ redirect_uris: ["javascript:alert(1)"] }, /redirect_uris/],
    [{ client_id: `${inside.origin}/client.json` }, /client_id must be its own address/],
  ];
  for (const [number, [changes, reason]] of hostile.entries()) {
    agent.publish(changes);
    const answer = await browser.request(authorizationRequest(agent.client(`/inside/${number}`), at(4711)).url);
    const text = (await answer.clone().text()).replaceAll("&#39;", "'");
    assert.match(text, reason, JSON.stringify(changes));
    await expectErrorPage(answer);
  }
  assert.deepEqual([agent.asked.length, inside.asked], [hostile.length, []]);
  assert.equal(await latchkey.count("apps", "client_id LIKE ?", `${agent.origin}/inside/%`), 0);
});

test("of a hundred requests at once for a client that nobody knows all go on, and it is entered once", async () => {
  const agent = await startAgent();
  const browser = await someone();
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => browser.request(authorizationRequest(agent.client("/many"), at(4711)).url)),
  );
  for (const answer of answers) assert.equal(answer.status, 303);
  const entered = await latchkey.rows("SELECT event FROM audit WHERE client_id = ?", agent.client("/many").client_id);
  assert.deepEqual(entered, [{ event: "app.document_accepted" }]);
});

test("while storage is down a stranger's document is not half kept, and everybody may try again", async () => {
  const agent = await startAgent();
  const browser = await someone();
  // The read passes, the write does not.
  const failing = (url, fail) => browser.request(url, { faults: [{ at: "DB", skip: 1, times: 1, fail }] });
  const down = authorizationRequest(agent.client("/down"), at(4711)).url;
  await expectTryAgainPage(await failing(down, "before"));
  assert.equal((await browser.authorize(down)).status, 200);
  // It was written, but nobody knows: the app is told as soon as its redirect is known to be good.
  const lost = authorizationRequest(agent.client("/lost"), { ...at(4711), state: "s" }).url;
  expectErrorRedirect(await failing(lost, "after"), { ...at(4711), error: "temporarily_unavailable", state: "s" });
  assert.equal((await browser.authorize(lost)).status, 200);
});

// Rule: CIMD 2
test("no redirect is followed, be it to a right document or into somebody's network", async (t) => {
  // The harness sends what the Worker asks through Node, which follows redirects itself; here workerd asks.
  const assembled = await assembleWorker();
  const home = await mkdtemp(path.join(tmpdir(), "latchkey-documents-"));
  const own = await startOwnLatchkey(assembled, home, { quiet: true });
  t.after(async () => {
    await own.worker.stop();
    await assembled.remove();
    await rm(home, { recursive: true, force: true });
  });
  const [agent, target] = [await startAgent(), await startAgent()];
  const ask = (client) => own.fetch(authorizationRequest(client, at(4711)).url, { redirect: "manual" });
  for (const status of [301, 302, 303, 307, 308])
    for (const location of [target.client().client_id, "http://169.254.169.254/latest/meta-data"]) {
      agent.respond = (_, response) => response.writeHead(status, { location }).end();
      const answer = await ask(agent.client(`/${status}`));
      assert.match(await answer.clone().text(), new RegExp(`status ${status}`));
      await expectErrorPage(answer);
    }
  assert.deepEqual(target.asked, []);
  assert.equal((await ask(target.client())).status, 303);
});

test("the document's own freshness counts, and a copy serves while its server is down", async () => {
  const agent = await startAgent();
  const client = agent.client("/fresh");
  assert.equal((await open(client)).status, 200);
  await latchkey.run("UPDATE metadata_documents SET fresh_until = 0 WHERE client_id = ?", client.client_id);
  agent.respond = (_, response) => response.writeHead(503).end();
  assert.equal((await open(client)).status, 200);
  await latchkey.run("UPDATE metadata_documents SET fresh_until = 0 WHERE client_id = ?", client.client_id);
  agent.respond = (_, response) => response.writeHead(404).end();
  const gone = await (await someone()).request(authorizationRequest(client, at(4711)).url);
  assert.match(await gone.clone().text(), /status 404/);
  await expectErrorPage(gone);
});

test("the metadata says that client ids may be addresses, and clients without a secret are welcome", async () => {
  const metadata = await (await latchkey.fetch("/.well-known/oauth-authorization-server")).json();
  assert.equal(metadata.client_id_metadata_document_supported, true);
  assert.ok(metadata.token_endpoint_auth_methods_supported.includes("none"));
});
