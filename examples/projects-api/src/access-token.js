import { errors, jwtVerify } from "jose";
import { authorizationServer, introspect } from "./latchkey.js";
import { challenge, Refusal, Unavailable } from "./refusal.js";

/** @typedef {import('./latchkey.js').Env} Env */

/** Decided here, never by the token's own header. */
const ALGORITHMS = ["ES256"];
const MAX_TOKEN_LENGTH = 8192;

/**
 * What a checked token says. `user` is null for a token that speaks for an app alone (client_credentials).
 * @typedef {{user: string | null, scopes: Set<string>}} Access
 */

/**
 * The checks in order: the token's own signature and claims, then whether it is still alive.
 * @param {Request} request
 * @param {Env} env
 * @param {{scope?: string}} [wanted] what a caller without a good token is told to ask for
 * @returns {Promise<Access>}
 */
export async function authenticate(request, env, wanted) {
  const token = bearerToken(request, env, wanted);
  const claims = await verify(token, env, wanted);
  const status = await introspect(env, await authorizationServer(env), token);
  if (status.active !== true) throw invalidToken(env, wanted, "The token was revoked or has ended.");
  // The two answers must be about the same token; anything else is a fault, not a permission.
  if (status.sub !== claims.sub || status.client_id !== claims.client_id) throw new Unavailable();

  // What the operator or the user has narrowed since the token was signed counts at once.
  const today = new Set(words(status.scope));
  return {
    // Latchkey's users and apps have disjoint names, so an app can never be taken for a user.
    user: claims.sub.startsWith("usr_") && claims.sub !== claims.client_id ? claims.sub : null,
    scopes: new Set(words(claims.scope).filter((scope) => today.has(scope))),
  };
}

/**
 * @param {Access} access
 * @param {string} scope
 * @param {Env} env
 */
export function requireScope(access, scope, env) {
  if (!access.scopes.has(scope)) {
    throw insufficientScope(env, scope, "The token does not carry the permission that this request needs.");
  }
}

/**
 * @param {Access} access
 * @param {string} scope
 * @param {Env} env
 * @returns {string}
 */
export function requireUser(access, scope, env) {
  if (access.user === null) {
    throw insufficientScope(env, scope, "This request needs a token that a user agreed to; this one is the app's own.");
  }
  return access.user;
}

function bearerToken(request, env, wanted) {
  const [, scheme = "", rest = ""] = /^([^ ]*) *(.*)$/.exec(request.headers.get("Authorization") ?? "") ?? [];
  // No credentials, no error code (RFC 6750 section 3.1): the caller may simply not know yet that it needs some.
  if (scheme.toLowerCase() !== "bearer") throw new Refusal(401, "", "", challenge(env.RESOURCE, wanted));
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(rest)) {
    const description = "The Authorization header holds no well-formed bearer token.";
    throw new Refusal(
      400,
      "invalid_request",
      description,
      challenge(env.RESOURCE, { error: "invalid_request", error_description: description }),
    );
  }
  if (rest.length > MAX_TOKEN_LENGTH) throw invalidToken(env, wanted, "The token is too long.");
  return rest;
}

async function verify(token, env, wanted) {
  const { keys } = await authorizationServer(env);
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      typ: "at+jwt", // RFC 9068: no other JWT of the same issuer passes for an access token
      issuer: env.ISSUER,
      audience: env.RESOURCE,
      requiredClaims: ["sub", "client_id", "exp", "iat", "jti"],
    });
    if (typeof payload.sub !== "string" || typeof payload.client_id !== "string") {
      throw new errors.JWTInvalid();
    }
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw invalidToken(env, wanted, "The token has expired.");
    if (isFaultOfToken(error)) throw invalidToken(env, wanted, "The token is not valid here.");
    if (error instanceof Refusal) throw error;
    throw new Unavailable();
  }
}

/** jose reports an unreachable or unreadable key set in the same family of errors as a bad token. */
function isFaultOfToken(error) {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

function invalidToken(env, wanted, description) {
  return new Refusal(
    401,
    "invalid_token",
    description,
    challenge(env.RESOURCE, { error: "invalid_token", error_description: description, ...wanted }),
  );
}

/**
 * @param {Env} env
 * @param {string} scope everything that the next token needs
 * @param {string} description
 */
export function insufficientScope(env, scope, description) {
  return new Refusal(
    403,
    "insufficient_scope",
    description,
    challenge(env.RESOURCE, { error: "insufficient_scope", error_description: description, scope }),
  );
}

function words(scope) {
  return typeof scope === "string" ? scope.split(" ").filter(Boolean) : [];
}
