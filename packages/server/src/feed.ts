/**
 * The revocation feed: what was taken back, in copies by region that grow.
 * @module
 */
import type { AccessToken } from "./access_token.js";
import { BadJwt, type Issuer } from "./issuer.js";
import type { Settings } from "./settings.js";
import { basic } from "./basic.js";
import { ask, once } from "./wire.js";

const TYPE = "latchkey-revocations+jwt";
/** After this a call has the copy renewed while it goes on with it. */
const RENEW_AFTER = 10_000;
/** Older, counted from when it was asked for, a copy is believed no more. The list was 3 s old then at most. */
const BELIEVED_FOR = 25_000;
/** A copy only grows, so once an hour one is begun anew. */
const LIFE = 3_600_000;
/** A feed that failed is not asked again at once: calls would wait for it in vain. */
const PAUSE = 2_000;
/** How long one question of the stream waits for news, in seconds. */
const WAIT = 20;
/** A region that no call has asked for is let go. */
const IDLE = 60_000;
const MOST_PARTS = 40;
const MOST_BYTES = 8 * 1024 * 1024;
/** Apps' own tokens are of no family, and are ended in one region. */
const OWN_TOKENS = 3;
const SHARDS_PER_REGION = 256;

/** Why a token is not good any more. */
export type CutOff = "app" | "taken back";

interface Copy {
  cuts: Set<string>;
  apps: Map<string, number>;
  number: number;
  begunAt: number;
  askedAt: number;
  believedUntil: number;
}

interface Region {
  copy: Copy | undefined;
  usedAt: number;
  /** Until when nobody begins to wait for news of it: somebody does, or has just failed to. */
  heldUntil: number;
  /** However many ask at a time, the feed is asked once. */
  renew: () => Promise<Copy>;
}

export class Feed {
  readonly #settings: Settings;
  readonly #issuer: Issuer;
  readonly #closing = new AbortController();
  readonly #regions = new Map<number, Region>();

  constructor(settings: Settings, issuer: Issuer) {
    this.#settings = settings;
    this.#issuer = issuer;
  }

