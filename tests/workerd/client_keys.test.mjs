// An app that keeps its public keys at an address of its own: a server that answers rightly, slowly, wrongly or not at all.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { newDeveloper } from "./support/developer.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { newKey, newKeyedApp, proven } from "./support/strong_clients.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

const latchkey = await startLatchkey();
const { token } = oauthClient(latchkey);
const { call } = await newDeveloper(latchkey);

const jwks = (...keys) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

// { url, asked, respond }: `respond(request, response)` may be changed.
async function startKeyServer(...keys) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const own = { asked: 0, url: `http://127.0.0.1:${server.address().port}/jwks.json` };
  own.publish = (...keys) => {
    own.respond = (_, response) => response.end(jwks(...keys));
  };
  own.publish(...keys);
  server.on("request", (request, response) => {
    own.asked += 1;
    own.respond(request, response);
  });
  own.stop = () => {
    server.closeAllConnections();
    server.close();
  };
  after(own.stop);
  return own;
}

async function appWithKeysAt(url, key) {
  const app = await newKeyedApp(latchkey, { keys: [key] });
  const answer = await call("PUT", `/apps/${app.client_id}/authentication`, { method: "private_key_jwt", jwks_uri: url });
  assert.equal(answer.status, 200, await answer.clone().text());
  return app;
}

const ask = async (app, changes = {}) =>
  token(app, { grant_type: "client_credentials", ...(await proven(app, changes)) });

async function expectKeysUnavailable(answer) {
  assert.equal(answer.status, 503);
  const { error, error_description } = await answer.json();
  assert.equal(error, "temporarily_unavailable");
  assert.match(error_description, /^the keys of this client cannot be had: /);
  return error_description;
}

test("an app is let in by a key at its address, which is asked once", async () => {
  const key = await newKey();
  const keys = await startKeyServer(key);
  const app = await appWithKeysAt(keys.url, key);
  for (let round = 0; round < 5; round++) assert.equal((await ask(app)).status, 200);
  assert.equal(keys.asked, 1);
});

test("a key that is new at the address works, and one that is gone does not", async () => {
  const [old, fresh] = [await newKey(), await newKey("EdDSA")];
  const keys = await startKeyServer(old);
  const app = await appWithKeysAt(keys.url, old);
  assert.equal((await ask(app)).status, 200);
  keys.publish(fresh);
  // Ten seconds after it was asked it may be asked again.
  await pause(10_200);
  assert.equal((await ask(app, { key: fresh })).status, 200);
  await expectRefusal(await ask(app), "invalid_client");
  assert.equal(keys.asked, 2);
});

test("strangers make the address be asked once in ten seconds at most, and garbage not at all", async () => {
  const [key, stranger] = [await newKey(), await newKey()];
  const keys = await startKeyServer(key);
  const app = await appWithKeysAt(keys.url, key);
  for (const claims of [{ aud: "https://other.example" }, { exp: 1 }, { jti: undefined }, { iss: "app_other" }])
    await expectRefusal(await ask(app, { claims }), "invalid_client");
  assert.equal(keys.asked, 0);
  for (let round = 0; round < 5; round++) await expectRefusal(await ask(app, { key: stranger }), "invalid_client");
  assert.equal(keys.asked, 1);
  assert.equal((await ask(app)).status, 200);
});

test("an address that fails is no refusal, and is left alone for ten seconds", async (t) => {
  const key = await newKey();
  // A redirect has a test of its own below.
  const cases = {
    "an error": [(_, response) => response.writeHead(500).end(jwks(key)), /status 500/],
    "a page": [(_, response) => response.end("<html>"), /not JSON/],
    "a private key": [(_, response) => response.end(JSON.stringify({ keys: [key.privateJwk] })), /holds a private key/],
    "an endless answer": [
      (_, response) => {
        const more = () => response.destroyed || response.write(" ".repeat(16_384), more);
        more();
      },
      /more than 64 kB/,
    ],
    "a broken connection": [(request) => request.socket.destroy(), /does not answer|status 5/],
  };
  for (const [name, [respond, reason]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const keys = await startKeyServer(key);
      keys.respond = respond;
      const app = await appWithKeysAt(keys.url, key);
      assert.match(await expectKeysUnavailable(await ask(app)), reason);
      await expectKeysUnavailable(await ask(app));
      assert.equal(keys.asked, 1);
    });
  }
});

