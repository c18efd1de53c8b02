// Tokens that are bound to a key, and the proofs that show it (RFC 9449), at @latchkey/server.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { expressGuard, memoryReplays } from "@latchkey/server";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { newGuard, newIssuer, outcome, request } from "./support/api_server.mjs";

const server = await newIssuer();
const guard = newGuard(server);
const keys = await generateKeyPair("ES256", { extractable: true });
const jwk = await exportJWK(keys.publicKey);
const jkt = await calculateJwkThumbprint(jwk);
const now = () => Math.floor(Date.now() / 1000);
const hash = (text) => createHash("sha256").update(text).digest("base64url");

const prove = (token, claims = {}, header = {}, key = keys.privateKey) =>
  new SignJWT({
    htm: "GET",
    htu: "https://api.test/v1/projects",
    iat: now(),
    jti: crypto.randomUUID(),
    ath: hash(token),
    ...claims,
  })
    .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk, ...header })
    .sign(key);
const call = (token, proof, changes = {}) =>
  request(token, { scheme: "DPoP", headers: { ...(proof && { dpop: proof }) }, ...changes });
const bound = () => server.token({ cnf: { jkt } });

test("a bound token with a proof of its key goes on, and the same proof not twice", async () => {
  const token = await bound();
  const proof = await prove(token);
  assert.ok((await outcome(guard, call(token, proof))).auth);
  const again = await outcome(guard, call(token, proof));
  assert.deepEqual([again.status, again.error], [401, "invalid_dpop_proof"]);
  assert.match(again.challenge, /^DPoP algs="ES256 EdDSA RS256 PS256", resource_metadata="/);
  assert.ok((await outcome(guard, call(token, await prove(token), { scheme: "dpop" }))).auth);
  const query = await prove(token);
  assert.ok((await outcome(guard, call(token, query, { path: "/v1/projects?limit=7" }))).auth, "the query is not proved");
});

test("a bound token needs the proof of its own key, and any other none", async () => {
  const token = await bound();
  const unbound = await server.token();
  const other = await server.token({ cnf: { jkt: hash("another key") } });
  for (const [what, refused] of Object.entries({
    "a bound token as Bearer": call(token, await prove(token), { scheme: "Bearer" }),
    "a bound token as Bearer, without a proof": call(token, undefined, { scheme: "Bearer" }),
    "another key": call(other, await prove(other)),
    "an unbound token as DPoP": call(unbound, await prove(unbound)),
  })) {
    const { status, error, reason, challenge } = await outcome(guard, refused);
    assert.deepEqual([status, error, reason], [401, "invalid_token", "invalid_token"], what);
    assert.match(challenge, /^DPoP /, what);
  }
});

test("a proof is for one call, one token and some moments", async () => {
  const token = await bound();
  const ed = await generateKeyPair("Ed25519", { extractable: true });
  const hmac = new TextEncoder().encode("0".repeat(32));
  const bad = {
    "no proof": undefined,
    "no JWT": "abc",
    "two of them": `${await prove(token)}, ${await prove(token)}`,
    "another method": await prove(token, { htm: "POST" }),
    "a method in other letters": await prove(token, { htm: "get" }),
    "another path": await prove(token, { htu: "https://api.test/v1/profile" }),
    "another host": await prove(token, { htu: "https://evil.test/v1/projects" }),
    "without a host": await prove(token, { htu: "/v1/projects" }),
    "http for https": await prove(token, { htu: "http://api.test/v1/projects" }),
    "no URL": await prove(token, { htu: undefined }),
    old: await prove(token, { iat: now() - 70 }),
    "from the future": await prove(token, { iat: now() + 20 }),
    "no time": await prove(token, { iat: undefined }),
    "time as a text": await prove(token, { iat: String(now()) }),
    "no jti": await prove(token, { jti: undefined }),
    "an empty jti": await prove(token, { jti: "" }),
    "a jti too long": await prove(token, { jti: "j".repeat(300) }),
    "for another token": await prove(await bound()),
    "for no token": await prove(token, { ath: undefined }),
    "another type": await prove(token, {}, { typ: "JWT" }),
    "no key": await prove(token, {}, { jwk: undefined }),
    "a private key": await prove(token, {}, { jwk: await exportJWK(keys.privateKey) }),
    "signed by another": await prove(token, {}, {}, (await generateKeyPair("ES256")).privateKey),
    "HMAC": await prove(token, {}, { alg: "HS256", jwk: { kty: "oct", k: "MDAw" } }, hmac),
    "too long": await prove(token, { more: "m".repeat(9000) }),
  };
  for (const [what, proof] of Object.entries(bad)) {
    const { status, error } = await outcome(guard, call(token, proof));
    assert.deepEqual([status, error], [401, "invalid_dpop_proof"], what);
  }
  const own = await server.token({ cnf: { jkt: await calculateJwkThumbprint(await exportJWK(ed.publicKey)) } });
  const good = await prove(own, {}, { alg: "EdDSA", jwk: await exportJWK(ed.publicKey) }, ed.privateKey);
  assert.ok((await outcome(guard, call(own, good))).auth, "an Ed25519 key is as good");
});

test("who shows a key is challenged by DPoP, also without a token", async () => {
  const { error, challenge } = await outcome(guard, request(undefined, { headers: { dpop: await prove("none") } }));
  assert.equal(error, "token_required");
  assert.match(challenge, /^DPoP algs="[^"]+", resource_metadata="[^"]+", scope="read:projects"$/);
});

test("where used proofs cannot be remembered, nobody is let in", async () => {
  const token = await bound();
  const full = newGuard(server, { replays: memoryReplays(1) });
  assert.ok((await outcome(full, call(token, await prove(token)))).auth);
  assert.equal((await outcome(full, call(token, await prove(token)))).status, 503);
  const lost = newGuard(server, { replays: { use: () => Promise.reject(new Error("lost")) } });
  assert.equal((await outcome(lost, call(token, await prove(token)))).status, 503);
});

test("used proofs are forgotten when they are too old to be used", () => {
  const store = memoryReplays(2);
  assert.ok(store.use("a", Date.now() - 1));
  assert.ok(store.use("b", Date.now() + 10_000));
  assert.ok(!store.use("b", Date.now() + 10_000));
  assert.ok(store.use("c", Date.now() + 10_000));
  assert.throws(() => store.use("d", Date.now() + 10_000));
});

test("below a router of Express, proofs name the whole path", async () => {
  const token = await bound();
  const dpop = await prove(token);
  const rawHeaders = ["Authorization", `DPoP ${token}`, "DPoP", dpop];
  const call = { method: "GET", url: "/projects", originalUrl: "/v1/projects", rawHeaders };
  await new Promise((resolve, reject) => {
    const end = (text) => reject(new Error(text));
    expressGuard(guard).requireScope("read:projects")(call, { setHeader() {}, end }, resolve);
  });
  assert.equal(call.auth.userId, "usr_alice");
});

test("behind a proxy, proofs name the address that callers know", async () => {
  const token = await bound();
  const inner = (proof) => new Request("http://10.0.0.7:8080/v1/projects", { headers: { authorization: `DPoP ${token}`, dpop: proof } });
  assert.ok((await outcome(guard, inner(await prove(token)))).auth);
  assert.equal((await outcome(guard, inner(await prove(token, { htu: "http://10.0.0.7:8080/v1/projects" })))).status, 401);
  const public_ = newGuard(server, { publicOrigin: "https://front.test" });
  assert.ok((await outcome(public_, inner(await prove(token, { htu: "https://front.test/v1/projects" })))).auth);
});
