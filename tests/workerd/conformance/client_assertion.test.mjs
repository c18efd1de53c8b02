// ASSERT: an app that proves who it is with a key, and those that try to pass for it.
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, createSign, constants } from "node:crypto";
import test from "node:test";
import { expectRefusal } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { basic, form } from "../support/oauth.mjs";
import { apps } from "../support/platform.mjs";
import {
  assertion,
  assertionClaims,
  ASSERTION_TYPE,
  encode,
  newKey,
  newKeyedApp,
  proven,
  signed,
} from "../support/strong_clients.mjs";

const latchkey = await startLatchkey();
const app = await newKeyedApp(latchkey);
const now = () => Math.floor(Date.now() / 1000);
const own = { grant_type: "client_credentials" };
const endpoints = ["/oauth/token", "/oauth/par", "/oauth/revoke", "/oauth/introspect"];

const post = (fields, { path = "/oauth/token", headers } = {}) =>
  latchkey.fetch(path, { method: "POST", headers, body: form({ ...own, token: "x", ...fields }) });
const accepted = async (answer) => assert.equal(answer.status, 200, await answer.clone().text());
const withAssertion = (client_assertion, more) =>
  post({ client_assertion_type: ASSERTION_TYPE, client_assertion, ...more });

// Rule: ASSERT 1, TOKEN 5
test("an app with a key is let in by its assertion, with or without its client_id beside it", async () => {
  await accepted(await post(await proven(app)));
  await accepted(await post({ ...(await proven(app)), client_id: app.client_id }));
});

// Rule: ASSERT 1, ASSERT 6
test("a good assertion is one, of the right type, and for the client that is named", async (t) => {
  const fields = () => proven(app);
  const cases = {
    "another client_id beside it": async () => ({ ...(await fields()), client_id: apps.web.client_id }),
    "an unknown client_id beside it": async () => ({ ...(await fields()), client_id: "app_nobody" }),
    "no type": async () => ({ ...(await fields()), client_assertion_type: undefined }),
    "another type": async () => ({
      ...(await fields()),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
    }),
    "a type and no assertion": async () => ({ client_assertion_type: ASSERTION_TYPE, client_id: app.client_id }),
    "two assertions": async () => ({
      ...(await fields()),
      client_assertion: [await assertion(app), await assertion(app)],
    }),
    "the type twice": async () => ({ ...(await fields()), client_assertion_type: [ASSERTION_TYPE, ASSERTION_TYPE] }),
    "the name alone": async () => ({ client_id: app.client_id }),
  };
  for (const [name, make] of Object.entries(cases))
    await t.test(name, async () => {
      const answer = await post(await make());
      const status = answer.status;
      assert.ok([400, 401].includes(status), await answer.clone().text());
      await expectRefusal(answer, status === 401 ? "invalid_client" : "invalid_request", status);
    });
});

// Rule: TOKEN 6, ASSERT 1
test("an assertion beside a secret or Basic is refused, although each alone is good", async () => {
  const both = { ...(await proven(app)), client_secret: app.secret };
  const answers = [
    await post(both),
    await post({ ...both, client_id: app.client_id }),
    await post(await proven(app), { headers: { authorization: basic(app.client_id, app.secret) } }),
    await post(await proven(app), { headers: { authorization: basic(apps.web.client_id, apps.web.secret) } }),
  ];
  for (const answer of answers) {
    const { status } = answer;
    await expectRefusal(answer, ["invalid_request", "invalid_client"], status);
    assert.ok([400, 401].includes(status));
  }
});

// Rule: TOKEN 7, FAPI 7
test("an app with a key gets nowhere by a secret, and an app with a secret nowhere by a key", async () => {
  const { client_id, secret } = app;
  await expectRefusal(await post({ client_id, client_secret: secret }), "invalid_client");
  await expectRefusal(await post({}, { headers: { authorization: basic(client_id, secret) } }), "invalid_client");
  const key = await newKey();
  for (const other of [apps.web, apps.server, apps.spa])
    await expectRefusal(await post(await proven({ ...other, key })), "invalid_client");
});