test("an address that is slow is given up after five seconds, and others are served meanwhile", async () => {
  const [key, other] = [await newKey(), await newKey()];
  const [slow, quick] = [await startKeyServer(key), await startKeyServer(other)];
  slow.respond = () => {};
  const [waiting, served] = [await appWithKeysAt(slow.url, key), await appWithKeysAt(quick.url, other)];
  const began = Date.now();
  const [late] = await Promise.all([
    ask(waiting),
    (async () => {
      assert.equal((await ask(served)).status, 200);
      assert.ok(Date.now() - began < 4_000, `${Date.now() - began} ms`);
    })(),
  ]);
  await expectKeysUnavailable(late);
  assert.ok(Date.now() - began < 8_000, `${Date.now() - began} ms`);
});

test("what was sent while the address was down is good when it is up again, the same assertion too", async () => {
  const key = await newKey();
  const keys = await startKeyServer(key);
  keys.respond = (_, response) => response.writeHead(503).end();
  const app = await appWithKeysAt(keys.url, key);
  const form = { grant_type: "client_credentials", ...(await proven(app)) };
  await expectKeysUnavailable(await token(app, form));
  keys.publish(key);
  await pause(10_200);
  assert.equal((await token(app, form)).status, 200);
  await expectRefusal(await token(app, form), "invalid_client");
});

test("keys that are known go on working while the address is down", async () => {
  const key = await newKey();
  const keys = await startKeyServer(key);
  const app = await appWithKeysAt(keys.url, key);
  assert.equal((await ask(app)).status, 200);
  keys.stop();
  assert.equal((await ask(app)).status, 200);
});

test("addresses inside somebody's network are not registered", async (t) => {
  const app = await newKeyedApp(latchkey);
  for (const jwks_uri of [
    "http://partner.dev/jwks",
    "https://10.0.0.1/jwks",
    "https://169.254.169.254/latest/meta-data",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "file:///etc/passwd",
    "http://localhost:8787/.well-known/jwks.json",
  ])
    await t.test(jwks_uri, async () => {
      const answer = await call("PUT", `/apps/${app.client_id}/authentication`, { method: "private_key_jwt", jwks_uri });
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).errors[0].pointer, "#/jwks_uri");
    });
});

test("no redirect is followed, be it to the right keys or into somebody's network", async (t) => {
  // The harness sends what the Worker asks through Node, which follows redirects itself; here workerd asks.
  const assembled = await assembleWorker();
  const home = await mkdtemp(path.join(tmpdir(), "latchkey-keys-"));
  const own = await startOwnLatchkey(assembled, home, { quiet: true });
  t.after(async () => {
    await own.worker.stop();
    await assembled.remove();
    await rm(home, { recursive: true, force: true });
  });
  const key = await newKey();
  const target = await startKeyServer(key);
  const askOwn = async (app) =>
    oauthClient(own).token(app, { grant_type: "client_credentials", ...(await proven(app)) });
  for (const status of [301, 302, 303, 307, 308])
    for (const location of [target.url, target.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254/latest/meta-data"]) {
      const keys = await startKeyServer(key);
      keys.respond = (_, response) => response.writeHead(status, { location }).end(jwks(key));
      const app = await newKeyedApp(own, { keys: [key], settings: { jwks: null, jwks_uri: keys.url } });
      const said = await expectKeysUnavailable(await askOwn(app));
      assert.match(said, new RegExp(`status ${status}`), location);
      assert.equal(keys.asked, 1);
    }
  assert.equal(target.asked, 0);
  // The same address without a redirect is good.
  const app = await newKeyedApp(own, { keys: [key], settings: { jwks: null, jwks_uri: target.url } });
  for (let round = 0; round < 3; round++) assert.equal((await askOwn(app)).status, 200);
  assert.equal(target.asked, 1);
});

test("a key set one byte larger than may be is refused, also where it comes in many small pieces", async () => {
  const key = await newKey();
  const keys = await startKeyServer(key);
  const app = await appWithKeysAt(keys.url, key);
  const set = Buffer.from(jwks(key));
  keys.respond = async (_, response) => {
    const padded = Buffer.concat([set, Buffer.alloc(64 * 1024 + 1 - set.length, " ")]);
    for (let at = 0; at < padded.length; at += 4096) {
      response.write(padded.subarray(at, at + 4096));
      await pause(1);
    }
    response.end();
  };
  assert.match(await expectKeysUnavailable(await ask(app)), /more than 64 kB/);
  await pause(10_200);
  keys.respond = (_, response) => response.end(Buffer.concat([set, Buffer.alloc(64 * 1024 - set.length, " ")]));
  assert.equal((await ask(app)).status, 200);
});

test("a server that begins to answer and then sends nothing more is given up like a silent one", async () => {
  const key = await newKey();
  const keys = await startKeyServer(key);
  keys.respond = (_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"keys":[');
  };
  const app = await appWithKeysAt(keys.url, key);
  const began = Date.now();
  await expectKeysUnavailable(await ask(app));
  assert.ok(Date.now() - began < 8_000, `${Date.now() - began} ms`);
});
