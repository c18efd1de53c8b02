// The local platform of `make dev` on free ports, with a state of its own: once for all test files of this process.
// Only Latchkey's storage can be made to fail (see ../../workerd/support/faults/plan.mjs).
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after } from "node:test";
import { ROOT, startPlatform } from "../../../tools/local-platform.mjs";
import { stopAll } from "../../../tools/processes.mjs";
import { freePorts } from "../../workerd/support/free_ports.mjs";
import { entryModule } from "../../workerd/support/worker_directory.mjs";

export const HOME = path.join(ROOT, ".local", "browser-tests");

// Where everything is, once it answers: { issuer, resource, partner, clients }.
export const platform = await begin();

async function begin() {
  await rm(HOME, { recursive: true, force: true });
  await mkdir(HOME, { recursive: true });
  const log = createWriteStream(path.join(HOME, "workers.log"));
  const write = (...words) => log.write(`${words.join(" | ")}\n`);
  const [issuer, resource, partner, signIn, ...inspectorPorts] = await freePorts(8);
  const addresses = {
    issuer: `http://localhost:${issuer}`,
    resource: `http://localhost:${resource}`,
    partner: `http://127.0.0.1:${partner}`,
    signIn: `http://127.0.0.1:${signIn}`,
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.once(signal, () => stopAll().then(() => process.exit(130)));
  after(stopAll);
  try {
    const latchkey = await builtWorker();
    const { description } = await startPlatform({
      home: HOME,
      addresses,
      inspectorPorts,
      latchkey,
      say: write,
      show: write,
    });
    return { ...addresses, clients: description.clients };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

// The built Worker apart from build/, so that nothing rebuilds or replaces it while the tests run.
async function builtWorker() {
  const folder = path.join(HOME, "latchkey");
  const faults = "tests/workerd/support/faults";
  for (const part of ["build", "migrations", faults])
    await cp(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  await writeFile(path.join(folder, "main.mjs"), entryModule("build"));
  const text = await readFile(path.join(ROOT, "wrangler.toml"), "utf8");
  const config = path.join(folder, "wrangler.toml");
  const withoutBuild = text.replace(/^\[build\]\n(?:[^[].*\n)*/m, "").replace(/^main = .*$/m, 'main = "main.mjs"');
  assert.doesNotMatch(withoutBuild, /^(command|watch_dir) =|shim/m);
  await writeFile(config, withoutBuild);
  return config;
}
