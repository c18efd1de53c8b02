import { reasonOf, SCOPES } from "./platform.js";

/**
 * @typedef {{state: string, verifier: string, expires_at: number}} Flow
 * @typedef {object} Tokens
 * @property {string} access_token
 * @property {string} [refresh_token]
 * @property {number} expires_at
 * @property {string[]} scopes
 * @property {number} connected_at
 * @property {number} renewed_at
 * @property {number} renewals
 *
 * @typedef {{outcome: 'connected' | 'refused' | 'unknown' | 'failed', code?: string}} Completion
 */

const FLOW_LIFETIME = 10 * 60_000;
const MAX_FLOWS = 10;
/** Renew a little early: a token that ends on its way to the API costs a round trip. */
const EARLY = 30_000;
const RETRY_AFTER = [250, 1_000];

/**
 * One browser's connection to the platform. Lives in a Durable Object, so there is exactly one of it, its memory is
 * shared by all requests of that browser, and the tokens never leave it.
 */
export class PlatformConnection {
  /** @type {Promise<unknown>} */
  #lastChange = Promise.resolve();
  /** @type {Promise<Tokens> | undefined} */
  #renewal;
  /** @type {Map<string, Promise<Completion>>} what came of the latest flows, by their state */
  #completions = new Map();

  /**
   * @param {object} parts
   * @param {DurableObjectStorage} parts.storage
   * @param {ReturnType<typeof import('./platform.js').platform>} parts.platform
   * @param {() => number} [parts.now]
   * @param {(milliseconds: number) => Promise<void>} [parts.wait]
   */
  constructor({ storage, platform, now = Date.now, wait = sleep }) {
    Object.assign(this, { storage, platform, now, wait });
  }

  /** Starts a flow of its own, so that two tabs do not disturb each other. */
  async begin() {
    const { state, verifier } = this.platform.newFlow();
    const url = await this.#attempt(() => this.platform.authorizationUrl({ state, verifier }));
    if (!url.ok) return { outcome: "unavailable" };
    await this.#dropFlows(MAX_FLOWS - 1);
    await this.storage.put(`flow:${state}`, { state, verifier, expires_at: this.now() + FLOW_LIFETIME });
    await this.storage.setAlarm(this.now() + FLOW_LIFETIME);
    return { outcome: "started", url: url.value };
  }

