// The OpenAPI document as it is served: valid, readable by anybody, and kept by every answer. What the other tests here
// see is held against it too (support/document.mjs).
import assert from "node:assert/strict";
import { test } from "node:test";
import { validate } from "@readme/openapi-parser";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { ApiDocument } from "./support/document.mjs";
import { Browser } from "./support/browser.mjs";

const latchkey = await startLatchkey();
const document = await (await latchkey.fetch("/openapi.json")).json();

test("the document is OpenAPI 3.1, and names this server", async () => {
  assert.match(document.openapi, /^3\.1\./);
  assert.deepEqual(document.servers.map(({ url }) => url), [ISSUER]);
  const { valid, errors } = await validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 2));
});

test("the document is for everybody: cacheable, and readable by scripts of any site", async () => {
  const { headers } = await latchkey.fetch("/openapi.json");
  assert.equal(headers.get("access-control-allow-origin"), "*");
  assert.match(headers.get("cache-control"), /^public/);
  assert.equal((await latchkey.fetch("/openapi.json", { method: "HEAD" })).status, 200);
  assert.equal((await latchkey.fetch("/openapi.json", { method: "POST" })).status, 405);
});

test("every example is as its schema says", () => {
  const checked = new ApiDocument(document);
  let count = 0;
  const visit = (value, path) => {
    if (value === null || typeof value !== "object") return;
    if (value.schema && "example" in value) {
      const pointer = [...path, "schema"].map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")));
      const validator = checked.ajv.compile({ $ref: `document#/${pointer.join("/")}` });
      assert.ok(validator(value.example), `${path.join("/")}: ${JSON.stringify(validator.errors)}`);
      count++;
    }
    for (const [name, part] of Object.entries(value)) visit(part, [...path, name]);
  };
  visit(document, []);
  assert.ok(count > 20, String(count));
});

const problem = (changes) => ({
  type: `${ISSUER}/api-docs#not_found`,
  title: "Not Found",
  status: 404,
  detail: "x",
  error: "not_found",
  message: "x",
  request_id: "x",
  ...changes,
});
const answered = (status, body, headers = {}) => ({
  status,
  headers: new Headers({ "content-type": "application/problem+json", ...headers }),
  text: body === undefined ? "" : JSON.stringify(body),
});

test("an answer that the document does not know of is noticed", () => {
  const checked = new ApiDocument(document);
  const path = "/api/user/sessions";
  const challenge = { "www-authenticate": "Bearer" };
  checked.check("GET", path, answered(401, problem(), challenge));
  for (const [what, method, at, answer] of [
    ["a status", "GET", path, answered(418, problem())],
    ["a media type", "GET", path, answered(401, problem(), { ...challenge, "content-type": "application/json" })],
    ["a member too few", "GET", path, answered(401, problem({ error: undefined }), challenge)],
    ["a member too many", "GET", path, answered(401, problem({ secret: "x" }), challenge)],
    ["a member of the wrong kind", "GET", path, answered(401, problem({ status: "401" }), challenge)],
    ["a header too few", "GET", path, answered(401, problem())],
    ["a path", "GET", "/api/nothing", answered(200, {})],
    ["a method", "PUT", path, answered(200, {})],
    ["an error that is no problem document", "GET", "/api/nothing", answered(404, { error: "not_found" })],
  ])
    assert.throws(() => checked.check(method, at, answer), assert.AssertionError, what);
});

test("every operation, asked by a stranger, answers as the document says", async () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    const at = path.replaceAll(/\{[^}]+\}/g, "x");
    for (const method of Object.keys(methods)) {
      // Held against the document on the way.
      const answer = await latchkey.fetch(at, { method: method.toUpperCase() });
      assert.ok(answer.status < 500, `${method} ${at}: ${answer.status}`);
    }
  }
});

test("the pages show every operation and explain every error code, without script and for everybody", async () => {
  const browser = new Browser(latchkey);
  const overview = await browser.open("/api-docs");
  assert.equal(overview.status, 200);
  assert.doesNotMatch(overview.source, /<script|latchkey\.invalid|undefined/);
  for (const code of ["invalid_request", "precondition_failed", "not_found", "idempotency_key_reused"])
    assert.ok(overview.source.includes(`id="${code}"`), code);
  const links = overview.attributes("a", "href").filter((link) => /^\/api-docs\/[^#]+$/.test(link));
  assert.equal(links.length, document.tags.length);
  const shown = [];
  for (const link of links) {
    const page = await browser.open(link);
    assert.equal(page.status, 200, link);
    assert.doesNotMatch(page.source, /<script|latchkey\.invalid/);
    shown.push(page.source);
  }
  for (const methods of Object.values(document.paths))
    for (const { operationId } of Object.values(methods))
      assert.equal(shown.filter((source) => source.includes(`id="${operationId}"`)).length, 1, operationId);
  assert.equal((await browser.open("/api-docs/nothing")).status, 404);
});

test("every link of the pages leads to something on them", async () => {
  const browser = new Browser(latchkey);
  const pages = new Map();
  const open = async (path) => {
    if (!pages.has(path)) pages.set(path, await browser.open(path));
    return pages.get(path);
  };
  const overview = await open("/api-docs");
  for (const link of overview.attributes("a", "href").filter((link) => link.startsWith("/api-docs/"))) await open(link.split("#")[0]);
  for (const [at, page] of [...pages]) {
    for (const link of page.attributes("a", "href").filter((link) => link.includes("#"))) {
      const { pathname, hash } = new URL(link, ISSUER + at);
      const target = await open(pathname);
      assert.ok(target.source.includes(`id="${hash.slice(1)}"`), `${link} on ${at} leads nowhere`);
    }
  }
});
