import { generateKeyPairSync, randomBytes } from "node:crypto";
import { visitSite } from "../../../examples/platform-login/src/site.js";

export const CALLBACK = "https://latchkey.test/login/callback/con_acme";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
export { publicKey };

export const people = [
  { id: "usr_ada", username: "ada", name: "Ada <script>", email: "ada@acme.test", password: "ada's secret" },
  { id: "usr_bob", username: "bob", name: "Bob", email: "bob@acme.test", password: "bob's secret" },
];

export const env = {
  PLATFORM_NAME: "Acme Projects",
  ORIGIN: "http://sign-in.test",
  ISSUER: "https://latchkey.test",
  CALLBACK,
  SIGNING_KEY: JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: "key-1" }),
  SESSION_SECRET: randomBytes(32).toString("base64url"),
  PEOPLE: JSON.stringify(people),
};

/** The link by which Latchkey sends people here. */
export function link(parameters = {}) {
  const all = { nonce: "a-nonce", continue: `${CALLBACK}?state=a.b-c_d`, ...parameters };
  const pairs = Object.entries(all).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return `/login?${new URLSearchParams(pairs.filter(([, value]) => value !== undefined))}`;
}

/** A browser that keeps cookies and follows nothing. */
export class Visitor {
  cookies = new Map();

  async visit(path, { method = "GET", form, headers = {} } = {}) {
    const request = new Request(new URL(path, env.ORIGIN), {
      method,
      headers: { Cookie: [...this.cookies].map((pair) => pair.join("=")).join("; "), ...headers },
      body: form && new URLSearchParams(form),
    });
    const response = await visitSite(request, env);
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const location = response.headers.get("Location");
    return { response, status: response.status, location: location && new URL(location, env.ORIGIN), text: await response.text() };
  }

  /** Fills in the form that is shown at this link. */
  async signIn(path = link(), { username = "ada", password = "ada's secret", ...fields } = {}) {
    const page = await this.visit(path);
    const [, csrf] = /name="csrf" value="([^"]+)"/.exec(page.text) ?? [];
    return this.visit(path, { method: "POST", form: { csrf, username, password, ...fields } });
  }
}
