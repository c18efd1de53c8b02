// DPOP: tokens that are bound to a key, and proofs that prove nothing.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectErrorRedirect, expectNotStored, expectRefusal } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, basic, claimsOf, oauthClient } from "../support/oauth.mjs";
import { apis, apps, CALLBACK, newUser } from "../support/platform.mjs";
import { encode, newAppWith, newKey, proof, ProofSender, signed } from "../support/strong_clients.mjs";

const latchkey = await startLatchkey();
const { introspect, refresh, tokens } = oauthClient(latchkey);
const key = await newKey();
const sender = new ProofSender(latchkey);
const now = () => Math.floor(Date.now() / 1000);

const { server } = apps;
const itself = () => ({
  headers: { authorization: basic(server.client_id, server.secret) },
  fields: { grant_type: "client_credentials" },
});
// One token request of the app for itself, with this proof.
const attempt = (changes, signer = key) => sender.post("/oauth/token", signer, itself, changes);
const raw = (dpop) => sender.post("/oauth/token", key, itself, { dpop });
const accepted = async (answer) => {
  const body = await tokens(answer);
  assert.equal(body.token_type, "DPoP");
  return body;
};
const refusedProof = (answer) => expectRefusal(answer, "invalid_dpop_proof");
// A good nonce, so that nothing is refused for want of one.
const current = async () => {
  await accepted(await attempt());
  return sender.nonce;
};
const claims = async (changes) => ({
  jti: `${Math.random()}`,
  htm: "POST",
  htu: `${ISSUER}/oauth/token`,
  iat: now(),
  nonce: await current(),
  ...changes,
});

// Rule: DPOP 2, REV 9
test("a good proof brings a token that is bound to its key, and says so", async () => {
  const answer = await attempt();
  expectNotStored(answer);
  const { access_token } = await accepted(answer);
  assert.deepEqual(claimsOf(access_token).cnf, { jkt: key.thumbprint });
  const { active, token_type, cnf } = await (await introspect(apis.projects.credential, access_token)).json();
  assert.deepEqual([active, token_type, cnf], [true, "DPoP", { jkt: key.thumbprint }]);
});

// Rule: DPOP 2, META 15
test("every algorithm in the metadata makes good proofs", async (t) => {
  const metadata = await (await latchkey.fetch("/.well-known/oauth-authorization-server")).json();
  const named = metadata.dpop_signing_alg_values_supported;
  assert.ok(named.includes("ES256") && !named.some((alg) => alg === "none" || alg.startsWith("HS")), String(named));
  for (const alg of ["ES256", "RS256", "PS256", "EdDSA", "ES384", "ES512", "RS512"]) {
    await t.test(alg, async () => {
      const other = await newKey(alg);
      const answer = await attempt({}, other);
      if (!named.includes(alg)) return refusedProof(answer);
      const { access_token } = await accepted(answer);
      assert.deepEqual(claimsOf(access_token).cnf, { jkt: other.thumbprint });
    });
  }
});

// Rule: DPOP 1.1
test("check 1: two proofs are refused, even the same one twice", async () => {
  const nonce = await current();
  const one = await proof(key, { claims: { nonce } });
  const two = await proof(key, { claims: { nonce } });
  for (const header of [`${one}, ${two}`, `${one},${two}`, `${one}, ${one}`]) await refusedProof(await raw(header));
});

