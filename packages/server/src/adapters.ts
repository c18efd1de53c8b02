/**
 * Guards in front of routes, for handlers of standard requests, for Hono and for Express. A scope is asked for together with
 * the token, so that neither can be mounted without the other.
 * @module
 */
import type { Context, UserContext } from "./context.js";
import type { Call } from "./credentials.js";
import { type By, type ContextOf, type Guard, type Need, scopeNeeded, tokenNeeded } from "./guard.js";
import { Refusal } from "./refusal.js";

/** Whose tokens a route takes: users', if nothing is said. */
export interface Whose<B extends By> {
  by?: B;
}

/** A handler that is told who calls; whatever else the platform gives it follows (`env`, `ctx`). */
export type Handler<C, Rest extends unknown[]> = (
  request: Request,
  auth: C,
  ...rest: Rest
) => Response | Promise<Response>;

type FetchHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Promise<Response>;

/** For handlers of standard requests: Workers, Deno, Bun, and routers that take such handlers. */
export function fetchGuard<User>(guard: Guard<User>) {
  const behind =
    <B extends By, Rest extends unknown[]>(
      need: Need<B>,
      handler: Handler<ContextOf<B, User>, Rest>,
    ): FetchHandler<Rest> =>
    async (request, ...rest) => {
      try {
        return await handler(request, await guard.verify(request, need), ...rest);
      } catch (error) {
        if (error instanceof Refusal) return error.getResponse();
        throw error;
      }
    };
  return {
    /** @throws {ConfigurationError} no scope */
    requireScope: <Rest extends unknown[], B extends By = "user">(
      scope: string | readonly string[],
      handler: Handler<ContextOf<B, User>, Rest>,
      { by }: Whose<B> = {},
    ) => behind(scopeNeeded(scope, by), handler),
    /** For a route that any token may call. */
    requireToken: <Rest extends unknown[], B extends By = "user">(
      handler: Handler<ContextOf<B, User>, Rest>,
      { by }: Whose<B> = {},
    ) => behind(tokenNeeded(by), handler),
  };
}


/** What a Hono app with guarded routes is declared with: `new Hono<HonoAuth<UserContext>>()`. */
export interface HonoAuth<C extends Context> {
  Variables: { auth: C };
}

/** For Hono: `c.get("auth")` says who calls. Hono answers refusals by itself; an app's own `onError` is given them first. */
export function honoGuard<User>(guard: Guard<User>) {
  const behind =
    <B extends By>(need: Need<B>) =>
    async (
      context: { req: { raw: Request }; set(key: "auth", value: ContextOf<B, User>): void },
      next: () => Promise<void>,
    ): Promise<void> => {
      context.set("auth", await guard.verify(context.req.raw, need));
      await next();
    };
  return {
    /** @throws {ConfigurationError} no scope */
    requireScope: <B extends By = "user">(scope: string | readonly string[], { by }: Whose<B> = {}) =>
      behind(scopeNeeded(scope, by)),
    /** For a route that any token may call. */
    requireToken: <B extends By = "user">({ by }: Whose<B> = {}) => behind(tokenNeeded(by)),
  };
}

/** As much of a request of Express, or of Node itself, as is used. */
export interface NodeRequest {
  method?: string | undefined;
  url?: string | undefined;
  /** The whole path, where a router has cut `url`. */
  originalUrl?: string;
  /** Names and values in turns. `headers` would keep the first of two `Authorization` headers and not tell. */
  rawHeaders: string[];
}

/** As much of an answer. */
export interface NodeResponse {
  headersSent: boolean;
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

type Next = (error?: unknown) => void;

/**
 * For Express, and whatever else calls `(request, response, next)`: `request.auth`, or `authOf(request)` for its type, says
 * who calls. `refusals` goes behind the routes, so that refusals which a route throws are answered as such.
 */
export function expressGuard<User>(guard: Guard<User>) {
  const behind =
    <B extends By>(need: Need<B>) =>
    (request: NodeRequest, response: NodeResponse, next: Next): void => {
      guard.verify(callOf(request), need).then(
        (auth) => {
          Object.assign(request, { auth });
          next();
        },
        (error: unknown) => refusals(error, request, response, next),
      );
    };
  const refusals = (error: unknown, _request: NodeRequest, response: NodeResponse, next: Next): void => {
    if (!(error instanceof Refusal) || response.headersSent) return next(error);
    response.statusCode = error.status;
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    response.end(JSON.stringify(error.body));
  };
  return {
    /** @throws {ConfigurationError} no scope */
    requireScope: <B extends By = "user">(scope: string | readonly string[], { by }: Whose<B> = {}) =>
      behind(scopeNeeded(scope, by)),
    /** For a route that any token may call. */
    requireToken: <B extends By = "user">({ by }: Whose<B> = {}) => behind(tokenNeeded(by)),
    /** Behind the routes: `app.use(refusals)`. */
    refusals,
    /**
     * Who calls, for a route that takes users' tokens.
     * @throws {TypeError} the route has no guard
     */
    authOf: (request: object): UserContext<User> => {
      const auth = (request as { auth?: Context<User> }).auth;
      if (auth?.by !== "user") throw new TypeError("This route has no guard that asks for a user.");
      return auth;
    },
  };
}

function callOf({ method = "GET", originalUrl, url = "/", rawHeaders }: NodeRequest): Call {
  const get = (name: string) => {
    const values: string[] = [];
    for (let at = 0; at + 1 < rawHeaders.length; at += 2)
      if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? "");
    return values.length > 0 ? values.join(", ") : null;
  };
  return { method, url: originalUrl ?? url, headers: { get } };
}
