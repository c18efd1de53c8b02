import assert from "node:assert/strict";
import { PlatformConnection } from "../../../examples/partner-app/src/connection.js";
import { platform } from "../../../examples/partner-app/src/platform.js";
import { visitSite } from "../../../examples/partner-app/src/site.js";
import { objectStorage } from "./storage.mjs";
import { standIn } from "./stand-in.mjs";

/** Every token and code of the stand-in holds this, so that a test can look for any of them anywhere. */
export const MARK = "SECRETMARK";

/**
 * The partner app with a stand-in for Latchkey and the API. Refresh tokens rotate: an old one is `invalid_grant`,
 * the predecessor of the newest gets the same answer again, as Latchkey does after a lost reply.
 */
export async function partnerApp({ secret = "lks_partner" } = {}) {
  const latchkey = await standIn({ issuer: "https://latchkey.test" });
  const clock = { now: Date.parse("2026-11-21T12:00:00Z") };
  const grants = { generation: 0, ended: false, expires_in: 600 };

  const tokens = (generation) => ({
    access_token: `access-${MARK}-${generation}`,
    refresh_token: `refresh-${MARK}-${generation}`,
    token_type: "Bearer",
    expires_in: grants.expires_in,
    scope: "read:profile read:projects write:projects",
  });
  latchkey.handlers["/oauth/token"] = ({ form }) => {
    if (form.get("grant_type") === "authorization_code") {
      grants.generation += 1;
      grants.ended = false;
      return Response.json(tokens(grants.generation));
    }
    const generation = Number(form.get("refresh_token")?.split("-").at(-1));
    if (grants.ended || generation < grants.generation - 1)
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    if (generation === grants.generation) grants.generation += 1;
    return Response.json(tokens(grants.generation));
  };
  latchkey.handlers["/oauth/revoke"] = () => {
    grants.ended = true;
    return Response.json({});
  };
  const authorized = (answer) => (request) => {
    const live = !grants.ended && request.headers.get("Authorization") === `Bearer access-${MARK}-${grants.generation}`;
    return live ? answer(request) : Response.json({ error: "invalid_token" }, { status: 401 });
  };
  latchkey.handlers["/profile"] = authorized(() => Response.json({ name: "Alice <script>" }));
  latchkey.handlers["/projects"] = authorized(({ method }) =>
    method === "POST"
      ? Response.json({ id: "prj_new" }, { status: 201 })
      : Response.json({
          projects: [{ id: "prj_1", name: "Garden & <b>Boat</b>", tasks: [{ title: "Dig", done: true }] }],
        }),
  );

  const objects = new Map();
  const env = {
    PLATFORM_NAME: "Acme Projects",
    ISSUER: latchkey.issuer,
    API: "http://api.test",
    ORIGIN: "http://partner.test",
    CLIENT_ID: "app_planner",
    CLIENT_SECRET: secret ?? undefined,
  };
  const connect = (name) => {
    if (!objects.has(name)) {
      const storage = objectStorage();
      const connection = new PlatformConnection({
        storage,
        platform: platform(env, latchkey.fetch),
        now: () => clock.now,
        wait: async () => {},
      });
      objects.set(name, { storage, connection });
    }
    return objects.get(name);
  };
  env.CONNECTIONS = { getByName: (name) => lazily(() => connect(name).connection) };

  return { latchkey, env, clock, grants, objects, connect, browser: () => browser(env) };
}

/** As in Workers, naming an object does not make it; the first call does. */
function lazily(make) {
  return new Proxy({}, { get: (_, method) => (method === "then" ? undefined : (...args) => make()[method](...args)) });
}

/** A browser with a cookie jar of one cookie, which keeps every page it was shown. */
function browser(env) {
  let cookie;
  const self = {
    pages: [],
    async visit(path, { method = "GET", form, headers = {} } = {}) {
      const response = await visitSite(
        new Request(new URL(path, env.ORIGIN), {
          method,
          headers: { ...(cookie && { Cookie: cookie }), ...headers },
          body: form && new URLSearchParams(form),
        }),
        env,
      );
      cookie = response.headers.get("Set-Cookie")?.split(";")[0] ?? cookie;
      const text = await response.text();
      self.pages.push(`${path}\n${[...response.headers].join("\n")}\n${text}`);
      return { response, status: response.status, location: response.headers.get("Location"), text };
    },
    /** Presses the button of the form with this action. */
    async press(action, from = "/", fields = {}) {
      const { text } = await self.visit(from);
      assert.match(text, new RegExp(`action="${action}"`), `${from} has such a form`);
      const csrf = /name="csrf" value="([^"]+)"/.exec(text)[1];
      return self.visit(action, { method: "POST", form: { csrf, ...fields } });
    },
    /** Starts to connect; gives the parameters that the platform would see. */
    async start() {
      const { location } = await self.press("/connect");
      return new URL(location).searchParams;
    },
    comeBack: (parameters) => self.visit(`/callback?${new URLSearchParams({ iss: env.ISSUER, ...parameters })}`),
    async connect() {
      const { location } = await self.comeBack({ code: `lkc_${MARK}`, state: (await self.start()).get("state") });
      assert.equal(location, "/projects");
    },
    get cookie() {
      return cookie;
    },
  };
  return self;
}