// Rule: DPOP 1.2
test("check 2: what is no JWT is refused, and never taken for no proof at all", async (t) => {
  const good = await proof(key, { claims: { nonce: await current() } });
  const [header, payload, signature] = good.split(".");
  const cases = {
    "a word": "x",
    "three words": "x.y.z",
    dots: "..",
    "two parts": `${header}.${payload}`,
    "four parts": `${good}.x`,
    "no signature": `${header}.${payload}.`,
    "a header that is no JSON": `${Buffer.from("{").toString("base64url")}.${payload}.${signature}`,
    "a header that is a list": `${encode([])}.${payload}.${signature}`,
    "claims that are a list": await signed(key, { typ: "dpop+jwt", jwk: key.bare }, {}).then(
      (jwt) => `${jwt.split(".")[0]}.${encode([1])}.${jwt.split(".")[2]}`,
    ),
    padding: `${good}=`,
    "a scheme before it": `DPoP ${good}`,
    quotes: `"${good}"`,
    "a very long text": `${"x".repeat(9000)}.y.z`,
  };
  for (const [name, text] of Object.entries(cases)) await t.test(name, async () => refusedProof(await raw(text)));
});

// Rule: DPOP 1.3
test("check 3: a proof that lacks a claim, or has one of another kind, is refused", async (t) => {
  const nonce = await current();
  for (const name of ["jti", "htm", "htu", "iat"]) {
    for (const value of [undefined, "", null, [], {}, true]) {
      await t.test(`${name}: ${JSON.stringify(value)}`, async () =>
        refusedProof(await raw(await proof(key, { claims: { nonce, [name]: value } }))),
      );
    }
  }
  await t.test("iat as a text", async () => refusedProof(await raw(await proof(key, { claims: { nonce, iat: `${now()}` } }))));
});

// Rule: DPOP 1.4
test("check 4: another typ is refused, and none too", async () => {
  const nonce = await current();
  for (const typ of [undefined, "JWT", "at+jwt", "dpop", "dpop+jwt2", "client-authentication+jwt", "oauth-id-jag+jwt"])
    await refusedProof(await raw(await proof(key, { claims: { nonce }, header: { typ } })));
});

// Rule: DPOP 1.5
test("check 5: no algorithm, none, and symmetric ones are refused", async () => {
  const body = await claims();
  const unsigned = (header) => `${encode({ typ: "dpop+jwt", ...header })}.${encode(body)}`;
  const hmac = (header, secret) => {
    const text = unsigned(header);
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  };
  const oct = { kty: "oct", k: Buffer.from("secret").toString("base64url") };
  const cases = [
    `${unsigned({ alg: "none", jwk: key.bare })}.`,
    `${unsigned({ alg: "NONE", jwk: key.bare })}.`,
    `${unsigned({ jwk: key.bare })}.x`,
    hmac({ alg: "HS256", jwk: key.bare }, key.bare.x),
    hmac({ alg: "HS256", jwk: key.bare }, JSON.stringify(key.bare)),
    hmac({ alg: "HS256", jwk: oct }, "secret"),
  ];
  for (const text of cases) await refusedProof(await raw(text));
});

// Rule: DPOP 1.6
test("check 6: a signature that the key in the header did not make is refused", async () => {
  const other = await newKey();
  const rsa = await newKey("RS256");
  const body = await claims();
  const header = { typ: "dpop+jwt" };
  const good = await signed(key, { ...header, jwk: key.bare }, body);
  const [head, payload, signature] = good.split(".");
  const cases = [
    await signed(other, { ...header, jwk: key.bare }, body),
    await signed(rsa, { ...header, jwk: key.bare }, body),
    await signed(key, header, body),
    await signed(key, { ...header, jwk: {} }, body),
    await signed(key, { ...header, jwk: "x" }, body),
    await signed(key, { ...header, jwk: { ...key.bare, y: undefined } }, body),
    await signed(key, { ...header, jwk: { ...key.bare, x: key.bare.y, y: key.bare.x } }, body),
    await signed(key, { ...header, jwk: { ...key.bare, crv: "P-384" } }, body),
    await signed(key, { ...header, jwk: { ...key.bare, kty: "RSA" } }, body),
    await signed(key, { ...header, jwk: undefined, jku: "https://evil.example/jwks.json", kid: "x" }, body),
    `${head}.${encode({ ...body, jti: "other" })}.${signature}`,
    `${head}.${payload}.${signature.slice(0, 10)}${signature[10] === "A" ? "B" : "A"}${signature.slice(11)}`,
    `${head}.${payload}.${Buffer.alloc(64).toString("base64url")}`,
  ];
  for (const text of cases) await refusedProof(await raw(text));
});

