/**
 * What all clients do: sign in, keep tokens fresh, call the API, sign out. How the app proves who it is comes from
 * outside.
 * @module
 */
import * as oauth from "oauth4webapi";
import { type ApiAnswer, type ApiCallOptions, apiAddress, read, send } from "./api.js";
import { AuthorizationServer, printable } from "./authorization_server.js";
import { callbackParameters } from "./callback.js";
import {
  AuthorizationError,
  CallbackError,
  ConfigurationError,
  SignInRequiredError,
  type StepUpError,
  TokenError,
} from "./errors.js";
import { type Flow, Flows } from "./flows.js";
import { checked, checkedRedirectUri, type ClientOptions, type Settings } from "./settings.js";
import { isStale, type KeptTokens, readTokens, Tokens, tokensFrom, writeTokens } from "./tokens.js";
import { exclusively, together } from "./turns.js";

/** What one sign-in asks for. */
export interface AuthorizationOptions {
  /** Instead of the client's own. */
  scopes?: readonly string[];
  /** An API wanted more: asks for what the user has agreed to already, and for that. */
  stepUp?: StepUpError;
  /**
   * Given back by `exchangeCodeForTokens`, such as the page to go on with. It stays in the storage and does not travel.
   */
  appState?: string;
  /**
   * `login`: sign in anew; `consent`: ask anew; `select_account`; `none`: show nothing (OpenID Connect Core §3.1.2.1).
   */
  prompt?: string;
  /** The user must have signed in within so many seconds. */
  maxAge?: number;
  /** Instead of the client's own, for a loopback address whose port the system chose (RFC 8252 §7.3). */
  redirectUri?: string;
}

/** What came of a sign-in. */
export interface SignIn {
  tokens: Tokens;
  appState: string | undefined;
}

export class Core {
  readonly #settings: Settings;
  readonly #flows: Flows;
  readonly #tokensKey: string;
  /** For the clients built on this one. */
  protected readonly server: AuthorizationServer;

