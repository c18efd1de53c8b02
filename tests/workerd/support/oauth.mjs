// An OAuth client by hand, so that a test can send what a library would refuse to.
import { createHash, randomBytes } from "node:crypto";
import { ISSUER } from "./harness.mjs";
import { CALLBACK } from "./platform.mjs";

const random = () => randomBytes(32).toString("base64url");
export const challengeOf = (verifier) => createHash("sha256").update(verifier).digest("base64url");

// A form from a plain object: undefined leaves a field out, an array repeats it.
export function form(fields) {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return new URLSearchParams(pairs.filter(([, value]) => value !== undefined));
}

// { url, client, code_verifier, redirect_uri }
export function authorizationRequest(client, parameters = {}) {
  const code_verifier = random();
  const redirect_uri = parameters.redirect_uri ?? CALLBACK;
  const query = form({
    response_type: "code",
    client_id: client.client_id,
    redirect_uri,
    scope: "read:profile read:projects",
    state: random(),
    code_challenge: challengeOf(code_verifier),
    code_challenge_method: "S256",
    ...parameters,
  });
  return { url: `${ISSUER}/oauth/authorize?${query}`, client, code_verifier, redirect_uri };
}

// Form encoding inside Basic, as RFC 6749 section 2.3.1 wants it.
const encoded = (text) => new URLSearchParams({ text }).toString().slice("text=".length);
export const basic = (id, secret) => `Basic ${btoa(`${encoded(id)}:${encoded(secret)}`)}`;

const authentications = {
  basic: ({ client_id, secret }) => ({ headers: { authorization: basic(client_id, secret) }, fields: {} }),
  post: ({ client_id, secret }) => ({ headers: {}, fields: { client_id, client_secret: secret } }),
  none: ({ client_id }) => ({ headers: {}, fields: { client_id } }),
};

// Posts to an endpoint as this client; `fields` win over what the authentication brings.
export function postAs(latchkey, path, client, fields, { headers, ...options } = {}) {
  const own = authentications[client.method](client);
  return latchkey.fetch(path, {
    method: "POST",
    headers: { ...own.headers, ...headers },
    body: form({ ...own.fields, ...fields }),
    ...options,
  });
}

export function oauthClient(latchkey) {
  const at = (path) => (client, fields, options) => postAs(latchkey, path, client, fields, options);
  const token = at("/oauth/token");
  const redeem = ({ client, code, redirect_uri, code_verifier }, changes = {}, options) => {
    const { as = client, ...fields } = changes;
    return token(as, { grant_type: "authorization_code", code, redirect_uri, code_verifier, ...fields }, options);
  };
  const tokens = async (answer) => {
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`no tokens: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  return {
    token,
    redeem,
    refresh: (client, refresh_token, changes, options) =>
      token(client, { grant_type: "refresh_token", refresh_token, ...changes }, options),
    revoke: (client, token, changes, options) => at("/oauth/revoke")(client, { token, ...changes }, options),
    introspect: (caller, token, changes, options) => at("/oauth/introspect")(caller, { token, ...changes }, options),
    tokens,
    // The whole way from a signed-in browser to tokens.
    connect: async (browser, client, parameters) => tokens(await redeem(await browser.connect(client, parameters))),
  };
}

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url"));

// States that come apart where something decodes or encodes once too often.
export const awkwardStates = [
  "&=+% \"'<>",
  "%26%3D%2B",
  "a+b c%20d",
  "äöü 漢字 🔑 \u202e",
  "undefined",
  "null",
  "x".repeat(1000),
  '{"return_to":"/a?b=c&d=e#f"}',
];
