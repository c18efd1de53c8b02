/**
 * What comes back from the authorization server.
 * @module
 */
import { CallbackError, ConfigurationError } from "./errors.js";
import { parseUrl } from "./settings.js";

const OURS = ["code", "state", "iss", "error", "error_description", "error_uri"];

/**
 * The parameters of a callback; without one, of the address of the page, from which they are taken out: neither history
 * nor a `Referer` keeps the code.
 * @throws {CallbackError} `malformed`: one of them is there twice
 */
export function callbackParameters(callback: string | URL | URLSearchParams | undefined): URLSearchParams {
  const parameters = callback === undefined ? takenFromThePage() : parametersOf(callback);
  for (const name of OURS)
    if (parameters.getAll(name).length > 1) throw new CallbackError("malformed", `The callback has ${name} twice.`);
  return parameters;
}

function parametersOf(callback: string | URL | URLSearchParams): URLSearchParams {
  if (callback instanceof URLSearchParams) return callback;
  const url = parseUrl(String(callback));
  if (!url) throw new CallbackError("malformed", "The callback is no address.");
  return url.searchParams;
}

function takenFromThePage(): URLSearchParams {
  if (typeof location === "undefined" || typeof history === "undefined")
    throw new ConfigurationError("Outside a page, exchangeCodeForTokens needs the address that was called.");
  const address = new URL(location.href);
  const parameters = new URLSearchParams(address.search);
  for (const name of OURS) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
  return parameters;
}
