// Logos out of KV: bytes that are a picture and nothing else.
import assert from "node:assert/strict";
import test from "node:test";
import { startLatchkey } from "./support/harness.mjs";
import { logo } from "./support/platform.mjs";

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