// Rule: DPOP 1.7
test("check 7: a header with a private key is refused", async () => {
  const nonce = await current();
  await refusedProof(await raw(await proof(key, { claims: { nonce }, header: { jwk: key.privateJwk } })));
  const rsa = await newKey("RS256");
  await refusedProof(await raw(await proof(rsa, { claims: { nonce }, header: { jwk: rsa.privateJwk } })));
  await refusedProof(await raw(await proof(key, { claims: { nonce }, header: { jwk: { ...key.bare, d: "x" } } })));
});

// Rule: DPOP 1.8
test("check 8: a proof for another method is refused", async () => {
  const nonce = await current();
  for (const htm of ["GET", "PUT", "post", "Post", "POST ", "*"])
    await refusedProof(await raw(await proof(key, { claims: { nonce, htm } })));
});

// Rule: DPOP 1.9
test("check 9: a proof for another address is refused", async (t) => {
  const nonce = await current();
  const others = [
    `${ISSUER}/oauth/par`,
    `${ISSUER}/oauth/token/`,
    `${ISSUER}/oauth/token/x`,
    `${ISSUER}/OAUTH/TOKEN`,
    `${ISSUER}/oauth`,
    ISSUER,
    "https://localhost:8787/oauth/token",
    "http://localhost:8788/oauth/token",
    "http://localhost/oauth/token",
    "http://evil.example/oauth/token",
    "http://localhost:8787.evil.example/oauth/token",
    "http://user@localhost:8787/oauth/token",
    "/oauth/token",
    "oauth/token",
    "//localhost:8787/oauth/token",
    "x",
  ];
  for (const htu of others)
    await t.test(htu, async () => refusedProof(await raw(await proof(key, { claims: { nonce, htu } }))));
});

// Rule: DPOP 1.9
test("check 9: query, fragment and the case of scheme and host do not matter", async (t) => {
  const { host, pathname } = new URL(`${ISSUER}/oauth/token`);
  const same = [
    `${ISSUER}${pathname}?x=1`,
    `${ISSUER}${pathname}#x`,
    `${ISSUER}${pathname}?`,
    `HTTP://${host.toUpperCase()}${pathname}`,
    `${ISSUER}/oauth/./token`,
  ];
  for (const htu of same) await t.test(htu, async () => accepted(await attempt({ claims: { htu } })));
});

// Rule: DPOP 1.10, DPOP 3, FAPI 11
test("check 10: a nonce that the server did not give is refused, and answered with one that is good", async (t) => {
  const nonce = await current();
  const bent = (nonce[3] === "A" ? "B" : "A") + nonce.slice(1);
  for (const wrong of ["x", "", bent, nonce.slice(0, -1), `${nonce}A`, nonce.toUpperCase(), 7, [nonce]]) {
    await t.test(JSON.stringify(wrong), async () => {
      const answer = await sender.send("/oauth/token", {
        ...itself(),
        dpop: await proof(key, { claims: { nonce: wrong } }),
      });
      await expectRefusal(answer, ["use_dpop_nonce", "invalid_dpop_proof"]);
      await accepted(await attempt());
    });
  }
});

// Rule: DPOP 3
test("once a nonce was given, a proof without one is refused; the answer has exactly one", async () => {
  await current();
  const answer = await sender.send("/oauth/token", { ...itself(), dpop: await proof(key, {}) });
  const given = answer.headers.get("dpop-nonce");
  await expectRefusal(answer, "use_dpop_nonce");
  assert.match(given, /^[A-Za-z0-9_.~-]{22,}$/, "one nonce, long enough not to be guessed");
  await accepted(await sender.send("/oauth/token", { ...itself(), dpop: await proof(key, { claims: { nonce: given } }) }));
});

