/**
 * The calls to Latchkey. The protocol is oauth4webapi's; here is when to ask again, and what an error means.
 * @module
 */
import * as oauth from "oauth4webapi";
import { ConfigurationError, LatchkeyError, TokenError, UnavailableError } from "./errors.js";
import { isLoopback, type Settings } from "./settings.js";

/**
 * A request that lost its reply is sent again after these milliseconds. With TIMEOUT and LONGEST_WAIT all tries end
 * before the 60 s are over in which Latchkey answers a refresh token that it has just replaced with the same successor.
 */
const WAITS = [250, 1_000, 3_000];
const TIMEOUT = 8_000;
/** In seconds. Whoever is asked to wait longer hears of it at once. */
const LONGEST_WAIT = 5;
const METADATA_LIFE = 3_600_000;

type Metadata = oauth.AuthorizationServer;

/**
 * By the `fetch` that got them, so that a test's stand-in is not mistaken for the real server. Values and no promises:
 * a Worker must not wait for what another of its requests has begun.
 */
const known = new WeakMap<typeof fetch, Map<string, { metadata: Metadata; until: number }>>();

/** What {@link AuthorizationServer.redeem} needs from the flow. */
export interface Redemption {
  state: string;
  verifier: string;
  redirectUri: string;
}

export class AuthorizationServer {
  readonly #settings: Settings;
  readonly #authentication: oauth.ClientAuth;
  readonly #client: oauth.Client;
  readonly #dpop: oauth.DPoPHandle | undefined;

  constructor(settings: Settings, authentication: oauth.ClientAuth) {
    this.#settings = settings;
    this.#authentication = authentication;
    this.#client = { client_id: settings.clientId };
    this.#dpop = settings.dpop && oauth.DPoP(this.#client, settings.dpop);
  }

  /** Proves for each request that the caller has the key; undefined without DPoP. */
  get dpop(): oauth.DPoPHandle | undefined {
    return this.#dpop;
  }

