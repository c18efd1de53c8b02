// workers-oauth-provider, asked the same by a confidential app with a secret.
import { createHash, randomBytes } from "node:crypto";
import path from "node:path";
import { startOwnWorkerd } from "../../tests/workerd/support/own_workerd.mjs";
import { request, TOKEN_USES } from "../client.mjs";
import { bundle, ROOT } from "./built.mjs";

const ISSUER = "https://provider.example";
const CALLBACK = "https://partner.example/callback";
const FORM = { "content-type": "application/x-www-form-urlencoded" };

const random = (bytes) => randomBytes(bytes).toString("base64url");
const post = (at, headers, fields) => request("POST", ISSUER + at, headers, new URLSearchParams(fields).toString());

export class ProviderSystem {
  name = "workers-oauth-provider";
  kinds = {
    metadata: {
      requests: () => this.flows.map(() => request("GET", `${ISSUER}/.well-known/oauth-authorization-server`)),
    },
    authorize: {
      requests: () => this.flows.map(({ url }) => request("GET", url)),
      keep: (flow, answer) => ([, flow.asked] = /name="request" value="([^"]+)"/.exec(answer.text())),
    },
    decision: {
      status: 303,
      requests: () => this.flows.map(({ asked, user }) => post("/authorize", FORM, { request: asked, user })),
      keep: (flow, answer) => (flow.code = new URL(answer.header("location")).searchParams.get("code")),
    },
    code: {
      requests: () =>
        this.flows.map(({ code, code_verifier }) =>
          this.#token({ grant_type: "authorization_code", code, code_verifier, redirect_uri: CALLBACK }),
        ),
      keep: (flow, answer) => (flow.tokens = answer.json()),
    },
    refresh: {
      requests: () =>
        this.flows.map(({ tokens }) =>
          this.#token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token }),
        ),
      keep: (flow, answer) => (flow.tokens = answer.json()),
    },
    call: {
      status: 204,
      times: TOKEN_USES,
      requests: () =>
        this.flows.map(({ tokens }) =>
          request("GET", `${ISSUER}/api/projects`, { authorization: `Bearer ${tokens.access_token}` }),
        ),
    },
  };

  async start(directory, options) {
    const folder = path.join(ROOT, "bench", "provider");
    const built = await bundle(path.join(folder, "worker.mjs"), `${directory}/worker`, options);
    const config = path.join(folder, "wrangler.toml");
    const worker = await startOwnWorkerd({ config, ...built, home: `${directory}/state` });
    const app = {
      clientName: "Web App",
      redirectUris: [CALLBACK],
      tokenEndpointAuthMethod: "client_secret_basic",
      grantTypes: ["authorization_code", "refresh_token"],
    };
    const made = await worker.fetch(`${ISSUER}/client`, { method: "POST", body: JSON.stringify(app) });
    if (!made.ok) throw new Error(`workers-oauth-provider made no client: ${made.status} ${await made.text()}`);
    this.client = await made.json();
    return worker;
  }

  async begin(count) {
    this.flows = Array.from({ length: count }, () => {
      const code_verifier = random(32);
      const query = new URLSearchParams({
        response_type: "code",
        client_id: this.client.clientId,
        redirect_uri: CALLBACK,
        scope: "read:profile read:projects",
        state: random(32),
        code_challenge: createHash("sha256").update(code_verifier).digest("base64url"),
        code_challenge_method: "S256",
      });
      return { url: `${ISSUER}/authorize?${query}`, code_verifier, user: `usr_${random(9)}` };
    });
  }

  #token(fields) {
    const { clientId, clientSecret } = this.client;
    return post("/oauth/token", { ...FORM, authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` }, fields);
  }
}
