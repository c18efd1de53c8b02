/**
 * Latchkey's metadata and keys, and what they are good for: JWTs of its own.
 * @module
 */
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from "jose";
import { type Settings } from "./settings.js";
import { askForObject, once } from "./wire.js";

/** The type of access tokens (RFC 9068 §2.1). */
export const ACCESS_TOKEN = "at+jwt";
const METADATA_LIFE = 600_000;
/** Before metadata that could not be renewed are asked for again. */
const PAUSE = 30_000;

interface Metadata {
  keys: JWTVerifyGetKey;
  introspectionEndpoint: string;
}

/** A JWT is not what it should be; `expired` alone is told apart, and `audience`. */
export class BadJwt extends Error {
  override readonly name = "BadJwt";
  readonly what: "expired" | "audience" | "other";
  constructor(what: BadJwt["what"]) {
    super("not a JWT of the issuer as it is wanted here");
    this.what = what;
  }
}

export class Issuer {
  readonly #settings: Settings;
  readonly #ask: () => Promise<Metadata>;
  #known: { metadata: Metadata; until: number } | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#ask = once(() => this.#discover());
  }

  /**
   * RFC 8414, asked for once in ten minutes. What is known stays good while nothing newer is to be had.
   * @throws {unknown} nothing is known
   */
  async metadata(): Promise<Metadata> {
    const known = this.#known;
    if (known && known.until > Date.now()) return known.metadata;
    try {
      return await this.#ask();
    } catch (error) {
      if (!known) throw error;
      known.until = Date.now() + PAUSE;
      this.#settings.onFault("keys", error);
      return known.metadata;
    }
  }

  /**
   * The claims of a JWT with a good signature of the issuer's, of this type and for this audience. Which algorithms are
   * good for access tokens is for the options to say; everything else is signed with ES256.
   * @throws {BadJwt}
   * @throws {unknown} the keys are out of reach
   */
  async claims(jwt: string, typ: string, audience?: string): Promise<JWTPayload> {
    const { keys } = await this.metadata();
    const { issuer, clockTolerance } = this.#settings;
    const algorithms = typ === ACCESS_TOKEN ? this.#settings.algorithms : ["ES256"];
    try {
      const { payload } = await jwtVerify(jwt, keys, {
        algorithms,
        typ,
        issuer,
        clockTolerance,
        requiredClaims: ["iat", "exp"],
        ...(audience !== undefined && { audience }),
      });
      return payload;
    } catch (error) {
      if (!isFaultOfJwt(error)) throw error;
      if (error instanceof errors.JWTExpired) throw new BadJwt("expired");
      const isAudience = error instanceof errors.JWTClaimValidationFailed && error.claim === "aud";
      throw new BadJwt(isAudience ? "audience" : "other");
    }
  }

  async #discover(): Promise<Metadata> {
    const { issuer, fetch } = this.#settings;
    const { origin, pathname } = new URL(issuer);
    const at = `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, "")}`;
    const { issuer: named, jwks_uri, introspection_endpoint } = await askForObject(this.#settings, at);
    // A document that names another issuer must not be used (RFC 8414 §3.3).
    if (named !== issuer) throw new Error("the metadata are those of another issuer");
    if (typeof jwks_uri !== "string" || typeof introspection_endpoint !== "string")
      throw new Error("the metadata lack an address");
    // The same set of keys as long as it is at the same address: an unknown `kid` asks again, at most every half minute.
    const set = createRemoteJWKSet(new URL(jwks_uri), {
      [customFetch]: (url, options) => fetch(url, options as RequestInit),
    });
    const keys: JWTVerifyGetKey = (header, token) => {
      if (typeof header.kid !== "string") throw new errors.JWKSNoMatchingKey();
      return set(header, token);
    };
    const metadata = { keys, introspectionEndpoint: introspection_endpoint };
    this.#known = { metadata, until: Date.now() + METADATA_LIFE };
    return metadata;
  }
}

/** jose tells of a set of keys that is out of reach or no set in the same family of errors. */
function isFaultOfJwt(error: unknown): error is errors.JOSEError {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}
