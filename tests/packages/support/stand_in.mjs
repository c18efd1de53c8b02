// A client whose server and API do what a test tells them to (see tests/examples/support/stand-in.mjs).
import { LatchkeyClient, memoryStorage } from "@latchkey/client";
import { standIn } from "../../examples/support/stand-in.mjs";

export const API = "https://api.test";
export const CALLBACK = "https://app.test/callback";

export async function newServer() {
  const server = await standIn({ issuer: `https://${crypto.randomUUID()}.test` });
  let made = 0;
  // Access tokens and refresh tokens of the n-th generation.
  server.handlers["/oauth/token"] = () => {
    made += 1;
    return Response.json({
      access_token: `access-${made}`,
      refresh_token: `refresh-${made}`,
      token_type: "Bearer",
      expires_in: 600,
      scope: "read:projects",
    });
  };
  server.handlers["/oauth/revoke"] = () => new Response(null, { status: 200 });
  server.handlers["/projects"] = ({ headers }) => Response.json({ saw: headers.get("authorization") });
  return server;
}

export function newClient(server, changes = {}) {
  return new LatchkeyClient({
    issuer: server.issuer,
    clientId: "app_planner",
    redirectUri: CALLBACK,
    api: API,
    scopes: ["read:projects"],
    storage: memoryStorage(),
    fetch: server.fetch,
    ...changes,
  });
}

// The callback as an honest server would send it, with changes: undefined leaves a parameter out.
export function callbackOf(server, authorizationUrl, changes = {}) {
  const url = new URL(new URL(authorizationUrl).searchParams.get("redirect_uri"));
  const state = new URL(authorizationUrl).searchParams.get("state");
  for (const [name, value] of Object.entries({ code: "code-1", state, iss: server.issuer, ...changes }))
    for (const one of [value].flat()) if (one !== undefined) url.searchParams.append(name, one);
  return url;
}

// A client with tokens of the first generation.
export async function signedInClient(server, changes) {
  const client = newClient(server, changes);
  await client.exchangeCodeForTokens(callbackOf(server, await client.getAuthorizationUrl()));
  return client;
}

// Tokens that have just ended, whatever clock the client reads.
export const ended = () =>
  Response.json({
    access_token: "access-ended",
    refresh_token: "refresh-first",
    token_type: "Bearer",
    expires_in: 0,
    scope: "read:projects",
  });
