// Every JSON answer that a test sees is held against the OpenAPI document: the operation must be in it, with this status,
// and the body must be as its schema says, with nothing more in it.
import assert from "node:assert/strict";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const METHODS_OF_PATHS = ["get", "post", "put", "patch", "delete"];

export class ApiDocument {
  #validators = new Map();

  constructor(document) {
    this.document = strict(structuredClone(document));
    this.ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
    addFormats(this.ajv);
    this.ajv.addSchema(this.document, "document");
    this.paths = Object.keys(document.paths).map((path) => ({ path, segments: path.split("/") }));
    // Letter by letter before placeholders.
    this.paths.sort((a, b) => placeholders(a.path) - placeholders(b.path));
  }

  // { path, operation } of a request; without an operation there is no such method.
  find(method, pathname) {
    const segments = pathname.split("/");
    const fits = (pattern) =>
      pattern.length === segments.length &&
      pattern.every((part, place) => (part.startsWith("{") ? segments[place] !== "" : part === segments[place]));
    const found = this.paths.find(({ segments: pattern }) => fits(pattern));
    if (!found) return {};
    const name = method === "HEAD" ? "get" : method.toLowerCase();
    return { path: found.path, method: name, operation: this.document.paths[found.path][name] };
  }

  // `answer`: { status, headers, text }.
  check(method, pathname, answer) {
    const { path, method: name, operation } = this.find(method, pathname);
    const place = `${method} ${pathname} answered ${answer.status}`;
    const mediaType = (answer.headers.get("content-type") ?? "").split(";")[0];
    if (!operation) {
      if (path === undefined && !pathname.startsWith("/api/")) return;
      // No such path, or no such method.
      const isPreflight = method === "OPTIONS" && answer.status === 204;
      if (!isPreflight) this.#problem(place, path === undefined ? [404] : [405], mediaType, answer);
      return;
    }
    const pointer = ["paths", path, name, "responses", String(answer.status)];
    const response = operation.responses[answer.status];
    // Only what a test broke on purpose is broken.
    if (!response && answer.status === 500) return this.#problem(place, [500], mediaType, answer);
    assert.ok(response, `${place}, which the document does not know of: ${answer.text}`);
    const at = response.$ref ? response.$ref.slice(2).split("/") : pointer;
    const whole = at.reduce((value, member) => value[member], this.document);
    if (method === "HEAD" || !whole.content) {
      assert.equal(answer.text, "", `${place} with a body, which the document does not know of`);
      return;
    }
    assert.ok(whole.content[mediaType], `${place} as ${mediaType}, which the document does not know of`);
    if (mediaType.endsWith("ndjson")) for (const line of answer.text.trim().split("\n")) JSON.parse(line);
    else if (mediaType.endsWith("json")) this.#validate(place, [...at, "content", mediaType, "schema"], answer.text);
    for (const [header, described] of Object.entries(whole.headers ?? {})) {
      const always = ["WWW-Authenticate", "Retry-After", "ETag", "Location"].includes(header);
      assert.ok(!always || answer.headers.has(header), `${place} without ${header}: ${JSON.stringify(described)}`);
    }
  }

  #problem(place, statuses, mediaType, answer) {
    assert.ok(statuses.includes(answer.status), `${place}, but the document has no such thing`);
    if (answer.text === "") return;
    assert.equal(mediaType, "application/problem+json", place);
    this.#validate(place, ["components", "schemas", "Problem"], answer.text);
  }

  #validate(place, path, text) {
    const pointer = path.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    if (!this.#validators.has(pointer))
      this.#validators.set(pointer, this.ajv.compile({ $ref: `document#/${pointer}` }));
    const validate = this.#validators.get(pointer);
    const wrong = validate(JSON.parse(text)) ? [] : validate.errors;
    const told = wrong.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
    assert.deepEqual(told, [], `${place} otherwise than the document says: ${text}`);
  }
}

const at = (document, reference) => reference.slice(2).split("/").reduce((value, name) => value[name], document);
const placeholders = (path) => path.split("{").length;

// In answers a member that the document does not name is a mistake, unless it says that there may be others.
function strict(document) {
  const visit = (schema) => {
    if (schema === null || typeof schema !== "object") return;
    for (const part of Object.values(schema)) visit(part);
    if (schema.properties && schema.additionalProperties === undefined && !partsOfAll.has(schema))
      schema.additionalProperties = false;
    if (schema.allOf) schema.unevaluatedProperties = false;
  };
  const partsOfAll = new Set();
  const collect = (value) => {
    if (value === null || typeof value !== "object") return;
    for (const part of Object.values(value)) collect(part);
    // Copies: elsewhere the same schema stands alone.
    value.allOf = value.allOf?.map((part) => structuredClone(part.$ref ? at(document, part.$ref) : part));
    for (const part of value.allOf ?? []) partsOfAll.add(part);
    if (!value.allOf) delete value.allOf;
  };
  collect(document);
  visit(document.components);
  for (const methods of Object.values(document.paths))
    for (const method of METHODS_OF_PATHS) visit(methods[method]?.responses);
  return document;
}
