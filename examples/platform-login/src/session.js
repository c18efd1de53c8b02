/**
 * Cookies that this page signs: one knows the browser, one who is signed in. Nothing is stored. A platform has sessions
 * of its own; they need to know when somebody last proved who they are.
 * @typedef {import('./site.js').Env} Env
 * @typedef {{id: string, authTime: number}} Session who, and since when, in seconds since 1970
 */

const BROWSER = "__Host-acme_browser";
const SESSION = "__Host-acme_session";
const LIFETIME_SECONDS = 8 * 3600;
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax";

/**
 * @param {Request} request
 * @returns {{id: string, cookie?: string}} the browser's random name, and the cookie that gives it one
 */
export function browserOf(request) {
  const known = cookieIn(request, BROWSER);
  if (known !== undefined && /^[A-Za-z0-9_-]{43}$/.test(known)) return { id: known };
  const id = base64url(crypto.getRandomValues(new Uint8Array(32)));
  return { id, cookie: `${BROWSER}=${id}; ${ATTRIBUTES}` };
}

/**
 * Who is signed in.
 * @param {Request} request
 * @param {Env} env
 * @param {number} now seconds since 1970
 * @returns {Promise<Session | null>}
 */
export async function sessionIn(request, env, now) {
  const [, id, authTime, tag] = /^([\w-]{1,64})\.(\d{1,12})\.([\w-]{43})$/.exec(cookieIn(request, SESSION) ?? "") ?? [];
  if (id === undefined || !(await fits(env, "session", `${id}.${authTime}`, tag))) return null;
  return Number(authTime) + LIFETIME_SECONDS > now ? { id, authTime: Number(authTime) } : null;
}

/**
 * @param {Env} env
 * @param {Session} session
 */
export async function sessionCookie(env, { id, authTime }) {
  const value = `${id}.${authTime}`;
  return `${SESSION}=${value}.${await tag(env, "session", value)}; Max-Age=${LIFETIME_SECONDS}; ${ATTRIBUTES}`;
}

export const endOfSession = `${SESSION}=; Max-Age=0; ${ATTRIBUTES}`;

/**
 * Only a page shown to this browser holds it.
 * @param {Env} env
 * @param {{id: string}} browser
 */
export function csrfToken(env, { id }) {
  return tag(env, "csrf", id);
}

/**
 * @param {Env} env
 * @param {{id: string}} browser
 * @param {string | null} token what the form sent
 */
export function isCsrfToken(env, { id }, token) {
  return fits(env, "csrf", id, token ?? "");
}

function cookieIn(request, name) {
  const cookies = (request.headers.get("Cookie") ?? "").split(/; */);
  return cookies.find((cookie) => cookie.startsWith(`${name}=`))?.slice(name.length + 1);
}

async function tag(env, purpose, value) {
  return base64url(await crypto.subtle.sign("HMAC", await key(env), bytes(`${purpose} ${value}`)));
}

async function fits(env, purpose, value, given) {
  if (!/^[A-Za-z0-9_-]{43}$/.test(given)) return false;
  // WebCrypto's verify compares in constant time.
  return crypto.subtle.verify("HMAC", await key(env), fromBase64url(given), bytes(`${purpose} ${value}`));
}

function key({ SESSION_SECRET }) {
  const secret = fromBase64url(SESSION_SECRET);
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

function bytes(text) {
  return new TextEncoder().encode(text);
}

function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
