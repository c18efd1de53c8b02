import { importJWK, SignJWT } from "jose";

/**
 * @typedef {import('./site.js').Env} Env
 * @typedef {import('./people.js').Person} Person
 */

/** Latchkey takes 120 s at most. The way back through the browser is a second. */
const ASSERTION_SECONDS = 60;
const MAX_STATE_LENGTH = 16_384;

/**
 * What Latchkey asks.
 * @typedef {object} HandOff
 * @property {string} state what Latchkey wants back as it is
 * @property {string} nonce goes into the assertion
 * @property {number} [maxAge] how many seconds ago somebody may have proved who they are at most
 * @property {boolean} anew whether they have to do it again in any case
 * @property {boolean} chooses whether they want to choose who they are
 * @property {string} [hint] who is expected
 */

/**
 * Reads what Latchkey asks. `null`: it is not Latchkey that asks, or it wants people sent elsewhere.
 * @param {URLSearchParams} query
 * @param {Env} env
 * @returns {HandOff | null}
 */
export function readHandOff(query, env) {
  const only = (name) => (query.getAll(name).length > 1 ? null : (query.get(name) ?? undefined));
  const state = stateIn(only("continue"), env);
  const nonce = only("nonce");
  const maxAge = only("max_age");
  const prompt = only("prompt");
  const hint = only("login_hint");
  if (state === undefined || prompt === null || hint === null) return null;
  if (typeof nonce !== "string" || !/^[A-Za-z0-9_-]{1,128}$/.test(nonce)) return null;
  if (maxAge !== undefined && !/^[0-9]{1,9}$/.test(maxAge ?? "")) return null;
  const prompts = (prompt ?? "").split(" ");
  return {
    state,
    nonce,
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
    anew: prompts.includes("login"),
    chooses: prompts.includes("select_account"),
    hint,
  };
}

/**
 * No open redirect: of `continue` nothing is used but the state, and only when the rest is our own callback to the
 * letter.
 */
function stateIn(target, { CALLBACK }) {
  if (typeof target !== "string" || target.length > MAX_STATE_LENGTH) return undefined;
  const prefix = `${CALLBACK}?state=`;
  if (!target.startsWith(prefix)) return undefined;
  const state = target.slice(prefix.length);
  return /^[A-Za-z0-9._~%-]+$/.test(state) ? state : undefined;
}

/**
 * The address that says who signed in.
 * @param {Env} env
 * @param {HandOff} handOff
 * @param {Person} person
 * @param {{authTime: number, now: number}} times in seconds since 1970
 */
export async function wayBack(env, handOff, person, times) {
  return `${callback(env, handOff)}&assertion=${await assertion(env, handOff, person, times)}`;
}

/**
 * The address that says that nobody did.
 * @param {Env} env
 * @param {HandOff} handOff
 */
export function wayBackWithout(env, handOff) {
  return `${callback(env, handOff)}&error=access_denied`;
}

function callback({ CALLBACK }, { state }) {
  return `${CALLBACK}?state=${state}`;
}

async function assertion({ SIGNING_KEY, ORIGIN, ISSUER }, { nonce }, person, { authTime, now }) {
  const jwk = JSON.parse(SIGNING_KEY);
  return new SignJWT({
    nonce,
    auth_time: authTime,
    name: person.name,
    preferred_username: person.username,
    email: person.email,
  })
    .setProtectedHeader({ alg: "ES256", typ: "latchkey-sign-in+jwt", kid: jwk.kid })
    .setIssuer(ORIGIN)
    .setAudience(ISSUER)
    .setSubject(person.id)
    .setIssuedAt(now)
    .setExpirationTime(now + ASSERTION_SECONDS)
    .setJti(crypto.randomUUID()) // good for one sign-in
    .sign(await importJWK(jwk, "ES256"));
}
