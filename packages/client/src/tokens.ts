/**
 * Tokens as they are handed out, and as they are kept.
 * @module
 */
import type { TokenEndpointResponse } from "oauth4webapi";
import type { ClientStorage } from "./storage.js";

/** Renewed this long before it ends, in milliseconds: a token that ends on its way costs a round trip. */
const EARLY = 30_000;

/** What is kept; only this module and the client see it. */
export interface KeptTokens {
  accessToken: string;
  refreshToken: string | undefined;
  /** Milliseconds since 1970; undefined if the server did not say. */
  expiresAt: number | undefined;
  scopes: string[];
}

/**
 * What a user has agreed to. Printed or turned into JSON it shows no token: `accessToken` is read from a private field,
 * and the refresh token does not leave the storage.
 */
export class Tokens {
  readonly #accessToken: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | undefined;

  constructor({ accessToken, scopes, expiresAt }: KeptTokens) {
    this.#accessToken = accessToken;
    this.scopes = scopes;
    this.expiresAt = expiresAt === undefined ? undefined : new Date(expiresAt);
  }

  /** For a call that `apiCall` cannot make. Keep it nowhere: it is replaced every few minutes. */
  get accessToken(): string {
    return this.#accessToken;
  }
}

/**
 * From the endpoint's answer. What it leaves out has not changed: the scopes are those that were asked for
 * (RFC 6749 §5.1), the refresh token is the one that was sent (§6).
 */
export function tokensFrom(
  answer: TokenEndpointResponse,
  known: { scopes: string[]; refreshToken?: string | undefined },
): KeptTokens {
  const { expires_in: expiresIn } = answer;
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? known.refreshToken,
    expiresAt: expiresIn === undefined ? undefined : Date.now() + expiresIn * 1000,
    scopes: answer.scope === undefined ? known.scopes : answer.scope.split(" ").filter(Boolean),
  };
}

export function isStale({ expiresAt }: KeptTokens): boolean {
  return expiresAt !== undefined && Date.now() >= expiresAt - EARLY;
}

/** Undefined also if what is there is not ours. */
export async function readTokens(storage: ClientStorage, key: string): Promise<KeptTokens | undefined> {
  const kept = parseObject<KeptTokens>(await storage.get(key));
  return typeof kept?.accessToken === "string" && Array.isArray(kept.scopes) ? (kept as KeptTokens) : undefined;
}

export async function writeTokens(storage: ClientStorage, key: string, tokens: KeptTokens): Promise<void> {
  await storage.set(key, JSON.stringify(tokens));
}

/** An object that was stored as JSON, else undefined. */
export function parseObject<T extends object>(text: string | null | undefined): Partial<T> | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
