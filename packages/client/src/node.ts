/**
 * For programs in Node: a file to keep tokens in.
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ClientStorage } from "./storage.js";

/**
 * A file that only its owner reads. One program at a time: two would overwrite each other's changes. Where the system
 * has a place for secrets (a keychain), that is the better one.
 */
export function fileStorage(file: string): ClientStorage {
  let last: Promise<unknown> = Promise.resolve();

  async function all(): Promise<Record<string, string>> {
    try {
      const values: unknown = JSON.parse(await readFile(file, "utf8"));
      const isRecord = typeof values === "object" && values !== null && !Array.isArray(values);
      return isRecord ? (values as Record<string, string>) : {};
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return {};
      throw error;
    }
  }

  /** Written beside it and moved: a crash leaves the old file or the new one. */
  function change(edit: (values: Record<string, string>) => void): Promise<void> {
    const next = last.then(async () => {
      const values = await all();
      edit(values);
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      const beside = `${file}.${randomUUID()}`;
      try {
        await writeFile(beside, JSON.stringify(values), { mode: 0o600, flush: true });
        await rename(beside, file);
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
    });
    last = next.catch(() => undefined);
    return next;
  }

  return {
    get: async (key) => (await last, (await all())[key]),
    set: (key, value) => change((values) => void (values[key] = value)),
    delete: (key) => change((values) => void delete values[key]),
  };
}
