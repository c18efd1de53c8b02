/**
 * Sign-ins that have begun: each remembers what its callback is checked with.
 * @module
 */
import { CallbackError } from "./errors.js";
import type { ClientStorage } from "./storage.js";
import { parseObject } from "./tokens.js";
import { exclusively } from "./turns.js";

export interface Flow {
  state: string;
  /** PKCE (RFC 7636 §4.1). */
  verifier: string;
  issuer: string;
  redirectUri: string;
  scopes: string[];
  appState: string | undefined;
  /** Milliseconds since 1970. */
  begunAt: number;
}

/** In seconds. A person may look for a password for longer than Latchkey's page is good. */
const LIFE = 1800;
/** Of those that nobody came back from, the latest stay. */
const MOST = 20;

/** The flows of one session, each under its state: two tabs do not disturb each other. */
export class Flows {
  readonly #storage: ClientStorage;
  readonly #prefix: string;

  constructor(storage: ClientStorage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  /** Remembers it, and forgets those that are over. */
  async begin(flow: Flow): Promise<void> {
    const list = `${this.#prefix}flows`;
    await exclusively(this.#storage, list, async () => {
      const { states = [] } = parseObject<{ states: string[] }>(await this.#storage.get(list)) ?? {};
      for (const state of states.splice(0, states.length - MOST + 1)) await this.#storage.delete(this.#key(state));
      await this.#storage.set(list, JSON.stringify({ states: [...states, flow.state] }), LIFE);
      await this.#storage.set(this.#key(flow.state), JSON.stringify(flow), LIFE);
    });
  }

  /**
   * Each flow is given out once.
   * @throws {CallbackError} `unknown_state`, `expired`
   */
  async take(state: string): Promise<Flow> {
    const key = this.#key(state);
    const flow = await exclusively(this.#storage, key, async () => {
      const kept = parseObject<Flow>(await this.#storage.get(key));
      if (kept) await this.#storage.delete(key);
      return kept;
    });
    if (flow?.state !== state)
      throw new CallbackError("unknown_state", "No sign-in of this session has begun like this.");
    if (Date.now() > (flow.begunAt ?? 0) + LIFE * 1000)
      throw new CallbackError("expired", "This sign-in began too long ago.");
    return flow as Flow;
  }

  #key(state: string): string {
    return `${this.#prefix}flow:${state}`;
  }
}
