/**
 * Token introspection (RFC 7662): what a token is good for at this moment.
 * @module
 */
import type { AccessToken } from "./access_token.js";
import { basic } from "./basic.js";
import type { Issuer } from "./issuer.js";
import type { Settings } from "./settings.js";
import { askForObject } from "./wire.js";

/**
 * The scopes of a token as they are now, at this API; undefined: it is not good any more.
 * @throws {unknown} there is no usable answer
 */
export async function introspect(
  settings: Settings,
  issuer: Issuer,
  credential: { clientId: string; clientSecret: string },
  text: string,
  token: AccessToken,
): Promise<string[] | undefined> {
  const { introspectionEndpoint } = await issuer.metadata();
  const { active, sub, client_id, scope } = await askForObject(settings, introspectionEndpoint, {
    method: "POST",
    headers: { authorization: basic(credential), "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token: text, token_type_hint: "access_token" }).toString(),
  });
  if (active === false) return undefined;
  // Anything else than an answer about this token is a fault, and no permission.
  if (active !== true || sub !== token.sub || client_id !== token.clientId || typeof scope !== "string")
    throw new Error("introspection's answer is about another token");
  return scope.split(" ").filter(Boolean);
}
