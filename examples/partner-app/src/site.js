import { htmlResponse } from "./html.js";
import * as pages from "./pages.js";
import { csrfToken, isCsrfToken, objectName, sessionCookie, sessionOf } from "./session.js";

/**
 * @typedef {import('./platform.js').Env} Env
 * @typedef {object} Visit
 * @property {Request} request
 * @property {URL} url
 * @property {Env} env
 * @property {string} csrf
 * @property {import('./connection.js').PlatformConnection} connection
 * @property {URLSearchParams} form
 */

const MAX_FORM_LENGTH = 8192;

/** @type {Record<string, Record<string, (visit: Visit) => Response | Promise<Response>>>} */
const ROUTES = {
  "/": { GET: home },
  "/connect": { POST: connect },
  "/callback": { GET: callback },
  "/connect/refused": { GET: (visit) => page(visit, pages.refusedPage(visit)) },
  "/connect/unknown": { GET: (visit) => page(visit, pages.unknownFlowPage(visit), 400) },
  "/connect/failed": { GET: (visit) => page(visit, pages.failedPage(visit, knownCode(visit.url)), 502) },
  "/projects": { GET: showProjects, POST: createProject },
  "/refresh": { POST: refresh },
  "/disconnect": { POST: disconnect },
};

/**
 * @param {Request} request
 * @param {Env} env
 */
export async function visitSite(request, env) {
  const url = new URL(request.url);
  if (!Object.hasOwn(ROUTES, url.pathname)) return htmlResponse(env, pages.notFoundPage(env), { status: 404 });
  const methods = ROUTES[url.pathname];
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (!Object.hasOwn(methods, method)) {
    return htmlResponse(env, pages.notFoundPage(env), {
      status: 405,
      headers: { Allow: Object.keys(methods).join(", ") },
    });
  }

  const session = sessionOf(request);
  const visit = {
    request,
    url,
    env,
    csrf: await csrfToken(session),
    // Naming an object does not make it; a visitor who never connects leaves nothing behind.
    connection: env.CONNECTIONS.getByName(await objectName(session)),
    form: method === "POST" ? await readForm(request) : new URLSearchParams(),
    isNew: session.isNew,
  };
  const trusted = method !== "POST" || (!session.isNew && (await isCsrfToken(session, visit.form.get("csrf"))));
  const response = trusted
    ? await Promise.resolve(visit)
        .then(methods[method])
        .catch((error) => storageFailed(visit, error))
    : page(visit, pages.staleFormPage(visit), 403);
  if (session.isNew) response.headers.append("Set-Cookie", sessionCookie(session));
  return response;
}

async function home(visit) {
  if (visit.isNew) return page(visit, pages.homePage(visit));
  const { state } = await visit.connection.status();
  return state === "connected" ? seeOther("/projects") : page(visit, pages.homePage(visit));
}

async function connect(visit) {
  const begun = await visit.connection.begin();
  return begun.outcome === "started" ? seeOther(begun.url) : unavailable(visit, "/");
}

/** Never a page: every outcome redirects, so that code and state leave the address bar and the history. */
async function callback({ connection, url, isNew }) {
  const { outcome, code } = isNew ? { outcome: "unknown" } : await connection.complete(url.search);
  if (outcome === "connected") return seeOther("/projects");
  return seeOther(`/connect/${outcome}${code ? `?reason=${encodeURIComponent(code)}` : ""}`);
}

async function showProjects(visit, form = {}) {
  const cursor = visit.url.searchParams.get("cursor");
  const path = `/projects${cursor ? `?${new URLSearchParams({ cursor })}` : ""}`;
  const [profile, projects] = await Promise.all([
    visit.connection.call({ method: "GET", path: "/profile" }),
    visit.connection.call({ method: "GET", path }),
  ]);
  if (projects.outcome !== "answered") return lost(visit, projects);
  if (projects.status === 400) return seeOther("/projects");
  if (projects.status !== 200) return page(visit, pages.failedPage(visit, projects.body?.error), 502);
  const status = await visit.connection.status();
  if (status.state !== "connected") return lost(visit, { outcome: status.state });
  const view = { profile: profile.status === 200 ? profile.body : null, list: projects.body, status, ...form };
  return page(visit, pages.projectsPage(visit, view), form.formError ? 400 : 200);
}

async function createProject(visit) {
  const name = visit.form.get("name") ?? "";
  const answer = await visit.connection.call({ method: "POST", path: "/projects", body: { name } });
  if (answer.outcome !== "answered") return lost(visit, answer);
  if (answer.status === 201) return seeOther("/projects");
  if (answer.status === 403) {
    return showProjects(visit, { name, formError: "You have not allowed Northwind Planner to create projects." });
  }
  return showProjects(visit, { name, formError: "That name was not accepted. Use a line of 1 to 100 characters." });
}

async function refresh(visit) {
  const answer = await visit.connection.refresh();
  return answer.outcome === "renewed" ? seeOther("/projects") : lost(visit, answer);
}

async function disconnect(visit) {
  const { outcome } = await visit.connection.disconnect();
  return outcome === "disconnected" ? seeOther("/") : unavailable(visit, "/projects");
}

/** The outcomes other than an answer. */
function lost(visit, { outcome, code }) {
  switch (outcome) {
    case "none":
      return seeOther("/");
    case "ended":
      return page(visit, pages.endedPage(visit), 403);
    case "failed":
      return page(visit, pages.failedPage(visit, code), 502);
    default:
      return unavailable(visit, "/projects");
  }
}

function storageFailed(visit, error) {
  // The kind only: a message might quote what was stored.
  console.error(JSON.stringify({ event: "visit_failed", kind: error?.name }));
  return unavailable(visit, visit.url.pathname === "/projects" ? "/projects" : "/");
}

function unavailable(visit, back) {
  return htmlResponse(visit.env, pages.unavailablePage(visit, back), { status: 503, headers: { "Retry-After": "2" } });
}

function page({ env }, content, status = 200) {
  return htmlResponse(env, content, { status });
}

function seeOther(location) {
  return new Response(null, { status: 303, headers: { Location: location, "Cache-Control": "no-store" } });
}

/** Only the shape of an error code is shown, not any sentence that a link might carry. */
function knownCode(url) {
  const code = url.searchParams.get("reason") ?? "";
  return /^[A-Za-z_]{1,40}$/.test(code) ? code : undefined;
}

async function readForm(request) {
  const type = request.headers.get("Content-Type") ?? "";
  const length = Number(request.headers.get("Content-Length") ?? 0);
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(type) || length > MAX_FORM_LENGTH)
    return new URLSearchParams();
  return new URLSearchParams((await request.text()).slice(0, MAX_FORM_LENGTH));
}
