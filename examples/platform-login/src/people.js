/**
 * Who can sign in. A platform asks its own user database, and keeps no password in clear.
 * @typedef {{id: string, username: string, name: string, email: string, password: string}} Person
 * @typedef {import('./site.js').Env} Env
 */

/**
 * @param {Env} env
 * @returns {Person[]}
 */
export function people({ PEOPLE }) {
  return JSON.parse(PEOPLE);
}

/**
 * @param {Env} env
 * @param {string} id
 * @returns {Person | undefined}
 */
export function personOf(env, id) {
  return people(env).find((person) => person.id === id);
}

/**
 * Who this is, if the password is theirs. Takes as long for a name that nobody has.
 * @param {Env} env
 * @param {string} username
 * @param {string} password
 * @returns {Promise<Person | undefined>}
 */
export async function personWith(env, username, password) {
  const person = people(env).find((one) => one.username === username);
  const isTheirs = await isSame(password, person?.password ?? "");
  return person && isTheirs ? person : undefined;
}

/** By their hashes under a key that nobody knows, so that time tells nothing about the password. */
async function isSame(one, other) {
  const name = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.generateKey(name, false, ["sign", "verify"]);
  const [left, right] = [one, other].map((text) => new TextEncoder().encode(text));
  return crypto.subtle.verify(name, key, await crypto.subtle.sign(name, key, left), right);
}