  /** @throws {ConfigurationError} */
  constructor(options: ClientOptions, authentication: oauth.ClientAuth) {
    this.#settings = checked(options);
    this.server = new AuthorizationServer(this.#settings, authentication);
    const { clientId, resource, session, storage } = this.#settings;
    // Tokens are for one API: an app of two has two clients, which may share a storage.
    const prefix = `latchkey:${clientId}:${resource}:${session}:`;
    this.#flows = new Flows(storage, prefix);
    this.#tokensKey = `${prefix}tokens`;
  }

  /**
   * Where to send the user's browser: an authorization request with PKCE (RFC 7636, S256), a state of its own and the
   * API as its resource (RFC 8707). Remembers what the callback will be checked with. On a device open it in the
   * system's browser, never in one inside the app (RFC 8252 §8.12).
   * @throws {ConfigurationError} no redirect URI, or one that is not safe
   * @throws {UnavailableError} the server's metadata could not be read
   */
  async getAuthorizationUrl(options: AuthorizationOptions = {}): Promise<string> {
    const { clientId, issuerName, resource } = this.#settings;
    const redirectUri =
      options.redirectUri === undefined ? this.#settings.redirectUri : checkedRedirectUri(options.redirectUri);
    if (redirectUri === undefined) throw new ConfigurationError("redirectUri is missing.");
    const scopes = await this.#wanted(options);
    const { stepUp, appState } = options;
    const maxAge = options.maxAge ?? stepUp?.maxAge;
    const prompt = options.prompt ?? (stepUp && promptFor(stepUp, maxAge));
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = await this.server.authorizationUrl({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      ...(scopes.length > 0 && { scope: scopes.join(" ") }),
      resource,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(prompt !== undefined && { prompt }),
      ...(maxAge !== undefined && { max_age: String(maxAge) }),
    });
    await this.#flows.begin({
      state,
      verifier,
      issuer: issuerName,
      redirectUri,
      scopes,
      appState,
      begunAt: Date.now(),
    });
    return url;
  }

  /**
   * Takes the whole address that the server sent the browser to, checks `state`, `iss` and `error`, and redeems the
   * code. Each callback is good for one call. In a page leave it out: it is read from the address and taken out of it.
   * @throws {AuthorizationError} the user said no, or the server could not go on
   * @throws {CallbackError} it answers no sign-in of this session
   * @throws {TokenError | UnavailableError} the code was not redeemed; the user has to start again
   */
  async exchangeCodeForTokens(callback?: string | URL | URLSearchParams): Promise<SignIn> {
    const parameters = callbackParameters(callback);
    const state = parameters.get("state");
    if (!state) throw new CallbackError("unknown_state", "The callback has no state.");
    const flow = await this.#flows.take(state);
    this.#checkIssuer(parameters, flow);
    const error = parameters.get("error");
    if (error !== null) {
      const description = parameters.get("error_description");
      throw new AuthorizationError(
        printable(error),
        description === null ? undefined : printable(description),
        flow.appState,
      );
    }
    if (!parameters.get("code")) throw new CallbackError("malformed", "The callback has no code.");
    const tokens = tokensFrom(await this.server.redeem(parameters, flow), { scopes: flow.scopes });
    const { storage } = this.#settings;
    const replaced = await exclusively(storage, this.#tokensKey, async () => {
      const before = await readTokens(storage, this.#tokensKey);
      await writeTokens(storage, this.#tokensKey, tokens);
      return before;
    });
    // Nobody will use it again; if this fails it ends by itself when it has not been used for a while.
    if (replaced?.refreshToken) await this.server.revoke(replaced.refreshToken).catch(() => undefined);
    return { tokens: new Tokens(tokens), appState: flow.appState };
  }

  /**
   * Renews the tokens now, whether or not it is time; `apiCall` does so by itself. Whoever calls meanwhile gets the
   * same result. The new refresh token is stored before the new access token is given out, and a lost reply is asked
   * for again with the old one.
   * @throws {SignInRequiredError} there is nothing to renew with, or the access was taken back
   * @throws {TokenError} the app was refused
   * @throws {UnavailableError} nothing is lost, try later
   */
  async refreshAccessToken(): Promise<Tokens> {
    const kept = await readTokens(this.#settings.storage, this.#tokensKey);
    return new Tokens(await this.#renew(kept?.accessToken));
  }

  /**
   * The session's tokens, renewed if they are about to end; undefined if nobody is signed in.
   * @throws as {@link refreshAccessToken}
   */
  async tokens(): Promise<Tokens | undefined> {
    const kept = await readTokens(this.#settings.storage, this.#tokensKey);
    if (!kept) return undefined;
    return new Tokens(isStale(kept) ? await this.#renew(kept.accessToken) : kept);
  }

  /**
   * Calls the API for the user. Renews the token when it is about to end, and once when the API refuses it with a 401,
   * after which the call is sent once more.
   * @returns the JSON of the answer, the text of one that is not JSON, undefined for an empty one
   * @throws {SignInRequiredError} nobody is signed in (any more)
   * @throws {StepUpError} the API wants more than the user has agreed to
   * @throws {ApiError} any other error of the API's
   * @throws {UnavailableError} no answer; whether the API has acted is not known
   */
  async apiCall<T = unknown>(path: string, options: ApiCallOptions = {}): Promise<T> {
    const url = apiAddress(this.#settings.api, path);
    const kept = await this.#usable();
    let accessToken = kept.accessToken;
    let answer = await this.#send(accessToken, url, options);
    if (isRefused(answer) && !isStream(options.body)) {
      // The API refused before it did anything, so the same call may go once more.
      await answer.response.body?.cancel();
      accessToken = (await this.#renew(accessToken)).accessToken;
      answer = await this.#send(accessToken, url, options);
    }
    return (await read(answer, accessToken, options)) as T;
  }

  /**
   * Forgets the tokens and revokes them (RFC 7009). They are forgotten also if the server cannot be reached: `revoked`
   * is false then, and the user can still disconnect the app at the platform.
   */
  async signOut(): Promise<{ revoked: boolean }> {
    const { storage } = this.#settings;
    const kept = await exclusively(storage, this.#tokensKey, async () => {
      const before = await readTokens(storage, this.#tokensKey);
      await storage.delete(this.#tokensKey);
      return before;
    });
    if (!kept) return { revoked: true };
    return this.server.revoke(kept.refreshToken ?? kept.accessToken).then(
      () => ({ revoked: true }),
      () => ({ revoked: false }),
    );
  }

  /** Tokens that last for a call. */
  async #usable(): Promise<KeptTokens> {
    const kept = await readTokens(this.#settings.storage, this.#tokensKey);
    return kept && !isStale(kept) ? kept : this.#renew(kept?.accessToken);
  }

  /**
   * The successor of these tokens, which has to be stored by the caller.
   * @throws {SignInRequiredError}
   */
  protected async successor(kept: KeptTokens | undefined): Promise<KeptTokens> {
    if (!kept) throw new SignInRequiredError("no_tokens");
    const { refreshToken, scopes } = kept;
    if (!refreshToken) throw new SignInRequiredError("expired");
    try {
      return tokensFrom(await this.server.refresh(refreshToken), { scopes, refreshToken });
    } catch (error) {
      if (!(error instanceof TokenError) || error.code !== "invalid_grant") throw error;
      const { storage } = this.#settings;
      const now = await readTokens(storage, this.#tokensKey);
      // A program that takes no turns with this one was faster, and has renewed them.
      if (now && now.refreshToken !== refreshToken && !isStale(now)) return now;
      await storage.delete(this.#tokensKey);
      throw new SignInRequiredError("invalid_grant");
    }
  }

  /** @param stale the access token that is no longer wanted */
  #renew(stale: string | undefined): Promise<KeptTokens> {
    const { storage } = this.#settings;
    const once = async () => {
      const kept = await readTokens(storage, this.#tokensKey);
      // Another tab was faster.
      if (kept && kept.accessToken !== stale && !isStale(kept)) return kept;
      const next = await this.successor(kept);
      // Before anybody sees it: what was not stored could not be renewed again.
      await writeTokens(storage, this.#tokensKey, next);
      return next;
    };
    return together(storage, this.#tokensKey, () => exclusively(storage, this.#tokensKey, once));
  }

  #send(accessToken: string, url: URL, options: ApiCallOptions): Promise<ApiAnswer> {
    return send(this.#settings, this.server.dpop, accessToken, url, options);
  }

  #checkIssuer(parameters: URLSearchParams, flow: Flow): void {
    const { issuerName } = this.#settings;
    // Required, not only compared: without it an answer of another server could pass for ours (RFC 9700 §4.4).
    if (flow.issuer !== issuerName || parameters.get("iss") !== issuerName)
      throw new CallbackError("wrong_issuer", "The callback is not from the server that was asked.");
  }

  async #wanted({ scopes, stepUp }: AuthorizationOptions): Promise<string[]> {
    const asked = scopes ?? this.#settings.scopes;
    if (!stepUp) return [...new Set(asked)];
    const kept = await readTokens(this.#settings.storage, this.#tokensKey);
    return [...new Set([...(kept?.scopes ?? asked), ...(scopes ?? []), ...stepUp.scopes])];
  }
}

/** A user who has left a permission out is not asked for it again, unless the app asks for that. */
function promptFor({ code }: StepUpError, maxAge: number | undefined): string | undefined {
  if (code === "insufficient_scope") return "consent";
  return maxAge === undefined ? "login" : undefined;
}

/** A new token would help: not where the API wants a new sign-in (RFC 9470 §3). */
function isRefused({ response, challenges }: ApiAnswer): boolean {
  const wantsSignIn = challenges.some(({ parameters }) => parameters["error"] === "insufficient_user_authentication");
  return response.status === 401 && !wantsSignIn;
}

const isStream = (body: BodyInit | undefined) =>
  typeof ReadableStream !== "undefined" && body instanceof ReadableStream;
