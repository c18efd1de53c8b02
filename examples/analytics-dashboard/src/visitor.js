import {
  AuthorizationError,
  CallbackError,
  kvStorage,
  SignInRequiredError,
  StepUpError,
  UnavailableError,
} from "@latchkey/client";
import { LatchkeyServerClient } from "@latchkey/client/server";
import { htmlResponse } from "./html.js";
import { dashboardPage, morePage, startPage } from "./pages.js";

const SCOPES = ["read:profile", "read:projects", "read:analytics"];

/** One visitor of the site: a Durable Object, so there is exactly one of it, and their tokens never leave it. */
export class Visitor {
  /**
   * @param {{id: DurableObjectId, storage: DurableObjectStorage}} state
   * @param {import('./index.js').Env} env
   * @param {typeof fetch} [send]
   */
  constructor({ id, storage }, env, send) {
    this.env = env;
    this.latchkey = new LatchkeyServerClient({
      issuer: env.ISSUER,
      clientId: env.CLIENT_ID,
      clientSecret: env.CLIENT_SECRET,
      redirectUri: `${env.ORIGIN}/callback`,
      api: env.API,
      scopes: SCOPES,
      session: String(id),
      storage: kvStorage(storage),
      fetch: send,
    });
  }

  /** @param {Request} request */
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const route = this.#routes[`${request.method} ${pathname}`];
    if (!route) return this.#start("There is nothing at this address.", 404);
    try {
      return await route(request);
    } catch (error) {
      return this.#explain(error);
    }
  }

  #routes = {
    "GET /": async () => ((await this.latchkey.tokens()) ? this.#dashboard() : this.#start()),
    "POST /connect": async () => redirect(await this.latchkey.getAuthorizationUrl()),
    "GET /callback": async (request) => {
      await this.latchkey.exchangeCodeForTokens(request.url);
      return redirect("/");
    },
    "POST /more": async () => redirect(await this.latchkey.getAuthorizationUrl({ stepUp: await this.#missing() })),
    "POST /disconnect": async () => {
      const { revoked } = await this.latchkey.signOut();
      return revoked
        ? redirect("/")
        : this.#start("Disconnected here. To be sure, look at your connected apps there, too.");
    },
  };

  /** Three calls at once with one token, which is renewed at most once. */
  async #dashboard() {
    const [profile, list, totals] = await Promise.all(
      ["/profile", "/projects?limit=50", "/analytics"].map((path) => this.latchkey.apiCall(path)),
    );
    return htmlResponse(this.env, dashboardPage(this.env, { profile, projects: list.projects, totals }));
  }

  /** What the API misses in the visitor's consent, if anything. */
  #missing() {
    return this.latchkey.apiCall("/analytics").then(
      () => undefined,
      (error) => (error instanceof StepUpError ? error : Promise.reject(error)),
    );
  }

  #start(note, status = 200) {
    return htmlResponse(this.env, startPage(this.env, note), { status });
  }

  #explain(error) {
    if (error instanceof StepUpError) return htmlResponse(this.env, morePage(this.env), { status: 200 });
    if (error instanceof AuthorizationError) return this.#start("Nothing was connected, and nothing was read.");
    if (error instanceof CallbackError) return this.#start("This link is no longer good. Please connect again.", 400);
    if (error instanceof SignInRequiredError) return this.#start("The access has ended. Connect again to go on.");
    // Its code is no secret; no token is in any of these errors.
    console.error(JSON.stringify({ event: "failed", code: error?.code ?? error?.name }));
    const unavailable = error instanceof UnavailableError || error?.status >= 500;
    return this.#start(
      `${this.env.PLATFORM_NAME} does not answer as it should. Try again in a moment.`,
      unavailable ? 503 : 502,
    );
  }
}

function redirect(location) {
  return new Response(null, { status: 303, headers: { Location: location, "Cache-Control": "no-store" } });
}
