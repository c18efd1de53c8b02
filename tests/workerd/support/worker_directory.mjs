// Puts the built worker behind the fault-injecting entry module, in a directory that workerd loads as it is.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import { unstable_readConfig as readConfig } from "wrangler";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const configPath = path.join(root, "wrangler.toml");

// For a module beside this repository's folders.
export const entryModule = (folder) => `
import Built, { CallCounter as BuiltCounter, Keyring as BuiltKeyring, RevocationFeed as BuiltFeed, RevocationLedger as BuiltLedger } from "./${folder}/index.js";
import { withFaults } from "./tests/workerd/support/faults/entrypoint.mjs";
import { withinReach } from "./tests/workerd/support/faults/objects.mjs";
export * from "./${folder}/index.js";
export const RevocationLedger = withinReach(BuiltLedger);
export const Keyring = withinReach(BuiltKeyring);
export const RevocationFeed = withinReach(BuiltFeed);
export const CallCounter = withinReach(BuiltCounter);
export default withFaults(Built);
`;

// The build in `folder`; { directory, entry, config, remove() }
export async function assembleWorker(folder = "build") {
  const config = readConfig({ config: configPath }, { hideWarnings: true });
  const directory = await mkdtemp(path.join(tmpdir(), "latchkey-tests-"));
  // Wrangler looks for this name in a prebuilt directory.
  const entry = path.join(directory, `${path.parse(config.main).name}.js`);
  await esbuild.build({
    stdin: { contents: entryModule(folder), resolveDir: root },
    outfile: entry,
    bundle: true,
    format: "esm",
    external: ["cloudflare:*", "*.wasm"],
    logLevel: "warning",
  });
  const build = path.join(root, folder);
  await cp(build, directory, { recursive: true, filter: (file) => file === build || file.endsWith(".wasm") });
  return { directory, entry, config, remove: () => rm(directory, { recursive: true, force: true }) };
}
