import { htmlResponse } from "./html.js";
import { startPage } from "./pages.js";
import { newSession, sessionOf, withSession } from "./session.js";

export { Visitor } from "./visitor.js";

/**
 * @typedef {object} Env
 * @property {string} PLATFORM_NAME
 * @property {string} ISSUER
 * @property {string} API
 * @property {string} ORIGIN where this site is served
 * @property {string} CLIENT_ID
 * @property {string} CLIENT_SECRET
 * @property {DurableObjectNamespace} VISITORS
 */

export default {
  /**
   * Finds the visitor's object by their cookie. Who has none yet gets one with the first click and not before.
   * @param {Request} request
   * @param {Env} env
   */
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    // Browsers name the page that a form is on. Another site must not connect or disconnect anybody here.
    if (request.method === "POST" && request.headers.get("Origin") !== env.ORIGIN)
      return htmlResponse(env, startPage(env, "That form was not on this site."), { status: 403 });
    const session = sessionOf(request);
    if (session) return visitor(env, session).fetch(request);
    if (request.method === "POST" && pathname === "/connect") {
      const fresh = newSession();
      return withSession(fresh, await visitor(env, fresh).fetch(request));
    }
    return htmlResponse(env, startPage(env), { status: pathname === "/" ? 200 : 404 });
  },
};

const visitor = (env, session) => env.VISITORS.get(env.VISITORS.idFromName(session));
