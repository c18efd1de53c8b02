/**
 * HTTP Basic, as OAuth has it.
 * @module
 */

/** Both parts are form-encoded before they are joined (RFC 6749 §2.3.1). */
export function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }): string {
  const encode = (part: string) => new URLSearchParams([["", part]]).toString().slice(1);
  return `Basic ${btoa(`${encode(clientId)}:${encode(clientSecret)}`)}`;
}
