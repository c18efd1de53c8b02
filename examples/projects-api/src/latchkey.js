import { createRemoteJWKSet, customFetch } from "jose";
import { Unavailable } from "./refusal.js";

/**
 * @typedef {object} Env
 * @property {string} ISSUER
 * @property {string} RESOURCE
 * @property {string} INTROSPECTION_CLIENT_ID
 * @property {string} INTROSPECTION_CLIENT_SECRET
 * @property {D1Database} PROJECTS_DB
 * @property {Fetcher} [LATCHKEY] a service binding, for an operator who runs both Workers in one account
 *
 * @typedef {object} AuthorizationServer
 * @property {ReturnType<typeof createRemoteJWKSet>} keys
 * @property {string} introspection_endpoint
 */

const METADATA_LIFETIME = 10 * 60_000;
const TIMEOUT = 5_000;

/** Per isolate. Values only: a promise of another request must not be awaited on Workers. */
const servers = new Map();

/**
 * Where Latchkey keeps its keys and its introspection, from its metadata (RFC 8414).
 * @param {Env} env
 * @returns {Promise<AuthorizationServer>}
 */
export async function authorizationServer(env) {
  const known = servers.get(env.ISSUER);
  if (known && known.until > Date.now()) return known.server;

  const response = await send(env, `${env.ISSUER}/.well-known/oauth-authorization-server`);
  const metadata = await readJson(response, "metadata");
  // RFC 8414 section 3.3: a document that names another issuer must not be used.
  if (metadata.issuer !== env.ISSUER) throw new Unavailable();

  const server = {
    keys: createRemoteJWKSet(new URL(metadata.jwks_uri), {
      // An unknown `kid` asks again, but a flood of invented ones does so at most every ten seconds.
      cooldownDuration: 10_000,
      timeoutDuration: TIMEOUT,
      [customFetch]: (url, options) => send(env, url, options),
    }),
    introspection_endpoint: metadata.introspection_endpoint,
  };
  servers.set(env.ISSUER, { server, until: Date.now() + METADATA_LIFETIME });
  return server;
}

/**
 * Asks Latchkey about one token (RFC 7662). There is deliberately no cache, not even of a few seconds: the signature
 * says what was granted, only this answer says that it still is, and a user who takes access back means now.
 * @param {Env} env
 * @param {AuthorizationServer} server
 * @param {string} token
 * @returns {Promise<{active: boolean, sub?: string, client_id?: string, scope?: string}>}
 */
export async function introspect(env, server, token) {
  const response = await send(env, server.introspection_endpoint, {
    method: "POST",
    headers: {
      Accept: "application/json",
      Authorization: basic(env.INTROSPECTION_CLIENT_ID, env.INTROSPECTION_CLIENT_SECRET),
    },
    body: new URLSearchParams({ token, token_type_hint: "access_token" }),
  });
  return readJson(response, "introspection");
}

/** RFC 6749 section 2.3.1: both parts are form-encoded before they are joined. */
function basic(id, secret) {
  const encode = (part) => new URLSearchParams([["", part]]).toString().slice(1);
  return `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`;
}

async function send(env, url, options = {}) {
  const request = { signal: AbortSignal.timeout(TIMEOUT), redirect: "manual", ...options };
  try {
    return await (env.LATCHKEY ? env.LATCHKEY.fetch(url, request) : fetch(url, request));
  } catch (error) {
    console.error(JSON.stringify({ event: "latchkey_unreachable", reason: error?.name }));
    throw new Unavailable();
  }
}

async function readJson(response, what) {
  const body = response.status === 200 ? await response.json().catch(() => null) : null;
  if (body === null || typeof body !== "object") {
    // A 401 here means that this API's own credential is wrong, which is no fault of the caller's token.
    console.error(JSON.stringify({ event: "latchkey_answer_unusable", what, status: response.status }));
    throw new Unavailable();
  }
  return body;
}
