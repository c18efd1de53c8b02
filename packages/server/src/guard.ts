/**
 * The check of a call: may this token do this, here and now?
 * @module
 */
import { type AccessToken, accessToken, type Caller, callerOf } from "./access_token.js";
import { type AppContext, type Context, makeContext, type UserContext } from "./context.js";
import { type Call, type Credentials, readCredentials } from "./credentials.js";
import { memoryReplays, provenKey, type ReplayStore } from "./dpop.js";
import { Feed } from "./feed.js";
import { introspect } from "./introspection.js";
import { ACCESS_TOKEN, BadJwt, Issuer } from "./issuer.js";
import * as refusals from "./refusal.js";
import { checked, ConfigurationError, type GuardOptions, type Settings } from "./settings.js";

/** Whose tokens a route takes. */
export type By = "user" | "app" | "either";

/** What a route asks for. */
export interface Need<B extends By = By> {
  /** The token must have all of them. */
  scopes: readonly string[];
  /** Whose tokens it takes. */
  by: B;
}

/** The context of a call that met a need. */
export type ContextOf<B extends By, User> = B extends "user"
  ? UserContext<User>
  : B extends "app"
    ? AppContext
    : Context<User>;

/** Makes a guard for one API. @throws {ConfigurationError} */
export function createGuard<User = undefined>(options: GuardOptions<User>): Guard<User> {
  return new Guard(options);
}

/**
 * What a route with this need is guarded by.
 * @param scope one, or all of several
 * @throws {ConfigurationError} it names none: a misspelt constant must not open a route
 */
