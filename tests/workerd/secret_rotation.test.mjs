// Secrets and keys of an app are changed while it runs, through client libraries that know nothing of us.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { newDeveloper } from "./support/developer.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { newApp } from "./support/platform.mjs";
import { newKey } from "./support/strong_clients.mjs";

const latchkey = await startLatchkey();
const fetch = (url, init) => latchkey.fetch(url, init);
const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetch };
const machine = { api: "api_projects", subject_type: "client", access: "all" };
const { call } = await newDeveloper(latchkey);

const issuer = new URL(ISSUER);
const discovery = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
const server = await oauth.processDiscoveryResponse(issuer, discovery);

const confidential = () => newApp(latchkey, { app_type: "server", grants: [machine] });
async function byOauth4webapi(app, authentication) {
  const client = { client_id: app.client_id };
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, {}, options);
  return answer.status === 200
    ? (await oauth.processClientCredentialsResponse(server, client, answer)).access_token.length > 0
    : (await answer.json()).error;
}
async function byOpenidClient(app, secret) {
  const configuration = new openid.Configuration(server, app.client_id, undefined, openid.ClientSecretPost(secret));
  openid.allowInsecureRequests(configuration);
  configuration[openid.customFetch] = fetch;
  return (await openid.clientCredentialsGrant(configuration)).access_token.length > 0;
}
const bySecret = (app, secret) => byOauth4webapi(app, oauth.ClientSecretBasic(secret));

// Longer than an isolate uses a record.
const forgotten = () => pause(8_100);

async function change(method, path, body, status) {
  const answer = await call(method, path, body);
  assert.equal(answer.status, status, await answer.clone().text());
  return answer.json();
}

// Covers: R5, R21, R22
test("a secret is rotated without a refused request, and the old one is dead after it", async () => {
  const app = await confidential();
  const at = `/apps/${app.client_id}`;
  assert.equal(await bySecret(app, app.secret), true);
  const { client_secret, hint } = await change("POST", `${at}/secrets`, undefined, 201);
  // At once, though the record that was used a moment ago has the old one only; and both, as often as one likes.
  for (let round = 0; round < 3; round++) {
    for (const secret of [client_secret, app.secret]) {
      assert.equal(await bySecret(app, secret), true);
      assert.equal(await byOpenidClient(app, secret), true);
    }
  }
  const during = await change("GET", `${at}/credentials`, undefined, 200);
  assert.deepEqual([during.rotation_in_progress, during.secrets[1].hint], [true, hint]);
  assert.ok(!JSON.stringify(during).includes(client_secret));
  await change("POST", `${at}/secrets/complete`, undefined, 200);
  await forgotten();
  assert.equal(await bySecret(app, app.secret), "invalid_client");
  assert.equal(await bySecret(app, client_secret), true);
  assert.deepEqual(await latchkey.count("client_secrets", "client_id = ?", app.client_id), 1);
});

test("a rotation that is cancelled leaves the old secret, and a replaced one is dead", async () => {
  const app = await confidential();
  const at = `/apps/${app.client_id}`;
  const second = await change("POST", `${at}/secrets`, undefined, 201);
  assert.equal(await bySecret(app, second.client_secret), true);
  await change("DELETE", `${at}/secrets/${second.id}`, undefined, 200);
  const third = await change("POST", `${at}/secrets/replace`, undefined, 201);
  assert.equal(await bySecret(app, third.client_secret), true);
  await forgotten();
  assert.equal(await bySecret(app, app.secret), "invalid_client");
  assert.equal(await bySecret(app, second.client_secret), "invalid_client");
  assert.equal(await bySecret(app, third.client_secret), true);
});

test("of many rotations started at once one begins", async () => {
  const app = await confidential();
  const started = await Promise.all(
    Array.from({ length: 8 }, () => call("POST", `/apps/${app.client_id}/secrets`).then(({ status }) => status)),
  );
  assert.deepEqual(started.sort(), [201, 409, 409, 409, 409, 409, 409, 409]);
  const ended = await Promise.all(
    ["secrets/complete", "secrets/complete", "secrets/replace"].map((end) =>
      call("POST", `/apps/${app.client_id}/${end}`).then(({ status }) => status),
    ),
  );
  assert.ok(ended.some((status) => status < 300), String(ended));
  assert.equal(await latchkey.count("client_secrets", "client_id = ?", app.client_id), 1);
});

test("an app turns to a key and back, and what it had before is dead", async () => {
  const app = await confidential();
  const at = `/apps/${app.client_id}`;
  assert.equal(await bySecret(app, app.secret), true);
  const key = await newKey();
  const signs = () => byOauth4webapi(app, oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }));
  const refused = await change("PUT", `${at}/authentication`, { method: "private_key_jwt", jwks: { keys: [key.privateJwk] } }, 400);
  assert.match(refused.message, /holds a private key/);
  const turned = await change("PUT", `${at}/authentication`, { method: "private_key_jwt", jwks: { keys: [key.jwk] } }, 200);
  assert.deepEqual([turned.method, turned.secrets, "client_secret" in turned], ["private_key_jwt", [], false]);
  assert.equal(await signs(), true);
  await forgotten();
  assert.equal(await bySecret(app, app.secret), "invalid_client");
  const back = await change("PUT", `${at}/authentication`, { method: "client_secret" }, 200);
  assert.equal(await bySecret(app, back.client_secret), true);
  await forgotten();
  assert.equal(await signs(), "invalid_client");
  assert.equal(await bySecret(app, app.secret), "invalid_client");
});

// Covers: R18
test("a public app is given no secret", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  await change("POST", `/apps/${app.client_id}/secrets`, undefined, 409);
});

test("no secret is in a log line or in the audit trail", async () => {
  const app = await confidential();
  latchkey.takeLines();
  const { client_secret } = await change("POST", `/apps/${app.client_id}/secrets/replace`, undefined, 201);
  await bySecret(app, client_secret);
  assert.ok(!latchkey.takeLines().join("\n").includes(client_secret));
  const { results } = await latchkey.db.prepare("SELECT * FROM audit WHERE client_id = ?").bind(app.client_id).all();
  assert.deepEqual(results.map(({ event }) => event), ["client_secret.rotated"]);
  assert.ok(!JSON.stringify(results).includes(client_secret));
});
