/**
 * Everything this package throws. None of these errors holds a token, a code, a verifier or a secret, so each may be
 * logged as it is.
 * @module
 */

/** The class all of them share. `code` is for programs, `message` for people who debug. */
export class LatchkeyError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  // Said and not taken from the class, which a bundler renames.
  static {
    this.prototype.name = "LatchkeyError";
  }
}

/** The package is used in a way that cannot work or would not be safe: an option, a redirect URI, an address. */
export class ConfigurationError extends LatchkeyError {
  constructor(message: string) {
    super("configuration", message);
  }

  static {
    this.prototype.name = "ConfigurationError";
  }
}

/**
 * A callback that answers no request of this session: forged, sent twice, too late, or from another server.
 * - `unknown_state`: no flow of this session has this state, or it was answered already
 * - `expired`: the flow began too long ago
 * - `wrong_issuer`: `iss` is missing or names another server (RFC 9207 §2.4)
 * - `malformed`: no code, or a parameter sent twice
 */
export class CallbackError extends LatchkeyError {
  constructor(code: "unknown_state" | "expired" | "wrong_issuer" | "malformed", message: string) {
    super(code, message);
  }

  static {
    this.prototype.name = "CallbackError";
  }
}

/**
 * The server answered the authorization request with an error (RFC 6749 §4.1.2.1). `code` is the standard's: most often
 * `access_denied`, because the user said no.
 */
export class AuthorizationError extends LatchkeyError {
  readonly description: string | undefined;
  /** What was to be remembered with the flow. */
  readonly appState: string | undefined;

  constructor(code: string, description: string | undefined, appState: string | undefined) {
    super(code, `The authorization request was answered with ${code}${description ? `: ${description}` : ""}.`);
    this.description = description;
    this.appState = appState;
  }

  static {
    this.prototype.name = "AuthorizationError";
  }
}

/** The token or revocation endpoint refused (RFC 6749 §5.2); asking again would not help. */
export class TokenError extends LatchkeyError {
  readonly status: number;
  readonly description: string | undefined;

  constructor(code: string, status: number, description = "") {
    super(code, `The server refused with ${code}${description && `: ${description}`}.`);
    this.status = status;
    this.description = description || undefined;
  }

  static {
    this.prototype.name = "TokenError";
  }
}

/**
 * The user has to sign in (again): there are no tokens, they have expired, or the access was taken back.
 * - `no_tokens`, `expired`: nothing more to refresh with
 * - `invalid_grant`: the server refused the refresh token, and the tokens here are deleted
 */
export class SignInRequiredError extends LatchkeyError {
  constructor(code: "no_tokens" | "expired" | "invalid_grant") {
    super(code, "The user has to sign in.");
  }

  static {
    this.prototype.name = "SignInRequiredError";
  }
}

/**
 * No answer, or none that makes sense, also after the tries that are safe. A refresh loses nothing by it; a code is
 * lost, and whether an API has acted is not known. `retryAfter`: seconds the server asked to wait.
 */
export class UnavailableError extends LatchkeyError {
  readonly retryAfter: number | undefined;

  constructor(what: string, reason: string, retryAfter?: number) {
    super("unavailable", `${what} gave no usable answer (${reason}).`);
    this.retryAfter = retryAfter;
  }

  static {
    this.prototype.name = "UnavailableError";
  }
}

/** What an {@link ApiError} is made of. */
export interface ApiProblem {
  status: number;
  code: string;
  description: string | undefined;
  /** The answer: JSON, else text, else undefined. */
  body: unknown;
  retryAfter: number | undefined;
}

/**
 * The API answered with an error. `code` is its `error`, else its problem's `type` (RFC 9457), else `http_<status>`.
 */
export class ApiError extends LatchkeyError {
  readonly status: number;
  readonly description: string | undefined;
  readonly body: unknown;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | undefined;

  constructor({ status, code, description, body, retryAfter }: ApiProblem) {
    super(code, `The API answered ${status} (${code})${description ? `: ${description}` : ""}.`);
    this.status = status;
    this.description = description;
    this.body = body;
    this.retryAfter = retryAfter;
    // Bodies are the user's data and stay out of logs that print errors with their properties.
    Object.defineProperty(this, "body", { enumerable: false });
  }

  static {
    this.prototype.name = "ApiError";
  }
}

/**
 * The API wants more than the user has agreed to, or a more recent sign-in. Pass it to `getAuthorizationUrl` as
 * `stepUp`.
 * - `insufficient_scope` (RFC 6750 §3.1): `scopes` are those the API named
 * - `insufficient_user_authentication` (RFC 9470 §3): `maxAge` in seconds
 */
export class StepUpError extends ApiError {
  readonly scopes: readonly string[];
  readonly maxAge: number | undefined;

  constructor(problem: ApiProblem, scopes: readonly string[], maxAge: number | undefined) {
    super(problem);
    this.scopes = scopes;
    this.maxAge = maxAge;
  }

  static {
    this.prototype.name = "StepUpError";
  }
}
