/**
 * Who calls.
 * @module
 */
import type { Caller } from "./access_token.js";
import { userNeeded } from "./refusal.js";

interface Common {
  /** The app. */
  readonly clientId: string;
  /** The developer account behind the app. */
  readonly developerId: string;
  /** What the token allows. */
  readonly scopes: readonly string[];
  /** Always `third_party`: an app of an outside developer. */
  readonly tokenType: string;
  /** In seconds. */
  readonly issuedAt: number;
  /** In seconds. */
  readonly expiresAt: number;
}

/** A call for a user who agreed to it. */
export interface UserContext<User = unknown> extends Common {
  readonly by: "user";
  readonly userId: string;
  readonly consentId: string;
  /** What `findUser` found. */
  readonly user: User;
}

/** A call of an app for itself (`client_credentials`). */
export interface AppContext extends Common {
  readonly by: "app";
  readonly userId: null;
  readonly consentId: null;
}

export type Context<User = unknown> = UserContext<User> | AppContext;

const made = new WeakSet<object>();

/** Only a guard's checks lead here: what this module has not made is no context. */
export function makeContext<User>(caller: Caller, user: User): Context<User> {
  const common = {
    clientId: caller.clientId,
    developerId: caller.developerId,
    scopes: Object.freeze([...caller.scopes]),
    tokenType: caller.appType,
    issuedAt: caller.issuedAt,
    expiresAt: caller.expiresAt,
  };
  const context: Context<User> = caller.consent !== undefined
    ? { by: "user", userId: caller.sub, consentId: caller.consent, user, ...common }
    : { by: "app", userId: null, consentId: null, ...common };
  made.add(context);
  return Object.freeze(context);
}

/**
 * The user of a context that a guard has made.
 * @throws {TypeError} it is none: a route without a guard, or something put together by hand
 * @throws {Refusal} it is an app's own
 */
export function userOf(context: UserContext): string {
  if (typeof context !== "object" || context === null || !made.has(context))
    throw new TypeError("This is no context of a guard: the route has none, or it is not asked.");
  const { userId } = context as Context;
  if (userId === null) throw userNeeded();
  return userId;
}
