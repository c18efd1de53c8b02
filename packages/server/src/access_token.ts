/**
 * What an access token says (RFC 9068 §2.2), beside what every JWT does.
 * @module
 */

/** The claims that a guard goes by. */
export interface AccessToken {
  sub: string;
  clientId: string;
  developerId: string;
  jti: string;
  scopes: string[];
  /** Always `third_party`. */
  appType: string;
  /** In seconds. */
  issuedAt: number;
  /** In seconds. */
  expiresAt: number;
  /** The thumbprint of the key it is bound to (RFC 9449 §6.1). */
  boundTo: string | undefined;
  /** The app's epoch when it was issued. */
  appEpoch: number;
  /** What it was issued under, if it speaks for a user. */
  family: { shard: number; family: string; consent: string } | undefined;
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Reads the claims of a token whose signature is good; undefined: they are none of Latchkey's. */
export function accessToken(claims: Record<string, unknown>): AccessToken | undefined {
  const { sub, client_id, developer_id, jti, scope, app_type, iat, exp, cnf, latchkey } = claims;
  if (!isText(sub) || !isText(client_id) || !isText(developer_id) || !isText(jti) || !isText(app_type)) return undefined;
  if (typeof scope !== "string" || !isCount(iat) || !isCount(exp) || !isObject(latchkey)) return undefined;
  const family = familyOf(latchkey);
  if (family === null || !isCount(latchkey["app_epoch"])) return undefined;
  // Which of the two a token is, its reference says; its subject must say the same.
  if ((family === undefined) !== (sub === client_id)) return undefined;
  if (cnf !== undefined && !(isObject(cnf) && isText(cnf["jkt"]))) return undefined;
  return {
    sub,
    clientId: client_id,
    developerId: developer_id,
    jti,
    scopes: words(scope),
    appType: app_type,
    issuedAt: iat,
    expiresAt: exp,
    boundTo: cnf === undefined ? undefined : (cnf as { jkt: string }).jkt,
    appEpoch: latchkey["app_epoch"] as number,
    family,
  };
}

/** What the guard says of the token it has checked, as far as contexts need it. */
export type Caller = Pick<
  AccessToken,
  "sub" | "clientId" | "developerId" | "scopes" | "appType" | "issuedAt" | "expiresAt"
> & { consent: string | undefined };

/** Reads the claims of a guard's identity JWT whose signature is good; undefined: they are none. */
export function callerOf(claims: Record<string, unknown>): Caller | undefined {
  const { sub, subject_type, client_id, developer_id, scope, consent_id, token_issued_at, token_expires_at } = claims;
  if (!isText(sub) || !isText(client_id) || !isText(developer_id) || typeof scope !== "string") return undefined;
  if (!isCount(token_issued_at) || !isCount(token_expires_at)) return undefined;
  const isUsers = subject_type === "user" && isText(consent_id) && sub !== client_id;
  const isApps = subject_type === "client" && consent_id === undefined && sub === client_id;
  if (!isUsers && !isApps) return undefined;
  return {
    sub,
    clientId: client_id,
    developerId: developer_id,
    scopes: words(scope),
    appType: "third_party",
    issuedAt: token_issued_at,
    expiresAt: token_expires_at,
    consent: isUsers ? consent_id : undefined,
  };
}

const words = (scope: string) => scope.split(" ").filter(Boolean);

/** All of its parts, or none: the app's own token. null: broken. */
function familyOf({ shard, family, consent }: Record<string, unknown>): AccessToken["family"] | null {
  if (shard === undefined && family === undefined && consent === undefined) return undefined;
  return isCount(shard) && isText(family) && isText(consent) ? { shard, family, consent } : null;
}