// Rule: DPOP 1.11
test("check 11: a proof too old or from the future is refused", async (t) => {
  const nonce = await current();
  for (const offset of [-86_400, -3600, -900, 900, 86_400, -now(), 1e15])
    await t.test(String(offset), async () =>
      refusedProof(await raw(await proof(key, { claims: { nonce, iat: now() + offset } }))),
    );
  for (const offset of [-8, 8])
    await t.test(`${offset} s of a clock that is off`, async () =>
      accepted(await attempt({ claims: { iat: now() + offset } })),
    );
});

// Rule: DPOP 7
test("a proof is good once, also for ten requests at once", async () => {
  const nonce = await current();
  const once = await proof(key, { claims: { nonce } });
  await accepted(await raw(once));
  await refusedProof(await raw(once));
  const raced = await proof(key, { claims: { nonce: sender.nonce } });
  const answers = await Promise.all(Array.from({ length: 10 }, () => raw(raced)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

// Rule: DPOP 7
test("a jti chosen twice is refused to one key, and good for another", async () => {
  const jti = `chosen-${Date.now()}`;
  await accepted(await attempt({ claims: { jti } }));
  await refusedProof(await attempt({ claims: { jti } }));
  await accepted(await attempt({ claims: { jti } }, await newKey()));
});

async function codeFor(client, parameters) {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  return browser.connect(client, parameters);
}
const authenticated = (client) =>
  client.secret
    ? { headers: { authorization: basic(client.client_id, client.secret) }, own: {} }
    : { headers: {}, own: { client_id: client.client_id } };
const sendAs = (client, fields, signer, changes) => {
  const { headers, own } = authenticated(client);
  return sender.post("/oauth/token", signer, () => ({ headers, fields: { ...own, ...fields } }), changes);
};
const redeemed = ({ client, code, redirect_uri, code_verifier }, signer, changes) =>
  sendAs(client, { grant_type: "authorization_code", code, redirect_uri, code_verifier }, signer, changes);
const refreshed = (client, refresh_token, signer, changes) =>
  sendAs(client, { grant_type: "refresh_token", refresh_token }, signer, changes);
const anotherKey = await newKey();

// Rule: DPOP 4
test("a public app's refresh token works with its key only, and trying others does it no harm", async () => {
  for (const client of [apps.spa, apps.mobile]) {
    const first = await accepted(await redeemed(await codeFor(client), key));
    await expectRefusal(await refreshed(client, first.refresh_token, anotherKey), ["invalid_dpop_proof", "invalid_grant"]);
    await expectRefusal(await refresh(client, first.refresh_token), ["invalid_dpop_proof", "invalid_grant", "invalid_request"]);
    const second = await accepted(await refreshed(client, first.refresh_token, key));
    assert.deepEqual(claimsOf(second.access_token).cnf, { jkt: key.thumbprint });
    await accepted(await refreshed(client, second.refresh_token, key));
  }
});

// Rule: DPOP 4
test("a confidential app may refresh with a new key, and the new token is bound to that", async () => {
  const first = await accepted(await redeemed(await codeFor(apps.web), key));
  const second = await accepted(await refreshed(apps.web, first.refresh_token, anotherKey));
  assert.deepEqual(claimsOf(second.access_token).cnf, { jkt: anotherKey.thumbprint });
});

// Rule: DPOP 4, DPOP 2
test("a proof binds what an unbound refresh token brings, and leaves the refresh token as it was", async () => {
  const { redeem } = oauthClient(latchkey);
  const plain = await tokens(await redeem(await codeFor(apps.spa)));
  assert.equal(plain.token_type, "Bearer");
  const bound = await accepted(await refreshed(apps.spa, plain.refresh_token, key));
  assert.deepEqual(claimsOf(bound.access_token).cnf, { jkt: key.thumbprint });
});

// Rule: DPOP 5
test("an app that must bind its tokens gets none without a proof, and loses nothing by trying", async () => {
  const { redeem, token } = oauthClient(latchkey);
  for (const app_type of ["spa", "web"]) {
    const client = await newAppWith(latchkey, { dpop_bound_access_tokens: 1 }, { app_type });
    const grant = await codeFor(client);
    await expectRefusal(await redeem(grant), ["invalid_dpop_proof", "invalid_request"]);
    const first = await accepted(await redeemed(grant, key));
    await expectRefusal(await refresh(client, first.refresh_token), ["invalid_dpop_proof", "invalid_request", "invalid_grant"]);
    await accepted(await refreshed(client, first.refresh_token, key));
  }
  const machine = { api: "api_projects", subject_type: "client", access: "all" };
  const itself = await newAppWith(latchkey, { dpop_bound_access_tokens: 1 }, { app_type: "server", grants: [machine] });
  await expectRefusal(await token(itself, { grant_type: "client_credentials" }), ["invalid_dpop_proof", "invalid_request"]);
  await accepted(await sendAs(itself, { grant_type: "client_credentials" }, key));
});

// Rule: DPOP 6, FAPI 13
test("a code asked for under one key is redeemed with that key only, and trying others does not burn it", async () => {
  const { redeem } = oauthClient(latchkey);
  for (const client of [apps.spa, apps.web]) {
    const grant = await codeFor(client, { dpop_jkt: key.thumbprint });
    await expectRefusal(await redeemed(grant, anotherKey), ["invalid_dpop_proof", "invalid_grant"]);
    await expectRefusal(await redeem(grant), ["invalid_dpop_proof", "invalid_grant", "invalid_request"]);
    const { access_token } = await accepted(await redeemed(grant, key));
    assert.deepEqual(claimsOf(access_token).cnf, { jkt: key.thumbprint });
  }
});

// Rule: DPOP 6
test("a dpop_jkt that is no thumbprint is refused, not ignored", async () => {
  for (const dpop_jkt of ["x", `${key.thumbprint}A`, key.thumbprint.slice(1), `${key.thumbprint}=`, "a b"]) {
    const answer = await latchkey.fetch(authorizationRequest(apps.spa, { dpop_jkt, state: "s" }).url);
    expectErrorRedirect(answer, { redirect_uri: CALLBACK, error: "invalid_request", state: "s" });
  }
});

// Rule: DPOP 2, AUTHZ 23, PEER 2
test("a bad proof does not burn the code, nor end what it brought", async () => {
  const grant = await codeFor(apps.spa);
  for (const changes of [{ claims: { htm: "GET" } }, { header: { typ: "JWT" } }, { dpop: "x" }, { claims: { iat: 1 } }])
    await refusedProof(await redeemed(grant, key, changes));
  const first = await accepted(await redeemed(grant, key));
  for (const changes of [{ claims: { htu: ISSUER } }, { dpop: "x.y.z" }])
    await refusedProof(await refreshed(apps.spa, first.refresh_token, key, changes));
  await accepted(await refreshed(apps.spa, first.refresh_token, key));
});

// Rule: DPOP 9, TOKEN 11
test("a browser's script may send a proof and read the nonce", async () => {
  const origin = "https://app.example";
  const preflight = await latchkey.fetch("/oauth/token", {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "dpop" },
  });
  assert.match(preflight.headers.get("access-control-allow-headers"), /dpop/i);
  const { headers, fields } = itself();
  const answer = await sender.send("/oauth/token", { headers: { ...headers, origin }, fields, dpop: await proof(key, {}) });
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  for (const name of [/dpop-nonce/i, /www-authenticate/i])
    assert.match(answer.headers.get("access-control-expose-headers"), name);
});

// Rule: DPOP 2
test("without a proof everything is as it was: Bearer, and no cnf", async () => {
  const { token } = oauthClient(latchkey);
  const { token_type, access_token } = await tokens(await token(server, { grant_type: "client_credentials" }));
  assert.deepEqual([token_type, claimsOf(access_token).cnf], ["Bearer", undefined]);
});
