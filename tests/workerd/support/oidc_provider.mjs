// The npm package `oidc-provider` on loopback: a real OpenID provider. Whoever comes is signed in as whom the test says,
// without a page in between.
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const listen = async (server) => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
};

export async function startOidcProvider(clients, { alg = "RS256", configuration = {} } = {}) {
  const server = createServer();
  const issuer = await listen(server);
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: "first", alg, use: "sig" };
  const people = new OidcProvider(issuer);
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({ id_token_signed_response_alg: alg, ...client })),
    jwks: { keys: [jwk] },
    cookies: { keys: ["a key of the tests"] },
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.claims[sub] }) }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ...configuration,
  });
  const callback = provider.callback();
  server.on("request", (request, response) => {
    if (!request.url.startsWith("/interaction/")) return callback(request, response);
    interact(provider, people, request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return people;
}

async function interact(provider, people, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  people.asked.push({ prompt: prompt.name, params });
  if (people.refuses)
    return provider.interactionFinished(request, response, { error: "access_denied" }, { mergeWithLastSubmission: false });
  if (prompt.name === "login") {
    const result = { login: { accountId: people.user } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const grant = (grantId && (await provider.Grant.find(grantId))) ?? new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

class OidcProvider {
  user = "jane";
  refuses = false;
  asked = [];
  claims = {
    jane: { name: "Jane Doe", email: "jane@example.com", email_verified: true },
    joe: { name: "Joe Bloggs", email: "joe@example.com", email_verified: true },
  };

  constructor(issuer) {
    this.issuer = issuer;
  }

  // Where the provider sends a person in the end who was sent to `url`. `cookies` are those of their browser.
  async visit(url, cookies = new Map()) {
    let at = new URL(url);
    for (let hops = 0; hops < 10; hops++) {
      const headers = cookies.size > 0 ? { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") } : {};
      const answer = await fetch(at, { headers, redirect: "manual" });
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        cookies.set(name, value);
      }
      const next = answer.headers.get("location");
      if (!next) throw new Error(`${answer.status} at ${at}: ${await answer.text()}`);
      at = new URL(next, at);
      if (at.origin !== this.issuer) return at;
    }
    throw new Error(`redirects without end at ${at}`);
  }
}
