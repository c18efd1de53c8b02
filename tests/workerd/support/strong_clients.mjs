// Apps that prove who they are with keys, and what such keys sign: assertions (RFC 7523) and DPoP proofs (RFC 9449).
import { createHash, randomBytes } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { ISSUER } from "./harness.mjs";
import { form } from "./oauth.mjs";
import { newApp } from "./platform.mjs";

export const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const now = () => Math.floor(Date.now() / 1000);
const unique = () => randomBytes(16).toString("base64url");
export const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// { alg, kid, jwk, privateKey, privateJwk, thumbprint }
export async function newKey(alg = "ES256") {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = unique();
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: "sig" };
  const { kty, crv, x, y, n, e } = jwk;
  const bare = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
  const privateJwk = await exportJWK(privateKey);
  return { alg, kid, jwk, bare, privateKey, privateJwk, thumbprint: await calculateJwkThumbprint(jwk) };
}

// An app with columns of the directory's `apps` set as the console would.
export async function newAppWith(latchkey, settings, changes = {}) {
  const app = await newApp(latchkey, changes);
  for (const [column, value] of Object.entries(settings))
    await latchkey.run(`UPDATE apps SET ${column} = ? WHERE client_id = ?`, value, app.client_id);
  return app;
}

const machine = { api: "api_projects", subject_type: "client", access: "all" };

// A confidential app with these keys; it may also ask for tokens for itself.
export async function newKeyedApp(latchkey, { keys, settings = {}, ...changes } = {}) {
  const own = keys ?? [await newKey()];
  const jwks = JSON.stringify({ keys: own.map(({ jwk }) => jwk) });
  const registered = { authentication: "private_key_jwt", jwks, ...settings };
  const app = await newAppWith(latchkey, registered, { grants: [machine], ...changes });
  // `none`: what proves the app is added to the form.
  return { ...app, keys: own, key: own[0], method: "none" };
}

export const newFapiApp = (latchkey, options = {}) =>
  newKeyedApp(latchkey, { ...options, settings: { security_profile: "fapi_2", ...options.settings } });

// A JWT signed as asked, whatever that is worth: an undefined member is left out.
export function signed({ alg, privateKey }, header, claims) {
  const present = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  const protectedHeader = Object.fromEntries(Object.entries({ alg, ...header }).filter(([, value]) => value !== undefined));
  return new SignJWT(present).setProtectedHeader(protectedHeader).sign(privateKey);
}

export const assertionClaims = ({ client_id }, changes = {}) => ({
  iss: client_id,
  sub: client_id,
  aud: ISSUER,
  iat: now(),
  exp: now() + 60,
  jti: unique(),
  ...changes,
});

export const assertion = (app, { claims, header, key = app.key } = {}) =>
  signed(key, { kid: key.kid, ...header }, assertionClaims(app, claims));

// The form fields with which an app proves who it is.
export const proven = async (app, changes) => ({
  client_id: undefined,
  client_assertion_type: ASSERTION_TYPE,
  client_assertion: await assertion(app, changes),
});

export const proof = (key, { path = "/oauth/token", claims, header } = {}) =>
  signed(
    key,
    { typ: "dpop+jwt", jwk: key.bare, ...header },
    { jti: unique(), htm: "POST", htu: ISSUER + path, iat: now(), ...claims },
  );

export const hashOf = (text) => createHash("sha256").update(text).digest("base64url");

// Sends forms with DPoP proofs, each with the newest nonce the server gave.
export class ProofSender {
  constructor(latchkey) {
    this.latchkey = latchkey;
  }

  async send(path, { headers, fields, dpop, faults }) {
    const answer = await this.latchkey.fetch(path, {
      method: "POST",
      headers: { ...headers, ...(dpop !== undefined && { dpop }) },
      body: form(fields),
      faults,
    });
    this.nonce = answer.headers.get("dpop-nonce") ?? this.nonce;
    return answer;
  }

  // `request()` makes a request anew for every try, since nothing in it may be used twice.
  async post(path, key, request, changes = {}) {
    const once = async () => {
      const claims = { nonce: this.nonce, ...changes.claims };
      const dpop = changes.dpop ?? (key && (await proof(key, { path, ...changes, claims })));
      return this.send(path, { ...(await request()), dpop });
    };
    const answer = await once();
    if (answer.status !== 400 || !answer.headers.has("dpop-nonce")) return answer;
    const { error } = await answer.clone().json();
    return error === "use_dpop_nonce" ? once() : answer;
  }
}


