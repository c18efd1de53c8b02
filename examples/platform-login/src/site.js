import { readHandOff, wayBack, wayBackWithout } from "./hand-off.js";
import { htmlResponse } from "./html.js";
import * as pages from "./pages.js";
import { people, personOf, personWith } from "./people.js";
import { browserOf, csrfToken, endOfSession, isCsrfToken, sessionCookie, sessionIn } from "./session.js";

/**
 * @typedef {object} Env
 * @property {string} PLATFORM_NAME
 * @property {string} ORIGIN
 * @property {string} ISSUER
 * @property {string} CALLBACK
 * @property {string} SIGNING_KEY
 * @property {string} SESSION_SECRET
 * @property {string} PEOPLE
 *
 * @typedef {object} Visit
 * @property {Env} env
 * @property {URL} url
 * @property {URLSearchParams} form
 * @property {string} csrf
 * @property {number} now seconds since 1970
 * @property {{id: string, authTime: number} | null} session
 */

const MAX_FORM_LENGTH = 4096;

/** @type {Record<string, Record<string, (visit: Visit) => Response | Promise<Response>>>} */
const ROUTES = {
  "/": { GET: home },
  "/login": { GET: askOrSendBack, POST: signIn },
  "/logout": { POST: signOut },
};

/**
 * @param {Request} request
 * @param {Env} env
 */
export async function visitSite(request, env) {
  const url = new URL(request.url);
  if (!Object.hasOwn(ROUTES, url.pathname)) return htmlResponse(pages.notFoundPage(env), { status: 404 });
  const methods = ROUTES[url.pathname];
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (!Object.hasOwn(methods, method)) {
    const headers = { Allow: Object.keys(methods).join(", ") };
    return htmlResponse(pages.notFoundPage(env), { status: 405, headers });
  }
  const browser = browserOf(request);
  const now = Math.floor(Date.now() / 1000);
  const visit = {
    env,
    url,
    now,
    csrf: await csrfToken(env, browser),
    form: method === "POST" ? await readForm(request) : new URLSearchParams(),
    session: await sessionIn(request, env, now),
  };
  const isOurs = method !== "POST" || (await isCsrfToken(env, browser, visit.form.get("csrf")));
  const response = isOurs ? await methods[method](visit) : htmlResponse(pages.staleFormPage(visit), { status: 403 });
  if (browser.cookie) response.headers.append("Set-Cookie", browser.cookie);
  return response;
}

function home(visit) {
  const person = visit.session && personOf(visit.env, visit.session.id);
  return htmlResponse(pages.homePage(visit, person));
}

/** Whoever is signed in and need not prove it once more is sent straight back. */
function askOrSendBack(visit) {
  const handOff = readHandOff(visit.url.searchParams, visit.env);
  if (!handOff) return htmlResponse(pages.unknownPage(visit.env), { status: 400 });
  const { session, now, env } = visit;
  const person = session && personOf(env, session.id);
  const isRecent = session && (handOff.maxAge === undefined || now - session.authTime <= handOff.maxAge);
  if (person && isRecent && !handOff.anew && !handOff.chooses) return sendBack(visit, handOff, person, session.authTime);
  return ask(visit, handOff, { username: handOff.chooses ? "" : (handOff.hint ?? person?.username ?? "") });
}

async function signIn(visit) {
  const { env, form, now } = visit;
  const handOff = readHandOff(visit.url.searchParams, env);
  if (!handOff) return htmlResponse(pages.unknownPage(env), { status: 400 });
  const username = form.get("username") ?? "";
  const person = await personWith(env, username.trim(), form.get("password") ?? "");
  if (!person) return ask(visit, handOff, { username, wasWrong: true });
  const response = await sendBack(visit, handOff, person, now);
  response.headers.append("Set-Cookie", await sessionCookie(env, { id: person.id, authTime: now }));
  return response;
}

function signOut() {
  const response = seeOther("/");
  response.headers.append("Set-Cookie", endOfSession);
  return response;
}

function ask(visit, handOff, { username, wasWrong = false }) {
  const view = {
    username,
    wasWrong,
    action: visit.url.pathname + visit.url.search,
    cancel: wayBackWithout(visit.env, handOff),
    people: people(visit.env),
  };
  return htmlResponse(pages.signInPage(visit, view), { status: wasWrong ? 400 : 200 });
}

async function sendBack({ env, now }, handOff, person, authTime) {
  return seeOther(await wayBack(env, handOff, person, { authTime, now }));
}

function seeOther(location) {
  const headers = { Location: location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer" };
  return new Response(null, { status: 303, headers });
}

async function readForm(request) {
  const type = request.headers.get("Content-Type") ?? "";
  const length = Number(request.headers.get("Content-Length") ?? 0);
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(type) || length > MAX_FORM_LENGTH)
    return new URLSearchParams();
  return new URLSearchParams((await request.text()).slice(0, MAX_FORM_LENGTH));
}
