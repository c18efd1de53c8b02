/**
 * For apps that keep no secret: pages in the browser, and programs on their users' devices.
 * @module
 */
import * as oauth from "oauth4webapi";
import { Core } from "./core.js";
import type { ClientOptions } from "./settings.js";

/** A public app of one user: PKCE is all its proof, and there is no place for a secret. */
export class LatchkeyClient extends Core {
  /** @throws {ConfigurationError} an option is missing, not safe, or a secret */
  constructor(options: ClientOptions) {
    super(options, oauth.None());
  }
}

export type { ApiCallOptions } from "./api.js";
export type { AuthorizationOptions, SignIn } from "./core.js";
export {
  ApiError,
  type ApiProblem,
  AuthorizationError,
  CallbackError,
  ConfigurationError,
  LatchkeyError,
  SignInRequiredError,
  StepUpError,
  TokenError,
  UnavailableError,
} from "./errors.js";
export type { ClientOptions } from "./settings.js";
export {
  type ClientStorage,
  type ItemStore,
  itemStorage,
  type KeyValueStore,
  kvStorage,
  memoryStorage,
} from "./storage.js";
export type { Tokens } from "./tokens.js";
