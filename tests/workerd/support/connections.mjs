// Connections in Latchkey's directory, and people who come by them.
import { ISSUER } from "./harness.mjs";

// As an operator would (docs/sign-in.md).
export async function addConnection(latchkey, { id, ...rest }) {
  const row = {
    id,
    kind: "oidc",
    name: `${id} account`,
    domain_level: 1,
    client_id: "latchkey",
    client_secret_name: "CONNECTION_TEST",
    created_at: Date.now(),
    ...rest,
  };
  const columns = Object.keys(row);
  const sql = `INSERT INTO connections (${columns}) VALUES (${columns.map(() => "?")})`;
  await latchkey.run(sql, ...Object.values(row));
}

export const callbackOf = (id) => `${ISSUER}/login/callback/${id}`;
export const loginPath = (to, id) => `/login?continue=${encodeURIComponent(to)}${id ? `&connection=${id}` : ""}`;

// Sends a browser to sign in by a connection. Where it is sent.
export async function start(browser, id, to = "/account/apps") {
  const answer = await browser.request(loginPath(to, id));
  if (answer.status !== 303) throw new Error(`${answer.status}: ${await answer.text()}`);
  return new URL(answer.headers.get("location"));
}
