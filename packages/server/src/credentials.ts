/**
 * The token that a call shows.
 * @module
 */
import { malformed, noToken } from "./refusal.js";

/** As much of a call as a guard reads. A standard `Request` is one. */
export interface Call {
  method: string;
  /** With or without its origin. */
  url: string;
  /** Headers that came more than once are joined by commas, as the standard `Headers` do. */
  headers: { get(name: string): string | null };
}

/** A token and how it is shown. */
export interface Credentials {
  byDpop: boolean;
  token: string;
}

/** In letters. */
const MAX_HEADER = 16 * 1024;

/**
 * Reads the `Authorization` header, the scheme's name in any case (RFC 9110 §11.1). A token in the query is refused, because
 * queries are logged (OAuth 2.1 §5.1.2); so are two tokens, which a header with a comma is.
 * @throws {Refusal}
 */
export function readCredentials(call: Call): Credentials {
  if (queryOf(call.url).has("access_token"))
    throw malformed("send the token in the Authorization header, not in the query");
  const header = call.headers.get("authorization")?.trim() ?? "";
  if (header.length > MAX_HEADER) throw malformed("the Authorization header is too long");
  const space = header.indexOf(" ");
  const scheme = (space < 0 ? header : header.slice(0, space)).toLowerCase();
  // Another scheme says nothing that is understood here (RFC 6750 §3.1).
  if (scheme !== "bearer" && scheme !== "dpop") throw noToken();
  const token = space < 0 ? "" : header.slice(space).trimStart();
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) throw malformed("the Authorization header must hold one token");
  return { byDpop: scheme === "dpop", token };
}

function queryOf(url: string): URLSearchParams {
  const [address = ""] = url.split("#", 1);
  const mark = address.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : address.slice(mark + 1));
}
