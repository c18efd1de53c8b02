// Latchkey, asked what a confidential app with a secret asks, for users who are signed in.
import { signedIn } from "../../tests/workerd/support/browser.mjs";
import { ISSUER } from "../../tests/workerd/support/harness.mjs";
import { readHtml } from "../../tests/workerd/support/html.mjs";
import { authorizationRequest, basic } from "../../tests/workerd/support/oauth.mjs";
import { startOwnLatchkey } from "../../tests/workerd/support/own_latchkey.mjs";
import { apis, apps, newUser } from "../../tests/workerd/support/platform.mjs";
import { request, TOKEN_USES } from "../client.mjs";
import { copyLatchkey } from "./built.mjs";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
// How many sign in at once.
const SIGN_INS = 16;

const PROXY = basic(apis.projects.credential.client_id, apis.projects.credential.secret);
const ROUTES = [
  { path: "/v1/*", scopes: [] },
  { methods: ["GET"], path: "/v1/projects", scopes: ["read:projects"] },
  { methods: ["GET"], path: "/v1/projects/{id}", scopes: ["read:projects"] },
  { methods: ["PUT", "DELETE"], path: "/v1/projects/{id}", scopes: ["write:projects"] },
];

const authenticated = ({ client_id, secret }) => ({ ...FORM, authorization: basic(client_id, secret) });
const post = (path, headers, fields) => request("POST", ISSUER + path, headers, new URLSearchParams(fields).toString());

export class LatchkeySystem {
  name = "Latchkey";
  // See counting.mjs: the ledger tells the directory of uses by an alarm.
  afterwards = `${ISSUER}/bench/ring-alarms`;
  kinds = {
    metadata: { requests: () => this.#times(() => request("GET", `${ISSUER}/.well-known/oauth-authorization-server`)) },
    authorize: {
      status: 303,
      requests: () => this.#each(({ url, cookie }) => request("GET", url, { cookie })),
      keep: (flow, answer) => (flow.page = new URL(answer.header("location"), ISSUER).href),
    },
    "consent page": {
      requests: () => this.#each(({ page, cookie }) => request("GET", page, { cookie })),
      keep: (flow, answer) => (flow.form = readHtml(answer.text(), ISSUER).forms[0]),
    },
    decision: {
      status: 303,
      requests: () =>
        this.#each(({ form, cookie }) =>
          post("/oauth/consent", { ...FORM, cookie, origin: ISSUER }, [
            ...form.fields.map(({ name, value }) => [name, value]),
            ["decision", "allow"],
          ]),
        ),
      keep: (flow, answer) => (flow.code = new URL(answer.header("location")).searchParams.get("code")),
    },
    code: {
      requests: () =>
        this.#each(({ code, code_verifier, redirect_uri }) =>
          this.#token({ grant_type: "authorization_code", code, code_verifier, redirect_uri }),
        ),
      keep: (flow, answer) => (flow.tokens = answer.json()),
    },
    refresh: {
      requests: () =>
        this.#each(({ tokens }) =>
          this.#token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token }),
        ),
      keep: (flow, answer) => (flow.tokens = answer.json()),
    },
    introspection: {
      times: TOKEN_USES,
      requests: () =>
        this.#each(({ tokens }) =>
          post("/oauth/introspect", authenticated(apis.projects.credential), { token: tokens.access_token }),
        ),
      keep: (_, answer) => {
        if (!answer.json().active) throw new Error("Latchkey calls a token inactive that it has just issued");
      },
    },
    // As nginx asks. The token is one of those that were refreshed.
    call: {
      times: TOKEN_USES,
      requests: () =>
        this.#each(({ tokens }) =>
          request("GET", `${ISSUER}/oauth/verify`, {
            authorization: `Bearer ${tokens.access_token}`,
            "latchkey-authorization": PROXY,
            "x-original-method": "GET",
            "x-original-uri": "/v1/projects/42?page=2",
          }),
        ),
    },
    client_credentials: {
      requests: () => this.#times(() => post("/oauth/token", authenticated(apps.server), { grant_type: "client_credentials" })),
    },
  };

  async start(directory, options) {
    const assembled = await copyLatchkey(`${directory}/worker`, options);
    this.latchkey = await startOwnLatchkey(assembled, `${directory}/state`);
    await this.latchkey.run("UPDATE apis SET route_rules = ? WHERE id = ?", JSON.stringify(ROUTES), apis.projects.id);
    return this.latchkey.worker;
  }

  // `count` flows up to the point where the app sends the user over: each another user's first.
  async begin(count) {
    this.flows = [];
    const signIn = async () => {
      while (this.flows.length < count) {
        const flow = authorizationRequest(apps.web);
        this.flows.push(flow);
        const browser = await signedIn(this.latchkey, await newUser(this.latchkey));
        flow.cookie = [...browser.cookies].map((pair) => pair.join("=")).join("; ");
      }
    };
    await Promise.all(Array.from({ length: SIGN_INS }, signIn));
  }

  #token(fields) {
    return post("/oauth/token", authenticated(apps.web), fields);
  }

  #each(make) {
    return this.flows.map(make);
  }

  #times(make) {
    return this.flows.map(() => make());
  }
}
