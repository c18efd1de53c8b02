/**
 * Proofs of possession (RFC 9449 §4.3, §7).
 * @module
 */
import { calculateJwkThumbprint, EmbeddedJWK, errors, type JWK, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import type { Call } from "./credentials.js";
import { badProof, DPOP_ALGORITHMS, unavailable } from "./refusal.js";
import type { Settings } from "./settings.js";

/** How old a proof may be, in seconds, beside what the clocks may be apart. */
const LIFE = 60;
const MAX_LENGTH = 8 * 1024;
const MAX_JTI = 256;

/** Remembers proofs that were used. */
export interface ReplayStore {
  /**
   * Notes a use, and says whether it is the first.
   * @param name at most 64 letters
   * @param until in milliseconds since 1970; after that it may be forgotten
   */
  use(name: string, until: number): boolean | Promise<boolean>;
}

/**
 * In the memory of this process: behind several of them, a proof could be used once at each. Where it is full of what may not
 * be forgotten yet, it throws.
 */
export function memoryReplays(most = 100_000): ReplayStore {
  const used = new Map<string, number>();
  return {
    use(name, until) {
      const now = Date.now();
      // In the order in which they were entered, so the oldest are first.
      for (const [old, end] of used) {
        if (end > now) break;
        used.delete(old);
      }
      if (used.has(name)) return false;
      if (used.size >= most) throw new Error("the store of used proofs is full");
      used.set(name, until);
      return true;
    },
  };
}

/**
 * The thumbprint of the key that a proof proves, which is for this call and this token.
 * @throws {Refusal}
 */
export async function provenKey(settings: Settings, replays: ReplayStore, call: Call, token: string): Promise<string> {
  const proof = call.headers.get("dpop");
  if (proof === null) throw badProof("is missing");
  // Two of them are joined by a comma, and are no JWT.
  if (proof.length > MAX_LENGTH || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(proof)) throw badProof("is not one JWT");
  const { protectedHeader, payload } = await verified(proof);
  const { htm, htu, iat, jti, ath } = payload;
  if (htm !== call.method) throw badProof("has another htm than the method of this call");
  if (!isSameEndpoint(htu, settings.publicOrigin, call.url)) throw badProof("has another htu than the URL of this call");
  const age = typeof iat === "number" ? Date.now() / 1000 - iat : Number.NaN;
  const { clockTolerance } = settings;
  if (!(age <= LIFE + clockTolerance && age >= -clockTolerance - 1))
    throw badProof("is too old or from the future: check the clock");
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_JTI) throw badProof("needs a jti of at most 256 letters");
  if (ath !== (await hash(token))) throw badProof("has another ath than the hash of this token");
  const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk as JWK);
  const until = ((iat as number) + LIFE + clockTolerance + 1) * 1000;
  const isFirst = await Promise.resolve()
    .then(async () => replays.use(await hash(`${thumbprint} ${jti}`), until))
    .catch((error: unknown) => Promise.reject(unavailable(error)));
  if (!isFirst) throw badProof("was used before: make a new one for each call");
  return thumbprint;
}

async function verified(proof: string): Promise<{ protectedHeader: JWTHeaderParameters; payload: JWTPayload }> {
  try {
    // A key with private parts is none for EmbeddedJWK.
    return await jwtVerify(proof, EmbeddedJWK, { typ: "dpop+jwt", algorithms: DPOP_ALGORITHMS });
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
      throw badProof("is not of the type dpop+jwt, or its signature does not fit its jwk");
    throw error;
  }
}

/** Without query and fragment, in the normal form of the URL standard (RFC 9449 §4.3). */
function isSameEndpoint(htu: unknown, origin: string, callUrl: string): boolean {
  if (typeof htu !== "string" || !/^https?:\/\/[!-[\]-~]+$/i.test(htu) || !URL.canParse(htu)) return false;
  const named = new URL(htu);
  const called = URL.canParse(callUrl) ? new URL(callUrl) : new URL(origin + callUrl);
  return !named.username && !named.password && named.origin === origin && named.pathname === called.pathname;
}

async function hash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const letters = btoa(String.fromCharCode(...new Uint8Array(digest)));
  return letters.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
