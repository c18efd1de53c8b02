/**
 * One call to the platform's API: where it may go, what it carries, and what the answer means.
 * @module
 */
import * as oauth from "oauth4webapi";
import { printable, retryAfter } from "./authorization_server.js";
import { ApiError, type ApiProblem, ConfigurationError, StepUpError, UnavailableError } from "./errors.js";
import { isLoopback, parseUrl, type Settings } from "./settings.js";

/** As `fetch` takes them, and no more. */
export interface ApiCallOptions {
  /** `GET` without a body, else `POST`. */
  method?: string;
  /** `Authorization` and `DPoP` are not the caller's to set, and are left out. */
  headers?: HeadersInit;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. A stream cannot be sent again after a 401. */
  body?: BodyInit;
  /** Ends the call; without one it lasts as long as the API takes. */
  signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read, and what its `WWW-Authenticate` asks for. */
export interface ApiAnswer {
  response: Response;
  challenges: oauth.WWWAuthenticateChallenge[];
}

const NOT_THE_CALLERS = ["authorization", "dpop"];

/**
 * @param path below the API's address; a whole address if it is below it too
 * @throws {ConfigurationError} the path leads elsewhere
 */
export function apiAddress(api: URL, path: string): URL {
  const base = `${api.href.replace(/\/+$/, "")}/`;
  const whole = /^[a-z][a-z\d+.-]*:/i.test(path) ? path : base + path.replace(/^\//, "");
  const url = parseUrl(whole);
  const below = url?.origin === api.origin && `${url.pathname}/`.startsWith(new URL(base).pathname);
  if (!url || !below || url.username || url.password) throw new ConfigurationError("The path leads away from the API.");
  return url;
}

/**
 * Sends it. Redirects are not followed: the token is for this API alone.
 * @throws {UnavailableError} no answer
 * @throws {unknown} the reason of `signal`, when it was aborted
 */
export async function send(
  { fetch, api }: Settings,
  dpop: oauth.DPoPHandle | undefined,
  accessToken: string,
  url: URL,
  { method, headers: given, json, body: raw, signal }: ApiCallOptions,
): Promise<ApiAnswer> {
  const headers = new Headers(given);
  for (const name of NOT_THE_CALLERS) headers.delete(name);
  if (!headers.has("accept")) headers.set("accept", "application/json");
  if (json !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
  const body = json === undefined ? (raw ?? null) : JSON.stringify(json);
  const verb = method ?? (body === null ? "GET" : "POST");
  let nonceWasTold = false;
  const attempt = async (): Promise<ApiAnswer> => {
    try {
      const options = {
        [oauth.customFetch]: (address: string, init: object) => fetch(address, init as RequestInit),
        [oauth.allowInsecureRequests]: isLoopback(api),
        ...(signal && { signal }),
        ...(dpop && { DPoP: dpop }),
      };
      const response = await oauth.protectedResourceRequest(
        accessToken,
        verb,
        url,
        headers,
        body as oauth.ProtectedResourceRequestBody,
        options,
      );
      return { response, challenges: [] };
    } catch (error) {
      if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
      if (dpop && oauth.isDPoPNonceError(error) && !nonceWasTold) {
        nonceWasTold = true;
        return attempt();
      }
      return { response: error.response, challenges: error.cause };
    }
  };
  try {
    return await attempt();
  } catch (error) {
    throw noAnswer(error, signal);
  }
}

/** What a caller who gave up said, else that there is no answer. */
function noAnswer(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted ? error : new UnavailableError("The API", (error as Error).name);
}

/**
 * What the API said: JSON, else text, else undefined.
 * @param accessToken taken out of an error that repeats it: errors are what people log
 * @throws {ApiError | StepUpError}
 * @throws {UnavailableError} the answer broke off
 */
export async function read(
  { response, challenges }: ApiAnswer,
  accessToken: string,
  { signal }: ApiCallOptions,
): Promise<unknown> {
  const text = await response.text().catch((error: unknown) => Promise.reject(noAnswer(error, signal)));
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(response.headers.get("content-type") ?? "");
  const meaning = (words: string) => (isJson ? parsed(words) : words === "" ? undefined : words);
  const body = meaning(text);
  if (response.ok && !(isJson && text !== "" && body === undefined)) return body;
  const problem = problemOf(response, meaning(text.replaceAll(accessToken, "[token]")));
  throw stepUp(problem, challenges) ?? new ApiError(problem);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members of problem documents (RFC 9457), and those of OAuth's own errors. */
function problemOf(response: Response, body: unknown): ApiProblem {
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const word = (...names: string[]) => names.map((name) => members[name]).find((value) => typeof value === "string");
  // A redirect, which browsers hide, has the status 0 there.
  const code = response.ok ? "not_json" : `http_${response.status}`;
  const described = word("error_description", "detail", "message", "title") as string | undefined;
  return {
    status: response.status,
    code: printable((word("error", "code", "type") as string | undefined) ?? code),
    description: described === undefined ? undefined : printable(described),
    body,
    retryAfter: retryAfter(response),
  };
}

function stepUp(problem: ApiProblem, challenges: oauth.WWWAuthenticateChallenge[]): StepUpError | undefined {
  for (const { scheme, parameters } of challenges) {
    const { error, scope = "", max_age: age } = parameters as Record<string, string>;
    if (!["bearer", "dpop"].includes(scheme)) continue;
    if (error !== "insufficient_scope" && error !== "insufficient_user_authentication") continue;
    const maxAge = age !== undefined && /^\d{1,9}$/.test(age) ? Number(age) : undefined;
    return new StepUpError({ ...problem, code: error }, scope.split(" ").filter(Boolean), maxAge);
  }
  return undefined;
}
