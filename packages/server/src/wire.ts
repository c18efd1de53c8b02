/**
 * Requests to Latchkey.
 * @module
 */
import { isWorker } from "./platform.js";
import type { Settings } from "./settings.js";

const TIMEOUT = 5_000;

/**
 * The text of a 200. Redirects are not followed: a credential or a token may be on board.
 * @param init `most` in bytes; `patience` in milliseconds, beyond the usual; `until` ends it
 * @throws {unknown} whatever went wrong
 */
export async function ask(
  { fetch }: Settings,
  url: string,
  init: {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    most: number;
    patience?: number;
    until?: AbortSignal;
  },
): Promise<string> {
  const { most, patience = 0, until, ...request } = init;
  const late = AbortSignal.timeout(TIMEOUT + patience);
  const signal = until ? AbortSignal.any([late, until]) : late;
  const answer = await fetch(url, { redirect: "manual", signal, ...request });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`${new URL(url).pathname} answered with status ${answer.status}`);
  }
  return readAll(answer, most);
}

async function readAll(answer: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = answer.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    length += part.value.length;
    if (length > most) {
      await reader?.cancel();
      throw new Error("the answer is too long");
    }
    parts.push(part.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** A JSON object. */
export async function askForObject(
  settings: Settings,
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Record<string, unknown>> {
  const headers = { accept: "application/json", ...init.headers };
  const value: unknown = JSON.parse(await ask(settings, url, { ...init, headers, most: 256 * 1024 }));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("the answer is no object");
  return value as Record<string, unknown>;
}

/** However many ask at a time, one asks. */
export function once<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    if (running && !isWorker()) return running;
    const own = run().finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  };
}