// Rule: ASSERT 2, ASSERT 6
test("an assertion for somebody else, without an end, over, or not begun is refused", async (t) => {
  const cases = {
    "another issuer": { iss: apps.web.client_id },
    "another subject": { sub: apps.web.client_id },
    "both of an unknown client": { iss: "app_nobody", sub: "app_nobody" },
    "no issuer": { iss: undefined },
    "no subject": { sub: undefined },
    "our issuer as issuer": { iss: ISSUER },
    "no end": { exp: undefined },
    "ended": { exp: now() - 120, iat: now() - 180 },
    "ended long ago": { exp: 1, iat: 0 },
    "an end that is a text": { exp: String(now() + 60) },
    "an end beyond all calendars": { exp: -1 },
    "made in the future": { iat: now() + 300, exp: now() + 360 },
    "not before the future": { nbf: now() + 300, exp: now() + 360 },
    "not before, as a text": { nbf: "now" },
    "no jti": { jti: undefined },
    "an empty jti": { jti: "" },
  };
  for (const [name, claims] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await withAssertion(await assertion(app, { claims })), "invalid_client"));
});

// Rule: ASSERT 2
test("a clock that is a few seconds off does no harm", async () => {
  for (const claims of [{ iat: now() + 8, nbf: now() + 8 }, { iat: undefined }, { nbf: now() - 10 }])
    await accepted(await withAssertion(await assertion(app, { claims })));
});

