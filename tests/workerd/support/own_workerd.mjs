// One Worker in a workerd of its own, with no wrangler in between: its port leads straight to the Worker, and its
// process can be measured, killed, and started again on what it has kept.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as workerOptionsOf, unstable_readConfig as readWranglerConfig } from "wrangler";

// No look-ups on the internet when workerd starts.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";

const NAME = "worker";

// `config` is a wrangler.toml, `entry` the module it names, already built, with all it imports in `directory`;
// `vars` are its variables and secrets; KV, D1 and Durable Objects are kept in `home`. `quiet`: what the Worker
// logs is printed nowhere. `port`: where it listens, if not at any that is free. `outbound` answers what it fetches.
export async function startOwnWorkerd({ config, directory, entry, vars = {}, home, quiet = false, port = 0, outbound }) {
  const { modulesRules: _, ...workerOptions } = workerOptionsOf(readConfig(config)).workerOptions;
  const wasm = (await readdir(directory)).filter((file) => file.endsWith(".wasm"));
  const worker = {
    ...workerOptions,
    name: NAME,
    rootPath: directory,
    modulesRoot: directory,
    modules: [
      { type: "ESModule", path: entry },
      ...wasm.map((file) => ({ type: "CompiledWasm", path: path.join(directory, file) })),
    ],
    bindings: { ...workerOptions.bindings, ...vars },
    unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    ...(outbound && { outboundService: outbound }),
  };
  const options = convertV4MiniflareOptions({
    log: new Log(LogLevel.ERROR),
    workers: [worker],
    ...(quiet && { handleStructuredLogs: () => {} }),
  });
  const others = await workerdProcesses();
  const miniflare = new Miniflare({ ...options, resourcePersistencePath: home });
  await miniflare.ready;
  const url = await miniflare.unsafeGetDirectURL(NAME);
  const pid = (await workerdProcesses()).find((one) => !others.includes(one));
  return new OwnWorkerd(miniflare, Number(url.port), pid);
}

// The secrets are among the `vars` here, so nobody need look for them elsewhere.
const readConfig = (config) => ({ ...readWranglerConfig({ config }, { hideWarnings: true }), secrets: undefined });

class OwnWorkerd {
  #miniflare;
  #agent = new http.Agent({ keepAlive: true });

  constructor(miniflare, port, pid) {
    this.#miniflare = miniflare;
    this.port = port;
    this.pid = pid;
  }

  env() {
    return this.#miniflare.getBindings(NAME);
  }

  // As the Worker's own `fetch`, for any host name: what the URL says goes into the Host header.
  async fetch(url, { method = "GET", headers = [], body } = {}) {
    const { host, pathname, search } = splitUrl(url);
    const flat = [["host", host], ...headers, ...(body ? [["content-length", Buffer.byteLength(body)]] : [])];
    const answer = await new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.port, agent: this.#agent, method, path: pathname + search };
      http
        .request({ ...options, headers: flat.flat() }, (incoming) => {
          const chunks = [];
          incoming.on("data", (chunk) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => resolve({ incoming, body: Buffer.concat(chunks) }));
        })
        .on("error", reject)
        .end(body);
    });
    const { rawHeaders, statusCode } = answer.incoming;
    const pairs = rawHeaders.flatMap((name, at) => (at % 2 ? [] : [[name, rawHeaders[at + 1]]]));
    return new Response([204, 304].includes(statusCode) ? null : answer.body, { status: statusCode, headers: pairs });
  }

  // As a power cut would, but for the disk's own cache.
  kill() {
    process.kill(this.pid, "SIGKILL");
  }

  async stop() {
    this.#agent.destroy();
    await this.#miniflare.dispose();
  }
}

const splitUrl = (url) => {
  const [, host, rest] = /^https?:\/\/([^/?]+)(.*)$/.exec(String(url));
  const at = rest.indexOf("?");
  return { host, pathname: (at < 0 ? rest : rest.slice(0, at)) || "/", search: at < 0 ? "" : rest.slice(at) };
};

// This process's own. Not every Linux has `ps`, and nothing else has /proc.
async function workerdProcesses() {
  const rows = existsSync("/proc/self/stat") ? await rowsOfProc() : await rowsOfPs();
  return rows
    .filter(([, parent, name]) => Number(parent) === process.pid && path.basename(name ?? "") === "workerd")
    .map(([pid]) => Number(pid));
}

async function rowsOfProc() {
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  // One may end while it is looked at.
  const stats = await Promise.all(numbers.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return stats.flatMap((stat) => {
    const [, pid, name, parent] = /^(\d+) \((.*)\) \S (\d+)/.exec(stat) ?? [];
    return pid ? [[pid, parent, name]] : [];
  });
}

async function rowsOfPs() {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,comm="]);
  return stdout.split("\n").map((line) => line.trim().split(/\s+/));
}
