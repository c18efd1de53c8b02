import { rename, writeFile } from "node:fs/promises";
import { CallbackError, LatchkeyClient } from "@latchkey/client";
import { listen } from "./loopback.js";

const SCOPES = ["read:projects", "write:projects"];

/** What the app on the phone does. It has no secret: what is shipped to everybody is none. */
export class Phone {
  /**
   * @param {object} parts
   * @param {string} parts.issuer
   * @param {string} parts.api
   * @param {string} parts.clientId
   * @param {string} [parts.link] the redirect URI that the system hands to this app
   * @param {import('@latchkey/client').ClientStorage} parts.storage
   * @param {string} parts.file the local copy of the projects
   * @param {typeof fetch} [parts.send]
   * @param {(text: string) => void} parts.print
   * @param {(url: string) => Promise<unknown>} parts.open opens the system's browser
   */
  constructor({ issuer, api, clientId, link, storage, file, send, print, open }) {
    Object.assign(this, { file, print, open });
    this.latchkey = new LatchkeyClient({
      issuer,
      api,
      clientId,
      redirectUri: link,
      scopes: SCOPES,
      storage,
      fetch: send,
    });
  }

  /** As an app on a desktop does it: the browser comes back to a port of this machine. */
  async connect() {
    const loopback = await listen();
    try {
      const url = await this.latchkey.getAuthorizationUrl({ redirectUri: loopback.redirectUri });
      await Promise.all([loopback.wait((address) => this.#take(address)), this.#show(url)]);
    } finally {
      loopback.close();
    }
    this.print("Connected.");
  }

  /** As an app on a phone does it. The answer is a link, and may find the app ended and begun anew. */
  async connectByLink() {
    await this.#show(await this.latchkey.getAuthorizationUrl());
  }

  /** @param {string} address */
  async openLink(address) {
    await this.latchkey.exchangeCodeForTokens(address);
    this.print("Connected.");
  }

  /** Fetches all projects, page by page, and then replaces the local copy. */
  async sync() {
    const projects = [];
    let cursor;
    do {
      const page = await this.latchkey.apiCall(
        `/projects?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      );
      projects.push(...page.projects);
      cursor = page.next_cursor;
    } while (cursor);
    await writeFile(`${this.file}.new`, JSON.stringify(projects, null, 2), { mode: 0o600 });
    await rename(`${this.file}.new`, this.file);
    for (const { name, tasks } of projects) this.print(line(name, tasks));
    this.print(projects.length === 1 ? "1 project." : `${projects.length} projects.`);
  }

  /** @param {string} name */
  async add(name) {
    const project = await this.latchkey.apiCall("/projects", { json: { name } });
    this.print(`Added ${printable(project.name)}.`);
  }

  async disconnect() {
    const { revoked } = await this.latchkey.signOut();
    this.print(
      revoked ? "Disconnected." : "Forgotten here. The platform did not answer: disconnect the app there, too.",
    );
  }

  async #show(url) {
    this.print(`Continue in your browser:\n\n  ${url}\n`);
    await this.open(url);
  }

  /** Undefined for a callback that this app has not asked for. */
  async #take(address) {
    try {
      return await this.latchkey.exchangeCodeForTokens(address);
    } catch (error) {
      if (error instanceof CallbackError) return undefined;
      throw error;
    }
  }
}

const WIDTH = 10;

function line(name, tasks) {
  const done = tasks.filter((task) => task.done).length;
  const filled = tasks.length === 0 ? 0 : Math.round((WIDTH * done) / tasks.length);
  const count = tasks.length > 0 ? ` (${done} of ${tasks.length})` : "";
  return `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}  ${printable(name)}${count}`;
}

/** A name must not move the cursor of a terminal. */
const printable = (text) => text.replace(/\p{C}/gu, "�");
