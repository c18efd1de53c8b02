/**
 * Where flows and tokens are kept between two calls. What is written are secrets: keep them where nobody else reads.
 * @module
 */

/** The least a place must do. `get` after a `set` that has resolved sees what was set. */
export interface ClientStorage {
  get(key: string): Promise<string | null | undefined> | string | null | undefined;
  /** `expiresIn`, in seconds: after that the value may be dropped. */
  set(key: string, value: string, expiresIn?: number): Promise<unknown> | unknown;
  delete(key: string): Promise<unknown> | unknown;
}

/** In memory: gone with the process or the page. */
export function memoryStorage(): ClientStorage {
  const values = new Map<string, { value: string; until: number }>();
  const dropExpired = () => {
    for (const [key, { until }] of values) if (until <= Date.now()) values.delete(key);
  };
  return {
    get: (key) => values.get(key)?.value,
    set(key, value, expiresIn = Infinity) {
      // Only when something is added that will expire: the beginnings of sign-ins, of which most visitors finish none.
      if (expiresIn !== Infinity) dropExpired();
      values.set(key, { value, until: Date.now() + expiresIn * 1000 });
    },
    delete: (key) => values.delete(key),
  };
}

/** The part of `sessionStorage`, `localStorage` and React Native's AsyncStorage that is needed. */
export interface ItemStore {
  getItem(key: string): Promise<string | null> | string | null;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/**
 * A browser's `sessionStorage` or `localStorage`, or anything in React Native with the same three functions.
 * Tabs share what is in `localStorage`, and then take turns at refreshing (Web Locks).
 */
export function itemStorage(items: ItemStore): ClientStorage {
  return {
    get: (key) => items.getItem(key),
    set: (key, value) => items.setItem(key, value),
    delete: (key) => items.removeItem(key),
  };
}

/** The part of a Workers KV namespace that is needed. A Durable Object's `storage` has it too. */
export interface KeyValueStore {
  get(key: string): Promise<unknown>;
  put(key: string, value: string, options?: { expirationTtl?: number }): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

/** KV refuses to let anything expire sooner. */
const SHORTEST_KV_LIFE = 60;

/**
 * Workers KV, or a Durable Object's storage. Prefer the latter where one user's requests may come at the same time from
 * different places: KV shows a write to others only after up to a minute, and its requests cannot take turns.
 */
export function kvStorage(store: KeyValueStore): ClientStorage {
  return {
    async get(key) {
      const value = await store.get(key);
      return typeof value === "string" ? value : undefined;
    },
    set: (key, value, expiresIn) =>
      store.put(key, value, expiresIn === undefined ? {} : { expirationTtl: Math.max(expiresIn, SHORTEST_KV_LIFE) }),
    delete: (key) => store.delete(key),
  };
}

/** What a client uses when it is told nothing: the tab's `sessionStorage`, else memory. */
export function defaultStorage(): ClientStorage {
  // Only where there is a page: some servers have a sessionStorage, and all their users would share it.
  if (typeof document === "undefined" || typeof sessionStorage === "undefined") return memoryStorage();
  return itemStorage(sessionStorage);
}