  /**
   * Whether a token was taken back.
   * @throws {unknown} nobody knows: the feed is out of reach, and what is known of it too old
   */
  async cutOff(token: AccessToken): Promise<CutOff | undefined> {
    const { cuts, apps } = await this.#copy(
      token.family ? Math.floor(token.family.shard / SHARDS_PER_REGION) : OWN_TOKENS,
    );
    const epoch = apps.get(await name("app", token.clientId));
    if (epoch !== undefined && token.appEpoch < epoch) return "app";
    const own: [string, string][] = [["token", token.jti]];
    if (token.family) own.push(["family", token.family.family], ["consent", token.family.consent]);
    const names = await Promise.all(own.map(([kind, id]) => name(kind, id)));
    return names.some((one) => cuts.has(one)) ? "taken back" : undefined;
  }

  async #copy(region: number): Promise<Copy> {
    const kept = this.#regions.get(region) ?? this.#newRegion(region);
    const now = Date.now();
    const { copy } = kept;
    kept.usedAt = now;
    const isKnown = copy && copy.believedUntil > now && copy.askedAt <= now;
    if (!isKnown) {
      const renewed = await kept.renew();
      this.#hold(region, kept);
      return renewed;
    }
    this.#hold(region, kept);
    if (kept.heldUntil <= now && copy.askedAt + RENEW_AFTER <= now)
      kept.renew().catch((error: unknown) => this.#settings.onFault("feed", error));
    return copy;
  }

  #newRegion(region: number): Region {
    let failure: { error: unknown; until: number } | undefined;
    const made: Region = {
      copy: undefined,
      usedAt: 0,
      heldUntil: 0,
      renew: once(async () => {
        if (failure && Date.now() < failure.until) throw failure.error;
        const known = made.copy;
        const isOld = known === undefined || known.begunAt + LIFE <= Date.now();
        try {
          made.copy = await this.#read(region, isOld ? undefined : known);
        } catch (error) {
          failure = { error, until: Date.now() + PAUSE };
          throw error;
        }
        return made.copy;
      }),
    };
    this.#regions.set(region, made);
    return made;
  }

  /** Waits for news of a region, one question after the other, as long as calls need it and the feed answers. */
  #hold(region: number, kept: Region): void {
    if (!this.#settings.holdsStream || kept.heldUntil > Date.now()) return;
    kept.heldUntil = Number.POSITIVE_INFINITY;
    const wait = async () => {
      while (kept.copy && kept.usedAt + IDLE > Date.now() && !this.#closing.signal.aborted) {
        const part = await this.#part(region, kept.copy.number, WAIT);
        const now = Date.now();
        learn(kept.copy, part);
        kept.copy.number = part.number;
        kept.copy.askedAt = now;
        kept.copy.believedUntil = Math.min(now + BELIEVED_FOR, part.expiresAt);
        // Now and then anew: a copy only grows.
        if (kept.copy.begunAt + LIFE <= now) await kept.renew();
      }
    };
    // What broke off begins again with the next call; meanwhile the copy is renewed as without a stream.
    wait()
      .catch((error: unknown) => this.#closing.signal.aborted || this.#settings.onFault("feed", error))
      .finally(() => (kept.heldUntil = Date.now() + PAUSE));
  }

  /** Waits for nothing any more. */
  close(): void {
    this.#closing.abort();
  }

  /** A copy with all there is. Nothing of what is read halfway is kept. */
  async #read(region: number, known: Copy | undefined): Promise<Copy> {
    const askedAt = Date.now();
    const parts: List[] = [];
    let after = known?.number ?? 0;
    for (let more = true; more; ) {
      if (parts.length === MOST_PARTS) throw new Error("the list has no end");
      const part = await this.#part(region, after);
      parts.push(part);
      ({ more, number: after } = part);
    }
    const copy: Copy = {
      cuts: known?.cuts ?? new Set(),
      apps: known?.apps ?? new Map(),
      number: after,
      begunAt: known?.begunAt ?? askedAt,
      askedAt,
      believedUntil: Math.min(askedAt + BELIEVED_FOR, ...parts.map(({ expiresAt }) => expiresAt)),
    };
    for (const part of parts) learn(copy, part);
    return copy;
  }

  /** @param wait for news, in seconds */
  async #part(region: number, after: number, wait = 0): Promise<List> {
    const { issuer, clockTolerance, credential } = this.#settings;
    const address = `${issuer}/oauth/revocations/${region}`;
    const options = { most: MOST_BYTES, patience: wait * 1000 };
    const jwt =
      wait > 0 && credential
        ? await ask(this.#settings, `${address}?after=${after}&wait=${wait}`, {
            ...options,
            headers: { authorization: basic(credential) },
            until: this.#closing.signal,
          })
        : await ask(this.#settings, `${address}?after=${after}`, options);
    const claims = await this.#issuer.claims(jwt, TYPE).catch((error: unknown) => {
      throw error instanceof BadJwt ? new Error("the list is not the issuer's, or too old") : error;
    });
    // A list of one region passes for no other's, nor one that begins after what is known.
    const list = readList(claims);
    if (!list || claims.sub !== address || list.after > after) throw new Error("the list is none, or another one");
    return { ...list, expiresAt: (claims.exp as number) * 1000 + clockTolerance * 1000 };
  }
}

interface List {
  cuts: string[];
  apps: [string, number][];
  after: number;
  number: number;
  more: boolean;
  expiresAt: number;
}

function learn(copy: Copy, { cuts, apps }: List): void {
  for (const cut of cuts) copy.cuts.add(cut);
  for (const [app, epoch] of apps) copy.apps.set(app, Math.max(epoch, copy.apps.get(app) ?? 0));
}

const ENTRY = 16;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readList({ cuts, apps, after, number, more }: Record<string, unknown>): Omit<List, "expiresAt"> | undefined {
  if (typeof cuts !== "string" || cuts.length % ENTRY !== 0 || !/^[\w-]*$/.test(cuts)) return undefined;
  if (typeof apps !== "object" || apps === null || !isCount(after) || !isCount(number) || typeof more !== "boolean")
    return undefined;
  const epochs = Object.entries(apps);
  const all = epochs.every((entry): entry is [string, number] => /^[\w-]{16}$/.test(entry[0]) && isCount(entry[1]));
  if (!all) return undefined;
  const entries = Array.from({ length: cuts.length / ENTRY }, (_, at) => cuts.slice(at * ENTRY, (at + 1) * ENTRY));
  return { cuts: entries, apps: epochs, after, number, more };
}

/** How a list names something: 96 bits of a hash, in base64url. */
export async function name(kind: string, id: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${kind}\0${id}`));
  const letters = btoa(String.fromCharCode(...new Uint8Array(digest, 0, 12)));
  return letters.replaceAll("+", "-").replaceAll("/", "_");
}
