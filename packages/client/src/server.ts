/**
 * For apps on a server, which prove who they are. A bundler that builds for browsers does not find this module.
 * @module
 */
import * as oauth from "oauth4webapi";
import { Core } from "./core.js";
import { ConfigurationError } from "./errors.js";
import type { ClientOptions } from "./settings.js";
import { type KeptTokens, type Tokens, tokensFrom } from "./tokens.js";

/** How the app proves who it is: by its secret, or by a key whose public half is registered (RFC 7523). */
export type Proof =
  { clientSecret: string; privateKey?: never } | { clientSecret?: never; privateKey: { key: CryptoKey; kid: string } };

/** The options of {@link LatchkeyServerClient}. */
export type ServerClientOptions = ClientOptions &
  Proof & {
    /**
     * Whose flows and tokens: the id of the visitor's own session, which nobody else can know. A callback counts only
     * in the session that began it.
     */
    session: string;
  };

/** A confidential app, for one of its users: make one for each session, at each request. */
export class LatchkeyServerClient extends Core {
  /** @throws {ConfigurationError} */
  constructor(options: ServerClientOptions) {
    const { clientSecret: _secret, privateKey: _key, ...others } = options;
    if (!options.session) throw new ConfigurationError("session is missing: all visitors would share one.");
    super(others, authentication(options));
  }
}

/** The options of {@link LatchkeyService}: nobody signs in, so there is no redirect URI. */
export type ServiceOptions = Omit<ClientOptions, "redirectUri" | "session"> & Proof;

/** A program that acts for itself (RFC 6749 §4.4): it gets a token when it needs one. */
export class LatchkeyService {
  readonly #client: ServiceClient;

  /** @throws {ConfigurationError} */
  constructor(options: ServiceOptions) {
    this.#client = new ServiceClient(options);
  }

  /** As `apiCall` of the other clients. */
  apiCall: Core["apiCall"] = (path, options) => this.#client.apiCall(path, options);

  /** Gets a new token now. */
  refreshAccessToken(): Promise<Tokens> {
    return this.#client.refreshAccessToken();
  }
}

class ServiceClient extends Core {
  readonly #scopes: readonly string[];

  constructor(options: ServiceOptions) {
    const { clientSecret: _secret, privateKey: _key, ...others } = options;
    const scopes = [...new Set(options.scopes)].sort();
    super({ ...others, session: `service ${scopes.join(" ")}` }, authentication(options));
    this.#scopes = scopes;
  }

  protected override async successor(): Promise<KeptTokens> {
    return tokensFrom(await this.server.clientCredentials(this.#scopes), { scopes: [...this.#scopes] });
  }
}

function authentication({ clientSecret, privateKey }: Proof): oauth.ClientAuth {
  if (typeof document !== "undefined")
    throw new ConfigurationError("@latchkey/client/server is for servers: a page would show the secret to everybody.");
  if (privateKey) return oauth.PrivateKeyJwt(privateKey);
  // "undefined" and "null" are what a missing setting turns into on its way.
  if (!clientSecret || ["undefined", "null"].includes(clientSecret))
    throw new ConfigurationError("clientSecret is missing.");
  return oauth.ClientSecretBasic(clientSecret);
}
