/**
 * A browser is known by one random value in a cookie. Nothing is stored for it until it connects.
 * @typedef {{id: string, isNew: boolean}} Session
 */

/** `__Host-` keeps other hosts and plain subdomains from planting one; browsers allow it on http loopback. */
const COOKIE = "__Host-northwind_session";
const LIFETIME_SECONDS = 30 * 24 * 3600;

/**
 * @param {Request} request
 * @returns {Session}
 */
export function sessionOf(request) {
  const cookies = (request.headers.get("Cookie") ?? "").split(/; */);
  const value = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  if (value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value)) return { id: value, isNew: false };
  return { id: base64url(crypto.getRandomValues(new Uint8Array(32))), isNew: true };
}

/** @param {Session} session */
export function sessionCookie({ id }) {
  return `${COOKIE}=${id}; Max-Age=${LIFETIME_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Lax`;
}

/**
 * The object's name is a hash, so that a list of objects is not a list of sessions.
 * @param {Session} session
 */
export async function objectName({ id }) {
  return base64url(await crypto.subtle.digest("SHA-256", bytes(id)));
}

/**
 * Bound to the session, so it needs no storage and is worthless in any other browser.
 * @param {Session} session
 */
export async function csrfToken({ id }) {
  return base64url(await crypto.subtle.sign("HMAC", await csrfKey(id), CSRF_LABEL));
}

/**
 * @param {Session} session
 * @param {unknown} token what the form sent
 */
export async function isCsrfToken({ id }, token) {
  if (typeof token !== "string" || !/^[A-Za-z0-9_-]{43}$/.test(token)) return false;
  // WebCrypto's verify compares in constant time.
  return crypto.subtle.verify("HMAC", await csrfKey(id), fromBase64url(token), CSRF_LABEL);
}

const CSRF_LABEL = bytes("northwind csrf");

function csrfKey(id) {
  return crypto.subtle.importKey("raw", bytes(id), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
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
