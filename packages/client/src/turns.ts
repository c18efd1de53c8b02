/**
 * Who changes the tokens of a session, and when: one at a time, and one refresh for all who want one.
 * @module
 */
import type { ClientStorage } from "./storage.js";

const queues = new WeakMap<ClientStorage, Map<string, Promise<unknown>>>();
const joint = new WeakMap<ClientStorage, Map<string, Promise<unknown>>>();

function of<T>(all: WeakMap<ClientStorage, Map<string, T>>, storage: ClientStorage): Map<string, T> {
  const known = all.get(storage) ?? new Map<string, T>();
  all.set(storage, known);
  return known;
}

/**
 * Runs `change` when nobody else changes what is kept under `name`: in this program, and, where there are Web Locks, in
 * the other tabs and workers of this origin.
 */
export async function exclusively<T>(storage: ClientStorage, name: string, change: () => Promise<T>): Promise<T> {
  const queue = of(queues, storage);
  const before = queue.get(name) ?? Promise.resolve();
  const turn = before.then(() => acrossTabs(name, change));
  const settled = turn.then(
    () => undefined,
    () => undefined,
  );
  queue.set(name, settled);
  try {
    return await turn;
  } finally {
    if (queue.get(name) === settled) queue.delete(name);
  }
}

async function acrossTabs<T>(name: string, change: () => Promise<T>): Promise<T> {
  // Absent in React Native, Workers and older Nodes; and in pages that are not served over https.
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  return locks ? locks.request(name, change) : change();
}

/** Runs `work`, or joins the one that is under way: whoever calls meanwhile gets the same result. */
export function together<T>(storage: ClientStorage, name: string, work: () => Promise<T>): Promise<T> {
  const underWay = of(joint, storage);
  const known = underWay.get(name) as Promise<T> | undefined;
  if (known) return known;
  const begun = work().finally(() => underWay.delete(name));
  underWay.set(name, begun);
  return begun;
}
