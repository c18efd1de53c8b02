/**
 * What a guard is told when it is made.
 * @module
 */
import type { ReplayStore } from "./dpop.js";
import { isWorker } from "./platform.js";

/** What a token may be signed with; the issuer's key set says which of its keys is for which. */
export type Algorithm = "ES256" | "RS256";

/** The options of `createGuard`. */
export interface GuardOptions<User = undefined> {
  /** The issuer identifier: where Latchkey is. */
  issuer: string;
  /** The resource indicator of this API, letter for letter as it is registered (RFC 8707): the `aud` of its tokens. */
  resource: string;
  /**
   * How the guard learns what was taken back. `feed`: by a list that it keeps a copy of; a call costs no trip, and what was
   * taken back is refused 30 s later at the latest. `stream`: the same list, by a question that waits for news; about a
   * second later. It needs the credential, and a process that lives on between calls, so it is not for Workers. `introspection`: by a question for each call; what was taken back or
   * narrowed counts within seconds. With a list and a credential, introspection is asked where the feed is out of reach.
   */
  revocation?: "feed" | "stream" | "introspection";
  /**
   * Calls come through Latchkey's own guard, which has checked them: who calls is read from its signed header
   * `Latchkey-Identity`, and from nothing else. Scopes are still asked for here.
   */
  gateway?: boolean;
  /** The API's credential for introspection, from the console. */
  credential?: { clientId: string; clientSecret: string };
  /** What access tokens may be signed with: `["ES256", "RS256"]`. Lists and identities are always ES256. */
  algorithms?: readonly Algorithm[];
  /** How far the clocks may be apart, in seconds: 5, and 60 at most. */
  clockTolerance?: number;
  /** Where the API's metadata are (RFC 9728), for challenges. Latchkey's own document about it, if nothing is said. */
  resourceMetadata?: string;
  /** Where callers call this API, if not at the origin of `resource`: what DPoP proofs must name. */
  publicOrigin?: string;
  /** Where used DPoP proofs are remembered: in the memory of this process, if nothing is said. */
  replays?: ReplayStore;
  /** Finds the platform's record of a user, for the context; nothing found refuses the call as `invalid_user`. */
  findUser?: (userId: string) => Promise<User | null | undefined>;
  /** Told what could not be reached, and why. */
  onFault?: (what: "feed" | "introspection" | "keys", error: unknown) => void;
  /** In place of the global one. */
  fetch?: typeof fetch;
}

/** The options, checked. */
export interface Settings {
  issuer: string;
  resource: string;
  asksEachTime: boolean;
  holdsStream: boolean;
  gateway: boolean;
  credential: { clientId: string; clientSecret: string } | undefined;
  algorithms: Algorithm[];
  clockTolerance: number;
  resourceMetadata: string;
  publicOrigin: string;
  onFault: (what: "feed" | "introspection" | "keys", error: unknown) => void;
  fetch: typeof fetch;
}

/** An option that cannot work or is not safe. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const ALGORITHMS: Algorithm[] = ["ES256", "RS256"];

const NAMED: Record<keyof GuardOptions, true> = {
  issuer: true,
  resource: true,
  revocation: true,
  gateway: true,
  credential: true,
  algorithms: true,
  clockTolerance: true,
  resourceMetadata: true,
  publicOrigin: true,
  replays: true,
  findUser: true,
  onFault: true,
  fetch: true,
};
const NAMES: ReadonlySet<string> = new Set(Object.keys(NAMED));

/** @throws {ConfigurationError} */
export function checked(options: GuardOptions<unknown>): Settings {
  const issuer = address("issuer", options.issuer);
  if (issuer.search || issuer.hash) throw new ConfigurationError("issuer has a query or a fragment.");
  // A bare host name would be no resource indicator, and match no token (RFC 8707 §2).
  const resource = address("resource", options.resource);
  if (resource.hash) throw new ConfigurationError("resource has a fragment.");
  // A misspelt one would leave out what it was to switch on.
  const unknown = Object.keys(options).find((name) => !NAMES.has(name));
  if (unknown !== undefined) throw new ConfigurationError(`${unknown} is no option.`);
  const name = options.issuer.replace(/\/$/, "");
  const { revocation = "feed", credential, algorithms = ALGORITHMS, clockTolerance = 5 } = options;
  if (!["feed", "stream", "introspection"].includes(revocation))
    throw new ConfigurationError("revocation is feed, stream or introspection.");
  if (credential && !(isGiven(credential.clientId) && isGiven(credential.clientSecret)))
    throw new ConfigurationError("credential lacks clientId or clientSecret.");
  if (revocation !== "feed" && !credential)
    throw new ConfigurationError(`${revocation} needs the API's credential.`);
  if (revocation === "stream" && isWorker())
    throw new ConfigurationError("A Worker does nothing between calls, so it holds no stream: use feed.");
  if (!Array.isArray(algorithms) || algorithms.length === 0 || !algorithms.every((one) => ALGORITHMS.includes(one)))
    throw new ConfigurationError("algorithms are ES256 and RS256.");
  // A text would be put beside the life of a proof, and not added to it.
  if (typeof clockTolerance !== "number" || !(clockTolerance >= 0 && clockTolerance <= 60))
    throw new ConfigurationError("clockTolerance is 0 to 60 s.");
  if (![undefined, true, false].includes(options.gateway)) throw new ConfigurationError("gateway is true or false.");
  if (options.findUser !== undefined && typeof options.findUser !== "function")
    throw new ConfigurationError("findUser is no function.");
  if (options.replays !== undefined && typeof options.replays?.use !== "function")
    throw new ConfigurationError("replays has no function use.");
  const metadata = options.resourceMetadata;
  if (metadata !== undefined && /["\\\s]/.test(metadata)) throw new ConfigurationError("resourceMetadata is no URL.");
  return {
    issuer: name,
    resource: options.resource,
    asksEachTime: revocation === "introspection",
    holdsStream: revocation === "stream",
    gateway: options.gateway === true,
    credential,
    algorithms: [...algorithms],
    clockTolerance,
    resourceMetadata:
      metadata ?? `${name}/oauth/resource-metadata?resource=${encodeURIComponent(options.resource)}`,
    publicOrigin: address("publicOrigin", options.publicOrigin ?? resource.origin).origin,
    onFault: options.onFault ?? (() => {}),
    fetch: options.fetch ?? ((...request) => fetch(...request)),
  };
}

/** "undefined" and "null" are what a missing setting turns into on its way. */
const isGiven = (text: unknown) => typeof text === "string" && !["", "undefined", "null"].includes(text);

function address(name: string, text: string): URL {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username || url.password) throw new ConfigurationError(`${name} is no URL.`);
  const loopback = url.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !loopback) throw new ConfigurationError(`${name} is not https.`);
  return url;
}