  /**
   * A double click, or going back and deciding once more, brings the browser here twice with the same answer. The
   * second time it is told what came of the first.
   * @param {string} search the callback's query
   * @returns {Promise<Completion>}
   */
  complete(search) {
    const states = new URLSearchParams(search).getAll("state");
    if (states.length !== 1) return Promise.resolve({ outcome: "unknown" });
    const [state] = states;
    const known = this.#completions.get(state);
    if (known) return known;
    const completion = this.#completeOnce(search, state);
    this.#completions.set(state, completion);
    completion.catch(() => this.#completions.delete(state));
    if (this.#completions.size > MAX_FLOWS) this.#completions.delete(this.#completions.keys().next().value);
    return completion;
  }

  async #completeOnce(search, state) {
    const flow = await this.#takeFlow(state);
    if (!flow) return { outcome: "unknown" };
    let answer;
    try {
      answer = await this.platform.redeem(search, flow);
    } catch (error) {
      // No retry: a code counts once, and a second try would look like theft. The user starts again instead.
      const { code } = reasonOf(error);
      if (code === "access_denied") return { outcome: "refused" };
      log("connect_failed", code);
      return { outcome: "failed", code };
    }
    const replaced = await this.#exclusively(async () => {
      const previous = await this.#tokens();
      await this.storage.delete("ended");
      await this.#save(answer, { scopes: SCOPES, connected_at: this.now(), renewals: 0 });
      return previous;
    });
    if (replaced?.refresh_token) await this.#attempt(() => this.platform.revoke(replaced.refresh_token));
    return { outcome: "connected" };
  }

  /**
   * Calls the platform's API for this user.
   * @param {{method: 'GET' | 'POST', path: string, body?: unknown}} request
   */
  async call(request) {
    return this.#connected(async (tokens) => {
      let current = tokens;
      if (this.now() >= current.expires_at - EARLY) current = await this.#renew(current.access_token);
      let answer = await this.#send(current, request);
      if (answer.status === 401) {
        // The API refused before it did anything, so the same request may go once more with a new token.
        current = await this.#renew(current.access_token);
        answer = await this.#send(current, request);
      }
      // Latchkey vouches for the token and the API does not: a fault between them, and no word of the user's.
      if (answer.status === 401) return { outcome: "failed", code: "invalid_token" };
      if (answer.status >= 500) return { outcome: "unavailable" };
      return { outcome: "answered", ...answer };
    });
  }

  /** Renews now, whether or not it is time. */
  async refresh() {
    return this.#connected(async (tokens) => {
      await this.#renew(tokens.access_token);
      return { outcome: "renewed" };
    });
  }

  /** Nothing is forgotten before the platform has confirmed: else the access would live on unseen. */
  async disconnect() {
    return this.#exclusively(async () => {
      const tokens = await this.#tokens();
      if (tokens) {
        const revoked = await this.#attempt(() => this.platform.revoke(tokens.refresh_token ?? tokens.access_token));
        if (!revoked.ok && !revoked.final) return { outcome: "unavailable" };
      }
      await this.storage.delete("tokens");
      await this.storage.delete("ended");
      return { outcome: "disconnected" };
    });
  }

  /** What a page may show. No token is part of it. */
  async status() {
    const tokens = await this.#tokens();
    if (!tokens) return { state: await this.#whyNone() };
    const { scopes, connected_at, renewed_at, renewals, expires_at } = tokens;
    return { state: "connected", scopes, connected_at, renewed_at, renewals, expires_at };
  }

  /** Flows that nobody came back for. */
  async alarm() {
    const left = await this.#dropFlows(MAX_FLOWS);
    if (left > 0) await this.storage.setAlarm(this.now() + FLOW_LIFETIME);
  }

  /** The outcomes that all uses of the tokens share. */
  async #connected(use) {
    const tokens = await this.#tokens();
    if (!tokens) return { outcome: await this.#whyNone() };
    try {
      return await use(tokens);
    } catch (error) {
      if (error instanceof NotRenewed) return { outcome: error.outcome, code: error.code };
      throw error;
    }
  }

  async #send(tokens, request) {
    try {
      return await this.platform.callApi(tokens.access_token, request);
    } catch (error) {
      log("api_unreachable", error?.name);
      return { status: 503, body: null };
    }
  }

  /**
   * Single flight: however many requests find the token stale, one renews it and all get the result.
   * @param {string} stale the access token that is to be replaced
   */
  #renew(stale) {
    this.#renewal ??= this.#exclusively(() => this.#renewOnce(stale)).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #renewOnce(stale) {
    const tokens = await this.#tokens();
    // Another request may have found meanwhile that the access was taken back.
    if (!tokens) throw new NotRenewed(await this.#whyNone());
    if (tokens.access_token !== stale) return tokens; // somebody was faster
    if (!tokens.refresh_token) return this.#end("no_refresh_token");

    // A lost reply is asked for again with the same refresh token, which stays ours until a successor is stored.
    const answer = await this.#attempt(() => this.platform.refresh(tokens.refresh_token));
    if (answer.ok) return this.#save(answer.value, { ...tokens, renewals: tokens.renewals + 1 });
    log("renewal_failed", answer.code);
    if (answer.code === "invalid_grant") return this.#end(answer.code);
    throw new NotRenewed(answer.final ? "failed" : "unavailable", answer.code);
  }

  async #end(code) {
    // In this order: another request may look in between, and must not find that there never was a connection.
    await this.storage.put("ended", true);
    await this.storage.delete("tokens");
    throw new NotRenewed("ended", code);
  }

  /** The rotated refresh token is on disk before anybody sees the new access token. */
  async #save(answer, { refresh_token, scopes, connected_at, renewals }) {
    const tokens = {
      access_token: answer.access_token,
      refresh_token: answer.refresh_token ?? refresh_token,
      expires_at: this.now() + (answer.expires_in ?? 60) * 1000,
      // Left out when it is what was asked for (RFC 6749 section 5.1).
      scopes: answer.scope?.split(" ") ?? scopes,
      connected_at,
      renewed_at: this.now(),
      renewals,
    };
    await this.storage.put("tokens", tokens);
    await this.storage.sync();
    return tokens;
  }

  /** @returns {Promise<Tokens | undefined>} */
  #tokens() {
    return this.storage.get("tokens");
  }

  /** Why there are no tokens: the access was taken back, or there never was any. */
  async #whyNone() {
    return (await this.storage.get("ended")) ? "ended" : "none";
  }

  /** Deleting is the claim: of two callbacks with one state, one finds something to delete. */
  async #takeFlow(state) {
    const flow = await this.storage.get(`flow:${state}`);
    const mine = flow && (await this.storage.delete(`flow:${state}`));
    return mine && flow.expires_at > this.now() ? flow : undefined;
  }

  /** Drops flows that are over, and the oldest beyond `keep`. */
  async #dropFlows(keep) {
    const flows = [...(await this.storage.list({ prefix: "flow:" }))].sort(
      ([, a], [, b]) => b.expires_at - a.expires_at,
    );
    const dead = flows.filter(([, flow], place) => place >= keep || flow.expires_at <= this.now());
    for (const [key] of dead) await this.storage.delete(key);
    return flows.length - dead.length;
  }

  /** Changes of the tokens run one after another: renewing, reconnecting, disconnecting. */
  #exclusively(change) {
    const run = this.#lastChange.then(change);
    this.#lastChange = run.catch(() => {});
    return run;
  }

  /** Makes a call that may safely be repeated, until the platform has decided. */
  async #attempt(call) {
    for (let tries = 0; ; tries += 1) {
      try {
        return { ok: true, value: await call() };
      } catch (error) {
        const { code, final } = reasonOf(error);
        if (final || tries >= RETRY_AFTER.length) return { ok: false, code, final };
        await this.wait(RETRY_AFTER[tries]);
      }
    }
  }
}

class NotRenewed extends Error {
  /** @param {'none' | 'ended' | 'failed' | 'unavailable'} outcome */
  constructor(outcome, code) {
    super(outcome);
    Object.assign(this, { outcome, code });
  }
}

/** Codes and kinds only: an error's message or cause may hold a token. */
function log(event, code) {
  console.log(JSON.stringify({ event, code }));
}

function sleep(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
