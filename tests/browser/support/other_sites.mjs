// Sites beside the partner app: an attacker's, and a second app.
import { once } from "node:events";
import { createServer } from "node:http";
import * as oauth from "openid-client";
import { platform } from "./platform.mjs";

// Serves this HTML on another port of localhost: another origin, but the same site, so Lax cookies go along.
export async function neighbour(t, body) {
  const { server, port } = await serve(t, "localhost");
  server.on("request", (_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(`<!doctype html>\n${body}`);
  });
  return `http://localhost:${port}`;
}

// A form that a person on the neighbour's page is talked into sending.
export function forgedForm(action, fields) {
  const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${escaped(value)}">`);
  return `<form method="post" action="${escaped(action)}">${inputs.join("")}<button>Win a prize</button></form>`;
}

// The demo platform's public app, as somebody might write it with a client library.
export async function publicApp(t) {
  const { client_id } = platform.clients.find(({ kind }) => kind === "public");
  const configuration = await oauth.discovery(new URL(platform.issuer), client_id, undefined, oauth.None(), {
    algorithm: "oauth2",
    execute: [oauth.allowInsecureRequests],
  });
  const { server, port } = await serve(t, "127.0.0.1");
  server.on("request", (_, response) => response.end("Back at the app"));
  const redirect_uri = `http://127.0.0.1:${port}/callback`;
  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  const url = oauth.buildAuthorizationUrl(configuration, {
    redirect_uri,
    scope: "read:projects",
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  return {
    client_id,
    url: url.href,
    redirect_uri,
    redeem: (callback) =>
      oauth.authorizationCodeGrant(configuration, new URL(callback), {
        pkceCodeVerifier: verifier,
        expectedState: state,
      }),
  };
}

async function serve(t, host) {
  const server = createServer();
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, host), "listening");
  return { server, port: server.address().port };
}
