/**
 * An answer other than success. Thrown where the reason is known, turned into a response in one place.
 */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} error a code of RFC 6750 where one fits
   * @param {string} description for the developer of the calling app; never holds request data
   * @param {Record<string, string>} [headers]
   */
  constructor(status, error, description, headers = {}) {
    super(description);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }

  toResponse() {
    const body = this.error ? { error: this.error, error_description: this.message } : null;
    return json(body, this.status, this.headers);
  }
}

/** Latchkey or the database did not answer: the caller shall come back, nothing is decided. */
export class Unavailable extends Refusal {
  constructor(description = "The request could not be checked. Try again shortly.") {
    super(503, "temporarily_unavailable", description, { "Retry-After": "2" });
  }
}

/** RFC 9728 section 3.1: where the metadata of a resource stands on its server. Nothing: of one without a path. */
export function metadataPath(resource) {
  const path = resource === "" ? "" : new URL(resource).pathname.replace(/^\/$/, "");
  return `/.well-known/oauth-protected-resource${path}`;
}

/** The places of an RFC 6750 challenge, in the order a reader expects. */
export function challenge(resource, parameters = {}) {
  const all = { ...parameters, resource_metadata: new URL(resource).origin + metadataPath(resource) };
  const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
  return { "WWW-Authenticate": `Bearer ${text.join(", ")}` };
}

/**
 * @param {unknown} body
 * @param {number} [status]
 * @param {Record<string, string>} [headers]
 */
export function json(body, status = 200, headers = {}) {
  return new Response(body === null ? null : JSON.stringify(body), {
    status,
    headers: {
      ...(body === null ? {} : { "Content-Type": "application/json" }),
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    },
  });
}
