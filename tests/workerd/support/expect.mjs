// What an answer must be, said once.
import assert from "node:assert/strict";
import { ISSUER } from "./harness.mjs";

const header = (answer, name) => answer.headers.get(name) ?? "";

export function expectPageHeaders(answer) {
  assert.match(header(answer, "content-type"), /^text\/html; ?charset=utf-8$/i);
  const policy = header(answer, "content-security-policy");
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /(default|script)-src '(none|self)'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval| \*/);
  assert.equal(header(answer, "x-frame-options"), "DENY");
  assert.equal(header(answer, "x-content-type-options"), "nosniff");
  assert.match(header(answer, "referrer-policy"), /^(no-referrer|same-origin)$/);
}

export const expectNotStored = (answer) => assert.match(header(answer, "cache-control"), /no-store/);

// A page instead of a redirect: the address asked for is not to be trusted.
export async function expectErrorPage(answer, status = 400) {
  assert.equal(answer.status, status, header(answer, "location"));
  assert.equal(answer.headers.get("location"), null);
  expectPageHeaders(answer);
}

const describable = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/;

// The error goes back to the app: at its own address, with its state, from us.
export function expectErrorRedirect(answer, { redirect_uri, error, state }) {
  assert.equal(answer.status, 303);
  expectNotStored(answer);
  const location = new URL(header(answer, "location"));
  const wanted = new URL(redirect_uri);
  assert.equal(location.origin + location.pathname, wanted.origin + wanted.pathname);
  assert.equal(location.searchParams.get("error"), error, location.search);
  assert.match(location.searchParams.get("error_description"), describable);
  assert.deepEqual(location.searchParams.getAll("iss"), [ISSUER]);
  assert.deepEqual(location.searchParams.getAll("state"), state === undefined ? [] : [state]);
  assert.equal(location.searchParams.get("code"), null);
  return location;
}

// A JSON refusal of the token, revocation or introspection endpoint, or of one that says the same in a problem document.
export async function expectRefusal(answer, errors, status) {
  const allowed = [errors].flat();
  const text = await answer.text();
  assert.equal(answer.status, status ?? (allowed.includes("invalid_client") ? 401 : 400), text);
  assert.match(header(answer, "content-type"), /^application\/(problem\+)?json/);
  expectNotStored(answer);
  const body = JSON.parse(text);
  assert.ok(allowed.includes(body.error), `${text} where ${allowed.join(" or ")} was due`);
  assert.match(body.error_description, describable);
  assert.equal(body.access_token, undefined);
  if (body.error === "invalid_client") assert.match(header(answer, "www-authenticate"), /^Basic realm="/);
  return body;
}

// Storage is down: come again, nothing was decided.
export async function expectTryAgain(answer) {
  assert.match(header(answer, "retry-after"), /^[1-9]\d*$/);
  return expectRefusal(answer, "temporarily_unavailable", 503);
}

export async function expectTryAgainPage(answer) {
  assert.match(header(answer, "retry-after"), /^[1-9]\d*$/);
  await expectErrorPage(answer, 503);
}

// Nothing of what the Worker is made of. Whole words: a page repeats the request, whose random values spell "D1" at times.
export function expectNothingInside(text) {
  assert.doesNotMatch(text, /injected|\b(D1|D1_\w+|LEDGER|SQL|SQLITE\w*|INSERT|unwrap)(?![\w-])|\bError: |panicked|\.rs:\d|at .*\.js:/);
}