// Rule: ASSERT 2
test("an assertion is good once, at whichever endpoint, also for ten requests at once", async () => {
  const once = await assertion(app);
  await accepted(await withAssertion(once));
  await expectRefusal(await withAssertion(once), "invalid_client");
  for (const path of endpoints) {
    const fields = { client_assertion_type: ASSERTION_TYPE, client_assertion: once };
    await expectRefusal(await post(fields, { path }), "invalid_client");
  }
  const raced = await assertion(app);
  const answers = await Promise.all(Array.from({ length: 10 }, () => withAssertion(raced)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  const sameJti = { jti: "chosen-twice" };
  await accepted(await withAssertion(await assertion(app, { claims: sameJti })));
  await expectRefusal(await withAssertion(await assertion(app, { claims: sameJti })), "invalid_client");
  const other = await newKeyedApp(latchkey);
  await accepted(await withAssertion(await assertion(other, { claims: sameJti })));
});

// Rule: ASSERT 3, FAPI 8
test("the audience is our issuer and nothing else", async (t) => {
  await accepted(await withAssertion(await assertion(app, { claims: { aud: ISSUER } })));
  await accepted(await withAssertion(await assertion(app, { claims: { aud: [ISSUER] } })));
  const wrong = [
    undefined,
    "",
    [],
    `${ISSUER}/`,
    `${ISSUER}/oauth/token`,
    [`${ISSUER}/oauth/token`],
    `${ISSUER}/oauth/par`,
    `${ISSUER}/oauth/introspect`,
    [ISSUER, `${ISSUER}/oauth/token`],
    [ISSUER, "https://other.example"],
    [ISSUER, ISSUER],
    ISSUER.toUpperCase(),
    "https://other.example",
    app.client_id,
    { iss: ISSUER },
    [[ISSUER]],
  ];
  for (const aud of wrong)
    await t.test(JSON.stringify(aud) ?? "none", async () =>
      expectRefusal(await withAssertion(await assertion(app, { claims: { aud } })), "invalid_client"),
    );
});

// Rule: ASSERT 3
test("an app with a setting for it may name the token endpoint, and nothing more", async () => {
  const old = await newKeyedApp(latchkey, { settings: { accepts_token_endpoint_audience: 1 } });
  const aud = `${ISSUER}/oauth/token`;
  await accepted(await withAssertion(await assertion(old, { claims: { aud } })));
  await accepted(await withAssertion(await assertion(old)));
  for (const other of [`${aud}/`, `${ISSUER}/oauth/par`, "https://other.example", [aud, "https://other.example"]])
    await expectRefusal(await withAssertion(await assertion(old, { claims: { aud: other } })), "invalid_client");
});

// Rule: ASSERT 4
test("typ may be missing or say what the JWT is for, but not that it is for something else", async () => {
  for (const typ of [undefined, "client-authentication+jwt", "JWT"])
    await accepted(await withAssertion(await assertion(app, { header: { typ } })));
  for (const typ of ["at+jwt", "application/at+jwt", "AT+JWT", "oauth-id-jag+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt"])
    await expectRefusal(await withAssertion(await assertion(app, { header: { typ } })), "invalid_client");
});

// Rule: ASSERT 5, FAPI 26
test("a JWT that the app's own key did not sign by its own algorithm is refused", async (t) => {
  const claims = () => assertionClaims(app);
  const stranger = await newKey();
  const rsa = await newKey("RS256");
  const hmac = (key, alg = "HS256") => {
    const text = `${encode({ alg, kid: app.key.kid })}.${encode(claims())}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  };
  const good = await assertion(app);
  const [header, payload, signature] = good.split(".");
  const bent = signature.slice(0, 10) + (signature[10] === "A" ? "B" : "A") + signature.slice(11);
  const cases = {
    "alg none": `${encode({ alg: "none" })}.${encode(claims())}.`,
    "alg None": `${encode({ alg: "None" })}.${encode(claims())}.`,
    "alg none with a signature": `${encode({ alg: "none" })}.${payload}.${signature}`,
    "no alg": `${encode({})}.${encode(claims())}.`,
    "HS256 with the public key as JSON": hmac(JSON.stringify(app.key.jwk)),
    "HS256 with the public key's x": hmac(Buffer.from(app.key.jwk.x, "base64url")),
    "HS256 with the secret": hmac(app.secret),
    "HS256 with the hash of the secret": hmac("x"),
    "another key": await signed({ ...stranger, kid: undefined }, {}, claims()),
    "another key under the right name": await signed(stranger, { kid: app.key.kid }, claims()),
    "another key that it brings along": await signed(stranger, { jwk: stranger.bare }, claims()),
    "another key that it brings along under the right name": await signed(stranger, { jwk: stranger.bare, kid: app.key.kid }, claims()),
    "a key at another address": await signed(stranger, { jku: "https://evil.example/jwks.json" }, claims()),
    "a certificate at another address": await signed(stranger, { x5u: "https://evil.example/x.pem" }, claims()),
    "another algorithm's key": await signed(rsa, { kid: app.key.kid }, claims()),
    "ES256 that says ES384": `${encode({ alg: "ES384", kid: app.key.kid })}.${payload}.${signature}`,
    "a bent signature": `${header}.${payload}.${bent}`,
    "no signature": `${header}.${payload}.`,
    "a signature cut short": `${header}.${payload}.${signature.slice(0, -4)}`,
    "two parts": `${header}.${payload}`,
    "four parts": `${good}.x`,
    "other claims": `${header}.${encode(claims())}.${signature}`,
    "an unknown critical header": await signed(app.key, { kid: app.key.kid, crit: ["b64"], b64: true }, claims()).catch(
      () => `${encode({ alg: "ES256", crit: ["x"], x: 1 })}.${payload}.${signature}`,
    ),
    "no JSON": "x.y.z",
    "nothing but dots": "..",
    "a very long text": `${"x".repeat(20_000)}.y.z`,
    "an access token's look": `${encode({ typ: "at+jwt", alg: "ES256" })}.${payload}.${signature}`,
  };
  for (const [name, text] of Object.entries(cases))
    await t.test(name, async () => {
      const answer = await withAssertion(text, { client_id: app.client_id });
      const { status } = answer;
      await expectRefusal(answer, status === 400 ? "invalid_request" : "invalid_client", status);
      assert.ok([400, 401].includes(status));
    });
  await accepted(await withAssertion(good));
});

// Rule: ASSERT 5, FAPI 29
test("keys that a header names are not looked at, even beside a good signature", async () => {
  const header = { jku: "https://evil.example/jwks.json", x5u: "https://evil.example/x.pem" };
  const answer = await withAssertion(await assertion(app, { header }));
  assert.ok([200, 401].includes(answer.status), String(answer.status));
});

// Rule: ASSERT 5, META 9
test("every algorithm in the metadata is understood, and none that is not", async (t) => {
  const metadata = await (await latchkey.fetch("/.well-known/oauth-authorization-server")).json();
  const kinds = ["token", "revocation", "introspection"];
  for (const kind of kinds) {
    assert.ok(metadata[`${kind}_endpoint_auth_methods_supported`].includes("private_key_jwt"), kind);
    const algorithms = metadata[`${kind}_endpoint_auth_signing_alg_values_supported`];
    assert.ok(algorithms.includes("ES256") && !algorithms.some((alg) => alg === "none" || alg.startsWith("HS")), kind);
  }
  const named = metadata.token_endpoint_auth_signing_alg_values_supported;
  for (const alg of ["ES256", "RS256", "PS256", "EdDSA", "ES384", "ES512", "RS384", "RS512", "PS384", "PS512"]) {
    await t.test(alg, async () => {
      const strong = await newKeyedApp(latchkey, { keys: [await newKey(alg)] });
      const answer = await withAssertion(await assertion(strong));
      if (named.includes(alg)) await accepted(answer);
      else await expectRefusal(answer, "invalid_client");
    });
  }
});

// Rule: ASSERT 5
test("of several keys that an app registered each is good, and one that is taken away is not", async () => {
  const keys = [await newKey("ES256"), await newKey("RS256"), await newKey("ES256")];
  const many = await newKeyedApp(latchkey, { keys });
  for (const key of keys) await accepted(await withAssertion(await assertion(many, { key })));
  const unnamed = { ...keys[2], kid: undefined };
  await accepted(await withAssertion(await assertion(many, { key: unnamed })));
  const fewer = await newKeyedApp(latchkey, { keys: keys.slice(0, 1) });
  await expectRefusal(await withAssertion(await assertion(fewer, { key: keys[2] })), "invalid_client");
});

// Rule: ASSERT 5, FAPI 27
test("an RSA key shorter than 2048 bits proves nothing, although it is registered", async () => {
  for (const [alg, options] of [
    ["RS256", {}],
    ["PS256", { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
  ]) {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const jwk = { ...publicKey.export({ format: "jwk" }), alg, kid: "short" };
    const weak = await newKeyedApp(latchkey, { keys: [{ jwk, alg, kid: "short" }] });
    const text = `${encode({ alg, kid: "short" })}.${encode(assertionClaims(weak))}`;
    const signature = createSign("sha256").update(text).sign({ key: privateKey, ...options }, "base64url");
    await expectRefusal(await withAssertion(`${text}.${signature}`), "invalid_client");
  }
});

// Rule: ASSERT 6, REV 1, REV 7, PAR 1
test("the same assertion rules hold wherever an app authenticates", async (t) => {
  for (const path of endpoints) {
    await t.test(path, async () => {
      const bad = { aud: "https://other.example" };
      await expectRefusal(await post(await proven(app, { claims: bad }), { path }), "invalid_client");
      await expectRefusal(await post({ client_id: app.client_id }, { path }), "invalid_client");
      const answer = await post(await proven(app), { path });
      assert.notEqual(answer.status, 401, await answer.text());
    });
  }
});

// Rule: ASSERT 6
test("a refused assertion burns nothing: neither its jti nor what the request was about", async () => {
  const claims = { jti: `survives-${Date.now()}` };
  await expectRefusal(await withAssertion(await assertion(app, { claims: { ...claims, aud: "x" } })), "invalid_client");
  const stranger = await newKey();
  await expectRefusal(await withAssertion(await assertion(app, { claims, key: stranger })), "invalid_client");
  await accepted(await withAssertion(await assertion(app, { claims })));
});
