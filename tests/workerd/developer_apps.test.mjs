// Developers register, edit and delete apps, on the real database, KV and ledger.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apis, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, introspect, refresh } = oauthClient(latchkey);

const APPS = "/api/developer/apps";
const REDIRECT_URI = "https://partner.example/callback";
const NEW_APP = {
  name: "My Awesome Integration",
  description: "Plans projects",
  redirect_uris: [REDIRECT_URI],
  scopes: ["read:profile", "read:projects"],
  app_type: "web",
};

async function developer() {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const call = (method, path, body, headers = {}) =>
    browser.request(path, {
      method,
      headers: { origin: ISSUER, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
  return { browser, call };
}

const registered = async ({ call }, changes = {}) => {
  const answer = await call("POST", APPS, { ...NEW_APP, ...changes });
  assert.equal(answer.status, 201);
  return answer.json();
};

const clientOf = ({ client_id, client_secret }) => ({ client_id, secret: client_secret, method: "basic" });

// Covers: R12, R17, R18
test("the documents' request registers an app that its developer can connect at once, and nobody else", async () => {
  const alice = await developer();
  const made = await registered(alice);
  assert.equal(made.status, "pending_review");
  const app = clientOf(made);
  const family = await connect(alice.browser, app, { redirect_uri: REDIRECT_URI });
  assert.equal((await (await introspect(apis.projects.credential, family.access_token)).json()).active, true);
});

test("a deleted app's tokens are dead", async () => {
  const alice = await developer();
  const made = await registered(alice);
  const app = clientOf(made);
  const family = await connect(alice.browser, app, { redirect_uri: REDIRECT_URI });
  assert.equal((await alice.call("DELETE", `${APPS}/${made.client_id}`)).status, 204);
  assert.equal((await alice.call("GET", `${APPS}/${made.client_id}`)).status, 404);
  const states = await latchkey.rows("SELECT status, ended_by FROM consents WHERE client_id = ?", made.client_id);
  assert.deepEqual(states, [{ status: "revoking", ended_by: "app_deleted" }]);
  // An isolate may know an app for 8 seconds.
  await new Promise((resolve) => setTimeout(resolve, 8500));
  assert.equal((await refresh(app, family.refresh_token)).status, 401);
  assert.equal((await (await introspect(apis.projects.credential, family.access_token)).json()).active, false);
});

test("edits of two developers at once do not mix: the later one is told", async () => {
  const alice = await developer();
  const { client_id } = await registered(alice);
  const edit = (name) => alice.call("PATCH", `${APPS}/${client_id}`, { name }, { "if-match": '"1"' });
  const statuses = (await Promise.all(["One", "Two", "Three"].map(edit))).map(({ status }) => status);
  assert.deepEqual(statuses.toSorted(), [200, 412, 412]);
});

test("the same registration sent at once with one key makes one app", async () => {
  const alice = await developer();
  const send = () => alice.call("POST", APPS, NEW_APP, { "idempotency-key": "one" });
  const answers = await Promise.all([send(), send(), send()]);
  const ids = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).client_id)));
  assert.deepEqual([answers.map(({ status }) => status), ids.size], [[201, 201, 201], 1]);
});

test("a logo is kept and served, up to its own limit and no other", async () => {
  const alice = await developer();
  const { client_id } = await registered(alice);
  const png = (size) => {
    const header = Buffer.from("89504e470d0a1a0a0000000d49484452000000400000004008060000000000000000", "hex").subarray(0, 33);
    const data = Buffer.alloc(size);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(size);
    const end = Buffer.from("0000000049454e4400000000", "hex");
    return new Uint8Array(Buffer.concat([header, length, Buffer.from("IDAT"), data, Buffer.alloc(4), end]));
  };
  const put = (bytes) => alice.call("PUT", `${APPS}/${client_id}/logo`, bytes, { "content-type": "image/png" });
  const kept = await put(png(200_000));
  assert.equal(kept.status, 200);
  const served = await latchkey.fetch((await kept.json()).logo);
  assert.deepEqual([served.status, served.headers.get("content-type")], [200, "image/png"]);
  assert.equal((await served.arrayBuffer()).byteLength, png(200_000).byteLength);
  assert.equal((await put(png(300_000))).status, 413);
  const large = await alice.call("PATCH", `${APPS}/${client_id}`, { name: "a".repeat(70_000) });
  assert.equal(large.status, 413);
});
