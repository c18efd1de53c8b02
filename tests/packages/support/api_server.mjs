// A stand-in for Latchkey as an API server meets it: its keys, its tokens, its feed, its introspection.
import { createHash } from "node:crypto";
import { createGuard, fetchGuard, Refusal, scopeNeeded } from "@latchkey/server";
import { standIn } from "../../examples/support/stand-in.mjs";

export const API = "https://api.test/v1";
export const REGION = 3;
export const SECRET = { clientId: "apc_one", clientSecret: "lka_a+b%" };

const rejected = (signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

// How the feed names something.
export const nameOf = (kind, id) =>
  createHash("sha256").update(`${kind}\0${id}`).digest().subarray(0, 12).toString("base64url");

export async function newIssuer({ issuer = `https://${crypto.randomUUID()}.test` } = {}) {
  const server = await standIn({ issuer });
  const { accessToken: sign } = server;
  const seconds = () => Math.floor(Date.now() / 1000);
  const cuts = [];
  const apps = {};
  // Replaced by tests: what a list says otherwise than it should.
  server.listChanges = {};
  server.listHeader = {};
  server.list = (region, after) => {
    const all = {
      sub: `${server.issuer}/oauth/revocations/${region}`,
      aud: undefined,
      client_id: undefined,
      jti: undefined,
      scope: undefined,
      iat: seconds(),
      exp: seconds() + 30,
      as_of: Date.now(),
      after: Math.min(after, cuts.length),
      number: cuts.length,
      more: false,
      cuts: cuts.slice(after).join(""),
      apps: { ...apps },
      ...server.listChanges,
    };
    return sign(all, { typ: "latchkey-revocations+jwt", ...server.listHeader });
  };
  const { fetch } = server;
  server.asksOfFeed = [];
  // Replaced by tests.
  server.feed = async (region, after) =>
    new Response(await server.list(region, after), { headers: { "content-type": "application/latchkey-revocations+jwt" } });
  server.fetch = async (input, init) => {
    const url = new URL(input);
    const region = /^\/oauth\/revocations\/(\d+)$/.exec(url.pathname)?.[1];
    if (!region) return fetch(input, init);
    const after = Number(url.searchParams.get("after"));
    const wait = url.searchParams.get("wait");
    server.asksOfFeed.push({ region: Number(region), after, ...(wait && { wait, ...init.headers }) });
    if (wait) await Promise.race([server.news(after), rejected(init.signal)]);
    return server.feed(Number(region), after);
  };
  const waiting = [];
  server.news = (after) => (after < cuts.length ? undefined : new Promise((resolve) => waiting.push(resolve)));
  // The time of everybody who waits is up.
  server.wake = () => waiting.splice(0).forEach((resolve) => resolve());
  server.cut = (kind, id) => {
    cuts.push(nameOf(kind, id));
    server.wake();
  };
  server.cutApp = (id, epoch) => void (apps[nameOf("app", id)] = epoch);
  server.token = (claims = {}, header, key) =>
    sign(
      {
        aud: API,
        developer_id: "dev_one",
        app_type: "third_party",
        latchkey: { app_epoch: 1, shard: REGION * 256 + 5, family: "family-hash", consent: "cns_one" },
        ...claims,
      },
      header,
      key,
    );
  server.ownToken = (claims = {}) => server.token({ sub: "app_planner", latchkey: { app_epoch: 1 }, ...claims });
  server.handlers["/oauth/introspect"] = () =>
    Response.json({
      active: true,
      sub: "usr_alice",
      client_id: "app_planner",
      scope: "read:projects write:projects read:profile",
    });
  return server;
}

export const newGuard = (server, changes = {}) =>
  createGuard({ issuer: server.issuer, resource: API, fetch: server.fetch, ...changes });

export const READ = scopeNeeded("read:projects");

export const request = (token, { path = "/v1/projects", method = "GET", scheme = "Bearer", headers = {} } = {}) =>
  new Request(`https://api.test${path}`, {
    method,
    headers: { ...(token !== undefined && { authorization: `${scheme} ${token}` }), ...headers },
  });

// What a call comes to: the context, or the refusal.
export async function outcome(guard, call, need = READ) {
  try {
    return { auth: await guard.verify(call, need) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return {
      refusal: error,
      status: error.status,
      ...error.body,
      challenge: error.headers["www-authenticate"],
    };
  }
}

// A route that answers with what it was told.
export const echo = (guard, scope = "read:projects", options) =>
  fetchGuard(guard).requireScope(scope, (_request, auth) => Response.json(auth), options);
