import { exportJWK, generateKeyPair, SignJWT } from "jose";

/**
 * A little authorization server that answers what a test tells it to, and remembers what it was asked.
 * The examples meet the real Latchkey in the end-to-end tests; here they meet the faults a real one rarely shows.
 */
export async function standIn({ issuer = `http://${crypto.randomUUID()}.test` } = {}) {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  // Published as well, but with an algorithm that nobody agreed to.
  const other = await generateKeyPair("Ed25519");
  const otherJwk = { ...(await exportJWK(other.publicKey)), kid: "key-0", alg: "Ed25519", use: "sig" };
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "ES256", use: "sig" };

  const server = {
    issuer,
    otherPrivateKey: other.privateKey,
    /** @type {{path: string, method: string, redirect: string, headers: Headers, form: URLSearchParams}[]} */
    requests: [],
    /** Replaced by tests: path -> handler that returns a Response or throws like a broken network. */
    handlers: {
      "/.well-known/oauth-authorization-server": () =>
        Response.json({
          issuer,
          authorization_endpoint: `${issuer}/oauth/authorize`,
          token_endpoint: `${issuer}/oauth/token`,
          revocation_endpoint: `${issuer}/oauth/revoke`,
          introspection_endpoint: `${issuer}/oauth/introspect`,
          jwks_uri: `${issuer}/.well-known/jwks.json`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          authorization_response_iss_parameter_supported: true,
        }),
      "/.well-known/jwks.json": () => Response.json({ keys: [otherJwk, jwk] }),
    },

    async fetch(url, options = {}) {
      const { pathname } = new URL(url);
      const request = {
        path: pathname,
        method: options.method ?? "GET",
        redirect: options.redirect,
        headers: new Headers(options.headers),
        form: new URLSearchParams(options.body?.toString() ?? ""),
      };
      server.requests.push(request);
      const handler = server.handlers[pathname];
      return handler ? handler(request) : new Response("nothing here", { status: 404 });
    },

    asked: (path) => server.requests.filter((request) => request.path === path),

    /** An access token as Latchkey signs them; a test changes the one thing it is about. */
    async accessToken(claims = {}, header = {}, key = privateKey) {
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: issuer,
        sub: "usr_alice",
        aud: "http://api.test",
        client_id: "app_planner",
        iat: now,
        exp: now + 600,
        jti: crypto.randomUUID(),
        scope: "read:projects write:projects read:profile",
        ...claims,
      };
      return new SignJWT(all).setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "key-1", ...header }).sign(key);
    },
  };
  return server;
}

/** Runs with the console caught, and gives back what was written to it. */
export async function logged(run) {
  const lines = [];
  const saved = {};
  for (const method of ["log", "info", "warn", "error", "debug"]) {
    saved[method] = console[method];
    console[method] = (...words) => {
      lines.push(words.map(String).join(" "));
    };
  }
  try {
    await run();
  } finally {
    Object.assign(console, saved);
  }
  return lines.join("\n");
}
