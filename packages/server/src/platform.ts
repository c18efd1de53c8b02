/**
 * Where this runs.
 * @module
 */

/** In a Worker a request must not wait for what another one has begun, and nothing goes on between requests. */
export const isWorker = (): boolean => globalThis.navigator?.userAgent === "Cloudflare-Workers";
