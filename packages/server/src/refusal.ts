/**
 * How a call that is refused is told so: RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1.
 * @module
 */

/** Why a token is not good, beside the code `invalid_token`. */
export type Reason = "invalid_token" | "invalid_client" | "invalid_user" | "consent_revoked";

/** The code of a refusal. */
export type Code =
  | "token_required"
  | "invalid_request"
  | "invalid_token"
  | "invalid_dpop_proof"
  | "insufficient_scope"
  | "temporarily_unavailable";

const STATUS: Record<Code, [number, string]> = {
  token_required: [401, "Unauthorized"],
  invalid_request: [400, "Bad Request"],
  invalid_token: [401, "Unauthorized"],
  invalid_dpop_proof: [401, "Unauthorized"],
  insufficient_scope: [403, "Forbidden"],
  temporarily_unavailable: [503, "Service Unavailable"],
};

/** A proof may be made with these. */
export const DPOP_ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256"];

/** What a challenge names. */
export interface Challenged {
  /** Where the API's metadata are (RFC 9728 §5.1). */
  resourceMetadata: string;
  /** What the route asks for. */
  scopes: readonly string[];
  /** Whether whoever calls shows a proof of a key, or has to. */
  byDpop: boolean;
}

/** A problem document (RFC 9457), with `error` and `message` beside it, as Latchkey's own errors are. */
export interface Problem {
  title: string;
  status: number;
  detail: string;
  error: Code;
  message: string;
  /** Of `invalid_token`. */
  reason?: Reason;
  /** Of `insufficient_scope`: all that the route asks for. */
  scope?: string;
}

interface More {
  reason?: Reason | undefined;
  scope?: string | undefined;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** Some call that may not go on. Its message repeats nothing that the call brought. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: Code;
  /** Of `invalid_token` only. */
  readonly reason: Reason | undefined;
  /** Of `insufficient_scope` only: all that the route asks for. */
  readonly scope: string | undefined;
  /** Of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: Code, description: string, { reason, scope, headers = {}, cause }: More = {}) {
    super(description, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
    this.scope = scope;
    this.headers = { "content-type": "application/problem+json", "cache-control": "no-store", ...headers };
  }

  /** Of the answer. */
  get status(): number {
    return STATUS[this.code][0];
  }

  /** Of the answer, as JSON. */
  get body(): Problem {
    const { code: error, message, reason, scope } = this;
    const [status, title] = STATUS[error];
    return { title, status, detail: message, error, message, ...(reason && { reason }), ...(scope && { scope }) };
  }

  /** The answer. Hono finds it by this name. */
  getResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers });
  }

  /** The same with a challenge, where a token would help. */
  challenged({ resourceMetadata, scopes, byDpop }: Challenged): Refusal {
    if (this.code === "temporarily_unavailable") return this;
    const parameters = [`resource_metadata="${resourceMetadata}"`];
    if (scopes.length > 0) parameters.push(`scope="${scopes.join(" ")}"`);
    // A call without a token is told nothing but how to get one (RFC 6750 §3.1).
    if (this.code !== "token_required")
      parameters.push(`error="${this.code}"`, `error_description="${this.message}"`);
    const scheme = byDpop ? `DPoP algs="${DPOP_ALGORITHMS.join(" ")}", ` : "Bearer ";
    const headers = { ...this.headers, "www-authenticate": scheme + parameters.join(", ") };
    const scope = this.code === "insufficient_scope" ? scopes.join(" ") : undefined;
    return new Refusal(this.code, this.message, { reason: this.reason, scope, headers, cause: this.cause });
  }
}

const token = (description: string, reason: Reason = "invalid_token") =>
  new Refusal("invalid_token", description, { reason });

export const noToken = () => new Refusal("token_required", "send an access token in the Authorization header");
export const malformed = (description: string) => new Refusal("invalid_request", description);
export const notOurs = () => token("the token is not an access token of this issuer");
export const expired = () => token("the token has expired");
export const otherAudience = () => token("the token is for another API");
export const keyMismatch = () =>
  token("a token that is bound to a key comes as DPoP with a proof, and any other as Bearer");
export const appNotInUse = () => token("the app is not in use", "invalid_client");
export const takenBack = () => token("access was taken back", "consent_revoked");
/** Introspection does not tell the two apart. */
export const inactive = () => token("access was taken back, or the app is not in use");
export const noSuchUser = () => token("the user is not known any more", "invalid_user");
export const badProof = (what: string) => new Refusal("invalid_dpop_proof", `the DPoP proof ${what}`);
export const scopeMissing = () =>
  new Refusal("insufficient_scope", "the token lacks a scope that this needs: ask the user for it");
export const userNeeded = () =>
  new Refusal("insufficient_scope", "this needs a token that a user agreed to, and this one is the app's own");
export const appNeeded = () =>
  new Refusal("insufficient_scope", "this needs a token of the app's own, and this one is a user's");
export const unavailable = (cause: unknown) =>
  new Refusal("temporarily_unavailable", "the token cannot be checked now: try again", {
    headers: { "retry-after": "1" },
    cause,
  });
