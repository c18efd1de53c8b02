// Logos out of KV: bytes that are a picture and nothing else.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { logo, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const PATH = `/logos/${logo.name}`;

test("a logo comes byte for byte, as a picture that never changes and can run nothing", async () => {
  const answer = await latchkey.fetch(PATH);
  assert.equal(answer.status, 200);
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), logo.bytes);
  const headers = Object.fromEntries(answer.headers);
  assert.equal(headers["content-type"], "image/png");
  assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["content-security-policy"], "default-src 'none'; sandbox");
  assert.equal(headers["set-cookie"], undefined);
  const head = await latchkey.fetch(PATH, { method: "HEAD" });
  assert.deepEqual([head.status, (await head.arrayBuffer()).byteLength], [200, 0]);
});

test("what is no logo is not found, and nothing else in KV can be read that way", async () => {
  await latchkey.kv.put("logo:secret", "x");
  const other = `A${logo.name.slice(1)}`;
  for (const name of ["secret", "keyring", other, logo.name.replace("png", "jpeg"), `${logo.name}/x`, `%2e%2e%2f${logo.name}`, ""]) {
    const answer = await latchkey.fetch(`/logos/${name}`);
    assert.deepEqual([answer.status, answer.headers.get("cache-control")], [404, "no-store"], name);
  }
  assert.equal((await latchkey.fetch(PATH, { method: "POST" })).status, 405);
});

// A PNG of 64 by 64 pixels with this content.
function png(content) {
  const header = Buffer.from("89504e470d0a1a0a0000000d494844520000004000000040080600000000000000", "hex");
  const data = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const end = Buffer.from("0000000049454e4400000000", "hex");
  return new Uint8Array(Buffer.concat([header, length, Buffer.from("IDAT"), data, Buffer.alloc(4), end]));
}

async function uploader(username) {
  const browser = await signedIn(latchkey, username);
  const send = (method, to, body, type) =>
    browser.request(to, { method, headers: { origin: ISSUER, "content-type": type }, body });
  return { send, put: (to, content) => send("PUT", to, png(content), "image/png") };
}

test("a run deletes what nothing shows any more, and what is shown stays", async () => {
  const developer = await uploader(await newUser(latchkey));
  const registration = {
    name: "App", description: "App", app_type: "spa", scopes: ["read:profile"], redirect_uris: ["https://a.example/"],
  };
  const made = await developer.send("POST", "/api/developer/apps", JSON.stringify(registration), "application/json");
  const { client_id } = await made.json();
  const upload = async (content) => {
    const answer = await developer.put(`/api/developer/apps/${client_id}/logo`, content);
    assert.equal(answer.status, 200);
    return (await answer.json()).logo;
  };
  const [before, now] = [await upload("before"), await upload("now")];
  const seen = async (path) => (await latchkey.fetch(path)).status;
  await latchkey.run("UPDATE logos SET look_at = 0, unused_since = 1");
  await latchkey.run("UPDATE logos SET claim = 'run_of_another' WHERE name = ?", before.replace("/logos/", ""));
  assert.equal((await developer.put(`/api/developer/apps/${client_id}/logo`, "before")).status, 409);
  await latchkey.runSchedule();
  assert.deepEqual([await seen(before), await seen(now), await seen(PATH)], [404, 200, 200]);
  assert.equal(await latchkey.kv.get(before.replace("/logos/", "logo:")), null);
  assert.deepEqual(await latchkey.rows("SELECT name, unused_since, claim FROM logos"), [
    { name: now.replace("/logos/", ""), unused_since: null, claim: null },
  ]);
  assert.equal(await upload("before"), before);
  assert.equal(await seen(before), 200);
});

test("an administrator gives the platform a logo", async () => {
  const username = await newUser(latchkey);
  await latchkey.run(
    "INSERT INTO user_roles (user_id, role) SELECT id, 'administrator' FROM users WHERE username = ?", username,
  );
  const administrator = await uploader(username);
  const answer = await administrator.put("/api/admin/branding/logo", "of the platform");
  assert.equal(answer.status, 200);
  const served = await latchkey.fetch(`/logos/${(await answer.json()).logo}`);
  assert.deepEqual([served.status, served.headers.get("content-type")], [200, "image/png"]);
  assert.equal((await administrator.send("PUT", "/api/admin/branding/logo", "<svg/>", "image/png")).status, 400);
});