export function scopeNeeded<B extends By = "user">(scope: string | readonly string[], by?: B): Need<B> {
  const scopes = [scope].flat();
  const isScope = (one: unknown) => typeof one === "string" && /^[!#-[\]-~]+$/.test(one);
  if (scopes.length === 0 || !scopes.every(isScope)) throw new ConfigurationError("A scope is missing or is none.");
  return needed(scopes, by);
}

/** A need of any token at all, with whatever scopes. */
export function tokenNeeded<B extends By = "user">(by?: B): Need<B> {
  return needed([], by);
}

function needed<B extends By>(scopes: readonly string[], by: B | undefined): Need<B> {
  const whose = by ?? "user";
  if (!["user", "app", "either"].includes(whose)) throw new ConfigurationError("by is user, app or either.");
  return Object.freeze({ scopes: Object.freeze([...scopes]), by: whose as B });
}

const IDENTITY = "latchkey-identity";
const REFUSALS = { expired: refusals.expired, audience: refusals.otherAudience, other: refusals.notOurs };

/** See `createGuard`. */
export class Guard<User = undefined> {
  readonly #settings: Settings;
  readonly #issuer: Issuer;
  readonly #feed: Feed;
  readonly #replays: ReplayStore;
  readonly #findUser: GuardOptions<User>["findUser"];

  /** @throws {ConfigurationError} */
  constructor(options: GuardOptions<User>) {
    this.#settings = checked(options);
    this.#issuer = new Issuer(this.#settings);
    this.#feed = new Feed(this.#settings, this.#issuer);
    this.#replays = options.replays ?? memoryReplays();
    this.#findUser = options.findUser;
  }

  /**
   * Checks a call. What is said of a token that is not good is the first of what is wrong with it.
   * @throws {Refusal} with its challenge
   */
  async verify<B extends By>(call: Call, need: Need<B>): Promise<ContextOf<B, User>> {
    const shown = { byDpop: call.headers.get("dpop") !== null };
    try {
      return (await this.#verify(call, need, shown)) as ContextOf<B, User>;
    } catch (error) {
      if (!(error instanceof refusals.Refusal)) throw error;
      const { resourceMetadata } = this.#settings;
      throw error.challenged({ resourceMetadata, scopes: need.scopes, byDpop: shown.byDpop });
    }
  }

  /** Lets go of the stream, so that a process can end at once. */
  close(): void {
    this.#feed.close();
  }

  async #verify(call: Call, need: Need, shown: { byDpop: boolean }): Promise<Context<User>> {
    const caller = this.#settings.gateway ? await this.#told(call) : await this.#asked(call, shown);
    if (need.by === "user" && caller.consent === undefined) throw refusals.userNeeded();
    if (need.by === "app" && caller.consent !== undefined) throw refusals.appNeeded();
    if (!need.scopes.every((scope) => caller.scopes.includes(scope))) throw refusals.scopeMissing();
    return makeContext(caller, await this.#user(caller));
  }

  /** By the token that the call shows. */
  async #asked(call: Call, shown: { byDpop: boolean }): Promise<Caller> {
    const credentials = readCredentials(call);
    shown.byDpop ||= credentials.byDpop;
    const token = await this.#read(credentials.token);
    shown.byDpop ||= token.boundTo !== undefined;
    await this.#checkKey(call, credentials, token);
    const scopes = await this.#scopesNow(credentials.token, token);
    return { ...token, scopes: [...scopes], consent: token.family?.consent };
  }

  /** By the guard's header. A call without it has come past the guard. */
  async #told(call: Call): Promise<Caller> {
    const jwt = call.headers.get(IDENTITY);
    if (jwt === null) throw refusals.noToken();
    const caller = callerOf(await this.#claims(jwt, "latchkey-identity+jwt"));
    if (!caller) throw refusals.notOurs();
    return caller;
  }

  async #read(text: string): Promise<AccessToken> {
    const token = accessToken(await this.#claims(text, ACCESS_TOKEN));
    if (!token) throw refusals.notOurs();
    return token;
  }

  async #claims(text: string, typ: string): Promise<Record<string, unknown>> {
    return this.#issuer.claims(text, typ, this.#settings.resource).catch((error: unknown) => {
      if (!(error instanceof BadJwt)) {
        this.#settings.onFault("keys", error);
        throw refusals.unavailable(error);
      }
      throw REFUSALS[error.what]();
    });
  }

  /**
   * A bound token comes with a proof of its key, any other as `Bearer`: what is bound must not pass where nobody asks for the
   * proof, nor a proof be shown for nothing (RFC 9449 §7.1, §7.2).
   */
  async #checkKey(call: Call, { byDpop, token: text }: Credentials, { boundTo }: AccessToken): Promise<void> {
    if (byDpop !== (boundTo !== undefined)) throw refusals.keyMismatch();
    if (byDpop && boundTo !== (await provenKey(this.#settings, this.#replays, call, text))) throw refusals.keyMismatch();
  }

  /** What the token allows now, as far as it can be known. */
  async #scopesNow(text: string, token: AccessToken): Promise<readonly string[]> {
    const { asksEachTime, credential, onFault } = this.#settings;
    if (!asksEachTime) {
      try {
        const cutOff = await this.#feed.cutOff(token);
        if (cutOff === "app") throw refusals.appNotInUse();
        if (cutOff === "taken back") throw refusals.takenBack();
        return token.scopes;
      } catch (error) {
        if (error instanceof refusals.Refusal) throw error;
        onFault("feed", error);
        if (!credential) throw refusals.unavailable(error);
      }
    }
    if (!credential) throw refusals.unavailable(undefined);
    const now = await introspect(this.#settings, this.#issuer, credential, text, token).catch((error: unknown) => {
      onFault("introspection", error);
      throw refusals.unavailable(error);
    });
    if (!now) throw refusals.inactive();
    return token.scopes.filter((scope) => now.includes(scope));
  }

  async #user(caller: Caller): Promise<User> {
    if (!this.#findUser || caller.consent === undefined) return undefined as User;
    const user = await this.#findUser(caller.sub);
    if (user === undefined || user === null) throw refusals.noSuchUser();
    return user;
  }
}
