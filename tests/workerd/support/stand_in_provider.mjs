// An OpenID provider that answers as the test says, rightly or wrongly. Nobody signs in there: the test reads from the
// authorization request what it needs.
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";
import { SignJWT } from "jose";
import { newKey } from "./strong_clients.mjs";

export async function startStandIn() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const standIn = new StandIn(`http://127.0.0.1:${server.address().port}`, await newKey());
  server.on("request", (request, response) => standIn.answer(request, response));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return standIn;
}

const send = (response, status, body, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

class StandIn {
  // What is published.
  metadata = {};
  // Instead of the usual answer, by path: (request, response) => …
  instead = {};
  // The paths asked for.
  asked = [];

  constructor(issuer, key) {
    Object.assign(this, { issuer, key, keys: [key] });
  }

  answer(request, response) {
    const { pathname } = new URL(request.url, this.issuer);
    this.asked.push(pathname);
    const usual = {
      "/.well-known/openid-configuration": () => send(response, 200, this.#metadata()),
      "/jwks": () => send(response, 200, { keys: this.keys.map(({ jwk }) => jwk) }),
      "/token": () => send(response, 200, { id_token: this.idToken, access_token: "upstream", token_type: "Bearer" }),
    };
    (this.instead[pathname] ?? usual[pathname] ?? (() => send(response, 404, {})))(request, response);
  }

  #metadata() {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      ...this.metadata,
    };
  }

  // An ID token for the request that `sent` (its parameters) made, with `changes` to its claims.
  async sign(sent, changes = {}, { header = {}, key = this.key } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: this.issuer,
      aud: sent.get("client_id"),
      sub: "jane",
      nonce: sent.get("nonce"),
      iat: now,
      exp: now + 300,
      auth_time: now,
      name: "Jane Doe",
      email: "jane@example.com",
      ...changes,
    };
    return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
  }
}

// Ways to fail, for `instead`.
export const failures = {
  status: (status) => (_, response) => send(response, status, { error: "server_error" }),
  silence: () => {},
  hangUp: (request) => request.socket.destroy(),
  huge: (_, response) => send(response, 200, JSON.stringify({ keys: [], more: "x".repeat(70_000) })),
  endless: (_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = setInterval(() => response.write("x".repeat(10_000)), 5);
    response.on("close", () => clearInterval(more));
  },
  stuck: (_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"issuer"');
  },
  redirect: (to) => (_, response) => send(response, 302, "", { location: to }),
  noJson: (_, response) => send(response, 200, "<!doctype html><title>Welcome</title>"),
};
