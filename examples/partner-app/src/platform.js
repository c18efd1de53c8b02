import * as oauth from "openid-client";

/**
 * @typedef {object} Env
 * @property {string} PLATFORM_NAME
 * @property {string} ISSUER
 * @property {string} API the API's address, and its resource indicator (RFC 8707)
 * @property {string} ORIGIN where this site is served
 * @property {string} CLIENT_ID
 * @property {string} [CLIENT_SECRET] absent for a public client
 * @property {DurableObjectNamespace} CONNECTIONS
 */

export const SCOPES = ["read:profile", "read:projects", "write:projects"];

const TIMEOUT_SECONDS = 5;

/**
 * The platform as this app sees it: the OAuth calls, made by the library, and the API call.
 * One of these lives in each connection's Durable Object.
 * @param {Env} env
 * @param {typeof fetch} [send]
 */
export function platform(env, send = (...request) => fetch(...request)) {
  const redirect_uri = `${env.ORIGIN}/callback`;
  const resource = env.API;
  let configuration;

  /** Kept once it is there; a failure is not kept, so the next call asks again. */
  async function configured() {
    configuration ??= await oauth.discovery(new URL(env.ISSUER), env.CLIENT_ID, undefined, clientAuthentication(env), {
      algorithm: "oauth2",
      timeout: TIMEOUT_SECONDS,
      [oauth.customFetch]: send,
      // Plain http is for a platform on this very machine only.
      execute: isLoopback(env.ISSUER) ? [oauth.allowInsecureRequests] : [],
    });
    return configuration;
  }

  return {
    /** What a flow must remember until its callback. */
    newFlow: () => ({ state: oauth.randomState(), verifier: oauth.randomPKCECodeVerifier() }),

    /** @param {{state: string, verifier: string}} flow */
    async authorizationUrl({ state, verifier }) {
      const url = oauth.buildAuthorizationUrl(await configured(), {
        redirect_uri,
        scope: SCOPES.join(" "),
        resource,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      return url.href;
    },

    /**
     * Checks the callback's `iss`, `state` and `error`, then redeems the code.
     * @param {string} search the callback's query
     * @param {{state: string, verifier: string}} flow
     */
    async redeem(search, { state, verifier }) {
      const callback = new URL(redirect_uri);
      callback.search = search;
      return oauth.authorizationCodeGrant(
        await configured(),
        callback,
        { expectedState: state, pkceCodeVerifier: verifier },
        { resource },
      );
    },

    /** @param {string} refreshToken */
    async refresh(refreshToken) {
      return oauth.refreshTokenGrant(await configured(), refreshToken, { resource });
    },

    /** @param {string} refreshToken */
    async revoke(refreshToken) {
      return oauth.tokenRevocation(await configured(), refreshToken, { token_type_hint: "refresh_token" });
    },

    /**
     * Takes no headers from its caller, so nothing can replace the Authorization header.
     * @param {string} accessToken
     * @param {{method: 'GET' | 'POST', path: string, body?: unknown}} request
     */
    async callApi(accessToken, { method, path, body }) {
      const response = await send(new URL(path, env.API).href, {
        method,
        headers: {
          Accept: "application/json",
          Authorization: `Bearer ${accessToken}`,
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
      });
      // An error page of something in between is no JSON, and no reason to fail here.
      return { status: response.status, body: await response.json().catch(() => null) };
    },
  };
}

/** A public client says only who it is. There is no secret that could be sent as "null". */
function clientAuthentication({ CLIENT_SECRET }) {
  return CLIENT_SECRET ? oauth.ClientSecretBasic(CLIENT_SECRET) : oauth.None();
}

function isLoopback(url) {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
}

/**
 * What an error of these calls means.
 * - `code`: the standard's error code, when the platform answered with one
 * - `final`: the platform has decided; anything else may be a lost reply, and is asked again
 */
export function reasonOf(error) {
  const refused =
    error instanceof oauth.AuthorizationResponseError ||
    error instanceof oauth.ResponseBodyError ||
    error instanceof oauth.WWWAuthenticateChallengeError;
  const status = error?.status ?? 400;
  const code = refused ? (error.error ?? "invalid_client") : (error?.code ?? error?.name ?? "");
  return {
    // Error codes go into logs and pages, so whatever does not look like one stays out.
    code: /^[A-Za-z_]{1,40}$/.test(code) ? code : "unknown",
    final: refused && status < 500 && status !== 429,
  };
}
