/**
 * What a client is told, checked once.
 * @module
 */
import { ConfigurationError } from "./errors.js";
import { type ClientStorage, defaultStorage } from "./storage.js";

/** How an app names itself, the platform and the API. */
export interface ClientOptions {
  /** The platform's Latchkey, as its metadata names itself: `https://auth.example.com`. */
  issuer: string;
  /** From the developer portal. */
  clientId: string;
  /**
   * One of the app's registered redirect URIs. On a device: https, a loopback address, or `com.example.app:/callback`.
   */
  redirectUri?: string;
  /** Where the platform's API is: `https://api.example.com/v1`. The token goes to nowhere else. */
  api: string;
  /** The API's resource indicator (RFC 8707), if it is not `api`. */
  resource?: string;
  /** Asked for unless a call of `getAuthorizationUrl` names others. Without any, the app's defaults. */
  scopes?: readonly string[];
  /** Where flows and tokens are kept. Without one: the tab's `sessionStorage`, else memory. */
  storage?: ClientStorage;
  /** Whose flows and tokens, where several share a storage. */
  session?: string;
  /** Instead of the global `fetch`. */
  fetch?: typeof fetch;
  /**
   * Binds the tokens to this key pair (DPoP, RFC 9449; ES256). Keep it where the tokens are kept; a browser's IndexedDB
   * keeps it without letting anybody read it.
   */
  dpop?: CryptoKeyPair;
}

/** {@link ClientOptions} after the checks. */
export interface Settings {
  issuer: URL;
  /** Exactly as it was given: issuers are compared letter by letter (RFC 9207 §2.4). */
  issuerName: string;
  clientId: string;
  redirectUri: string | undefined;
  api: URL;
  resource: string;
  scopes: readonly string[];
  storage: ClientStorage;
  session: string;
  fetch: typeof fetch;
  dpop: CryptoKeyPair | undefined;
}

/**
 * Called without a `this`, as browsers and Workers want it, and looked up at each call. One for all: see `metadata`.
 */
const globalFetch: typeof fetch = (...request) => fetch(...request);

/** @throws {ConfigurationError} */
export function checked(options: ClientOptions): Settings {
  // For callers without types: a page that was given a secret shows it to everybody.
  for (const name of Object.keys(options))
    if (/secret|private_?key/i.test(name))
      throw new ConfigurationError(`${name} is for programs on a server: use @latchkey/client/server there.`);
  const { issuer, clientId, redirectUri, api, resource = api, scopes = [], session = "default" } = options;
  if (!clientId || typeof clientId !== "string") throw new ConfigurationError("clientId is missing.");
  return {
    issuer: serverAddress("issuer", issuer),
    issuerName: issuer,
    clientId,
    redirectUri: redirectUri === undefined ? undefined : checkedRedirectUri(redirectUri),
    api: serverAddress("api", api),
    resource,
    scopes,
    storage: options.storage ?? defaultStorage(),
    session,
    fetch: options.fetch ?? globalFetch,
    dpop: options.dpop,
  };
}

/** Undefined if it is no absolute address. (Not every React Native knows `URL.canParse`.) */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Plain http is for servers on this very machine. */
export function isLoopback({ hostname }: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

function serverAddress(name: string, text: string): URL {
  const url = address(name, text);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url)))
    throw new ConfigurationError(`${name} must be an https address.`);
  if (url.search) throw new ConfigurationError(`${name} must have no query.`);
  return url;
}

/**
 * What an app may be answered at (RFC 8252 §7): a site or an app link by https, this machine by http, or a scheme that
 * is a domain name backwards. Any app can claim `myapp:`.
 * @throws {ConfigurationError}
 */
export function checkedRedirectUri(text: string): string {
  const url = address("redirectUri", text);
  const scheme = url.protocol.slice(0, -1);
  if (scheme === "http" && !isLoopback(url)) throw new ConfigurationError("redirectUri must be an https address.");
  if (!["https", "http"].includes(scheme) && !scheme.includes("."))
    throw new ConfigurationError(
      "redirectUri has a scheme that any app can claim: use https, or com.example.app:/callback.",
    );
  return text;
}

function address(name: string, text: string): URL {
  const url = parseUrl(text);
  if (!url) throw new ConfigurationError(`${name} must be an absolute address.`);
  if (url.username || url.password || url.hash || text.includes("#"))
    throw new ConfigurationError(`${name} must have no user name and no fragment.`);
  return url;
}