  /**
   * RFC 8414. Asked for once an hour.
   * @throws {UnavailableError}
   * @throws {ConfigurationError} it is another server's
   */
  async metadata(): Promise<Metadata> {
    const { issuer, issuerName, fetch } = this.#settings;
    const all = known.get(fetch) ?? new Map<string, { metadata: Metadata; until: number }>();
    known.set(fetch, all);
    const cached = all.get(issuerName);
    if (cached && cached.until > Date.now()) return cached.metadata;
    const options = () => ({ algorithm: "oauth2" as const, ...this.#options() });
    const metadata = await this.#again(
      "Discovery",
      () => oauth.discoveryRequest(issuer, options()),
      (answer) => oauth.processDiscoveryResponse(issuer, answer),
    );
    all.set(issuerName, { metadata, until: Date.now() + METADATA_LIFE });
    return metadata;
  }

  /** @throws {LatchkeyError} as {@link metadata} */
  async authorizationUrl(parameters: Record<string, string>): Promise<string> {
    const { authorization_endpoint: endpoint } = await this.metadata();
    if (!endpoint) throw new ConfigurationError("The server has no authorization endpoint.");
    const url = new URL(endpoint);
    // The link is opened by a browser, so a javascript: or http: address must not get there.
    if (url.protocol !== "https:" && !isLoopback(url))
      throw new ConfigurationError("The server's authorization endpoint is not https.");
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /**
   * A code is sent once: a second use looks like theft and ends what came of the first (RFC 6749 §4.1.2).
   * @param callback checked for `state`, `iss` and `error` already
   * @throws {TokenError | UnavailableError}
   */
  async redeem(
    callback: URLSearchParams,
    { state, verifier, redirectUri }: Redemption,
  ): Promise<oauth.TokenEndpointResponse> {
    const server = await this.metadata();
    const { resource } = this.#settings;
    return ask(
      "The token endpoint",
      () => {
        const parameters = oauth.validateAuthResponse(server, this.#client, callback, state);
        return oauth.authorizationCodeGrantRequest(
          ...this.#asMyself(server),
          parameters,
          redirectUri,
          verifier,
          this.#options({ resource }),
        );
      },
      (answer) => oauth.processAuthorizationCodeResponse(server, this.#client, answer),
    );
  }

  /**
   * RFC 6749 §6. Sent again with the same token when the reply is lost.
   * @throws {TokenError | UnavailableError}
   */
  async refresh(refreshToken: string): Promise<oauth.TokenEndpointResponse> {
    const server = await this.metadata();
    const { resource } = this.#settings;
    return this.#again(
      "The token endpoint",
      () => oauth.refreshTokenGrantRequest(...this.#asMyself(server), refreshToken, this.#options({ resource })),
      (answer) => oauth.processRefreshTokenResponse(server, this.#client, answer),
    );
  }

  /**
   * RFC 6749 §4.4: a token of the app's own.
   * @throws {TokenError | UnavailableError}
   */
  async clientCredentials(scopes: readonly string[]): Promise<oauth.TokenEndpointResponse> {
    const server = await this.metadata();
    const { resource } = this.#settings;
    const parameters = new URLSearchParams({ resource, ...(scopes.length > 0 && { scope: scopes.join(" ") }) });
    return this.#again(
      "The token endpoint",
      () => oauth.clientCredentialsGrantRequest(...this.#asMyself(server), parameters, this.#options()),
      (answer) => oauth.processClientCredentialsResponse(server, this.#client, answer),
    );
  }

  /**
   * RFC 7009. Tried twice and no more: somebody waits for it.
   * @throws {TokenError | UnavailableError}
   */
  async revoke(token: string): Promise<void> {
    const server = await this.metadata();
    return this.#again(
      "The revocation endpoint",
      () => oauth.revocationRequest(...this.#asMyself(server), token, this.#options()),
      oauth.processRevocationResponse,
      WAITS.slice(0, 1),
    );
  }

  #asMyself(server: Metadata) {
    return [server, this.#client, this.#authentication] as const;
  }

  #options(additionalParameters?: Record<string, string>) {
    const { fetch, issuer } = this.#settings;
    const signal = timeout();
    return {
      [oauth.customFetch]: fetch,
      [oauth.allowInsecureRequests]: isLoopback(issuer),
      ...(signal && { signal }),
      ...(this.#dpop && { DPoP: this.#dpop }),
      ...(additionalParameters && { additionalParameters }),
    };
  }

  async #again<T>(
    what: string,
    send: () => Promise<Response>,
    read: (answer: Response) => Promise<T>,
    waits = WAITS,
  ): Promise<T> {
    for (const wait of waits) {
      try {
        return await ask(what, send, read);
      } catch (error) {
        if (!(error instanceof UnavailableError) || (error.retryAfter ?? 0) > LONGEST_WAIT) throw error;
        await sleep(Math.max(wait, (error.retryAfter ?? 0) * 1000));
      }
    }
    return ask(what, send, read);
  }
}

/**
 * One request; one more if the server wants its nonce in the proof (RFC 9449 §8), which it says before it does
 * anything.
 */
async function ask<T>(what: string, send: () => Promise<Response>, read: (answer: Response) => Promise<T>): Promise<T> {
  const once = async () => {
    const answer = await send();
    if (answer.status >= 500 || answer.status === 429)
      throw new UnavailableError(what, `status ${answer.status}`, retryAfter(answer));
    return read(answer);
  };
  try {
    return await once().catch((error: unknown) => (oauth.isDPoPNonceError(error) ? once() : Promise.reject(error)));
  } catch (error) {
    throw meaning(error, what);
  }
}

/** The library's codes for what no second try mends: an option of ours, or a server that says it is another one. */
const WRONG: unknown[] = [
  "ERR_INVALID_ARG_TYPE",
  "ERR_INVALID_ARG_VALUE",
  oauth.HTTP_REQUEST_FORBIDDEN,
  oauth.REQUEST_PROTOCOL_FORBIDDEN,
  oauth.JSON_ATTRIBUTE_COMPARISON,
  oauth.MISSING_SERVER_METADATA,
  oauth.INVALID_SERVER_METADATA,
];

/** The library's errors may hold the whole answer, and that a token: only their words are kept. */
function meaning(error: unknown, what: string): LatchkeyError {
  if (error instanceof LatchkeyError) return error;
  if (error instanceof oauth.ResponseBodyError)
    return new TokenError(printable(error.error), error.status, printable(error.error_description ?? ""));
  if (error instanceof oauth.WWWAuthenticateChallengeError)
    return new TokenError(printable(error.cause[0]?.parameters["error"] ?? "invalid_client"), error.status);
  const { code, message, name } = error as { code?: unknown; message?: string; name?: string };
  if (WRONG.includes(code)) return new ConfigurationError(`${what}: ${message}.`);
  if (error instanceof oauth.OperationProcessingError) return new UnavailableError(what, error.message);
  return new UnavailableError(what, name ?? "unknown");
}

/** Seconds, or undefined. */
export function retryAfter(answer: Response): number | undefined {
  const text = answer.headers.get("retry-after");
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** What others wrote, fit for one line of a log. */
export const printable = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ").slice(0, 300);

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

// React Native's AbortSignal cannot do it.
const timeout = (): AbortSignal | undefined =>
  typeof AbortSignal.timeout === "function" ? AbortSignal.timeout(TIMEOUT) : undefined;
